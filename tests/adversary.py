"""Writers that do to the watched tables whatever programs may do, in gusts, for a while.

They use no knowledge of the feed. ``Adversary.run`` ends with every transaction ended, two-phase ones too,
and ``counts`` says what happened, so that a test can tell that its adversary was one.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg

Connection = asyncpg.Connection
#: What writers meet in each other's company; anything else fails the test.
MET = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
)
EPOCH = datetime(2031, 1, 1, tzinfo=UTC)


class Adversary:
    """``writers`` connections to ``dsn``; ``two_phase`` where transactions may be prepared."""

    def __init__(self, dsn: str, *, seed: int, two_phase: bool, writers: int = 11) -> None:
        self.dsn = dsn
        self.dice = Random(seed)
        self.two_phase = two_phase
        self.writers = writers
        self.counts: Counter[str] = Counter()
        #: Held while a TRUNCATE is under way: what other snapshots see of it is not MVCC's (manual, 13.6).
        self.truncating = asyncio.Lock()
        self.pids: list[int] = []
        self._people: list[UUID] = []
        self._teachers: list[UUID] = []
        self._keys: list[UUID] = []
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
                await dice.choice(self._WAYS)(self, conn)  # a statement by itself
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
        way = dice.choice(self._WAYS)
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

    # Ways to change something. Each is one or a few statements.

    async def _insert(self, conn: Connection) -> None:
        dice, number = self.dice, self.dice.randint(1, 3)
        status = dice.choice(("CANCELLED", "COMPLETED", "CONFIRMED"))
        keys = await conn.fetch(
            "INSERT INTO bookings (student_id, instructor_id, aircraft_id, departure_airport,"
            " arrival_airport, departure_latitude, departure_longitude, arrival_latitude,"
            " arrival_longitude, scheduled_datetime, training_level, status)"
            " SELECT $1, $2, 'N1', 'A', 'B', 0, 0, 0, 0, $3::timestamptz + n * interval '2 hours',"
            " 'STUDENT_PILOT', $4 FROM generate_series(1, $5) AS n RETURNING id",
            dice.choice(self._people),
            dice.choice(self._teachers),
            EPOCH + timedelta(hours=2 * dice.randint(0, 500)),
            status,
            number,
        )
        self._keys = self._keys[-200:] + [row["id"] for row in keys]

    async def _update(self, conn: Connection) -> None:
        for key in self._some(2):  # in any order: deadlocks
            await conn.execute(
                "UPDATE bookings SET duration_minutes = $2 WHERE id = $1",
                key,
                self.dice.randint(30, 90),
            )

    async def _update_many(self, conn: Connection) -> None:
        await conn.execute(
            "UPDATE bookings SET arrival_airport = left(id::text, 1 + $2) WHERE id = ANY($1)",
            self._some(12),
            self.dice.randint(0, 3),
        )

    async def _touch(self, conn: Connection) -> None:
        await conn.execute("UPDATE bookings SET status = status WHERE id = ANY($1)", self._some(3))

    async def _delete(self, conn: Connection) -> None:
        await conn.execute("DELETE FROM bookings WHERE id = ANY($1)", self._some(2))

    async def _offer(self, conn: Connection) -> None:
        await conn.execute(
            "WITH o AS (INSERT INTO reschedule_options (booking_id, suggested_datetime)"
            " SELECT id, scheduled_datetime FROM bookings WHERE id = ANY($1) RETURNING *)"
            " INSERT INTO preference_rankings (booking_id, user_id, option1_id, deadline)"
            " SELECT booking_id, $2, id, now() FROM o"
            " ON CONFLICT (booking_id, user_id) DO UPDATE SET option1_id = excluded.option1_id",
            self._some(3),
            self.dice.choice(self._people),
        )

    async def _copy(self, conn: Connection) -> None:
        who = self.dice.choice(self._people)
        rows = [(who, "ESCALATION", "t", str(n)) for n in range(self.dice.randint(1, 20))]
        columns = ["user_id", "type", "title", "message"]
        await conn.copy_records_to_table("notifications", records=rows, columns=columns)

    async def _move_keys(self, conn: Connection) -> None:
        await conn.execute(
            "UPDATE notifications SET id = gen_random_uuid(), read = NOT read WHERE id IN"
            " (SELECT id FROM notifications ORDER BY random() LIMIT 3)"
        )

    async def _again(self, conn: Connection) -> None:
        await conn.execute(
            "WITH gone AS (DELETE FROM notifications WHERE id ="
            " (SELECT id FROM notifications ORDER BY random() LIMIT 1)"
            " RETURNING *) INSERT INTO notifications SELECT * FROM gone"
        )

    async def _thin_out(self, conn: Connection) -> None:
        await conn.execute(
            "DELETE FROM notifications WHERE user_id = $1 AND random() < 0.5",
            self.dice.choice(self._people),
        )

    async def _rename(self, conn: Connection) -> None:
        await conn.execute(
            "UPDATE users SET first_name = $2, email = gen_random_uuid()::text WHERE id = $1",
            self.dice.choice(self._people),
            str(self.dice.randint(1, 3)),
        )

    async def _overflow(self, conn: Connection) -> None:
        """More subtransactions than a backend's cache holds (64), some of them undone."""
        await conn.execute(
            f"DO $$BEGIN FOR n IN 1..70 LOOP BEGIN"
            f" UPDATE bookings SET duration_minutes = n WHERE id = '{self._some(1)[0]}';"
            f" IF n % 2 = 0 THEN RAISE division_by_zero; END IF;"
            f" EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END$$"
        )

    async def _truncate(self, conn: Connection) -> None:
        if self.truncating.locked() or conn.is_in_transaction() or self.dice.random() < 0.7:
            return
        async with self.truncating:
            await conn.execute("TRUNCATE preference_rankings")
            self.counts["truncated"] += 1

    def _some(self, number: int) -> list[UUID]:
        return self.dice.sample(self._keys, min(number, len(self._keys)))

    _WAYS: tuple[Callable[[Any, Connection], Awaitable[None]], ...] = (
        *(_insert, _update, _update, _update_many, _touch, _delete, _offer, _copy, _move_keys),
        *(_again, _thin_out, _rename, _overflow, _truncate),
    )
