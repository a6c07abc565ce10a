"""Days as the reader's clock has them: over midnight, on the day that has 25 hours, and the weeks behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from playwright.async_api import expect
from running import Hub
from visiting import ADMIN, INSTRUCTOR, PATIENCE, STUDENT, Visit, Visitors, book, status

_LATE = timedelta(seconds=12)


def _last_midnight_but(soon: timedelta) -> datetime:
    """Shortly before the midnight that ends tomorrow: nothing of the seeds' day is near."""
    now = datetime.now(UTC)
    return datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=2) - soon


@pytest.mark.parametrize(("email", "page"), [(ADMIN, "day"), (STUDENT, "mine")])
async def test_a_page_that_was_left_open_follows_the_day(
    hub: Hub, visit: Visit, sql: Any, email: str, page: str
) -> None:
    await sql.execute("DELETE FROM bookings")
    late = _last_midnight_but(_LATE)
    before = await book(sql, STUDENT, at=f"timestamptz '{late - timedelta(hours=3)}'")
    after = await book(sql, STUDENT, at=f"timestamptz '{late + timedelta(hours=9)}'", tail="N2")
    await visit.at(late)
    await visit.sign_in(hub.url, email, f"#/{page}")
    await visit.shows(before, "CONFIRMED")
    await expect(visit.flight(before)).to_have_count(0, timeout=PATIENCE)
    await visit.shows(after, "CONFIRMED")
    await status(sql, after, "AT_RISK")
    await visit.shows(after, "AT_RISK")
    await visit.says("Live")


@pytest.mark.parametrize("shape", ["Aircraft", "List"])
async def test_the_day_of_25_hours_is_the_readers(
    start_hub: Callable[..., Awaitable[Hub]],
    seeded_dsn: str,
    visitors: Visitors,
    shape: str,
) -> None:
    """The school is in New York, the reader in Los Angeles, on the day their clock goes back."""
    hub = await start_hub(seeded_dsn, timezone="America/New_York")
    sql = await asyncpg.connect(hub.dsn)
    try:
        await sql.execute("DELETE FROM bookings")
        keys = [
            await book(sql, STUDENT, at=f"timestamptz '2027-11-{at}'", tail=tail)
            for at, tail in (
                ("07T06:30Z", "N0"),  # the evening before: 23:30
                ("07T08:30Z", "N1"),  # 01:30, the first time
                ("07T09:30Z", "N2"),  # 01:30, once more
                ("08T07:30Z", "N3"),  # 23:30, an hour that a day of 24 would not have
                ("08T08:30Z", "N4"),  # the day after
            )
        ]
        visit = await visitors(timezone_id="America/Los_Angeles")
        await visit.at(datetime(2027, 11, 7, 9, 20, tzinfo=UTC))
        await visit.sign_in(hub.url, path="#/day")
        await visit.page.get_by_role("button", name=shape, exact=True).click()
        await expect(visit.page.locator(".page h1")).to_contain_text("November 7", timeout=PATIENCE)
        for key in keys[1:4]:
            await visit.shows(key, "CONFIRMED")
        await expect(visit.page.locator("#day [data-key]")).to_have_count(3)
        for key in keys[1:3]:
            await expect(visit.flight(key)).to_contain_text("01:30")
        asked = [url for _, url in visit.asked if "/bookings?" in url][-1]
        assert "from=2027-11-07T07%3A00%3A00.000Z&to=2027-11-08T08%3A00%3A00.000Z" in asked
        await visit.page.get_by_role("button", name="Day after").click()
        await visit.shows(keys[4], "CONFIRMED")
        await visit.page.get_by_role("button", name="Day before").click()
        await visit.page.get_by_role("button", name="Day before").click()
        await visit.shows(keys[0], "CONFIRMED")
    finally:
        await sql.close()


async def test_the_weeks_behind_are_shown_whole(hub: Hub, visit: Visit, sql: Any) -> None:
    await sql.execute("DELETE FROM bookings")
    await sql.execute(
        """INSERT INTO bookings (student_id, instructor_id, aircraft_id, departure_airport,
             arrival_airport, departure_latitude, departure_longitude, arrival_latitude,
             arrival_longitude, scheduled_datetime, training_level, duration_minutes, status)
           SELECT s.id, i.id, 'N1', 'KPAO', 'KSQL', 37.4, -122.1, 37.5, -122.2,
                  date_trunc('day', now(), 'UTC') - n * interval '2 hours', 'STUDENT_PILOT', 60, 'COMPLETED'
             FROM generate_series(1, 230) AS n, users s, users i WHERE s.email = $1 AND i.email = $2""",
        STUDENT,
        INSTRUCTOR,
    )
    await visit.sign_in(hub.url, STUDENT)
    await visit.page.get_by_role("button", name="Show the last").click()
    await expect(visit.page.locator(".mine-past .row")).to_have_count(230, timeout=PATIENCE)
