"""A kiosk, in a real Chromium against a real hub: from the code on the wall to the board, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from kiosking import DEVICES, UPRIGHT, WALL, ahead, approve, ask, code, day, hang, morning
from playwright.async_api import expect
from running import Hub
from visiting import PATIENCE, STUDENT, Visit, Visitors, book, person, status
from wire import wire

Start = Callable[..., Awaitable[Hub]]


async def test_from_a_code_to_a_live_board_that_names_nobody_in_full(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await sql.execute("DELETE FROM bookings")
    key = await book(sql, STUDENT, at="now()")
    await visit.page.goto(f"{hub.url}/kiosk")
    shown = await code(visit)
    assert len(shown) == 9
    letters = await visit.page.locator("#code span").all_text_contents()
    assert "".join(letters) == shown.replace("-", "")
    await expect(visit.page.locator("#pair-where")).to_have_text(
        hub.url.removeprefix("http://") + "/#devices"
    )
    await expect(visit.page.locator("#pair-left")).to_contain_text("A new code appears in")
    kiosk = await approve(hub, visit, "Hangar 2")
    await kiosk.says("Live")
    await expect(kiosk.flight(key)).to_contain_text("Jonah B.")
    await expect(visit.page.locator("#name")).to_have_text("Hangar 2")

    # Its first picture is one read, whose cursor starts the stream: no row comes over the socket.
    reads = [url for method, url in visit.asked if method == "GET" and "/api/v1/" in url]
    assert [url.partition("?")[0] for url in reads] == [f"{hub.url}/api/v1/board"]
    assert not any('"rows"' in frame and key in frame for frame in visit.frames)

    await status(sql, key, "AT_RISK")
    await expect(kiosk.flight(key)).to_have_attribute("data-status", "AT_RISK", timeout=PATIENCE)
    await expect(kiosk.flight(key).locator(".wx")).to_have_text("WX")
    await expect(kiosk.flight(key).locator(".word")).to_have_text("At risk")

    # What hangs where visitors pass: no surname, no address, no id of a person, and no credential.
    seen = await visit.page.content() + "".join(visit.frames)
    token = await visit.page.evaluate("JSON.parse(localStorage['hub.kiosk.token'])")
    for secret in (
        "Bright",
        "Herrera",
        "@example.com",
        await person(sql, STUDENT),
        token,
    ):
        assert secret not in seen
    assert not any(token in url for url in visit.addresses)


async def test_an_admin_renames_identifies_reloads_and_revokes_it_from_afar(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    kiosk = await hang(hub, visit, name="Lobby")
    page = visit.page
    path = f"{DEVICES}/{kiosk.id}"
    tag = (await ask(hub, kiosk.admin, "GET", path))["etag"]
    await ask(hub, kiosk.admin, "PATCH", path, {"name": "Hangar 7"}, **{"If-Match": tag})
    await expect(page.locator("#name")).to_have_text("Hangar 7", timeout=PATIENCE)

    await page.evaluate("document.body.dataset.same = 'yes'")
    await kiosk.order("identify")
    await expect(page.locator("#identify-name")).to_have_text("Hangar 7", timeout=PATIENCE)
    await expect(page.locator("#identify")).to_be_visible()

    await kiosk.order("reload")
    await expect(page.locator("body")).not_to_have_attribute("data-same", "yes", timeout=PATIENCE)
    await kiosk.says("Live")
    # What was obeyed is not obeyed again by the page that comes after.
    await page.evaluate("document.body.dataset.same = 'yes'")
    await expect(page.locator("#name")).to_have_text("Hangar 7", timeout=PATIENCE)
    await expect(page.locator("#identify")).to_be_hidden()
    await kiosk.order("identify")
    await expect(page.locator("#identify")).to_be_visible(timeout=PATIENCE)
    await expect(page.locator("body")).to_have_attribute("data-same", "yes")

    visit.refusals.add(401)
    await ask(hub, kiosk.admin, "DELETE", path)
    await expect(page.locator("body")).to_have_attribute("data-stage", "pairing", timeout=PATIENCE)
    await code(visit)
    held = await page.evaluate("Object.keys(localStorage).sort()")
    assert not {"hub.kiosk.token", "hub.kiosk.board", "hub.kiosk.obeyed"} & set(held)
    await expect(page.locator("#rows [data-key]")).to_have_count(0)
    again = await approve(hub, visit, "Lobby again")
    await again.says("Live")
    await expect(page.locator("#name")).to_have_text("Lobby again", timeout=PATIENCE)


async def test_it_hangs_at_one_airport(hub: Hub, visit: Visit, sql: Any) -> None:
    await sql.execute("DELETE FROM bookings")
    here = await book(sql, at="now()", tail="N1HERE")
    gone = await book(sql, STUDENT, "maya.lindqvist@example.com", at="now()", tail="N2GONE")
    await sql.execute(
        "UPDATE bookings SET departure_airport = 'KHYI', arrival_airport = 'KAUS' WHERE id = $1::text::uuid",
        gone,
    )
    kiosk = await hang(hub, visit, airport="KPAO")
    await expect(kiosk.flight(here)).to_be_visible()
    await expect(kiosk.flight(gone)).to_have_count(0)
    await expect(visit.page.locator("#name")).to_have_text("Hangar 2 · KPAO", timeout=PATIENCE)


async def test_at_midnight_tomorrow_is_today(hub: Hub, visit: Visit, sql: Any) -> None:
    async with asyncio.timeout(15):
        while (today := await sql.fetchval("SELECT max(day) FROM days")) is None:
            await asyncio.sleep(0.02)
    await sql.execute("DELETE FROM bookings")
    noon = "date_trunc('day', now(), 'UTC') + interval '12 hours'"
    old = await book(sql, at=noon, tail="N1TODAY")
    new = await book(sql, at=f"{noon} + interval '1 day'", tail="N2TOMOR")
    kiosk = await hang(hub, visit)
    await expect(kiosk.flight(old)).to_be_visible()
    await expect(kiosk.flight(new)).to_have_count(0)
    await sql.execute("INSERT INTO days (day) VALUES ($1::date + 1) ON CONFLICT DO NOTHING", today)
    await expect(kiosk.flight(new)).to_be_visible(timeout=PATIENCE)
    await expect(kiosk.flight(old)).to_have_count(0)
    # The clock on the wall is not there yet: a row of another day says which.
    weekday = await sql.fetchval("SELECT to_char($1::date + 1, 'Dy')", today)
    await expect(kiosk.flight(new).locator(".day")).to_have_text(weekday)


async def test_the_clocks_are_the_schools_and_the_servers(
    start_hub: Start, seeded_dsn: str, visitors: Visitors, sql: Any
) -> None:
    hub = await start_hub(seeded_dsn, timezone="Asia/Kolkata")
    visit = await visitors(timezone_id="America/New_York")
    # This machine's own clock is three hours slow.
    await visit.page.add_init_script(
        "{ const now = Date.now; Date.now = () => now() - 3 * 3600e3 }"
    )
    page = visit.page
    told = "to_char(clock_timestamp() AT TIME ZONE $1, 'HH24:MI')"

    async def right() -> None:
        for zone, at in (("Asia/Kolkata", "#local-hm"), ("UTC", "#zulu-hm")):
            async with asyncio.timeout(PATIENCE / 1000):
                while await page.locator(at).text_content() != await sql.fetchval(
                    f"SELECT {told}", zone
                ):
                    await asyncio.sleep(0.2)

    # Nobody's yet: by what the hub answered to the pairing.
    await page.goto(f"{hub.url}/kiosk")
    await code(visit)
    await right()
    await hang(hub, visit)
    await right()
    assert await page.locator("#local-label").text_content() == "GMT+5:30"
    ticked = await page.locator("#local-s").text_content()
    await expect(page.locator("#local-s")).not_to_have_text(ticked or "", timeout=PATIENCE)


async def test_a_long_list_is_paged_and_who_must_act_is_on_every_page(
    start_hub: Start, seeded_dsn: str, visitors: Visitors, sql: Any
) -> None:
    zone = morning()
    hub = await start_hub(seeded_dsn, timezone=zone)
    await day(sql, 60, zone, every=24)
    risk, move, off = await ahead(sql, (3, 9, 11))
    await status(sql, risk, "AT_RISK")
    await status(sql, move, "RESCHEDULING")
    await status(sql, off, "CANCELLED")
    visit = await visitors(viewport=WALL)
    kiosk = await hang(hub, visit, "?page=2")
    page = visit.page
    await expect(page.locator("#dots")).to_be_visible(timeout=PATIENCE)
    shown: list[str] = []
    pages = await page.locator("#dots span").count()
    async with asyncio.timeout(pages * 2 + PATIENCE / 1000):
        for place in range(pages):
            dot = page.locator("#dots span").nth(place)
            await expect(dot).to_have_attribute("data-here", "true", timeout=PATIENCE)
            keys = await page.locator("#rows [data-key]:visible").evaluate_all(
                "(rows) => rows.map((row) => row.dataset.key)"
            )
            assert keys[:2] == [risk, move]
            shown += keys
    # Every flight that is still ahead had its turn, in order, once; those who must act, on every page.
    rest = [key for key in shown if key not in (risk, move)]
    assert len(rest) == len(set(rest))
    coming = [key for key in await ahead(sql) if key not in (risk, move)]
    assert [key for key in rest if key in coming] == coming
    # What is over follows, the latest first, under a heading.
    assert set(rest[-3:]).isdisjoint(coming)
    await expect(page.locator("[data-kind=heading]:visible")).to_contain_text("Earlier today")
    # The next departure is the first that will leave.
    first = page.locator("[data-next]")
    await expect(first).to_have_attribute("data-key", coming[0], timeout=PATIENCE)
    await expect(page.locator("#next-in")).to_contain_text("in ")
    await expect(kiosk.flight(risk)).to_be_visible()

    # Upright there are other rows, and the same flights.
    lines = await page.locator("#rows .row").count()
    await page.set_viewport_size(UPRIGHT)
    await expect(page.locator("#rows .row")).not_to_have_count(lines, timeout=PATIENCE)
    await expect(kiosk.flight(risk)).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") == UPRIGHT["width"]


async def test_a_clock_that_is_set_under_it_changes_nothing(
    start_hub: Start, seeded_dsn: str, visit: Visit, sql: Any
) -> None:
    hub = await start_hub(seeded_dsn, ping_every=1, pong_timeout=1)
    page = visit.page
    await page.add_init_script(
        "{ globalThis.set = 0; const now = Date.now; Date.now = () => now() + globalThis.set; }"
    )
    await sql.execute("DELETE FROM bookings")
    key = await book(sql, STUDENT, at="now()")
    async with wire(hub.url) as line:
        kiosk = await hang(hub, visit, url=line.url)
        # Whatever is said of the board from here on, however briefly.
        await page.evaluate(
            """() => {
              globalThis.said = [];
              const banner = document.getElementById("banner");
              const look = () => banner.hidden || said.push(banner.textContent.trim());
              new MutationObserver(look).observe(banner, { attributes: true });
            }"""
        )
        told = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'HH24:MI')"
        for step in (3, -3, -6):
            await page.evaluate("(hours) => { globalThis.set = hours * 3600e3 }", step)
            await asyncio.sleep(3.5)  # several pings, and what was vouched for before is over
            await kiosk.says("Live")
            async with asyncio.timeout(PATIENCE / 1000):
                while await page.locator("#zulu-hm").text_content() != await sql.fetchval(told):
                    await asyncio.sleep(0.2)
            assert await page.evaluate("globalThis.said") == [], step
        # And with a clock that is slow, silence is no less silence.
        await page.evaluate("globalThis.set = -12 * 3600e3")
        line.stall()
        visit.hub_is_away = True
        await expect(page.locator("#banner")).to_be_visible(timeout=PATIENCE)
        assert await page.locator("#link-word").text_content() != "Live"
        await expect(kiosk.flight(key)).to_be_visible()
        line.mend()
        await kiosk.says("Live")


async def test_a_busy_day_is_drawn_from_one_read(
    start_hub: Start, seeded_dsn: str, visit: Visit, sql: Any
) -> None:
    zone = morning()
    hub = await start_hub(seeded_dsn, timezone=zone)
    await day(sql, 120, zone, every=11)
    [key] = await ahead(sql, (0,))
    kiosk = await hang(hub, visit)
    await expect(kiosk.flight(key)).to_be_visible()
    reads = [url for _, url in visit.asked if "/api/v1/board" in url]
    assert len(reads) == 1
    assert not any('"rows"' in frame and '"tail"' in frame for frame in visit.frames)
    # And follows from there.
    await status(sql, key, "AT_RISK")
    await expect(kiosk.flight(key)).to_have_attribute("data-status", "AT_RISK", timeout=PATIENCE)


async def test_a_screen_that_is_off_keeps_no_frame_waiting(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    """While nothing is drawn, no frame comes: what is asked for again and again is asked for once."""
    key = await book(sql, STUDENT, at="now()")
    await visit.page.add_init_script(
        """globalThis.waiting = new Set();
        let last = 0;
        globalThis.requestAnimationFrame = () => (waiting.add(++last), last);
        globalThis.cancelAnimationFrame = (id) => waiting.delete(id);"""
    )
    kiosk = await hang(hub, visit)
    for said in ("AT_RISK", "RESCHEDULING", "CONFIRMED", "AT_RISK"):
        await status(sql, key, said)
        await expect(kiosk.flight(key)).to_have_attribute("data-status", said, timeout=PATIENCE)
    assert await visit.page.evaluate("waiting.size") <= 1


async def test_night_is_by_the_schools_clock(hub: Hub, visit: Visit, sql: Any) -> None:
    hour = int(await sql.fetchval("SELECT extract(hour FROM now() AT TIME ZONE 'UTC')"))
    root = visit.page.locator("html")
    night = f"{(hour + 23) % 24}-{(hour + 2) % 24}"
    kiosk = await hang(hub, visit, f"?night={night}&theme=light")
    await expect(root).to_have_attribute("data-night", "yes")
    await expect(root).to_have_attribute("data-theme", "dark")
    assert await visit.page.evaluate("getComputedStyle(document.documentElement).cursor") == "none"
    for asked, theme in (("?night=off&theme=light", "light"), ("?night=25-99", "dark")):
        await visit.page.goto(f"{hub.url}/kiosk{asked}")
        await kiosk.says("Live")
        await expect(root).to_have_attribute("data-night", "no")
        await expect(root).to_have_attribute("data-theme", theme)


async def test_each_minute_the_picture_stands_elsewhere(hub: Hub, visit: Visit) -> None:
    await visit.page.goto(f"{hub.url}/kiosk")
    await code(visit)
    places = set()
    for minute in range(60):
        await visit.page.evaluate(
            """(minute) => {
              const then = 3e6 + minute * 60_000;
              performance.now = () => then;
              document.dispatchEvent(new Event("visibilitychange"));
            }""",
            minute,
        )
        places.add(await visit.page.locator("#stage").evaluate("(stage) => stage.style.translate"))
    offsets = [[float(part.removesuffix("px")) for part in place.split()] for place in places]
    assert len(places) > 20
    assert max(abs(offset) for pair in offsets for offset in pair) == 4


async def test_moved_to_another_airport_from_afar_it_shows_that_ones_flights(
    hub: Hub, visit: Visit, sql: Any
) -> None:
    await sql.execute("DELETE FROM bookings")
    here = await book(sql, at="now()", tail="N1HERE")
    kiosk = await hang(hub, visit, airport="KAUS")
    await expect(visit.page.locator("#empty-title")).to_have_text("No departures today")
    path = f"{DEVICES}/{kiosk.id}"
    tag = (await ask(hub, kiosk.admin, "GET", path))["etag"]
    await ask(hub, kiosk.admin, "PATCH", path, {"airport": "KPAO"}, **{"If-Match": tag})
    await expect(kiosk.flight(here)).to_be_visible(timeout=PATIENCE)
    await expect(visit.page.locator("#name")).to_have_text("Hangar 2 · KPAO", timeout=PATIENCE)
    await kiosk.says("Live")


async def test_it_stays_awake_and_takes_the_lock_again(hub: Hub, visit: Visit) -> None:
    await visit.page.add_init_script(
        """globalThis.locks = [];
        const request = async () => {
          const lock = Object.assign(new EventTarget(), { released: false });
          locks.push(lock);
          return lock;
        };
        Object.defineProperty(navigator, "wakeLock", { value: { request } });"""
    )
    await visit.page.goto(f"{hub.url}/kiosk")
    await code(visit)
    assert await visit.page.evaluate("locks.length") == 1
    # The system takes it away; the page is seen again.
    await visit.page.evaluate(
        "locks[0].released = true, locks[0].dispatchEvent(new Event('release'))"
    )
    async with asyncio.timeout(PATIENCE / 1000):
        while await visit.page.evaluate("locks.length") < 2:
            await asyncio.sleep(0.1)
    await visit.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert await visit.page.evaluate("locks.length") == 2
