"""The admin's kiosks: one paired by its code, seen, renamed, flashed, reloaded and revoked from the page."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from playwright.async_api import expect
from running import Client, Hub
from visiting import ADMIN, PATIENCE, STUDENT, Visit, Visitors, book, person


class Kiosk:
    """A kiosk's part of the pairing, over REST."""

    def __init__(self, hub: Hub, http: aiohttp.ClientSession) -> None:
        self._hub = hub
        self._http = http
        self._code = ""

    async def begin(self) -> str:
        """The code that it shows."""
        async with self._http.post(f"{self._hub.url}/api/v1/pairings") as answer:
            assert answer.status == 201
            told = await answer.json()
        self._code = told["device_code"]
        return str(told["user_code"])

    async def claim(self) -> str | None:
        """Its credential, once it is approved."""
        body = {"device_code": self._code}
        async with self._http.post(f"{self._hub.url}/api/v1/pairings/claim", json=body) as answer:
            assert answer.status in (200, 202)
            token: str | None = (await answer.json()).get("token")
            return token


async def test_a_kiosk_is_paired_watched_over_and_revoked(
    hub: Hub, visit: Visit, sql: Any, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where a school demands it, the page says of each change to a row which version it is for.
    monkeypatch.setenv("HUB_REQUIRE_IF_MATCH", "true")
    await hub.restart()
    visit.refusals.add(422)
    await visit.sign_in(hub.url, ADMIN, "#/admin/devices")
    page = visit.page
    await expect(page.locator(".empty")).to_contain_text("No kiosks yet", timeout=PATIENCE)
    async with aiohttp.ClientSession() as http:
        kiosk = Kiosk(hub, http)
        code = await kiosk.begin()
        await page.get_by_role("button", name="Pair a kiosk").click()
        dialog = page.get_by_role("dialog", name="Pair a kiosk")
        field = dialog.get_by_label("Code on the kiosk")
        await expect(field).to_be_focused()
        await field.fill("BBBBBBBB")
        await dialog.get_by_label("Name").fill("Hangar 2")
        await dialog.get_by_label("Airport").fill("kpao")
        await dialog.get_by_role("button", name="Pair", exact=True).click()
        await expect(dialog.locator("[data-field=user_code] .fault")).not_to_be_empty(
            timeout=PATIENCE
        )
        await expect(field).to_be_focused()
        # Typed in any case, without the hyphen.
        await field.fill("")
        await field.press_sequentially(code.replace("-", "").lower())
        await expect(field).to_have_value(code)
        assert await kiosk.claim() is None
        await dialog.get_by_role("button", name="Pair", exact=True).click()
        await expect(dialog).to_be_hidden(timeout=PATIENCE)
        card = page.locator(".device", has_text="Hangar 2")
        await expect(card).to_contain_text("KPAO")
        await expect(card).to_contain_text("Fetches its credential")
        token = await kiosk.claim()
        assert token is not None
    await expect(card).to_contain_text("Not connected", timeout=PATIENCE)

    client: Client = await connect(hub, token)
    await client.watch("1", "devices")
    # Who is connected is asked for every ten seconds, and when the page is looked at again.
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(card).to_contain_text("Connected since", timeout=PATIENCE)
    await expect(page.locator(".day-words")).to_contain_text("1 of 1 kiosk connected")
    [session] = [one for one in hub.house.gate.sessions if one.principal.kind == "device"]  # type: ignore[union-attr]
    session.paused()
    monkeypatch.setattr(session.socket, "is_paused", True)
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(card).to_contain_text("s behind", timeout=PATIENCE)
    monkeypatch.undo()
    session.resumed()
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(card).to_contain_text("Connected since", timeout=PATIENCE)

    before = datetime.now(UTC)
    await card.get_by_role("button", name="Flash").click()
    await expect(page.locator("#toasts")).to_contain_text("Hangar 2 flashes now", timeout=PATIENCE)
    change = await client.until("change")
    row = change["transactions"][0]["items"][0]["row"]
    assert datetime.fromisoformat(row["identify_at"]) > before
    await card.get_by_role("button", name="Reload").click()
    change = await client.until("change")
    assert change["transactions"][0]["items"][0]["changed"] == ["reload_at"]

    await card.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name="Kiosk")
    await dialog.get_by_label("Name").fill("Front desk")
    await dialog.get_by_label("Airport").fill("")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_be_hidden(timeout=PATIENCE)
    card = page.locator(".device", has_text="Front desk")
    await expect(card).to_contain_text("Every airport")
    await expect(card.get_by_role("button", name="Edit")).to_be_focused()

    revoke = card.get_by_role("button", name="Revoke")
    await revoke.click()
    await page.keyboard.press("Escape")
    await expect(revoke).to_be_focused()
    assert await sql.fetchval("SELECT revoked_at FROM devices") is None
    await revoke.click()
    await page.locator("#confirm").get_by_role("button", name="Revoke").click()
    assert (await client.until("bye"))["code"] == 4003
    await expect(page.locator(".empty")).to_contain_text("No kiosks yet", timeout=PATIENCE)
    await page.get_by_text("1 revoked").click()
    await expect(page.locator(".past .device")).to_contain_text("Front desk")


