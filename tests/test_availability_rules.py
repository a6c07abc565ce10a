"""When somebody can fly, against an oracle that asks the clock minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.rules.availability import (
    WHOLE_DAY,
    Free,
    Hours,
    Override,
    Pattern,
    Span,
    clock,
    dates,
    intersect,
    slots,
    subtract,
    union,
    windows,
)

quick = settings(deadline=None)  # the machine may be busy
MINUTE = timedelta(minutes=1)
#: Nights in which a clock is changed, and what is odd about them.
NIGHTS = [
    ("America/Los_Angeles", date(2026, 3, 8)),  # an hour on
    ("America/Los_Angeles", date(2026, 11, 1)),  # and back
    ("America/New_York", date(2031, 3, 9)),
    ("Europe/London", date(2026, 3, 29)),  # at 01:00, from UTC itself
    ("Europe/London", date(2026, 10, 25)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # by half an hour
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Sao_Paulo", date(2018, 11, 4)),  # the day begins at 01:00
    ("America/Sao_Paulo", date(2018, 2, 18)),  # the last hour of the day before comes twice
    ("America/Havana", date(2026, 11, 1)),  # the day's first hour comes twice
    ("Africa/Casablanca", date(2026, 2, 15)),  # for Ramadan, and back a month later
    ("Asia/Gaza", date(2023, 4, 29)),
    ("America/St_Johns", date(2006, 4, 2)),  # a minute after midnight
    ("Pacific/Apia", date(2011, 12, 30)),  # there was no such day
    ("Asia/Kathmandu", date(2026, 6, 1)),  # never, but 5 h 45 min off
    ("UTC", date(2026, 6, 1)),
]
_whole_minutes = st.integers(0, 1440)
_ends = st.sampled_from([0, 30, 59, 60, 61, 90, 120, 150, 180, 1380, 1410, 1439, 1440])


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    """Some of a day, often with an edge in or at what the night skips or repeats."""
    either = st.one_of(_whole_minutes, _ends)
    start = draw(either.filter(lambda minute: minute < 1440))
    end = draw(either.filter(lambda minute: minute > start) if start < 1439 else st.just(1440))
    return start * MINUTE, end * MINUTE


@st.composite
def frees(draw: st.DrawFn, around: date) -> Free:
    """What somebody might have said about the days around."""
    patterns = draw(st.lists(st.builds(Pattern, st.integers(0, 6), hours()), max_size=8))
    overrides = draw(
        st.lists(
            st.builds(
                Override,
                st.integers(-2, 2).map(lambda days: around + timedelta(days=days)),
                st.one_of(hours(), st.just(WHOLE_DAY)),
                st.booleans(),
            ),
            max_size=6,
        )
    )
    return Free(tuple(patterns), tuple(overrides))


@st.composite
def cases(draw: st.DrawFn) -> tuple[ZoneInfo, Free, Span]:
    """A zone, what somebody said, and some hours or days around a night of that zone."""
    name, night = draw(st.sampled_from(NIGHTS))
    noon = datetime(night.year, night.month, night.day, 12, tzinfo=UTC)
    start = noon + draw(st.integers(-48 * 60, 24 * 60)) * MINUTE
    end = start + draw(st.integers(1, 48 * 60)) * MINUTE
    return ZoneInfo(name), draw(frees(night)), (start, end)


def minutes(spans: list[Span]) -> set[datetime]:
    """The minutes of some spans."""
    found = set()
    for at, end in spans:
        while at < end:
            found.add(at)
            at += MINUTE
    return found


def shown(hours: Hours, at: datetime) -> bool:
    """Whether a clock that shows ``at`` shows a time in ``hours``."""
    opens, closes = hours
    return opens <= timedelta(hours=at.hour, minutes=at.minute) < closes


def can_fly(free: Free, at: datetime) -> bool:
    """The rule, word for word; ``at`` as the school's clock shows it."""
    today = [override for override in free.overrides if override.day == at.date()]
    if any(override.blocked and shown(override.hours, at) for override in today):
        return False
    if any(not override.blocked and shown(override.hours, at) for override in today):
        return True
    sunday_is_0 = (at.weekday() + 1) % 7
    return any(
        pattern.weekday == sunday_is_0 and shown(pattern.hours, at) for pattern in free.patterns
    )


def proper(spans: list[Span]) -> bool:
    """Ascending, none empty, none touching."""
    return all(start < end for start, end in spans) and all(
        one[1] < other[0] for one, other in pairwise(spans)
    )


@given(cases())
@settings(quick, max_examples=250)
def test_windows_are_what_the_clock_shows(case: tuple[ZoneInfo, Free, Span]) -> None:
    zone, free, within = case
    found = windows(free, zone, within)
    assert proper(found)
    assert minutes(found) == {at for at in minutes([within]) if can_fly(free, at.astimezone(zone))}
    assert all(start.tzinfo is UTC and end.tzinfo is UTC for start, end in found)


@given(cases())
@quick
def test_no_date_that_matters_is_outside_the_dates(case: tuple[ZoneInfo, Free, Span]) -> None:
    zone, free, within = case
    first, last = dates(within)
    inside = tuple(override for override in free.overrides if first <= override.day <= last)
    assert windows(Free(free.patterns, inside), zone, within) == windows(free, zone, within)


@given(cases(), st.integers(0, 48 * 60))
@quick
def test_an_answer_in_two_halves_is_the_same(case: tuple[ZoneInfo, Free, Span], after: int) -> None:
    zone, free, (start, end) = case
    middle = min(start + after * MINUTE, end)
    halves = windows(free, zone, (start, middle)) + windows(free, zone, (middle, end))
    assert union(halves) == windows(free, zone, (start, end))


