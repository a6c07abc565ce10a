"""What the page weighs on the network, headers and all, as Chromium counts it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect
from running import Hub
from visiting import ADMIN, PATIENCE, STUDENT, Visit

MOST = 100 * 1024


async def _load(visit: Visit, url: str, *, cached: bool) -> dict[str, int]:
    """Load the page anew; the bytes each request took, by its address."""
    session = await visit.page.context.new_cdp_session(visit.page)
    await session.send("Network.enable")
    await session.send("Network.setCacheDisabled", {"cacheDisabled": not cached})
    addresses: dict[str, str] = {}
    took: dict[str, int] = {}

    def asked(event: dict[str, Any]) -> None:
        addresses[event["requestId"]] = event["request"]["url"]

    def done(event: dict[str, Any]) -> None:
        url = addresses.get(event["requestId"], "?")
        took[url] = took.get(url, 0) + round(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", asked)
    session.on("Network.loadingFinished", done)
    await visit.page.goto("about:blank")
    took.clear()
    await visit.page.goto(url)
    await visit.says("Live")
    await expect(visit.page.locator(".page h1")).to_be_visible(timeout=PATIENCE)
    await visit.page.wait_for_load_state("networkidle")
    await session.detach()
    return took


@pytest.mark.parametrize("email", [ADMIN, STUDENT])
async def test_the_page_is_light_and_lighter_the_second_time(
    hub: Hub, visit: Visit, email: str
) -> None:
    await visit.sign_in(hub.url, email)
    cold = await _load(visit, hub.url, cached=False)
    assert "?" not in cold
    print(email, len(cold), "requests,", sum(cold.values()), "bytes")  # shown by pytest -s
    assert len(cold) > 20
    assert sum(cold.values()) < MOST
    reads = [url for url in cold if "/api/v1/" in url]
    assert len(reads) == 1, reads
    warm = await _load(visit, hub.url, cached=True)
    # The document and what is live; every script and style sheet is kept.
    assert sum(size for url, size in warm.items() if "/static/" in url) == 0
    assert sum(warm.values()) < 32 * 1024


@pytest.mark.parametrize("place", ["availability", "notifications", "mine"])
async def test_opened_at_any_place_it_is_as_light(hub: Hub, visit: Visit, place: str) -> None:
    await visit.sign_in(hub.url, STUDENT)
    assert sum((await _at(hub, visit, place)).values()) < MOST


@pytest.mark.parametrize(
    "place", ["bookings", "escalations", "users", "devices", "keys", "audit", "online", "explain"]
)
async def test_a_panel_opened_by_its_address_is_as_light(
    hub: Hub, visit: Visit, place: str
) -> None:
    """The admin's bookmark pays for the panel and the names it shows, but not for the schedule."""
    await visit.sign_in(hub.url, ADMIN)
    assert sum((await _at(hub, visit, f"admin/{place}")).values()) < MOST


async def _at(hub: Hub, visit: Visit, place: str) -> dict[str, int]:
    cold = await _load(visit, f"{hub.url}/#/{place}", cached=False)
    print(place, len(cold), "requests,", sum(cold.values()), "bytes")  # shown by pytest -s
    assert visit.page.url.endswith(f"#/{place}")
    return cold
