"""Catching up at its edges: a long way at once, a fault on the way, and what is said meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import asyncpg
import pytest
from running import Client, Hub, apply
from streaming import PATH
from test_live_slow import ADMIN, MARK, Sluggish, sluggard  # noqa: F401  (a fixture)

from hub.live import catching, stream
from hub.live.wheel import _ping
from hub.rules.cursor import covers, parse_cursor

Connect = Callable[..., Awaitable[Client]]
Start = Callable[..., Awaitable[Hub]]
TOPICS = {"1": {}, "2": {"status": ["CONFIRMED"]}, "3": {"status": ["COMPLETED"]}}


@pytest.fixture
async def sql(seeded_dsn: str) -> AsyncIterator[Any]:
    """Another program with a connection to the schedule."""
    conn = await asyncpg.connect(seeded_dsn)
    yield conn
    await conn.close()


async def test_a_long_way_is_gone_watch_by_watch_and_no_ping_runs_ahead(
    start_hub: Start,
    seeded_dsn: str,
    sql: Any,
    connect: Connect,
    sluggard: Sluggish,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As one that comes back with its cursor; what its client still takes for live stays true."""
    monkeypatch.setattr(catching, "HEAVY", 100)
    hub = await start_hub(seeded_dsn, slow_after_bytes=4096)
    client = await sluggard(hub)
    for id, within in TOPICS.items():
        await client.say(type="watch", id=id, topic="bookings", filter=within)
        await client.read(10, until="live")
    [session] = hub.house.gate.sessions
    number = 0
    async with asyncio.timeout(30):
        while session.behind is None:
            number += 1
            await sql.execute(MARK, f"N{number}")
    for _ in range(20):
        number += 1
        await sql.execute(MARK, f"N{number}")
    await hub.has_read(sql)
    left = session.behind.snapshot
    before = len(client.heard)
    await client.read(5, until="live")
    # The others wait for their turn: whoever is told a cursor now must be told the one it was left at.
    if not all(watch.is_live for watch in session.watches.values()):
        assert covers(session.good_until.snapshot, left)
    async with asyncio.timeout(20):
        while not all(watch.is_live for watch in session.watches.values()) or session.behind:
            await client.read(0.1)
        while len(lives := _lives(client.heard[before:])) < len(TOPICS):
            await client.read(0.1)
    await client.read(0.5)
    assert session.good_until is hub.house.feed.cursor
    told = client.heard[before:]
    assert _lives(told) == lives
    assert sorted(lives) == sorted(TOPICS)
    assert all(one["resumed"] for one in told if one["type"] == "live")
    assert not any(one["type"] == "reset" for one in told)
    fresh = await connect(hub, await hub.token_of(ADMIN))
    for id, within in TOPICS.items():
        await fresh.watch(id, "bookings", filter=within)
        assert _rows(client.heard, id) == fresh.rows[id]


def _lives(heard: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in heard if one["type"] == "live"]


def _rows(heard: list[dict[str, Any]], id: str) -> dict[str, Any]:
    """What a watch's client shows after all it heard."""
    rows: dict[str, Any] = {}
    view = None
    for told in heard:
        if told["type"] == "rows" and told["id"] == id:
            rows |= {row["id"]: row for row in told["rows"]}
        elif told["type"] == "live" and told["id"] == id:
            view = told["view"]
        elif told["type"] == "change" and told.get("id", id) == id and told["view"] in (view, None):
            apply(rows, told)
    return rows


