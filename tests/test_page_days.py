"""Days as the reader's clock has them: over midnight, on the day that has 25 hours, and the weeks behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Page, Route, expect
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
                ("07T06:30Z", "N0"),  # the evening before: 23:30, and down at 00:30
                ("07T08:30Z", "N1"),  # 01:30, the first time
                ("07T09:30Z", "N2"),  # 01:30, once more
                ("08T07:30Z", "N3"),  # 23:30, an hour that a day of 24 would not have
                ("08T08:30Z", "N4"),  # the day after
                ("07T05:30Z", "N5"),  # the evening before: 22:30
            )
        ]
        visit = await visitors(timezone_id="America/Los_Angeles")
        await visit.at(datetime(2027, 11, 7, 9, 20, tzinfo=UTC))
        await visit.sign_in(hub.url, path="#/day")
        await visit.page.get_by_role("button", name=shape, exact=True).click()
        await expect(visit.page.locator(".page h1")).to_contain_text("November 7", timeout=PATIENCE)
        for key in keys[:4]:
            await visit.shows(key, "CONFIRMED")
        await expect(visit.page.locator("#day [data-key]")).to_have_count(4)
        for key in keys[1:3]:
            await expect(visit.flight(key)).to_contain_text("01:30")
        asked = [url for _, url in visit.asked if "/bookings?" in url][-1]
        assert "from=2027-11-06T19%3A00%3A00.000Z&to=2027-11-08T08%3A00%3A00.000Z" in asked
        await visit.page.get_by_role("button", name="Day after").click()
        await visit.shows(keys[4], "CONFIRMED")
        await visit.page.get_by_role("button", name="Day before").click()
        await visit.page.get_by_role("button", name="Day before").click()
        await visit.shows(keys[0], "CONFIRMED")
        await visit.shows(keys[5], "CONFIRMED")
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


def _where_the_day_is_young() -> str:
    """A zone in which it is between midnight and one o'clock."""
    hour = datetime.now(UTC).hour
    return f"Etc/GMT+{hour}" if hour <= 12 else f"Etc/GMT-{24 - hour}"


async def _weeks_behind(page: Page) -> None:
    await page.get_by_role("button", name="Show the last").click()
    await expect(page.locator(".mine-past .row").first).to_be_visible(timeout=PATIENCE)


async def test_who_flies_over_midnight_is_flying(hub: Hub, visit: Visit, sql: Any) -> None:
    await sql.execute("DELETE FROM bookings")
    late = _last_midnight_but(_LATE)
    key = await book(sql, STUDENT, at=f"timestamptz '{late - timedelta(minutes=70)}'", minutes=180)
    await visit.at(late)
    await visit.sign_in(hub.url, STUDENT, "#/mine")
    day, hero = visit.page.locator(".mine-day h2"), visit.page.locator(".hero")
    await expect(day).to_contain_text("Today", timeout=PATIENCE)
    await expect(hero).to_contain_text("Flying now")
    await expect(day).to_contain_text("Yesterday", timeout=PATIENCE)
    await expect(hero).to_contain_text("Flying now")
    await visit.says("Live")
    await visit.shows(key, "CONFIRMED")


@pytest.mark.parametrize("shape", ["Aircraft", "List"])
async def test_a_day_begins_with_who_is_in_the_air(
    hub: Hub, visit: Visit, sql: Any, shape: str
) -> None:
    """And it is of both days; one that is cancelled is of the day it was booked for."""
    await sql.execute("DELETE FROM bookings")
    midnight = _last_midnight_but(timedelta())
    key = await book(sql, STUDENT, at=f"timestamptz '{midnight - timedelta(minutes=70)}'")
    await visit.sign_in(hub.url, path=f"#/day/{midnight:%Y-%m-%d}")
    await expect(visit.page.locator("#day")).to_contain_text("No flights", timeout=PATIENCE)
    change = "UPDATE bookings SET duration_minutes = 180 WHERE id = $1::text::uuid"
    await sql.execute(change, key)
    await visit.page.get_by_role("button", name=shape, exact=True).click()
    await visit.shows(key, "CONFIRMED")
    if shape == "List":
        await expect(visit.page.locator(".part")).to_have_attribute("aria-label", "Night")
    await expect(visit.page.locator(".story-list li")).to_have_count(1)
    await visit.page.get_by_role("button", name="Day before").click()
    await visit.shows(key, "CONFIRMED")
    await status(sql, key, "CANCELLED")
    await visit.shows(key, "CANCELLED")
    await visit.page.get_by_role("button", name="Day after").click()
    await expect(visit.page.locator("#day")).to_contain_text("No flights", timeout=PATIENCE)


async def test_opened_in_the_air_and_what_is_behind_is_there_once(
    hub: Hub, visitors: Visitors, sql: Any
) -> None:
    await sql.execute("DELETE FROM bookings")
    flying, *over = [
        await book(sql, STUDENT, at=f"now() - interval '{minutes} minutes'", minutes=long)
        for minutes, long in ((70, 180), (300, 60), (40 * 60, 60))
    ]
    visit = await visitors(timezone_id=_where_the_day_is_young())
    await visit.sign_in(hub.url, STUDENT, "#/mine")
    await expect(visit.page.locator(".hero")).to_contain_text("Flying now", timeout=PATIENCE)
    await visit.shows(flying, "CONFIRMED")
    await expect(visit.page.locator(".row")).to_have_count(1)
    await _weeks_behind(visit.page)
    await expect(visit.page.locator(".row")).to_have_count(3)
    for key in over:
        await expect(visit.page.locator(f'.mine-past [data-key="{key}"]')).to_have_count(1)
    # Down, it is behind; and back in the air, it is not.
    for minutes, behind in ((65, 1), (180, 0)):
        await sql.execute(
            "UPDATE bookings SET duration_minutes = $2 WHERE id = $1::text::uuid", flying, minutes
        )
        row = visit.page.locator(f'.mine-past [data-key="{flying}"]')
        await expect(row).to_have_count(behind, timeout=PATIENCE)
        await expect(visit.flight(flying)).to_have_count(1)


async def test_what_is_long_over_is_changed_where_it_stands(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    """No watch tells of it: the answer is what there is, and nothing else is waited for."""
    await sql.execute("DELETE FROM bookings")
    key = await book(sql, STUDENT, at="now() - interval '5 days'")
    await status(sql, key, "AT_RISK")
    await visit.sign_in(hub.url, INSTRUCTOR, "#/mine")
    page = visit.page
    held: list[Route] = []

    async def hold(route: Route) -> None:
        if route.request.method == "PATCH":
            held.append(route)
        else:
            await route.continue_()

    await page.route(f"**/api/v1/bookings/{key}", hold)
    await _weeks_behind(page)
    await visit.flight(key).locator("button").click()
    await page.get_by_role("button", name="Change this flight").click()
    await page.get_by_label("Aircraft", exact=True).fill("N9PAST")
    await page.get_by_label("Status").select_option("COMPLETED")
    await page.get_by_role("button", name="Save", exact=True).click()
    row = page.locator(f'.mine-past [data-key="{key}"]')
    await expect(row).to_have_attribute("data-pending", "yes", timeout=PATIENCE)
    await expect(page.locator(".row")).to_have_count(1)
    await held[0].continue_()
    await expect(page.locator("dialog[open]")).to_have_count(0, timeout=6_000)
    await expect(row).not_to_have_attribute("data-pending", "yes")
    await expect(row).to_contain_text("N9PAST")
    await visit.shows(key, "COMPLETED")
