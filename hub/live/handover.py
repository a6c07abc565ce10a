"""Taking a socket over from aiohttp: the only touch on its inside.

aiohttp has parsed an upgrade request; from here on the connection is ours. Nothing else may rely
on what this does: the lines below are tested against the pinned release, on asyncio and uvloop.
Invariant: after :func:`take_over`, aiohttp holds no reference to the transport and reads nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

Ours = TypeVar("Ours", bound=asyncio.Protocol)


def take_over(request: web.Request, make: Callable[[asyncio.Transport], Ours]) -> Ours | None:
    """Give the request's transport to the protocol that ``make`` builds around it.

    Returns None if the client is gone already. Bytes that aiohttp had read after the request's
    head are passed on. The handler may then return any response: nothing of it is sent.
    """
    theirs = request.protocol
    transport = theirs.transport
    if transport is None or transport.is_closing():
        return None
    ours = make(transport)
    transport.set_protocol(ours)
    tail = theirs._message_tail
    theirs._message_tail = b""
    # To aiohttp it is as if the client had left: it forgets the transport without closing it.
    theirs.transport = None
    theirs.connection_lost(None)
    transport.resume_reading()
    if tail:
        ours.data_received(tail)
    return ours
