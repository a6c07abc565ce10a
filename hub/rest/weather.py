"""``/api/v1/bookings/{id}/weather-conflict`` and ``/api/v1/bookings/upcoming``: for who watches
the weather.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from hub.model import Booking
from hub.rest import answers, paging
from hub.rest.bookings import PATH, Bookings
from hub.rest.registry import Answer, Ask, Nothing, Routes
from hub.schedule import weather
from hub.schedule.fields import Digits
from hub.schedule.reading import FIRST
from hub.schedule.weather import WeatherConflict

routes = Routes("weather")
CONFLICT = f"{PATH}/{{id}}/weather-conflict"


class UpcomingQuery(BaseModel):
    """How far ahead: ``hours`` from now."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: Annotated[int, Digits] = Field(48, ge=1, le=14 * 24)
    limit: paging.Limit = 50
    after: paging.After | None = None


@routes.add(
    "GET",
    f"{PATH}/upcoming",
    UpcomingQuery,
    Nothing,
    answers={200: Bookings, 304: None},
    who=frozenset({"ADMIN"}),
    scope="bookings:read",
)
async def list_upcoming(ask: Ask[UpcomingQuery, Nothing]) -> Answer:
    """The flights of the next hours that the weather may still change: CONFIRMED and AT_RISK."""
    after = ask.query.after or FIRST
    page = await weather.upcoming(ask.house.pool, ask.query.hours, after, ask.query.limit)
    return paging.answer(page, "scheduled_datetime", ask.url)


@routes.add(
    "PUT",
    CONFLICT,
    Nothing,
    WeatherConflict,
    answers={200: Booking},
    who=frozenset({"ADMIN"}),
    refusals=frozenset({409}),
    scope="weather:write",
)
async def flag_weather_conflict(ask: Ask[Nothing, WeatherConflict]) -> Answer:
    """The weather is against this flight: CONFIRMED becomes AT_RISK, and both are told.

    Again is harmless: nothing is written, nobody is told twice, and there is no Hub-Transaction.
    409 ``illegal-move`` for a booking that is being rescheduled, or is over.
    """
    done = await weather.flag(ask.house.pool, ask.who, ask.id, ask.body)
    return answers.changed(done, f"{PATH}/{ask.id}")


@routes.add(
    "DELETE",
    CONFLICT,
    Nothing,
    Nothing,
    answers={200: Booking},
    who=frozenset({"ADMIN"}),
    refusals=frozenset({409}),
    scope="weather:write",
)
async def clear_weather_conflict(ask: Ask[Nothing, Nothing]) -> Answer:
    """The weather is no longer against this flight: AT_RISK becomes CONFIRMED.

    Again is harmless. 409 ``illegal-move`` for a booking that is being rescheduled, or is over.
    """
    done = await weather.clear(ask.house.pool, ask.who, ask.id)
    return answers.changed(done, f"{PATH}/{ask.id}")
