"""docs/protocol.md is the protocol: its transcripts are held with a hub, its tables against the code.

A table that is generated is told by this test's failure, ready to be pasted; of the others the first
column is the code's, and the words behind it are people's.
"""

from __future__ import annotations

import ast
import asyncio
import json
import random
import re
import textwrap
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import aiohttp
import asyncpg
import pytest
import websockets
from running import FRAMES, Hub
from test_asyncapi import ROWS

from hub.fanout import judgement, pictures
from hub.live import session, tickets
from hub.model import RescheduleOption
from hub.rules import closing, frames
from hub.rules.limits import LIMITS
from hub.rules.topics import TOPICS
from hub.settings import Settings

TOP = Path(__file__).parents[1]
DOCUMENT = (TOP / "docs" / "protocol.md").read_text()
Start = Callable[..., Awaitable[Hub]]


# Its tables.


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _kind(schema: dict[str, Any], shared: dict[str, Any]) -> str:
    """A schema's value in a few words, as the docs page has it."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _kind(shared[name], shared) if "enum" in shared[name] else f"`{name}`"
    if some := schema.get("anyOf"):
        kinds = [_kind(one, shared) for one in some if one.get("type") != "null"]
        said = "bound" if len(kinds) == 2 and "date-time" in kinds else " or ".join(kinds)
        return said + " or null" * ({"type": "null"} in some)
    if "enum" in schema:
        return f"({', '.join(f'`{one}`' for one in schema['enum'])})"
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'], shared)}"
    return str(schema.get("format") or schema.get("type", "anything"))


def _members(model: Any) -> Iterator[tuple[str, str]]:
    drawn = model.model_json_schema(mode="serialization")
    for name, schema in drawn["properties"].items():
        yield name, _kind(schema, drawn.get("$defs", {}))


def _topics() -> str:
    rows = (
        (f"`{topic.name}`", ", ".join(f"`{name}` {kind}" for name, kind in _members(topic.filter)))
        for topic in TOPICS.values()
    )
    return _table(("topic", "members of its filter"), rows).replace(" or null", "")


def _rows() -> str:
    def rows() -> Iterator[tuple[str, ...]]:
        models = {f"`{name}`": model for name, model in ROWS.items()}
        models["an option of `reschedule`"] = RescheduleOption
        for name, model in models.items():
            yield name, ", ".join(f"`{member}` {kind}" for member, kind in _members(model))

    return _table(("row of", "members"), rows())


def _closes() -> str:
    codes = ((f"`{int(c)}`", c.verdict, closing.MEANINGS[c]) for c in closing.Code)
    return _table(("code", "do", "means"), codes)


def _limits() -> str:
    settings = Settings()
    rows = (
        (
            f"{getattr(settings, one.setting):g} {one.unit}",
            one.bounds,
            one.beyond,
            f"`{one.setting.upper()}`",
        )
        for one in LIMITS
    )
    return _table(("default", "of what", "beyond it", "setting"), rows)


@pytest.mark.parametrize("name", ["topics", "rows", "closes", "limits"])
def test_generated_tables_are_the_code_s(name: str) -> None:
    found = re.search(rf"<!-- generated: {name} -->\n(.*?)<!-- end -->", DOCUMENT, re.DOTALL)
    assert found is not None
    ours = {"topics": _topics, "rows": _rows, "closes": _closes, "limits": _limits}[name]()
    assert found[1].strip() == ours, f"docs/protocol.md: paste between the marks:\n{ours}"


def _first_column(mark: str) -> list[str]:
    found = re.search(rf"<!-- codes: {mark} -->\n((?:\|.*\n)+)", DOCUMENT)
    assert found is not None
    return re.findall(r"^\| `(\w+)`", found[1], re.MULTILINE)


def test_every_code_and_reason_is_told_and_no_other() -> None:
    assert _first_column("error") == list(get_args(frames.ErrorCode))
    assert _first_column("reset") == list(get_args(frames.ResetReason))
    told = set(map(int, re.findall(r"\b(4[0-2]\d\d)\b", DOCUMENT)))
    ends = {4000, 4099, 4100, 4199, 4200, 4299}
    assert told - ends <= set(map(int, closing.Code))


def _texts(call: ast.Call) -> list[str]:
    """The texts that a call is given in place."""
    found = [one.value for one in call.args if isinstance(one, ast.Constant)]
    return [one for one in found if isinstance(one, str)]


def _calls(room: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a room's files, with what is called."""
    for path in (TOP / "hub" / room).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield getattr(node.func, "attr", getattr(node.func, "id", "")), node


