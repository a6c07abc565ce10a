"""The feed: this node's ordered stream of batches, whatever happens to the connection.

One task, one connection, one read in flight: read what became visible since the cursor, hand it on,
wait for the bell. Handing on is synchronous and must not fail. Invariant: listeners get every
committed change of a watched table exactly once, in batches that join end to start; where that
cannot be kept (a foreign history, a flood) they are told to start again instead.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg
import structlog

from hub.errors import HubError, Unavailable
from hub.feed.doorbell import Doorbell, Mode, Pace
from hub.feed.epoch import open_history
from hub.feed.history import History
from hub.feed.reader import Flood, Foreign, read
from hub.feed.recall import Gone, Reading, Recall
from hub.feed.sql import SQL
from hub.rules.cursor import Cursor, Snapshot, covers, parse, visible
from hub.rules.event import Batch, Event

log = structlog.get_logger("hub.feed")

if TYPE_CHECKING:
    Connection = asyncpg.Connection[Any]
    Connect = Callable[[], Awaitable[Connection]]
#: What may go wrong with a connection, a server or a network: worth another try, never a crash.
#: (asyncpg answers InternalClientError when a server's farewell meets the next statement.)
BROKEN = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    HubError,
)


class Replica(Protocol):
    """Something kept equal to a table by the feed."""

    async def load(self, conn: Connection) -> None:
        """Read the whole in the transaction whose snapshot is the feed's first cursor."""

    def apply(self, event: Event) -> None:
        """Follow one event."""


class Listener(Protocol):
    """Whoever the feed carries to, on this node."""

    def deliver(self, batch: Batch) -> None:
        """Everything that became visible between two cursors; called before anyone waiting resumes."""

    def restart(self, reason: str) -> None:
        """The stream broke off: every view must be read anew."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``flood``: events in one read beyond which reading anew is cheaper; ``recall``: events called
    back at once for those who come back; ``history``: bytes of events held."""

    flood: int = 5_000
    recall: int = 20_000
    history: int = 32 * 1024 * 1024
    statement_timeout: float = 10.0
    backoff: float = 5.0


