"""The seam: where a picture ends and the stream begins, nothing is missing and nothing comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import asyncpg
import pytest
from running import Client, Hub

Connect = Callable[..., Awaitable[Client]]
ADMIN = "admin@example.com"


@asynccontextmanager
async def _counting(hub: Hub) -> AsyncIterator[str]:
    """A writer that counts in one booking's aircraft: N1, N2, N3…"""
    conn = await asyncpg.connect(hub.dsn)
    key = await conn.fetchval("SELECT id::text FROM bookings WHERE status = 'COMPLETED' LIMIT 1")
    await conn.execute("UPDATE bookings SET aircraft_id = 'N0' WHERE id = $1", key)

    async def count() -> None:
        for n in range(1, 100_000):
            await conn.execute("UPDATE bookings SET aircraft_id = $2 WHERE id = $1", key, f"N{n}")
            await asyncio.sleep(0.001)

    writer = asyncio.create_task(count())
    try:
        yield key
    finally:
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        conn.terminate()


def _number(row: dict[str, Any]) -> int:
    return int(row["aircraft_id"][1:])


def _numbers(change: dict[str, Any], key: str) -> list[int]:
    return [
        _number(item["row"])
        for transaction in change["transactions"]
        for item in transaction["items"]
        if item["key"] == key
    ]


async def _follow(client: Client, id: str, at: int, key: str, frames: int) -> None:
    """From ``at`` on: a catch-up may jump ahead once; after ``live`` every number comes, once."""
    live = None
    while frames:
        told = await client.hear()
        if told["type"] == "live" and told["id"] == id:
            live = told
        elif told["type"] == "change" and (
            told.get("id") == id or told["view"] == (live or {}).get("view")
        ):
            numbers = _numbers(told, key)
            if told.get("id") == id:
                assert numbers[-1] > at, f"told of {numbers} again after {at}"
                at = numbers[-1]
                continue
            assert numbers == list(range(at + 1, at + 1 + len(numbers))), f"{numbers} after {at}"
            at = numbers[-1]
            frames -= 1


@pytest.fixture
async def hub(start_hub: Callable[..., Awaitable[Hub]], seeded_dsn: str) -> Hub:
    """A hub that does not mind how fast these clients begin watch after watch."""
    return await start_hub(seeded_dsn, messages_per_second=1000)


async def test_a_first_picture_and_its_stream(hub: Hub, connect: Connect) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    async with _counting(hub) as key:
        for n in range(25):
            # Another filter each time: another view, another picture.
            await client.say(
                type="watch",
                id=f"w{n}",
                topic="bookings",
                filter={"to": f"21{n:02d}-01-01T00:00:00Z"},
            )
            seen = None
            while seen is None:
                told = await client.hear()
                if told["type"] == "rows" and told["id"] == f"w{n}":
                    seen = next(_number(row) for row in told["rows"] if row["id"] == key)
            await _follow(client, f"w{n}", seen, key, 5)
            await client.say(type="unwatch", id=f"w{n}")


async def test_a_rest_read_and_its_stream(hub: Hub, connect: Connect) -> None:
    token = await hub.token_of(ADMIN)
    client = await connect(hub, token)
    async with (
        _counting(hub) as key,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http,
    ):
        for n in range(25):
            async with http.get(f"{hub.url}/api/v1/bookings/{key}") as answer:
                cursor, seen = answer.headers["Hub-Cursor"], _number(await answer.json())
            await client.say(
                type="watch", id=f"w{n}", topic="bookings", cursor=cursor,
                filter={"to": f"21{n:02d}-01-01T00:00:00Z"},
            )  # fmt: skip
            await _follow(client, f"w{n}", seen, key, 5)
            await client.say(type="unwatch", id=f"w{n}")


async def test_two_watches_of_one_view_each_have_their_own_beginning(
    hub: Hub, connect: Connect
) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    async with _counting(hub) as key:
        first = await client.watch("a", "bookings")
        heard = len(client.heard)
        second = await client.watch("b", "bookings")
        assert first["view"] == second["view"]
        told = client.heard[heard:]
        # The second's picture and catch-up are its own: what is for the view goes on unbroken.
        numbers = [
            n
            for one in told
            if one["type"] == "change" and "id" not in one
            for n in _numbers(one, key)
        ]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
        for _ in range(5):
            change = await client.until("change")
            client.follow(change)
            assert client.rows["a"][key] == client.rows["b"][key]
