"""Bytes that are not HTTP: a problem for the client, nothing for the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import orjson
import pytest
import structlog
from aiohttp import web

from hub.rest import Runner

SECRET = b"hunter2"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_route("*", "/", echo)
    runner = Runner(app, access_log=None, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def say(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_malformed_bytes(port: int, caplog: pytest.LogCaptureFixture) -> None:
    close = b"Connection: close\r\n\r\n"
    with structlog.testing.capture_logs() as logs, caplog.at_level(logging.INFO):
        for data in (
            b"\x16\x03\x01" + SECRET + b"\r\n\r\n",
            SECRET + b" / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /?" + SECRET + b"\xff HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + SECRET + b"\x00\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization " + SECRET + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nX: " + SECRET * 9999 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\n" + SECRET,
            b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        ):
            said = await say(port, data)
            assert said.split()[1] in (b"400", b"431"), data[:40]
            assert b"application/problem+json" in said
            assert b'"code":"malformed"' in said
            head, _, body = said.partition(b"\r\n\r\n")
            lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
            assert lines[b"X-Request-Id"].decode() == orjson.loads(body)["request_id"]
            assert lines[b"Server"] == b"hub"
            assert SECRET not in said
        said = await say(
            port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n" + close + b"ok"
        )
        assert said.startswith(b"HTTP/1.1 200 ")
        assert said.endswith(b"ok")
    assert SECRET.decode() not in str(logs)
    assert {line["log_level"] for line in logs} == {"info"}
    assert not caplog.records


async def test_a_fault_of_ours_is_told_as_one() -> None:
    async def fail(request: web.Request) -> web.Response:
        raise RuntimeError("a bug")

    app = web.Application()
    app.router.add_get("/", fail)
    runner = Runner(app, access_log=None, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with structlog.testing.capture_logs() as logs:
        said = await say(runner.addresses[0][1], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await runner.cleanup()
    assert said.startswith(b"HTTP/1.1 500 ")
    assert b"a bug" not in said
    assert [line["log_level"] for line in logs] == ["error"]