@given(cases())
@quick
def test_a_block_wins_and_an_addition_adds(case: tuple[ZoneInfo, Free, Span]) -> None:
    zone, free, within = case
    found = windows(free, zone, within)
    blocks = Free(overrides=tuple(o for o in free.overrides if o.blocked))
    as_added = Free(overrides=tuple(Override(o.day, o.hours, False) for o in blocks.overrides))
    blocked = windows(as_added, zone, within)
    added = windows(Free(overrides=tuple(o for o in free.overrides if not o.blocked)), zone, within)
    usual = windows(Free(patterns=free.patterns), zone, within)
    assert intersect(found, blocked) == []
    assert found == subtract(union([*usual, *added]), blocked)


@pytest.mark.parametrize(
    ("name", "day", "hours", "expected"),
    [
        # 02:00 to 03:00 was skipped: a window over it has an hour less, one within it is none.
        ("America/Los_Angeles", "2026-03-08", ("00:00:00", "24:00:00"), [("08:00", "07:00+1")]),
        ("America/Los_Angeles", "2026-03-08", ("01:30:00", "03:30:00"), [("09:30", "10:30")]),
        ("America/Los_Angeles", "2026-03-08", ("02:15:00", "02:45:00"), []),
        ("America/Los_Angeles", "2026-03-08", ("01:00:00", "02:30:00"), [("09:00", "10:00")]),
        # 01:00 to 02:00 came twice: a window over it has an hour more, one within it comes twice.
        ("America/Los_Angeles", "2026-11-01", ("00:00:00", "24:00:00"), [("07:00", "08:00+1")]),
        ("America/Los_Angeles", "2026-11-01", ("00:30:00", "02:30:00"), [("07:30", "10:30")]),
        (
            "America/Los_Angeles",
            "2026-11-01",
            ("01:15:00", "01:45:00"),
            [("08:15", "08:45"), ("09:15", "09:45")],
        ),
        ("Pacific/Apia", "2011-12-30", ("00:00:00", "24:00:00"), []),
    ],
)  # fmt: skip
def test_the_nights_by_hand(
    name: str, day: str, hours: tuple[str, str], expected: list[tuple[str, str]]
) -> None:
    def at(text: str) -> datetime:
        time, _, days = text.partition("+")
        return datetime.fromisoformat(f"{day}T{time}Z") + timedelta(days=int(days or 0))

    opens, closes = map(clock, hours)
    free = Free(overrides=(Override(date.fromisoformat(day), (opens, closes), False),))
    within = (at("00:00") - timedelta(days=2), at("00:00") + timedelta(days=3))
    assert windows(free, ZoneInfo(name), within) == [
        (at(start), at(end)) for start, end in expected
    ]


def test_a_weekly_window_keeps_to_the_clock_and_not_to_utc() -> None:
    sundays = Free(patterns=(Pattern(0, (clock("09:00:00"), clock("10:30:15.5"))),))
    within = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 16, tzinfo=UTC))
    found = windows(sundays, ZoneInfo("America/Los_Angeles"), within)
    assert [start.isoformat() for start, _ in found] == [
        "2026-03-01T17:00:00+00:00",
        "2026-03-08T16:00:00+00:00",
        "2026-03-15T16:00:00+00:00",
    ]
    assert {end - start for start, end in found} == {timedelta(hours=1, minutes=30, seconds=15.5)}


def test_hours_that_meet_at_midnight_are_one_window() -> None:
    nights = Free((Pattern(5, (clock("22:00:00"), clock("24:00:00"))),
                   Pattern(6, (clock("00:00:00"), clock("03:00:00")))))  # fmt: skip
    friday = datetime(2026, 6, 5, tzinfo=UTC)
    found = windows(nights, ZoneInfo("UTC"), (friday, friday + timedelta(days=7)))
    assert found == [(friday + timedelta(hours=22), friday + timedelta(hours=27))]


def test_a_whole_quarter_of_any_clock_has_all_its_hours() -> None:
    always = Free(tuple(Pattern(weekday, WHOLE_DAY) for weekday in range(7)))
    start = datetime(2026, 2, 1, 12, 34, 56, 789, tzinfo=UTC)
    within = (start, start + timedelta(days=92))
    for name, _ in NIGHTS:
        assert windows(always, ZoneInfo(name), within) == [within], name


numbers = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8)


def points(spans: list[tuple[int, int]]) -> set[int]:
    return {at for start, end in spans for at in range(start, end)}


@given(numbers, numbers)
@settings(quick, max_examples=300)
def test_the_arithmetic_of_spans_is_that_of_sets(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    for found, expected in (
        (union([*one, *other]), points(one) | points(other)),
        (intersect(one, other), points(one) & points(other)),
        (subtract(one, other), points(one) - points(other)),
    ):
        assert points(found) == expected
        assert all(start < end for start, end in found)
        assert all(a[1] < b[0] for a, b in pairwise(found))


@given(st.lists(numbers, min_size=1, max_size=3), numbers, st.integers(1, 10))
@quick
def test_slots_are_long_enough_and_all_there_are(
    everybody: list[list[tuple[int, int]]], taken: list[tuple[int, int]], least: int
) -> None:
    def span(start: int, end: int) -> Span:
        noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
        return noon + start * MINUTE, noon + end * MINUTE

    found = slots(
        [[span(*each) for each in union(one)] for one in everybody],
        [span(*each) for each in taken],
        least * MINUTE,
    )
    free = set.intersection(*(points(one) for one in everybody)) - points(taken)
    fits = {at for at in free if free >= set(range(at, at + least))}
    begins = {
        at
        for at in range(31)
        if any(start <= span(at, at + least)[0] and span(at, at + least)[1] <= end
               for start, end in found)
    }  # fmt: skip
    assert begins == fits
