"""Leaving a panel with the keyboard still in one of its fields."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from running import Hub
from visiting import ADMIN, PATIENCE, Visit


@pytest.mark.parametrize(("panel", "field"), [("bookings", "Aircraft"), ("audit", "Its id")])
async def test_what_was_typed_and_not_meant_does_not_hold_one_back(
    hub: Hub, visit: Visit, panel: str, field: str
) -> None:
    """Going back takes the field away; what it held chooses nothing any more."""
    await visit.sign_in(hub.url, ADMIN, "#/notifications")
    page = visit.page
    await visit.go(f"admin/{panel}")
    await page.get_by_label(field, exact=True).press_sequentially("N4821L")
    await page.go_back()
    await expect(page.locator("#main h1")).to_have_text("Notifications", timeout=PATIENCE)
    assert await page.evaluate("location.hash") == "#/notifications"
    # And from panel to panel.
    await visit.go(f"admin/{panel}")
    await page.get_by_label(field, exact=True).press_sequentially("N4821L")
    await visit.go("admin/users")
    await expect(page.locator("#main h1")).to_have_text("Users", timeout=PATIENCE)
    assert await page.evaluate("location.hash") == "#/admin/users"
