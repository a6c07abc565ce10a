"""Fifty clients that mean harm, in fourteen ways, until they are ended.

``python hostile.py HOST PORT`` reads a JSON line of what they have stolen: ``tokens`` of users,
``cursors`` that were good once. Says "ready" once every one of them has begun; a way that is shut is
tried again at once. A process of its own, so that what they cost themselves is not the hub's.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import socket
import sys
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from secrets import token_urlsafe
from typing import Any
from urllib.parse import quote

TEXT, CONT, PING = 1, 0, 9
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
Way = Callable[["Hostile"], Awaitable[None]]


def frame(opcode: int, data: bytes, *, fin: bool = True) -> bytes:
    """One masked frame; the mask is zero, which is allowed and cheap."""
    head = bytes([(0x80 if fin else 0) | opcode])
    if len(data) < 126:
        head += bytes([0x80 | len(data)])
    else:
        head += bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
    return head + b"\0\0\0\0" + data


class Hostile:
    def __init__(self, number: int, host: str, port: int, loot: dict[str, Any]) -> None:
        self.number, self.host, self.port = number, host, port
        self.token = loot["tokens"][number % len(loot["tokens"])]
        self.cursors: list[str] = loot["cursors"]
        self.names = (f"{number}-{n}" for n in itertools.count())

    @contextlib.asynccontextmanager
    async def dial(self, *, small: bool = False) -> AsyncIterator[tuple[Reader, Writer]]:
        """A connection; a ``small`` one takes in but a few kilobytes that are not read."""
        sock = socket.socket()
        sock.setblocking(False)
        if small:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (self.host, self.port))
            reader, writer = await asyncio.open_connection(
                sock=sock, limit=1024 if small else 2**16
            )
        except BaseException:
            sock.close()
            raise
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    @contextlib.asynccontextmanager
    async def open(
        self, *, hello: bool = True, reads: bool = True, small: bool = False
    ) -> AsyncIterator[Writer]:
        """A socket whose answers are thrown away, or are not ``read`` at all."""
        async with self.dial(small=small) as (reader, writer):
            self.upgrade(writer)
            drain = asyncio.create_task(self._swallow(reader)) if reads else None
            try:
                if hello:
                    self.say(writer, type="hello", token=self.token)
                yield writer
            finally:
                if drain is not None:
                    drain.cancel()

    def upgrade(self, writer: Writer) -> None:
        self.ask(
            writer,
            "GET /api/v1/ws",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )

    def ask(self, writer: Writer, what: str, *headers: str) -> None:
        """A request's head."""
        lines = [f"{what} HTTP/1.1", f"Host: {self.host}:{self.port}", *headers, "", ""]
        writer.write("\r\n".join(lines).encode())

    async def _swallow(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while await reader.read(65536):
                pass

    def say(self, writer: Writer, **message: Any) -> None:
        writer.write(frame(TEXT, json.dumps(message).encode()))

    def filter(self) -> dict[str, Any]:
        """One that nobody has asked for yet: another view, another picture."""
        return {"from": f"20{random.randrange(10, 40)}-01-01T00:00:{random.random() * 59:09.6f}Z"}

    def wide(self) -> dict[str, Any]:
        """One that nobody has asked for yet, in which everything happens."""
        return {"from": f"1999-01-01T00:00:{random.random() * 59:09.6f}Z"}

    def bad_token(self) -> str:
        """One of those that cost most to be found bad."""
        head, payload, signature = self.token.split(".")
        unknown = json.dumps({"alg": "RS256", "kid": os.urandom(8).hex()}).encode()
        return random.choice(
            [
                f"{head}.{payload}.{signature[:-8]}AAAAAAAA",
                f"{urlsafe_b64encode(unknown).rstrip(b'=').decode()}.{payload}.{signature}",
                f"hub_{token_urlsafe(32)}",
                f"hubd_{token_urlsafe(32)}",
                "a.b.c",
            ]
        )

    # Their ways.

    async def flood_of_pings(self) -> None:
        async with self.open() as writer:
            while not writer.is_closing():
                writer.write(frame(PING, b"x" * 125) * 200)
                await writer.drain()

    async def flood_of_fragments(self) -> None:
        async with self.open() as writer:
            writer.write(frame(TEXT, b"{", fin=False))
            while not writer.is_closing():
                writer.write(frame(CONT, b"", fin=False) * 500)
                await writer.drain()

    async def huge_by_its_own_word(self) -> None:
        async with self.open() as writer:
            writer.write(b"\x81\xff" + (2**40).to_bytes(8, "big") + b"\0\0\0\0")
            while not writer.is_closing():
                writer.write(b"x" * 65536)
                await writer.drain()

    async def watch_and_unwatch(self) -> None:
        async with self.open() as writer:
            while not writer.is_closing():
                for _ in range(10):
                    name = next(self.names)
                    self.say(writer, type="watch", id=name, topic="bookings", filter=self.filter())
                    self.say(writer, type="unwatch", id=name)
                await writer.drain()
                await asyncio.sleep(1.05)  # just within what is allowed

    async def never_reading(self) -> None:
        async with self.open(reads=False) as writer:
            for n in range(32):
                self.say(writer, type="watch", id=str(n), topic="bookings", filter=self.filter())
            await writer.drain()
            await asyncio.sleep(5)

    async def half_a_hello(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(5):
                writer = await stack.enter_async_context(self.open(hello=False))
                writer.write(frame(TEXT, b'{"type":"hello","token":"x')[:-3])
            await asyncio.sleep(3)

    async def a_byte_now_and_then(self) -> None:
        async with self.open(hello=False) as writer:
            for byte in frame(TEXT, json.dumps({"type": "hello", "token": self.token}).encode()):
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)

    async def forged_cursors(self) -> None:
        epoch, _, snapshot = self.cursors[0].partition(".")
        oldest = int(snapshot.partition(":")[0])
        async with self.open() as writer:
            while not writer.is_closing():
                for _ in range(10):
                    xmax = oldest + random.randrange(2, 5000)
                    running = sorted(
                        random.sample(range(oldest + 1, xmax), min(200, xmax - oldest - 1))
                    )
                    lie = f"{epoch}.{oldest}:{xmax}:{','.join(map(str, running))}"
                    name = next(self.names)
                    self.say(writer, type="watch", id=name, topic="bookings", cursor=lie)
                    self.say(writer, type="unwatch", id=name)
                await writer.drain()
                await asyncio.sleep(1.05)

    async def resuming_again_and_again(self) -> None:
        async with self.open() as writer:
            for n in range(32):
                self.say(
                    writer, type="watch", id=str(n), topic="bookings",
                    cursor=random.choice(self.cursors), filter=self.filter(),
                )  # fmt: skip
            await writer.drain()
            await asyncio.sleep(0.5)

    async def made_up_tokens(self) -> None:
        async with self.open(hello=False) as writer:
            self.say(writer, type="hello", token=self.bad_token())
            await writer.drain()
            await asyncio.sleep(0.05)

    async def made_up_renewals(self) -> None:
        async with self.open() as writer:
            for _ in range(15):
                self.say(writer, type="auth", token=self.bad_token())
            await writer.drain()
            await asyncio.sleep(0.05)

    async def behind_in_many_watches_then_all_at_once(self) -> None:
        async with self.dial(small=True) as (reader, writer):
            self.upgrade(writer)
            self.say(writer, type="hello", token=self.token)
            for n in range(16):
                # Going on from where it may, it waits for no picture.
                self.say(
                    writer, type="watch", id=str(n), topic="bookings",
                    cursor=self.cursors[-1], filter=self.wide(),
                )  # fmt: skip
            while not writer.is_closing():
                await self._take_in(reader, 0.3)
                await asyncio.sleep(0.7)

    async def _take_in(self, reader: Reader, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while await reader.read(2**20):
                    pass
                raise ConnectionError

    async def streams_that_never_read(self) -> None:
        async with self.dial(small=True) as (_, writer):
            watches = (
                {"id": str(n), "topic": "bookings", "filter": self.wide()} for n in range(20)
            )
            query = "&".join(f"watch={quote(json.dumps(watch))}" for watch in watches)
            bearer = f"Authorization: Bearer {self.token}"
            last = f"Last-Event-ID: {self.cursors[-1]}"
            self.ask(writer, f"GET /api/v1/stream?{query}", bearer, last)
            await writer.drain()
            await asyncio.sleep(5)

    async def flood_of_requests_for_tickets(self) -> None:
        async with self.dial() as (reader, writer):
            drain = asyncio.create_task(self._swallow(reader))
            try:
                while not writer.is_closing():
                    for _ in range(20):
                        token = self.token if random.random() < 0.8 else self.bad_token()
                        bearer = f"Authorization: Bearer {token}"
                        self.ask(writer, "POST /api/v1/tickets", bearer, "Content-Length: 0")
                    await writer.drain()
                    await asyncio.sleep(0.01)
            finally:
                drain.cancel()

    WAYS: tuple[Way, ...] = (
        flood_of_pings,
        flood_of_fragments,
        huge_by_its_own_word,
        watch_and_unwatch,
        never_reading,
        half_a_hello,
        a_byte_now_and_then,
        forged_cursors,
        resuming_again_and_again,
        made_up_tokens,
        made_up_renewals,
        behind_in_many_watches_then_all_at_once,
        streams_that_never_read,
        flood_of_requests_for_tickets,
    )

    async def go_on(self) -> None:
        way = self.WAYS[self.number % len(self.WAYS)]
        while True:
            with contextlib.suppress(OSError):
                await way(self)
            await asyncio.sleep(0.02)


async def main() -> None:
    host, port = sys.argv[1], int(sys.argv[2])
    loot = json.loads(sys.stdin.readline())
    crowd = [asyncio.create_task(Hostile(n, host, port, loot).go_on()) for n in range(50)]
    await asyncio.sleep(1)
    print("ready", flush=True)
    await asyncio.gather(*crowd)


if __name__ == "__main__":
    asyncio.run(main())
