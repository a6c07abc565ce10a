"""An echo server on the hub's own socket, for the Autobahn test suite to judge.

The suite wants its messages back and the hub never echoes, so here a User that does sits on
``hub.live.socket`` and ``hub.live.handover`` as the hub uses them. By hand, in two shells::

    python bench/autobahn_echo.py 9001 [uvloop]
    pip install kosoku && kosoku 127.0.0.1:9001     # the suite's own case files, on Python 3

Binary messages are refused with 1003 as everywhere in the hub, so 1.2.*, 9.2.*, 9.4.*, 9.6.* and 9.8.*
fail by design; 12.* and 13.* (compression) are never negotiated.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import uvloop
from aiohttp import web
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from hub.live.handover import take_over
from hub.live.parsers import Parsers
from hub.live.socket import Socket
from hub.rules.wire import text_frame

#: Autobahn's largest message is 16 MiB.
PARSERS = Parsers(1 << 25)


class Echo:
    """A :class:`hub.live.socket.User` that sends every message back."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        socket.attach(self)

    def received(self, text: bytes) -> None:
        self.socket.write(text_frame(text))

    def tolerates(self, frames: int) -> bool:
        return True

    def paused(self) -> None: ...

    def resumed(self) -> None: ...

    def closing(self) -> None: ...

    def lost(self) -> None: ...


async def upgrade(request: web.Request) -> web.StreamResponse:
    """Every path is a socket."""
    answer = ServerProtocol().accept(Request(request.path, Headers(request.headers.items())))
    if answer.status_code != 101:
        return web.Response(status=answer.status_code, body=answer.body)

    def make(transport: asyncio.Transport) -> Socket:
        transport.write(answer.serialize())
        socket = Socket(transport, PARSERS)
        Echo(socket)
        return socket

    take_over(request, make)
    return web.Response()


async def main(port: int) -> None:
    """Serve until interrupted."""
    app = web.Application()
    app.router.add_get("/{any:.*}", upgrade)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    fast = sys.argv[2:] == ["uvloop"]
    loop = uvloop.new_event_loop if fast else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=loop) as runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(main(int(sys.argv[1])))
