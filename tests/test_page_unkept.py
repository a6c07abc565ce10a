"""Browsers that keep nothing for a site: storage, and locks between tabs throw; every page works.

As Chromium (locks and storage; seen) and Firefox do where their settings block a site's data.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from kiosking import approve
from playwright.async_api import Route, expect
from running import Hub
from visiting import ADMIN, PATIENCE, STUDENT, Visit, book, offer, status

_DENIED = """() => {
  const denied = () => { throw new DOMException("Access is denied for this document.", "SecurityError"); };
  const refuse = (of, name) => Object.defineProperty(of, name, { get: denied });
  for (const name of %s) refuse(window, name);
  if (%s) {
    window.BroadcastChannel = class { constructor() { denied(); } };
    LockManager.prototype.request = () => Promise.reject(new DOMException("", "SecurityError"));
    refuse(Navigator.prototype, "serviceWorker");
  }
}"""
_BOTH = ("localStorage", "sessionStorage")


async def deny(visit: Visit, *storages: str) -> None:
    """Let the browser keep nothing in these; where both are denied, no tabs meet either."""
    script = _DENIED % (list(storages), "true" if storages == _BOTH else "false")
    await visit.page.add_init_script(f"({script})()")


async def opened(visit: Visit, path: str) -> None:
    await visit.go(path)
    place = path.split("/")[0]
    await expect(visit.page.locator(f".page[data-page={place}] h1")).to_be_visible(timeout=PATIENCE)
    await expect(visit.page.locator("#main .skeleton")).to_have_count(0, timeout=PATIENCE)


@pytest.mark.parametrize("storages", [_BOTH, _BOTH[:1], _BOTH[1:]], ids="-".join)
async def test_every_page_works_where_nothing_is_kept(
    hub: Hub, visit: Visit, sql: Any, storages: tuple[str, ...]
) -> None:
    key = await book(sql, STUDENT)
    await deny(visit, *storages)
    await visit.sign_in(hub.url, ADMIN, "#/day")
    await visit.shows(key, "CONFIRMED")
    await status(sql, key, "AT_RISK")
    await visit.shows(key, "AT_RISK")
    # For the page's life it is known what was chosen.
    await visit.page.locator('[data-shape="list"]').click()
    for path in ("mine", "availability", "notifications", "day"):
        await opened(visit, path)
    await expect(visit.page.locator('[data-shape="list"]')).to_have_attribute(
        "aria-pressed", "true"
    )
    for panel in ("bookings", "escalations", "users", "devices", "keys", "audit", "online"):
        await opened(visit, f"admin/{panel}")
    await visit.page.locator("#me").click()
    await visit.page.get_by_role("button", name="Sign out").click()
    await expect(visit.page.locator(f'[data-email="{STUDENT}"]')).to_be_visible(timeout=PATIENCE)


async def test_a_student_ranks_times_where_nothing_is_kept(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key = await book(sql, STUDENT, at="now() + interval '30 hours'")
    await offer(sql, key)
    await deny(visit, *_BOTH)
    await visit.sign_in(hub.url, STUDENT, f"#/reschedule/{key}")
    await expect(visit.page.locator(".option")).to_have_count(3, timeout=PATIENCE)


async def test_a_kiosk_hangs_where_nothing_is_kept(hub: Hub, visit: Visit, sql: Any) -> None:
    await sql.execute("DELETE FROM bookings")
    key = await book(sql, STUDENT)
    await deny(visit, *_BOTH)
    await visit.page.goto(f"{hub.url}/kiosk")
    kiosk = await approve(hub, visit)
    await kiosk.says("Live")
    await expect(kiosk.flight(key)).to_contain_text("Jonah B.")


async def test_a_file_that_is_missing_is_asked_for_again_where_nothing_is_kept(
    hub: Hub, visit: Visit
) -> None:
    visit.refusals.add(404)
    missing = asyncio.Event()

    async def lose(route: Route) -> None:
        if missing.is_set():
            await route.continue_()
            return
        missing.set()
        await route.fulfill(status=404)

    await visit.page.route("**/js/app.js", lose)
    await deny(visit, *_BOTH)
    await visit.sign_in(hub.url)
    assert missing.is_set()
