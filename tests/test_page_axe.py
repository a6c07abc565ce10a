"""Every state of the page, judged by axe-core: no violation of WCAG 2.2 AA; and no scroll to the side."""

from __future__ import annotations

from typing import Any

import pytest
from axe import violations
from playwright.async_api import expect
from running import Hub
from visiting import ADMIN, INSTRUCTOR, PATIENCE, STUDENT, Visitors, book, offer, person

DESK = {"width": 1440, "height": 900}
#: So long that no bar lies over anything: what is scrolled under one is not out of reach.
TALL = {"width": 360, "height": 2400}


@pytest.mark.parametrize(("scheme", "size"), [("light", TALL), ("dark", DESK)])
async def test_the_day_and_ones_own_flights(
    hub: Hub, visitors: Visitors, sql: Any, axe: str, scheme: str, size: dict[str, int]
) -> None:
    await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '30 minutes'")
    late = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '9 hours'")
    await offer(sql, late, deadline="now() + interval '20 minutes'")
    visit = await visitors(viewport=size, color_scheme=scheme)
    page = visit.page
    found: dict[str, list[str]] = {}

    async def judge(state: str) -> None:
        if wrong := await violations(page, axe):
            found[state] = wrong

    await page.goto(hub.url)
    await expect(page.locator(f'[data-email="{ADMIN}"]')).to_be_visible(timeout=PATIENCE)
    await judge("door")
    await visit.sign_in(hub.url, ADMIN, "#/day")
    for shape in ("Aircraft", "Instructor", "List"):
        await page.get_by_role("button", name=shape, exact=True).click()
        await expect(page.locator(":is(.slot, .row):visible").first).to_be_visible(timeout=PATIENCE)
        await judge(f"day as {shape}")
    await page.locator(".row:visible").last.click()
    # What the card lies over is out of reach until it is closed.
    if wrong := await violations(page, axe, ".flight-card"):
        found["a flight's card"] = wrong
    await page.keyboard.press("Escape")
    await visit.go("day/2031-01-31")
    await expect(page.locator(".empty")).to_be_visible(timeout=PATIENCE)
    await judge("an empty day")
    await visit.go("nowhere")
    await judge("no such page")
    await visit.go("admin")
    await expect(page.locator('[data-page="admin"] h1')).to_be_visible(timeout=PATIENCE)
    await judge("admin")

    await page.evaluate("sessionStorage.clear()")
    await page.goto("about:blank")
    await visit.sign_in(hub.url, STUDENT)
    await expect(page.locator(".hero")).to_be_visible(timeout=PATIENCE)
    await expect(page.locator(".answer")).to_be_visible(timeout=PATIENCE)
    await page.get_by_role("button", name="Show the last 30 days").click()
    await judge("my flights")
    visit.hub_is_away = True
    await hub.stop()
    await expect(page.locator("#banner")).to_be_visible(timeout=PATIENCE)
    await judge("offline")
    await visit.go("day/2031-02-01")
    await expect(page.locator(".empty")).to_be_visible(timeout=PATIENCE)
    await judge("a day that cannot be shown")
    assert found == {}


@pytest.mark.parametrize(("scheme", "size"), [("dark", TALL), ("light", DESK)])
async def test_answers_notifications_and_availability(
    hub: Hub, visitors: Visitors, sql: Any, axe: str, scheme: str, size: dict[str, int]
) -> None:
    key = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '9 hours'")
    await offer(sql, key, deadline="now() + interval '90 minutes'")
    visit = await visitors(viewport=size, color_scheme=scheme)
    page = visit.page
    visit.refusals.add(422)
    found: dict[str, list[str]] = {}

    async def judge(state: str) -> None:
        if wrong := await violations(page, axe):
            found[state] = wrong

    await visit.sign_in(hub.url, STUDENT, f"#/reschedule/{key}")
    await expect(page.locator(".option")).to_have_count(3, timeout=PATIENCE)
    await page.locator(".away-button").last.click()
    await judge("ranking")
    await page.get_by_role("button", name="None works").click()
    await judge("a question")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Send my choice").click()
    await expect(page.locator("#toasts")).to_contain_text("sent", timeout=PATIENCE)
    await judge("sent, with a message")
    await sql.execute("UPDATE preference_rankings SET deadline = now()")
    await expect(page.locator(".outcome")).to_be_visible(timeout=PATIENCE)
    await judge("over")

    await sql.execute(
        """INSERT INTO notifications (user_id, type, title, message)
           SELECT $1::text::uuid, unnest(ARRAY['WEATHER_ALERT', 'CONFIRMATION']), 'Told', 'Something'""",
        await person(sql, STUDENT),
    )
    await visit.go("notifications")
    await expect(page.locator('.notice[data-read="no"]').first).to_be_visible(timeout=PATIENCE)
    await judge("notifications")
    # The clock's own word on the deadline, which is not to come after all were read.
    settled = page.get_by_role("heading", name="To be settled by hand")
    await expect(settled.first).to_be_visible(timeout=PATIENCE)
    await page.get_by_role("button", name="Mark all read").click()
    await page.get_by_role("button", name="Unread", exact=True).click()
    await expect(page.locator(".empty")).to_be_visible(timeout=PATIENCE)
    await judge("nothing unread")

    await visit.go("availability")
    await expect(page.locator(".week-day")).to_have_count(7, timeout=PATIENCE)
    await judge("availability")
    await page.get_by_role("button", name="Add an exception", exact=True).click()
    await page.get_by_label("Whole day").uncheck()
    await page.get_by_label("From").fill("noon")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("[aria-invalid=true]").first).to_be_visible(timeout=PATIENCE)
    await judge("a form with a fault")
    assert found == {}
