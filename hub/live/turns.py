"""Whose turn it is, where one client's asking could keep the others waiting.

Two things a client can ask for cost more than a message: a read of the database, and a walk over
the history from an old cursor. Of the first, each principal has a few under way and the next wait;
of the second, one is done at a time, principals in turn, and never for more than a share of the loop.
Invariant: what one principal asks for delays another by one turn at most, however much it asks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

#: The share of the loop that walks may take: everyone's, and one principal's.
_SHARE, _OWN = 0.5, 0.1
#: Seconds of rest that are saved up rather than slept: most walks take far less.
_OWED = 0.005


class _Desk:
    """One principal's: what it reads just now, who waits, and until when it rests from walking."""

    __slots__ = ("lock", "open", "rested", "users", "waiting")

    def __init__(self) -> None:
        self.open: dict[Hashable, int] = {}
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.lock = asyncio.Lock()
        self.rested = 0.0
        self.users = 0


class Turns:
    """``reads`` is how many different things one principal may have read for it at once."""

    def __init__(self, reads: int) -> None:
        self._reads = reads
        self._desks: dict[str, _Desk] = {}
        self._lock = asyncio.Lock()
        self._rested = 0.0

    def __len__(self) -> int:
        return len(self._desks)

    @asynccontextmanager
    async def reading(self, who: str, what: Hashable) -> AsyncIterator[None]:
        """Hold while ``what`` is read for ``who``; the same thing read twice is one."""
        async with self._at(who) as desk:
            while what not in desk.open and len(desk.open) >= self._reads:
                turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                desk.waiting.append(turn)
                try:
                    await turn
                except asyncio.CancelledError:
                    self._next(desk)  # it may have been called just now
                    raise
            desk.open[what] = desk.open.get(what, 0) + 1
            self._next(desk)
            try:
                yield
            finally:
                desk.open[what] -= 1
                if not desk.open[what]:
                    del desk.open[what]
                self._next(desk)

    def _next(self, desk: _Desk) -> None:
        while desk.waiting and len(desk.open) < self._reads:
            turn = desk.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    @asynccontextmanager
    async def walking(self, who: str) -> AsyncIterator[None]:
        """Hold for a walk over the history: the body must not wait."""
        now = asyncio.get_running_loop().time
        async with self._at(who) as desk, desk.lock:
            await _rest(desk.rested - now())
            async with self._lock:
                await _rest(self._rested - now())
                began = now()
                try:
                    yield
                finally:
                    took = now() - began
                    self._rested = max(self._rested, began) + took / _SHARE
                    desk.rested = max(desk.rested, began) + took / _OWN

    @asynccontextmanager
    async def _at(self, who: str) -> AsyncIterator[_Desk]:
        desk = self._desks.get(who)
        if desk is None:
            self._forget()
            desk = self._desks[who] = _Desk()
        desk.users += 1
        try:
            yield desk
        finally:
            desk.users -= 1
            self._forget()

    def _forget(self) -> None:
        """Two looks a visit outrun any crowd: an idle desk in front goes, a busy one moves back."""
        now = asyncio.get_running_loop().time()
        for _ in range(min(2, len(self._desks))):
            who = next(iter(self._desks))
            desk = self._desks.pop(who)
            if desk.users or desk.rested > now:
                self._desks[who] = desk


async def _rest(seconds: float) -> None:
    if seconds > _OWED:
        await asyncio.sleep(seconds)
