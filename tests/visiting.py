"""People at the page: tabs of a real Chromium, each signed in as somebody, and what their browser had to say.

Every tab is checked when its test is over: no error on the console, no violation of the content
security policy, no token in an address.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from playwright.async_api import (
    Browser,
    FloatRect,
    Locator,
    Page,
    Route,
    WebSocket,
    WebSocketRoute,
    async_playwright,
    expect,
)
from running import Hub

ADMIN = "admin@example.com"
STUDENT = "jonah.bright@example.com"
OTHER_STUDENT = "wei.chen@example.com"
INSTRUCTOR = "tomas.herrera@example.com"
PATIENCE = 20_000  # ms: a noisy machine is no failure
PHONE = {"width": 360, "height": 740}

_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def chromium() -> str | None:
    """Where Chromium is on this machine: rather the one without windows, which takes half the processor."""
    named = os.environ.get("CHROMIUM", "")
    if named and Path(named).exists():
        return named
    kinds = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, kinds)), None)


@pytest.fixture(scope="session")
async def browsers() -> AsyncIterator[Callable[[], Awaitable[Browser]]]:
    """Chromium, started once and again should it have died. Only a developer's machine may lack it."""
    path = chromium()
    if path is None and not os.environ.get("CI"):
        pytest.skip("no Chromium on this machine; name one in CHROMIUM")
    async with async_playwright() as playwright:
        running: list[Browser] = []

        async def living() -> Browser:
            if not (running and running[-1].is_connected()):
                running.append(await playwright.chromium.launch(executable_path=path, args=_FLAGS))
            return running[-1]

        yield living
        for browser in running:
            await browser.close()


@pytest.fixture
async def browser(browsers: Callable[[], Awaitable[Browser]]) -> AsyncIterator[Browser]:
    """Chromium, with no profile in it before and after: each visit has one of its own."""
    browser = await browsers()
    yield browser
    for context in browser.contexts:
        await context.close()


class Visit:
    """A page with what its browser had to say."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        #: What was asked for, as (method, address), oldest first.
        self.asked: list[tuple[str, str]] = []
        self.addresses: list[str] = []
        #: Text frames from the hub, oldest first.
        self.frames: list[str] = []
        #: While the hub is away the browser reports each failed attempt: that is not the page's fault.
        self.hub_is_away = False
        #: Refusals a test provokes: the browser reports each on its console.
        self.refusals: set[int] = set()
        page.on("console", lambda said: self._complaint(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._request(request.method, request.url))
        page.on("websocket", self._socket)

    def _complaint(self, type: str, text: str) -> None:
        refused = any(
            word in text
            for word in (
                "ERR_CONNECTION_REFUSED",
                "ERR_INTERNET",
                "WebSocket connection to",
                "a status of 503",  # while it says goodbye
            )
        )
        if self.hub_is_away and refused:
            return
        if any(
            f"the server responded with a status of {status}" in text for status in self.refusals
        ):
            return
        if type in ("error", "warning"):
            self.complaints.append(f"{type}: {text}")

    def _request(self, method: str, url: str) -> None:
        self.addresses.append(url)
        self.asked.append((method, url))

    def _socket(self, socket: WebSocket) -> None:
        self.addresses.append(socket.url)
        socket.on("framereceived", lambda frame: self.frames.append(str(frame)))

    async def sign_in(self, url: str, email: str = ADMIN, path: str = "") -> None:
        await self.page.goto(f"{url}/{path}")
        await self.page.locator(f'[data-email="{email}"]').click()
        await self.says("Live")

    async def at(self, moment: datetime) -> None:
        """Let it be ``moment`` by the hub's clock, as far as the page is told; call before it is open."""
        ahead = moment - datetime.now(UTC)

        def told(frame: str | bytes) -> str | bytes:
            said = orjson.loads(frame)
            for name in ("time", "fresh_until", "expires"):
                if said.get(name):
                    said[name] = (datetime.fromisoformat(said[name]) + ahead).isoformat()
            return orjson.dumps(said).decode()

        def between(page: WebSocketRoute) -> None:
            hub = page.connect_to_server()
            hub.on_message(lambda frame: page.send(told(frame)))

        await self.page.route_web_socket("**/api/v1/ws", between)

    async def go(self, path: str) -> None:
        """To another page, as a link would."""
        await self.page.evaluate("(path) => { location.hash = path }", f"#/{path}")

    async def refuse(self, pattern: str, detail: str = "Not now.") -> None:
        """Let the hub have failed (500) at whatever is asked for by ``pattern``, until it is unrouted."""
        self.refusals.add(500)
        told = {"title": "Internal Server Error", "status": 500, "detail": detail}

        async def fail(route: Route) -> None:
            await route.fulfill(status=500, content_type="application/problem+json", json=told)

        await self.page.route(pattern, fail)

    async def says(self, words: str) -> None:
        """Wait until the connection's state is told so."""
        await expect(self.page.locator("#link")).to_contain_text(words, timeout=PATIENCE)

    async def hears(self, words: str) -> None:
        """Wait for a frame of the hub's."""
        async with asyncio.timeout(PATIENCE / 1000):
            while not any(words in frame for frame in self.frames):
                await asyncio.sleep(0.05)

    def flight(self, key: str) -> Locator:
        return self.page.locator(f'.page [data-key="{key}"]')

    async def shows(self, key: str, status: str) -> None:
        button = self.flight(key).locator("button")
        await expect(button).to_have_attribute("data-status", status, timeout=PATIENCE)


Visitors = Callable[..., Awaitable[Visit]]


