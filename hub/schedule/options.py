"""The times offered for a flight: a set, made and replaced as a whole.

Who ranks them is another room's business. Invariants: a booking comes to RESCHEDULING, the options,
a ranking to come from each of the two and what they are told in one transaction; a ranking never
outlives the options it was of; nobody is shown the other's ranking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
from pydantic import AfterValidator, Field

from hub.db.pool import Write, reading
from hub.errors import Fault, Invalid, NotFound
from hub.rules.access import Principal
from hub.rules.deadline import AFTER_NOTIFICATION, BEFORE_DEPARTURE
from hub.rules.rows import present, zulu
from hub.rules.status import may_move
from hub.schedule.drafts import Draft
from hub.schedule.fields import FlightTime
from hub.schedule.holding import NOBODY, Done, holding, illegal, move, seer
from hub.schedule.once import Key, Written
from hub.schedule.reading import One, Shown
from hub.schedule.rescheduling import escalate, forget
from hub.schedule.statements import run, value
from hub.schedule.telling import both, options_available, tell
from hub.schedule.version import ANY, Expected, encode

if TYPE_CHECKING:
    from hub.db.pool import Pool

#: Bytes of one forecast as JSON.
MAX_FORECAST = 16 * 1024


#: The largest number of a forecast, either way: what every reader of JSON holds to the unit.
MAX_NUMBER = 1e15


def _bounded(forecast: dict[str, Any]) -> dict[str, Any]:
    if len(orjson.dumps(forecast)) > MAX_FORECAST:
        raise ValueError(f"is longer than {MAX_FORECAST} bytes")
    left: list[Any] = [forecast]
    while left:
        match left.pop():
            case dict() as found:
                left += found.values()
            case list() as found:
                left += found
            case int() | float() as found if abs(found) > MAX_NUMBER:
                raise ValueError("holds a number beyond 1e15, which not every reader can hold")
    return forecast


class OptionDraft(Draft):
    """One new time. The score is kept to two decimals; the forecast is shown as it is."""

    suggested_datetime: FlightTime
    weather_forecast: Annotated[dict[str, Any], AfterValidator(_bounded)] | None = None
    ai_confidence_score: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)


class OptionsDraft(Draft):
    """The whole set."""

    options: list[OptionDraft] = Field(min_length=1, max_length=20)


async def of(pool: Pool, who: Principal, id: str) -> One:
    """A booking's options with the reader's own ranking. Raises NotFound."""
    async with reading(pool) as conn:
        found = await run(conn, "options_of", id=id, person=seer(who))
    if found["row"] is None:
        raise NotFound(NOBODY)
    return One(_shown(found["row"]), found["snapshot"])


async def replace(
    pool: Pool,
    who: Principal,
    id: str,
    draft: OptionsDraft,
    key: Key | None = None,
    expected: Expected = ANY,
) -> Written:
    """Make the options anew; both are told and asked. Raises NotFound, Conflict, Invalid, Stale.

    Where the deadline has come already, people are called in at once.
    """
    given = draft.options

    async def work(write: Write, flight: Shown) -> Done:
        if expected is not ANY:
            before = await run(write.conn, "options_of", id=id, person=seer(who))
            expected.check(_shown(before["row"]))
        if not may_move(flight["status"], "RESCHEDULING"):
            raise illegal(flight["status"], "RESCHEDULING")
        times = [one.suggested_datetime for one in given]
        if late := await value(write.conn, "options_not_to_come", times=times):
            raise Invalid(
                "An option is a time to come.",
                faults=[
                    Fault(f"/options/{n}/suggested_datetime", "is not in the future") for n in late
                ],
            )
        await forget(write, id)
        if flight["status"] != "RESCHEDULING":
            flight = await move(write, flight, "RESCHEDULING")
        await run(
            write.conn,
            "options_make",
            id=id,
            times=times,
            forecasts=[_json(one.weather_forecast) for one in given],
            scores=[one.ai_confidence_score for one in given],
        )
        asked = await run(
            write.conn,
            "options_ask",
            id=id,
            before_departure=BEFORE_DEPARTURE,
            after_notification=AFTER_NOTIFICATION,
        )
        note = options_available(flight, len(given), asked["deadline"], past=asked["past"])
        await tell(write, flight, note, both(flight), at=asked["at"])
        if asked["past"]:
            await escalate(write, flight, "deadline")
        made = await run(write.conn, "options_of", id=id, person=seer(who))
        return Done(encode(_shown(made["row"])))

    return await holding(pool, who, id, work, key)


def _json(forecast: dict[str, Any] | None) -> str | None:
    return None if forecast is None else orjson.dumps(forecast).decode()


def _shown(text: str) -> Shown:
    row: Shown = orjson.loads(text)
    row["items"] = [present("reschedule_options", item) for item in row["items"]]
    if row["mine"] is not None:
        row["mine"] = present("preference_rankings", row["mine"])
    if row["deadline"] is not None:
        row["deadline"] = zulu(row["deadline"])
    # jsonb has its own order of members.
    return {
        name: row[name]
        for name in ("booking_id", "deadline", "escalated", "submitted", "mine", "items")
    }
