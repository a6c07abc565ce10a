"""The page in a real Chromium against a real hub: what a person sees when a row is committed.

Every test ends by asking that the browser complained of nothing: no error on the console, no
violation of the content security policy, no token in an address.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Browser, Page, WebSocket, async_playwright, expect
from running import Hub

from hub.web.pages import STATIC, Shelf

ADMIN = "admin@example.com"
PATIENCE = 20_000  # ms: a noisy machine is no failure

_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def _chromium() -> str | None:
    named = [os.environ.get("CHROMIUM", ""), "/usr/bin/chromium"]
    found = [path for path in named if path and Path(path).exists()]
    return next(iter(found), shutil.which("chromium") or shutil.which("google-chrome"))


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium. Only a developer's machine may lack it."""
    path = _chromium()
    if path is None and not os.environ.get("CI"):
        pytest.skip("no Chromium on this machine; name one in CHROMIUM")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        await browser.close()


class Visit:
    """A page with what its browser had to say."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.addresses: list[str] = []
        #: Text frames from the hub, oldest first.
        self.frames: list[str] = []
        #: While the hub is away the browser reports each failed attempt: that is not the page's fault.
        self.hub_is_away = False
        page.on("console", lambda said: self._complaint(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.addresses.append(request.url))
        page.on("websocket", self._socket)

    def _complaint(self, type: str, text: str) -> None:
        refused = "ERR_CONNECTION_REFUSED" in text or "WebSocket connection to" in text
        if type in ("error", "warning") and not (self.hub_is_away and refused):
            self.complaints.append(f"{type}: {text}")

    def _socket(self, socket: WebSocket) -> None:
        self.addresses.append(socket.url)
        socket.on("framereceived", lambda frame: self.frames.append(str(frame)))

    async def sign_in(self, url: str, email: str = ADMIN) -> None:
        await self.page.goto(url)
        await self.page.locator(f'[data-email="{email}"]').click()
        await self.says("Live")

    async def says(self, words: str) -> None:
        """Wait until the connection's state is told so."""
        await expect(self.page.locator("#link")).to_contain_text(words, timeout=PATIENCE)

    async def hears(self, words: str) -> None:
        """Wait for a frame of the hub's."""
        async with asyncio.timeout(PATIENCE / 1000):
            while not any(words in frame for frame in self.frames):
                await asyncio.sleep(0.05)

    def flight(self, key: str) -> Any:
        return self.page.locator(f'#day [data-key="{key}"]')

    async def shows(self, key: str, status: str) -> None:
        button = self.flight(key).locator("button")
        await expect(button).to_have_attribute("data-status", status, timeout=PATIENCE)


@pytest.fixture
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    """A tab in UTC, so that its day is the database's; checked for complaints afterwards."""
    context = await browser.new_context(
        timezone_id="UTC", viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
    )
    page = await context.new_page()
    await page.add_init_script(
        "addEventListener('securitypolicyviolation',"
        " (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"
    )
    visit = Visit(page)
    yield visit
    kept = await page.evaluate("sessionStorage.getItem('hub.session') ?? ''")
    await context.close()
    assert visit.complaints == []
    for part in kept.split('"'):
        if part.count(".") == 2 and len(part) > 100:
            assert not any(part in address for address in visit.addresses), "a token in an address"


@pytest.fixture
async def sql(hub: Hub) -> AsyncIterator[Any]:
    """Another program with a connection to the schedule."""
    conn = await asyncpg.connect(hub.dsn)
    yield conn
    await conn.close()


@pytest.fixture
async def book(sql: Any) -> Callable[[], Awaitable[str]]:
    """Book a flight that leaves now, of people and an aircraft that nobody else has."""

    async def person(name: str, role: str) -> str:
        return str(
            await sql.fetchval(
                """INSERT INTO users (cognito_user_id, email, first_name, last_name, role)
                   VALUES ($1::text, $1::text || '@example.com', $1::text, 'Page', $2) RETURNING id::text""",
                name,
                role,
            )
        )

    async def book() -> str:
        return str(
            await sql.fetchval(
                """INSERT INTO bookings (student_id, instructor_id, aircraft_id, departure_airport,
                     arrival_airport, departure_latitude, departure_longitude, arrival_latitude,
                     arrival_longitude, scheduled_datetime, training_level)
                   VALUES ($1::text::uuid, $2::text::uuid, 'N1PAGE', 'KPAO', 'KSQL', 37.4, -122.1,
                     37.5, -122.2, now(), 'STUDENT_PILOT') RETURNING id::text""",
                await person("Stella", "STUDENT"),
                await person("Ivan", "INSTRUCTOR"),
            )
        )

    return book


async def _status(sql: Any, key: str, status: str) -> None:
    await sql.execute("UPDATE bookings SET status = $2 WHERE id = $1::text::uuid", key, status)


async def test_a_committed_row_appears_without_reload(
    hub: Hub, visit: Visit, sql: Any, book: Callable[[], Awaitable[str]]
) -> None:
    await visit.sign_in(hub.url)
    await expect(visit.page.locator("#me")).to_contain_text("Administrator")
    await visit.page.evaluate("document.body.dataset.same = 'yes'")

    key = await book()
    await visit.shows(key, "CONFIRMED")
    await expect(visit.flight(key)).to_contain_text("Page · Page")

    await _status(sql, key, "AT_RISK")
    await visit.shows(key, "AT_RISK")
    await expect(visit.flight(key).locator("button")).to_have_class("block is-changed")
    await expect(visit.flight(key)).to_contain_text("At risk")
    await expect(visit.page.locator("#story-list")).to_contain_text("Confirmed → At risk")

    # The same rows as a list, kept up to date by the same frames.
    await visit.page.get_by_role("button", name="List").click()
    await visit.shows(key, "AT_RISK")
    await sql.execute("UPDATE users SET first_name = 'Estrella' WHERE first_name = 'Stella'")
    await expect(visit.flight(key)).to_contain_text("Estrella Page", timeout=PATIENCE)

    await sql.execute(
        "UPDATE bookings SET scheduled_datetime = now() + interval '9 days' WHERE id = $1::text::uuid",
        key,
    )
    await expect(visit.flight(key)).to_have_count(0, timeout=PATIENCE)
    assert await visit.page.evaluate("document.body.dataset.same") == "yes"


