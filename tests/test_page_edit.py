"""A flight changed at the page: only what was changed is sent, nothing is overwritten unseen."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect
from running import Hub
from visiting import INSTRUCTOR, PATIENCE, Visit, Visitors, book


async def _open(visit: Visit, key: str) -> None:
    await visit.flight(key).locator("button").click()
    async with visit.page.expect_response(f"**/api/v1/bookings/{key}"):
        await visit.page.get_by_role("button", name="Change this flight").click()


async def _save(page: Page) -> None:
    await page.get_by_role("button", name="Save", exact=True).click()


@pytest.mark.parametrize(
    ("zone", "day", "at"),
    [
        # Half a minute past: the form shows no seconds.
        ("UTC", "2027-06-09", "2027-06-09T14:00:30Z"),
        # The hour that comes twice: 01:30 by the clock is this one and the one before.
        ("America/Los_Angeles", "2027-11-07", "2027-11-07T09:30:00Z"),
    ],
)
async def test_a_flight_whose_time_was_not_touched_stays_when_it_is(
    hub: Hub, visitors: Visitors, sql: Any, zone: str, day: str, at: str
) -> None:
    key = await book(sql, at=f"timestamptz '{at}'")
    visit = await visitors(timezone_id=zone)
    await visit.sign_in(hub.url, INSTRUCTOR, f"#/day/{day}")
    await _open(visit, key)
    await visit.page.get_by_label("Minutes").fill("45")
    await _save(visit.page)
    await expect(visit.page.locator("dialog[open]")).to_have_count(0, timeout=PATIENCE)
    stays = await sql.fetchrow(
        f"""SELECT scheduled_datetime = timestamptz '{at}' AS same, duration_minutes
              FROM bookings WHERE id = $1::text::uuid""",
        key,
    )
    assert (stays["same"], stays["duration_minutes"]) == (True, 45)


async def test_what_the_other_changed_is_shown_before_anything_is_saved_over_it(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key = await book(sql, at="now()", minutes=120)
    await visit.sign_in(hub.url, INSTRUCTOR, "#/day")
    page = visit.page
    visit.refusals.add(412)
    await _open(visit, key)
    row = "FROM bookings WHERE id = $1::text::uuid"
    await sql.execute(
        """UPDATE bookings SET duration_minutes = 75, aircraft_id = 'N7PAGE'
            WHERE id = $1::text::uuid""",
        key,
    )
    await page.get_by_label("Minutes").fill("45")
    dialog = page.locator("dialog[open]")
    clash = dialog.get_by_role("group", name="Somebody changed this")
    # Asked as often as may be: seen first, and never overwritten by the same button.
    for _ in range(2):
        await _save(page)
        await expect(clash).to_be_focused(timeout=PATIENCE)
        await expect(clash).to_contain_text("120 → 75")
        await expect(clash).to_contain_text("N1PAGE → N7PAGE")
        await expect(clash).to_contain_text("yours: 45")
        assert await sql.fetchval(f"SELECT duration_minutes {row}", key) == 75
    # What is put back to what it was, is still what one wants: it is sent.
    await page.get_by_label("Minutes").fill("120")
    await clash.get_by_role("button", name="Save mine on top").click()
    await expect(dialog).to_have_count(0, timeout=PATIENCE)
    saved = await sql.fetchrow(f"SELECT duration_minutes, aircraft_id {row}", key)
    assert tuple(saved) == (120, "N7PAGE")

    # Theirs may be taken instead, and there is nothing left to save.
    await _open(visit, key)
    await sql.execute("UPDATE bookings SET duration_minutes = 90 WHERE id = $1::text::uuid", key)
    await page.get_by_label("Minutes").fill("30")
    await _save(page)
    await clash.get_by_role("button", name="Take theirs").click()
    await expect(page.get_by_label("Minutes")).to_have_value("90")
    await _save(page)
    await expect(dialog).to_have_count(0, timeout=PATIENCE)
    assert await sql.fetchval(f"SELECT duration_minutes {row}", key) == 90
