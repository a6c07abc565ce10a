"""When somebody can fly: weekly patterns and dated overrides, as spans of absolute time.

Pure. What is written is the school's clock; what comes out is UTC. The one rule: a moment is
within a window exactly when the school's clock, at that moment, shows its date and a time in it.
So an hour that the clock skips is nobody's, one that it repeats counts twice, and a whole day has
23, 24 or 25 hours. On a date, patterns and additions add up, and a block takes away from both.

Spans are half-open pairs ``(start, end)``. Invariant: what is returned is ascending, and its spans
are not empty and do not touch each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Protocol, TypeVar


class Ordered(Protocol):
    """What spans are made of."""

    def __lt__(self, other: Any, /) -> bool: ...


T = TypeVar("T", bound=Ordered)
#: Absolute time, in UTC.
Span = tuple[datetime, datetime]
#: Time since midnight, as the clock shows it: up to and with 24:00.
Hours = tuple[timedelta, timedelta]

WHOLE_DAY: Hours = (timedelta(), timedelta(days=1))
#: How far apart the clock is looked at for a change of its offset. Two changes that cancel each other
#: out within less would be missed; the tz database has none.
_STEP = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Pattern:
    """Every week on one weekday; 0 is Sunday."""

    weekday: int
    hours: Hours


@dataclass(frozen=True, slots=True)
class Override:
    """On one date: ``blocked`` takes the hours away, otherwise they are added."""

    day: date
    hours: Hours
    blocked: bool


@dataclass(frozen=True, slots=True)
class Free:
    """All that somebody has said about when they can fly. Patterns that rest are left out."""

    patterns: tuple[Pattern, ...] = ()
    overrides: tuple[Override, ...] = ()


def clock(text: str | None, absent: timedelta = timedelta()) -> timedelta:
    """PostgreSQL's text of a ``time``: ``08:30:00``, ``24:00:00``, ``08:30:15.5``."""
    if text is None:
        return absent
    hours, minutes, seconds = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))


def dates(within: Span) -> tuple[date, date]:
    """The first and the last date that any clock on earth shows in ``within``."""
    return within[0].date() - timedelta(days=1), within[1].date() + timedelta(days=1)


def windows(free: Free, zone: tzinfo, within: Span) -> list[Span]:
    """When somebody can fly in ``within``, by the clock of ``zone``."""
    weekly: defaultdict[int, list[Hours]] = defaultdict(list)
    for pattern in free.patterns:
        weekly[pattern.weekday].append(pattern.hours)
    added: defaultdict[date, list[Hours]] = defaultdict(list)
    blocked: defaultdict[date, list[Hours]] = defaultdict(list)
    for override in free.overrides:
        (blocked if override.blocked else added)[override.day].append(override.hours)
    usual = {weekday: union(hours) for weekday, hours in weekly.items()}

    found: list[Span] = []
    for start, end, offset in _steady(zone, within):
        # While the offset stands, the clock is plain arithmetic.
        shown, last = (start + offset).replace(tzinfo=None), (end + offset).replace(tzinfo=None)
        day = shown.date()
        while (midnight := datetime.combine(day, time())) < last:
            for opens, closes in _of(day, usual, added, blocked):
                begin, stop = max(midnight + opens, shown), min(midnight + closes, last)
                if begin < stop:
                    found.append(((begin - offset).replace(tzinfo=UTC),
                                  (stop - offset).replace(tzinfo=UTC)))  # fmt: skip
            day += timedelta(days=1)
    return union(found)


def slots(everybody: Iterable[list[Span]], taken: Iterable[Span], least: timedelta) -> list[Span]:
    """Where all can, nothing is taken, and ``least`` fits in."""
    first, *others = everybody
    for other in others:
        first = intersect(first, other)
    return [(start, end) for start, end in subtract(first, taken) if end - start >= least]


def union(spans: Iterable[tuple[T, T]]) -> list[tuple[T, T]]:
    """Whatever is in any of the spans; empty ones are passed over."""
    found: list[tuple[T, T]] = []
    for start, end in sorted(spans):
        if not start < end:
            continue
        if found and not found[-1][1] < start:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def intersect(one: Iterable[tuple[T, T]], other: Iterable[tuple[T, T]]) -> list[tuple[T, T]]:
    """Whatever is in both."""
    found = []
    a, b = union(one), union(other)
    at = to = 0
    while at < len(a) and to < len(b):
        start, end = max(a[at][0], b[to][0]), min(a[at][1], b[to][1])
        if start < end:
            found.append((start, end))
        if a[at][1] < b[to][1]:
            at += 1
        else:
            to += 1
    return found


def subtract(one: Iterable[tuple[T, T]], other: Iterable[tuple[T, T]]) -> list[tuple[T, T]]:
    """Whatever is in ``one`` and not in ``other``."""
    found = []
    holes = union(other)
    at = 0
    for start, end in union(one):
        while at < len(holes) and not start < holes[at][1]:
            at += 1
        hole = at
        while hole < len(holes) and holes[hole][0] < end:
            if start < holes[hole][0]:
                found.append((start, holes[hole][0]))
            start = holes[hole][1]
            hole += 1
        if start < end:
            found.append((start, end))
    return found


def _of(
    day: date,
    usual: Mapping[int, list[Hours]],
    added: Mapping[date, list[Hours]],
    blocked: Mapping[date, list[Hours]],
) -> list[Hours]:
    """The hours of one date."""
    hours = usual.get(day.isoweekday() % 7, [])
    if day in added:
        hours = union([*hours, *added[day]])
    return subtract(hours, blocked[day]) if day in blocked else hours


def _steady(zone: tzinfo, within: Span) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """``within`` in pieces in which the clock of ``zone`` keeps one offset from UTC."""
    start, until = within
    at = start
    while at < until:
        offset = _offset(zone, at)
        step = min(at + _STEP, until)
        if _offset(zone, step) == offset:
            at = step
            continue
        before, after = at, step
        while after - before > timedelta.resolution:
            middle = before + (after - before) // 2
            if _offset(zone, middle) == offset:
                before = middle
            else:
                after = middle
        yield start, after, offset
        start = at = after
    if start < until:
        yield start, until, _offset(zone, start)


def _offset(zone: tzinfo, at: datetime) -> timedelta:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None, "a time zone of the tz database has an offset at all times"
    return offset
