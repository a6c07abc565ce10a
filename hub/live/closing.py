"""Close codes: the range is the verdict (DESIGN, section 4).

4000–4099 stop, 4100–4199 back off, 4200–4299 reconnect now.
"""

from __future__ import annotations

from enum import IntEnum


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


#: RFC 6455, section 7.4.1: what the WebSocket layer itself says.
NORMAL, UNSUPPORTED_DATA, INVALID_DATA, TOO_BIG = 1000, 1003, 1007, 1009
