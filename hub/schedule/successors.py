"""What a booking became when it was rescheduled: the database would delete it with the booking.

Every foreign key cascades, as the customer's document has it, so whoever deletes asks here first. No
SQL text. Invariant: no deletion takes a booking along that it does not name, nor one of the people
it does not name; a successor goes first, by a deletion of its own, whatever its status.
"""

from __future__ import annotations

import orjson

from hub.db.pool import Write
from hub.errors import Conflict, Fault
from hub.rules.rows import zulu
from hub.schedule.statements import value

#: ``Conflict.code`` where a deletion would take another booking along.
HAS_SUCCESSOR = "has-successor"


async def refuse_of_booking(write: Write, id: str) -> None:
    """Raise Conflict if a booking that is held has become another."""
    _refuse(
        await value(write.conn, "booking_successors", id=id),
        "This booking was rescheduled, and what it became would be deleted with it: delete that first.",
        "was rescheduled to",
    )


async def refuse_of_user(write: Write, id: str) -> None:
    """Raise Conflict if a booking of a user who is held has become one that is others' by now."""
    await value(write.conn, "user_flights_held", id=id)
    _refuse(
        await value(write.conn, "user_successors", id=id),
        "A booking of theirs was rescheduled, and what it became is others' by now and would be "
        "deleted with it.",
        "had a booking that was rescheduled to",
    )


def _refuse(text: str, why: str, became: str) -> None:
    faults = [
        Fault(
            "",
            f"{became} {one['id']}, which departs {zulu(one['scheduled_datetime'])}"
            f" and is {one['status']}",
        )
        for one in orjson.loads(text)
    ]
    if faults:
        raise Conflict(why, faults=faults, code=HAS_SUCCESSOR)
