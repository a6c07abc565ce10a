"""A client that does not read: it delays nobody, costs no growing memory, and loses nothing.

The slow clients here are raw sockets with small receive buffers, and a process that is stopped.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from typing import Any

import asyncpg
import orjson
import pytest
from running import Client, Hub, apply
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

Connect = Callable[..., Awaitable[Client]]
Start = Callable[..., Awaitable[Hub]]
ADMIN = "admin@example.com"
#: Changes every booking, each to an aircraft of its own: no two may share one at a time.
MARK = "UPDATE bookings SET aircraft_id = $1 || '/' || right(id::text, 12)"


class Sluggard:
    """A WebSocket client over a raw socket with a tiny window, which reads only when told to."""

    def __init__(self, sock: socket.socket, ws: ClientProtocol) -> None:
        self._sock = sock
        self._ws = ws
        self.heard: list[dict[str, Any]] = []
        self.closed: int | None = None

    @classmethod
    async def connect(cls, hub: Hub) -> Sluggard:
        host, _, port = hub.url.removeprefix("http://").partition(":")
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
        ws = ClientProtocol(parse_uri(hub.ws.replace("http", "ws")))
        ws.send_request(ws.connect())
        client = cls(sock, ws)
        await client._flush()
        return client

    async def _flush(self) -> None:
        for data in self._ws.data_to_send():
            await asyncio.get_running_loop().sock_sendall(self._sock, data)

    async def say(self, **message: Any) -> None:
        self._ws.send_text(orjson.dumps(message))
        await self._flush()

    async def read(self, seconds: float, until: str | None = None) -> None:
        """Read for a while, or until a message of a type."""
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0 and self.closed is None:
            try:
                async with asyncio.timeout(left):
                    data = await asyncio.get_running_loop().sock_recv(self._sock, 65536)
            except TimeoutError:
                return
            if not data:
                self.closed = self._ws.close_code or 0
                return
            self._ws.receive_data(data)
            for event in self._ws.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    told = orjson.loads(event.data)
                    self.heard.append(told)
                    if told["type"] == "ping":
                        await self.say(type="pong")
                    if told["type"] == until:
                        return
                elif isinstance(event, Frame) and event.opcode is Opcode.CLOSE:
                    self.closed = self._ws.close_code

    def close(self) -> None:
        self._sock.close()


@pytest.fixture
async def sluggard() -> AsyncIterator[Callable[[Hub], Awaitable[Sluggard]]]:
    """Connects sluggards that have said hello; their sockets are closed afterwards."""
    made = []

    async def connect(hub: Hub) -> Sluggard:
        client = await Sluggard.connect(hub)
        made.append(client)
        async with asyncio.timeout(20):
            while client._ws.state is State.CONNECTING:
                await client.read(0.1)
        await client.say(type="hello", token=await hub.token_of(ADMIN))
        return client

    yield connect
    for client in made:
        client.close()


Sluggish = Callable[[Hub], Awaitable[Sluggard]]


async def _watching(hub: Hub, sluggard: Sluggish) -> Sluggard:
    client = await sluggard(hub)
    await client.say(type="watch", id="1", topic="bookings")
    await client.read(10, until="live")
    return client


def _rows(heard: list[dict[str, Any]]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for told in heard:
        if told["type"] == "reset":
            rows.clear()
        elif told["type"] == "rows":
            rows |= {row["id"]: row for row in told["rows"]}
        elif told["type"] == "change":
            apply(rows, told)
    return rows


async def _storm(hub: Hub, updates: int) -> None:
    """Update every booking again and again, each a batch of some 700 bytes a booking for each watcher."""
    conn = await asyncpg.connect(hub.dsn)
    try:
        for n in range(updates):
            await conn.execute(MARK, f"N{n}")
            await hub.has_read(conn)
    finally:
        await conn.close()


async def test_who_does_not_read_delays_nobody_and_catches_up(
    start_hub: Start, seeded_dsn: str, connect: Connect, sluggard: Sluggish
) -> None:
    hub = await start_hub(seeded_dsn, slow_timeout=60)
    slow = await _watching(hub, sluggard)
    brisk = await connect(hub, await hub.token_of(ADMIN))
    await brisk.watch("1", "bookings")
    session = next(iter(s for s in hub.house.gate.sessions if s.socket.unsent() == 0))
    assert session.behind is None

    storm = asyncio.create_task(_storm(hub, 150))
    while not any("N149/" in str(told) for told in brisk.heard[-2:]):
        brisk.follow(await brisk.until("change"))
    await storm
    behind = [s for s in hub.house.gate.sessions if s.behind is not None]
    assert len(behind) == 1, "the slow one is behind, the brisk one is not"
    # No queue: what is kept for it is what its socket's buffer held when it fell behind.
    limit = hub.house.settings.slow_after_bytes
    assert behind[0].socket.unsent() < limit + 200_000
    held = behind[0].socket.unsent()
    assert not behind[0].socket.transport.is_reading(), "it may not make us owe it more"
    await _storm(hub, 20)
    assert behind[0].socket.unsent() <= held, "it grew while nobody read"

    deadline = monotonic() + 40
    while monotonic() < deadline and behind[0].behind is not None:
        await slow.read(0.2)
    fresh = await connect(hub, await hub.token_of(ADMIN))
    await fresh.watch("1", "bookings")
    # What it is told last may be on its way for a while: its window is tiny.
    while monotonic() < deadline and _rows(slow.heard) != fresh.rows["1"]:
        await slow.read(0.2)
    assert _rows(slow.heard) == fresh.rows["1"]
    changes = [told for told in slow.heard if told["type"] == "change"]
    assert len(changes) < 170, "what it missed came conflated"
    assert session.sent >= len(changes) - 1
    # And it is live again.
    await _storm(hub, 1)
    await slow.read(5, until="change")
    assert "N0/" in str(slow.heard[-1])


async def test_who_never_reads_is_let_go(
    start_hub: Start, seeded_dsn: str, sluggard: Sluggish
) -> None:
    hub = await start_hub(seeded_dsn, slow_timeout=1)
    await _watching(hub, sluggard)
    await _storm(hub, 150)
    deadline = monotonic() + 15
    while hub.house.gate.sessions and monotonic() < deadline:
        await asyncio.sleep(0.1)
    assert not hub.house.gate.sessions
    assert len(hub.house.gate.views) == 0


async def test_a_first_picture_is_not_heaped_up_for_who_does_not_read(
    start_hub: Start, seeded_dsn: str, sluggard: Sluggish
) -> None:
    hub = await start_hub(seeded_dsn, slow_timeout=60)
    conn = await asyncpg.connect(hub.dsn)
    await conn.execute(
        """INSERT INTO notifications (user_id, type, title, message)
           SELECT id, 'CONFIRMATION', 'n' || n, repeat('x', 900) FROM users, generate_series(1, 4000) AS n
            WHERE email = $1""",
        ADMIN,
    )
    await conn.close()
    slow = await sluggard(hub)
    for n in range(8):
        await slow.say(type="watch", id=str(n), topic="notifications")
    await asyncio.sleep(1.5)
    (session,) = hub.house.gate.sessions
    # Eight pictures of 4 MB each wait; a page or so of each is in the buffer.
    assert session.socket.unsent() < 3_000_000
    for _ in range(8):
        await slow.read(30, until="live")
    assert sum(told["type"] == "live" for told in slow.heard) == 8
    counts = {str(n): 0 for n in range(8)}
    for told in slow.heard:
        if told["type"] == "rows":
            counts[told["id"]] += len(told["rows"])
    assert len(set(counts.values())) == 1
    assert counts["0"] >= 4000


READER = """
import asyncio, sys, orjson, aiohttp
async def main():
    async with aiohttp.ClientSession() as http, http.ws_connect(sys.argv[1]) as ws:
        await ws.send_str(orjson.dumps({"type": "hello", "token": sys.argv[2]}).decode())
        await ws.send_str('{"type":"watch","id":"1","topic":"bookings"}')
        async for message in ws:
            told = orjson.loads(message.data)
            if told["type"] == "ping":
                await ws.send_str('{"type":"pong"}')
            sys.stdout.write(message.data + "\\n")
            sys.stdout.flush()
