"""The feed through everything that ends a connection: nothing lost, nothing twice, and soon.

Sessions killed, the server restarted and crashed, a peer that falls silent without a word; and a real
client on a real socket that comes back with its cursor. The slow timer is off unless it is tested.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from feeding import Node, following, until
from pgserver import Server
from running import Client, Hub
from writing import TOUCH, connections, own_rows

from hub.db.migrations import migrate
from hub.db.pool import connect as hub_connect
from hub.feed.doorbell import Mode, Pace
from hub.feed.feed import Limits
from hub.settings import Settings

Conn = asyncpg.Connection
LAZY = Pace(probe=3600)
#: Reconnecting is paced; these tests are not about by how much.
SOON = Limits(backoff=0.2)
BOUND = 5.0


async def read_soon(node: Node, conn: Conn, key: Any) -> None:
    """A change made now is handed on with nobody asking."""
    before = len(node.seen.events)
    await conn.execute(TOUCH, key)
    await until(lambda: len(node.seen.events) > before, BOUND)


async def test_killed_again_and_again(sleepy_dsn: str) -> None:
    """Noticed at once, asleep or awake, without waiting for a probe."""
    async with (
        connections(sleepy_dsn, 2) as (writer, killer),
        following(sleepy_dsn, LAZY, SOON) as node,
    ):
        [key] = await own_rows(writer, 1)
        stop = False

        async def write() -> int:
            written = 0
            while not stop:
                await writer.execute(TOUCH, key)
                written += 1
                await asyncio.sleep(0.002 if written % 50 else 0.2)
            return written

        writing = asyncio.create_task(write())
        try:
            for number in range(6):
                killed = node.backends[-1]
                await killer.execute("SELECT pg_terminate_backend($1)", killed)
                await until(
                    lambda killed=killed: node.backends[-1] != killed and node.feed.healthy, BOUND
                )
                await asyncio.sleep(0.03 * (number % 4))
        finally:
            stop = True
            written = await writing
        await read_soon(node, writer, key)
        await node.reach(writer)
        touched = [event for event in node.seen.events if "duration_minutes" in event.changed]
        assert len(touched) == written + 1
        assert node.seen.restarts == []
        assert node.seen.loads == 1  # no interruption is a reason to read everything anew


async def test_killed_in_its_sleep(sleepy_dsn: str) -> None:
    """What is written while it is gone rings no bell; it is read all the same."""
    async with connections(sleepy_dsn, 1) as (writer,), following(sleepy_dsn, LAZY, SOON) as node:
        [key] = await own_rows(writer, 1)
        for _ in range(3):
            await until(lambda: node.feed.mode is Mode.ASLEEP)
            await writer.execute("SELECT pg_terminate_backend($1)", node.backends[-1])
            await read_soon(node, writer, key)
        await node.reach(writer)


@pytest.fixture
def own_server(_plain_environment: None) -> Any:
    server = Server()
    yield server
    server.remove()


async def test_the_server_stopped_crashed_and_restarted(own_server: Server) -> None:
    server = own_server
    await migrate(server.dsn())
    async with following(server.dsn(), LAZY, SOON) as node:
        for how in (signal.SIGINT, signal.SIGQUIT):
            async with connections(server.dsn(), 1) as (writer,):
                [key] = await own_rows(writer, 1)
                await node.reach(writer)
                # Committed and at once cut off: it may be told before or after, but is.
                await writer.execute(TOUCH, key)
            await asyncio.to_thread(server.stop, how)
            await until(lambda: not node.feed.healthy, BOUND)
            assert node.feed.why
            assert "postgres" not in node.feed.why or "@" not in node.feed.why
            await asyncio.to_thread(server.start)
            async with connections(server.dsn(), 1) as (writer,):
                await until(lambda: node.feed.healthy, 20)
                await read_soon(node, writer, key)
                await node.reach(writer)
        assert node.seen.restarts == []


@asynccontextmanager
async def wire(path: Path, to: str) -> AsyncIterator[Callable[[bool], None]]:
    """A socket in front of PostgreSQL's that can be made to swallow everything, saying nothing."""
    dead, tasks = asyncio.Event(), set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if not dead.is_set():
                    writer.write(data)
        if not dead.is_set():
            writer.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_unix_connection(to)
        for pair in ((reader, there[1]), (there[0], writer)):
            task = asyncio.create_task(pump(*pair))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        writers.extend((writer, there[1]))

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_unix_server(carry, path)

    def swallow(yes: bool) -> None:
        (dead.set if yes else dead.clear)()

    try:
        yield swallow
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.close()


