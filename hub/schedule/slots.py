"""Taking turns at people and aircraft, before a booking of theirs is written.

Two who write rows for one time would each find the other's unfinished row and wait for it, until
PostgreSQL breaks one of them off: 409 would come a second late, and now and then 503 in its place.
Advisory locks, since an aircraft has no row, and since locking people's rows would make whoever
renames or deletes one wait; they write nothing, and no foreign key's check meets them. Other programs
take none: with those it is as ever, and ``anew`` tries again. Invariant: whoever writes a booking that
takes up time holds the turn of all it names, as it was and as it will be, taken at once in one order.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from math import ceil

from hub.db.pool import Write
from hub.rules.rows import moment
from hub.schedule.reading import Shown
from hub.schedule.statements import run

#: What a booking takes up, as the exclusion constraints have it.
_TAKEN = ("aircraft_id", "instructor_id", "student_id")
#: Seconds of a turn. Flights that meet have an hour in common; those that cannot meet wait for nothing.
_HOUR = 3600
#: Turns of one flight at most. No request makes one that is longer, and what other programs made, they
#: made without turns.
_MOST = 48


async def hold(write: Write, *rows: Shown) -> None:
    """Wait for the turn of all that these rows take up; it is over when the transaction is.

    Hold the booking's own row, if there is one yet, before: none who has a turn may wait for a row. And
    not within a savepoint, which gives back with what it undoes the turns, too.
    """
    taken = {turn for row in rows for turn in turns(row)}
    await run(write.conn, "slots_held", taken=list(taken))


def turns(row: Shown) -> Iterator[str]:
    """The names of a booking's turns: whom or what it takes up, in each hour (UTC) that it touches."""
    at = row["scheduled_datetime"]
    departs = (at if isinstance(at, datetime) else moment(at)).timestamp()
    first = int(departs // _HOUR)
    beyond = ceil((departs + 60 * row["duration_minutes"]) / _HOUR)
    for hour in range(first, min(beyond, first + _MOST)):
        for what in _TAKEN:
            if row[what] is not None:
                yield f"{what} {row[what]} {hour}"
