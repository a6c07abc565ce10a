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
from hub.rules.access import Person
from hub.rules.cursor import Snapshot, parse
from hub.rules.rows import present
from hub.rules.topics import BookingFilter, NotificationFilter

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


@dataclass(frozen=True, slots=True)
class Picture:
    """``pages`` are encoded JSON arrays of rows; an empty picture has one empty page."""

    snapshot: Snapshot
    pages: tuple[bytes, ...]


class Pictures:
    """See the module."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._asked: dict[_Queue, dict[View, asyncio.Future[Picture]]] = defaultdict(dict)
        self._readers: dict[_Queue, asyncio.Task[None]] = {}
        #: Statements run, for metrics and tests.
        self.reads = 0

    async def read(self, view: View) -> Picture:
        """The view's picture. Raises Invalid if it is too large, Unavailable if it cannot be had."""
        # Whoever sees everything does not keep those waiting who see their own.
        queue = (view.topic.name, isinstance(view.audience, Person))
        waiting = self._asked[queue].get(view)
        if waiting is None:
            waiting = asyncio.get_running_loop().create_future()
            self._asked[queue][view] = waiting
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
        asked: dict[View, asyncio.Future[Picture]] = {}
        topic, own = queue
        try:
            while waiting := self._asked[queue]:
                asked = {
                    view: waiting.pop(view) for view in list(waiting)[: TOGETHER if own else FEW]
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
        self, topic: str, asked: dict[View, asyncio.Future[Picture]], wrong: Exception
    ) -> None:
        """What failed together is tried apart, so that nobody fails for another's view.

        One's own rows are few: where many such views fail together, it is the database that fails.
        """
        apart = 1 < len(asked) <= FEW
        for view, future in asked.items():
            try:
                if not apart:
                    raise wrong
                await self._read(topic, {view: future})
            except Exception as failed:
                if not future.done():
                    future.set_exception(failed)
                    future.exception()  # nobody may be left to hear it

    async def _read(self, topic: str, asked: dict[View, asyncio.Future[Picture]]) -> None:
        views = list(asked)
        async with reading(self._pool) as conn:
            self.reads += 1
            records = await _QUERIES[topic](conn, views)
        snapshot = parse(records[0]["cursor"])
        rows: list[list[str]] = [[] for _ in views]
        for record in records:
            if record["row"] is not None:
                rows[record["n"] - 1].append(record["row"])
        for view, texts in zip(views, rows, strict=True):
            future = asked[view]
            if future.done():
                continue
            if len(texts) > MOST:
                future.set_exception(
                    Invalid(f"more than {MOST} rows: narrow the filter", code="too_many_rows")
                )
                # Nobody may be left to hear it.
                future.exception()
            else:
                future.set_result(Picture(snapshot, await _pages(view.topic.entity, texts)))


async def _pages(entity: str, texts: Sequence[str]) -> tuple[bytes, ...]:
    pages = []
    page: list[dict[str, Any]] = []
    room = PAGE_BYTES
    for row in texts:
        if page and (len(page) == PAGE or len(row) > room):
            pages.append(orjson.dumps(page))
            page, room = [], PAGE_BYTES
            await asyncio.sleep(0)  # a large picture must not hold up the feed
        page.append(present(entity, orjson.loads(row)))
        room -= len(row)
    return (*pages, orjson.dumps(page))


_EVER = datetime.min, datetime.max  # asyncpg's spelling of -infinity and infinity


def _person(view: View) -> str | None:
    return view.audience.id if isinstance(view.audience, Person) else None


async def _bookings(conn: Connection, views: Sequence[View]) -> Sequence[asyncpg.Record]:
    within = [view.within for view in views]
    filters = [given for given in within if isinstance(given, BookingFilter)]
    return await conn.fetch(
        text("picture_bookings"),
        [_person(view) for view in views],
        [given.since or _EVER[0] for given in filters],
        [given.until or _EVER[1] for given in filters],
        [given.student_id for given in filters],
        [given.instructor_id for given in filters],
        [given.aircraft_id for given in filters],
        [given.airport for given in filters],
        [",".join(given.status) if given.status else None for given in filters],
        MOST + 1,
    )


async def _notifications(conn: Connection, views: Sequence[View]) -> Sequence[asyncpg.Record]:
    return await conn.fetch(
        text("picture_notifications"),
        [_person(view) for view in views],
        [given.within.read for given in views if isinstance(given.within, NotificationFilter)],
        MOST + 1,
    )


_QUERIES = {"bookings": _bookings, "notifications": _notifications}
