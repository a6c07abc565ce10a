"""``GET /api/v1/stream``: the same session over server-sent events, for whom WebSocket is blocked.

Not a second fan-out: a :class:`Stream` is one more :class:`hub.live.carrier.Carrier`, and the session
on it is every socket's. What is asked for is judged whole before the head of the answer is sent; from
then on only frames tell. The body ends with the connection, so HTTP/1.0 is served as well. Invariants:
every refusal is an HTTP answer before the head; ``id`` moves only when every watch is good up to it.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from typing import Any

import orjson
from aiohttp import hdrs, web

from hub.errors import Fault, Forbidden, Invalid, Unauthenticated
from hub.live.asking import Asked, read
from hub.live.blocks import Blocks, first_retry, kind, payloads
from hub.live.closing import Code
from hub.live.door import bearer, judge, tune
from hub.live.gate import Gate
from hub.live.handover import take_over
from hub.live.session import Session
from hub.live.who import identify, redeem
from hub.rest.door import ASKER, allow
from hub.rules import wire
from hub.rules.access import Principal, audience

PATH = "/api/v1/stream"
LAST_EVENT_ID = "Last-Event-ID"
MEDIA_TYPE = "text/event-stream"


class Stream(asyncio.Protocol):
    """The carrier: frames down, as events; nothing comes up."""

    answers = False
    __slots__ = ("_asked", "_blocks", "_user", "closing", "is_paused", "transport")

    def __init__(self, transport: asyncio.Transport, blocks: Blocks, asked: int) -> None:
        self.transport = transport
        self._blocks = blocks
        #: How many watches there must be for an id to be true.
        self._asked = asked
        self._user: Session | None = None
        self.is_paused = False
        self.closing = False

    def attach(self, user: Any) -> None:
        """The session. (A carrier's user may be less; a stream asks it whether it is whole.)"""
        self._user = user

    # Down.

    def write(self, frames: bytes) -> None:
        """Send frames as events; the last has an id if that is true for all watches."""
        user = self._user
        if self.closing or user is None:
            return
        whole = user.is_whole and len(user.watches) == self._asked
        self.transport.write(self._blocks.of(frames, whole=whole))
        if not whole:
            self._missed(frames, user)

    def _missed(self, frames: bytes, user: Session) -> None:
        """A watch that has failed cannot be asked for again on a stream: the client must come back."""
        for payload in payloads(frames):
            if kind(payload) == b"error":
                loop = asyncio.get_running_loop()
                if orjson.loads(payload)["temporary"]:
                    after = random.uniform(1.0, 5.0)
                    end = partial(user.close, Code.OVERLOADED, "ask again", retry_after=after)
                    loop.call_soon(end)
                elif not user.watches:
                    loop.call_soon(user.close, Code.FORBIDDEN, "nothing is left to watch")

    def unsent(self) -> int:
        """Bytes the peer has not taken yet."""
        return self.transport.get_write_buffer_size()

    def close(self, code: int, reason: str) -> None:
        """End the body; ``bye`` has said why."""
        if self.closing:
            return
        self._begin_closing()
        with suppress(OSError):  # the peer has reset the connection
            if not self.transport.is_closing():
                self.transport.write_eof()

    def abort(self) -> None:
        """Drop the connection now."""
        self._begin_closing()
        self.transport.abort()

    def _begin_closing(self) -> None:
        if not self.closing:
            self.closing = True
            if self._user is not None:
                self._user.closing()

    # Up: a stream's client has nothing to say; what it says is only counted.

    def data_received(self, data: bytes) -> None:
        if self._user is not None and not self.closing:
            self._user.tolerates(1)

    def eof_received(self) -> bool:
        return False

    # Flow and end, from the transport.

    def pause_writing(self) -> None:
        self.is_paused = True
        if self._user is not None:
            self._user.paused()

    def resume_writing(self) -> None:
        self.is_paused = False
        if self._user is not None:
            self._user.resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._begin_closing()
        user, self._user = self._user, None
        if user is not None:
            user.lost()


class _Opened(web.StreamResponse):
    """The head of a stream. The middleware dresses it as any answer; sent, the connection is ours."""

    def __init__(self, door: StreamDoor, who: Principal, asked: Asked, address: str) -> None:
        super().__init__(headers=_HEADERS | {hdrs.DATE: formatdate(usegmt=True)})
        self._begin = partial(door.begin, who=who, asked=asked, address=address)

    async def prepare(self, request: web.BaseRequest) -> None:
        """Instead of aiohttp's: take the connection over, and say the head and what follows it."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode()
        assert isinstance(request, web.Request)
        take_over(request, lambda transport: self._begin(transport, head))

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing: the answer's end is the session's."""


#: ``X-Accel-Buffering``: nginx would keep what should be seen at once.
_HEADERS = {
    hdrs.CONTENT_TYPE: MEDIA_TYPE,
    hdrs.CACHE_CONTROL: "no-store",
    "X-Accel-Buffering": "no",
    hdrs.CONNECTION: "close",
}


class StreamDoor:
    """The handler of ``/api/v1/stream``."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.blocks = Blocks()

    async def enter(self, request: web.Request) -> web.StreamResponse:
        """Judge, and open a stream; HEAD is told what GET would be. Raises the hub's errors."""
        gate = self._gate
        address = judge(gate, request)
        last = request.headers.get(LAST_EVENT_ID)
        asked = read(request.rel_url.raw_query_string, last, gate.settings.max_watches)
        who = await self._who(request, asked.ticket)
        request[ASKER] = who.id
        for watch in asked.watches:
            if audience(who, watch.topic) is None:
                why = f"The topic {watch.topic} is not yours to watch."
                raise Forbidden(why, faults=[Fault("?topic", "is not yours to watch")])
        # Who asks may have taken a while to find out, and others have come in meanwhile.
        judge(gate, request)
        if request.method == "HEAD":
            told = web.Response(headers=_HEADERS)
            told.force_close()
            return told
        return _Opened(self, who, asked, address)

    async def _who(self, request: web.Request, ticket: str | None) -> Principal:
        if hdrs.AUTHORIZATION not in request.headers:
            if ticket is None:
                raise Unauthenticated("Send Authorization: Bearer, or a ticket.", code="no-token")
            # HEAD changes nothing, so it does not use a ticket up.
            return redeem(self._gate, ticket, spend=request.method != "HEAD")
        if ticket is not None:
            why = "goes without Authorization"
            raise Invalid("Two say who asks.", faults=[Fault("?ticket", why)])
        token = bearer(request)
        if token is None or len(request.headers.getall(hdrs.AUTHORIZATION)) > 1:
            raise Unauthenticated("Authorization is not one Bearer token.")
        return await identify(self._gate, token)

    def begin(
        self, transport: asyncio.Transport, head: bytes, who: Principal, asked: Asked, address: str
    ) -> Stream:
        """The session of a connection that is ours; its watches are said on the client's behalf."""
        tune(transport, self._gate)
        stream = Stream(transport, self.blocks, len(asked.watches))
        transport.write(head + first_retry())
        session = Session(self._gate, stream, address)
        session.enter(who)
        for watch in asked.watches:
            if not stream.closing:
                session.take(wire.dump(watch.model_dump()))
        return stream


def setup(app: web.Application, gate: Gate) -> None:
    """Add the door to the application."""
    enter = StreamDoor(gate).enter
    for method in ("GET", "HEAD"):
        app.router.add_route(method, PATH, enter)
    app.router.add_route("OPTIONS", PATH, allow(["GET", "HEAD"]))
