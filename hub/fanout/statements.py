"""What each topic's picture asks of the database: a filter's members as columns of parameters.

One statement reads many views, a row of parameters each (``sql/queries/pictures.sql``). Invariant:
what a filter's ``matches`` says of one row, its statement says of all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg

from hub.db.queries import text
from hub.fanout.views import View
from hub.rules.access import At, Person
from hub.rules.filters import (
    BookingFilter,
    DeviceFilter,
    Filter,
    FlightFilter,
    NotificationFilter,
    RescheduleFilter,
)

if TYPE_CHECKING:
    from hub.db.pool import Connection

#: What is read: a view, as it is to be judged now.
Asked = tuple[View, Filter]
#: Rows of one picture, beyond which the filter must be narrowed.
MOST = 10_000

_EVER = datetime.min, datetime.max  # asyncpg's spelling of -infinity and infinity


def _person(view: View) -> str | None:
    return view.audience.id if isinstance(view.audience, Person) else None


def _flights(wanted: Sequence[Asked]) -> tuple[list[Any], ...]:
    """Since, until, airport and statuses of each, a column each."""
    windows = [window for _, window in wanted if isinstance(window, FlightFilter)]
    return (
        [window.since or _EVER[0] for window in windows],
        [window.until or _EVER[1] for window in windows],
        [window.airport for window in windows],
        [",".join(window.status) if window.status else None for window in windows],
    )


async def _bookings(conn: Connection, wanted: Sequence[Asked]) -> Sequence[asyncpg.Record]:
    windows = [window for _, window in wanted if isinstance(window, BookingFilter)]
    since, until, airports, statuses = _flights(wanted)
    return await conn.fetch(
        text("picture_bookings"),
        [_person(view) for view, _ in wanted],
        since,
        until,
        [window.student_id for window in windows],
        [window.instructor_id for window in windows],
        [window.aircraft_id for window in windows],
        airports,
        statuses,
        MOST + 1,
    )


async def _board(conn: Connection, wanted: Sequence[Asked]) -> Sequence[asyncpg.Record]:
    seen_at = [
        view.audience.airport if isinstance(view.audience, At) else None for view, _ in wanted
    ]
    since, until, airports, statuses = _flights(wanted)
    return await conn.fetch(
        text("picture_board"), since, until, seen_at, airports, statuses, MOST + 1
    )


async def _notifications(conn: Connection, wanted: Sequence[Asked]) -> Sequence[asyncpg.Record]:
    return await conn.fetch(
        text("picture_notifications"),
        [_person(view) for view, _ in wanted],
        [window.read for _, window in wanted if isinstance(window, NotificationFilter)],
        MOST + 1,
    )


async def _reschedule(conn: Connection, wanted: Sequence[Asked]) -> Sequence[asyncpg.Record]:
    windows = [window for _, window in wanted if isinstance(window, RescheduleFilter)]
    return await conn.fetch(
        text("picture_reschedule"),
        [_person(view) for view, _ in wanted],
        [window.booking_id for window in windows],
        [window.escalated for window in windows],
        MOST + 1,
    )


async def _devices(conn: Connection, wanted: Sequence[Asked]) -> Sequence[asyncpg.Record]:
    return await conn.fetch(
        text("picture_devices"),
        [_person(view) for view, _ in wanted],
        [window.revoked for _, window in wanted if isinstance(window, DeviceFilter)],
        MOST + 1,
    )


#: A topic's statement, run: ``cursor``, ``n`` (a view's place, from 1) and ``row`` (JSON, or null).
STATEMENTS: dict[
    str, Callable[[Connection, Sequence[Asked]], Awaitable[Sequence[asyncpg.Record]]]
] = {
    "bookings": _bookings,
    "board": _board,
    "notifications": _notifications,
    "reschedule": _reschedule,
    "devices": _devices,
}
