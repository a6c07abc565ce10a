"""Availability at the page: hours said, changed and taken back, with what is wrong said at its field."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from playwright.async_api import Page, expect
from running import Hub
from visiting import PATIENCE, STUDENT, Visit, person


def _hours(who: str, day: int, start: str, end: str) -> str:
    return f"""INSERT INTO availability_patterns (user_id, day_of_week, start_time, end_time)
               SELECT id, {day}, '{start}', '{end}' FROM users WHERE email = '{who}'"""


async def _alone(sql: Any) -> None:
    await sql.execute("DELETE FROM availability_patterns; DELETE FROM availability_overrides")


async def _wednesday(hub: Hub, visit: Visit, sql: Any) -> Page:
    """The week of a student who said only that they can fly on Wednesday mornings."""
    await _alone(sql)
    await sql.execute(_hours(STUDENT, 3, "09:00", "12:00"))
    await visit.sign_in(hub.url, STUDENT, "#/availability")
    return visit.page


async def test_weekly_hours_and_an_exception(hub: Hub, visit: Visit, sql: Any) -> None:
    await _alone(sql)
    await visit.sign_in(hub.url, STUDENT, "#/availability")
    page = visit.page
    visit.refusals |= {409, 422, 412}
    await expect(page.locator(".week-day")).to_have_count(7, timeout=PATIENCE)
    await expect(page.locator(".page")).to_contain_text("Times are the school’s clock: UTC")

    # What is wrong is said at the field, which has the focus; what was typed stays.
    await page.get_by_role("button", name="Add weekly hours").click()
    dialog = page.locator("dialog[open]")
    await dialog.get_by_label("Every week on").select_option("Tuesday")
    await dialog.get_by_label("From").fill("17")
    await dialog.get_by_label("To").fill("9")
    await dialog.get_by_role("button", name="Save").click()
    end = dialog.get_by_label("To")
    await expect(end).to_have_attribute("aria-invalid", "true", timeout=PATIENCE)
    await expect(end).to_be_focused()
    described = str(await end.get_attribute("aria-describedby")).split()[-1]
    await expect(page.locator(f"#{described}")).to_contain_text("is not after the start")
    await expect(dialog.get_by_label("From")).to_have_value("17")
    assert await page.locator(".chip").count() == 0  # taken back
    await end.fill("20:30")
    await page.keyboard.press("Enter")
    await expect(dialog).to_have_count(0, timeout=PATIENCE)
    tuesday = page.locator(".week-day").nth(2)
    await expect(tuesday.locator(".chip")).to_have_text("17:00–20:30")
    await expect(tuesday).to_contain_text("can fly 17:00–20:30")
    rows = await sql.fetch(
        "SELECT day_of_week, start_time::text, end_time::text FROM availability_patterns WHERE user_id = $1",
        await person(sql, STUDENT),
    )
    assert [tuple(row) for row in rows] == [(2, "17:00:00", "20:30:00")]

    # A block on one date takes some of it away.
    await tuesday.get_by_role("button", name="Add an exception on Tuesday").click()
    await dialog.get_by_label("Whole day").uncheck()
    await dialog.get_by_label("From").fill("18:00")
    await dialog.get_by_label("To").fill("19:00")
    await dialog.get_by_label("Reason").fill("Dentist")
    await dialog.get_by_role("button", name="Save").click()
    await expect(tuesday).to_contain_text("can fly 17:00–18:00, 19:00–20:30", timeout=PATIENCE)
    await expect(tuesday.locator('[data-kind="blocked"]')).to_contain_text(
        "Not 18:00–19:00 · Dentist"
    )
    await page.get_by_role("button", name="Week after").click()
    await expect(tuesday).to_contain_text("can fly 17:00–20:30")
    await page.get_by_role("button", name="This week").click()

    # The same hours again are refused as a whole; deleted, they are gone.
    await page.get_by_role("button", name="Add weekly hours").click()
    await dialog.get_by_label("Every week on").select_option("Tuesday")
    mind = dialog.locator(".caution")
    await dialog.get_by_label("From").fill("20:30")
    await dialog.get_by_label("To").fill("21")
    await expect(mind).to_be_empty()
    # Over hours that are there: said, before it is saved.
    await dialog.get_by_label("From").fill("1700")
    await expect(mind).to_contain_text("You can fly 17:00–20:30 that day already")
    await dialog.get_by_label("To").fill("20:30")
    await dialog.get_by_role("button", name="Save").click()
    said = dialog.locator(".fault:not(:empty), .form-fault:not(:empty)")
    await expect(said).to_have_count(1, timeout=PATIENCE)
    await page.keyboard.press("Escape")
    await tuesday.locator('[data-kind="weekly"]').click()
    await dialog.get_by_role("button", name="Delete").click()
    await expect(page.locator("#toasts")).to_contain_text("Deleted", timeout=PATIENCE)
    await expect(tuesday.locator('[data-kind="weekly"]')).to_have_count(0)
    # What the form was opened with is gone: who is at the keyboard is not lost with it.
    await expect(page.locator("#main h1")).to_be_focused()
    assert await sql.fetchval("SELECT count(*) FROM availability_patterns") == 0


async def test_what_somebody_changed_meanwhile_is_not_overwritten(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    page = await _wednesday(hub, visit, sql)
    visit.refusals.add(412)
    await page.locator(".chip").click()
    # Another program changes it while the form is open.
    await sql.execute("UPDATE availability_patterns SET end_time = '13:00'")
    dialog = page.locator("dialog[open]")
    await dialog.get_by_label("From").fill("08:00")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.locator(".form-fault")).to_contain_text(
        "changed this meanwhile", timeout=PATIENCE
    )
    assert await sql.fetchval("SELECT start_time::text FROM availability_patterns") == "09:00:00"
    await expect(page.locator(".chip")).to_have_text("09:00–13:00", timeout=PATIENCE)


async def test_a_read_of_before_a_save_does_not_land_after_it(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await _alone(sql)
    await visit.sign_in(hub.url, STUDENT, "#/availability")
    page = visit.page
    # As over plain http in a school's own network.
    await page.evaluate("delete Crypto.prototype.randomUUID")
    await expect(page.locator(".week-day")).to_have_count(7, timeout=PATIENCE)
    read, release, landed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hold(route: Any) -> None:
        if route.request.method != "GET" or read.is_set():
            await route.continue_()
            return
        answer = await route.fetch()
        read.set()
        await release.wait()
        await route.fulfill(response=answer)
        landed.set()

    await page.route("**/api/v1/availability?*", hold)
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    async with asyncio.timeout(PATIENCE / 1000):
        await read.wait()
    await page.get_by_role("button", name="Add weekly hours").click()
    await page.locator("dialog[open]").get_by_role("button", name="Save").click()
    await expect(page.locator("#toasts")).to_contain_text("Saved", timeout=PATIENCE)
    await expect(page.locator(".chip")).to_have_count(1)
    release.set()
    async with asyncio.timeout(PATIENCE / 1000):
        await landed.wait()
    await page.wait_for_timeout(300)
    await expect(page.locator(".chip")).to_have_count(1)


async def test_a_message_does_not_push_out_the_one_somebody_is_at(hub: Hub, visit: Visit) -> None:
    await visit.sign_in(hub.url)
    say = """async (words) => {
      const { src } = document.querySelector('script[type=module]');
      const { toast } = await import(src.replace('app.js', 'toast.js'));
      for (const one of words) toast(one);
    }"""
    await visit.page.evaluate(say, ["first", "second", "third"])
    toasts = visit.page.locator("#toasts .toast")
    await toasts.first.get_by_role("button", name="Dismiss").focus()
    await visit.page.evaluate(say, ["fourth"])
    await expect(toasts).to_have_text([re.compile(one) for one in ("first", "third", "fourth")])
    await expect(toasts.first.get_by_role("button", name="Dismiss")).to_be_focused()


async def test_what_is_saved_before_anything_could_be_read_is_saved(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await _alone(sql)
    await visit.sign_in(hub.url, STUDENT, "#/notifications")
    page = visit.page
    await visit.refuse("**/api/v1/availability?*")
    await visit.go("availability")
    await expect(page.locator(".empty")).to_be_visible(timeout=PATIENCE)
    await page.get_by_role("button", name="Add weekly hours").click()
    await page.locator("dialog[open]").get_by_role("button", name="Save").click()
    await expect(page.locator("#toasts")).to_contain_text("Saved", timeout=PATIENCE)
    assert await sql.fetchval("SELECT count(*) FROM availability_patterns") == 1
    await page.unroute("**/api/v1/availability?*")
    await expect(page.locator(".chip")).to_have_count(1, timeout=PATIENCE)


async def test_a_save_that_fails_behind_a_closed_form_is_told_and_takes_back_itself_alone(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    page = await _wednesday(hub, visit, sql)
    visit.refusals.add(500)
    release = asyncio.Event()

    async def hold(route: Any) -> None:
        if route.request.method != "POST":
            await route.continue_()
            return
        await release.wait()
        await route.fulfill(
            status=500, content_type="application/problem+json",
            json={"title": "Internal Server Error", "status": 500, "detail": "Not now."},
        )  # fmt: skip

    await page.route("**/api/v1/availability/patterns", hold)
    await expect(page.locator(".chip")).to_have_count(1, timeout=PATIENCE)
    await page.get_by_role("button", name="Add weekly hours").click()
    dialog = page.locator("dialog[open]")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.locator('.chip[data-pending="yes"]')).to_have_count(1)
    await page.keyboard.press("Escape")
    # What is under way cannot be changed yet.
    await page.locator('.chip[data-pending="yes"]').click()
    await expect(dialog).to_have_count(0)
    # Another save comes through meanwhile.
    await page.locator(".chip:not([data-pending])").click()
    await dialog.get_by_label("From").fill("08:00")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.locator("#toasts")).to_contain_text("Saved", timeout=PATIENCE)
    release.set()
    await expect(page.locator("#toasts")).to_contain_text("Not now.", timeout=PATIENCE)
    await expect(page.locator(".chip")).to_have_count(1)
    await expect(page.locator(".chip")).to_have_text("08:00–12:00")


async def test_weeks_long_past_are_read_before_they_are_shown(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await _alone(sql)
    for day in range(7):
        await sql.execute(_hours(STUDENT, day, "09:00", "12:00"))
    await sql.execute(
        """INSERT INTO availability_overrides (user_id, override_date)
           SELECT id, current_date - n FROM users, generate_series(30, 60) AS n WHERE email = $1""",
        STUDENT,
    )
    await visit.sign_in(hub.url, STUDENT, "#/availability")
    page = visit.page
    await expect(page.locator(".week-day")).to_have_count(7, timeout=PATIENCE)
    for _ in range(6):
        await page.get_by_role("button", name="Week before").click()
    await expect(page.locator('.chip[data-kind="blocked"]')).to_have_count(7, timeout=PATIENCE)
    await expect(page.locator(".hours-free > span")).to_have_count(0)


async def test_a_week_that_could_not_be_read_again_is_said_to_be_old(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await _alone(sql)
    await visit.sign_in(hub.url, STUDENT, "#/availability")
    page = visit.page
    await expect(page.locator(".week-day")).to_have_count(7, timeout=PATIENCE)
    await visit.refuse("**/api/v1/availability?*")
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    old = page.locator("#main [role=alert]")
    await expect(old).to_contain_text("Not now.", timeout=PATIENCE)
    await expect(page.locator(".week-day")).to_have_count(7)
    await page.unroute("**/api/v1/availability?*")
    await expect(old).to_have_count(0, timeout=PATIENCE)


async def test_an_older_read_does_not_land_over_a_newer_one(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    page = await _wednesday(hub, visit, sql)
    await expect(page.locator(".chip")).to_have_text("09:00–12:00", timeout=PATIENCE)
    read, release = asyncio.Event(), asyncio.Event()

    async def hold(route: Any) -> None:
        if read.is_set():
            await route.continue_()
            return
        answer = await route.fetch()
        read.set()
        await release.wait()
        await route.fulfill(response=answer)

    await page.route("**/api/v1/availability?*", hold)
    again = "document.dispatchEvent(new Event('visibilitychange'))"
    await page.evaluate(again)
    async with asyncio.timeout(PATIENCE / 1000):
        await read.wait()
    await sql.execute("UPDATE availability_patterns SET end_time = '13:00'")
    await page.evaluate(again)
    await expect(page.locator(".chip")).to_have_text("09:00–13:00", timeout=PATIENCE)
    async with page.expect_event("requestfinished"):
        release.set()
    await page.evaluate("new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")
    await expect(page.locator(".chip")).to_have_text("09:00–13:00")


async def test_a_row_with_seconds_in_its_times_can_be_given_a_reason(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await _alone(sql)
    await sql.execute(
        """INSERT INTO availability_overrides (user_id, override_date, start_time, end_time)
           SELECT id, current_date, '09:00:30', '12:00:30' FROM users WHERE email = $1""",
        STUDENT,
    )
    await visit.sign_in(hub.url, STUDENT, "#/availability")
    page = visit.page
    await page.locator('[data-kind="blocked"]').click()
    dialog = page.locator("dialog[open]")
    await dialog.get_by_label("Reason").fill("Dentist")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.locator('[data-kind="blocked"]')).to_contain_text("Dentist", timeout=PATIENCE)
    await expect(dialog).to_have_count(0, timeout=PATIENCE)
    row = await sql.fetchrow("SELECT start_time::text, reason FROM availability_overrides")
    assert tuple(row) == ("09:00:30", "Dentist")