def test_the_code_says_no_other_code_or_reason() -> None:
    """By the words in the rooms that say them; what the tests hear is held by ``running``."""
    errors, reasons = set(), set()
    for room in ("live", "fanout", "feed"):
        for name, call in _calls(room):
            if name == "error" and room == "live":
                errors.update(text for text in _texts(call) if " " not in text)
            elif name in ("Invalid", "Unavailable") and room != "feed":
                codes = [one.value for one in call.keywords if one.arg == "code"]
                errors.update(one.value for one in codes if isinstance(one, ast.Constant))
            elif name in ("restart", "Gone", "_start_again"):
                reasons.update(filter(None, _texts(call)))
    resuming = (TOP / "hub" / "fanout" / "resuming.py").read_text()
    reasons.update(re.findall(r'return "(\w+)"', resuming))
    assert reasons <= set(get_args(frames.ResetReason))
    assert {"epoch", "rights", "window", "size"} <= reasons
    assert errors <= set(get_args(frames.ErrorCode))
    # What comes of the database's own state is told under the errors' own names.
    assert set(get_args(frames.ErrorCode)) - errors == {"unavailable", "contended", "invalid"}


def test_its_figures_are_the_code_s() -> None:
    settings = Settings()
    marked = re.findall(r"<!-- (\w+) -->(\d+) (KiB)?", DOCUMENT)
    assert marked
    for name, figure, unit in marked:
        assert int(figure) * (1024 if unit else 1) == getattr(settings, name), name
    for figure in (
        f"{pictures.PAGE} rows or {pictures.PAGE_BYTES // 1024} KiB",
        f"more than {pictures.MOST:,} rows",
        f"more than {judgement.MOST_ITEMS:,} rows of a view, or of more than 1 MiB",
        f"good for {tickets.LIFE} s",
        f"{session._EARLY} messages may wait",
    ):
        assert figure in re.sub(r"\s+", " ", DOCUMENT), figure
    assert judgement.MOST_BYTES == 1024 * 1024
    assert session._EARLY_WEIGHT == 4


# Its transcripts.

_SHAPES = {
    "uuid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z",
    "cursor": r"[0-9a-z]+\.\d+:\d+:[\d,]*",
    "view": r"v\d+",
    "tx": r"\d+",
    "text": r".+",
}
_PLACE = re.compile(r"<(uuid|time|cursor|view|tx|text)(?: (\w))?>")


