"""aiohttp answering constants: what a request costs before anything is done for it.

``python bench/constant.py FILE…`` answers ``/0`` with the first file's bytes, and so on, as JSON; a
request's body is read. Tells ``serving PORT``, then serves until it is stopped.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop
from aiohttp import web


async def main(bodies: list[bytes]) -> None:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(
            body=bodies[int(request.match_info["n"])], content_type="application/json"
        )

    app = web.Application()
    app.router.add_route("*", "/{n}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"serving {runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main([Path(path).read_bytes() for path in sys.argv[1:]]))
