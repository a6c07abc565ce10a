"""Days that slide: which moment a day begins at, which word means which, and that the clock is up by then."""

from __future__ import annotations

import asyncio
import io
import struct
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

import asyncpg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.rules.window import Day, begins, day, midnight_after
from hub.schedule.clock import Clock

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]

ZONES = [
    *("UTC", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Chatham"),
    *("America/Sao_Paulo", "America/St_Johns", "America/Havana", "Asia/Beirut", "America/Nuuk"),
    *("Atlantic/Azores", "America/Santiago", "Africa/Cairo", "Pacific/Apia", "Australia/Lord_Howe"),
]
INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("zone", "today", "begin"),
    [
        ("UTC", "2026-05-05", "2026-05-05T00:00"),
        # The day before, in UTC; half an hour off the hour.
        ("Asia/Kolkata", "2026-05-05", "2026-05-04T18:30"),
        ("America/St_Johns", "2026-01-15", "2026-01-15T03:30"),
        ("America/St_Johns", "2026-07-15", "2026-07-15T02:30"),
        # Put forward and back in the small hours: the day is 23 or 25 hours long.
        ("America/St_Johns", "2026-03-08", "2026-03-08T03:30"),
        ("America/St_Johns", "2026-03-09", "2026-03-09T02:30"),
        ("America/St_Johns", "2026-11-01", "2026-11-01T02:30"),
        ("America/St_Johns", "2026-11-02", "2026-11-02T03:30"),
        # Skipped: at midnight it is one o'clock, and that is when the day begins.
        ("America/Sao_Paulo", "2018-11-03", "2018-11-03T03:00"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00"),
        ("America/Sao_Paulo", "2018-11-05", "2018-11-05T02:00"),
        ("America/Havana", "2024-03-10", "2024-03-10T05:00"),
        ("America/Havana", "2024-03-11", "2024-03-11T04:00"),
        # Twice: at one o'clock it is midnight again, and the day began at the first.
        ("America/Havana", "2024-11-03", "2024-11-03T04:00"),
        ("America/Havana", "2024-11-04", "2024-11-04T05:00"),
        # Put back at midnight to eleven of the evening before: that hour is yesterday's.
        ("Asia/Beirut", "2026-10-25", "2026-10-24T22:00"),
    ],
)
def test_a_day_begins_at_midnight_by_the_schools_clock(zone: str, today: str, begin: str) -> None:
    here, school = date.fromisoformat(today), ZoneInfo(zone)
    expected = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    for far in (0, 1, -1, 7, -999):
        found = Day(far).begins(here - timedelta(days=far), school)
        assert found == expected, far
        assert found.tzinfo is UTC


@given(
    st.sampled_from(ZONES),
    st.dates(date(2012, 1, 1), date(2036, 12, 31)),
    st.integers(-999, 999),
)
@example("America/Sao_Paulo", date(2018, 11, 3), 1)
@example("America/Havana", date(2024, 11, 3), 0)
def test_a_day_begins_at_the_first_moment_that_has_its_date(
    zone: str, today: date, far: int
) -> None:
    school, there = ZoneInfo(zone), today + timedelta(days=far)
    begin = Day(far).begins(today, school)
    assert begin.astimezone(school).date() == there
    assert (begin - INSTANT).astimezone(school).date() == there - timedelta(days=1)


@given(
    st.sampled_from(sorted(available_timezones() - {"localtime"})),
    st.datetimes(datetime(1970, 1, 2), datetime(2036, 12, 31)),
)
# Put back at one past midnight, so that tomorrow has begun in the last hour of today; a day skipped, and
# one had twice.
@example("America/St_Johns", datetime(2010, 11, 7, 2, 45))
@example("America/St_Johns", datetime(2010, 11, 7, 3, 29))
@example("Pacific/Apia", datetime(2011, 12, 30, 9, 59))
@example("Pacific/Kwajalein", datetime(1993, 8, 20, 12, 1))
def test_midnight_is_ahead_and_the_date_is_another_then(zone: str, at: datetime) -> None:
    school, now = ZoneInfo(zone), at.replace(tzinfo=UTC)
    midnight = midnight_after(now, school)
    assert now < midnight <= now + timedelta(hours=48)
    assert midnight.astimezone(school).date() > now.astimezone(school).date()


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns"])
def test_a_day_of_no_calendar_is_the_nearest_end_of_time(zone: str) -> None:
    school = ZoneInfo(zone)
    first, last = (end.replace(tzinfo=UTC) for end in (datetime.min, datetime.max))
    assert Day(1).begins(date.max, school) == Day(999).begins(date.max, school) == last
    assert Day(-1).begins(date.min, school) == Day(-999).begins(date.min, school) == first
    # The first midnight of all is before the first of UTC's, east of it.
    assert Day(0).begins(date.min, ZoneInfo("Asia/Kolkata")) == first


def test_which_word_means_which_day() -> None:
    words = {
        "yesterday": -1, "today": 0, "tomorrow": 1, "today+7": 7, "today-7": -7, "tomorrow+3": 4,
        "tomorrow-1": 0, "yesterday-1": -2, "yesterday+999": 998, "today-0": 0,
    }  # fmt: skip
    for word, offset in words.items():
        assert day(word) == Day(offset), word
    for offset in {*words.values()}:
        assert day(str(Day(offset))) == Day(offset), "what is told of it reads the same"
    for word in (
        "",
        "Today",
        "today+",
        "today+1000",
        "today +1",
        "today\n",
        "today+1.5",
        "today+١",
    ):
        assert day(word) is None, word
    assert Day(-1) < Day(0) < Day(1)


def test_which_day_is_to_be_written() -> None:
    today = date(2026, 5, 5)
    told = {near: begins(today, today + timedelta(days=near)) for near in range(-400, 401)}
    assert begins(today, None), "the first ever"
    assert not told.pop(0), "it is there"
    assert not told.pop(1), "another node's clock is a little ahead"
    assert all(told.values()), "it has begun; or some clock was days wrong"


def midnight_in(seconds: float) -> tuple[timezone, date]:
    """A zone in which it will be midnight so soon, and the day that begins then."""
    now = datetime.now(UTC)
    at = (now + timedelta(seconds=seconds)).replace(tzinfo=None)
    past = at - datetime.combine(at.date(), time())
    # West of here, where that much less has passed; or east, where it is less than a day on.
    if past < timedelta(hours=12):
        return timezone(-past), at.date()
    return timezone(timedelta(days=1) - past), at.date() + timedelta(days=1)


async def test_the_clock_wakes_by_itself_at_the_schools_midnight(pool: Pool) -> None:
    """Nobody writes, so nobody wakes it: it has to have known how long it might sleep."""
    zone, tomorrow = midnight_in(4)
    clock = Clock({}, zone)  # type: ignore[arg-type]  # a day asks its zone for no more than any has

    async def last() -> date | None:
        found: date | None = await pool.fetchval("SELECT max(day) FROM days")
        return found

    async def until(expected: date) -> None:
        async with asyncio.timeout(10):
            while await last() != expected:
                await asyncio.sleep(0.02)

    task = asyncio.create_task(clock.run(pool))
    try:
        await until(tomorrow - timedelta(days=1))
        await until(tomorrow)
        assert await pool.fetchval("SELECT clock_timestamp()") >= Day(0).begins(tomorrow, zone)  # type: ignore[arg-type]
        assert await pool.fetchval("SELECT count(*) FROM days") == 2
        # It slept: a few looks to begin with, a few about midnight.
        assert clock.looks <= 8
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def put_back_from_tomorrow() -> ZoneInfo:
    """A zone whose clock was put back an hour, a minute ago and at one past midnight, as St. John's were."""
    when = (datetime.now(UTC) - timedelta(minutes=1)).replace(microsecond=0)
    ahead = timedelta(days=1, minutes=1) - (when - datetime.combine(when.date(), time(), UTC))
    before = round(ahead.total_seconds())
    if before > 43200:
        before -= 86400
    # RFC 9636, version 1: one transition between two offsets.
    head = struct.pack(">4s16x6l", b"TZif", 0, 0, 0, 1, 2, 4)
    body = struct.pack(
        ">lBlBBlBB4s", int(when.timestamp()), 1, before, 0, 0, before - 3600, 0, 0, b"XXX"
    )
    return ZoneInfo.from_file(io.BytesIO(head + body))


async def test_the_clock_sleeps_in_an_hour_that_comes_again_after_midnight(pool: Pool) -> None:
    """Today's tomorrow is past, and there was nothing to sleep for: twenty looks a second, for an hour."""
    zone = put_back_from_tomorrow()
    now = datetime.now(UTC)
    today = now.astimezone(zone).date()
    assert Day(1).begins(today, zone) < now < midnight_after(now, zone) < now + timedelta(hours=1)
    clock = Clock({}, zone)
    task = asyncio.create_task(clock.run(pool))
    try:
        await asyncio.sleep(1)
        assert await pool.fetchval("SELECT max(day) FROM days") == today
        assert clock.looks <= 4
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
