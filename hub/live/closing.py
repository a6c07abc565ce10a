"""Every limit of a session, and the close codes: the range is the verdict (DESIGN, section 4).

4000–4099 stop, 4100–4199 back off, 4200–4299 reconnect now. What is judged before the upgrade is an
HTTP answer, problem+json with ``Retry-After``; what costs only a watch is an ``error``.

======================================== =========================== ==============================
what                                     setting (``HUB_…``)         beyond it
======================================== =========================== ==============================
sockets of this node                     ``MAX_SOCKETS``             503 before the upgrade
sockets of an address (IPv6: of a /64)   ``MAX_SOCKETS_PER_ADDRESS`` 429 before the upgrade
sockets of a principal                   ``MAX_SOCKETS_PER_PRINCIPAL`` ``4009``
seconds until hello is said and judged   ``HELLO_TIMEOUT``           ``4008``
bytes of a frame, and of a message       ``MAX_MESSAGE``             ``1009`` (RFC 6455, 7.4.1)
messages a second; ten frames count one  ``MESSAGES_PER_SECOND``     ``4103``
messages that wait for a verdict         64, four of the largest     ``4000``
watches of a session                     ``MAX_WATCHES``             error ``too_many_watches``
different views of a principal           ``MAX_VIEWS_PER_PRINCIPAL`` error ``too_many_watches``
rows of a first picture                  10,000                      error ``too_many_rows``
reads under way for a principal          ``READS_PER_PRINCIPAL``     the next wait their turn
bytes unsent                             ``SLOW_AFTER_BYTES``        behind; caught up, conflated
seconds in which nothing is read         ``SLOW_TIMEOUT``            ``4101``
change frames a second to a kiosk        ``KIOSK_FRAMES_PER_SECOND`` conflated
seconds until a ping is answered         ``PONG_TIMEOUT``            ``4201``
seconds of a token                       its own ``exp``             ``expiring``, then ``4203``
======================================== =========================== ==============================
"""

from __future__ import annotations

from hub.errors import Forbidden, HubError, Unauthenticated
from hub.rules.closing import Code

__all__ = ["INVALID_DATA", "NORMAL", "TOO_BIG", "UNSUPPORTED_DATA", "Code", "verdict"]

#: RFC 6455, section 7.4.1: what the WebSocket layer itself says.
NORMAL, UNSUPPORTED_DATA, INVALID_DATA, TOO_BIG = 1000, 1003, 1007, 1009


def verdict(wrong: HubError) -> Code:
    """The code for a token that was not accepted."""
    if isinstance(wrong, Unauthenticated):
        return Code.BAD_TOKEN
    return Code.FORBIDDEN if isinstance(wrong, Forbidden) else Code.OVERLOADED
