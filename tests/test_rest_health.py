"""Alive and ready: what balancers ask, with the database there, gone, hanging and behind."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pgserver import Server
from resthouse import ID, Rest, opened


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        yield door


async def failing(door: Rest) -> set[str]:
    """The checks of /readyz that fail; that it says so by its status too."""
    said = await door.ask(None, "GET", "/readyz")
    checks = said.json["checks"]
    assert set(checks) == {"database", "listener", "migrations"}
    wrong = {name for name, check in checks.items() if not check["ok"]}
    assert all(bool(check["why"]) is not check["ok"] for check in checks.values())
    assert said.status == (503 if wrong else 200)
    assert said.json["status"] == ("unready" if wrong else "ready")
    assert ("Retry-After" in said.headers) is bool(wrong)
    assert (await door.ask(None, "GET", "/healthz")).json == {"status": "alive"}
    return wrong


async def test_ready(door: Rest) -> None:
    assert await failing(door) == set()


async def test_a_database_behind_is_not_ready(door: Rest) -> None:
    await door.conn.execute("DELETE FROM schema_migrations WHERE name LIKE '009%'")
    assert await failing(door) == {"migrations"}


async def test_a_database_that_hangs_is_not_waited_for(door: Rest) -> None:
    async with door.conn.transaction():
        await door.conn.execute("LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        assert "database" in await failing(door)
        assert time.monotonic() - began < 5
    assert await failing(door) == set()


async def until(door: Rest, wrong: set[str]) -> None:
    """Ask until just these checks fail."""
    found: set[str] = set()
    for _ in range(150):
        found = await failing(door)
        if found == wrong:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"still failing: {found}")


async def test_a_database_that_goes_and_comes_back(door: Rest, server: Server) -> None:
    server.stop(signal.SIGQUIT)
    try:
        await until(door, {"database", "listener", "migrations"})
        for method, path in (
            ("GET", "/api/v1/bookings"),
            ("POST", f"/api/v1/notifications/{ID['sam']}/read"),
        ):
            said = await door.ask("sam", method, path)
            assert (said.code, said.status, said.headers["Retry-After"]) == (
                "unavailable",
                503,
                "1",
            )
    finally:
        server.start()
    await until(door, set())
    assert (await door.ask("sam", "GET", "/api/v1/bookings")).status == 200
