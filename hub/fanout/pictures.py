"""First pictures: a view's rows and the snapshot they were read in.

However many views are asked for at once, one query for each topic and kind of reader is under way,
and what is asked meanwhile goes into the next; who comes a little later is shown the same picture
and what happened since; a view that takes too long fails alone. Invariant: a picture's rows are
what the view shows at its snapshot, so changes since that snapshot continue it without gap or
overlap.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

import orjson

from hub.db.pool import reading
from hub.errors import Invalid
from hub.fanout.statements import MOST, STATEMENTS, Asked
from hub.fanout.views import View
from hub.rules.access import Audience, Person
from hub.rules.cursor import Snapshot, covers, parse
from hub.rules.filters import Filter
from hub.rules.topics import TOPICS, Topic

if TYPE_CHECKING:
    from hub.db.pool import Pool

#: Rows in one ``rows`` frame, and about as many bytes.
PAGE = 200
PAGE_BYTES = 256 * 1024
#: Views read by one statement: one's own rows are few, everyone's may be all there are.
TOGETHER = 200
FEW = 2


#: A topic, and whether its readers see only their own.
_Queue = tuple[str, bool]
#: What is shown: a view that was left and is there again shows the same.
_Name = tuple[str, Audience, Filter]
#: How long a picture is shown to others, seconds (it is never stale: what happened since follows it),
#: and how many bytes of them are kept.
KEPT_FOR = 3.0
KEPT_BYTES = 8 * 1024 * 1024
#: Reads of one queue at once, and then a second: a crowd that trickles in meets in a few reads.
AT_ONCE, A_SECOND = 8, 8.0


@dataclass(frozen=True, slots=True)
class Picture:
    """``pages`` are encoded JSON arrays of rows; an empty picture has one empty page."""

    snapshot: Snapshot
    pages: tuple[bytes, ...]
    at: float

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(map(len, self.pages))


class _Pace:
    """A bucket of reads (see ``AT_ONCE``)."""

    def __init__(self) -> None:
        self._left, self._at = float(AT_ONCE), 0.0

    async def wait(self, now: float) -> None:
        """Wait for one read's worth; ``now`` is loop time."""
        self._left = min(AT_ONCE, self._left + (now - self._at) * A_SECOND)
        self._at = now
        self._left -= 1
        if self._left < 0:
            await asyncio.sleep(-self._left / A_SECOND)


class Pictures:
    """See the module."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._asked: dict[_Queue, dict[Asked, asyncio.Future[Picture]]] = defaultdict(dict)
        self._readers: dict[_Queue, asyncio.Task[None]] = {}
        self._paces: defaultdict[_Queue, _Pace] = defaultdict(_Pace)
        #: Read lately, the oldest first, and how many bytes that is.
        self._kept: dict[_Name, Picture] = {}
        self._size = 0
        #: The history they are of.
        self._epoch = ""
        #: Statements run, for metrics and tests.
        self.reads = 0

    async def read(self, view: View, since: Snapshot | None = None, *, epoch: str = "") -> Picture:
        """The view's picture, one that has seen ``since`` in the history ``epoch``, the feed's.

        Raises Invalid if it is too large, Unavailable if it cannot be had.
        """
        # Whoever sees everything does not keep those waiting who see their own.
        queue = (view.topic.name, isinstance(view.audience, Person))
        wanted = (view, view.window)
        if epoch != self._epoch:
            # Snapshots of another history compare with nothing, and its rows may have never been.
            self._epoch, self._size = epoch, 0
            self._kept.clear()
        kept = self._kept.get(_name(wanted))
        if (
            kept is not None
            and kept.at > monotonic() - KEPT_FOR
            and (since is None or covers(since, kept.snapshot))
        ):
            return kept
        waiting = self._asked[queue].get(wanted)
        if waiting is None:
            waiting = asyncio.get_running_loop().create_future()
            self._asked[queue][wanted] = waiting
            if queue not in self._readers:
                self._readers[queue] = asyncio.create_task(self._read_all(queue))
        # Shielded: one who loses patience must not take the picture from the others.
        return await asyncio.shield(waiting)

    def _keep(self, name: _Name, picture: Picture) -> None:
        if isinstance(name[1], Person):
            return  # one's own: hardly anybody else's, and there are thousands of them
        self._forget(name)
        self._kept[name] = picture
        self._size += picture.size
        for other in list(self._kept):
            if self._size <= KEPT_BYTES and self._kept[other].at > picture.at - KEPT_FOR:
                break
            self._forget(other)

    def _forget(self, name: _Name) -> None:
        if (gone := self._kept.pop(name, None)) is not None:
            self._size -= gone.size

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
                await self._paces[queue].wait(monotonic())
                asked = {
                    wanted: waiting.pop(wanted)
                    for wanted in list(waiting)[: TOGETHER if own else FEW]
                }
                for gone in [wanted for wanted in asked if not wanted[0].members]:
                    asked.pop(gone).cancel()  # nobody is there to see it any more
                if not asked:
                    continue
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
            at, epoch = monotonic(), self._epoch
            records = await STATEMENTS[topic](conn, wanted)
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
                picture = Picture(snapshot, await _pages(TOPICS[topic], texts), at)
                if epoch == self._epoch:
                    self._keep(_name(one), picture)
                if not future.done():
                    future.set_result(picture)


def _name(wanted: Asked) -> _Name:
    view, window = wanted
    return view.topic.name, view.audience, window


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
