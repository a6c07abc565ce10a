"""One session of ``hub.v1``: who it is, what it asks for, what it is answered.

A machine without I/O: messages, verdicts and the wheel's word come in as calls; frames go to the
socket, and what takes time is a command for the gate's ``errands``, whose outcome comes in as a call
again. Invariants: hello before all else and one ``welcome``; nothing but ``bye`` is said before it;
no two watches have one id; at most one ``bye``, and nothing after it.
"""

from __future__ import annotations

from itertools import count
from secrets import randbelow
from typing import TYPE_CHECKING

from pydantic import ValidationError

from hub.errors import HubError
from hub.live.allowance import FRAME
from hub.live.closing import Code, verdict
from hub.live.follower import Follower
from hub.live.watch import Watching
from hub.live.who import redeem
from hub.rules import wire
from hub.rules.access import Principal, audience
from hub.rules.topics import TOPICS, read_filter

if TYPE_CHECKING:
    from hub.live.carrier import Carrier
    from hub.live.gate import Gate

#: Messages that may wait for a verdict on a token, and how many of the largest they may weigh.
_EARLY, _EARLY_WEIGHT = 64, 4
_numbers = count(randbelow(2**32))


class Session(Follower):
    """A :class:`hub.fanout.views.Sink` and a :class:`hub.live.socket.User`.

    ``address`` is whose socket it is, as :func:`hub.rest.address.whose` writes it.
    """

    __slots__ = ("_held", "_spent", "address", "awaits_pong", "id", "since", "slot", "warned")

    def __init__(self, gate: Gate, socket: Carrier, address: str = "") -> None:
        super().__init__(gate, socket)
        self.id = f"{next(_numbers):x}"
        self.address = address
        #: Since when it is here, unix seconds.
        self.since = gate.clock()
        self.awaits_pong = False
        #: Its place on the wheel, and the expiry it was last warned of.
        self.slot: int | None = None
        self.warned: float | None = None
        #: Messages that wait while a token is judged.
        self._held: list[bytes] | None = None
        now = gate.now()
        #: When its allowance of messages is whole again.
        self._spent = now
        gate.sessions.add(self)
        gate.addresses[address] += 1
        gate.arriving[self] = now + gate.settings.hello_timeout
        socket.attach(self)

    # What the socket tells.

    def received(self, text: bytes) -> None:
        """One message; the first must be ``hello`` unless the upgrade carried a token."""
        if self.tolerates(0, messages=1):
            self.take(text)

    def tolerates(self, frames: int, *, messages: int = 0) -> bool:
        """Account for what came in; closes with 4103 beyond ``messages_per_second``."""
        allowance = self.gate.allowance
        spent = allowance.spend(self._spent, messages + frames * FRAME, self.gate.now())
        if spent is None:
            self.close(Code.RATE, f"more than {allowance.per_second:g} messages a second")
            return False
        self._spent = spent
        return True

    def lost(self) -> None:
        """The socket is gone."""
        gate = self.gate
        gate.sessions.discard(self)
        gate.addresses[self.address] -= 1
        if not gate.addresses[self.address]:
            del gate.addresses[self.address]
        gate.arriving.pop(self, None)
        gate.wheel.take(self)
        gate.troubled.discard(self)
        if self.principal is not None:
            gate.delivery.depart(self.principal.id, self)

    # Hello and rights.

    def take(self, text: bytes) -> None:
        """One message, whoever said it: what the door says on a stream's behalf counts for nothing."""
        if self.socket.closing:
            return
        if self._held is not None:
            # Messages may follow a token at once; they wait until it is judged. Its peer lives.
            self.awaits_pong = False
            self._held.append(text)
            most = _EARLY_WEIGHT * self.gate.settings.max_message
            if len(self._held) > _EARLY or sum(map(len, self._held)) > most:
                self.close(Code.MALFORMED, "too many messages before the token was judged")
        elif self.principal is None:
            self._first(text)
        else:
            self._handle(text)

    def _first(self, text: bytes) -> None:
        try:
            message = wire.read(text)
        except wire.Malformed as wrong:
            self.close(Code.MALFORMED, str(wrong))
            return
        if not isinstance(message, wire.Hello):
            self.close(Code.MALFORMED, "the first message must be hello")
        elif message.token is not None:
            self.begin(message.token)
        else:
            assert message.ticket is not None
            try:
                who = redeem(self.gate, message.ticket)
            except HubError as wrong:
                self.close(verdict(wrong), wrong.detail)
            else:
                self.enter(who)

    def begin(self, token: str) -> None:
        """Have a token judged: from ``hello``, ``auth`` or the upgrade's header."""
        self._held = []
        self.gate.errands.identify(self, token)

    def identified(self, found: Principal | HubError) -> None:
        """The verdict; then what was said while it was awaited."""
        if self.socket.closing:
            return
        held, self._held = self._held or [], None
        if isinstance(found, HubError):
            self.close(verdict(found), found.detail)
        elif self.principal is None:
            self.enter(found)
        else:
            self._renew(found)
        for text in held:
            self.take(text)

    def enter(self, who: Principal) -> None:
        """Welcome one whose credentials were just judged."""
        gate = self.gate
        gate.arriving.pop(self, None)
        self.principal = who
        if gate.delivery.arrive(who.id, self) > gate.settings.max_sockets_per_principal:
            self.close(Code.TOO_MANY, "too many connections of one principal")
            return
        self.is_paced = who.kind == "device"
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

    def _renew(self, who: Principal) -> None:
        assert self.principal is not None
        if (who.kind, who.id) != (self.principal.kind, self.principal.id):
            self.close(Code.FORBIDDEN, "another's token")
            return
        self._judge(who)
        self.gate.wheel.renewed(self)
        expires = wire.now_z(who.expires) if who.expires is not None else None
        self.say({"type": "renewed", "expires": expires})

    # What the client says.

    def _handle(self, text: bytes) -> None:
        try:
            message = wire.read(text)
        except wire.Malformed as wrong:
            # A watch with a fault in it costs that watch, not the session; anything else is no hub.v1.
            if wrong.watch is not None:
                self.error(wrong.watch, "malformed", str(wrong))
            else:
                self.close(Code.MALFORMED, str(wrong))
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
                    self.drop(watch)
            case wire.Auth():
                self.begin(message.token)
            case wire.Hello():
                self.error(None, "hello_twice", "hello was said already; renew with auth")

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
        if view.members == 1 and self._views() >= self.gate.settings.max_views_per_principal:
            self.gate.views.leave(view)
            most = self.gate.settings.max_views_per_principal
            self.error(message.id, "too_many_watches", f"at most {most} different ones of yours")
            return
        watch = self.watches[message.id] = Watching(message.id, view)
        self.start(watch, message.cursor, None)

    def _views(self) -> int:
        """How many different views this principal has, in all its sessions."""
        assert self.principal is not None
        mine = self.gate.delivery.of(self.principal.id)
        followers = (one for one in mine if isinstance(one, Follower))
        return len({watch.view for one in followers for watch in one.watches.values()})
