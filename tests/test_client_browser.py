"""``hub.js`` in a real Chromium against a real hub, over a wire that is cut, stalled and deaf.

The page's story of what it was told is held against the database's: nothing lost, nothing twice,
in order, and never half of a transaction.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Browser, BrowserContext, Page
from running import Hub
from wire import Wire, wire

ADMIN = "admin@example.com"
PATIENCE = 30_000  # ms: a noisy machine is no failure

#: The page: a client, one watch of all bookings, and its story, checked as it is told.
_PAGE = """async (options) => {
  const { HubClient } = await import("/client/hub.js");
  window.faults = [];
  window.addEventListener("error", (event) => faults.push(String(event.message)));
  window.hub = new HubClient({ getToken: (why) => window.token(why), ...options });
  window.flights = hub.watch("bookings", { aircraft_id: "N1WIRE" });
  window.story = [];    // [tx, key, version]
  window.resets = 0;
  const told = new Map();  // key -> the last version told
  flights.onchange = ({ reset, transactions }) => {
    if (reset) {
      resets += 1;
      for (const [key, row] of flights.rows) told.set(key, row.duration_minutes);
    }
    for (const { tx, items } of transactions) for (const { key, row } of items) {
      const version = row?.duration_minutes;
      if (version <= (told.get(key) ?? 0)) faults.push(`${key} ${version} after ${told.get(key)} in ${tx}`);
      told.set(key, version);
      story.push([tx, key, version]);
    }
    // Every transaction changes all flights alike: to see two versions is to see half of one.
    const versions = new Set([...flights.rows.values()].map((row) => row.duration_minutes));
    if (versions.size > 1) faults.push(`half a transaction: ${[...versions]}`);
  };
  hub.connect();
}"""


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context()
    context.set_default_timeout(PATIENCE)
    yield context
    await context.close()


@pytest.fixture
async def hub(start_hub: Callable[..., Awaitable[Hub]], seeded_dsn: str) -> Hub:
    return await start_hub(seeded_dsn, ping_every=1, pong_timeout=4)


@pytest.fixture
async def net(hub: Hub) -> AsyncIterator[Wire]:
    async with wire(hub.url) as made:
        yield made


class Writer:
    """Another program: each transaction changes all flights of N1WIRE to the next version."""

    def __init__(self, conn: Any) -> None:
        self._conn = conn
        self.version = 1

    async def book(self, flights: int = 5) -> None:
        await self._conn.execute(
            """INSERT INTO bookings (student_id, instructor_id, aircraft_id, departure_airport,
                 arrival_airport, departure_latitude, departure_longitude, arrival_latitude,
                 arrival_longitude, scheduled_datetime, training_level, duration_minutes)
               SELECT s.id, i.id, 'N1WIRE', 'KPAO', 'KSQL', 37.4, -122.1, 37.5, -122.2,
                      now() + interval '100 days' + day * interval '1 day', 'STUDENT_PILOT', 1
                 FROM generate_series(1, $1) AS day,
                      (SELECT id FROM users WHERE role = 'STUDENT' ORDER BY id LIMIT 1) AS s,
                      (SELECT id FROM users WHERE role = 'INSTRUCTOR' ORDER BY id LIMIT 1) AS i""",
            flights,
        )

    async def write(self) -> str:
        """One transaction; its id."""
        self.version += 1
        return str(
            await self._conn.fetchval(
                """WITH done AS (UPDATE bookings SET duration_minutes = $1
                                  WHERE aircraft_id = 'N1WIRE' RETURNING 1)
                   SELECT pg_current_xact_id()::text FROM done LIMIT 1""",
                self.version,
            )
        )

    async def keep_writing(
        self, seconds: float, most: float = 0.08, *, until: Callable[[], bool] = lambda: True
    ) -> None:
        """Write for so long at least, and on until something is so."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end or not until():
            await self.write()
            await asyncio.sleep(random.uniform(0, most))


@pytest.fixture
async def writer(hub: Hub) -> AsyncIterator[Writer]:
    conn = await asyncpg.connect(hub.dsn)
    writer = Writer(conn)
    await writer.book()
    yield writer
    await conn.close()


class Tab:
    """A page with a client in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.ttl = 3600.0
        self.email = ADMIN

    async def ask(self, what: str, given: Any = None) -> Any:
        return await self.page.evaluate(what, given)

    async def until(self, what: str) -> None:
        await self.page.wait_for_function(what, timeout=PATIENCE, polling=20)

    async def online(self) -> None:
        await self.until("hub.state === 'online' && flights.status === 'live'")

    async def sees(self, version: int) -> None:
        """The database's last word, and no fault on the way to it."""
        everywhere = "[...flights.rows.values()].every((row) => row.duration_minutes === %d)"
        await self.until(everywhere % version)
        assert await self.ask("faults") == []
        assert await self.ask("flights.rows.size") == 5


