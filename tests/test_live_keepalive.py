"""One wheel turns for all: an idle socket has no timer and no task, and a dead peer is found."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from running import Client, Hub
from websockets.frames import Frame, Opcode

from hub.live.closing import Code

Connect = Callable[..., Awaitable[Client]]
Start = Callable[..., Awaitable[Hub]]
ADMIN = "admin@example.com"
MANY = 500


class Quiet(asyncio.Protocol):
    """A client that says hello and two watches, and then nothing; it has no timer and no task."""

    def __init__(self, hub: Hub, token: str) -> None:
        host = hub.url.removeprefix("http://")
        said = [
            f'{{"type":"hello","token":"{token}"}}',
            '{"type":"watch","id":"1","topic":"bookings"}',
            '{"type":"watch","id":"2","topic":"notifications"}',
        ]
        head = (
            f"GET /api/v1/ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        self._first = head.encode() + b"".join(
            Frame(Opcode.TEXT, text.encode()).serialize(mask=True) for text in said
        )
        self.lives = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._first)

    def data_received(self, data: bytes) -> None:
        self.lives += data.count(b'"type":"live"')


async def test_five_hundred_idle_sockets_have_no_task_and_no_timer(
    start_hub: Start, seeded_dsn: str
) -> None:
    hub = await start_hub(seeded_dsn, max_sockets_per_principal=MANY, ping_every=600)
    token = await hub.token_of(ADMIN)
    loop: Any = asyncio.get_running_loop()

    async def cost() -> tuple[int, int]:
        # Keep-alive timers of aiohttp go by themselves when due; a session's would stay.
        await asyncio.sleep(0.5)
        timers = [timer for timer in loop._scheduled if not timer.cancelled()]
        return len(asyncio.all_tasks()), len(timers)

    before = await cost()
    clients = []
    for _ in range(MANY):
        client = Quiet(hub, token)
        await loop.create_connection(lambda client=client: client, "127.0.0.1", hub.port)
        clients.append(client)
    async with asyncio.timeout(40):
        while any(client.lives < 2 for client in clients):
            await asyncio.sleep(0.05)
    assert len(hub.house.gate.sessions) == MANY
    tasks, timers = await cost()
    # Some of the house's own come and go; the sessions' would be five hundred.
    assert tasks <= before[0] + 20
    assert timers <= before[1] + 20
    for client in clients:
        client.transport.abort()


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_USER_TIMEOUT is Linux's (RFC 5482)")
async def test_a_peer_that_acknowledges_nothing_is_given_up_by_tcp(
    hub: Hub, connect: Connect
) -> None:
    await connect(hub, await hub.token_of(ADMIN))
    (session,) = hub.house.gate.sessions
    raw = session.socket.transport.get_extra_info("socket")  # type: ignore[attr-defined]
    assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


async def test_a_half_open_peer_is_found_by_ping(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn, ping_every=1, pong_timeout=1)
    client = await connect(hub, await hub.token_of(ADMIN))
    # As if its network were gone: what it sends no longer arrives, and it sends nothing.
    client.answers = False
    bye = await client.until("bye", timeout=10)
    assert bye["code"] == Code.NO_PONG
    async with asyncio.timeout(10):
        while hub.house.gate.sessions:
            await asyncio.sleep(0.05)
    assert not hub.house.gate.addresses
