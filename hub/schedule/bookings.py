"""Bookings: who is shown which, and every way to make, change and delete one.

Each write is one transaction: find the row as the asker may see it, lock it, judge rights, version
and status on what is locked, write. No HTTP, no SQL text. Invariant: a row is never judged in one
state and written in another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from hub.db.pool import Write, reading, writing
from hub.errors import Conflict, Fault, HubError, Invalid, NotFound
from hub.rules.access import Principal
from hub.rules.deadline import BEFORE_DEPARTURE
from hub.rules.filters import BookingFilter
from hub.rules.rows import present, zulu
from hub.rules.status import MOVES, may_move
from hub.schedule import once, rights, slots, successors
from hub.schedule.anew import begun_anew
from hub.schedule.drafts import BookingDraft, BookingPatch
from hub.schedule.once import Key, Written
from hub.schedule.reading import (
    One,
    Place,
    Shown,
    WrittenPage,
    audience_of,
    person,
    read_written_page,
)
from hub.schedule.rescheduling import forget, hand_over
from hub.schedule.statements import run, run_together, value
from hub.schedule.telling import both
from hub.schedule.version import ANY, Expected, encode

if TYPE_CHECKING:
    from hub.db.pool import Pool

_NOBODY = "No such booking, or none of yours."


async def page(
    pool: Pool, who: Principal, within: BookingFilter, after: Place, most: int
) -> WrittenPage:
    """The bookings that ``who`` may see and the filter lets through, in order of time and id."""
    mine = person(audience_of(who, "bookings"))
    when: dict[str, Any] = {
        "since": within.since,
        "until": within.until,
        "after_time": after.time,
        "after_id": after.id,
    }
    narrow = {
        "status": within.status,
        "aircraft_id": within.aircraft_id,
        "airport": within.airport,
    }
    query, given = "bookings_page", when
    if somebody := mine or within.student_id or within.instructor_id:
        people = {"student_id": within.student_id, "instructor_id": within.instructor_id}
        query, given = "bookings_page_of", when | narrow | people | {"person": somebody}
    elif any(value is not None for value in narrow.values()):
        query, given = "bookings_page_narrowed", when | narrow
    return await read_written_page(pool, query, "bookings", most=most, **given)


@dataclass(frozen=True, slots=True)
class Linked(One):
    """A booking, and the ids of what it was rescheduled from and to, as far as the reader sees them."""

    original: str | None
    successors: tuple[str, ...]


async def one(pool: Pool, who: Principal, id: str) -> Linked:
    """One booking. Raises NotFound if there is none that ``who`` may see."""
    mine = person(audience_of(who, "bookings"))
    found = await run_together(pool, "bookings_each", id=id, person=mine)
    if found["row"] is None:
        raise NotFound(_NOBODY)
    return Linked(
        present("bookings", orjson.loads(found["row"])),
        found["snapshot"],
        found["original"],
        tuple(found["successors"]),
    )


async def create(pool: Pool, who: Principal, draft: BookingDraft, key: Key | None) -> Written:
    """Make a booking. Raises Forbidden, Invalid naming the fields, Conflict on an overlap."""
    rights.may_create_booking(who, str(draft.instructor_id))
    values = draft.model_dump(exclude={"status"})

    async def attempt(write: Write) -> bytes:
        await slots.hold(write, values)
        found = await run(write.conn, "booking_create", **values)
        if found["row"] is None:
            raise Invalid("Those two cannot fly together.", faults=_misfits(found))
        return encode(present("bookings", orjson.loads(found["row"])))

    @begun_anew
    async def attempt_once() -> Written:
        async with writing(pool, who.id) as write:
            if (before := await once.earlier(write, key)) is not None:
                return before
            shown = await attempt(write)
            await once.keep(write, key, shown)
        return Written(shown, write.transaction)

    return await _settled(pool, attempt_once, lambda: (None, values))


async def change(
    pool: Pool, who: Principal, id: str, patch: BookingPatch, expected: Expected = ANY
) -> Written:
    """Change a booking. Raises NotFound, Forbidden, Stale, Invalid, Conflict.

    A patch that changes nothing writes nothing and has no transaction.
    """
    given = patch.given
    mine = person(audience_of(who, "bookings"))
    wanted: Shown = {}

    @begun_anew
    async def attempt() -> Written:
        async with writing(pool, who.id) as write:
            row = await _locked(write, id, mine)
            rights.may_change_booking(who, row, given)
            expected.check(row)
            wanted.update(row, **given)
            if not may_move(row["status"], wanted["status"]):
                raise _illegal(row["status"], wanted["status"])
            changes = dict(given)
            if both(wanted) != both(row):
                copied = wanted["student_id"] != row["student_id"] and "training_level" not in given
                level = await _check_people(write, wanted, level=copied)
                if copied:
                    changes["training_level"] = level
            await slots.hold(write, row, wanted)
            after = await value(
                write.conn, "booking_change", id=id, patch=orjson.dumps(changes).decode()
            )
            if after is not None:
                before, row = row, present("bookings", orjson.loads(after))
                await _offer_follows(write, before, row)
        return Written(encode(row), write.transaction if after is not None else None)

    def slot() -> tuple[str, Shown]:
        when = datetime.fromisoformat(wanted["scheduled_datetime"])
        return id, {**wanted, "scheduled_datetime": when}

    return await _settled(pool, attempt, slot)


@begun_anew
async def delete(pool: Pool, who: Principal, id: str, expected: Expected = ANY) -> str | None:
    """Delete a booking and what hangs on it; the transaction. Raises as ``change``.

    What it was rescheduled to is no such thing: while that is there, Conflict.
    """
    async with writing(pool, who.id) as write:
        row = await _locked(write, id, person(audience_of(who, "bookings")))
        rights.may_delete_booking(who)
        expected.check(row)
        await successors.refuse_of_booking(write, id)
        await value(write.conn, "booking_delete", id=id)
    return write.transaction


async def _locked(write: Write, id: str, mine: str | None) -> Shown:
    text = await value(write.conn, "booking_locked", id=id, person=mine)
    if text is None:
        raise NotFound(_NOBODY)
    return present("bookings", orjson.loads(text))


async def _check_people(write: Write, row: Shown, *, level: bool) -> Any:
    """The student's training level, which there must be if ``level``. Raises Invalid."""
    found = await run(
        write.conn,
        "booking_people",
        student_id=row["student_id"],
        instructor_id=row["instructor_id"],
    )
    if faults := _misfits(found, level=level):
        raise Invalid("Those two cannot fly together.", faults=faults)
    return found["training_level"]


