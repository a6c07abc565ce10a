"""A real hub with a handful of people in it, and a client that asks as any of them.

The people are fixed: an admin, two instructors, three students (one without a training level).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any
from uuid import UUID

import aiohttp
import asyncpg
import orjson
from multidict import CIMultiDict
from running import Hub

from hub.db.pool import connect
from hub.settings import Settings

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

#: name: (role, training level)
PEOPLE = {
    "admin": ("ADMIN", None),
    "ina": ("INSTRUCTOR", None),
    "ivo": ("INSTRUCTOR", None),
    "sam": ("STUDENT", "STUDENT_PILOT"),
    "sue": ("STUDENT", "PRIVATE_PILOT"),
    "sid": ("STUDENT", None),
}
ID = {name: str(UUID(int=0xA0 + number)) for number, name in enumerate(PEOPLE)}
#: A day in the future on which nothing is planned.
DAY = (datetime.now(UTC) + timedelta(days=400)).replace(hour=0, minute=0, second=0, microsecond=0)


def at(hour: float, day: int = 0) -> str:
    """A time of the test day, RFC 3339."""
    return (DAY + timedelta(days=day, hours=hour)).isoformat().replace("+00:00", "Z")


def draft(**more: Any) -> dict[str, Any]:
    """A booking that may be made: Sam with Ina at ten."""
    return {
        "student_id": ID["sam"],
        "instructor_id": ID["ina"],
        "aircraft_id": "N512SP",
        "departure_airport": "KPAO",
        "arrival_airport": "KSQL",
        "departure_latitude": 37.46111,
        "departure_longitude": -122.11506,
        "arrival_latitude": 37.51185,
        "arrival_longitude": -122.24952,
        "scheduled_datetime": at(10),
    } | more


@dataclass
class Said:
    """An answer, read whole."""

    status: int
    headers: CIMultiDict[str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def code(self) -> str:
        """The problem's code."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        told = self.json
        assert told["status"] == self.status
        assert told["type"] == f"/problems/{told['code']}"
        assert told["request_id"] == self.headers["X-Request-Id"]
        return str(told["code"])

    @property
    def where(self) -> list[str]:
        """What the problem's faults point at, sorted."""
        return sorted(next(iter(fault.values())) for fault in self.json.get("errors", []))


@dataclass
class Rest:
    """The door, and clients for everybody."""

    hub: Hub
    http: aiohttp.ClientSession
    conn: Connection
    tokens: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, who: str | None, method: str, path: str, body: Any = None, **kwargs: Any
    ) -> Said:
        """Ask as somebody (None: as nobody). ``body`` is sent as JSON."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        if body is not None:
            kwargs["data"] = orjson.dumps(body)
            headers["Content-Type"] = "application/json"
        headers |= kwargs.pop("headers", {})
        async with self.http.request(
            method, self.hub.url + path, headers=headers, allow_redirects=False, **kwargs
        ) as answer:
            # A stream has no end: that it was opened is all there is to say of it.
            body = b"" if answer.content_type == "text/event-stream" else await answer.read()
            return Said(answer.status, CIMultiDict(answer.headers), body)

    async def key(self, *scopes: str, name: str = "robot") -> str:
        """Make an integration's key, by SQL; ``name`` may ask with it from now on. Its id."""
        secret = f"hub_{token_urlsafe(32)}"
        self.tokens[name] = secret
        return str(
            await self.conn.fetchval(
                "INSERT INTO api_keys (name, prefix, hash, scopes)"
                " VALUES ($1, $2, sha256($3), $4) RETURNING id",
                name,
                secret[:10],
                secret.encode(),
                list(scopes),
            )
        )

    async def device(self, airport: str | None = None, name: str = "device") -> str:
        """Make a paired device, by SQL; ``name`` may ask with its credential from now on. Its id."""
        secret = f"hubd_{token_urlsafe(32)}"
        self.tokens[name] = secret
        return str(
            await self.conn.fetchval(
                "INSERT INTO devices (name, airport, hash, paired_at)"
                " VALUES ($1, $2, sha256($3), now()) RETURNING id",
                name,
                airport,
                secret.encode(),
            )
        )

    async def booking(self, **more: Any) -> dict[str, Any]:
        """Make one by SQL, as another program would: what GET shows of it."""
        row = {**draft(), "training_level": "STUDENT_PILOT", **more}
        row["scheduled_datetime"] = datetime.fromisoformat(row["scheduled_datetime"])
        names = ", ".join(row)
        values = ", ".join(f"${n}" for n in range(1, len(row) + 1))
        id = await self.conn.fetchval(
            f"INSERT INTO bookings ({names}) VALUES ({values}) RETURNING id", *row.values()
        )
        found = await self.ask("admin", "GET", f"/api/v1/bookings/{id}")
        assert found.status == 200
        return dict(found.json)


async def people(conn: Connection) -> None:
    """Put the people into a database."""
    await conn.executemany(
        "INSERT INTO users (id, cognito_user_id, email, first_name, last_name, role, training_level)"
        " VALUES ($1, $2, $3, $4, 'Tester', $5, $6)",
        [
            (ID[name], f"sub-{name}", f"{name}@example.com", name.title(), role, level)
            for name, (role, level) in PEOPLE.items()
        ],
    )


@asynccontextmanager
async def opened(dsn: str, folder: Path, **settings: Any) -> AsyncIterator[Rest]:
    """A hub over ``dsn``, with the people in it."""
    async with contextlib.AsyncExitStack() as stack:
        conn = await connect(dsn, settings=Settings())
        stack.callback(conn.terminate)
        await people(conn)
        hub = Hub(dsn, folder, settings, None)
        await hub.start()
        stack.push_async_callback(hub.stop)
        # The hub's own word of what day it is, which it writes when it starts, is no test's business.
        async with asyncio.timeout(10):
            while not await conn.fetchval("SELECT EXISTS (SELECT FROM days)"):
                await asyncio.sleep(0.01)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        door = Rest(hub, http, conn)
        door.tokens = {name: hub.token(f"sub-{name}") for name in PEOPLE}
        yield door