async def test_a_wrong_code_too_often_is_said_plainly(hub: Hub, visit: Visit) -> None:
    visit.refusals |= {422, 429}
    # The address that a kiosk shows beside its code.
    await visit.sign_in(hub.url, ADMIN, "#devices")
    page = visit.page
    await page.get_by_role("button", name="Pair a kiosk").click()
    dialog = page.get_by_role("dialog", name="Pair a kiosk")
    await dialog.get_by_label("Code on the kiosk").fill("BCDF-BCDF")
    await dialog.get_by_label("Name").fill("Hangar 2")
    send = dialog.get_by_role("button", name="Pair", exact=True)
    for _ in range(10):
        async with page.expect_response("**/api/v1/devices") as answered:
            await send.click()
        assert (await answered.value).status == 422
        await expect(send).not_to_have_attribute("aria-busy", "true")
    await send.click()
    await expect(dialog.get_by_role("alert")).to_contain_text(
        "Too many wrong codes", timeout=PATIENCE
    )


async def test_who_is_online_and_why_somebody_does_not_see_a_flight(
    hub: Hub, visitors: Visitors, sql: Any
) -> None:
    theirs = await book(sql, "wei.chen@example.com", at="now() + interval '26 hours'", tail="N1WHY")
    student, admin = await visitors(), await visitors()
    await student.sign_in(hub.url, STUDENT)
    await admin.sign_in(hub.url, ADMIN, "#/admin/online")
    page = admin.page
    jonah = page.locator(".presence", has_text="Jonah Bright")
    await expect(jonah).to_contain_text("up to date", timeout=PATIENCE)
    await expect(jonah).to_contain_text("schedule")
    await student.page.locator("#me").click()
    await student.page.get_by_role("button", name="Sign out").click()
    # Nobody reads again but the panel itself.
    await expect(jonah).to_have_count(0, timeout=PATIENCE)

    admin.refusals |= {404, 422}
    await page.get_by_role("link", name="Explain").click()
    await page.get_by_role("button", name="Explain").click()
    await expect(page.locator("[data-field=who] .fault")).not_to_be_empty()
    await page.get_by_label("Who").select_option(label="Jonah Bright")
    await page.get_by_label("Flight").fill(theirs[:-4] + "0000")
    await page.get_by_role("button", name="Explain").click()
    await expect(page.locator("[data-field=booking] .fault")).not_to_be_empty(timeout=PATIENCE)

    await page.get_by_label("Flight").fill(theirs)
    # An id is told in words, as soon as it is known.
    await expect(page.get_by_label("Flight")).to_have_value(
        re.compile("N1WHY · Wei Chen"), timeout=PATIENCE
    )
    await page.get_by_role("button", name="Explain").click()
    verdict = page.locator(".verdict")
    await expect(verdict).to_contain_text("Jonah Bright does not see this flight", timeout=PATIENCE)
    await expect(verdict).to_contain_text("neither its student nor its instructor")
    await expect(page.locator(".explained")).to_contain_text("there is no screen to see it on")

    await student.sign_in(hub.url, "wei.chen@example.com", "#/mine")
    wei = await person(sql, "wei.chen@example.com")
    await admin.go(f"admin/explain/{theirs}/{wei}")
    await expect(verdict).to_contain_text("Wei Chen sees this flight", timeout=PATIENCE)
    await expect(page.locator(".explained")).to_contain_text("The flight is in this watch")
    await expect(page.locator(".explained")).to_contain_text("told of the last change")