async def test_a_peer_that_falls_silent(server: Server, dsn: str, tmp_path: Path) -> None:
    """No FIN, no reset: only the probe finds out, within a probe and a statement's time."""
    socket = tmp_path / ".s.PGSQL.5432"
    async with (
        wire(socket, f"{server.data}/.s.PGSQL.5432") as swallow,
        connections(dsn, 1) as (writer,),
    ):
        [key] = await own_rows(writer, 1)
        settings = Settings(statement_timeout=0.5, connect_timeout=2)
        through = dsn.replace(str(server.data), str(tmp_path))

        async def dial() -> Any:
            return await hub_connect(through, settings=settings)

        async with following(through, Pace(probe=0.5), SOON, dial) as node:
            await read_soon(node, writer, key)
            swallow(True)
            await writer.execute(TOUCH, key)
            await until(lambda: not node.feed.healthy, 20)
            swallow(False)
            await until(lambda: node.feed.healthy, 20)
            await node.reach(writer)
            assert node.seen.restarts == []
            assert len(node.seen.events) == 2


async def test_a_client_comes_back_on_its_cursor(
    start_hub: Callable[..., Awaitable[Hub]],
    connect: Callable[..., Awaitable[Client]],
    seeded_dsn: str,
) -> None:
    """The feed's session killed and the hub restarted under a writer: each change once, in order."""
    hub = await start_hub(seeded_dsn, pace=LAZY)
    admin = await asyncpg.connect(seeded_dsn)
    try:
        email = await admin.fetchval("SELECT email FROM users WHERE role = 'ADMIN' LIMIT 1")
        key = await admin.fetchval("SELECT id FROM bookings WHERE status = 'COMPLETED' LIMIT 1")
        token = await hub.token_of(email)
        seen: list[int] = []
        client = await connect(hub, token)
        await client.watch("1", "bookings")
        for turn in range(1, 10):
            await admin.execute(
                "UPDATE bookings SET duration_minutes = $2 WHERE id = $1", key, 1000 + turn
            )
            if turn % 3 == 1:
                backend = "query LIKE 'SELECT pg_current_snapshot%' OR query LIKE '%advisory%'"
                await admin.execute(
                    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    f" WHERE datname = current_database() AND pid <> pg_backend_pid() AND ({backend})"
                )
            elif turn % 3 == 2:
                await hub.restart()
                cursor = client.cursors["1"]
                rows = client.rows["1"]
                client = await connect(hub, token)
                live = await client.watch("1", "bookings", cursor=cursor)
                assert live["resumed"]
                seen += _durations(client.heard, str(key))
                client.rows["1"] = rows | client.rows["1"]
                client.heard.clear()
            while not seen or seen[-1] < 1000 + turn:
                change = await client.until("change")
                client.follow(change)
                seen += _durations([change], str(key))
        assert seen == sorted(set(seen))
        assert seen[-1] == 1009
        assert client.rows["1"][str(key)]["duration_minutes"] == 1009
    finally:
        await admin.close()


def _durations(heard: list[dict[str, Any]], key: str) -> list[int]:
    return [
        item["row"]["duration_minutes"]
        for told in heard
        if told["type"] == "change"
        for transaction in told["transactions"]
        for item in transaction["items"]
        if item["key"] == key
    ]
