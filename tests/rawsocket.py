"""A WebSocket peer that may say anything, byte for byte, and a hub in a thread for it to say it to.

The hub runs in a loop of its own (asyncio's or uvloop's) for a whole module, so a case costs one
connection. The peer is blocking and strict: what the hub sends must itself be RFC 6455 to the letter.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
import structlog
import uvloop
from pgserver import Server
from running import Hub

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
PATH = "/api/v1/ws"
WAIT = 20.0
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def frame(
    opcode: int,
    data: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\x1f\x2e\x3d\x4c",
    declared: int | None = None,
) -> bytes:
    """A client's frame. ``mask`` None leaves it unmasked; ``declared`` is another length than it has."""
    size = len(data) if declared is None else declared
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0 if mask is None else 0x80
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += struct.pack("!BH", bit | 126, size)
    else:
        head += struct.pack("!BQ", bit | 127, size)
    if mask is None:
        return head + data
    key = int.from_bytes(mask * (len(data) // 4 + 1), "big") >> 8 * (4 - len(data) % 4)
    return head + mask + (int.from_bytes(data, "big") ^ key).to_bytes(len(data), "big")


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """A Close frame; without a code it is empty."""
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


def ask(tag: str, size: int = 0) -> bytes:
    """A message of ``size`` bytes or more that the hub answers by naming ``tag``: its echo."""
    text = orjson.dumps({"type": "watch", "id": tag, "topic": "nowhere"})
    return text[:-1] + b" " * (size - len(text)) + b"}"


def upgrade(**more: str) -> bytes:
    """A good upgrade request; names in ``more`` have _ for -, an empty value leaves the line out."""
    head = {
        "Host": "hub.test",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    } | {name.replace("_", "-"): value for name, value in more.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items() if value)
    return f"GET {PATH} HTTP/1.1\r\n{lines}\r\n".encode()


class Peer:
    """One TCP connection to the hub."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=WAIT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._held = b""

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes, chop: int = 0) -> None:
        """Send, in segments of ``chop`` bytes."""
        for at in range(0, len(data), chop or len(data) or 1):
            self.sock.sendall(data[at : at + chop] if chop else data)

    def reset(self) -> None:
        """Vanish as a crashed machine's kernel says it: RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _more(self) -> bool:
        data = self.sock.recv(1 << 16)
        self._held += data
        return bool(data)

    def _take(self, size: int) -> bytes:
        while len(self._held) < size:
            if not self._more():
                raise EOFError(self._held)
        data, self._held = self._held[:size], self._held[size:]
        return data

    def head(self) -> bytes:
        """An HTTP answer's head."""
        while b"\r\n\r\n" not in self._held:
            if not self._more():
                raise EOFError(self._held)
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        return head

    def rest(self) -> bytes:
        """Everything up to the end of the stream."""
        while self._more():
            pass
        return self._held

    def open(self, token: str | None = None, **more: str) -> Peer:
        """Shake hands; with a token, wait for ``welcome``."""
        if token is not None:
            more["Authorization"] = f"Bearer {token}"
        self.send(upgrade(**more))
        assert self.head().startswith(b"HTTP/1.1 101 ")
        if token is not None:
            welcome = self.hear()
            assert isinstance(welcome, dict)
            assert welcome["type"] == "welcome"
        return self

    def hear(self) -> dict[str, Any] | bytes | int:
        """What comes next: a message, a pong's payload, or a Close's code (1005: none in it)."""
        first, length = self._take(2)
        assert first & 0xF0 == 0x80, "a fragment or a reserved bit"
        assert length < 128, "a server's frame is unmasked"
        if length == 126:
            length = int.from_bytes(self._take(2), "big")
            assert length > 125
        elif length == 127:
            length = int.from_bytes(self._take(8), "big")
            assert length > 65535
        data = self._take(length)
        if first & 15 == PONG:
            return data
        if first & 15 == CLOSE:
            data[2:].decode()
            assert length != 1
            assert length < 126
            return int.from_bytes(data[:2], "big") if data else 1005
        assert first & 15 == TEXT
        told: dict[str, Any] = orjson.loads(data)
        return told

    def verdict(self) -> tuple[list[str | bytes], int | None]:
        """Until the end: the echoes (tags) and pongs (payloads), and the code of the Close that ends it.

        The end must be a FIN, and nothing but pongs may follow the Close (5.5.1, 5.5.2). None: no Close.
        """
        heard: list[str | bytes] = []
        code: int | None = None
        while True:
            try:
                told = self.hear()
            except EOFError:
                return heard, code
            if isinstance(told, bytes):
                heard.append(told)
                continue
            assert code is None, "something follows the Close"
            if isinstance(told, int):
                code = told
            elif told["type"] == "error":
                heard.append(told["id"])


class _Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(f"{record.levelname} {record.name}: {self.format(record)}")


class HubInside:
    """A hub in a thread of its own."""

    def __init__(
        self, loop: Callable[[], asyncio.AbstractEventLoop], dsn: str, state: Path, **more: Any
    ) -> None:
        self._loop_factory = loop
        self.hub = Hub(dsn, state, more, None)
        self._keeper = _Keeper()
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> HubInside:
        logging.getLogger().addHandler(self._keeper)
        self._before = structlog.get_config()
        structlog.configure(processors=[self._told])
        self._thread.start()
        assert self._ready.wait(60)
        if self._failed is not None:
            raise self._failed
        self.port = int(self.hub.url.rpartition(":")[2])
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        structlog.configure(**self._before)
        logging.getLogger().removeHandler(self._keeper)
        assert not self._thread.is_alive()
        self.quiet()

    def _told(self, _: Any, level: str, line: dict[str, Any]) -> Any:
        # The hub warns of what it answers with 5xx, a 505 too; that is no error.
        if level in ("error", "critical", "exception") or "exc_info" in line:
            self._keeper.kept.append(f"{level} {line}")
        raise structlog.DropEvent

    def _run(self) -> None:
        async def live() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            try:
                await self.hub.start()
            except BaseException as wrong:
                self._failed = wrong
                raise
            finally:
                self._ready.set()
            await self._stop.wait()
            await self.hub.stop()

        with asyncio.Runner(loop_factory=self._loop_factory, debug=True) as runner:
            runner.run(live())

    def quiet(self) -> None:
        """Nothing was logged that a person should look at, since this was last asked."""
        # A loaded machine makes slow callbacks; they are not what is asked here.
        kept, self._keeper.kept = self._keeper.kept, []
        assert not [line for line in kept if " took " not in line]

    @property
    def sessions(self) -> int:
        return len(self.hub.house.gate.sessions)

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """The result of a coroutine in the hub's loop."""

        async def inside() -> Any:
            return await work()

        return asyncio.run_coroutine_threadsafe(inside(), self._loop).result(WAIT)

    def tasks(self) -> int:
        """The tasks in the hub's loop."""

        async def count() -> int:
            return len(asyncio.all_tasks())

        return int(self.run(count))

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Wait until something holds."""
        for _ in range(int(WAIT / 0.01)):
            if true():
                return
            threading.Event().wait(0.01)
        raise AssertionError(f"never: {what}")

    def token(self, email: str = "admin@example.com") -> str:
        return str(self.run(lambda: self.hub.token_of(email)))


class Honest:
    """A session that does nothing wrong and watches ``bookings``: whoever else misbehaves, it hears."""

    def __init__(self, hub: HubInside) -> None:
        self._hub = hub
        self._peer = Peer(hub.port).open(hub.token())
        self._peer.send(frame(TEXT, b'{"type":"watch","id":"h","topic":"bookings"}'))
        self._until("live")
        self._minutes = 30

    def _until(self, type: str) -> dict[str, Any]:
        while True:
            told = self._peer.hear()
            assert isinstance(told, dict), told
            if told["type"] == "ping":
                self._peer.send(frame(TEXT, b'{"type":"pong"}'))
            elif told["type"] == type:
                return told

    def hears(self) -> None:
        """A row is changed in the database, and the change arrives."""
        self._minutes += 1

        async def write() -> None:
            conn = await asyncpg.connect(self._hub.hub.dsn)
            try:
                await conn.execute(
                    "UPDATE bookings SET duration_minutes = $1"
                    " WHERE id = (SELECT id FROM bookings ORDER BY id LIMIT 1)",
                    self._minutes,
                )
            finally:
                await conn.close()

        self._hub.run(write)
        # The hub's own clock may have something to say as well: a flight that is over.
        while self._minutes not in [
            item["row"]["duration_minutes"]
            for transaction in self._until("change")["transactions"]
            for item in transaction["items"]
        ]:
            pass

    def close(self) -> None:
        with suppress(OSError), self._peer as peer:
            peer.send(close())
            peer.rest()


def host(
    request: pytest.FixtureRequest, server: Server, template: str, state: Path, **more: Any
) -> Iterator[HubInside]:
    """For a module's fixture: a hub in the loop that ``request.param`` names."""
    name = server.create(template)
    settings: dict[str, Any] = {
        "max_sockets_per_principal": 100_000,
        "max_sockets_per_address": 100_000,
        "messages_per_second": 1e9,
    }
    with HubInside(LOOPS[request.param], server.dsn(name), state, **settings | more) as hub:
        yield hub
    server.drop(name)
