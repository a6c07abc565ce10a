"""One session of ``hub.v1``: who it is, what it watches, whether it keeps up.

The session speaks the protocol over a socket it is given; it starts watches (``watching``) but
never waits itself. It is *live* (its cursor is the feed's) or *behind* (its cursor is older): there
is no queue. Invariants: a session that is behind is in no view's live set; every event of its
views reaches it exactly once or folded into a later one; nothing is sent before ``welcome``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from itertools import count
from secrets import randbelow

from pydantic import ValidationError

from hub.errors import Forbidden, HubError, Unauthenticated
from hub.fanout.judgement import Shown, conflate, framed
from hub.fanout.views import View
from hub.live.carrier import Carrier
from hub.live.closing import Code
from hub.live.gate import Gate
from hub.live.watching import Watching, begin
from hub.live.who import identify, redeem, today
from hub.rules import wire
from hub.rules.access import Principal, audience
from hub.rules.cursor import Cursor
from hub.rules.topics import TOPICS, read_filter

#: Messages that may wait for the hello to be judged.
_EARLY = 64
#: What a control frame or a fragment costs of the allowance of messages.
_FRAME_COST = 0.1
#: What a session is told whose principal is no more.
_GONE = {
    "user": "this user is gone",
    "integration": "this key was revoked",
    "device": "this device was revoked",
}
_numbers = count(randbelow(2**32))


class Session:
    """A :class:`hub.fanout.views.Sink` and a :class:`hub.live.socket.User`."""

    __slots__ = (
        "__weakref__",
        "_allowance",
        "_allowed_at",
        "_early",
        "awaits_pong",
        "behind",
        "gate",
        "id",
        "left_at",
        "principal",
        "sent",
        "since",
        "slot",
        "socket",
        "stuck",
        "stuck_since",
        "waiting",
        "warned",
        "watches",
    )

    def __init__(self, gate: Gate, socket: Carrier) -> None:
        self.gate = gate
        self.socket = socket
        self.id = f"{next(_numbers):x}"
        self.principal: Principal | None = None
        self.watches: dict[str, Watching] = {}
        #: Where a session that cannot keep up was left; None while it is live.
        self.behind: Cursor | None = None
        #: When that was (loop time), and since when it is here (unix seconds).
        self.left_at = 0.0
        self.since = gate.clock()
        #: Woken when a paused socket drains; only while a first picture is on its way.
        self.waiting: asyncio.Event | None = None
        self.sent = 0
        self.awaits_pong = False
        #: Its place on the wheel, and the expiry it was last warned of.
        self.slot: int | None = None
        self.warned: float | None = None
        self.stuck = 0
        self.stuck_since = 0.0
        self._early: list[bytes] | None = []
        self._allowance = gate.settings.messages_per_second * 2
        self._allowed_at = gate.now()
        gate.sessions.add(self)
        gate.arriving[self] = gate.now() + gate.settings.hello_timeout
        socket.attach(self)

    # What the socket tells.

    def received(self, text: bytes) -> None:
        """One message; the first must be ``hello`` unless the upgrade carried a token."""
        if not self.tolerates(0, messages=1):
            return
        if self._early is not None:
            # Messages may follow a hello at once; they wait until it is judged.
            self._early.append(text)
            if len(self._early) == 1:
                self._first(text)
            elif len(self._early) > _EARLY:
                self.close(Code.MALFORMED, "too many messages before welcome")
            return
        self._handle(text)

    def tolerates(self, frames: int, *, messages: int = 0) -> bool:
        """Account for what came in; closes with 4103 beyond ``messages_per_second``."""
        rate = self.gate.settings.messages_per_second
        now = self.gate.now()
        self._allowance = min(rate * 2, self._allowance + (now - self._allowed_at) * rate)
        self._allowed_at = now
        self._allowance -= messages + frames * _FRAME_COST
        if self._allowance < 0:
            self.close(Code.RATE, f"more than {rate:g} messages a second")
            return False
        return True

    def paused(self) -> None:
        """The peer reads too slowly: from here on it is behind, at the feed's cursor."""
        if self.behind is None and self.principal is not None:
            self.behind, self.left_at = self.gate.feed.cursor, self.gate.now()
            for watch in self.watches.values():
                watch.view.live.discard(self)
        self.stuck, self.stuck_since = self.socket.unsent(), self.gate.now()
        self.gate.troubled.add(self)

    def resumed(self) -> None:
        """The peer has drained: what it missed, conflated, in one write; then it is live again."""
        behind, self.behind = self.behind, None
        if behind is not None and not self.socket.closing:
            self._catch_up(behind)
        if self.waiting is not None and not self.socket.is_paused:
            self.waiting.set()

    def closing(self) -> None:
        """The closing handshake is under way; the wheel ends it if the peer does not."""
        for watch in list(self.watches.values()):
            self._drop(watch)
        self.stuck_since = self.gate.now()
        self.gate.troubled.add(self)

    def lost(self) -> None:
        """The socket is gone."""
        gate = self.gate
        gate.sessions.discard(self)
        gate.arriving.pop(self, None)
        gate.troubled.discard(self)
        gate.wheel.take(self)
        for watch in list(self.watches.values()):
            self._drop(watch)
        if self.principal is not None:
            gate.delivery.depart(self.principal.id, self)

    # Hello and rights.

    def _first(self, text: bytes) -> None:
        try:
            message = wire.read(text)
        except wire.Malformed as wrong:
            self.close(Code.MALFORMED, str(wrong))
            return
        if not isinstance(message, wire.Hello):
            self.close(Code.MALFORMED, "the first message must be hello")
            return
        if message.ticket is None:
            assert message.token is not None
            self.begin(message.token)
            return
        try:
            who = redeem(self.gate, message.ticket)
        except HubError as wrong:
            self._refuse(wrong)
            return
        self.enter(who)

    def begin(self, token: str) -> None:
        """Judge a token and, if it holds, welcome; from ``hello`` or from the upgrade's header."""
        if self._early is None:
            return
        if not self._early:
            self._early.append(b"")  # a header came in place of the hello
        self.gate.start(self._begin(token))

    async def _begin(self, token: str) -> None:
        who = await self._identify(token)
        if who is not None and not self.socket.closing:
            self.enter(who)

    def enter(self, who: Principal) -> None:
        """Welcome one whose credentials were just judged; then what was said meanwhile."""
        gate = self.gate
        gate.arriving.pop(self, None)
        self.principal = who
        if gate.delivery.arrive(who.id, self) > gate.settings.max_sockets_per_principal:
            self.close(Code.TOO_MANY, "too many connections of one principal")
            return
        gate.wheel.put(self)
        now = gate.clock()
        self.say(
            {
                "type": "welcome",
                "session": self.id,
                "node": gate.settings.node,
                "time": wire.now_z(now),
                "ping": gate.settings.ping_every,
                "fresh_until": wire.now_z(now + gate.fresh_for),
                "expires": wire.now_z(who.expires) if who.expires is not None else None,
                "principal": {"kind": who.kind, "id": who.id, "role": who.role, "name": who.name},
            }
        )
        early, self._early = self._early, None
        for text in (early or [])[1:]:
            if not self.socket.closing:
                self._handle(text)

    async def _identify(self, token: str) -> Principal | None:
        """The principal of a token, or None after closing with the verdict."""
        try:
            return await identify(self.gate, token)
        except HubError as wrong:
            self._refuse(wrong)
        return None

    def _refuse(self, wrong: HubError) -> None:
        """Close, since nobody we know holds what was sent."""
        if isinstance(wrong, Unauthenticated):
            self.close(Code.BAD_TOKEN, wrong.detail)
        elif isinstance(wrong, Forbidden):
            self.close(Code.FORBIDDEN, wrong.detail)
        else:
            self.close(Code.OVERLOADED, wrong.detail)

    def rejudge(self) -> None:
        """The principal's row changed: rights as they are now, at once."""
        was = self.principal
        if was is None or self.socket.closing:
            return
        now = today(self.gate, was)
        if now is None:
            self.close(Code.FORBIDDEN, _GONE[was.kind])
            return
        self.principal = now
        if (now.role, now.scopes, now.airport) != (was.role, was.scopes, was.airport):
            self.restart(None, "rights")

    # What the client says.

    def _handle(self, text: bytes) -> None:
        try:
            message = wire.read(text)
        except wire.Malformed as wrong:
            self._malformed(text, wrong)
            return
        match message:
            case wire.Pong():
                self.awaits_pong = False
            case wire.Watch():
                self._watch(message)
            case wire.Unwatch():
                watch = self.watches.get(message.id)
                if watch is None:
                    self.error(message.id, "unknown_watch", "there is no watch of that id")
                else:
                    self._drop(watch)
            case wire.Auth():
                self.gate.start(self._renew(message.token))
            case wire.Hello():
                self.error(None, "hello_twice", "hello was said already; renew with auth")

    def _malformed(self, text: bytes, wrong: wire.Malformed) -> None:
        # A watch with a fault in it costs that watch, not the session; anything else is no hub.v1.
        if wrong.watch is not None:
            self.error(wrong.watch, "malformed", str(wrong))
        else:
            self.close(Code.MALFORMED, str(wrong))

    async def _renew(self, token: str) -> None:
        who = await self._identify(token)
        if who is None or self.principal is None:
            return
        if who.id != self.principal.id:
            self.close(Code.FORBIDDEN, "another's token")
            return
        self.principal = who
        self.gate.wheel.renewed(self)
        expires = wire.now_z(who.expires) if who.expires is not None else None
        self.say({"type": "renewed", "expires": expires})

    def _watch(self, message: wire.Watch) -> None:
        assert self.principal is not None
        if message.id in self.watches:
            self.error(message.id, "watch_exists", "there is a watch of that id already")
            return
        if len(self.watches) >= self.gate.settings.max_watches:
            most = self.gate.settings.max_watches
            self.error(message.id, "too_many_watches", f"at most {most} watches a session")
            return
        topic = TOPICS.get(message.topic)
        if topic is None:
            self.error(message.id, "unknown_topic", f"topics are: {', '.join(TOPICS)}")
            return
        seen_as = audience(self.principal, topic.name)
        if seen_as is None:
            self.error(message.id, "forbidden", "not yours to watch")
            return
        try:
            within = read_filter(topic, message.filter)
        except ValidationError as wrong:
            self.error(message.id, "bad_filter", wire.faults(wrong, under="/filter"))
            return
        view = self.gate.views.join(topic, seen_as, within)
        watch = self.watches[message.id] = Watching(message.id, view)
        self._begin_watch(watch, message.cursor, None)

    def _begin_watch(self, watch: Watching, cursor: str | None, reason: str | None) -> None:
        watch.stop()
        if not any(w.is_live and w.view is watch.view for w in self.watches.values()):
            watch.view.live.discard(self)
        watch.task = self.gate.start(begin(self, watch, cursor, reason))

    def unwatch(self, watch: Watching) -> None:
        """End a watch that could not be started."""
        if self.watches.get(watch.id) is watch:
            self._drop(watch)

    def _drop(self, watch: Watching) -> None:
        watch.stop()
        self.watches.pop(watch.id, None)
        if not any(w.is_live and w.view is watch.view for w in self.watches.values()):
            watch.view.live.discard(self)
        self.gate.views.leave(watch.view)

    def restart(self, views: Collection[View] | None, reason: str) -> None:
        """Read some views, or every one, anew with today's rights; the client is told to reset."""
        if self.principal is None or self.socket.closing:
            return
        for watch in [w for w in self.watches.values() if views is None or w.view in views]:
            seen_as = audience(self.principal, watch.view.topic.name)
            if seen_as is None:
                self._drop(watch)
                self.say({"type": "reset", "id": watch.id, "reason": reason})
                self.error(watch.id, "forbidden", "not yours to watch any more")
                continue
            if seen_as != watch.view.audience:
                old = watch.view
                watch.stop()
                watch.view = self.gate.views.join(old.topic, seen_as, old.within)
                old.live.discard(self)
                self.gate.views.leave(old)
            self._begin_watch(watch, None, reason)

    # What the hub says.

    @property
    def is_whole(self) -> bool:
        """Whether every watch is live and none is behind: good up to the cursor told next."""
        return self.behind is None and all(watch.is_live for watch in self.watches.values())

    def push(self, frames: bytes, changes: int) -> None:
        """Frames of a batch, for views in which this session is live."""
        self.sent += changes
        self.socket.write(frames)

    def go_live(self, watch: Watching) -> None:
        """A watch has been brought up to the feed's cursor: from here on it takes part."""
        watch.is_live = True
        if self.behind is None:
            watch.view.live.add(self)

    def _catch_up(self, since: Cursor) -> None:
        gate = self.gate
        shown = Shown(gate.directory)
        frames = []
        cursor = str(gate.feed.cursor)
        for view in {watch.view: None for watch in self.watches.values() if watch.is_live}:
            events = gate.feed.since(since.snapshot)
            items = None if events is None else conflate(view, events, shown)
            frame = b"" if not items else framed(view, items, cursor)
            if items is None or frame is None:
                self.restart((view,), "distance")
                continue
            view.live.add(self)
            if frame:
                frames.append(frame)
        if frames:
            self.push(b"".join(frames), len(frames))

    def say(self, message: dict[str, object]) -> None:
        """One message to this session alone."""
        self.socket.write(wire.text_frame(wire.dump(message)))

    def error(self, watch: str | None, code: str, text: str, *, temporary: bool = False) -> None:
        """Tell what was wrong; the session goes on."""
        message: dict[str, object] = {"type": "error"}
        if watch is not None:
            message["id"] = watch
        self.say(message | {"code": code, "message": text, "temporary": temporary})

    def close(self, code: Code, reason: str, *, retry_after: float | None = None) -> None:
        """Say ``bye`` and begin the closing handshake; the wheel ends it if the peer does not."""
        if self.socket.closing:
            return
        bye: dict[str, object] = {"type": "bye", "code": int(code), "reason": reason}
        if retry_after is not None:
            bye["retry_after"] = round(retry_after, 2)
        self.say(bye)
        self.socket.close(int(code), reason)
