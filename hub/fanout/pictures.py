"""First pictures: a view's rows and the snapshot they were read in.

However many views are asked for at once, one query for each topic is under way, and what is asked
meanwhile goes into the next; the same view asked twice is read once. Invariant: a picture's rows
are what the view shows at its snapshot, so changes since that snapshot continue it without gap
or overlap.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

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
MOST = 10_000
#: Views read by one statement, so that one answer stays a few megabytes.
TOGETHER = 200


@dataclass(frozen=True, slots=True)
class Picture:
    """``pages`` are encoded JSON arrays of rows; an empty picture has one empty page."""

    snapshot: Snapshot
    pages: tuple[bytes, ...]


class Pictures:
    """See the module."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._asked: dict[str, dict[View, asyncio.Future[Picture]]] = defaultdict(dict)
        self._readers: dict[str, asyncio.Task[None]] = {}
        #: Statements run, for metrics and tests.
        self.reads = 0

    async def read(self, view: View) -> Picture:
        """The view's picture. Raises Invalid if it is too large, Unavailable if it cannot be had."""
        topic = view.topic.name
        waiting = self._asked[topic].get(view)
        if waiting is None:
            waiting = asyncio.get_running_loop().create_future()
            self._asked[topic][view] = waiting
            if topic not in self._readers:
                self._readers[topic] = asyncio.create_task(self._read_all(topic))
        # Shielded: one who loses patience must not take the picture from the others.
        return await asyncio.shield(waiting)

    async def close(self) -> None:
        """Stop reading; whoever waits is cancelled."""
        readers = list(self._readers.values())
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

    async def _read_all(self, topic: str) -> None:
        asked: dict[View, asyncio.Future[Picture]] = {}
        try:
            while waiting := self._asked[topic]:
                asked = {view: waiting.pop(view) for view in list(waiting)[:TOGETHER]}
                try:
                    await self._read(topic, asked)
                except Exception as wrong:
                    _fail(asked, wrong)
        finally:
            del self._readers[topic]
            for left in (asked, self._asked.pop(topic, {})):
                for future in left.values():
                    future.cancel()

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
    for first in range(0, len(texts), PAGE):
        page = [present(entity, orjson.loads(text)) for text in texts[first : first + PAGE]]
        pages.append(orjson.dumps(page))
        await asyncio.sleep(0)  # a large picture must not hold up the feed
    return tuple(pages) or (b"[]",)


def _fail(asked: dict[View, asyncio.Future[Picture]], wrong: Exception) -> None:
    for future in asked.values():
        if not future.done():
            future.set_exception(wrong)
            future.exception()


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
