"""Fifty clients that mean harm, each in its own way, until they are ended.

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
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

TEXT, CONT, PING = 1, 0, 9
Writer = asyncio.StreamWriter
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
    async def open(self, *, hello: bool = True, reads: bool = True) -> AsyncIterator[Writer]:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        head = (
            f"GET /api/v1/ws HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        writer.write(head.encode())
        drain = asyncio.create_task(self._swallow(reader)) if reads else None
        try:
            if hello:
                self.say(writer, type="hello", token=self.token)
            yield writer
        finally:
            if drain is not None:
                drain.cancel()
            writer.transport.abort()

    async def _swallow(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while await reader.read(65536):
                pass

    def say(self, writer: Writer, **message: Any) -> None:
        writer.write(frame(TEXT, json.dumps(message).encode()))

    def filter(self) -> dict[str, Any]:
        """One that nobody has asked for yet: another view, another picture."""
        return {"from": f"20{random.randrange(10, 40)}-01-01T00:00:{random.random() * 59:09.6f}Z"}

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
                for _ in range(19):
                    xmax = oldest + random.randrange(2, 5000)
                    running = sorted(
                        random.sample(range(oldest + 1, xmax), min(200, xmax - oldest - 1))
                    )
                    lie = f"{epoch}.{oldest}:{xmax}:{','.join(map(str, running))}"
                    name = next(self.names)
                    self.say(writer, type="watch", id=name, topic="bookings", cursor=lie)
                    self.say(writer, type="unwatch", id=name)
                await writer.drain()
                await asyncio.sleep(2)

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
        token = random.choice(
            [f"hubk_{os.urandom(24).hex()}"[:48], "a.b.c", self.token[:-4] + "AAAA"]
        )
        async with self.open(hello=False) as writer:
            self.say(writer, type="hello", token=token)
            await writer.drain()
            await asyncio.sleep(0.05)

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
