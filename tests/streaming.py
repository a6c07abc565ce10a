"""A client of ``GET /api/v1/stream`` that reads events as the HTML standard says (9.2.6)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import pytest
from running import FRAMES, Hub, apply

PATH = "/api/v1/stream"


@dataclass(frozen=True)
class Event:
    """One event. ``id`` is what its block set; None if it set none."""

    type: str
    data: str
    id: str | None

    @property
    def told(self) -> dict[str, Any]:
        """The frame."""
        frame: dict[str, Any] = orjson.loads(self.data)
        assert frame["type"] == self.type
        return frame


class Parser:
    """Bytes in, events out."""

    def __init__(self) -> None:
        self._left = b""
        self._fields: dict[str, str] = {}
        #: ``lastEventId``, and how long the client would wait before it comes back, ms.
        self.last_id = ""
        self.retry: int | None = None

    def feed(self, data: bytes) -> list[Event]:
        *lines, self._left = (self._left + data).split(b"\n")
        return [event for line in lines if (event := self._line(line.decode())) is not None]

    def _line(self, line: str) -> Event | None:
        assert "\r" not in line
        if line:
            name, colon, value = line.partition(": ")
            assert colon, line
            assert name in ("event", "data", "id", "retry"), line
            assert name not in self._fields, "one line a field"
            self._fields[name] = value
            if name == "retry":
                self.retry = int(value)
            return None
        fields, self._fields = self._fields, {}
        self.last_id = fields.get("id", self.last_id)
        if "data" not in fields:
            return None
        return Event(fields["event"], fields["data"], fields.get("id"))


class Source:
    """An open stream, and what its client holds: rows by watch."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.parser = Parser()
        self._ready: list[Event] = []
        self.heard: list[Event] = []
        self.rows: dict[str, dict[str, Any]] = {}
        self.views: dict[str, str] = {}

    @property
    def last_id(self) -> str:
        return self.parser.last_id

    async def hear(self, timeout: float = 10.0) -> Event | None:
        """The next event, followed; None at the end. Pings are passed over."""
        async with asyncio.timeout(timeout):
            while True:
                while not self._ready:
                    data = await self.answer.content.readany()
                    if not data:
                        return None
                    self._ready = self.parser.feed(data)
                event = self._ready.pop(0)
                FRAMES.validate_json(event.data, strict=True)
                if event.type != "ping":
                    self.heard.append(event)
                    self._follow(event.told)
                    return event

    async def until(self, type: str, timeout: float = 10.0) -> dict[str, Any]:
        async with asyncio.timeout(timeout):
            while (event := await self.hear(timeout)) is not None:
                if event.type == type:
                    return event.told
        raise AssertionError(f"ended while waiting for {type}: {self.heard[-3:]}")

    async def ended(self, timeout: float = 10.0) -> dict[str, Any]:
        """Read to the end; the ``bye`` before it."""
        async with asyncio.timeout(timeout):
            while await self.hear(timeout) is not None:
                pass
        assert self.heard[-1].type == "bye", self.heard[-3:]
        return self.heard[-1].told

    def _follow(self, told: dict[str, Any]) -> None:
        match told["type"]:
            case "reset":
                self.rows.pop(told["id"], None)
            case "rows":
                held = self.rows.setdefault(told["id"], {})
                held |= {row["id"]: row for row in told["rows"]}
            case "live":
                self.rows.setdefault(told["id"], {})
                self.views[told["id"]] = told["view"]
            case "change":
                for id in [told["id"]] if "id" in told else list(self.views):
                    if "id" in told or self.views[id] == told["view"]:
                        apply(self.rows.setdefault(id, {}), told)


Open = Callable[..., Awaitable[Source]]


@pytest.fixture
async def open_stream() -> AsyncIterator[Open]:
    """Opens streams: ``await open_stream(hub, token, "topic=bookings", last="…")``."""
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), read_bufsize=2**20)
        )

        async def opened(
            hub: Hub, token: str | None, query: Any, *, last: str | None = None
        ) -> Source:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            if last is not None:
                headers["Last-Event-ID"] = last
            answer = await http.get(hub.url + PATH, params=query, headers=headers)
            stack.callback(answer.close)
            assert answer.status == 200, (answer.status, await answer.text())
            assert answer.content_type == "text/event-stream"
            return Source(answer)

        yield opened
