"""Days that slide: ``today`` and its neighbours, by the school's clock.

A filter may be bound by a day's word instead of a moment; which moment that is depends on what day
the school has, which this room is told and never asks. Pure. Invariant: a day begins at midnight by
the school's clock, whatever daylight saving does with that midnight.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import MINYEAR, UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_WORD = re.compile(r"(yesterday|today|tomorrow)(?:([+-])([0-9]{1,3}))?", re.ASCII)
_NEAR = {"yesterday": -1, "today": 0, "tomorrow": 1}
#: What a word looks like, for documents.
PATTERN = r"^(yesterday|today|tomorrow)([+-][0-9]{1,3})?$"


@dataclass(frozen=True, slots=True, order=True)
class Day:
    """The beginning of the day that is ``offset`` days from the school's today."""

    offset: int

    def __str__(self) -> str:
        return f"today{self.offset:+d}" if self.offset else "today"

    def begins(self, today: date, zone: ZoneInfo) -> datetime:
        """That midnight, in UTC. Where the clock skips it, the moment at which it does.

        One that no calendar has (some clock's mistake is today's day) is the nearest end of time.
        """
        try:
            day = today + timedelta(days=self.offset)
            return datetime.combine(day, time(), zone).astimezone(UTC)
        except OverflowError:
            late = today.year > MINYEAR
            return (datetime.max if late else datetime.min).replace(tzinfo=UTC)


def day(word: str) -> Day | None:
    """Read ``today``, ``tomorrow+3``, ``yesterday-1``; None for anything else."""
    found = _WORD.fullmatch(word)
    if found is None:
        return None
    far = int(found[3] or 0)
    return Day(_NEAR[found[1]] + (-far if found[2] == "-" else far))


def midnight_after(now: datetime, zone: ZoneInfo) -> datetime:
    """When today's tomorrow begins, in UTC; once more, if the clock was put back from it into today."""
    today = now.astimezone(zone).date()
    first = Day(1).begins(today, zone)
    if first > now:
        return first
    return datetime.combine(today + timedelta(days=1), time(fold=1), zone).astimezone(UTC)


def begins(today: date, last: date | None) -> bool:
    """Whether ``today`` is to be written, ``last`` being the last day that was.

    Not if that is tomorrow's: another node's clock is a little ahead. A day further off was some
    clock's mistake.
    """
    return last is None or last < today or last > today + timedelta(days=1)
