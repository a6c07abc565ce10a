"""Calling back what this node has not held: for clients whose cursors are older than its history.

One query serves everyone who waits, so a thousand clients coming back after a restart cost a few.
What is read replaces what was called back before, whole, from a point in transaction ids and not
from a client's word for a snapshot: a cursor is a claim, and a false one may harm only its holder.
Invariant: what stands in front of the node's own batches is one stretch, in the order of the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from hub.feed.history import History
from hub.feed.reader import Foreign, backfill, renamed
from hub.rules.cursor import Cursor, Snapshot

Reading = Callable[[], AbstractAsyncContextManager[Any]]


class Gone(Exception):
    """The cursor cannot be honoured; ``reason`` is what the client is told with its ``reset``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Recall:
    """Extends one History backwards. ``most`` is how many events it calls back at once."""

    def __init__(self, history: History, most: int) -> None:
        self._history = history
        self._most = most
        self._lock = asyncio.Lock()
        self._waiting: list[int] = []
        #: Below this transaction id there is more than can be held.
        self._too_far = 0

    def clear(self) -> None:
        """The history begins anew."""
        self._too_far = 0

    async def until_held(
        self, cursor: Cursor, number: str, honour: Callable[[Cursor], None], reading: Reading
    ) -> None:
        """Wait until the history answers for a cursor. Raises Gone, and what ``honour`` raises."""
        if self._history.since(cursor.snapshot) is not None:
            return
        mine = cursor.snapshot.xmin
        self._waiting.append(mine)
        try:
            async with self._lock:
                honour(cursor)
                while self._history.since(cursor.snapshot) is None:
                    if mine <= self._too_far:
                        raise Gone("distance")
                    await self._extend(mine, cursor.epoch, number, reading)
                    honour(cursor)
        finally:
            self._waiting.remove(mine)

    async def _extend(self, mine: int, epoch: str, number: str, reading: Reading) -> None:
        own = self._history.own
        if own is None:
            raise Gone("distance")
        wanted = self._next_back(mine)
        back = min(wanted, own.xmin)
        after = Snapshot(back, back)
        async with reading() as held:
            try:
                batch, pruned = await backfill(
                    held, after, Cursor(epoch, own), number, self._most, self._history.limit
                )
            except Foreign:
                raise Gone("epoch") from None
        if self._history.own is not own:
            return  # batches of its own were dropped meanwhile: again, from there
        if mine < pruned:
            raise Gone("retention")
        if back < pruned:
            self._too_far = max(self._too_far, pruned - 1)
            return
        # A renamed person's bookings were not read in that snapshot; a fresh picture has the names.
        if batch is None or renamed(batch.events) or not self._history.call_back(batch):
            self._too_far = max(self._too_far, wanted)

    def _next_back(self, mine: int) -> int:
        """The oldest of all that wait, or, once that was too far, the one in the middle of those
        left, so that the number of tries grows with nobody's number."""
        start = self._history.start
        held = start.xmin if start is not None else mine
        left = sorted({mine, *(xmin for xmin in self._waiting if self._too_far < xmin < held)})
        return left[len(left) // 2 if self._too_far else 0]
