"""The school as it is found: its people, aircraft and airports, the clock, and how to change rows.

No happening is decided here. Invariants: whatever is left to chance comes from one seeded
generator, new ids included; what time it is, the database says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from hub.db import queries
from hub.db.pool import reading, writing
from hub.errors import Misconfigured
from hub.model import BookingStatus, NotificationType

if TYPE_CHECKING:
    from hub.db.pool import Connection, Pool

T = TypeVar("T")
Record = asyncpg.Record

#: Every flight, however long ago or far ahead it departs.
EVER = timedelta(days=3650)
QUARTER = timedelta(minutes=15)
#: Lessons begin by day: quarters of an hour on the school's clock, the first of them and how many.
OPENS, OPEN = time(7), 42


class GiveWay(Exception):
    """Somebody else changed the rows first: the happening is off, nothing was written."""


@dataclass(frozen=True, slots=True)
class Person:
    """A row of ``users``, as far as the play needs it."""

    id: UUID
    role: str
    level: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Airport:
    """An airport's code and place, in degrees."""

    code: str
    latitude: Decimal
    longitude: Decimal


@dataclass(frozen=True, slots=True)
class Note:
    """A notification to be: to whom, about which booking."""

    user: UUID
    booking: UUID
    title: str
    message: str


@dataclass(slots=True)
class Change:
    """A transaction under way."""

    conn: Connection
    stage: Stage

    async def rows(self, query: str, **given: Any) -> list[Record]:
        return await _rows(self.conn, query, given)

    async def one(self, query: str, **given: Any) -> Any:
        """A statement that gives one value, or none, or does not return."""
        return await getattr(queries.load(), query)(self.conn, **given)

    async def tell(self, kind: NotificationType, notes: Iterable[Note]) -> None:
        """Notify, in one statement."""
        notes = list(notes)
        await self.one(
            "simulate_notify",
            ids=[self.stage.new_id() for _ in notes],
            users=[note.user for note in notes],
            bookings=[note.booking for note in notes],
            type=kind,
            titles=[note.title for note in notes],
            messages=[note.message for note in notes],
        )


@dataclass(slots=True)
class Stage:
    """What the happenings share. ``enter`` before the first, ``look_round`` before each."""

    pool: Pool
    rng: Random
    students: list[Person] = field(default_factory=list)
    instructors: list[Person] = field(default_factory=list)
    admins: list[Person] = field(default_factory=list)
    airports: dict[str, Airport] = field(default_factory=dict)
    #: Aircraft, and the airport it is based at.
    fleet: list[tuple[str, str]] = field(default_factory=list)
    now: datetime = datetime.min
    #: The school's clock.
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    #: How many live flights are still to come; how many of them at risk, and being rescheduled.
    to_come: int = 0
    at_risk: int = 0
    rescheduling: int = 0
    #: Bookings made in this play, the latest last.
    booked: deque[UUID] = field(default_factory=lambda: deque(maxlen=50))
    #: Rankings whose reminder, and offers whose escalation, was seen to have gone out.
    reminded: set[UUID] = field(default_factory=set)
    escalated: set[tuple[UUID, datetime]] = field(default_factory=set)

    async def enter(self) -> None:
        """Learn who and what is there. Raises Misconfigured where there is no school to play in."""
        people = [Person(*row) for row in await self.look("simulate_people")]
        self.students = [one for one in people if one.role == "STUDENT"]
        self.instructors = [one for one in people if one.role == "INSTRUCTOR"]
        self.admins = [one for one in people if one.role == "ADMIN"]
        self.airports = {row["code"]: Airport(*row) for row in await self.look("simulate_airports")}
        self.fleet = [(row["aircraft"], row["base"]) for row in await self.look("simulate_fleet")]
        if not (self.students and self.instructors and self.fleet):
            raise Misconfigured("There is no school to play in: run `hub seed` first.")

    async def look_round(self) -> None:
        """Read the clock and how full the schedule is."""
        row = (await self.look("simulate_clock"))[0]
        self.now, self.to_come = row["now"], row["to_come"]
        self.zone = ZoneInfo(row["zone"])
        self.at_risk, self.rescheduling = row["at_risk"], row["rescheduling"]

    async def look(self, query: str, **given: Any) -> list[Record]:
        """Read rows, in a statement of its own."""
        async with reading(self.pool) as conn:
            return await _rows(conn, query, given)

    async def flights(
        self,
        *statuses: BookingStatus,
        since: timedelta = timedelta(0),
        until: timedelta = EVER,
    ) -> list[Record]:
        """Up to 100 flights in those statuses that depart in that span from now, the next first."""
        return await self.look(
            "simulate_flights", statuses=list(statuses), since=since, until=until
        )

    @asynccontextmanager
    async def change(self, actor: UUID | None = None) -> AsyncIterator[Change]:
        """One transaction on behalf of ``actor``, a program if None. Raises as ``writing``."""
        async with writing(self.pool, str(actor) if actor else None) as write:
            yield Change(write.conn, self)

    def new_id(self) -> UUID:
        """A new row's id."""
        return UUID(int=self.rng.getrandbits(128), version=4)

    def pick(self, some: Sequence[T]) -> T | None:
        """Any one, or None of nothing."""
        return self.rng.choice(some) if some else None

    def times(self, days: range, how_many: int) -> list[datetime]:
        """Quarters of an hour to come, by day on the school's clock, on some of ``days`` from its today."""
        today = self.now.astimezone(self.zone).date()
        mornings = [
            datetime.combine(today + timedelta(days=day), OPENS, self.zone).astimezone(UTC)
            for day in days
        ]
        hours = [
            at
            for morning in mornings
            for quarter in range(OPEN)
            if (at := morning + quarter * QUARTER) > self.quarter + QUARTER * 2
        ]
        return sorted(self.rng.sample(hours, min(how_many, len(hours))))

    async def free(
        self,
        times: Sequence[datetime],
        minutes: int,
        student: UUID,
        instructor: UUID,
        aircraft: str | None,
    ) -> tuple[list[datetime], list[datetime]]:
        """Those of ``times`` at which all three are free, and of these the ones that suit both people."""
        rows = await self.look(
            "simulate_free",
            times=times,
            minutes=minutes,
            zone=self.zone.key,
            student_id=student,
            instructor_id=instructor,
            aircraft_id=aircraft,
        )
        return [row["at"] for row in rows], [row["at"] for row in rows if row["suits"]]

    @property
    def quarter(self) -> datetime:
        """The last full quarter of an hour."""
        return self.now.replace(minute=self.now.minute // 15 * 15, second=0, microsecond=0)

    @property
    def admin(self) -> UUID | None:
        """Who acts for the office."""
        return self.admins[0].id if self.admins else None


async def _rows(conn: Connection, query: str, given: dict[str, Any]) -> list[Record]:
    return [row async for row in getattr(queries.load(), query)(conn, **given)]


def zulu(at: datetime) -> str:
    """A time as pilots write it, as in ``Mon 04 May 17:30Z``."""
    return at.strftime("%a %d %b %H:%MZ")


def route(flight: Record) -> str:
    """From where to where."""
    departs, arrives = flight["departure_airport"], flight["arrival_airport"]
    return f"{departs} local" if departs == arrives else f"{departs}–{arrives}"
