"""How much one client may say: an allowance that refills, kept as one number a session.

Pure arithmetic (the generic cell rate algorithm): the number is when the allowance will be whole
again. Invariant: whoever stays below its rate is never refused, however it is cut into frames.
"""

from __future__ import annotations

#: What a control frame or a fragment costs of the allowance of messages.
FRAME = 0.1
#: How many seconds of silence may be saved up.
_SAVED = 2.0
_ROUNDING = 1e-6


class Allowance:
    """What every session of a node may say: ``per_second`` messages, twice as many at once."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second

    def spend(self, whole_at: float, cost: float, now: float) -> float | None:
        """When it will be whole again after ``cost`` messages (loop time); None if that is too much."""
        whole_at = max(whole_at, now) + cost / self.per_second
        return None if whole_at - now > _SAVED + _ROUNDING else whole_at
