"""The peers of asyncio: servers as their own documentation has them, each a process of its own.

``python bench/peers.py aiohttp``, ``websockets`` or ``socketio``. Answers ``serving PORT``, then obeys stdin:
``publish FIRST COUNT PER_SECOND BYTES`` sends that many messages to every socket, each with its
number and the moment of sending, 0 a second meaning one after the other; answers ``published``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

import uvloop
import websockets
from aiohttp import web
from websockets.asyncio.server import ServerConnection, broadcast, serve

Publish = Callable[[str], Awaitable[None]]


async def aiohttp_peer() -> tuple[int, Publish]:
    """aiohttp: a set of sockets, and ``send_str`` to each in turn."""
    sockets: set[web.WebSocketResponse] = set()

    async def enter(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        sockets.add(ws)
        try:
            async for _ in ws:
                pass
        finally:
            sockets.discard(ws)
        return ws

    async def publish(text: str) -> None:
        for ws in set(sockets):
            await ws.send_str(text)

    app = web.Application()
    app.router.add_get("/", enter)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner.addresses[0][1], publish


async def websockets_peer() -> tuple[int, Publish]:
    """websockets: ``broadcast`` to a set of connections."""
    sockets: set[ServerConnection] = set()

    async def enter(ws: ServerConnection) -> None:
        sockets.add(ws)
        try:
            await ws.wait_closed()
        finally:
            sockets.remove(ws)

    async def publish(text: str) -> None:
        broadcast(sockets, text)
        await asyncio.sleep(0)  # broadcast awaits nothing: let the loop write what is left

    server = await serve(enter, "127.0.0.1", 0)
    return next(iter(server.sockets)).getsockname()[1], publish


async def socketio_peer() -> tuple[int, Publish]:
    """python-socketio on aiohttp: ``emit`` to everybody."""
    import socketio  # where it is installed

    # The clients of a measurement answer no Engine.IO ping: none falls into it.
    server = socketio.AsyncServer(async_mode="aiohttp", ping_interval=600)
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()

    async def publish(text: str) -> None:
        await server.emit("change", json.loads(text))

    return runner.addresses[0][1], publish


PEERS = {"aiohttp": aiohttp_peer, "websockets": websockets_peer, "socketio": socketio_peer}


def message(number: int, size: int) -> str:
    """A text of ``size`` bytes with a number and this moment in it."""
    text = f'{{"type":"change","event":"n={number};t={time.time_ns()};","filling":"'
    return text + "x" * (size - len(text) - 2) + '"}'


async def main(name: str) -> None:
    port, publish = await PEERS[name]()
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print(f"serving {port}", flush=True)
    while line := await lines.readline():
        first, count, per_second, size = map(int, line.split()[1:])
        begun = loop.time()
        for number in range(first, first + count):
            if per_second:
                await asyncio.sleep(begun + (number - first) / per_second - loop.time())
            await publish(message(number, size))
        print("published", flush=True)


if __name__ == "__main__":
    assert websockets.__version__
    uvloop.run(main(sys.argv[1]))
