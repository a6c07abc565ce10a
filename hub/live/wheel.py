"""Time for every session, from one timer: pings, missing pongs, late hellos, tokens, the stuck.

A tick a second looks only at those whose turn it is: a slice of the sessions to ping, and the few
who arrive, expire, close or do not read. Invariant: an idle session costs no timer and no task of
its own, and none outlives its deadline by more than two ticks.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from hub.live.closing import Code
from hub.rules import wire

if TYPE_CHECKING:
    from hub.live.gate import Gate
    from hub.live.session import Session

#: How long before a token's end its holder is told, and how long a closing handshake may take; seconds.
WARNING = 60.0
FAREWELL = 3.0


class Wheel:
    """Turned once a second by :meth:`run`. Sessions are on it from welcome until they are lost."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._slots: list[set[Session]] = [
            set() for _ in range(max(1, round(gate.settings.ping_every)))
        ]
        self._at = 0
        self._asked: deque[tuple[float, list[Session]]] = deque()
        #: Those whose token ends soon.
        self._soon: set[Session] = set()

    def put(self, session: Session) -> None:
        """A welcomed session: its first ping is due a whole turn from now."""
        session.slot = self._at
        self._slots[self._at].add(session)
        self._watch_expiry(session)

    def take(self, session: Session) -> None:
        """A session that is gone."""
        if session.slot is not None:
            self._slots[session.slot].discard(session)
        self._soon.discard(session)

    def renewed(self, session: Session) -> None:
        """A session's token is a new one."""
        self._soon.discard(session)
        self._watch_expiry(session)

    async def run(self) -> None:
        """Turn until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + 1.0, loop.time())
            await asyncio.sleep(due - loop.time())
            self.tick(loop.time(), self._gate.clock())

    def tick(self, now: float, clock: float) -> None:
        """One second: ``now`` is loop time, ``clock`` unix time."""
        self._late_hellos(now)
        self._missing_pongs(now)
        self._pings(now, clock)
        self.expire(clock)
        self._troubled(now)

    def _late_hellos(self, now: float) -> None:
        for session, deadline in list(self._gate.arriving.items()):
            if deadline > now:
                break  # in order of arrival
            self._gate.arriving.pop(session, None)
            session.close(Code.NO_HELLO, "no hello in time")

    def _pings(self, now: float, clock: float) -> None:
        self._at = (self._at + 1) % len(self._slots)
        slot = self._slots[self._at]
        if not slot:
            return
        settings = self._gate.settings
        tail = b',"fresh_until":"' + wire.now_z(clock + self._gate.fresh_for).encode() + b'"}'
        asked = []
        for session in slot:
            self._watch_expiry(session)
            # One that does not read is watched for that; to a paced one its own cursor is told.
            if not session.socket.closing and (
                session.behind is None or not session.socket.is_paused
            ):
                session.awaits_pong = session.socket.answers
                asked.append(session)
        for session in asked:
            _ping(session, tail)
        self._asked.append((now + settings.pong_timeout, asked))

    def _missing_pongs(self, now: float) -> None:
        while self._asked and self._asked[0][0] <= now:
            for session in self._asked.popleft()[1]:
                if session.awaits_pong and not session.socket.is_paused:
                    session.close(Code.NO_PONG, "no pong in time")

    def _watch_expiry(self, session: Session) -> None:
        who = session.principal
        if who is not None and who.expires is not None:
            ahead = WARNING + len(self._slots) + 1
            if who.expires - self._gate.clock() <= ahead:
                self._soon.add(session)

    def expire(self, clock: float) -> None:
        """Show out whose token has ended, and warn whose token ends soon."""
        for session in list(self._soon):
            who = session.principal
            assert who is not None
            assert who.expires is not None
            left = who.expires - clock
            if left <= 0:
                session.close(Code.TOKEN_EXPIRED, "the token has expired")
                self._soon.discard(session)
            elif left <= WARNING and session.warned != who.expires:
                session.warned = who.expires
                session.say({"type": "expiring", "in": max(1, round(left))})

    def _troubled(self, now: float) -> None:
        patience = self._gate.settings.slow_timeout
        for session in list(self._gate.troubled):
            socket = session.socket
            if socket.closing:
                if now - session.stuck_since > FAREWELL:
                    socket.abort()
            elif not socket.is_paused:
                self._gate.troubled.discard(session)
            elif (unsent := socket.unsent()) < session.stuck:
                session.stuck, session.stuck_since = unsent, now
            elif now - session.stuck_since > patience:
                session.close(Code.TOO_SLOW, "nothing was read for too long")


def _ping(session: Session, tail: bytes) -> None:
    if session.socket.closing:
        return
    if session.owed:
        # Cut off between this and its ``reset``, it would come back with a cursor that covers what made
        # its watch void. What it is owed is said in the loop's next turn.
        session.gate.soon(partial(_ping, session, tail))
        return
    told = f'{{"type":"ping","cursor":"{session.good_until}","sent":{session.sent}'.encode()
    session.socket.write(wire.text_frame(told + tail))


async def drain(gate: Gate, seconds: float) -> None:
    """Say goodbye to everyone within ``seconds``, in paced batches, each told when to come back.

    The times to come back are spread so that another node, or this one restarted, meets them paced.
    """
    gate.draining = True
    loop = asyncio.get_running_loop()
    sessions = list(gate.sessions)
    random.shuffle(sessions)
    steps = max(1, min(len(sessions), round(seconds * 0.7 / 0.05)))
    spread = 1.0 + len(sessions) / 500
    for step in range(steps):
        for session in sessions[step::steps]:
            session.close(
                Code.DRAINING, "the hub restarts", retry_after=random.uniform(0.2, 0.2 + spread)
            )
        if step < steps - 1:
            await asyncio.sleep(seconds * 0.7 / steps)
    deadline = loop.time() + max(0.2, seconds * 0.3)
    while gate.sessions and loop.time() < deadline:
        for session in list(gate.sessions):
            # Who was let in before and came through the door only now.
            session.close(Code.DRAINING, "the hub restarts", retry_after=random.uniform(0.2, 1.2))
        await asyncio.sleep(0.02)
    for session in list(gate.sessions):
        session.socket.abort()
