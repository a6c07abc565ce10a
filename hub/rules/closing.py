"""Close codes of ``hub.v1``: the range is the verdict (DESIGN, section 4).

4000–4099 stop, 4100–4199 back off, 4200–4299 reconnect now. Words only: nothing is closed from here.
Invariant: a code's range says what a client does, so one that does not know the code does right.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

Verdict = Literal["stop", "back off", "reconnect now"]

_VERDICTS: dict[int, Verdict] = {40: "stop", 41: "back off", 42: "reconnect now"}


class Code(IntEnum):
    """Why the hub ended a session. Clients need only the range; people read the name."""

    MALFORMED = 4000
    BAD_TOKEN = 4001
    FORBIDDEN = 4003
    NO_HELLO = 4008
    TOO_MANY = 4009
    OVERLOADED = 4100
    TOO_SLOW = 4101
    RATE = 4103
    DRAINING = 4200
    NO_PONG = 4201
    TOKEN_EXPIRED = 4203

    @property
    def verdict(self) -> Verdict:
        """What a client does then."""
        return _VERDICTS[self // 100]


#: What each means, for documents.
MEANINGS: dict[Code, str] = {
    Code.MALFORMED: "A message was not hub.v1.",
    Code.BAD_TOKEN: "The token, key or ticket is not good, or has expired.",
    Code.FORBIDDEN: "Nobody here has that token, or whoever had it is gone or revoked.",
    Code.NO_HELLO: "No hello came in time.",
    Code.TOO_MANY: "Too many connections.",
    Code.OVERLOADED: "The hub cannot judge or serve just now.",
    Code.TOO_SLOW: "Nothing was read for too long.",
    Code.RATE: "Too many messages a second.",
    Code.DRAINING: "The hub restarts; bye says when to come back.",
    Code.NO_PONG: "No pong came in time.",
    Code.TOKEN_EXPIRED: "The token has expired; come back with a new one.",
}
