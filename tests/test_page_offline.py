"""The page without its hub: what was known stays, says how old it is, and cannot be changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import WebSocketRoute, expect
from running import Hub
from visiting import ADMIN, PATIENCE, STUDENT, Visit, Visitors, book, status
from wire import wire


async def test_a_restart_is_told_and_survived(hub: Hub, visit: Visit, sql: Any) -> None:
    key = await book(sql)
    await visit.sign_in(hub.url)
    await visit.shows(key, "CONFIRMED")
    visit.hub_is_away = True
    await hub.stop()
    await visit.says("Reconnecting")
    banner = visit.page.locator("#banner")
    await expect(banner).to_contain_text("You see what was known at", timeout=PATIENCE)
    await expect(visit.page.locator(".known")).to_contain_text("As known at")
    await visit.shows(key, "CONFIRMED")  # what was known stays

    await status(sql, key, "RESCHEDULING")
    await hub.start()
    await visit.says("Live")
    await visit.shows(key, "RESCHEDULING")
    await expect(banner).to_be_hidden()
    await expect(visit.page.locator("#announce")).to_have_text("Live again")
    # It was told what it missed; the day was not read anew.
    assert sum("/api/v1/bookings" in url for _, url in visit.asked) == 1

    visit.hub_is_away = False
    await status(sql, key, "CANCELLED")
    await visit.shows(key, "CANCELLED")


async def test_offline_nothing_can_be_changed_and_it_says_why(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await visit.sign_in(hub.url, STUDENT, "#/availability")
    add = visit.page.get_by_role("button", name="Add weekly hours")
    await expect(add).to_be_enabled()
    visit.hub_is_away = True
    await hub.stop()
    await expect(add).to_have_attribute("aria-disabled", "true", timeout=PATIENCE)
    await expect(visit.page.locator(".week")).to_be_visible()
    await add.focus()
    await visit.page.keyboard.press("Enter")
    await expect(visit.page.locator("dialog[open]")).to_have_count(0)
    why = "Nothing can be changed until the hub is reached again."
    await expect(visit.page.locator("#toasts")).to_contain_text(why)
    await hub.start()
    await expect(add).not_to_have_attribute("aria-disabled", "true", timeout=PATIENCE)
    await add.click()
    await expect(visit.page.locator("dialog[open]")).to_be_visible()


async def test_what_was_never_fetched_waits_for_the_hub_and_the_page_stays(
    hub: Hub, visit: Visit
) -> None:
    await visit.sign_in(hub.url)
    visit.hub_is_away = True
    await hub.stop()
    await visit.says("Reconnecting")
    for path in ("notifications", "admin/users"):
        await visit.go(path)
        main = visit.page.locator("#main")
        await expect(main).to_contain_text("The hub could not be reached.", timeout=PATIENCE)
    # A browser's own excuse in place of the page is never left again: boot.js waited half a second.
    await visit.page.wait_for_timeout(1500)
    await visit.says("Reconnecting")
    await hub.start()
    await expect(visit.page.get_by_role("heading", name="Users")).to_be_visible(timeout=PATIENCE)


async def test_past_fresh_until_the_page_says_stale(
    start_hub: Callable[..., Awaitable[Hub]], seeded_dsn: str, visitors: Visitors
) -> None:
    hub = await start_hub(seeded_dsn, ping_every=1, pong_timeout=1)
    # With every page in the menu and the school's clock beside one's own: the head at its fullest.
    visit = await visitors(timezone_id="America/Los_Angeles")
    async with wire(hub.url) as line:
        await visit.sign_in(line.url, STUDENT)
        await visit.hears('"ping"')
        await expect(visit.page.locator("#clock-school")).to_be_visible()
        line.stall()
        await visit.says("Stale since")
        beyond = "() => document.documentElement.scrollWidth - innerWidth"
        for width in (1440, 1390, 1366, 1280, 1272, 1200, 1045, 1024, 985, 972, 800, 765, 360):
            await visit.page.set_viewport_size({"width": width, "height": 900})
            assert await visit.page.evaluate(beyond) <= 0, width
        await expect(visit.page.locator("#banner")).to_contain_text("Stale since")
        await expect(visit.page.locator("body")).to_have_attribute("data-link", "stale")
        visit.hub_is_away = True
        line.mend()
        await visit.says("Live")


async def test_offline_an_open_form_says_itself_why_it_does_not_save(
    hub: Hub, visit: Visit
) -> None:
    await visit.sign_in(hub.url, STUDENT, "#/availability")
    await visit.page.get_by_role("button", name="Add weekly hours").click()
    dialog = visit.page.locator("dialog[open]")
    await expect(dialog).to_be_visible()
    visit.hub_is_away = True
    await hub.stop()
    save = dialog.get_by_role("button", name="Save")
    await expect(save).to_have_attribute("aria-disabled", "true", timeout=PATIENCE)
    await save.focus()
    await visit.page.keyboard.press("Enter")
    alert = dialog.get_by_role("alert")
    await expect(alert).to_have_text("Nothing can be changed until the hub is reached again.")
    await hub.start()
    await expect(save).not_to_have_attribute("aria-disabled", "true", timeout=PATIENCE)
    await save.click()
    await expect(dialog).to_have_count(0, timeout=PATIENCE)


async def test_too_many_pages_may_be_tried_again_without_signing_in_anew(
    hub: Hub, visit: Visit
) -> None:
    full = True

    def between(page: WebSocketRoute) -> None:
        line = page.connect_to_server()
        if full:
            line.on_message(lambda _: asyncio.ensure_future(page.close(code=4009, reason="full")))

    await visit.page.route_web_socket("**/api/v1/ws", between)
    await visit.page.goto(f"{hub.url}/#/day")
    await visit.page.locator(f'[data-email="{ADMIN}"]').click()
    banner = visit.page.locator("#banner")
    await expect(banner).to_contain_text("too many pages open", timeout=PATIENCE)
    await expect(banner.get_by_role("button", name="Sign in again")).to_be_hidden()
    full = False
    await banner.get_by_role("button", name="Try again").click()
    await visit.says("Live")
    await expect(banner).to_be_hidden()


async def test_signed_out_in_another_tab_is_told_as_that(hub: Hub, visit: Visit) -> None:
    await visit.sign_in(hub.url)
    other = Visit(await visit.page.context.new_page())
    await other.sign_in(hub.url)
    await other.page.locator("#me").click()
    await other.page.get_by_role("button", name="Sign out").click()
    await visit.says("Disconnected")
    banner = visit.page.locator("#banner")
    await expect(banner).to_contain_text("You signed out in another tab.")
    await expect(banner).not_to_contain_text("not accepted")
    await expect(banner.get_by_role("button", name="Sign in again")).to_be_visible()
    assert other.complaints == []
