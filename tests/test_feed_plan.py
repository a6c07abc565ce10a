"""The feed's read costs what is new: it never scans the events that everybody has seen."""

from __future__ import annotations

import asyncpg
import pytest

from hub.feed.sql import SQL


@pytest.mark.parametrize("analyzed", [False, True])
async def test_a_read_looks_up_and_does_not_scan(
    conn: asyncpg.Connection[asyncpg.Record], analyzed: bool
) -> None:
    await conn.execute(
        """INSERT INTO events (entity, op, lsn) SELECT 'bookings', 'T', '0/0'::pg_lsn + n
             FROM generate_series(1, 50000) AS n"""
    )
    if analyzed:
        await conn.execute("ANALYZE events")
    await conn.execute(SQL.plan)
    await conn.execute(f"PREPARE feed_read (text, text, int) AS {SQL.read}")
    now = await conn.fetchval("SELECT pg_current_snapshot()::text")
    plan = "\n".join(
        row[0] for row in await conn.fetch(f"EXPLAIN EXECUTE feed_read ('1', '{now}', 5001)")
    )
    assert "on events" in plan
    assert "Seq Scan on events" not in plan, plan
    assert "Gather" not in plan, plan
