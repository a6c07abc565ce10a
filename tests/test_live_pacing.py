"""Kiosks: told a lone change at once, at most four frames a second, and always the truth in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import asyncpg
import pytest
from running import Client, Hub

from hub.identity.devices import PREFIX, digest, secret

Connect = Callable[..., Awaitable[Client]]
Start = Callable[..., Awaitable[Hub]]
ADMIN = "admin@example.com"


async def kiosk(dsn: str, airport: str | None = None) -> str:
    """The credential of a paired device."""
    token = secret(PREFIX)
    conn = await asyncpg.connect(dsn)
    await conn.execute(
        "INSERT INTO devices (name, airport, hash, paired_at) VALUES ('Hangar', $1, $2, now())",
        airport,
        digest(token),
    )
    await conn.close()
    return token


async def _two(conn: Any) -> list[Any]:
    """Two bookings on which no exclusion bears."""
    return list(await conn.fetch("SELECT id FROM bookings WHERE status = 'COMPLETED' LIMIT 2"))


#: One transaction, two rows: a screen never shows the one without the other.
BOTH = "UPDATE bookings SET duration_minutes = $1 WHERE id = ANY ($2)"


async def _storm(dsn: str, seconds: float) -> int:
    """Changes of two rows at a time, as fast as they commit; returns the last one's mark."""
    conn = await asyncpg.connect(dsn)
    try:
        ids = [row["id"] for row in await _two(conn)]
        mark, end = 1000, monotonic() + seconds
        while monotonic() < end:
            mark += 1
            await conn.execute(BOTH, mark, ids)
        return mark
    finally:
        await conn.close()


def _marks(client: Client) -> set[int]:
    return {row["minutes"] for row in client.rows["b"].values() if row["minutes"] > 1000}


async def test_a_kiosk_is_told_a_lone_change_at_once_and_the_next_in_its_time(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn, kiosk_frames_per_second=0.5)
    client = await connect(hub, await kiosk(seeded_dsn))
    await client.watch("b", "board")
    conn = await asyncpg.connect(seeded_dsn)
    ids = [row["id"] for row in await _two(conn)]
    await conn.execute(BOTH, 1001, ids)
    # Had it been made to wait its two seconds, this one would be in the same frame.
    first = await client.until("change")
    at = monotonic()
    await conn.execute(BOTH, 1002, ids)
    await conn.execute(BOTH, 1003, ids)
    second = await client.until("change")
    assert monotonic() - at > 1.5
    (transaction,) = first["transactions"]
    assert {item["row"]["minutes"] for item in transaction["items"]} == {1001}
    (transaction,) = second["transactions"]
    assert {item["row"]["minutes"] for item in transaction["items"]} == {1003}
    await conn.close()


async def test_a_kiosk_is_handed_at_most_four_frames_a_second_and_no_half_transaction(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn)
    screen = await connect(hub, await kiosk(seeded_dsn))
    admin = await connect(hub, await hub.token_of(ADMIN))
    await screen.watch("b", "board")
    await admin.watch("b", "board")
    told: list[float] = []

    async def look() -> None:
        while True:
            change = await screen.until("change", timeout=30)
            told.append(monotonic())
            screen.follow(change)
            assert len(_marks(screen)) <= 1, "the one row without the other"

    looking = asyncio.create_task(look())
    last = await _storm(seeded_dsn, 3.0)
    async with asyncio.timeout(20):
        while not looking.done() and _marks(screen) != {last}:
            await asyncio.sleep(0.02)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    changes = [one for one in screen.heard if one["type"] == "change"]
    assert 4 <= len(changes) <= 4 * (told[-1] - told[0]) + 2
    await admin.watch("again", "board")
    assert screen.rows["b"] == admin.rows["again"]
    # Whoever is no kiosk is told everything as it comes.
    assert sum(one["type"] == "change" for one in admin.heard) > len(changes)


async def test_what_kiosks_of_one_view_are_told_is_encoded_once(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn)
    token = await kiosk(seeded_dsn)
    screens = [await connect(hub, token) for _ in range(12)]
    for screen in screens:
        await screen.watch("b", "board")
    before = hub.house.gate.news.encoded
    last = await _storm(seeded_dsn, 2.0)
    for screen in screens:
        while _marks(screen) != {last}:
            screen.follow(await screen.until("change"))
    frames = [sum(one["type"] == "change" for one in screen.heard) for screen in screens]
    # Were each encoded for each, it would be twelve times a screen's frames.
    assert hub.house.gate.news.encoded - before <= 3 * max(frames)


async def test_nobody_to_pace_costs_no_timer(hub: Hub, connect: Connect, seeded_dsn: str) -> None:
    pacer = hub.house.gate.pacer
    screen = await connect(hub, await kiosk(seeded_dsn))
    await screen.watch("b", "board")
    assert pacer._alarm is None
    last = await _storm(seeded_dsn, 0.2)
    while _marks(screen) != {last}:
        screen.follow(await screen.until("change"))
    async with asyncio.timeout(10):
        while pacer._alarm is not None:
            await asyncio.sleep(0.02)
    (session,) = hub.house.gate.sessions
    assert session.behind is None
    assert not pacer.holds(session)


async def test_a_kiosk_that_always_waits_for_its_turn_is_pinged_with_its_own_cursor(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn, ping_every=1, kiosk_frames_per_second=1)
    token = await kiosk(seeded_dsn)
    screen = await connect(hub, token)
    await screen.watch("b", "board")
    storm = asyncio.create_task(_storm(seeded_dsn, 4.0))
    pings = []
    kept: dict[str, Any] = {}
    while not storm.done():
        told = await screen.ws.receive_json(timeout=10)
        if told["type"] == "ping":
            await screen.say(type="pong")
            pings.append(told["cursor"])
            kept = dict(screen.rows["b"])
            assert told["sent"] == sum(one["type"] == "change" for one in screen.heard)
        elif told["type"] == "change":
            screen.heard.append(told)
            screen.follow(told)
    assert len(pings) >= 2
    await hub.house.feed.turned()
    # What it had when it was pinged, and what came since that cursor, is all there is.
    back = await connect(hub, token)
    await back.say(type="watch", id="b", topic="board", cursor=pings[-1])
    back.rows["b"], back.views["b"] = kept, screen.views["b"]
    while (told := await back.hear())["type"] != "live":
        back.follow(told)
    assert told["resumed"] is True
    await back.watch("again", "board")
    assert back.rows["b"] == back.rows["again"]
