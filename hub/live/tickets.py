"""Tickets: who may open one session, soon, without a token in its URL.

A browser's ``EventSource`` can send no header, and a token in a URL ends up in logs and histories;
a ticket there is worth nothing once it was used. They live in this node's memory: each is good here
only. Invariants: a ticket opens one session at most, within :data:`LIFE`; nobody has more than
:data:`MOST_EACH` of them; a ticket is kept in no form but a digest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_urlsafe

from hub.errors import Unauthenticated, Unavailable
from hub.rules.access import Principal

#: Seconds for which a ticket is good.
LIFE = 30
#: Tickets of one principal, whose oldest then go; and of all, when nobody gets one.
MOST_EACH, MOST = 64, 100_000


@dataclass(frozen=True, slots=True)
class _Ticket:
    who: Principal
    until: float


def _digest(ticket: str) -> bytes:
    return sha256(ticket.encode(errors="surrogatepass")).digest()


class Tickets:
    """The tickets that were made here and not used yet. ``clock`` gives monotonic seconds."""

    life = LIFE

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: All live equally long, so they stand in the order in which they end.
        self._good: dict[bytes, _Ticket] = {}
        self._of: dict[tuple[str, str], list[bytes]] = {}

    def __len__(self) -> int:
        return len(self._good)

    def make(self, who: Principal) -> str:
        """A ticket of 256 random bits for ``who``. Raises Unavailable if there are too many."""
        self._prune()
        owner = (who.kind, who.id)
        if len(self._of.get(owner, ())) >= MOST_EACH:
            self._take(self._of[owner][0])
        elif len(self._good) >= MOST:
            raise Unavailable("Too many tickets wait to be used.", retry_after=LIFE)
        ticket = f"hubt_{token_urlsafe(32)}"
        digest = _digest(ticket)
        self._good[digest] = _Ticket(who, self._clock() + LIFE)
        self._of.setdefault(owner, []).append(digest)
        return ticket

    def look(self, ticket: str) -> Principal:
        """Whose it is, as they were when it was made. Raises Unauthenticated."""
        self._prune()
        found = self._good.get(_digest(ticket))
        if found is None:
            why = f"The ticket is unknown, used already, or older than {LIFE} s."
            raise Unauthenticated(why, code="ticket")
        return found.who

    def spend(self, ticket: str) -> Principal:
        """The same; from here on the ticket is worth nothing."""
        who = self.look(ticket)
        self._take(_digest(ticket))
        return who

    def _take(self, digest: bytes) -> None:
        who = self._good.pop(digest).who
        owner = (who.kind, who.id)
        self._of[owner].remove(digest)
        if not self._of[owner]:
            del self._of[owner]

    def _prune(self) -> None:
        now = self._clock()
        while self._good:
            digest, oldest = next(iter(self._good.items()))
            if oldest.until > now:
                return
            self._take(digest)