async def test_a_fault_on_the_way_ends_in_a_new_picture(
    hub: Hub,
    sql: Any,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings")
    [session] = hub.house.gate.sessions
    gate = hub.house.gate
    since = gate.news.since

    def fails(*_: Any, **__: Any) -> Any:
        monkeypatch.setattr(gate.news, "since", since)
        raise KeyError("a fault of our own")

    session.paused()
    await sql.execute(MARK, "N1")
    await hub.house.feed.turned()
    monkeypatch.setattr(gate.news, "since", fails)
    session.resumed()
    assert (await client.until("reset"))["reason"] == "fault"
    await client.until("live")
    await sql.execute(MARK, "N2")
    await client.until("change")


async def test_a_resumption_that_fails_is_a_new_picture_and_no_riddle_for_ever(
    hub: Hub, sql: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    cursor = (await client.watch("1", "bookings"))["cursor"]
    await sql.execute(MARK, "N1")
    await client.until("change")
    news = hub.house.gate.news
    since = news.since

    def fails(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(news, "since", since)
        raise KeyError("a column of another release")

    monkeypatch.setattr(news, "since", fails)
    await client.say(
        type="watch", id="2", topic="bookings", cursor=cursor, filter={"to": "2999-01-01T00:00:00Z"}
    )
    assert (await client.until("reset"))["reason"] == "fault"
    assert (await client.until("live"))["resumed"] is False


async def test_no_ping_comes_before_the_reset_that_its_cursor_covers(
    hub: Hub, connect: Connect
) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings")
    [session] = hub.house.gate.sessions
    hub.house.gate.delivery.restart("fault")
    _ping(session, b',"fresh_until":"2999-01-01T00:00:00Z"}')
    told: list[str] = []
    while "ping" not in told:
        told.append((await client.ws.receive(timeout=5)).json()["type"])
    assert told[0] == "reset"


async def test_a_watch_that_is_dropped_owes_no_reset(hub: Hub, connect: Connect) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings")
    [session] = hub.house.gate.sessions
    hub.house.gate.delivery.restart("fault")
    assert session.owed == {"1"}
    session.drop(session.watches["1"])
    _ping(session, b',"fresh_until":"2999-01-01T00:00:00Z"}')
    assert (await client.ws.receive(timeout=5)).json()["type"] == "ping"


async def test_a_picture_that_is_never_done_is_given_up(
    hub: Hub, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where more happens than is held while a picture is read, there is no end to beginning anew."""
    monkeypatch.setattr(hub.house.gate.news, "since", lambda *_, **__: None)
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.say(type="watch", id="1", topic="bookings")
    told = await client.until("error")
    assert (told["code"], told["temporary"]) == ("unavailable", True)
    assert [one["type"] for one in client.heard].count("reset") == 4


async def test_streams_are_counted_when_it_is_known_who_asks(
    start_hub: Start, seeded_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart nobody is known at first; a crowd must not come in by that."""
    hub = await start_hub(seeded_dsn, max_sockets_per_address=2)
    token = await hub.token_of(ADMIN)
    identify = stream.identify

    async def slowly(*given: Any) -> Any:
        await asyncio.sleep(0.3)
        return await identify(*given)

    monkeypatch.setattr(stream, "identify", slowly)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
        answers = await asyncio.gather(
            *(http.get(hub.url + PATH, params={"topic": "bookings"}) for _ in range(5))
        )
        assert sorted(answer.status for answer in answers) == [200, 200, 429, 429, 429]
        for answer in answers:
            answer.close()


async def test_a_stream_may_have_every_watch_there_may_be(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    """What the door says on its client's behalf is not what that client may say a second."""
    hub = await start_hub(seeded_dsn, max_watches=50, messages_per_second=2)
    token = await hub.token_of(ADMIN)
    watches = [
        (
            "watch",
            f'{{"id":"{n}","topic":"bookings","filter":{{"to":"21{n:02d}-01-01T00:00:00Z"}}}}',
        )
        for n in range(40)
    ]
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http,
        http.get(hub.url + PATH, params=watches) as answer,
    ):
        assert answer.status == 200
        seen = b""
        async with asyncio.timeout(30):
            while seen.count(b"event: live") < 40:
                told = await answer.content.readany()
                assert told, seen[-300:]
                seen += told


async def test_a_cursor_of_another_epoch_never_outlives_its_watches(
    hub: Hub, connect: Connect
) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    live = await client.watch("1", "bookings")
    [session] = hub.house.gate.sessions
    session.floor = parse_cursor(live["cursor"])
    assert session.good_until is hub.house.feed.cursor
    assert session.floor is None
