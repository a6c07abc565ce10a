"""When to read next: on a bell, on a poll or on a slow timer.

A node that sleeps holds an advisory lock shared, and writers who see it held ring with NOTIFY.
NOTIFY costs writers their group commit, so under load a node drops the lock and polls, as a
network driver goes from interrupts to polling. This room decides and waits; it reads nothing.

Going back to sleep, it takes the lock, then an xid of its own, and keeps polling gently until
every older transaction has finished: a writer that looked before the lock was taken and saw nobody
asleep had its xid by then, so it has a smaller one. (A snapshot's xmax would not do: it is one past
the last *finished* transaction, and such a writer may be running above it.)

Invariant: no event is ever read later than one gentle poll after its commit, bell or no bell;
the slow timer only proves that the peer of a silent connection lives.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from math import exp
from time import monotonic
from typing import Any

import asyncpg

from hub.feed.sql import SQL

CHANNEL = "hub"


class Mode(Enum):
    """``ASLEEP`` waits for the bell; ``DROWSY`` for it or a gentle poll; ``AWAKE`` only polls."""

    ASLEEP = "asleep"
    DROWSY = "drowsy"
    AWAKE = "awake"


@dataclass(frozen=True, slots=True)
class Pace:
    """The thresholds, in transactions read a second, and in seconds."""

    busy: float = 40.0
    quiet: float = 12.0
    poll: float = 0.004
    gentle: float = 0.02
    gentlest: float = 0.1
    probe: float = 5.0
    window: float = 0.2
    #: False where transactions may be prepared: NOTIFY would make their PREPARE fail.
    may_sleep: bool = True
    two_phase_poll: float = 0.02


class Doorbell:
    """One node's bell on one connection. Call :meth:`turned` after each read, then :meth:`wait`."""

    def __init__(self, conn: asyncpg.Connection[Any], pace: Pace) -> None:
        self._conn = conn
        self._pace = pace
        self._rung = asyncio.Event()
        self._rate = 0.0
        self._at = self._read_at = monotonic()
        self._drowsy_since = 0.0
        self._settled_above = 0
        self.mode = Mode.AWAKE
        #: How often the mode changed, and how often the bell was rung, for metrics and tests.
        self.changes = 0
        self.rings = 0

    async def open(self) -> None:
        """Listen. The connection must be the feed's own: a pooler cannot carry LISTEN."""
        await self._conn.add_listener(CHANNEL, self._on_notify)
        # A session that was killed is found out by reading, and need not wait for the slow timer.
        self._conn.add_termination_listener(lambda _: self.ring())

    def _on_notify(self, *_: object) -> None:
        self.rings += 1
        self._rung.set()

    def ring(self) -> None:
        """Ask for a read now: somebody here knows that there is something to see."""
        self._rung.set()

    def answered(self) -> None:
        """A read is about to start; a ring from here on asks for another one."""
        self._read_at = monotonic()
        self._rung.clear()

    async def turned(self, transactions: int, xmin: int) -> bool:
        """Account for a read that brought ``transactions`` and whose snapshot's xmin is given.

        Takes or drops the lock as the load asks. True if another read is due at once, because the
        node has just announced its sleep and somebody may have committed unrung before that.
        """
        pace, now = self._pace, monotonic()
        self._rate *= exp((self._at - now) / pace.window)
        self._at = now
        # Each of them would have rung, had anybody slept: the dearer for the writers the more there are.
        self._rate += transactions / pace.window
        if self.mode is Mode.AWAKE:
            if pace.may_sleep and self._rate < pace.quiet:
                await self._conn.execute(SQL.fall_asleep)
                self._settled_above = int(await self._conn.fetchval(SQL.own_xid))
                self._drowsy_since = now
                self._become(Mode.DROWSY)
                return True
        elif self._rate > pace.busy:
            await self._conn.execute(SQL.wake)
            self._become(Mode.AWAKE)
        elif self.mode is Mode.DROWSY and xmin > self._settled_above:
            self._become(Mode.ASLEEP)
        return False

    def _become(self, mode: Mode) -> None:
        self.mode = mode
        self.changes += 1

    async def wait(self) -> None:
        """Return when it is time to read again."""
        try:
            async with asyncio.timeout(self._patience()):
                await self._rung.wait()
        except TimeoutError:
            pass

    def _patience(self) -> float:
        pace = self._pace
        if self.mode is Mode.ASLEEP:
            return pace.probe
        if self.mode is Mode.DROWSY:
            # Somebody who looked before we lay down is still at work: the longer, the gentler.
            waited = monotonic() - self._drowsy_since
            return min(pace.gentlest, pace.gentle + waited / 100)
        if not pace.may_sleep and self._rate < pace.quiet:
            return pace.two_phase_poll
        # From read to read: what handing on took is not waited for again.
        return max(0.0, self._read_at + pace.poll - monotonic())