Open = Callable[..., Awaitable[Tab]]


@pytest.fixture
async def open_tab(context: BrowserContext, hub: Hub, net: Wire) -> Open:
    """Open a tab with a client that is live: ``await open_tab(transport="sse")``."""

    async def open_tab(
        *,
        at: BrowserContext | None = None,
        online: bool = True,
        ttl: float = 3600.0,
        **options: Any,
    ) -> Tab:
        tab = Tab(await (at or context).new_page())
        tab.ttl = ttl

        async def token(why: str) -> str:
            tab.asked.append(why)
            return await hub.token_of(tab.email, tab.ttl)

        await tab.page.expose_function("token", token)
        await tab.page.goto(f"{net.url}/client/package.json")
        await tab.page.evaluate(_PAGE, options)
        if online:
            await tab.online()
        return tab

    return open_tab


async def test_whatever_happens_to_the_wire_nothing_is_lost_or_told_twice(
    open_tab: Open, net: Wire, writer: Writer
) -> None:
    tab = await open_tab()
    # A client that is cut off again and again waits longer and longer: so long as the machine needs.
    writing = asyncio.create_task(writer.keep_writing(7, until=lambda: net.upgrades > 3))
    dice = random.Random(7)
    while not writing.done():
        await asyncio.sleep(dice.uniform(0.1, 0.6))
        match dice.randrange(5):
            case 0:
                net.cut()
            case 1:
                net.cut_after(dice.randrange(1, 3000))
            case 2:
                net.stall()
                await asyncio.sleep(dice.uniform(0.1, 0.8))
                net.mend()
            case 3:
                net.stall()
                await asyncio.sleep(0.2)
                net.cut()
                net.mend()
            case 4:
                net.delay = dice.choice([0.0, 0.02, 0.2])
    await writing
    net.delay, net.left = 0.0, None
    await tab.sees(writer.version)
    # It asked for what it missed, never for everything.
    assert await tab.ask("resets") == 1
    assert len(await tab.ask("story")) >= 15


async def test_one_by_one_when_nothing_happens(open_tab: Open, writer: Writer) -> None:
    tab = await open_tab()
    written = [await writer.write() for _ in range(40)]
    await tab.sees(writer.version)
    told = await tab.ask("story")
    assert [tx for tx, _, _ in told[::5]] == written


async def test_a_dead_wire_is_noticed_by_silence(open_tab: Open, net: Wire, writer: Writer) -> None:
    tab = await open_tab()
    net.stall()
    await writer.write()
    await tab.until("flights.status === 'stale'")  # past fresh_until, though the socket is open
    await tab.until("hub.state !== 'online'")
    await writer.write()
    net.cut()
    net.mend()
    await tab.ask("dispatchEvent(new Event('online'))")
    await tab.online()
    await tab.sees(writer.version)
    assert await tab.ask("resets") == 1


async def test_a_restarted_hub_is_resumed(open_tab: Open, hub: Hub, writer: Writer) -> None:
    tab = await open_tab()
    await writer.write()
    await hub.stop()
    await tab.until("hub.state === 'waiting'")
    await writer.write()
    await hub.start()
    await writer.write()
    await tab.sees(writer.version)
    assert await tab.ask("[resets, flights.status]") == [1, "live"]


async def test_a_token_that_expires_in_a_stall_is_replaced(
    open_tab: Open, net: Wire, writer: Writer
) -> None:
    tab = await open_tab(ttl=6.0)  # warned at once: less than a minute is left
    async with asyncio.timeout(PATIENCE / 1000):
        while "expiring" not in tab.asked:
            await asyncio.sleep(0.02)
    net.stall()
    await asyncio.sleep(7)
    tab.ttl = 3600.0
    net.mend()
    await writer.write()
    await tab.until("hub.state === 'online' || hub.state === 'stopped'")
    await tab.sees(writer.version)
    assert await tab.ask("hub.stopped") is None


async def test_two_tabs_have_one_socket_and_the_second_takes_over(
    open_tab: Open, net: Wire, writer: Writer
) -> None:
    leader, follower = await open_tab(), await open_tab()
    assert net.upgrades == 1
    assert [await tab.ask("hub.via") for tab in (leader, follower)] == ["websocket", "tab"]
    await writer.write()
    await leader.sees(writer.version)
    await follower.sees(writer.version)
    writing = asyncio.create_task(writer.keep_writing(3))
    await asyncio.sleep(1)
    await leader.page.close()
    await follower.until("hub.via === 'websocket'")
    third = await open_tab()
    await writing
    for tab in (follower, third):
        await tab.sees(writer.version)
    assert await follower.ask("resets") == 1
    assert net.upgrades == 2


