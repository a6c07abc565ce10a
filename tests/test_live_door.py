"""The WebSocket door: what it refuses over HTTP, and RFC 6455 once it is open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from running import Client, Hub
from websockets.frames import Frame, Opcode

Connect = Callable[..., Awaitable[Client]]
ADMIN = "admin@example.com"
HEAD = {
    "Host": "HOST",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


async def _raw(
    hub: Hub, head: dict[str, str], *, line: str = "GET /api/v1/ws HTTP/1.1", body: bytes = b""
) -> tuple[int, bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = hub.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = {name: value.replace("HOST", f"{host}:{port}") for name, value in head.items()}
    text = line + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in head.items()) + "\r\n"
    writer.write(text.encode() + body)
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    return int(answer.split()[1]), answer, reader, writer


def _frame(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


async def _close_code(reader: asyncio.StreamReader) -> int | None:
    """The code of the close frame that ends the connection; None if it ends without."""
    data = await asyncio.wait_for(reader.read(), 10)
    while data:
        length, start = data[1] & 127, 2
        if length == 126:
            length, start = int.from_bytes(data[2:4], "big"), 4
        if data[0] & 15 == Opcode.CLOSE:
            return int.from_bytes(data[start : start + 2], "big")
        data = data[start + length :]
    return None


async def test_the_handshake_of_the_rfc(hub: Hub) -> None:
    status, answer, _, writer = await _raw(hub, HEAD | {"Sec-WebSocket-Protocol": "chat, hub.v1"})
    assert status == 101
    # RFC 6455, section 1.3: the very example.
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer
    assert b"Sec-WebSocket-Protocol: hub.v1" in answer
    assert b"Extensions" not in answer
    writer.close()


@pytest.mark.parametrize(
    ("change", "line", "status"),
    [
        ({"Sec-WebSocket-Version": "8"}, None, 426),
        ({"Sec-WebSocket-Key": "short"}, None, 400),
        ({"Sec-WebSocket-Key": ""}, None, 400),
        ({"Sec-WebSocket-Protocol": "hub.v9"}, None, 400),
        ({"Upgrade": "h2c"}, None, 426),
        ({"Connection": "keep-alive"}, None, 426),
        ({"Origin": "https://evil.example"}, None, 403),
        ({"Origin": "null"}, None, 403),
        ({}, "GET /api/v1/ws HTTP/1.0", 505),
        ({}, "POST /api/v1/ws HTTP/1.1", 405),
        ({}, "GET /api/v1/nowhere HTTP/1.1", 404),
    ],
)
async def test_what_is_refused(
    hub: Hub, change: dict[str, str], line: str | None, status: int
) -> None:
    got, answer, _, writer = await _raw(hub, HEAD | change, line=line or "GET /api/v1/ws HTTP/1.1")
    assert got == status, answer
    assert b"application/problem+json" in answer
    assert not hub.house.gate.sessions
    writer.close()


async def test_its_own_origin_and_configured_ones_may(
    start_hub: Callable[..., Awaitable[Hub]], seeded_dsn: str
) -> None:
    hub = await start_hub(seeded_dsn, origins=("https://school.example",))
    for origin in (hub.url, "https://school.example"):
        status, _, _, writer = await _raw(hub, HEAD | {"Origin": origin})
        assert status == 101
        writer.close()


async def test_no_room_and_draining_are_said_before_the_upgrade(
    start_hub: Callable[..., Awaitable[Hub]], seeded_dsn: str
) -> None:
    hub = await start_hub(seeded_dsn, max_sockets=2)
    writers = []
    for expected in (101, 101, 503):
        status, answer, _, writer = await _raw(hub, HEAD)
        writers.append(writer)
        assert status == expected
    assert b"Retry-After" in answer
    for writer in writers:
        writer.close()
    while hub.house.gate.sessions:
        await asyncio.sleep(0.01)
    hub.house.gate.draining = True
    status, answer, _, writer = await _raw(hub, HEAD)
    assert status == 503
    assert b"Retry-After" in answer
    writer.close()


VIOLATIONS = {
    "unmasked": (Frame(Opcode.TEXT, b"{}").serialize(mask=False), 1002),
    "reserved bit": (b"\xc1\x80\x00\x00\x00\x00", 1002),
    "reserved opcode": (b"\x83\x80\x00\x00\x00\x00", 1002),
    "fragmented ping": (b"\x09\x80\x00\x00\x00\x00", 1002),
    "long ping": (b"\x89\xfe\x00\x7e\x00\x00\x00\x00" + b"x" * 126, 1002),
    "continuation of nothing": (_frame(Opcode.CONT, b"x"), 1002),
    "text within a message": (
        _frame(Opcode.TEXT, b"a", fin=False) + _frame(Opcode.TEXT, b"b"),
        1002,
    ),
    "declared too large": (b"\x81\xff" + (2**40).to_bytes(8, "big") + b"\0\0\0\0", 1009),
    "too large by sum": (
        _frame(Opcode.TEXT, b"x" * 10_000, fin=False) + _frame(Opcode.CONT, b"x" * 10_000),
        1009,
    ),
    "not utf-8": (_frame(Opcode.TEXT, b"\xff\xfe"), 1007),
    "utf-8 broken across fragments": (
        _frame(Opcode.TEXT, b"\xce", fin=False) + _frame(Opcode.CONT, b"\xce"),
        1007,
    ),
    "binary": (_frame(Opcode.BINARY, b"\x00"), 1003),
    "close with one byte": (_frame(Opcode.CLOSE, b"\x03"), 1002),
    "close with a code of nobody's": (_frame(Opcode.CLOSE, (1005).to_bytes(2, "big")), 1002),
    "close": (_frame(Opcode.CLOSE, (1000).to_bytes(2, "big")), 1000),
    "not json": (_frame(Opcode.TEXT, b"hello"), 4000),
    "not an object": (_frame(Opcode.TEXT, b"[]"), 4000),
    "an unknown type": (_frame(Opcode.TEXT, b'{"type":"dance"}'), 4000),
    "deeply nested": (_frame(Opcode.TEXT, b"[" * 8000), 4000),
}


@pytest.mark.parametrize("name", VIOLATIONS)
async def test_each_violation_ends_in_its_code(
    hub: Hub, connect: Connect, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data, code = VIOLATIONS[name]
    other = await connect(hub, await hub.token_of(ADMIN))
    status, _, reader, writer = await _raw(hub, HEAD, body=data)
    assert status == 101
    if code >= 4000:
        # Ours says goodbye and waits for the answer; theirs is given by closing.
        writer.write(_frame(Opcode.CLOSE, code.to_bytes(2, "big")))
    assert await _close_code(reader) == code
    writer.close()
    await other.watch("1", "bookings")
    assert "Traceback" not in capsys.readouterr().out


async def test_a_message_in_pieces_with_a_ping_between(hub: Hub) -> None:
    token = await hub.token_of(ADMIN)
    message = b'{"type":"hello","token":"' + token.encode() + b'"}'
    pieces = [message[at : at + 100] for at in range(0, len(message), 100)]
    body = _frame(Opcode.TEXT, pieces[0], fin=False) + _frame(Opcode.PING, b"are you there")
    for piece in pieces[1:]:
        body += _frame(Opcode.CONT, piece, fin=False) + _frame(Opcode.CONT, b"", fin=False)
    body += _frame(Opcode.CONT, b"")
    status, _, reader, writer = await _raw(hub, HEAD, body=body)
    assert status == 101
    heard = b""
    while b'"welcome"' not in heard:
        heard += await asyncio.wait_for(reader.read(4096), 10)
    assert b"\x8a\x0dare you there" in heard
    writer.close()


async def test_who_vanishes_leaves_nothing_behind(
    hub: Hub, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    host, _, port = hub.url.removeprefix("http://").partition(":")
    for body in (b"GET /api/v1/ws HT", None, None):
        _, writer = await asyncio.open_connection(host, int(port))
        head = "".join(f"{name}: {value}\r\n" for name, value in HEAD.items())
        writer.write(body or f"GET /api/v1/ws HTTP/1.1\r\n{head}\r\n".encode())
        if body is None:
            await asyncio.sleep(0.02)
        writer.transport.abort()
    async with aiohttp.ClientSession() as http, http.get(f"{hub.url}/healthz") as answer:
        assert answer.status == 200
    async with asyncio.timeout(5):
        while hub.house.gate.sessions:
            await asyncio.sleep(0.01)
    assert "Traceback" not in capsys.readouterr().out
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
