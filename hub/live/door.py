"""The WebSocket door: judge the upgrade, answer the handshake, hand the socket to a session.

aiohttp judges route, origin, limits and draining; ``websockets``' sans-I/O server answers the
handshake (RFC 6455, section 4.2). Invariant: every refusal is an HTTP answer sent before the upgrade;
once upgraded, a session exists.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket as os_socket
from collections.abc import Sequence
from contextlib import suppress

from aiohttp import hdrs, web
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, NegotiationError
from websockets.http11 import Request, Response
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

#: The headers that the handshake is about. In others (a cookie, say) there may be bytes of any
#: encoding, at which the library takes offence.
_SPOKEN = (
    hdrs.CONNECTION,
    hdrs.UPGRADE,
    hdrs.SEC_WEBSOCKET_KEY,
    hdrs.SEC_WEBSOCKET_VERSION,
    hdrs.SEC_WEBSOCKET_PROTOCOL,
    hdrs.SEC_WEBSOCKET_EXTENSIONS,
)
#: What an answer of 426 must say (RFC 9110, section 15.5.22; RFC 6455, section 4.4).
_REQUIRED = {"Upgrade": "websocket", "Connection": "Upgrade", hdrs.SEC_WEBSOCKET_VERSION: "13"}
#: RFC 9110, section 7.2: a host, if need be an empty one, and a port.
_HOST = re.compile(r"(?:[\w.~!$&'()*+,;=%-]*|\[[0-9A-Za-z:.]+\])(?::[0-9]*)?", re.ASCII)

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
        answer = _shake(request)
        if answer.status_code != 101:
            raise _refused(request, answer)
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
        if request.version != (1, 1):
            raise Refused(505, "WebSocket needs HTTP/1.1.")
        # 4.1 and RFC 9112, section 3.2: aiohttp is generous with both.
        if "#" in request.raw_path or _HOST.fullmatch(request.headers[hdrs.HOST]) is None:
            raise Refused(400, "No such target or host can be.", headers={"Connection": "close"})
        # Its bytes would be taken for frames, by aiohttp or by a proxy before us.
        sent = request.headers.get(hdrs.CONTENT_LENGTH, "0")
        if sent != "0" or hdrs.TRANSFER_ENCODING in request.headers:
            raise Refused(400, "An upgrade has no body.", headers={"Connection": "close"})
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
    if not all(_is_ours(gate, one, request) for one in request.headers.getall(hdrs.ORIGIN, ())):
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


def _shake(request: web.Request) -> Response:
    """The library's answer to a handshake."""
    spoken = Headers()
    for name in _SPOKEN:
        for value in request.headers.getall(name, ()):
            try:
                spoken[name] = value
            except InvalidHandshake:
                raise Refused(400, f"{name} is not text.") from None
    return ServerProtocol(select_subprotocol=_speak).accept(Request(request.path, spoken))


def _refused(request: web.Request, answer: Response) -> Refused:
    status = answer.status_code
    detail = bytes(answer.body or b"").decode(errors="replace").partition("\n")[0]
    versions = request.headers.getall(hdrs.SEC_WEBSOCKET_VERSION, ())
    if status == 400 and len(versions) < 2 and "13" not in versions:
        status = 426  # 4.2.2: another version is answered by the one there is
    return Refused(status, detail, headers=_REQUIRED if status == 426 else None)


def bearer(request: web.Request) -> str | None:
    """The token of ``Authorization: Bearer`` (RFC 6750, section 2.1); None if there is none."""
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def setup(app: web.Application, gate: Gate) -> None:
    """Add the door to the application."""
    app.router.add_get(PATH, Door(gate).enter, allow_head=False)
