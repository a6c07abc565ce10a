"""A kiosk for months: honest while the hub is away, kept over reloads, never larger than on its first day."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from kiosking import WALL, Kiosk, ahead, code, day, hang, morning
from playwright.async_api import expect
from running import Hub
from visiting import PATIENCE, STUDENT, Visit, Visitors, book, status
from wire import wire

from hub.web import pages
from hub.web.pages import STATIC, Shelf
from hub.web.preload import modules

Start = Callable[..., Awaitable[Hub]]

#: Changes that are made at once; before the first measure; and bytes that one may leave behind.
BURST = 10
WARM = 2000
LEFT = 48
_BURST = """DO $$ DECLARE key text; BEGIN
    FOREACH key IN ARRAY ARRAY{keys} LOOP
      UPDATE bookings SET status = '{said}' WHERE id = key::uuid;
      COMMIT;
    END LOOP; END $$"""


async def kept(kiosk: Kiosk) -> None:
    """Wait until the browser keeps the page, and the board is remembered."""
    await kiosk.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    async with asyncio.timeout(PATIENCE / 1000):
        while not await kiosk.page.evaluate(
            "caches.match('/kiosk').then((page) => !!page && 'hub.kiosk.board' in localStorage)"
        ):
            await asyncio.sleep(0.1)


async def test_past_fresh_until_it_says_since_when_and_keeps_what_it_knows(
    start_hub: Start, seeded_dsn: str, visit: Visit, sql: Any
) -> None:
    hub = await start_hub(seeded_dsn, ping_every=1, pong_timeout=1)
    key = await book(sql, STUDENT, at="now()")
    async with wire(hub.url) as line:
        kiosk = await hang(hub, visit, url=line.url)
        await expect(kiosk.flight(key)).to_be_visible()
        banner = visit.page.locator("#banner-title")
        await expect(banner).to_be_hidden()
        line.stall()  # nothing more is heard, and nothing is closed
        visit.hub_is_away = True
        await expect(banner).to_be_visible(timeout=PATIENCE)
        since = await banner.text_content() or ""
        now = await sql.fetchval("SELECT now() AT TIME ZONE 'UTC'")
        before = now.timestamp() - 60
        told = {f"{type(now).fromtimestamp(at):%H:%M}" for at in (before, now.timestamp())}
        assert since.removeprefix("Stale since ") in told
        await kiosk.says("Not live")
        await expect(kiosk.flight(key)).to_be_visible()
        grey = await visit.page.locator("#rows").evaluate("(rows) => getComputedStyle(rows).filter")
        assert "grayscale(1)" in grey
        await status(sql, key, "RESCHEDULING")
        line.mend()
        await kiosk.says("Live")
        await expect(banner).to_be_hidden()
        await expect(kiosk.flight(key)).to_have_attribute("data-status", "RESCHEDULING")


async def test_the_last_known_board_survives_a_reload_while_the_hub_is_away(
    start_hub: Start, seeded_dsn: str, visit: Visit, sql: Any
) -> None:
    hub = await start_hub(seeded_dsn, ping_every=1, pong_timeout=1)
    key = await book(sql, STUDENT, at="now()")
    kiosk = await hang(hub, visit)
    await expect(kiosk.flight(key)).to_be_visible()
    await kept(kiosk)
    visit.hub_is_away = True
    await hub.stop()
    await visit.page.reload()
    await expect(kiosk.flight(key)).to_be_visible(timeout=PATIENCE)
    await expect(visit.page.locator("#banner-title")).to_contain_text(
        "Stale since", timeout=PATIENCE
    )
    await expect(visit.page.locator("#name")).to_have_text("Hangar 2")
    assert await visit.page.locator("#link-word").text_content() != "Live"
    await hub.start()
    await kiosk.says("Live")
    await expect(visit.page.locator("#banner-title")).to_be_hidden()
    visit.hub_is_away = False
    await status(sql, key, "AT_RISK")
    await expect(kiosk.flight(key)).to_have_attribute("data-status", "AT_RISK", timeout=PATIENCE)


async def test_what_is_recalled_is_marked_though_the_machines_clock_came_back_early(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    key = await book(sql, STUDENT, at="now()")
    kiosk = await hang(hub, visit)
    await expect(kiosk.flight(key)).to_be_visible()
    await kept(kiosk)
    visit.hub_is_away = True
    await hub.stop()
    # After the power cut this machine believes that it is last month.
    await visit.page.add_init_script(
        "{ const now = Date.now; Date.now = () => now() - 30 * 86400e3 }"
    )
    await visit.page.reload()
    await expect(kiosk.flight(key)).to_be_visible(timeout=PATIENCE)
    await expect(visit.page.locator("#banner-title")).to_contain_text("Stale since")
    await kiosk.says("Not live")


async def test_switched_on_without_a_hub_it_says_so_and_pairs_when_there_is_one(
    hub: Hub, visit: Visit
) -> None:
    await visit.page.goto(f"{hub.url}/kiosk")
    await code(visit)
    await visit.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    async with asyncio.timeout(PATIENCE / 1000):
        while not await visit.page.evaluate("caches.match('/kiosk').then((page) => !!page)"):
            await asyncio.sleep(0.1)
    visit.hub_is_away = True
    await hub.stop()
    await visit.page.reload()
    await expect(visit.page.locator("#offline-title")).to_be_visible(timeout=PATIENCE)
    await expect(visit.page.locator("#offline-again")).to_contain_text("Next try in")
    await hub.start()
    await expect(visit.page.locator("#pair-code")).to_be_visible(timeout=PATIENCE)
    await code(visit)


async def test_a_credential_that_the_hub_does_not_know_is_forgotten(hub: Hub, visit: Visit) -> None:
    await hang(hub, visit)
    visit.refusals.add(401)
    await visit.page.evaluate("localStorage.setItem('hub.kiosk.token', '\"hubd_nobodys\"')")
    await visit.page.reload()
    await expect(visit.page.locator("body")).to_have_attribute(
        "data-stage", "pairing", timeout=PATIENCE
    )


async def test_a_new_build_is_loaded_once_it_answers_and_never_in_a_loop(
    hub: Hub, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    kiosk = await hang(hub, visit)
    page = visit.page
    await kept(kiosk)
    old = await page.locator('meta[name="hub:release"]').get_attribute("content")
    real = Shelf.of

    def newer(*given: Any, **how: Any) -> Shelf:
        shelf = real(*given, **how)
        name = pages.PAGES["/kiosk"]
        html = shelf.files[name].plain.replace(shelf.release.encode(), b"0123456789ab")
        files = shelf.files | {name: pages.Asset.of(name, html)}
        return dataclasses.replace(shelf, release="0123456789ab", files=files)

    monkeypatch.setattr(Shelf, "of", newer)
    visit.hub_is_away = True
    await hub.restart()
    await kiosk.says("Live")
    # The hub was away: the page looks within seconds whether it came back as another.
    release = page.locator('meta[name="hub:release"]')
    await expect(release).to_have_attribute("content", "0123456789ab", timeout=40_000)
    await kiosk.says("Live")
    assert old != "0123456789ab"
    assert await page.evaluate(
        "caches.open('kiosk').then((cache) => cache.keys()).then((keys) =>"
        " keys.every(({ url }) => !url.includes('/static/') || url.includes('0123456789ab')))"
    )
    # And back: it looks, and since it has just loaded anew, it waits.
    monkeypatch.setattr(Shelf, "of", real)
    await page.evaluate("document.body.dataset.same = 'yes'")
    looked = sum(url.endswith("/kiosk") for _, url in visit.asked)
    await hub.restart()
    await kiosk.says("Live")
    async with asyncio.timeout(60):
        while sum(url.endswith("/kiosk") for _, url in visit.asked) == looked:
            await asyncio.sleep(0.2)
    await asyncio.sleep(1.5)
    await expect(page.locator("body")).to_have_attribute("data-same", "yes")


async def test_each_night_it_loads_anew_once(hub: Hub, visit: Visit, sql: Any) -> None:
    hour = int(await sql.fetchval("SELECT extract(hour FROM now() AT TIME ZONE 'UTC')"))
    # A page that has been here for two hours, whose minute of the hour is the first.
    await visit.page.add_init_script(
        """if (location.pathname === "/kiosk" && !localStorage.wasOld) {
          localStorage.wasOld = "yes";
          const now = performance.now.bind(performance);
          performance.now = () => now() + 7200_000;
          Math.random = () => 0;
        }"""
    )
    loads = []
    visit.page.on("load", lambda _: loads.append(1))
    kiosk = await hang(hub, visit, f"?reload={hour}")
    async with asyncio.timeout(PATIENCE / 1000):
        while len(loads) < 2:
            await asyncio.sleep(0.1)
    await kiosk.says("Live")
    await asyncio.sleep(1.5)  # it looks each second
    assert len(loads) == 2


async def test_memory_is_flat(
    start_hub: Start, seeded_dsn: str, visitors: Visitors, sql: Any
) -> None:
    """A day's changes in seconds. ``KIOSK_CHANGES`` for more of them (8 hours: about 6,000).

    What grows by the change is told from what a heap of this size does by itself: no change may leave
    more than ``LEFT`` bytes. One object kept of each would be more than that.
    """
    changes = int(os.environ.get("KIOSK_CHANGES", "3000"))
    zone = morning()
    hub = await start_hub(seeded_dsn, timezone=zone, kiosk_frames_per_second=1000)
    await day(sql, 60, zone, every=24)
    visit = await visitors(viewport=WALL, reduced_motion="no-preference")
    await hang(hub, visit, "?page=2")
    devtools = await visit.page.context.new_cdp_session(visit.page)
    keys = await ahead(sql)

    groups = len(keys) // BURST
    told = {"frames": 0, "changes": 0, "turn": groups - 1}

    async def change(count: int) -> None:
        """So many, each a transaction; the next few when the screen was told of these."""
        for _ in range(0, count, BURST):
            turn = told["turn"] = told["turn"] + 1
            said = ("CONFIRMED", "AT_RISK", "RESCHEDULING")[turn // groups % 3]
            burst = keys[turn % groups * BURST :][:BURST]
            await sql.execute(_BURST.format(said=said, keys=burst))
            await arrived(BURST)

    async def arrived(count: int) -> None:
        heard = 0
        async with asyncio.timeout(PATIENCE / 1000):
            while heard < count:
                for frame in visit.frames:
                    if '"change"' in frame:
                        told["frames"] += 1
                        heard += frame.count('"op":')
                visit.frames.clear()
                await asyncio.sleep(0.005)
        told["changes"] += heard

    async def measured() -> dict[str, int]:
        visit.frames.clear()
        await asyncio.sleep(3)  # glows end, and the board is kept
        for _ in range(4):
            await devtools.send("HeapProfiler.collectGarbage")
        counters = await devtools.send("Memory.getDOMCounters")
        heap = await devtools.send("Runtime.getHeapUsage")
        return {
            "nodes": counters["nodes"],
            "listeners": counters["jsEventListeners"],
            "heap": int(heap["usedSize"]),
        }

    await change(WARM)  # what is made once, is made, and the engine has compiled what it will
    before = await measured()
    told.update(frames=0, changes=0)
    await change(changes)
    after = await measured()
    each = (after["heap"] - before["heap"]) / changes
    print(f"{told}: {before} -> {after}, {each:.1f} bytes a change")
    assert after["nodes"] <= before["nodes"] + 50
    assert after["listeners"] <= before["listeners"] + 5
    assert told["changes"] >= changes
    assert told["frames"] >= changes / BURST
    assert each <= LEFT


def test_it_is_light() -> None:
    """All that a screen loads for its first picture, as sent: under 100 KiB."""
    shelf = Shelf.of(STATIC, development_sign_in=False)
    sources = {name: (STATIC / name).read_bytes() for name in shelf.files}
    names = {pages.PAGES["/kiosk"], "boot.js", "icon.svg", "kiosk/kiosk.css", "kiosk/worker.js"}
    names |= {"kiosk/font/barlow-500.woff2", "kiosk/font/barlow-700.woff2"}
    names |= set(modules("kiosk/kiosk.js", sources))
    weight = sum(len(shelf.files[name].packed) for name in names)
    assert weight < 100 * 1024, weight
