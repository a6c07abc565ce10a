"""“Live” is said of what could be read, and of nothing else: on whatever page."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Route, expect
from running import Hub
from visiting import INSTRUCTOR, PATIENCE, STUDENT, Visit, book, offer

OLD = "Not up to date"


@pytest.mark.parametrize("first", [True, False])
async def test_what_cannot_be_read_of_new_times_is_not_live(
    hub: Hub, visit: Visit, sql: Any, first: bool
) -> None:
    key = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '30 hours'")
    ids = await offer(sql, key)
    page = visit.page
    await visit.sign_in(hub.url, STUDENT, "" if first else f"#/reschedule/{key}")
    if first:
        await visit.refuse("**/options")
        await visit.go(f"reschedule/{key}")
    else:
        await expect(page.locator(".option")).to_have_count(3, timeout=PATIENCE)
        await visit.refuse("**/options")
        await sql.execute(
            "UPDATE preference_rankings SET deadline = now() + interval '3 hours'"
            " WHERE booking_id = $1::text::uuid",
            key,
        )
    await expect(page.get_by_text("Not now.")).to_be_visible(timeout=PATIENCE)
    await visit.says(OLD)
    await expect(page.locator("#link")).to_have_attribute("data-kind", "stale")
    # The hub is there: what can be done is not held back, and no banner says otherwise.
    await expect(page.locator("#banner")).to_be_hidden()
    if not first:
        await expect(page.locator(".away-button").first).not_to_have_attribute(
            "aria-disabled", "true"
        )
        await page.locator(f'[data-key="{ids[2]}"] .grip').press("Home")
        await expect(page.locator(".sent")).to_have_text("Not sent yet")
    # With the page goes what was said of it.
    await visit.go("notifications")
    await visit.says("Live")
    await visit.go(f"reschedule/{key}")
    await visit.says(OLD)
    await page.unroute("**/options")
    await visit.says("Live")
    await expect(page.get_by_text("Not now.")).to_have_count(0)


async def test_what_cannot_be_read_of_ones_hours_is_not_live(hub: Hub, visit: Visit) -> None:
    await visit.sign_in(hub.url, STUDENT)
    await visit.refuse("**/api/v1/availability?*")
    await visit.go("availability")
    await visit.says(OLD)
    await visit.page.unroute("**/api/v1/availability?*")
    await visit.page.get_by_role("button", name="Try again").click()
    await visit.says("Live")


@pytest.mark.parametrize("place", ["day", "mine"])
async def test_flights_the_hub_does_not_show_are_not_live(
    hub: Hub, visit: Visit, place: str
) -> None:
    await visit.sign_in(hub.url, STUDENT, "#/notifications")
    visit.refusals.add(403)

    async def forbid(route: Route) -> None:
        await route.fulfill(
            status=403,
            content_type="application/problem+json",
            json={"status": 403, "detail": "Not for you."},
        )

    await visit.page.route("**/api/v1/bookings?*", forbid)
    await visit.go(place)
    await expect(visit.page.get_by_text("Not for you.")).to_be_visible(timeout=PATIENCE)
    await visit.says(OLD)
    await visit.go("notifications")
    await visit.says("Live")


async def test_notifications_the_hub_does_not_tell_are_not_live(hub: Hub, visit: Visit) -> None:
    """The watch is refused: what a hub of another release may do."""
    page = visit.page

    def between(ours: Any) -> None:
        theirs = ours.connect_to_server()
        ours.on_message(
            lambda frame: theirs.send(str(frame).replace('"notifications"', '"nothing"'))
        )

    await page.route_web_socket("**/api/v1/ws", between)
    await page.goto(f"{hub.url}/#/notifications")
    await page.locator(f'[data-email="{STUDENT}"]').click()
    await visit.says(OLD)
    await expect(page.get_by_text("This cannot be shown")).to_be_visible()