async def test_a_notification_arrives_and_is_read(hub: Hub, visit: Visit, sql: Any) -> None:
    await sql.execute("UPDATE notifications SET read = true")
    await visit.sign_in(hub.url)
    await expect(visit.page.locator("#unread")).to_be_hidden()
    key = await sql.fetchval(
        """INSERT INTO notifications (user_id, type, title, message)
           SELECT id, 'WEATHER_ALERT', 'Gusts at KSQL', '28 <b>knots</b>' FROM users
            WHERE email = $1 RETURNING id::text""",
        ADMIN,
    )
    notice = visit.page.locator(f'#notices-list [data-key="{key}"]')
    await expect(notice).to_contain_text("28 <b>knots</b>", timeout=PATIENCE)
    await expect(visit.page.locator("#unread")).to_have_text("1")
    await expect(visit.page).to_have_title(re.compile(r"^\(1\) "))
    await notice.get_by_role("button", name="Mark read").click()
    await expect(visit.page.locator("#unread")).to_be_hidden(timeout=PATIENCE)
    assert await sql.fetchval("SELECT read FROM notifications WHERE id = $1::text::uuid", key)


async def test_a_restart_is_told_and_survived(
    hub: Hub, visit: Visit, sql: Any, book: Callable[[], Awaitable[str]]
) -> None:
    key = await book()
    await visit.sign_in(hub.url)
    await visit.shows(key, "CONFIRMED")
    visit.hub_is_away = True
    await hub.stop()
    await visit.says("Reconnecting")
    banner = visit.page.locator("#banner")
    await expect(banner).to_contain_text("You see what was known at", timeout=PATIENCE)
    await expect(visit.page.locator("#day-known")).to_contain_text("As known at")
    await visit.shows(key, "CONFIRMED")  # what was known stays

    await _status(sql, key, "RESCHEDULING")
    visit.frames.clear()
    await hub.start()
    await visit.says("Live")
    await visit.shows(key, "RESCHEDULING")
    await expect(banner).to_be_hidden()
    await expect(visit.page.locator("#announce")).to_have_text("Live again")
    # It asked for what it missed, not for everything.
    assert sum('"resumed":true' in frame for frame in visit.frames) == 2
    assert not any('"rows"' in frame for frame in visit.frames)

    visit.hub_is_away = False
    await _status(sql, key, "COMPLETED")
    await visit.shows(key, "COMPLETED")


async def test_days_are_stepped_and_come_back_at_once(
    hub: Hub, visit: Visit, sql: Any, book: Callable[[], Awaitable[str]]
) -> None:
    key = await book()
    await visit.sign_in(hub.url)
    await visit.shows(key, "CONFIRMED")
    await visit.page.get_by_role("button", name="Day after").click()
    await expect(visit.page.locator("#day-name")).to_contain_text("tomorrow")
    await expect(visit.flight(key)).to_have_count(0, timeout=PATIENCE)
    await _status(sql, key, "AT_RISK")
    await visit.page.get_by_role("button", name="Today").click()
    await visit.shows(key, "AT_RISK")
    await visit.says("Live")


async def test_a_lost_right_ends_it_with_the_reason(hub: Hub, visit: Visit, sql: Any) -> None:
    await visit.sign_in(hub.url)
    await sql.execute("UPDATE users SET cognito_user_id = 'somebody-else' WHERE email = $1", ADMIN)
    await visit.says("Disconnected")
    await expect(visit.page.locator("#banner")).to_contain_text("You no longer have access.")
    await visit.page.get_by_role("button", name="Sign in again").click()
    await expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert await visit.page.evaluate("sessionStorage.getItem('hub.session')") is None


class Wire:
    """A wire between browser and hub that can go dead without either end being told."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._whole = asyncio.Event()
        self._whole.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                async with asyncio.TaskGroup() as ways:
                    ways.create_task(self._carry(reader, back))
                    ways.create_task(self._carry(there, writer))
            finally:
                back.close()
                writer.close()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self._whole.wait()
                sink.write(data)
                await sink.drain()
        sink.close()


async def test_past_fresh_until_the_page_says_stale(
    start_hub: Callable[..., Awaitable[Hub]], seeded_dsn: str, visit: Visit
) -> None:
    hub = await start_hub(seeded_dsn, ping_every=1, pong_timeout=1)
    async with Wire(int(hub.url.rpartition(":")[2])) as wire:
        await visit.sign_in(wire.url)
        await visit.hears('"ping"')
        wire.cut()
        await visit.says("Stale since")
        await expect(visit.page.locator("#banner")).to_contain_text("Stale since")
        await expect(visit.page.locator("body")).to_have_attribute("data-link", "stale")
        visit.hub_is_away = True
        wire.mend()
        await visit.says("Live")


async def test_without_a_development_issuer_it_says_where_to_sign_in() -> None:
    told = Shelf.of(STATIC, development_sign_in=False).files["index.html"].plain.decode()
    assert 'name="hub:sign-in" content="provider"' in told
