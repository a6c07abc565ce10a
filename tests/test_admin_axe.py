"""Every panel of the admin's, judged by axe-core on a desk and on a phone; and what the panels weigh."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe import violations
from playwright.async_api import expect
from running import Hub
from visiting import ADMIN, INSTRUCTOR, PATIENCE, STUDENT, Visitors, book, offer, person

from hub.web.pages import STATIC, Shelf

DESK = {"width": 1440, "height": 900}
#: So long that no bar lies over anything: what is scrolled under one is not out of reach.
TALL = {"width": 360, "height": 3200}
#: What all panels and their style sheet may weigh, packed; each is fetched only when it is opened.
MOST = 40 * 1024


@pytest.mark.parametrize(("scheme", "size"), [("light", TALL), ("dark", TALL), ("dark", DESK)])
async def test_every_panel_and_its_forms(
    hub: Hub, visitors: Visitors, sql: Any, axe: str, scheme: str, size: dict[str, int]
) -> None:
    key = await book(sql, STUDENT, INSTRUCTOR, at="now() + interval '30 hours'")
    await offer(sql, key)
    await sql.execute(
        "UPDATE preference_rankings SET deadline = now() WHERE booking_id = $1::text::uuid", key
    )
    await sql.execute(
        """INSERT INTO devices (name, airport, hash, paired_at, revoked_at)
           VALUES ('Hangar 1', 'KPAO', sha256('a'), now(), NULL),
                  ('Hangar 2', NULL, sha256('b'), now(), now())"""
    )
    await sql.execute(
        """INSERT INTO api_keys (name, prefix, hash, scopes, revoked_at)
           VALUES ('Weather', 'hub_aaaa', sha256('a'), '{bookings:read}', NULL),
                  ('Former', 'hub_bbbb', sha256('b'), '{bookings:read}', now())"""
    )
    student = await person(sql, STUDENT)
    visit = await visitors(viewport=size, color_scheme=scheme, timezone_id="America/Los_Angeles")
    visit.refusals |= {412, 422}
    page = visit.page
    found: dict[str, list[str]] = {}

    async def judge(state: str, within: str = ":root") -> None:
        if wrong := await violations(page, axe, within):
            found[state] = wrong

    await visit.sign_in(hub.url, ADMIN, "#/admin")
    for name, shown in {
        "bookings": ".ledger .row",
        "escalations": ".offer[data-escalated] .option-line",
        "users": ".card-row",
        "devices": ".device",
        "keys": ".device",
        "audit": ".entry",
        "online": ".presence",
        f"explain/{key}/{student}": ".verdict",
        "nothing": ".empty",
    }.items():
        await visit.go(f"admin/{name}")
        await expect(page.locator(shown).first).to_be_visible(timeout=PATIENCE)
        for fold in await page.locator("details:not([open]) > summary").all():
            await fold.click()
        await judge(name)

    await visit.go("admin/bookings")
    await page.get_by_role("button", name="New flight").click()
    await page.get_by_role("dialog").get_by_role("button", name="New flight").click()
    await expect(page.locator("[aria-invalid=true]").first).to_be_visible(timeout=PATIENCE)
    await judge("a new flight, refused", "dialog[open]")
    await page.keyboard.press("Escape")
    await visit.flight(key).locator("button").click()
    await expect(page.get_by_role("dialog").get_by_label("Minutes")).to_be_visible()
    await judge("a flight", "dialog[open]")
    dialog = page.get_by_role("dialog")
    # In an hour that comes twice, and past, and changed by another.
    await dialog.get_by_label("Date").fill("2025-11-02")
    await dialog.get_by_label("Departs").fill("0130")
    await expect(dialog.get_by_label("This hour comes twice")).to_be_visible()
    await expect(dialog.locator(".caution")).to_have_text("This is in the past.", timeout=PATIENCE)
    await sql.execute("UPDATE bookings SET duration_minutes = 7 WHERE id = $1::text::uuid", key)
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.locator(".clash")).to_be_focused(timeout=PATIENCE)
    await judge("a flight that another changed", "dialog[open]")
    await page.keyboard.press("Escape")
    await visit.go("admin/devices")
    await page.get_by_role("button", name="Pair a kiosk").click()
    await judge("pairing", "dialog[open]")
    await page.keyboard.press("Escape")
    await visit.go("admin/keys")
    await page.get_by_role("button", name="New key").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Whose it is").fill("Robot")
    await dialog.get_by_role("button", name="Make the key").click()
    await expect(dialog.locator("[data-field=scopes] .fault")).not_to_be_empty(timeout=PATIENCE)
    await judge("a new key, refused", "dialog[open]")
    await dialog.get_by_label("Read users").check()
    await dialog.get_by_role("button", name="Make the key").click()
    await expect(page.get_by_role("textbox", name="Key: Robot")).to_be_visible(timeout=PATIENCE)
    await judge("the secret", "dialog[open]")
    assert found == {}


@pytest.mark.parametrize(("scheme", "size"), [("dark", TALL), ("light", DESK)])
async def test_every_panel_that_cannot_be_read(
    hub: Hub, visitors: Visitors, axe: str, scheme: str, size: dict[str, int]
) -> None:
    """Each says that it could not, and why, and lets one try again."""
    visit = await visitors(viewport=size, color_scheme=scheme)
    page = visit.page
    await visit.sign_in(hub.url, ADMIN, "#/notifications")
    await visit.refuse("**/api/v1/**")
    for name in ("users", "keys", "audit", "online"):
        await visit.go(f"admin/{name}")
        await expect(page.locator(".panel .empty")).to_contain_text("Not now.", timeout=PATIENCE)
        assert await violations(page, axe, ":root") == [], name
    await page.unroute("**/api/v1/**")
    await page.locator(".panel").get_by_role("button", name="Try again").click()
    await expect(page.locator(".presence").first).to_be_visible(timeout=PATIENCE)


def test_the_panels_are_light_and_cost_nobody_else_anything() -> None:
    shelf = Shelf.of(STATIC, development_sign_in=True)
    weights = {
        name: len(one.packed) for name, one in shelf.files.items() if name.startswith("admin/")
    }
    print(sum(weights.values()), weights)  # shown by pytest -s
    assert sum(weights.values()) < MOST
    # What is named outside the templates is fetched by everybody (static/boot.js).
    shown = re.sub(
        rb"<template.*?</template>", b"", shelf.files["index.html"].plain, flags=re.DOTALL
    )
    assert b"admin/" not in shown
