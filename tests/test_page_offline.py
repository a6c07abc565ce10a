"""The page without its hub: what was known stays, says how old it is, and cannot be changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import expect
from running import Hub
from visiting import PATIENCE, STUDENT, Visit, book, status
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
    start_hub: Callable[..., Awaitable[Hub]], seeded_dsn: str, visit: Visit
) -> None:
    hub = await start_hub(seeded_dsn, ping_every=1, pong_timeout=1)
    async with wire(hub.url) as line:
        await visit.sign_in(line.url)
        await visit.hears('"ping"')
        line.stall()
        await visit.says("Stale since")
        await expect(visit.page.locator("#banner")).to_contain_text("Stale since")
        await expect(visit.page.locator("body")).to_have_attribute("data-link", "stale")
        visit.hub_is_away = True
        line.mend()
        await visit.says("Live")
