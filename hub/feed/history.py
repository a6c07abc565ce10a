"""The batches a node still holds, bounded in bytes.

Whoever fell behind, or comes back with a cursor, is caught up from here without a query. Pure
bookkeeping: no I/O. Invariant: the batches are in order, with no event between them; ``since``
answers either exactly what a snapshot has not seen, or that it cannot know.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from itertools import islice

from hub.rules.cursor import Snapshot, covers, visible
from hub.rules.event import Batch, Event


class History:
    """``limit`` is the bytes of events to hold; what is dropped is dropped whole, oldest first.

    In front of the batches this node read as they came may stand one that it called back; ``own``
    is where its own begin, ``start`` where all begin.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._batches: deque[Batch] = deque()
        self._called_back = False
        self._size = 0
        self.start: Snapshot | None = None
        self.own: Snapshot | None = None

    @property
    def size(self) -> int:
        """Bytes held, as estimated when read."""
        return self._size

    def __len__(self) -> int:
        return len(self._batches)

    def clear(self, start: Snapshot) -> None:
        """Forget everything; what comes next begins at ``start``."""
        self._batches.clear()
        self._called_back = False
        self._size = 0
        self.start = self.own = start

    def append(self, batch: Batch) -> None:
        """Add the newest batch. One without events is passed over: the history still reaches to now."""
        if self.start is None:
            self.start = self.own = batch.start
        if not batch.events:
            return
        self._batches.append(batch)
        self._size += batch.size
        while self._size > self.limit and self._batches:
            self._drop()

    def _drop(self) -> None:
        gone = self._batches.popleft()
        self._size -= gone.size
        if self._called_back:
            self._called_back = False
            self.start = self.own
        else:
            self.start = self.own = gone.end.snapshot

    def call_back(self, batch: Batch) -> bool:
        """Put what was before our own in front, in place of what was called back before.

        The batch must reach from its start to ``own``. False if there is no room for it.
        """
        before = self._batches[0].size if self._called_back else 0
        if self._size - before + batch.size > self.limit:
            return False
        if self._called_back:
            self._batches.popleft()
        self._called_back = bool(batch.events)
        if batch.events:
            self._batches.appendleft(batch)
        self._size += batch.size - before
        self.start = batch.start
        return True

    def since(self, snapshot: Snapshot) -> Iterator[Event] | None:
        """The events ``snapshot`` has not seen, oldest first; None if they are not all held.

        A snapshot newer than the last batch yields nothing, which is right up to that batch.
        """
        if self.start is None or not covers(self.start, snapshot):
            return None
        return self._since(snapshot)

    def is_far(self, snapshot: Snapshot, most: float) -> bool:
        """Whether :meth:`since` would look at more than ``most`` events. Costs what is near."""
        length = 0
        for batch in reversed(self._batches):
            if length > most or covers(batch.end.snapshot, snapshot):
                break
            length += len(batch.events)
        return length > most

    def _since(self, snapshot: Snapshot) -> Iterator[Event]:
        first = bisect_left(
            self._batches,
            True,
            key=lambda batch: not covers(batch.end.snapshot, snapshot),
        )
        # Event by event: a client's snapshot may be a long one, and false, and must not cost more.
        for batch in islice(self._batches, first, None):
            for event in batch.events:
                if not visible(event.xid, snapshot):
                    yield event
