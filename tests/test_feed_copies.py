"""Copies of the whole server: a standby, its promotion, and a folder put back as it once was.

A promotion may have lost transactions, so it begins a history of its own, which its timeline tells. A folder
that is put back tells nothing of the sort: there the node's own cursor is ahead of the server.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from feeding import OnePhase, following, until
from pgserver import Server
from test_feed_epochs import PROBING, SOON, goes_on, is_refused, lived_in
from test_feed_recall import now
from writing import connections, own_rows

from hub.db.migrations import migrate
from hub.db.pool import connect
from hub.errors import HubError
from hub.rules.cursor import Cursor
from hub.settings import Settings


class Standby(Server):
    """A server that follows another one until it is promoted."""

    def __init__(self, primary: Server) -> None:
        self._primary = primary
        super().__init__()

    def _initdb(self) -> None:
        done = subprocess.run(
            [
                *(self.bin / "pg_basebackup", "-h", self._primary.data, "-U", "postgres"),
                *("-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync"),
            ],
            capture_output=True,
            text=True,
            cwd="/",
            **self._account.spawn,
        )
        assert done.returncode == 0, done.stderr
        # The primary's, whose socket lies in its folder.
        (self.data / ".s.PGSQL.5432.lock").unlink()
        with (self.data / "postgresql.auto.conf").open("a") as file:
            file.write(f"unix_socket_directories = '{self.data}'\n")


@pytest.fixture
def primary(_plain_environment: None) -> Iterator[Server]:
    server = OnePhase()
    yield server
    server.remove()


@pytest.fixture
def standby(primary: Server) -> Iterator[Server]:
    if not (primary.bin / "pg_basebackup").exists():
        pytest.skip("this PostgreSQL comes without its programs")
    server = Standby(primary)
    yield server
    server.remove()


async def test_promotion(primary: Server, standby: Server) -> None:
    """A standby is refused in a word; once promoted it is another history."""
    await migrate(primary.dsn())
    old = await lived_in(primary.dsn())
    at = primary.dsn()

    async def dial() -> Any:
        return await connect(at, settings=Settings())

    async with following(primary.dsn(), PROBING, SOON, dial) as node:
        before = node.feed.cursor
        async with connections(primary.dsn(), 1) as (conn,):
            written = await conn.fetchval("SELECT pg_current_wal_lsn()::text")
        async with connections(standby.dsn(), 1) as (conn,):
            behind = f"SELECT pg_last_wal_replay_lsn() >= '{written}'"
            async with asyncio.timeout(20):
                while not await conn.fetchval(behind):
                    await asyncio.sleep(0.05)
            at = standby.dsn()
            await asyncio.to_thread(primary.stop)
            await until(lambda: "standby" in node.feed.why)
            assert not node.feed.healthy
            await conn.execute("SELECT pg_promote()")
        await until(lambda: node.feed.healthy)
        assert node.seen.restarts == ["epoch"]
        assert node.feed.epoch != before.epoch
        for cursor in (old, before):
            await is_refused(node, standby.dsn(), cursor)
        await goes_on(node, standby.dsn())


async def test_a_hub_that_begins_on_a_standby(primary: Server, standby: Server) -> None:
    """It waits, says so, and begins with the promotion."""
    await migrate(primary.dsn())
    await lived_in(primary.dsn())
    async with following(standby.dsn(), PROBING, SOON, begun=False) as node:
        await until(lambda: "standby" in node.feed.why)
        with pytest.raises(HubError):
            _ = node.feed.cursor
        async with connections(standby.dsn(), 1) as (conn,):
            await conn.execute("SELECT pg_promote()")
        async with asyncio.timeout(20):
            await node.feed.begun()
        await goes_on(node, standby.dsn())


async def test_a_folder_put_back(primary: Server, tmp_path: Path) -> None:
    """The same server to look at, its past come back under a node that knows what came after.

    Even if others have written since, as long as they have not overtaken the node.
    """
    server, kept = primary, tmp_path / "kept"
    await migrate(server.dsn())
    old = await lived_in(server.dsn())
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(shutil.copytree, server.data, kept, symlinks=True)
    await asyncio.to_thread(server.start)
    async with following(server.dsn(), PROBING, SOON) as node:
        assert node.feed.epoch == old.epoch
        async with connections(server.dsn(), 1) as (conn,):
            for _ in range(10):
                await own_rows(conn, 1)
            await node.reach(conn)
            ahead = Cursor(node.feed.epoch, await now(conn))
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(_put_back, server, kept)
        await asyncio.to_thread(server.start)
        async with connections(server.dsn(), 1) as (conn,):
            await own_rows(conn, 1)
        await until(lambda: "epoch" in node.seen.restarts)
        for cursor in (old, ahead):
            await is_refused(node, server.dsn(), cursor)
        await goes_on(node, server.dsn())


def _put_back(server: Server, kept: Path) -> None:
    shutil.rmtree(server.data)
    shutil.copytree(kept, server.data, symlinks=True)
    server.data.chmod(0o700)
    for path in (server.data, *server.data.rglob("*")):
        server._account.own(path)
