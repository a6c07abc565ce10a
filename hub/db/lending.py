"""The pool: connections lent to requests, one after the other, without a task or a timer each time.

asyncpg's own pool starts a task, a timeout and a queue's future for every acquire and release, which
costs more than a small read itself. So a connection, once acquired, is passed from borrower to
borrower, and goes back to asyncpg's pool only when something was wrong with it, or nobody needed it
for long. Invariants: no more than the pool's size are out, and of writes, which may wait for each
other's locks, one less: somebody can always read; who has waited longest is next; a connection that is
given on is idle.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

if TYPE_CHECKING:
    from hub.db.together import Together

    Lent = PoolConnectionProxy[asyncpg.Record]
    _Base = asyncpg.Pool[asyncpg.Record]
else:
    _Base = asyncpg.Pool

#: Seconds after which one that nobody needed is not trusted any more: what lies between may have
#: forgotten it, and a statement sent into the void waits for its timeout.
TOO_LONG = 300.0


class Pool(_Base):
    """asyncpg's pool, which can lend as well. Takes what that takes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: With the loop's time since when; the one used last is the last.
        self._free: list[tuple[Lent, float]] = []
        self._waiting: deque[asyncio.Future[Lent | None]] = deque()
        self._lent = 0
        self._writes = asyncio.Semaphore(max(1, self.get_max_size() - 1))
        #: What is read together, by its statement (see ``hub.db.together``).
        self.together: dict[str, Together] = {}

    async def borrow(self, wait: float) -> Lent:
        """A connection, within ``wait`` seconds. Raises TimeoutError, or what connecting raises."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._free:
            lent, since = self._free.pop()
            if _alive(lent):
                if now - since < TOO_LONG:
                    return lent
                lent.terminate()
            await self.hand_in(lent)
        until = now + wait
        while self._lent >= self.get_max_size():
            passed_on = await self._wait(loop, until)
            if passed_on is not None:
                return passed_on
        self._lent += 1
        try:
            return await self.acquire(timeout=until - loop.time())
        except BaseException:
            self._lost()
            raise

    @asynccontextmanager
    async def a_write(self, wait: float) -> AsyncIterator[None]:
        """One of the writes that may be under way, within ``wait`` seconds. Raises TimeoutError."""
        if self._writes.locked():
            async with asyncio.timeout(wait):
                await self._writes.acquire()
        else:
            await self._writes.acquire()
        try:
            yield
        finally:
            self._writes.release()

    async def _wait(self, loop: asyncio.AbstractEventLoop, until: float) -> Lent | None:
        """What the next to give back has; None: there is room to acquire one."""
        turn: asyncio.Future[Lent | None] = loop.create_future()
        self._waiting.append(turn)
        timer = loop.call_at(until, _expire, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            # It may have been our turn at that very moment.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                if (lent := turn.result()) is None:
                    self._wake(None)
                else:
                    self._pass_on(lent)
            raise
        finally:
            timer.cancel()

    async def give_back(self, lent: Lent) -> None:
        """Give back a connection that is idle; it may have died meanwhile."""
        if self.is_closing() or not _alive(lent):
            await self.hand_in(lent)
        else:
            self._pass_on(lent)

    async def hand_in(self, lent: Lent) -> None:
        """Give back a connection after something went wrong: asyncpg's pool sees to it."""
        try:
            await self.release(lent)
        finally:
            self._lost()

    async def close(self) -> None:
        """Close all connections; waits for those that are out."""
        while self._free:
            await self.hand_in(self._free.pop()[0])
        await super().close()

    def _pass_on(self, lent: Lent) -> None:
        if not self._wake(lent):
            self._free.append((lent, asyncio.get_running_loop().time()))

    def _lost(self) -> None:
        self._lent -= 1
        self._wake(None)

    def _wake(self, lent: Lent | None) -> bool:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(lent)
                return True
        return False


def _alive(lent: Lent) -> bool:
    try:
        return not lent.is_closed()
    except asyncpg.InterfaceError:  # asyncpg's pool has taken it back, since it died
        return False


def _expire(turn: asyncio.Future[Lent | None]) -> None:
    if not turn.done():
        turn.set_exception(TimeoutError())
