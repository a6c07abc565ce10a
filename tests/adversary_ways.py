"""Ways to change rows of the watched tables: each a statement or a few, on any session.

They know which keys there have been, not which there are, so that writers meet and miss each other.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import asyncpg

Connection = asyncpg.Connection
EPOCH = datetime(2031, 1, 1, tzinfo=UTC)


class Ways:
    """``dice`` chooses; ``WAYS`` are all of them."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.counts: Counter[str] = Counter()
        #: Held while a TRUNCATE is under way: what other snapshots see of it is not MVCC's (manual, 13.6).
        self.truncating = asyncio.Lock()
        self._people: list[UUID] = []
        self._teachers: list[UUID] = []
        self._keys: list[UUID] = []

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

    WAYS: tuple[Callable[[Any, Connection], Awaitable[None]], ...] = (
        *(_insert, _update, _update, _update_many, _touch, _delete, _offer, _copy, _move_keys),
        *(_again, _thin_out, _rename, _overflow, _truncate),
    )
