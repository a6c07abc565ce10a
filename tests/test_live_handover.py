"""The hand-over: aiohttp lets go of a socket, on asyncio and on uvloop, and knows nothing of it after.

These tests hold the pinned aiohttp to the lines in ``hub.live.handover`` that touch its inside.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from hub.live.handover import take_over

UPGRADE = (
    b"GET /up HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class Echo(asyncio.Protocol):
    """Sends back what it is sent, in upper case."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.lost = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.transport.write(data.upper())

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


def _run(factory: Callable[[], asyncio.AbstractEventLoop], work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=factory, debug=True) as runner:
        runner.run(asyncio.wait_for(work, 20))


class Site:
    """An aiohttp site whose ``/up`` hands its socket over and whose ``/`` answers as usual."""

    def __init__(self) -> None:
        self.taken: list[Echo | None] = []

    async def __aenter__(self) -> Site:
        async def up(request: web.Request) -> web.StreamResponse:
            self.taken.append(take_over(request, Echo))
            return web.Response(text="never sent")

        async def plain(request: web.Request) -> web.StreamResponse:
            return web.Response(text="plain")

        app = web.Application()
        app.router.add_get("/up", up)
        app.router.add_get("/", plain)
        self.runner = web.AppRunner(app, keepalive_timeout=0.3, shutdown_timeout=0.5)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.port = self.runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for echo in self.taken:
            if echo is not None:
                echo.transport.abort()
        await self.runner.cleanup()

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def loop_factory(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_bytes_that_came_with_the_request_are_passed_on(
    loop_factory: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with Site() as site:
            reader, writer = await site.dial()
            writer.write(UPGRADE + b"early ")
            assert await reader.readexactly(6) == b"EARLY "
            writer.write(b"later")
            assert await reader.readexactly(5) == b"LATER"
            writer.close()
            (echo,) = site.taken
            assert echo is not None
            await echo.lost

    _run(loop_factory, work())
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_aiohttp_forgets_the_socket(loop_factory: Any) -> None:
    async def work() -> None:
        async with Site() as site:
            reader, writer = await site.dial()
            writer.write(UPGRADE)
            writer.write(b"a")
            assert await reader.readexactly(1) == b"A"
            # Longer than aiohttp's keep-alive: its timer must not close what is ours.
            await asyncio.sleep(0.7)
            gc.collect()
            held = [one for one in gc.get_objects() if isinstance(one, RequestHandler)]
            assert not held, "aiohttp's protocol is still referenced"
            assert not site.runner.server.connections  # type: ignore[union-attr]
            writer.write(b"still here")
            assert await reader.readexactly(10) == b"STILL HERE"
            writer.close()

    _run(loop_factory, work())


def test_after_requests_on_one_connection_and_with_many_bytes(loop_factory: Any) -> None:
    async def work() -> None:
        async with Site() as site:
            reader, writer = await site.dial()
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\nplain")
            assert b"200 OK" in head
            writer.write(UPGRADE)
            sent = b"x" * 300_000
            writer.write(sent)
            assert await reader.readexactly(len(sent)) == sent.upper()
            writer.close()

    _run(loop_factory, work())


def test_a_client_that_is_gone_already(loop_factory: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with Site() as site:
            for _ in range(20):
                _, writer = await site.dial()
                writer.write(UPGRADE)
                writer.transport.abort()
            await asyncio.sleep(0.3)
            reader, writer = await site.dial()
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b"200 OK" in await reader.read()
            writer.close()

    _run(loop_factory, work())
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