class Held:
    """What the names in a transcript stand for, by now."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.names: dict[str, str] = {}

    async def filled(self, text: str) -> str:
        """A line to be said, with its names replaced."""
        for email, life in re.findall(r"<token of (\S+)(?: for (\d+) s)?>", text):
            token = await self.hub.token_of(email, ttl=float(life or 3600))
            text = re.sub(rf"<token of {re.escape(email)}[^>]*>", token, text, count=1)
        return _PLACE.sub(lambda found: self.names[found[0]], text)

    def match(self, told: Any, pattern: Any, where: str = "") -> None:
        """Raise AssertionError where something heard is not of a pattern."""
        if isinstance(pattern, dict):
            assert isinstance(told, dict), where
            members = pattern.keys() - {"…"}
            assert told.keys() >= members, f"{where}: {members - told.keys()} missing of {told}"
            assert "…" in pattern or told.keys() == members, (
                f"{where}: {told.keys() - members} too much"
            )
            for name in members:
                self.match(told[name], pattern[name], f"{where}/{name}")
        elif isinstance(pattern, list):
            assert isinstance(told, list), where
            some = [one for one in pattern if one != "…"]
            assert len(told) == len(some) or ("…" in pattern and len(told) > len(some)), where
            for number, (one, like) in enumerate(zip(told, some, strict=False)):
                self.match(one, like, f"{where}/{number}")
        elif isinstance(pattern, str):
            self._text(told, pattern, where)
        else:
            assert (type(told), told) == (type(pattern), pattern), where

    def _text(self, told: Any, pattern: str, where: str) -> None:
        if pattern == "<number>":
            assert isinstance(told, int | float), where
            return
        assert isinstance(told, str), f"{where}: {told}"
        place = _PLACE.fullmatch(pattern)
        if place is None:
            assert told == pattern, f"{where}: {told!r} is not {pattern!r}"
            return
        assert re.fullmatch(_SHAPES[place[1]], told, re.DOTALL), (
            f"{where}: {told!r} is no {place[1]}"
        )
        if place[2] is not None:
            assert self.names.setdefault(pattern, told) == told, f"{where}: is not {pattern}"


def parsed(text: str) -> Any:
    """A pattern: JSON in which … stands for more, and <number> for a number."""
    text = text.replace("<number>", '"<number>"')
    text = re.sub(r"…(?=\})", '"…":0', text)
    return json.loads(re.sub(r"…(?=\])", '"…"', text))


def blocks(kind: str) -> list[list[str]]:
    """The lines of each block of a kind; an indented line goes on with the one before."""
    found = re.findall(rf"^```{kind}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    if kind != "python":
        found = [
            re.sub(r"\n +(?=(.))", lambda at: "" if at[1] in '{"' else " ", one) for one in found
        ]
    return [block.splitlines() for block in found]


class Conversation:
    """One session of the document, line by line."""

    def __init__(self, hub: Hub, held: Held, sql: Any, http: aiohttp.ClientSession) -> None:
        self.hub, self.held, self.sql, self.http = hub, held, sql, http
        self.ws: Any = None
        self.answer: Any = None

    async def line(self, line: str) -> None:
        mark, _, rest = line.partition(" ")
        if mark == "sql>":
            await self.sql.execute(await self.held.filled(rest))
            # Who resumes is told what the feed has read, and the rest later; here it is told all at once.
            await self.hub.has_read(self.sql)
        elif mark == "http>":
            method, path, body = (await self.held.filled(rest)).split(" ", 2)
            token = await self.hub.token_of("admin@example.com")
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            self.answer = await self.http.request(
                method, self.hub.url + path, data=body, headers=headers
            )
        elif mark == "http<":
            status, name, value = rest.split(" ", 2)
            assert self.answer.status == int(status)
            self.held.match(self.answer.headers[name.removesuffix(":")], value)
        elif mark == "→":
            await self.ws.send_str(await self.held.filled(rest))
        elif rest.startswith("close"):
            message = await self.ws.receive(timeout=20)
            assert message.type is aiohttp.WSMsgType.CLOSE
            assert message.data == int(rest.removeprefix("close "))
        else:
            assert mark == "←", line
            await self.hear(parsed(rest))

    async def hear(self, pattern: Any) -> None:
        while True:
            message = await self.ws.receive(timeout=20)
            assert message.type is aiohttp.WSMsgType.TEXT, (message, pattern)
            FRAMES.validate_json(message.data, strict=True)
            told = json.loads(message.data)
            if told["type"] == "ping" and pattern["type"] != "ping":
                await self.ws.send_str('{"type":"pong"}')
                continue
            self.held.match(told, pattern, told["type"])
            return


async def test_its_transcripts_happen(start_hub: Start, seeded_dsn: str) -> None:
    # Pings as often as can be, so that nobody waits for the one that is in it.
    hub = await start_hub(seeded_dsn, ping_every=1.0, pong_timeout=60.0)
    held, sql = Held(hub), await asyncpg.connect(hub.dsn)
    try:
        async with aiohttp.ClientSession() as http:
            for number, block in enumerate(blocks("transcript"), 1):
                said = Conversation(hub, held, sql, http)
                async with http.ws_connect(hub.ws, protocols=["hub.v1"]) as said.ws:
                    for line in block:
                        try:
                            await said.line(line)
                        except (AssertionError, TimeoutError, ValueError) as wrong:
                            pytest.fail(f"transcript {number}: {line[:160]}\n{wrong!r}")
            for block in blocks("stream"):
                await _stream(hub, held, sql, http, block)
    finally:
        await sql.close()


async def _stream(
    hub: Hub, held: Held, sql: Any, http: aiohttp.ClientSession, block: list[str]
) -> None:
    asked = re.fullmatch(r"GET (\S+) as (\S+)", block[0])
    assert asked is not None
    headers = {"Authorization": f"Bearer {await hub.token_of(asked[2])}"}
    async with http.get(hub.url + asked[1], headers=headers) as answer:
        assert answer.status == 200
        event = ""
        for line in block[1:]:
            name, _, rest = line.partition(": ")
            if line.startswith("sql> "):
                await sql.execute(line.removeprefix("sql> "))
            elif name == "event":
                event = rest
            else:
                async with asyncio.timeout(20):
                    told = await _event(answer, event)
                FRAMES.validate_json(told, strict=True)
                held.match(json.loads(told), parsed(rest), event)


async def _event(answer: aiohttp.ClientResponse, name: str) -> str:
    """The data of the next event, which must bear this name; pings are passed over."""
    event = data = ""
    while True:
        line = (await answer.content.readline()).decode().rstrip("\n")
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data = line.removeprefix("data: ")
        elif not line and event and event != "ping":
            assert event == name
            return data
        elif not line:
            event = ""


def test_a_transcript_that_is_not_so_is_noticed() -> None:
    held = Held(None)  # type: ignore[arg-type]
    held.match({"a": 1, "b": "v1"}, parsed('{"a":1,"b":"<view a>"}'))
    for pattern in (
        '{"a":1}',
        '{"a":2,…}',
        '{"a":true,…}',
        '{"c":1,…}',
        '{"b":"<uuid>",…}',
        '{"a":"<text>",…}',
        '{"a":1,"b":"v2"}',
    ):
        with pytest.raises(AssertionError):
            held.match({"a": 1, "b": "v1"}, parsed(pattern))
    with pytest.raises(AssertionError):
        held.match({"b": "v2"}, parsed('{"b":"<view a>"}'))
    with pytest.raises(AssertionError):
        held.match([1, 2], parsed("[1]"))
    with pytest.raises(AssertionError):
        held.match([1, 2], parsed("[2,…]"))


# Its client.


async def test_its_client_follows_through_a_restart(start_hub: Start, seeded_dsn: str) -> None:
    hub = await start_hub(seeded_dsn)
    [source] = blocks("python")
    names: dict[str, Any] = {
        "asyncio": asyncio, "json": json, "random": random, "websockets": websockets,
    }  # fmt: skip
    exec(compile(textwrap.dedent("\n".join(source)), "docs/protocol.md", "exec"), names)
    shown: list[dict[str, Any]] = []

    async def token() -> str:
        return await hub.token_of("admin@example.com")

    sql = await asyncpg.connect(hub.dsn)
    following = asyncio.create_task(
        names["follow"](hub.ws.replace("http", "ws"), token, "bookings", {}, shown.append)
    )
    try:
        key = await sql.fetchval("SELECT id::text FROM bookings ORDER BY id LIMIT 1")
        for number in range(3):
            mark = f"N{number}MARK"
            if number == 1:
                await hub.stop()
            await sql.execute("UPDATE bookings SET aircraft_id = $1 WHERE id = $2", mark, key)
            if number == 1:
                await hub.start()
            async with asyncio.timeout(20):
                while not shown or shown[-1][key]["aircraft_id"] != mark:
                    assert not following.done(), following.exception()
                    await asyncio.sleep(0.02)
        assert len(shown[-1]) == await sql.fetchval("SELECT count(*) FROM bookings")
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await sql.close()
