"""A flight changed at the page: only what was changed is sent, nothing is overwritten unseen."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect
from running import Hub
from visiting import INSTRUCTOR, OTHER_STUDENT, PATIENCE, STUDENT, Visit, Visitors, book


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
    save = page.get_by_role("button", name="Save", exact=True)
    await _save(page)
    await expect(clash).to_be_focused(timeout=PATIENCE)
    await expect(clash).to_contain_text("120 → 75")
    await expect(clash).to_contain_text("N1PAGE → N7PAGE")
    await expect(clash).to_contain_text("yours: 45")
    # There are two ways on and no third: Save is away, and Enter in a field leads to the two.
    await expect(save).to_be_hidden()
    await page.get_by_label("Minutes").press("Enter")
    await expect(clash).to_be_focused(timeout=PATIENCE)
    await expect(dialog).to_contain_text("First choose")
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
    await expect(clash).to_be_hidden()
    await _save(page)
    await expect(dialog).to_have_count(0, timeout=PATIENCE)
    assert await sql.fetchval(f"SELECT duration_minutes {row}", key) == 90


async def test_a_third_change_while_one_chooses_is_shown_too(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    """Saved on top is saved on what was shown: what came after that is shown first, as all was."""
    key = await book(sql, at="now()", minutes=120)
    visit.refusals.add(412)
    await visit.sign_in(hub.url, INSTRUCTOR, "#/day")
    page = visit.page
    await _open(visit, key)
    change = "UPDATE bookings SET duration_minutes = $2 WHERE id = $1::text::uuid"
    await sql.execute(change, key, 75)
    await page.get_by_label("Aircraft").fill("N8PAGE")
    await _save(page)
    dialog = page.locator("dialog[open]")
    clash = dialog.get_by_role("group", name="Somebody changed this")
    await expect(clash).to_contain_text("120 → 75", timeout=PATIENCE)
    await expect(clash).to_contain_text("N1PAGE yours: N8PAGE")
    await sql.execute(change, key, 80)
    await clash.get_by_role("button", name="Save mine on top").click()
    await expect(clash).to_contain_text("75 → 80", timeout=PATIENCE)
    await expect(page.get_by_role("button", name="Save", exact=True)).to_be_hidden()
    await clash.get_by_role("button", name="Save mine on top").click()
    await expect(dialog).to_have_count(0, timeout=PATIENCE)
    row = "SELECT duration_minutes, aircraft_id FROM bookings WHERE id = $1::text::uuid"
    assert tuple(await sql.fetchrow(row, key)) == (80, "N8PAGE")


async def test_a_save_that_was_pressed_is_sent_from_whatever_page(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    """The version it waits for is read on, though its page is gone."""
    key = await book(sql, at="now()", minutes=120)
    visit.refusals.add(412)
    await visit.sign_in(hub.url, INSTRUCTOR, "#/day")
    page = visit.page
    held: list[Route] = []

    async def hold(route: Route) -> None:
        if route.request.method == "GET":
            held.append(route)
        else:
            await route.continue_()

    await page.route(f"**/api/v1/bookings/{key}", hold)
    for minutes, other in ((45, None), (50, 75)):
        async with page.expect_request(f"**/api/v1/bookings/{key}"):
            await visit.flight(key).locator("button").click()
            await page.get_by_role("button", name="Change this flight").click()
        await page.get_by_label("Minutes").fill(str(minutes))
        await _save(page)
        await visit.go("notifications")
        await expect(page.locator(".page h1")).to_have_text("Notifications", timeout=PATIENCE)
        if other:
            await sql.execute(
                "UPDATE bookings SET duration_minutes = $2 WHERE id = $1::text::uuid", key, other
            )
        for route in held:
            await route.continue_()
        held.clear()
        # Sent; or, where it may not be, nobody is left to believe that it was.
        told = "Not saved: somebody changed this" if other else "Saved"
        await expect(page.locator("#toasts")).to_contain_text(told, timeout=PATIENCE)
        assert await sql.fetchval(
            "SELECT duration_minutes FROM bookings WHERE id = $1::text::uuid", key
        ) == (other or minutes)
        await visit.go("day")
        await visit.flight(key).wait_for()


async def test_an_hour_that_is_not_and_an_hour_that_comes_twice(
    hub: Hub, visitors: Visitors, sql: Any
) -> None:
    """No time is moved to one that was not typed, nor taken for one of two without a word."""
    key = await book(sql, at="timestamptz '2027-03-13T15:00:00Z'")
    visit = await visitors(timezone_id="America/New_York")
    await visit.sign_in(hub.url, INSTRUCTOR, "#/day/2027-03-13")
    page = visit.page
    at = "SELECT scheduled_datetime FROM bookings WHERE id = $1::text::uuid"
    await _open(visit, key)
    dialog = page.locator("dialog[open]")
    time, fault = (
        page.get_by_label("Departs"),
        dialog.locator("[data-field=scheduled_datetime] .fault"),
    )
    twice = page.get_by_label("This hour comes twice")
    date = page.get_by_label("Date", exact=True)
    visit.asked.clear()
    await date.fill("")
    await _save(page)
    await expect(dialog.locator("[data-field=date] .fault")).to_have_text("This is no date.")
    await expect(date).to_be_focused()
    await date.fill("2027-03-14")
    await expect(dialog.locator("[data-field=date] .fault")).to_be_empty()
    await time.fill("noon")
    await _save(page)
    await expect(fault).to_contain_text("Write it as in 14:05")
    await time.fill("0230")
    await _save(page)
    await expect(fault).to_contain_text("there is no 02:30 on Sun, Mar 14", timeout=PATIENCE)
    await expect(time).to_be_focused()
    await expect(twice).to_be_hidden()
    assert not [url for method, url in visit.asked if method == "PATCH"]
    # The hour before and the hour after are as they are typed.
    await time.fill("0330")
    await expect(fault).to_be_empty()
    await expect(dialog.get_by_text("Departs (EDT)")).to_be_visible()
    await _save(page)
    await expect(dialog).to_have_count(0, timeout=PATIENCE)
    assert (await sql.fetchval(at, key)).isoformat() == "2027-03-14T07:30:00+00:00"

    # In autumn one sees which is meant, and can mean the other.
    await visit.go("day/2027-03-14")
    await _open(visit, key)
    await page.get_by_label("Date", exact=True).fill("2027-11-07")
    await time.fill("0030")
    await expect(twice).to_be_hidden()
    await time.fill("0130")
    await expect(twice.locator("option:checked")).to_have_text("01:30 EDT, the earlier")
    await twice.select_option(label="01:30 EST, the later")
    await expect(dialog.get_by_text("Departs (EST)")).to_be_visible()
    await _save(page)
    await expect(dialog).to_have_count(0, timeout=PATIENCE)
    assert (await sql.fetchval(at, key)).isoformat() == "2027-11-07T06:30:00+00:00"

    # Opened again it is that one, and the other one is another time.
    await visit.go("day/2027-11-07")
    await _open(visit, key)
    await expect(twice.locator("option:checked")).to_have_text("01:30 EST, the later")
    await twice.select_option(label="01:30 EDT, the earlier")
    await _save(page)
    await expect(dialog).to_have_count(0, timeout=PATIENCE)
    assert (await sql.fetchval(at, key)).isoformat() == "2027-11-07T05:30:00+00:00"


async def test_what_is_to_be_minded_is_said_at_the_time_and_holds_nobody_back(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    """Past, outside one's own hours, outside the student's: said before it is saved, and saved."""
    key = await book(sql, STUDENT, INSTRUCTOR, at="timestamptz '2027-06-09T15:00:00Z'")
    free = """INSERT INTO availability_patterns (user_id, day_of_week, start_time, end_time)
              SELECT id, d, $2::text::time, '23:00' FROM users, generate_series(0, 6) d WHERE email = $1"""
    await sql.execute("DELETE FROM availability_overrides")
    await sql.execute("DELETE FROM availability_patterns")
    await sql.execute(free, INSTRUCTOR, "01:00")
    await sql.execute(free, STUDENT, "04:00")
    await visit.sign_in(hub.url, INSTRUCTOR, "#/day/2027-06-09")
    page = visit.page
    await _open(visit, key)
    time, mind = page.get_by_label("Departs"), page.locator("dialog[open] .caution")
    day = page.get_by_label("Date", exact=True)
    await book(sql, OTHER_STUDENT, INSTRUCTOR, at="timestamptz '2027-06-09T18:00:00Z'")
    for wrong in ("00:30", "18:00"):
        await time.fill(wrong)
        await expect(mind).to_have_text(
            "You are not available then, or have another flight.", timeout=PATIENCE
        )
        await time.fill("16:00")
        await expect(mind).to_be_empty()
    await time.fill("03:30")
    await expect(mind).to_have_text(re.compile("^Jonah Bright is not available then"))
    await time.fill("16:00")
    await expect(mind).to_be_empty()
    await day.fill("2026-06-09")
    await expect(mind).to_have_text("This is in the past.")
    # Back where it was, there is nothing to mind; and what is minded is no refusal.
    await day.fill("2027-06-09")
    await time.fill("15:00")
    await expect(mind).to_be_empty()
    await time.fill("00:30")
    await expect(mind).to_have_text(re.compile("^You are not available then"))
    await _save(page)
    await expect(page.locator("dialog[open]")).to_have_count(0, timeout=PATIENCE)
    moved = await sql.fetchval(
        "SELECT scheduled_datetime FROM bookings WHERE id = $1::text::uuid", key
    )
    assert moved.isoformat() == "2027-06-09T00:30:00+00:00"
