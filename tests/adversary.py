"""Writers that do to the watched tables whatever programs may do, in gusts, for a while.

They use no knowledge of the feed. ``Adversary.run`` ends with every transaction ended, two-phase ones too,
and ``counts`` says what happened, so that a test can tell that its adversary was one.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from random import Random
from uuid import uuid4

import asyncpg
from adversary_ways import Ways

Connection = asyncpg.Connection
#: What writers meet in each other's company; anything else fails the test.
MET = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
)


class Adversary(Ways):
    """``writers`` connections to ``dsn``; ``two_phase`` where transactions may be prepared."""

    def __init__(self, dsn: str, *, seed: int, two_phase: bool, writers: int = 11) -> None:
        super().__init__(Random(seed))
        self.dsn = dsn
        self.two_phase = two_phase
        self.writers = writers
        self.pids: list[int] = []
        self._gust = asyncio.Event()
        self._prepared = 0

    async def prepare(self) -> None:
        """People and bookings to fight over."""
        conn = await asyncpg.connect(self.dsn)
        try:
            for role, into in (("STUDENT", self._people), ("INSTRUCTOR", self._teachers)):
                into += await conn.fetch(
                    "INSERT INTO users (cognito_user_id, email, first_name, last_name, role)"
                    " SELECT $1 || n, $1 || n, 'A', 'B', $1 FROM generate_series(1, 6) AS n RETURNING id",
                    role,
                )
            self._people[:] = [row["id"] for row in self._people]
            self._teachers[:] = [row["id"] for row in self._teachers]
            while len(self._keys) < 10:
                with suppress(asyncpg.ExclusionViolationError):
                    await self._insert(conn)
        finally:
            await conn.close()

    async def run(self, seconds: float) -> None:
        """Write for ``seconds``."""
        stop = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for _ in range(self.writers):
                group.create_task(self._writer(stop))
            group.create_task(self._weather(stop))
        assert not self._prepared

    async def _weather(self, stop: float) -> None:
        """Gusts and lulls, and now and then somebody's statement cancelled."""
        conn = await asyncpg.connect(self.dsn)
        try:
            while time.monotonic() < stop:
                (self._gust.clear if self._gust.is_set() else self._gust.set)()
                await asyncio.sleep(self.dice.choice((0.05, 0.2, 0.4)))
                if self.pids:
                    await conn.fetch("SELECT pg_cancel_backend($1)", self.dice.choice(self.pids))
            self._gust.set()
        finally:
            await conn.close()

    async def _writer(self, stop: float) -> None:
        while time.monotonic() < stop:
            conn = await asyncpg.connect(self.dsn, server_settings={"lock_timeout": "2s"})
            pid = conn.get_server_pid()
            self.pids.append(pid)
            try:
                while time.monotonic() < stop and not conn.is_closed():
                    if self.dice.random() < 0.9:
                        await self._gust.wait()
                    await self._transaction(conn)
            finally:
                self.pids.remove(pid)
                conn.terminate()

    async def _transaction(self, conn: Connection) -> None:
        dice = self.dice
        level = dice.choice(("READ COMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"))
        try:
            if dice.random() < 0.2:
                await dice.choice(self.WAYS)(self, conn)  # a statement by itself
                self.counts["alone"] += 1
                return
            await conn.execute(f"BEGIN ISOLATION LEVEL {level}")
            for _ in range(dice.randint(1, 4)):
                await self._step(conn)
            await self._end(conn)
        except MET as error:
            self.counts[type(error).__name__] += 1
            if not conn.is_closed():
                await conn.execute("ROLLBACK" if conn.is_in_transaction() else "SELECT 1")

    async def _step(self, conn: Connection) -> None:
        dice = self.dice
        way = dice.choice(self.WAYS)
        if dice.random() < 0.5:
            await way(self, conn)
            return
        self.counts["savepoints"] += 1
        await conn.execute("SAVEPOINT s")
        try:
            await way(self, conn)
            if dice.random() < 0.4:
                await conn.execute("ROLLBACK TO s")
                self.counts["undone"] += 1
            else:
                await conn.execute("RELEASE s")
        except MET as error:
            self.counts[type(error).__name__] += 1
            await conn.execute("ROLLBACK TO s")

    async def _end(self, conn: Connection) -> None:
        dice = self.dice
        if dice.random() < 0.05:
            self.counts["held"] += 1
            await asyncio.sleep(dice.uniform(0, 1.0))
        fate = dice.random()
        if fate < 0.02:
            self.counts["abandoned"] += 1
            conn.terminate()
        elif fate < 0.15:
            self.counts["rolled back"] += 1
            await conn.execute("ROLLBACK")
        elif fate < 0.3 and self.two_phase:
            name = uuid4().hex
            await conn.execute(f"PREPARE TRANSACTION '{name}'")
            self.counts["prepared"] += 1
            self._prepared += 1
            await asyncio.sleep(dice.choice((0, 0.05, 0.8)))
            verdict = "ROLLBACK" if dice.random() < 0.3 else "COMMIT"
            while True:
                try:
                    await conn.execute(f"{verdict} PREPARED '{name}'")
                    break
                except asyncpg.QueryCanceledError:
                    continue
            self._prepared -= 1
        else:
            await conn.execute("COMMIT")
            self.counts["committed"] += 1
