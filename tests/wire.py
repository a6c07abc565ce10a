"""A wire between browser and hub that a test can harm: cut, stalled, slow, dead, deaf to upgrades."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Wire:
    """A TCP proxy to a port here. ``url`` is where the browser goes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._whole = asyncio.Event()
        self._whole.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        #: Seconds by which everything is late.
        self.delay = 0.0
        #: Bytes that still come down before the cut; None for all.
        self.left: int | None = None
        #: Whether WebSocket upgrades are answered 400, as some networks' proxies do.
        self.refuses_upgrades = False
        #: Connections that came, and how many of them asked for an upgrade.
        self.connections = 0
        self.upgrades = 0
        self.url = ""

    def cut(self) -> None:
        """End every connection at once, as a reset."""
        for writer in list(self._writers):
            writer.transport.abort()

    def cut_after(self, size: int) -> None:
        """End the connections once so many more bytes have come down: in the middle of a frame."""
        self.left = size

    def stall(self) -> None:
        """Carry nothing more, either way; new connections are taken and not served."""
        self._whole.clear()

    def mend(self) -> None:
        """Carry again, from where it stopped."""
        self._whole.set()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
            self._writers.add(back)
            try:
                async with asyncio.TaskGroup() as ways:
                    ways.create_task(self._up(reader, back, writer))
                    ways.create_task(self._down(there, writer))
            finally:
                self._writers.discard(back)
                back.transport.abort()
        except OSError:
            pass  # the hub is away
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _up(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, answer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if b"\r\nupgrade: websocket\r\n" in data.lower():
                    self.upgrades += 1
                    if self.refuses_upgrades:
                        answer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                        continue
                await self._pass(data, sink)
        sink.close()

    async def _down(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if self.left is not None:
                    data = data[: self.left]
                    self.left -= len(data)
                await self._pass(data, sink)
                if self.left == 0:
                    self.left = None
                    self.cut()
        sink.close()

    async def _pass(self, data: bytes, sink: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        if self.delay:
            await asyncio.sleep(self.delay)
        sink.write(data)
        await sink.drain()

    async def stop(self) -> None:
        """End every connection, and what carries it."""
        self.delay = 0.0
        self.mend()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # transports that were aborted close at the loop's next turn


@contextlib.asynccontextmanager
async def wire(url: str) -> AsyncIterator[Wire]:
    """A wire to the hub at ``url``."""
    made = Wire(int(url.rpartition(":")[2]))
    server = await asyncio.start_server(made.join, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()
    await made.stop()
