"""The batches a node still holds, bounded in bytes.

Whoever fell behind, or comes back with a cursor, is caught up from here without a query. Pure
bookkeeping: no I/O. Invariant: the batches are in order, with no event between them;
``since`` answers either exactly what a snapshot has not seen, or that it cannot know.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from itertools import islice

from hub.rules.cursor import Snapshot, covers, visible
from hub.rules.event import Batch, Event


class History:
    """``limit`` is the bytes of events to hold; what is dropped is dropped whole, oldest first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._batches: deque[Batch] = deque()
        self._size = 0
        self.start: Snapshot | None = None

    @property
    def size(self) -> int:
        """Bytes held, as estimated when read."""
        return self._size

    def __len__(self) -> int:
        return len(self._batches)

    def clear(self, start: Snapshot) -> None:
        """Forget everything; what comes next begins at ``start``."""
        self._batches.clear()
        self._size = 0
        self.start = start

    def append(self, batch: Batch) -> None:
        """Add the newest batch. A batch without events only moves the end of the last one."""
        if self.start is None:
            self.start = batch.start
        if not batch.events:
            return  # quiet: the history still reaches from its start to now
        self._batches.append(batch)
        self._size += batch.size
        while self._size > self._limit and self._batches:
            gone = self._batches.popleft()
            self._size -= gone.size
            self.start = gone.end.snapshot

    def extend_back(self, batch: Batch) -> bool:
        """Put an older batch in front; False if there is no room for it."""
        if self._size + batch.size > self._limit:
            return False
        if batch.events:
            self._batches.appendleft(batch)
            self._size += batch.size
        self.start = batch.start
        return True

    def since(self, snapshot: Snapshot) -> Iterator[Event] | None:
        """The events ``snapshot`` has not seen, oldest first; None if they are not all held.

        A snapshot newer than the last batch yields nothing, which is right up to that batch.
        """
        if self.start is None or not covers(self.start, snapshot):
            return None
        return self._since(snapshot)

    def _since(self, snapshot: Snapshot) -> Iterator[Event]:
        first = bisect_left(
            self._batches,
            True,
            key=lambda batch: not covers(batch.end.snapshot, snapshot),
        )
        for batch in islice(self._batches, first, None):
            if covers(snapshot, batch.start):
                yield from batch.events
            else:
                for event in batch.events:
                    if not visible(event.xid, snapshot):
                        yield event
