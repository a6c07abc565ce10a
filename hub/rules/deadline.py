"""Until when new times may be ranked, and what is to be done on the way there.

Pure: what time it is, the database says. The deadline itself, the earlier of two moments, is
computed by the statement that writes it, from the spans named here. Invariant: nothing is due for
an offer that is complete but the choice, and nothing but the choice once it is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

#: The deadline: so long before departure, or so long after the notification of the options,
#: whichever is earlier.
BEFORE_DEPARTURE = timedelta(minutes=30)
AFTER_NOTIFICATION = timedelta(hours=12)
#: A reminder goes out so long before the deadline; later, too, unless less than LAST_CALL is left.
REMINDER = timedelta(hours=2)
LAST_CALL = timedelta(minutes=15)

_NOW = timedelta(0)


@dataclass(frozen=True, slots=True)
class Awaited:
    """What is expected of one person, and what came of it."""

    deadline: datetime
    submitted: bool
    reminded: bool


def is_complete(offer: Sequence[Awaited]) -> bool:
    """Whether everybody has submitted."""
    return all(one.submitted for one in offer)


def is_over(offer: Sequence[Awaited], now: datetime) -> bool:
    """Whether the deadline of somebody who has not submitted has come."""
    return any(not one.submitted and one.deadline <= now for one in offer)


def needs_reminder(one: Awaited, now: datetime) -> bool:
    """Whether this person is to be reminded now."""
    if one.submitted or one.reminded:
        return False
    return LAST_CALL <= one.deadline - now <= REMINDER


def due_in(offer: Sequence[Awaited], now: datetime) -> timedelta:
    """How long until there is something to do for an offer: a choice, a reminder, an escalation."""
    if is_complete(offer):
        return _NOW
    waits = []
    for one in offer:
        left = one.deadline - now
        if one.submitted:
            continue
        waits.append(left)
        if not one.reminded and left >= LAST_CALL:
            waits.append(left - REMINDER)
    return max(min(waits), _NOW)