@pytest.fixture
async def visitors(browser: Browser) -> AsyncIterator[Visitors]:
    """Tabs, each of a browser profile of its own, in UTC so that their day is the database's."""
    visits: list[Visit] = []

    async def come(**how: Any) -> Visit:
        given: dict[str, Any] = {
            "timezone_id": "UTC",
            "viewport": {"width": 1440, "height": 900},
            "reduced_motion": "reduce",
        }
        context = await browser.new_context(**given | how)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE)
        await page.add_init_script(
            "addEventListener('securitypolicyviolation',"
            " (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"
        )
        visits.append(Visit(page))
        return visits[-1]

    yield come
    for visit in visits:
        kept = await visit.page.evaluate(
            "() => { try { return sessionStorage.getItem('hub.session') ?? ''; } catch { return ''; } }"
        )
        await visit.page.context.close()
        assert visit.complaints == []
        for part in kept.split('"'):
            if part.count(".") == 2 and len(part) > 100:
                assert not any(part in url for url in visit.addresses), "a token in an address"


@pytest.fixture
async def visit(visitors: Visitors) -> Visit:
    """One tab."""
    return await visitors()


@pytest.fixture
async def sql(hub: Hub) -> AsyncIterator[Any]:
    """Another program with a connection to the schedule."""
    conn = await asyncpg.connect(hub.dsn)
    yield conn
    with contextlib.suppress(asyncpg.PostgresError):
        await conn.close()


async def still(locator: Locator) -> FloatRect:
    """Where something stands once it does: no picture, word or font that comes late moves it."""
    before, stood = None, 0
    async with asyncio.timeout(PATIENCE / 1000):
        while True:
            box = await locator.bounding_box()
            stood = stood + 1 if box == before else 0
            if box is not None and stood == 3:
                return box
            before = box
            await asyncio.sleep(0.1)


async def person(sql: Any, email: str) -> str:
    """The id of a seeded user."""
    return str(await sql.fetchval("SELECT id::text FROM users WHERE email = $1", email))


async def book(
    sql: Any,
    student: str = OTHER_STUDENT,
    instructor: str = INSTRUCTOR,
    *,
    at: str = "now()",
    tail: str = "N1PAGE",
    minutes: int = 60,
) -> str:
    """Book a flight of two seeded people at ``at`` (SQL); what of theirs stands in its way is cancelled."""
    await sql.execute(
        f"""UPDATE bookings b SET status = 'CANCELLED'
             WHERE status IN ('CONFIRMED', 'AT_RISK', 'RESCHEDULING')
               AND (student_id = (SELECT id FROM users WHERE email = $1)
                    OR instructor_id = (SELECT id FROM users WHERE email = $2)
                    OR aircraft_id = $3)
               AND scheduled_datetime < {at} + make_interval(mins => $4)
               AND {at} < scheduled_datetime + make_interval(mins => b.duration_minutes)""",
        student,
        instructor,
        tail,
        minutes,
    )
    return str(
        await sql.fetchval(
            f"""INSERT INTO bookings (student_id, instructor_id, aircraft_id, departure_airport,
                  arrival_airport, departure_latitude, departure_longitude, arrival_latitude,
                  arrival_longitude, scheduled_datetime, training_level, duration_minutes)
                SELECT s.id, i.id, $3, 'KPAO', 'KSQL', 37.4, -122.1, 37.5, -122.2, {at},
                       coalesce(s.training_level, 'STUDENT_PILOT'), $4
                  FROM users s, users i WHERE s.email = $1 AND i.email = $2 RETURNING id::text""",
            student,
            instructor,
            tail,
            minutes,
        )
    )


async def status(sql: Any, key: str, status: str) -> None:
    """Another program sets a flight's status."""
    await sql.execute("UPDATE bookings SET status = $2 WHERE id = $1::text::uuid", key, status)


def _forecast(category: str, words: str) -> str:
    told = {
        "flight_category": category,
        "conditions": words,
        "station": "KSQL",
        "wind": {"direction_deg": 310, "speed_kt": 12, "gust_kt": 19},
        "visibility_sm": 10.0,
        "ceiling_ft": 4500,
        "temperature_c": 14,
    }
    return orjson.dumps(told).decode()


async def stand(page: Page, *ids: str) -> None:
    """Wait until the options stand in this order."""
    options = page.locator(".option")
    await expect(options).to_have_count(len(ids), timeout=PATIENCE)
    for place, id in enumerate(ids):
        await expect(options.nth(place)).to_have_attribute("data-key", id, timeout=PATIENCE)


async def offer(sql: Any, key: str, *, deadline: str = "now() + interval '5 hours'") -> list[str]:
    """Offer three times for a flight, as the rescheduling AI would; their ids, best first."""
    await status(sql, key, "AT_RISK")
    async with sql.transaction():
        await status(sql, key, "RESCHEDULING")
        ids = [
            str(
                await sql.fetchval(
                    """INSERT INTO reschedule_options
                         (booking_id, suggested_datetime, weather_forecast, ai_confidence_score)
                       SELECT id, date_trunc('hour', scheduled_datetime) + make_interval(days => $2),
                              $3::text::jsonb, $4
                         FROM bookings WHERE id = $1::text::uuid RETURNING id::text""",
                    key,
                    day,
                    _forecast(category, words),
                    score,
                )
            )
            for day, category, words, score in (
                (20, "VFR", "Clear", 0.93),
                (21, "MVFR", "Broken at 2,800", 0.71),
                (22, "IFR", "Fog", 0.4),
            )
        ]
        await sql.execute(
            f"""INSERT INTO preference_rankings (booking_id, user_id, deadline)
                SELECT id, unnest(ARRAY[student_id, instructor_id]), {deadline}
                  FROM bookings WHERE id = $1::text::uuid""",
            key,
        )
    return ids
