"""Writers who wait for somebody's lock: they hold up each other, and nobody else.

The somebody is a transaction in psql that its user has left open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from offers import waiting
from resthouse import Rest, opened

PATH = "/api/v1/bookings"


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        yield door


async def test_whoever_reads_is_answered_and_who_writes_is_told_soon(door: Rest) -> None:
    flight = await door.booking()
    path = f"{PATH}/{flight['id']}"
    async with door.conn.transaction():
        await door.conn.execute("UPDATE bookings SET duration_minutes = 61")
        asked = [
            asyncio.create_task(door.ask("admin", "PATCH", path, {"duration_minutes": 70 + n}))
            for n in range(8)
        ]
        await waiting(door, 4)
        async with asyncio.timeout(2.5), aiohttp.ClientSession() as http:
            assert (await door.ask("sam", "GET", path)).status == 200
            assert (await door.ask("admin", "GET", f"{PATH}?limit=50")).status == 200
            async with http.get(f"{door.hub.url}/readyz") as ready:
                assert ready.status == 200
        told = await asyncio.gather(*asked)
    for said in told:
        assert (said.status, said.code) == (503, "unavailable"), said.body
        assert int(said.headers["Retry-After"]) >= 1
    # Whoever let go, whoever came: it goes on.
    again = await door.ask("admin", "PATCH", path, {"duration_minutes": 90})
    assert (again.status, again.json["duration_minutes"]) == (200, 90)
