"""Kiosks on the wall: a tab at ``/kiosk``, paired by an admin over HTTP, and a day's flights for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from playwright.async_api import Locator, Page, expect
from running import Hub
from visiting import ADMIN, PATIENCE, Visit

DEVICES = "/api/v1/devices"
WALL = {"width": 1920, "height": 1080}
UPRIGHT = {"width": 1080, "height": 1920}

_FIRST = """Ann Jonah Wei Maya Tomás Priya Luis Grace Omar Ingrid Kofi Elena Marcus Yuki Dana Rafael
    Sofia Noah Amara Christopher"""
_LAST = """Okafor Bright Chen Lindqvist Herrera Natarajan Ortega Whitfield Haddad Solberg Mensah Petrova
    Doyle Tanaka Fairbanks Quintero Marchetti Ellsworth Diallo Vandenberg"""
_NAMES = list(zip(_FIRST.split(), _LAST.split(), strict=True))


@dataclass
class Kiosk:
    """A paired screen: its tab, its id, and the admin who minds it."""

    visit: Visit
    hub: Hub
    id: str
    admin: str

    @property
    def page(self) -> Page:
        return self.visit.page

    def flight(self, key: str) -> Locator:
        return self.page.locator(f'[data-key="{key}"]')

    async def says(self, word: str) -> None:
        """Wait until the screen says how it is connected."""
        await expect(self.page.locator("#link-word")).to_have_text(word, timeout=PATIENCE)

    async def order(self, what: str) -> None:
        """An admin calls it: ``identify`` or ``reload``."""
        await ask(self.hub, self.admin, "POST", f"{DEVICES}/{self.id}/{what}")


async def ask(
    hub: Hub, token: str, method: str, path: str, body: Any = None, **headers: str
) -> Any:
    """What the hub answers an admin; refusals raise."""
    said = {"Authorization": f"Bearer {token}"} | headers
    async with (
        aiohttp.ClientSession(raise_for_status=True) as http,
        http.request(method, hub.url + path, json=body, headers=said) as answer,
    ):
        told = await answer.json() if answer.status in (200, 201) else None
        return told if told is None else told | {"etag": answer.headers.get("ETag")}


async def code(visit: Visit) -> str:
    """The code that a screen shows."""
    shown = visit.page.locator("#code")
    async with asyncio.timeout(PATIENCE / 1000):
        while not (told := await shown.get_attribute("aria-label")):
            await asyncio.sleep(0.05)
    return told


async def approve(
    hub: Hub, visit: Visit, name: str = "Hangar 2", airport: str | None = None
) -> Kiosk:
    """An admin types in what the screen shows."""
    admin = await hub.token_of(ADMIN)
    body = {"user_code": await code(visit), "name": name, "airport": airport}
    device = await ask(hub, admin, "POST", DEVICES, body)
    return Kiosk(visit, hub, device["id"], admin)


async def hang(
    hub: Hub,
    visit: Visit,
    query: str = "",
    url: str = "",
    name: str = "Hangar 2",
    airport: str | None = None,
) -> Kiosk:
    """A screen that was paired before, opened, once it is live. ``url``: where the browser finds the hub."""
    admin = await hub.token_of(ADMIN)
    told = await ask(hub, admin, "POST", "/api/v1/pairings")
    body = {"user_code": told["user_code"], "name": name, "airport": airport}
    device = await ask(hub, admin, "POST", DEVICES, body)
    claim = {"device_code": told["device_code"]}
    token = (await ask(hub, admin, "POST", "/api/v1/pairings/claim", claim))["token"]
    # Once: what the page forgets later stays forgotten.
    await visit.page.add_init_script(
        "if (location.pathname === '/kiosk' && !localStorage.wasPaired) {"
        f" localStorage.wasPaired = 'yes'; localStorage['hub.kiosk.token'] = '\"{token}\"'; }}"
    )
    await visit.page.goto(f"{url or hub.url}/kiosk{query}")
    kiosk = Kiosk(visit, hub, device["id"], admin)
    await kiosk.says("Live")
    return kiosk


def morning() -> str:
    """A zone in which it is ten o'clock now: most of the day is ahead, whenever a test is run."""
    west = datetime.now(UTC).hour - 10
    # There is none 13 hours west; 11 hours east it is ten o'clock as well.
    return f"Etc/GMT{west if west <= 12 else west - 24:+d}".replace("+0", "")


async def ahead(sql: Any, places: tuple[int, ...] | None = None) -> list[str]:
    """The flights that will leave, by time; only those at ``places``."""
    rows = await sql.fetch(
        """SELECT id::text FROM bookings WHERE scheduled_datetime > now()
            ORDER BY scheduled_datetime, id"""
    )
    keys = [str(row["id"]) for row in rows]
    return keys if places is None else [keys[place] for place in places]


async def day(
    sql: Any, flights: int, zone: str = "UTC", first: str = "00:05", every: float = 12.0
) -> None:
    """Empty the schedule; book ``flights`` on the school's today, from ``first`` on, ``every`` minutes."""
    await sql.execute("DELETE FROM bookings")
    await sql.executemany(
        "INSERT INTO users (cognito_user_id, email, first_name, last_name, role, training_level)"
        " VALUES ($1, $1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        [
            (
                f"{role}-{n}",
                _NAMES[(n + shift) % 20][0],
                _NAMES[(7 * n) % 20][1],
                role.upper(),
                level,
            )
            for role, level, shift in (("student", "STUDENT_PILOT", 0), ("instructor", None, 7))
            for n in range(20)
        ],
    )
    await sql.execute(
        """INSERT INTO bookings (student_id, instructor_id, aircraft_id, departure_airport,
             arrival_airport, departure_latitude, departure_longitude, arrival_latitude,
             arrival_longitude, scheduled_datetime, training_level, duration_minutes)
           SELECT s.id, i.id, 'N' || (1021 + (n % 20) * 413) || substr('RGDKL', n % 5 + 1, 1), 'KPAO',
                  CASE n % 3 WHEN 0 THEN 'KPAO' WHEN 1 THEN 'KSQL' ELSE 'KMRY' END,
                  37.4, -122.1, 37.5, -122.2,
                  (date_trunc('day', now() AT TIME ZONE $2) + $3::text::time
                   + n * $4 * interval '1 minute') AT TIME ZONE $2,
                  'STUDENT_PILOT', 70
             FROM generate_series(0, $1 - 1) AS n
             JOIN users s ON s.email = 'student-' || n % 20
             JOIN users i ON i.email = 'instructor-' || (n + n / 20) % 20""",
        flights,
        zone,
        first,
        every,
    )