asyncio.run(main())
"""


async def test_a_stopped_process_resumes_to_the_true_state(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn, slow_timeout=60)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", READER, hub.ws, await hub.token_of(ADMIN),
        stdout=asyncio.subprocess.PIPE, limit=2**26,
    )  # fmt: skip
    assert process.stdout is not None
    heard: list[dict[str, Any]] = []

    async def until(mark: str) -> None:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            while True:
                line = await process.stdout.readline()
                heard.append(orjson.loads(line))
                if mark in line.decode():
                    return

    try:
        await until('"live"')
        os.kill(process.pid, signal.SIGSTOP)
        # Kernel buffers take megabytes before anyone notices that it stands still.
        conn = await asyncpg.connect(hub.dsn)
        for n in range(600):
            await conn.execute(MARK, f"N{n}")
            if n % 20 == 0 and any(s.behind for s in hub.house.gate.sessions):
                break
        else:
            raise AssertionError("the stopped client never fell behind")
        await conn.execute(MARK, "NLAST")
        await hub.has_read(conn)
        await conn.close()
        began = monotonic()
        brisk = await connect(hub, await hub.token_of(ADMIN))
        await brisk.watch("1", "bookings")
        assert monotonic() - began < 5
        os.kill(process.pid, signal.SIGCONT)
        await until("NLAST/")
        # The hub's own clock may have ended a flight meanwhile, for either.
        ended = {"status", "updated_at"}
        ours, theirs = (
            {key: {k: v for k, v in row.items() if k not in ended} for key, row in rows.items()}
            for rows in (_rows(heard), brisk.rows["1"])
        )
        assert ours == theirs
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
