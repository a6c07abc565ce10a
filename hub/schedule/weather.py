"""The weather against a flight: put at risk, cleared again, and what is to be watched.

No forecast is read here; the weather monitor says what it found. Invariants: a flight is AT_RISK
and both its people are told in one transaction, once however often it is said; only AT_RISK is
cleared, since who reschedules has gone on from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from hub.db.pool import Write
from hub.rules.access import Principal
from hub.rules.status import may_move
from hub.schedule.drafts import Draft
from hub.schedule.holding import Done, holding, illegal, move
from hub.schedule.once import Written
from hub.schedule.reading import Place, Shown, WrittenPage, read_written_page
from hub.schedule.telling import both, tell, weather_alert
from hub.schedule.version import encode

if TYPE_CHECKING:
    from hub.db.pool import Pool


class WeatherConflict(Draft):
    """What the weather monitor found: ``detail`` is a sentence for the two who fly."""

    detail: str | None = Field(None, min_length=1, max_length=500)


async def upcoming(pool: Pool, hours: int, after: Place, most: int) -> WrittenPage:
    """The flights that depart within ``hours`` from now and are CONFIRMED or AT_RISK."""
    return await read_written_page(
        pool,
        "bookings_upcoming",
        "bookings",
        most=most,
        hours=hours,
        after_time=after.time,
        after_id=after.id,
    )


async def flag(pool: Pool, who: Principal, id: str, found: WeatherConflict) -> Written:
    """CONFIRMED becomes AT_RISK and both are told; AT_RISK stays. Raises NotFound, Conflict."""

    async def work(write: Write, flight: Shown) -> Done:
        if flight["status"] == "AT_RISK":
            return Done(encode(flight), wrote=False)
        if not may_move(flight["status"], "AT_RISK"):
            raise illegal(flight["status"], "AT_RISK")
        flight = await move(write, flight, "AT_RISK")
        await tell(write, flight, weather_alert(flight, found.detail), both(flight))
        return Done(encode(flight))

    return await holding(pool, who, id, work)


async def clear(pool: Pool, who: Principal, id: str) -> Written:
    """AT_RISK becomes CONFIRMED; CONFIRMED stays. Raises NotFound, Conflict."""

    async def work(write: Write, flight: Shown) -> Done:
        if flight["status"] == "CONFIRMED":
            return Done(encode(flight), wrote=False)
        if flight["status"] != "AT_RISK":
            raise illegal(
                flight["status"],
                "CONFIRMED",
                f"A booking that is {flight['status']} is not the weather's to confirm.",
            )
        return Done(encode(await move(write, flight, "CONFIRMED")))

    return await holding(pool, who, id, work)
