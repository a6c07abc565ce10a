"""What is due before a deadline, minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hub.rules.deadline import (
    LAST_CALL,
    REMINDER,
    Awaited,
    due_in,
    is_complete,
    is_over,
    needs_reminder,
)

NOON = datetime(2031, 5, 6, 12, tzinfo=UTC)
MINUTE, NOW = timedelta(minutes=1), timedelta(0)
MOMENTS = st.integers(-300, 900).map(lambda n: NOON + n * MINUTE)
PEOPLE = st.builds(Awaited, MOMENTS, st.booleans(), st.booleans())
OFFERS = st.lists(PEOPLE, min_size=1, max_size=2)


def awaited(minutes: float, *, submitted: bool = False, reminded: bool = False) -> Awaited:
    return Awaited(NOON + minutes * MINUTE, submitted, reminded)


def test_a_reminder_goes_out_two_hours_before_and_not_in_the_last_quarter() -> None:
    due = {n for n in range(-5, 130) if needs_reminder(awaited(n), NOON)}
    assert due == set(range(15, 121))
    assert not needs_reminder(awaited(60, submitted=True), NOON)
    assert not needs_reminder(awaited(60, reminded=True), NOON)


def test_the_deadline_itself_is_too_late() -> None:
    assert is_over([awaited(0)], NOON)
    assert not is_over([awaited(0.001)], NOON)
    assert not is_over([awaited(-10, submitted=True), awaited(1)], NOON)
    assert is_over([awaited(10, submitted=True), awaited(-1)], NOON)


def test_what_is_due_next() -> None:
    assert due_in([awaited(600), awaited(600)], NOON) == 480 * MINUTE
    assert due_in([awaited(600, reminded=True), awaited(600, submitted=True)], NOON) == 600 * MINUTE
    assert due_in([awaited(14), awaited(14)], NOON) == 14 * MINUTE
    assert due_in([awaited(90), awaited(90, reminded=True)], NOON) == NOW
    assert due_in([awaited(600, submitted=True)] * 2, NOON) == NOW
    assert due_in([awaited(-1), awaited(600)], NOON) == NOW
    ever = Awaited(datetime.min.replace(tzinfo=UTC), False, False)
    never = Awaited(datetime.max.replace(tzinfo=UTC), False, False)
    assert due_in([ever, never], NOON) == NOW
    assert due_in([never], NOON) > timedelta(days=365)


def something(offer: list[Awaited], now: datetime) -> bool:
    """Whether there is something to do."""
    return is_complete(offer) or is_over(offer, now) or any(needs_reminder(o, now) for o in offer)


@given(OFFERS, MOMENTS)
def test_whoever_sleeps_as_told_wakes_when_something_is_due_and_not_before(
    offer: list[Awaited], now: datetime
) -> None:
    wait = due_in(offer, now)
    assert wait >= NOW
    assert something(offer, now + wait)
    steps = int(wait / MINUTE)
    assert not any(something(offer, now + n * MINUTE) for n in range(steps) if n * MINUTE < wait)


@given(OFFERS, MOMENTS)
def test_nobody_is_reminded_and_called_in_at_once(offer: list[Awaited], now: datetime) -> None:
    for one in offer:
        if needs_reminder(one, now):
            assert not is_over([one], now)
            assert LAST_CALL <= one.deadline - now <= REMINDER