class Feed:
    """See the module. ``run()`` is the feed's one task; everything else is called from its loop."""

    def __init__(
        self,
        connect: Connect,
        listener: Listener,
        *,
        replicas: tuple[Replica, ...] = (),
        pace: Pace | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._connect = connect
        self._listener = listener
        self._replicas = replicas
        self._pace = pace or Pace()
        self._limits = limits or Limits()
        self._history = History(self._limits.history)
        self._cursor: Cursor | None = None
        self._number = ""
        self._pruned_below = 0
        self._bell: Doorbell | None = None
        self._turn = asyncio.Event()
        self._recall = Recall(self._history, self._limits.recall)
        self.healthy = False
        self.why = "not started"
        self.turns = 0
        self.events = 0

    @property
    def cursor(self) -> Cursor:
        """Everything up to here was handed on. Raises Unavailable before the first read."""
        if self._cursor is None:
            raise Unavailable("the feed has not reached the database yet")
        return self._cursor

    @property
    def epoch(self) -> str:
        """Which history the cursor belongs to."""
        return self.cursor.epoch

    @property
    def mode(self) -> Mode | None:
        """How the feed waits just now; None while it has no connection."""
        return self._bell.mode if self._bell else None

    @property
    def history_size(self) -> int:
        """Bytes of events held in memory, estimated."""
        return self._history.size

    # The task.

    async def run(self) -> None:
        """Follow the database until cancelled, through every kind of interruption."""
        delay = 0.0
        while True:
            try:
                await self._follow()
            except BROKEN as wrong:
                if self.healthy:
                    delay = 0.0
                # The message of a driver may quote a DSN; its class never does.
                self.healthy = False
                self.why = wrong.detail if isinstance(wrong, HubError) else type(wrong).__name__
                delay = min(self._limits.backoff, max(0.1, delay * 2))
                pause = random.uniform(0, delay)
                log.warning("feed interrupted", why=self.why, retry_in=round(pause, 2))
                await asyncio.sleep(pause)
            except Exception:
                self.healthy, self.why = False, "died of a fault of its own"
                raise

    async def _follow(self) -> None:
        conn = await self._connect()
        try:
            await conn.execute(SQL.plan)
            pace = self._pace
            if await conn.fetchval(SQL.two_phase):
                pace = replace(pace, may_sleep=False)
            await self._open(conn, foreign=False)
            # Only now: a standby cannot listen, and the history says so in plainer words.
            bell = Doorbell(conn, pace)
            await bell.open()
            self._bell = bell
            while True:
                try:
                    foreign = not await self._read_on(conn, bell)
                except Foreign as found:
                    foreign = found.unsigned  # else the identity itself will tell
                    log.warning("foreign history", epoch=self.epoch)
                await self._open(conn, foreign=foreign)
        finally:
            self._bell = None
            # Never wait for a peer that may be gone.
            conn.terminate()

    async def _open(self, conn: Connection, *, foreign: bool) -> None:
        """Make sure of the history; on the first time, and on a new one, start from its present."""
        epoch, self._number = await open_history(conn, foreign=foreign)
        if self._cursor is not None and self._cursor.epoch == epoch:
            return
        reason = "epoch" if self._cursor is not None else ""
        await self._start_again(conn, epoch, reason)
        log.info("feed opened", epoch=epoch)

    async def _start_again(self, conn: Connection, epoch: str, reason: str) -> None:
        async with conn.transaction(isolation="repeatable_read", readonly=True):
            snapshot = parse(await conn.fetchval(SQL.snapshot))
            for replica in self._replicas:
                await replica.load(conn)
        self._cursor = Cursor(epoch, snapshot)
        self._history.clear(snapshot)
        self._recall.clear()
        if reason:
            self._listener.restart(reason)
        self._turned()

    async def _read_on(self, conn: Connection, bell: Doorbell) -> bool:
        """Read, hand on, wait, for ever. Returns False if the server is in our cursor's past."""
        while True:
            bell.answered()
            cursor = self.cursor
            try:
                batch, pruned = await read(conn, cursor, self._number, self._limits.flood)
            except Flood as flood:
                log.warning("flood: views are read anew", limit=self._limits.flood)
                await self._start_again(conn, cursor.epoch, "flood")
                bell.ring()
                batch, pruned = Batch(flood.end, self.cursor, ()), str(self._pruned_below)
            if not covers(cursor.snapshot, batch.end.snapshot):
                log.warning("the server is older than the cursor: a foreign history")
                return False
            self._pruned_below = int(pruned)
            if cursor.snapshot.xmin < self._pruned_below:
                log.warning("away for longer than events are kept: views are read anew")
                await self._start_again(conn, cursor.epoch, "retention")
                continue
            if not self._hand_on(batch):
                await self._start_again(conn, cursor.epoch, "fault")
            if not await bell.turned(batch.transactions, batch.end.snapshot.xmin):
                await bell.wait()

    def _hand_on(self, batch: Batch) -> bool:
        """Hand a batch on; False if that failed, after which everything must be read anew."""
        self._cursor = batch.end
        if batch.events:
            self._history.append(batch)
            self.events += len(batch.events)
            try:
                for replica in self._replicas:
                    for event in batch.events:
                        replica.apply(event)
                self._listener.deliver(batch)
            except Exception:
                # A fault of ours must not end the stream, nor may anyone miss what it swallowed.
                log.exception("delivery failed; views are read anew")
                return False
        self._turned()
        return True

    def _turned(self) -> None:
        self.healthy, self.why = True, ""
        self.turns += 1
        turn, self._turn = self._turn, asyncio.Event()
        turn.set()

    # What others ask of it.

    async def begun(self) -> None:
        """Wait for the first sight of the database: from then on there is a cursor."""
        while self._cursor is None:
            await self._turn.wait()

    async def turned(self) -> None:
        """Ask for a read that starts now, and wait until its batch was handed on."""
        # The read under way may have started before the caller's reason to ask; the next has not.
        for _ in range(2):
            turn = self._turn
            if self._bell is not None:
                self._bell.ring()
            await turn.wait()

    async def reach(self, snapshot: Snapshot) -> None:
        """Wait until the feed has handed on everything ``snapshot`` has seen."""
        while not covers(snapshot, self.cursor.snapshot):
            turn = self._turn
            if self._bell is not None:
                self._bell.ring()
            await turn.wait()

    def since(self, snapshot: Snapshot) -> Iterator[Event] | None:
        """The events between ``snapshot`` and the cursor, from memory; None if not all are held.

        Consume it before the next await.
        """
        return self._history.since(snapshot)

    def is_far(self, snapshot: Snapshot, most: float) -> bool:
        """Whether a walk from ``snapshot`` to the cursor looks at more than ``most`` events."""
        return self._history.is_far(snapshot, most)

    def honour(self, cursor: Cursor) -> None:
        """Raise Gone if a client's cursor is of another history, or older than retention kept."""
        # The founding is visible to every cursor of this history; one that was named after it but read
        # before it misses what was forgotten then.
        if cursor.epoch != self.epoch or not visible(int(self._number), cursor.snapshot):
            raise Gone("epoch")
        if cursor.snapshot.xmin < self._pruned_below:
            raise Gone("retention")

    async def recall(self, cursor: Cursor, reading: Reading) -> None:
        """See to it that :meth:`since` can answer for a client's cursor.

        ``reading`` lends a connection, for what this node does not hold. Raises Gone.
        """
        self.honour(cursor)
        await self._reach_or_gone(cursor)
        await self._recall.until_held(cursor, self._number, self.honour, reading)

    async def _reach_or_gone(self, cursor: Cursor) -> None:
        """Wait for a cursor that is ahead of us, unless it is ahead of the database: then it lies."""
        if covers(cursor.snapshot, self.cursor.snapshot):
            return
        await self.turned()
        if cursor.epoch != self.epoch or not covers(cursor.snapshot, self.cursor.snapshot):
            raise Gone("epoch")
