"""Limits and time: every limit has its error or its close code, and an idle session no timer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import aiohttp
import asyncpg
import pytest
from running import Client, Hub

from hub.live import drain
from hub.live.closing import Code

Connect = Callable[..., Awaitable[Client]]
Start = Callable[..., Awaitable[Hub]]
ADMIN = "admin@example.com"


async def _ends(client: Client, code: Code) -> dict[str, Any]:
    bye = await client.until("bye")
    assert bye["code"] == code
    assert (await client.hear())["code"] == code
    return bye


async def test_no_hello_in_time_whatever_is_sent_meanwhile(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn, hello_timeout=0.5)
    client = await connect(hub, autoping=False)
    began = monotonic()
    while monotonic() - began < 1:
        await client.ws.ping()
        await asyncio.sleep(0.1)
    await _ends(client, Code.NO_HELLO)
    assert monotonic() - began < 6


async def test_too_many_messages_a_second(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn, messages_per_second=5)
    client = await connect(hub, await hub.token_of(ADMIN))
    for n in range(30):
        await client.say(type="unwatch", id=str(n))
    await _ends(client, Code.RATE)


async def test_a_flood_of_pings_is_too_many_messages(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn, messages_per_second=5)
    client = await connect(hub, await hub.token_of(ADMIN), autoping=False)
    for _ in range(500):
        await client.ws.ping()
    while (told := await client.ws.receive()).type is aiohttp.WSMsgType.PONG:
        pass
    assert told.json()["code"] == Code.RATE


async def test_watches_a_session(start_hub: Start, seeded_dsn: str, connect: Connect) -> None:
    hub = await start_hub(seeded_dsn, max_watches=2)
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings")
    await client.watch("2", "notifications")
    await client.say(type="watch", id="3", topic="bookings")
    assert (await client.hear())["code"] == "too_many_watches"
    await client.say(type="unwatch", id="2")
    await client.watch("3", "bookings")


async def test_sockets_of_one_principal(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn, max_sockets_per_principal=2)
    token = await hub.token_of(ADMIN)
    for _ in range(2):
        await connect(hub, token)
    third = await connect(hub)
    await third.say(type="hello", token=token)
    await _ends(third, Code.TOO_MANY)
    await asyncio.sleep(0.05)
    assert len(hub.house.gate.sessions) == 2


async def test_sockets_of_one_address(start_hub: Start, seeded_dsn: str, connect: Connect) -> None:
    hub = await start_hub(seeded_dsn, max_sockets_per_address=2, trusted_proxies=("127.0.0.1",))
    token = await hub.token_of(ADMIN)

    def of(address: str) -> dict[str, Any]:
        return {"headers": {"X-Forwarded-For": f"6.6.6.6, {address}"}}

    first = await connect(hub, token, **of("2001:db8:0:1::1"))
    await connect(hub, token, **of("2001:db8:0:1::2"))
    # The third of a /64, by either door, is refused before it is open; who is elsewhere is not.
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await connect(hub, token, **of("2001:db8:0:1:ffff::3"))
    assert refused.value.status == 429
    assert refused.value.headers is not None
    assert int(refused.value.headers["Retry-After"]) > 0
    assert refused.value.headers["Content-Type"] == "application/problem+json"
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http,
        http.get(f"{hub.url}/api/v1/stream?topic=bookings", **of("2001:db8:0:1::4")) as answer,
    ):
        assert answer.status == 429
        assert (await answer.json())["code"] == "too-many-sockets"
    await connect(hub, token, **of("2001:db8:0:2::1"))
    await first.ws.close()
    async with asyncio.timeout(5):
        while len(hub.house.gate.sessions) > 2:
            await asyncio.sleep(0.01)
    await connect(hub, token, **of("2001:db8:0:1::5"))


async def test_messages_that_wait_for_a_verdict(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn, messages_per_second=1000)
    # Whoever judges tokens takes its time.
    hub.house.gate.errands.identify = lambda session, token: None  # type: ignore[method-assign]
    client = await connect(hub)
    await client.say(type="hello", token=await hub.token_of(ADMIN))
    for _ in range(5):
        await client.say(type="auth", token="x" * 15_000)
    await _ends(client, Code.MALFORMED)


async def test_frames_and_messages_of_a_size(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn, max_message=2048)
    token = await hub.token_of(ADMIN)
    client = await connect(hub, token)
    await client.say(type="watch", id="1", topic="bookings", filter={"aircraft_id": "N" * 1900})
    assert (await client.hear())["code"] == "bad_filter"
    await client.say(type="watch", id="1", topic="bookings", filter={"aircraft_id": "N" * 2048})
    assert (await client.hear())["code"] == 1009


async def test_reads_under_way_for_one_principal(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn, reads_per_principal=2, messages_per_second=1000)
    client = await connect(hub, await hub.token_of(ADMIN))
    pictures = hub.house.gate.pictures
    read, under_way, most = pictures.read, 0, 0

    async def counted(*asked: Any, **more: Any) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await read(*asked, **more)
        finally:
            under_way -= 1

    pictures.read = counted  # type: ignore[method-assign]
    for n in range(20):
        filter = {"aircraft_id": f"N{n}"}
        await client.say(type="watch", id=str(n), topic="bookings", filter=filter)
    lives = 0
    while lives < 20:
        lives += (await client.hear())["type"] == "live"
    assert most == 2


async def test_a_ping_proves_and_an_unanswered_one_ends_it(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn, ping_every=1, pong_timeout=1)
    token = await hub.token_of(ADMIN)
    good, mute = await connect(hub, token), await connect(hub, token)
    mute.answers = False
    answering = asyncio.create_task(good.hear(timeout=30))
    await mute.watch("1", "bookings")
    conn = await asyncpg.connect(hub.dsn)
    await conn.execute("UPDATE bookings SET duration_minutes = 7 WHERE status = 'COMPLETED'")
    await conn.close()
    await mute.until("change")
    ping = await mute.ws.receive_json(timeout=5)
    assert ping["type"] == "ping"
    assert ping["sent"] == 1
    assert ping["cursor"] == str(hub.house.feed.cursor)
    assert ping["fresh_until"] > "2026"
    bye = await mute.until("bye", timeout=8)
    assert bye["code"] == Code.NO_PONG
    await asyncio.sleep(1.5)
    assert not answering.done(), "the one who answers is still here"
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)


async def test_a_token_is_renewed_in_place_or_ends_the_session(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn)
    renewed = await connect(hub, await hub.token_of(ADMIN, ttl=4))
    lapsed = await connect(hub, await hub.token_of(ADMIN, ttl=4))
    for client in (renewed, lapsed):
        told = await client.until("expiring")
        assert 1 <= told["in"] <= 4
    await renewed.say(type="auth", token=await hub.token_of(ADMIN))
    assert (await renewed.until("renewed"))["expires"] > "2026"
    await _ends(lapsed, Code.TOKEN_EXPIRED)
    await renewed.watch("1", "bookings")


async def test_another_users_token_does_not_renew(hub: Hub, connect: Connect) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    conn = await asyncpg.connect(hub.dsn)
    other = await conn.fetchval("SELECT email FROM users WHERE role = 'STUDENT' LIMIT 1")
    await conn.close()
    await client.say(type="auth", token=await hub.token_of(other))
    await _ends(client, Code.FORBIDDEN)


async def test_a_drain_tells_each_when_to_come_back_and_loses_nothing(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn, max_sockets_per_principal=100)
    token = await hub.token_of(ADMIN)
    clients = [await connect(hub, token) for _ in range(30)]
    for client in clients:
        await client.watch("1", "bookings")
    began = monotonic()
    draining = asyncio.create_task(drain(hub.house.gate, 1.0))

    async def farewell(client: Client) -> tuple[float, dict[str, Any]]:
        bye = await _ends(client, Code.DRAINING)
        return monotonic() - began, bye

    ends = await asyncio.gather(*(farewell(client) for client in clients))
    await draining
    assert max(at for at, _ in ends) < 5
    assert max(at for at, _ in ends) - min(at for at, _ in ends) > 0.2, "not paced"
    assert len({bye["retry_after"] for _, bye in ends}) > 10, "not spread"
    assert not hub.house.gate.sessions

    conn = await asyncpg.connect(hub.dsn)
    key = await conn.fetchval("SELECT id::text FROM bookings LIMIT 1")
    await conn.execute("UPDATE bookings SET aircraft_id = 'NDRAIN' WHERE id = $1", key)
    await conn.close()
    await hub.restart()
    await hub.house.feed.turned()
    back = await connect(hub, token)
    await back.say(type="watch", id="1", topic="bookings", cursor=clients[0].cursors["1"])
    change = await back.until("change")
    assert [i["key"] for t in change["transactions"] for i in t["items"]] == [key]
    assert (await back.until("live"))["resumed"] is True


async def test_different_watches_of_one_principal_in_all_its_sessions(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn, max_views_per_principal=3)
    one, two = [await connect(hub, await hub.token_of(ADMIN)) for _ in range(2)]
    for n in range(3):
        await one.watch(str(n), "bookings", filter={"aircraft_id": f"N{n}"})
    # What is watched already is no more to judge; what is not, is.
    await two.watch("same", "bookings", filter={"aircraft_id": "N1"})
    await two.say(type="watch", id="new", topic="bookings", filter={"aircraft_id": "N9"})
    told = await two.until("error")
    assert (told["id"], told["code"], told["temporary"]) == ("new", "too_many_watches", False)
    await one.say(type="unwatch", id="0")
    await one.say(type="watch", id="0", topic="bookings", filter={"aircraft_id": "N8"})
    assert (await one.until("live"))["id"] == "0"
    assert len(hub.house.gate.views) == 3