async def _offer_follows(write: Write, before: Shown, after: Shown) -> None:
    """What a change of a flight is to the times that are on offer for it.

    An offer belongs to one search for a new time: it ends with it (of a flight that is given up it
    stays on record), and a search that begins here begins without one, whatever was left behind.
    """
    searched, searches = (row["status"] == "RESCHEDULING" for row in (before, after))
    if searched and searches:
        await run(
            write.conn, "offer_brought_forward", id=after["id"], before_departure=BEFORE_DEPARTURE
        )
        if both(after) != both(before):
            await hand_over(write, after)
    elif searches or (searched and after["status"] != "CANCELLED"):
        await forget(write, after["id"])


def _misfits(found: Any, *, level: bool = True) -> list[Fault]:
    faults = []
    if found["student_role"] != "STUDENT":
        faults.append(Fault("/student_id", "is not a student of this school"))
    elif level and found["training_level"] is None:
        faults.append(Fault("/training_level", "is needed: the student has none on record"))
    if found["instructor_role"] != "INSTRUCTOR":
        faults.append(Fault("/instructor_id", "is not an instructor of this school"))
    return faults


def _illegal(before: Any, after: Any) -> HubError:
    onward = ", ".join(sorted(MOVES[before])) or "nothing: it is final"
    return Conflict(
        f"A booking that is {before} cannot become {after}; it may become {onward}.",
        faults=[Fault("/status", f"cannot follow {before}")],
        code="illegal-move",
    )


async def _settled(
    pool: Pool,
    attempt: Callable[[], Awaitable[Written]],
    slot: Callable[[], tuple[str | None, Shown]],
) -> Written:
    """Carry a write through; an overlap is told with the times that are taken."""
    try:
        return await attempt()
    except Conflict as error:
        if error.code != "overlap":
            raise
        id, wanted = slot()
        raise Conflict(
            error.detail, code=error.code, faults=await _taken(pool, id, wanted)
        ) from None


async def _taken(pool: Pool, id: str | None, wanted: Shown) -> list[Fault]:
    """What is taken and when, for those who are told that it is; never by whom."""
    async with reading(pool) as conn:
        text = await value(
            conn,
            "booking_clashes",
            id=id,
            aircraft_id=wanted["aircraft_id"],
            student_id=wanted["student_id"],
            instructor_id=wanted["instructor_id"],
            starts=wanted["scheduled_datetime"],
            duration_minutes=wanted["duration_minutes"],
        )
    return [
        Fault(f"/{what}_id", f"is taken from {zulu(clash['starts'])} to {zulu(clash['ends'])}")
        for clash in orjson.loads(text)
        for what in ("aircraft", "instructor", "student")
        if clash[what]
    ]
