"""Which status a booking may move to: the one table of legal moves.

Pure. What else a move asks for (rights, a free slot) is judged elsewhere. Invariant: CANCELLED
and COMPLETED are final, and a booking begins as CONFIRMED.
"""

from __future__ import annotations

from collections.abc import Mapping

from hub.model import BookingStatus

#: From each status, where a booking may go. Staying is no move.
MOVES: Mapping[BookingStatus, frozenset[BookingStatus]] = {
    "CONFIRMED": frozenset({"AT_RISK", "RESCHEDULING", "CANCELLED", "COMPLETED"}),
    # The weather cleared; or options were made; or it flew all the same.
    "AT_RISK": frozenset({"CONFIRMED", "RESCHEDULING", "CANCELLED", "COMPLETED"}),
    # The old time holds after all, and what was offered and said is forgotten; or the flight is given
    # up. The reschedule itself cancels this row and makes a new one, so nothing completes from here.
    "RESCHEDULING": frozenset({"CONFIRMED", "CANCELLED"}),
    "CANCELLED": frozenset(),
    "COMPLETED": frozenset(),
}


def may_move(before: BookingStatus, after: BookingStatus) -> bool:
    """Whether ``before`` may become ``after``; staying is always allowed."""
    return before == after or after in MOVES[before]
