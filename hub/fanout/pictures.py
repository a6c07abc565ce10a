"""First pictures: a view's rows and the snapshot they were read in.

However many views are asked for at once, one query for each topic and kind of reader is under way,
and what is asked meanwhile goes into the next; the same view asked twice is read once, and a view
that takes too long fails alone. Invariant: a picture's rows
are what the view shows at its snapshot, so changes since that snapshot continue it without gap
or overlap.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson

from hub.db.pool import reading
from hub.db.queries import text
from hub.errors import Invalid
from hub.fanout.views import View
from hub.rules.access import At, Person
from hub.rules.cursor import Snapshot, parse
from hub.rules.filters import (
    BookingFilter,
    DeviceFilter,
    Filter,
    FlightFilter,
    NotificationFilter,
    RescheduleFilter,
)
from hub.rules.topics import TOPICS, Topic

if TYPE_CHECKING:
    from hub.db.pool import Connection, Pool

#: Rows in one ``rows`` frame; rows of one picture, beyond which the filter must be narrowed.
PAGE = 200
PAGE_BYTES = 256 * 1024
MOST = 10_000
#: Views read by one statement: one's own rows are few, everyone's may be all there are.
TOGETHER = 200
FEW = 2


#: A topic, and whether its readers see only their own.
_Queue = tuple[str, bool]
#: What is read: a view, as it is to be judged now.
Asked = tuple[View, Filter]


@dataclass(frozen=True, slots=True)
class Picture:
    """``pages`` are encoded JSON arrays of rows; an empty picture has one empty page."""

    snapshot: Snapshot
    pages: tuple[bytes, ...]


class Pictures:
    """See the module."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._asked: dict[_Queue, dict[Asked, asyncio.Future[Picture]]] = defaultdict(dict)
        self._readers: dict[_Queue, asyncio.Task[None]] = {}
        #: Statements run, for metrics and tests.
        self.reads = 0

    async def read(self, view: View) -> Picture:
        """The view's picture. Raises Invalid if it is too large, Unavailable if it cannot be had."""
        # Whoever sees everything does not keep those waiting who see their own.
        queue = (view.topic.name, isinstance(view.audience, Person))
        wanted = (view, view.window)
        waiting = self._asked[queue].get(wanted)
        if waiting is None:
            waiting = asyncio.get_running_loop().create_future()
            self._asked[queue][wanted] = waiting
            if queue not in self._readers:
                self._readers[queue] = asyncio.create_task(self._read_all(queue))
        # Shielded: one who loses patience must not take the picture from the others.
        return await asyncio.shield(waiting)

    async def close(self) -> None:
        """Stop reading; whoever waits is cancelled."""
        readers = list(self._readers.values())
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

    async def _read_all(self, queue: _Queue) -> None:
        asked: dict[Asked, asyncio.Future[Picture]] = {}
        topic, own = queue
        try:
            while waiting := self._asked[queue]:
                asked = {
                    wanted: waiting.pop(wanted)
                    for wanted in list(waiting)[: TOGETHER if own else FEW]
                }
                try:
                    await self._read(topic, asked)
                except Exception as wrong:
                    await self._one_by_one(topic, asked, wrong)
        finally:
            del self._readers[queue]
            for left in (asked, self._asked.pop(queue, {})):
                for future in left.values():
                    future.cancel()

    async def _one_by_one(
        self, topic: str, asked: dict[Asked, asyncio.Future[Picture]], wrong: Exception
    ) -> None:
        """What failed together is tried apart, so that nobody fails for another's view.

        One's own rows are few: where many such views fail together, it is the database that fails.
        """
        apart = 1 < len(asked) <= FEW
        for wanted, future in asked.items():
            try:
                if not apart:
                    raise wrong
                await self._read(topic, {wanted: future})
            except Exception as failed:
                if not future.done():
                    future.set_exception(failed)
                    future.exception()  # nobody may be left to hear it

    async def _read(self, topic: str, asked: dict[Asked, asyncio.Future[Picture]]) -> None:
        wanted = list(asked)
        async with reading(self._pool) as conn:
            self.reads += 1
            records = await _QUERIES[topic](conn, wanted)
        snapshot = parse(records[0]["cursor"])
        rows: list[list[str]] = [[] for _ in wanted]
        for record in records:
            if record["row"] is not None:
                rows[record["n"] - 1].append(record["row"])
        for one, texts in zip(wanted, rows, strict=True):
            future = asked[one]
            if future.done():
                continue
            if len(texts) > MOST:
                future.set_exception(
                    Invalid(f"more than {MOST} rows: narrow the filter", code="too_many_rows")
                )
                # Nobody may be left to hear it.
                future.exception()
            else:
                future.set_result(Picture(snapshot, await _pages(TOPICS[topic], texts)))


async def _pages(topic: Topic, texts: Sequence[str]) -> tuple[bytes, ...]:
    pages = []
    page: list[dict[str, Any]] = []
    room = PAGE_BYTES
    for row in texts:
        if page and (len(page) == PAGE or len(row) > room):
            pages.append(orjson.dumps(page))
            page, room = [], PAGE_BYTES
            await asyncio.sleep(0)  # a large picture must not hold up the feed
        page.append(topic.show(orjson.loads(row)))
        room -= len(row)
    return (*pages, orjson.dumps(page))


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


_QUERIES = {
    "bookings": _bookings,
    "board": _board,
    "notifications": _notifications,
    "reschedule": _reschedule,
    "devices": _devices,
}
