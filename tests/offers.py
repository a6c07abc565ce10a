"""New times for a flight, as tests offer and rank them: Sam's with Ina, unless it says otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from resthouse import Rest, Said, at
from school import broken

PATH = "/api/v1/bookings"


def times(*hours: float, scores: tuple[float | None, ...] = ()) -> dict[str, Any]:
    """The body that offers these hours of the test's next day."""
    return {
        "options": [
            {"suggested_datetime": at(hour, day=1)}
            | ({"ai_confidence_score": scores[n]} if n < len(scores) else {})
            for n, hour in enumerate(hours)
        ]
    }


def ranking(*ids: str, never: tuple[str, ...] = ()) -> dict[str, Any]:
    """The body that ranks these options."""
    ranked = {f"option{n}_id": id for n, id in enumerate(ids, 1)}
    return ranked | {"unavailable_option_ids": list(never)}


async def offer(door: Rest, flight: dict[str, Any], *hours: float) -> list[str]:
    """Offer times (9, 12 and 15 o'clock); the options' ids in that order."""
    said = await door.ask(
        "admin", "PUT", f"{PATH}/{flight['id']}/options", times(*(hours or (9, 12, 15)))
    )
    assert said.status == 200, said.body
    return [one["id"] for one in sorted(said.json["items"], key=lambda o: o["suggested_datetime"])]


async def rank(door: Rest, who: str, flight: dict[str, Any], body: dict[str, Any]) -> Said:
    """Say what ``who`` thinks of the options."""
    return await door.ask(who, "PUT", f"{PATH}/{flight['id']}/preferences", body)


async def status(door: Rest, flight: dict[str, Any]) -> str:
    """What became of a booking."""
    return str((await door.ask("admin", "GET", f"{PATH}/{flight['id']}")).json["status"])


async def successors(door: Rest, flight: dict[str, Any]) -> list[dict[str, Any]]:
    """The bookings that point back to a flight, as rows."""
    rows = await door.conn.fetch(
        "SELECT id::text, status, scheduled_datetime FROM bookings WHERE original_booking_id = $1",
        flight["id"],
    )
    return [dict(row) for row in rows]


async def told(door: Rest, kind: str, flight: dict[str, Any] | None = None) -> list[str]:
    """The first names of those who were told so, of a flight if one is named; sorted."""
    rows = await door.conn.fetch(
        "SELECT u.first_name FROM notifications n JOIN users u ON u.id = n.user_id"
        " WHERE n.type = $1 AND ($2::uuid IS NULL OR n.booking_id = $2) ORDER BY 1",
        kind,
        flight and flight["id"],
    )
    return [row[0] for row in rows]


async def until(what: Callable[[], Awaitable[Any]], expected: Any, seconds: float = 15.0) -> None:
    """Wait until ``what()`` is as expected."""
    found = None
    try:
        async with asyncio.timeout(seconds):
            while (found := await what()) != expected:
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"{found} and not {expected}")


async def move_deadline(door: Rest, flight: dict[str, Any], left: timedelta) -> None:
    """It is now so long before the deadline of a flight's offer."""
    await door.conn.execute(
        "UPDATE preference_rankings SET deadline = clock_timestamp() + $2 WHERE booking_id = $1",
        flight["id"],
        left,
    )


async def settled(door: Rest) -> None:
    """Wait until the clock has looked at what there is now, and has nothing left to do at once."""
    house = door.hub.house
    await house.feed.turned()
    for _ in range(500):
        seen = house.clock.looks
        await asyncio.sleep(0.15)
        if house.clock.looks == seen:
            return
    pytest.fail("the clock does not come to rest")


async def waiting(door: Rest, how_many: int) -> None:
    """Wait until so many wait for a lock."""
    for _ in range(1000):
        found = await door.conn.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
        if found == how_many:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"{found} wait, not {how_many}")


async def broken_in_a_crowd(conn: Any) -> dict[str, Any]:
    """The school's rules that are broken, but for one that several programs at once cannot keep.

    Whoever offers times looks first which are free, and another may take one in between.
    """
    found = await broken(conn)
    return {rule: rows for rule, rows in found.items() if not rule.startswith("an option is at a")}
