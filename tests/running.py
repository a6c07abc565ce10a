"""A whole hub for a test: real database, real port, its own issuer, and clients that speak to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
import pytest
from alike import lend_key
from pydantic import TypeAdapter

from hub.app import House, open_house
from hub.feed.doorbell import Pace
from hub.identity.issuer import is_own_issuer
from hub.rules import frames
from hub.rules.cursor import parse
from hub.settings import Settings

#: Whatever the hub says to any client of these tests is one of the frames that its documents tell of.
FRAMES: TypeAdapter[Any] = TypeAdapter(frames.Outgoing)


class Hub:
    """One running hub. ``stop`` and ``start`` keep the port, so clients can come back to it."""

    def __init__(self, dsn: str, state: Path, overrides: dict[str, Any], pace: Pace | None) -> None:
        self.dsn = dsn
        self._state = state
        self._overrides = overrides
        self._pace = pace
        self._stack: contextlib.AsyncExitStack | None = None
        self._port = 0
        self.house: House

    @property
    def url(self) -> str:
        return self.house.url

    @property
    def port(self) -> int:
        return self._port

    @property
    def ws(self) -> str:
        return f"{self.url}/api/v1/ws"

    async def start(self) -> None:
        settings = Settings(
            **{
                "env": "dev",
                "port": self._port,
                "state": self._state,
                "drain_seconds": 0.2,
                # Tests ask as fast as they can; test_rest_limits sets its own.
                "requests_per_second": 1e6,
                "requests_burst": 1_000_000,
                **self._overrides,
                "database_url": self.dsn,
            }
        )
        own = self._state if is_own_issuer(settings) else None
        if own is not None:
            lend_key(own)
        self._stack = contextlib.AsyncExitStack()
        self.house = await self._stack.enter_async_context(
            open_house(settings, issuer_dir=own, pace=self._pace)
        )
        self._port = int(self.url.rpartition(":")[2])
        async with asyncio.timeout(10):
            await self.house.feed.begun()

    async def stop(self) -> None:
        if self._stack is not None:
            stack, self._stack = self._stack, None
            await stack.aclose()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def has_read(self, conn: Any) -> None:
        """Wait until the feed has handed on all that is committed: what is asked then is told it at once."""
        seen = parse(await conn.fetchval("SELECT pg_current_snapshot()::text"))
        async with asyncio.timeout(20):
            await self.house.feed.reach(seen)

    def token(self, sub: str, ttl: float = 3600.0) -> str:
        """A token for ``users.cognito_user_id``."""
        assert self.house.issuer is not None
        return self.house.issuer.issue(sub, ttl=ttl)

    async def token_of(self, email: str, ttl: float = 3600.0) -> str:
        """A token for a seeded user."""
        conn = await asyncpg.connect(self.dsn)
        try:
            sub = await conn.fetchval("SELECT cognito_user_id FROM users WHERE email = $1", email)
        finally:
            await conn.close()
        assert sub is not None, email
        return self.token(sub, ttl)


class Client:
    """A WebSocket client of ``hub.v1`` that keeps what it hears in order."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.rows: dict[str, dict[str, Any]] = {}
        self.cursors: dict[str, str] = {}
        self.views: dict[str, str] = {}
        self.heard: list[dict[str, Any]] = []
        #: Whether pings are answered.
        self.answers = True
        self._over = False

    async def say(self, **message: Any) -> None:
        await self.ws.send_str(orjson.dumps(message).decode())

    async def hear(self, timeout: float = 10.0) -> dict[str, Any]:
        """The next message; pings are answered and passed over. A close is {"type": "closed"}.

        Nothing comes after that: who asks again waits in vain, and is told so.
        """
        if self._over:
            raise ConnectionError(f"closed with {self.ws.close_code}; last: {self.heard[-1:]}")
        while True:
            message = await self.ws.receive(timeout=timeout)
            if message.type is aiohttp.WSMsgType.PONG:
                continue
            if message.type is not aiohttp.WSMsgType.TEXT:
                self._over = True
                return {"type": "closed", "code": self.ws.close_code}
            FRAMES.validate_json(message.data, strict=True)
            told: dict[str, Any] = orjson.loads(message.data)
            if told["type"] == "ping":
                if self.answers:
                    await self.say(type="pong")
                continue
            self.heard.append(told)
            return told

    async def until(self, type: str, timeout: float = 10.0) -> dict[str, Any]:
        """The next message of a type; what comes before is in ``heard``."""
        async with asyncio.timeout(timeout):
            while True:
                told = await self.hear()
                if told["type"] == type:
                    return told
                assert told["type"] != "closed", f"closed while waiting for {type}: {told}"

    async def silent(self, seconds: float = 0.3) -> bool:
        """Whether nothing is heard for a while."""
        try:
            await self.hear(timeout=seconds)
        except TimeoutError:
            return True
        return False

    async def hello(self, token: str) -> dict[str, Any]:
        await self.say(type="hello", token=token)
        return await self.until("welcome")

    async def watch(self, id: str, topic: str, **more: Any) -> dict[str, Any]:
        """Watch and follow the first picture or the resumption; returns ``live``."""
        await self.say(type="watch", id=id, topic=topic, **more)
        rows: dict[str, Any] = {}
        while True:
            told = await self.hear()
            if told.get("id") != id:
                continue
            if told["type"] == "rows":
                rows |= {row["id"]: row for row in told["rows"]}
            elif told["type"] == "change":
                apply(rows, told)
            elif told["type"] == "live":
                self.rows[id] = rows
                self.cursors[id] = told["cursor"]
                self.views[id] = told["view"]
                return told
            elif told["type"] == "reset":
                rows.clear()
            else:
                raise AssertionError(told)

    def follow(self, change: dict[str, Any]) -> None:
        """Apply a ``change`` to the watches of its view."""
        for id, view in self.views.items():
            if view == change["view"] and change.get("id", id) == id:
                apply(self.rows[id], change)
                self.cursors[id] = change["cursor"]


def apply(rows: dict[str, Any], change: dict[str, Any]) -> None:
    """What a client does with a ``change``."""
    for transaction in change["transactions"]:
        for item in transaction["items"]:
            if item["op"] == "upsert":
                rows[item["key"]] = item["row"]
            else:
                rows.pop(item["key"], None)


@pytest.fixture
async def start_hub(
    tmp_path: Path, database: Callable[..., str]
) -> AsyncIterator[Callable[..., Awaitable[Hub]]]:
    """Start hubs: ``await start_hub(dsn, pace=..., hello_timeout=1)``; all are stopped afterwards.

    ``database`` only so that the databases outlive the hubs.
    """
    hubs: list[Hub] = []

    async def start(dsn: str, *, pace: Pace | None = None, **overrides: Any) -> Hub:
        hub = Hub(dsn, tmp_path / "state", overrides, pace)
        hubs.append(hub)
        await hub.start()
        return hub

    yield start
    for hub in reversed(hubs):
        await hub.stop()


@pytest.fixture
async def hub(start_hub: Callable[..., Awaitable[Hub]], seeded_dsn: str) -> Hub:
    """A hub on a seeded database."""
    return await start_hub(seeded_dsn)


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Awaitable[Client]]]:
    """Connect clients: ``await connect(hub)`` or, with hello said, ``await connect(hub, token)``."""
    async with contextlib.AsyncExitStack() as stack:

        async def dial(hub: Hub, token: str | None = None, **more: Any) -> Client:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            ws = await session.ws_connect(hub.ws, protocols=["hub.v1"], **more)
            stack.push_async_callback(ws.close)
            client = Client(ws)
            if token is not None:
                await client.hello(token)
            return client

        yield dial