async def test_a_leader_that_crashes_is_succeeded(open_tab: Open, writer: Writer) -> None:
    leader = await open_tab()
    follower = await open_tab()
    crash = await leader.page.context.new_cdp_session(leader.page)
    crashed = asyncio.create_task(crash.send("Page.crash"))
    await follower.until("hub.via === 'websocket' && hub.state === 'online'")
    await writer.write()
    await follower.sees(writer.version)
    assert await follower.ask("resets") == 1
    crashed.cancel()
    await asyncio.gather(crashed, return_exceptions=True)


async def test_two_tabs_on_a_wire_that_is_cut(open_tab: Open, net: Wire, writer: Writer) -> None:
    tabs = [await open_tab(), await open_tab()]
    writing = asyncio.create_task(writer.keep_writing(4))
    while not writing.done():
        await asyncio.sleep(0.7)
        net.cut_after(random.randrange(1, 2000))
    await writing
    net.left = None
    for tab in tabs:
        await tab.sees(writer.version)
        assert await tab.ask("resets") == 1


async def test_who_signs_out_does_so_in_every_tab(open_tab: Open) -> None:
    first, second = await open_tab(), await open_tab()
    await second.ask("hub.signOut()")
    await first.until("hub.state === 'stopped'")
    for tab in (first, second):
        assert await tab.ask("[flights.rows.size, hub.principal]") == [0, None]
    assert await first.ask("hub.stopped.code") == 4001


async def test_a_page_in_the_cache_lets_go_and_comes_back(open_tab: Open, writer: Writer) -> None:
    tab, other = await open_tab(), await open_tab()
    await tab.ask("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    await other.until("hub.via === 'websocket' && hub.state === 'online'")
    await writer.write()
    await other.sees(writer.version)
    await tab.ask("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    await tab.sees(writer.version)
    assert await tab.ask("[hub.via, resets]") == ["tab", 1]


async def test_back_and_forward_in_the_browser(open_tab: Open, net: Wire, writer: Writer) -> None:
    tab = await open_tab()
    await tab.page.goto(f"{net.url}/client/hub.d.ts")
    await writer.write()
    await tab.page.go_back()
    # Whether the browser kept the page or loads it anew is its own affair; kept, it must be live.
    if await tab.ask("typeof hub") != "undefined":
        await tab.sees(writer.version)


async def test_ones_own_writes_are_seen(open_tab: Open, writer: Writer) -> None:
    tab = await open_tab()
    await tab.ask("window.notes = hub.watch('notifications'); notes.ready")
    for _ in range(5):
        tx = await writer.write()
        shown = await tab.ask(
            f"hub.seen('{tx}', {{timeout: 10000}})"
            ".then(() => [...flights.rows.values()].map((row) => row.duration_minutes))"
        )
        assert shown == [writer.version] * 5


async def test_where_upgrades_are_refused_it_streams(
    open_tab: Open, net: Wire, writer: Writer
) -> None:
    net.refuses_upgrades = True
    tab = await open_tab()
    assert await tab.ask("hub.via") == "sse"
    assert net.upgrades == 2
    await tab.ask("window.notes = hub.watch('notifications'); notes.ready")
    writing = asyncio.create_task(writer.keep_writing(3))
    while not writing.done():
        await asyncio.sleep(0.6)
        net.cut_after(random.randrange(1, 2000))
    await writing
    net.left = None
    await tab.sees(writer.version)
    await tab.until("hub.via === 'sse' && notes.status === 'live'")
    assert await tab.ask("resets") == 1


async def test_tabs_share_a_stream(open_tab: Open, net: Wire, writer: Writer) -> None:
    tabs = [await open_tab(transport="sse"), await open_tab(transport="sse")]
    assert [await tab.ask("hub.via") for tab in tabs] == ["sse", "tab"]
    await writer.write()
    for tab in tabs:
        await tab.sees(writer.version)
    await tabs[0].page.close()
    await writer.write()
    await tabs[1].sees(writer.version)
    assert net.upgrades == 0


async def test_a_rest_read_is_its_beginning(open_tab: Open, hub: Hub, writer: Writer) -> None:
    tab = await open_tab()
    await tab.ask(
        """async () => {
          const headers = { Authorization: `Bearer ${await token("rest")}` };
          const answer = await fetch("/api/v1/bookings?aircraft_id=N1WIRE&limit=100", { headers });
          const { items } = await answer.json();
          window.read = [answer.headers.get("Hub-Cursor"), items];
        }"""
    )
    tx = await writer.write()
    assert await tab.ask(
        """async (tx) => {
          const [cursor, rows] = read;
          const filter = { aircraft_id: "N1WIRE", status: ["CONFIRMED"] };
          const watch = hub.watch("bookings", filter, { cursor, rows });
          const before = watch.rows.size;
          let resets = 0;
          watch.onchange = ({ reset }) => (resets += reset);
          await watch.ready;
          await hub.seen(tx);
          return [before, resets, [...watch.rows.values()].map((row) => row.duration_minutes)];
        }""",
        tx,
    ) == [5, 0, [writer.version] * 5]
