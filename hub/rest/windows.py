"""``/api/v1/availability/{user}`` and ``common``: when people can fly.

Moments are UTC, as everywhere; whose clock the patterns mean is said beside them. What follows from
them is computed on the floors below.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, ValidationInfo, field_validator

from hub.rest.availability import PATH, Query
from hub.rest.registry import ANYBODY, Answer, Ask, Nothing, Routes
from hub.rules.availability import Span
from hub.rules.rows import zulu
from hub.schedule import windows
from hub.schedule.fields import Aircraft, Digits, FlightTime, Id, Minutes
from hub.schedule.version import encode

routes = Routes("availability")
#: The longest time that one answer is computed for.
LONGEST = timedelta(days=92)


class Within(Query):
    """From when until when, at most 92 days: ``from`` is inclusive, ``to`` exclusive."""

    since: FlightTime = Field(alias="from")
    until: FlightTime = Field(alias="to")

    @field_validator("until")
    @classmethod
    def _ordered(cls, until: datetime, info: ValidationInfo) -> datetime:
        if (since := info.data.get("since")) is not None:
            if not since < until:
                raise ValueError("is not after from")
            if until - since > LONGEST:
                raise ValueError(f"is more than {LONGEST.days} days after from")
        return until

    @property
    def span(self) -> Span:
        """The same, as the rules take it."""
        return self.since, self.until


class WindowsQuery(Within):
    """``subtract=bookings`` takes away the times of live bookings."""

    subtract: Literal["bookings"] | None = None


class CommonQuery(Within):
    """Who is to fly, for how many minutes, and in which aircraft: unnamed, no aircraft is looked at."""

    student: Id
    instructor: Id
    duration: Annotated[Minutes, Digits]
    aircraft_id: Aircraft | None = None


class Window(BaseModel):
    """A stretch of time: ``from`` is inclusive, ``to`` exclusive."""

    since: AwareDatetime = Field(alias="from")
    until: AwareDatetime = Field(alias="to")


class Windows(Window):
    """When somebody can fly, by the clock of ``timezone``; ascending, and none touches another."""

    user_id: UUID
    timezone: str
    windows: list[Window]


class Slots(Window):
    """When two can both fly: a flight may begin from ``from`` on and end by ``to`` of one of these."""

    student_id: UUID
    instructor_id: UUID
    aircraft_id: str | None
    duration_minutes: int
    timezone: str
    slots: list[Window]


@routes.add(
    "GET",
    f"{PATH}/common",
    CommonQuery,
    Nothing,
    answers={200: Slots, 304: None},
    who=ANYBODY,
    scope="availability:read",
)
async def common_slots(ask: Ask[CommonQuery, Nothing]) -> Answer:
    """When a student and an instructor can both fly: for those two, admins and integrations.

    Their live bookings are taken away, and those of the aircraft that ``aircraft_id`` names. Without
    it no aircraft is looked at, and a booking in one may yet be refused as 409 ``overlap``: for a new
    time of a flight, ask with that booking's own ``aircraft_id``, and for a choice among several once
    for each. Each slot is as long as it is, and no shorter than ``duration``.
    """
    query, zone = ask.query, ask.house.settings.zone
    found = await windows.common(
        ask.house.pool,
        ask.who,
        str(query.student),
        str(query.instructor),
        query.aircraft_id,
        timedelta(minutes=query.duration),
        zone,
        query.span,
    )
    told = {
        **_span(query.span),
        "student_id": str(query.student),
        "instructor_id": str(query.instructor),
        "aircraft_id": query.aircraft_id,
        "duration_minutes": query.duration,
        "timezone": zone.key,
        "slots": [_span(span) for span in found.spans],
    }
    return Answer(encode(told), snapshot=found.snapshot)


@routes.add(
    "GET",
    f"{PATH}/{{id}}",
    WindowsQuery,
    Nothing,
    answers={200: Windows, 304: None},
    who=ANYBODY,
    scope="availability:read",
)
async def free_windows(ask: Ask[WindowsQuery, Nothing]) -> Answer:
    """When somebody can fly: yourself, or for an admin or an integration anybody.

    Computed from the active patterns and the overrides by the school's clock, so that a window of
    the night in which the clock is changed is as long as it is.
    """
    query, zone = ask.query, ask.house.settings.zone
    found = await windows.free(
        ask.house.pool, ask.who, ask.id, zone, query.span, unbooked=query.subtract is not None
    )
    told = {
        **_span(query.span),
        "user_id": ask.id,
        "timezone": zone.key,
        "windows": [_span(span) for span in found.spans],
    }
    return Answer(encode(told), snapshot=found.snapshot)


def _span(span: Span) -> dict[str, str]:
    start, end = span
    return {"from": zulu(start.isoformat()), "to": zulu(end.isoformat())}
