"""An open house cleans up after itself: what it need not keep any more is gone, and nobody was asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from resthouse import at, draft, opened

from hub.schedule import clock

BOOKINGS, PAIRINGS = "/api/v1/bookings", "/api/v1/pairings"
#: What the house keeps for a while, and by which of its times.
KEPT = {"events": "at", "idempotency_keys": "created_at", "pairing_codes": "expires_at"}


async def test_the_house_s_own_clock_prunes_events_keys_and_codes(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "EVERY", 0.2)
    async with opened(dsn, tmp_path) as door:

        async def counted(age: str) -> dict[str, int]:
            return {
                table: await door.conn.fetchval(
                    f"SELECT count(*) FROM {table} WHERE ({column} < now() - interval '80 days') = $1",
                    age == "old",
                )
                for table, column in KEPT.items()
            }

        async def written(hour: int) -> None:
            key = {"Idempotency-Key": f"at {hour}"}
            body = draft(scheduled_datetime=at(hour))
            assert (await door.ask("admin", "POST", BOOKINGS, body, headers=key)).status == 201
            assert (await door.ask(None, "POST", PAIRINGS)).status == 201

        await written(9)
        for table, column in KEPT.items():
            await door.conn.execute(f"UPDATE {table} SET {column} = now() - interval '90 days'")
        await written(12)
        async with asyncio.timeout(20):
            while any((await counted("old")).values()):
                await asyncio.sleep(0.05)
        assert all((await counted("new")).values()), "what is not old yet stays"
