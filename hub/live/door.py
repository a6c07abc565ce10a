"""The WebSocket door: judge the upgrade, answer the handshake, hand the socket to a session.

aiohttp judges route, origin, limits and draining; ``websockets``' sans-I/O server answers the
handshake (RFC 6455, section 4.2). Invariant: every refusal is an HTTP answer sent before the upgrade;
once upgraded, a session exists.
"""

from __future__ import annotations

import asyncio
import logging
import socket as os_socket
from collections.abc import Sequence
from contextlib import suppress

from aiohttp import hdrs, web
from websockets.datastructures import Headers
from websockets.exceptions import NegotiationError
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from hub.errors import Unavailable
from hub.live.gate import Gate
from hub.live.handover import take_over
from hub.live.session import Session
from hub.live.socket import Socket
from hub.rest.address import whose
from hub.rest.problem import Refused
from hub.rules.wire import SUBPROTOCOL

PATH = "/api/v1/ws"
#: A peer that acknowledges nothing for this long is gone (RFC 5482), milliseconds.
_USER_TIMEOUT = 30_000
#: When to try again after there was no room, seconds.
_CROWDED = 10

# Its messages tell of single peers' sins: a peer's fault is not the operator's news.
logging.getLogger("websockets.server").setLevel(logging.CRITICAL)


def _speak(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """``hub.v1``, or nothing where nothing is asked for; the handshake fails for anything else."""
    if not offered:
        return None
    if SUBPROTOCOL not in offered:
        raise NegotiationError(f"only {SUBPROTOCOL} is spoken here")
    return Subprotocol(SUBPROTOCOL)


class Door:
    """The handler of ``GET /api/v1/ws``."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def enter(self, request: web.Request) -> web.StreamResponse:
        """Upgrade. Raises Refused (400, 403, 426, 505) or Unavailable (503)."""
        address = self._judge(request)
        answer = ServerProtocol(select_subprotocol=_speak).accept(
            Request(request.path, Headers(request.headers.items()))
        )
        if answer.status_code != 101:
            raise _refused(answer.status_code, answer.body)
        token = bearer(request)
        head = answer.serialize()

        def make(transport: asyncio.Transport) -> Socket:
            return self._open(transport, head, token, address)

        take_over(request, make)
        return web.Response()

    def _open(
        self, transport: asyncio.Transport, head: bytes, token: str | None, address: str
    ) -> Socket:
        tune(transport, self._gate)
        socket = Socket(transport, self._gate.parsers)
        transport.write(head)
        session = Session(self._gate, socket, address)
        if token is not None:
            session.begin(token)
        return socket

    def _judge(self, request: web.Request) -> str:
        if request.version < (1, 1):
            raise Refused(505, "WebSocket needs HTTP/1.1.")
        return judge(self._gate, request)


def judge(gate: Gate, request: web.Request) -> str:
    """Whether one session more may be opened, for this origin and from this address.

    Returns whose address it is. Raises Refused (403, 429), Unavailable (503).
    """
    if gate.draining:
        raise Unavailable("The hub restarts.", retry_after=2)
    if not gate.feed.healthy:
        raise Unavailable("The hub cannot reach its database just now.", retry_after=2)
    if len(gate.sessions) >= gate.settings.max_sockets:
        raise Unavailable("The hub holds as many sockets as it may.", retry_after=_CROWDED)
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None and not _is_ours(gate, origin, request):
        raise Refused(403, "This origin may not open sockets here.", code="origin")
    address = whose(request, gate.settings.trusted_proxies)
    if gate.addresses[address] >= gate.settings.max_sockets_per_address:
        raise Refused(
            429,
            "Your address has as many sockets open as it may.",
            code="too-many-sockets",
            headers={"Retry-After": str(_CROWDED)},
        )
    return address


def _is_ours(gate: Gate, origin: str, request: web.Request) -> bool:
    if origin in gate.settings.origins:
        return True
    # A browser's own page: same host and port. The scheme may be a proxy's business.
    return origin.partition("://")[2].lower() == request.host.lower()


def tune(transport: asyncio.Transport, gate: Gate) -> None:
    """When a peer is slow, and when it is gone."""
    raw = transport.get_extra_info("socket")
    with suppress(OSError, AttributeError):
        raw.setsockopt(os_socket.IPPROTO_TCP, os_socket.TCP_USER_TIMEOUT, _USER_TIMEOUT)
    high = gate.settings.slow_after_bytes
    transport.set_write_buffer_limits(high=high, low=high // 4)


def _refused(status: int, body: bytes | bytearray | None) -> Refused:
    headers = {426: {"Upgrade": "websocket"}, 405: {"Allow": "GET"}}.get(status)
    detail = (body or b"").decode(errors="replace").partition("\n")[0]
    return Refused(status, detail, headers=headers)


def bearer(request: web.Request) -> str | None:
    """The token of ``Authorization: Bearer`` (RFC 6750, section 2.1); None if there is none."""
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def setup(app: web.Application, gate: Gate) -> None:
    """Add the door to the application."""
    app.router.add_get(PATH, Door(gate).enter, allow_head=False)
