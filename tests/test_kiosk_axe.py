"""Every state of the kiosk, judged by axe-core: no violation of WCAG 2.2 AA; and no scroll to the side."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from axe import violations
from kiosking import UPRIGHT, WALL, ahead, code, day, hang, morning
from playwright.async_api import expect
from running import Hub
from visiting import PATIENCE, Visitors, status
from wire import wire


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("?night=off", WALL),
        ("?night=0-23", UPRIGHT),
        ("?night=off&theme=light", {"width": 1280, "height": 720}),
    ],
    ids=["dark", "night", "light"],
)
async def test_every_state(
    start_hub: Callable[..., Awaitable[Hub]],
    seeded_dsn: str,
    visitors: Visitors,
    sql: Any,
    axe: str,
    query: str,
    size: dict[str, int],
) -> None:
    zone = morning()
    hub = await start_hub(seeded_dsn, timezone=zone, ping_every=1, pong_timeout=1)
    visit = await visitors(viewport=size)
    page = visit.page
    found: dict[str, list[str]] = {}

    async def judge(state: str) -> None:
        if wrong := await violations(page, axe):
            found[state] = wrong

    await page.goto(f"{hub.url}/kiosk{query}")
    await code(visit)
    await judge("pairing")
    await sql.execute("DELETE FROM bookings")
    async with wire(hub.url) as line:
        kiosk = await hang(hub, visit, query, line.url)
        await expect(page.locator("#empty")).to_be_visible(timeout=PATIENCE)
        await judge("empty")
        await day(sql, 30, zone, every=40)
        risk, move, off = await ahead(sql, (0, 2, 1))
        for key, said in ((risk, "AT_RISK"), (move, "RESCHEDULING"), (off, "CANCELLED")):
            await status(sql, key, said)
        await expect(kiosk.flight(off)).to_have_attribute(
            "data-status", "CANCELLED", timeout=PATIENCE
        )
        await judge("busy")
        await kiosk.order("identify")
        await expect(page.locator("#identify")).to_be_visible(timeout=PATIENCE)
        await judge("identify")
        visit.hub_is_away = True
        line.stall()
        await expect(page.locator("#banner")).to_be_visible(timeout=PATIENCE)
        await expect(page.locator("#identify")).to_be_hidden(timeout=PATIENCE)
        await judge("stale")
    assert found == {}
