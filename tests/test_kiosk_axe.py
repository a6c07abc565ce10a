"""Every state of the kiosk, judged by axe-core: no violation of WCAG 2.2 AA; and no scroll to the side.

And who asked for no motion sees none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from axe import violations
from kiosking import UPRIGHT, WALL, ahead, code, day, hang, morning
from playwright.async_api import Route, WebSocketRoute, expect
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


@pytest.mark.parametrize(
    ("query", "size"),
    [("?night=off", WALL), ("?night=off&theme=light", UPRIGHT)],
    ids=["dark", "light"],
)
async def test_every_state_without_a_hub(
    start_hub: Callable[..., Awaitable[Hub]],
    seeded_dsn: str,
    visitors: Visitors,
    axe: str,
    query: str,
    size: dict[str, int],
) -> None:
    hub = await start_hub(seeded_dsn, ping_every=1, pong_timeout=1)
    visit = await visitors(viewport=size)
    page = visit.page
    # With none in between, what is played here is what the page hears.
    await page.add_init_script(
        "Object.defineProperty(navigator, 'serviceWorker', { value: undefined })"
    )
    found: dict[str, list[str]] = {}
    lines: list[WebSocketRoute] = []

    async def judge(state: str) -> None:
        if wrong := await violations(page, axe):
            found[state] = wrong

    async def away(route: Route) -> None:
        await route.abort("connectionrefused")

    def carry(line: WebSocketRoute) -> None:
        lines.append(line)
        line.connect_to_server()

    visit.hub_is_away = True
    await page.route("**/api/v1/**", away)
    await page.goto(f"{hub.url}/kiosk{query}")
    await expect(page.locator("#offline-title")).to_be_visible(timeout=PATIENCE)
    await judge("pairing, offline")

    # Stopped for good as the hub's word has it, while its other door knows the screen.
    await page.unroute("**/api/v1/**")
    await page.route_web_socket("**/api/v1/ws", carry)
    kiosk = await hang(hub, visit, query)
    await lines[-1].close(code=4003, reason="no longer allowed")
    await kiosk.says("Reconnecting")
    await judge("stopped")
    await expect(page.locator("#banner")).to_be_visible(timeout=PATIENCE)
    await judge("stopped, and stale")

    await page.route("**/api/v1/**", away)
    await page.route_web_socket("**/api/v1/ws", lambda line: line.close(code=1013))
    await page.evaluate("localStorage.removeItem('hub.kiosk.board'), location.reload()")
    await expect(page.locator("#wait-title")).to_have_text("Nothing is known yet", timeout=PATIENCE)
    await judge("nothing known yet")
    assert found == {}


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
async def test_who_asked_for_no_motion_sees_none(
    start_hub: Callable[..., Awaitable[Hub]],
    seeded_dsn: str,
    visitors: Visitors,
    sql: Any,
    motion: str,
) -> None:
    zone = morning()
    hub = await start_hub(seeded_dsn, timezone=zone)
    await day(sql, 60, zone, every=24)
    visit = await visitors(viewport=WALL, reduced_motion=motion)
    page = visit.page
    kiosk = await hang(hub, visit, "?page=2")
    [key] = await ahead(sql, (0,))
    await page.evaluate(
        """() => {
          globalThis.moved = new Set();
          const look = () => {
            for (const { effect } of document.getAnimations()) {
              moved.add(effect.target.id || effect.target.dataset.kind || effect.target.localName);
            }
            requestAnimationFrame(look);
          };
          look();
        }"""
    )
    await status(sql, key, "AT_RISK")
    await expect(kiosk.flight(key)).to_have_attribute("data-status", "AT_RISK", timeout=PATIENCE)
    here = page.locator("#dots [data-here]")
    first = await here.evaluate("(dot) => [...dot.parentNode.children].indexOf(dot)")
    await expect(page.locator("#dots span").nth(first)).not_to_have_attribute(
        "data-here", "true", timeout=PATIENCE
    )
    await kiosk.order("identify")
    await expect(page.locator("#identify")).to_be_visible(timeout=PATIENCE)
    await page.wait_for_timeout(300)
    moved = await page.evaluate("[...moved].sort()")
    assert moved == ([] if motion == "reduce" else ["flight", "identify"])
