"""When people can fly: the windows of one, and the slots of two.

One's own windows are for oneself to see; where two can both fly is for those two, as they are to
fly together; an admin, and an integration with the scope, see everybody's. No HTTP, no SQL text.
Invariant: what people said and the bookings taken from it are of one snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

import orjson

from hub.db.pool import reading
from hub.errors import Fault, Forbidden, Invalid, NotFound
from hub.rules.access import Principal
from hub.rules.availability import (
    WHOLE_DAY,
    Free,
    Override,
    Pattern,
    Span,
    clock,
    dates,
    slots,
    subtract,
    windows,
)
from hub.rules.rows import moment
from hub.schedule.statements import run

if TYPE_CHECKING:
    from hub.db.pool import Pool


@dataclass(frozen=True, slots=True)
class Found:
    """Spans of time, and the snapshot in which they were so."""

    spans: list[Span]
    snapshot: str


async def free(
    pool: Pool, who: Principal, user: str, zone: tzinfo, within: Span, *, unbooked: bool
) -> Found:
    """When somebody can fly; with ``unbooked``, and has no live booking. Raises NotFound."""
    if not _sees(who, user):
        raise NotFound("There is nothing here, or nothing for you.")
    people, taken, snapshot = await _free_and_taken(pool, [user], within, unbooked, None)
    if user not in people:
        raise NotFound("There is nothing here, or nothing for you.")
    spans = windows(_said(people[user]), zone, within)
    return Found(subtract(spans, taken), snapshot)


async def common(
    pool: Pool,
    who: Principal,
    student: str,
    instructor: str,
    aircraft: str | None,
    least: timedelta,
    zone: tzinfo,
    within: Span,
) -> Found:
    """When both can fly and no live booking holds them or the aircraft, for at least ``least``.

    Raises Forbidden unless ``who`` is one of them or sees everybody's, and Invalid.
    """
    if not _sees(who, student, instructor):
        raise Forbidden("When two can both fly is for those two and an admin to ask.")
    both = [student, instructor]
    people, taken, snapshot = await _free_and_taken(pool, both, within, True, aircraft)
    faults = [
        Fault(f"?{role.lower()}", f"is not {article} {role.lower()} of this school")
        for id, role, article in ((student, "STUDENT", "a"), (instructor, "INSTRUCTOR", "an"))
        if id not in people or people[id]["role"] != role
    ]
    if faults:
        raise Invalid("Those two cannot fly together.", faults=faults)
    each = [windows(_said(people[id]), zone, within) for id in both]
    return Found(slots(each, taken, least), snapshot)


def _sees(who: Principal, *people: str) -> bool:
    """Whether ``who`` is one of the people, or may see when anybody is free."""
    if who.kind == "integration":
        return "availability:read" in who.scopes
    return who.role == "ADMIN" or (who.kind == "user" and who.id in people)


async def _free_and_taken(
    pool: Pool, people: list[str], within: Span, busy: bool, aircraft: str | None
) -> tuple[dict[str, Any], list[Span], str]:
    first, last = dates(within)
    async with reading(pool) as conn:
        found = await run(
            conn,
            "free_and_taken",
            people=people,
            first=first,
            last=last,
            busy=busy,
            since=within[0],
            until=within[1],
            aircraft_id=aircraft,
        )
    taken = [(moment(starts), moment(ends)) for starts, ends in orjson.loads(found["taken"])]
    return orjson.loads(found["people"]), taken, found["snapshot"]


def _said(person: dict[str, Any]) -> Free:
    midnight, end = WHOLE_DAY
    return Free(
        tuple(
            Pattern(weekday, (clock(opens), clock(closes)))
            for weekday, opens, closes in person["patterns"]
        ),
        tuple(
            Override(date.fromisoformat(day), (clock(opens, midnight), clock(closes, end)), blocked)
            for day, opens, closes, blocked in person["overrides"]
        ),
    )
