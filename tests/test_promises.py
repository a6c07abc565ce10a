"""DESIGN's promises to whoever writes a client, each by its name, on sockets and over HTTP.

What is promised here is kept by many rooms, and each has tests of its own; these hold the words.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import asyncpg
import orjson
import pytest
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from dumps import dump, restore
from feeding import OnePhase
from pgserver import Server
from rawsocket import TEXT, frame, upgrade
from running import Client, Hub

from hub.db.migrations import migrate
from hub.db.seeds import seed
from hub.feed import retention
from hub.feed.doorbell import Pace
from hub.identity.devices import PREFIX, digest, secret
from hub.live.closing import Code

Connect = Callable[..., Awaitable[Client]]
StartHub = Callable[..., Awaitable[Hub]]
ADMIN = "admin@example.com"
SOON = Pace(probe=0.3)
PICK = "SELECT id::text FROM bookings WHERE status = 'COMPLETED' ORDER BY id LIMIT 1"


@pytest.fixture
async def sql(hub: Hub) -> Any:
    """Another program with a connection to the schedule."""
    conn = await asyncpg.connect(hub.dsn)
    yield conn
    await conn.close()


@pytest.fixture
def own_server(_plain_environment: None) -> Iterator[Server]:
    server = OnePhase()
    yield server
    server.remove()


async def _write(dsn: str, *statements: str) -> None:
    """Another program comes, writes and goes."""
    conn = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await conn.execute(statement)
    finally:
        await conn.close()


def _fly(key: str, minutes: int) -> str:
    return f"UPDATE bookings SET duration_minutes = {minutes} WHERE id = '{key}'"


def _items(heard: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        item
        for told in heard
        if told["type"] == "change"
        for transaction in told["transactions"]
        for item in transaction["items"]
    ]


def _flown(heard: list[dict[str, Any]], key: str) -> list[int]:
    return [item["row"]["duration_minutes"] for item in _items(heard) if item["key"] == key]


async def _get(hub: Hub, token: str, path: str, **more: Any) -> aiohttp.ClientResponse:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.request(more.pop("method", "GET"), f"{hub.url}/api/v1/{path}", **more) as answer,
    ):
        await answer.read()
        return answer


async def test_commit_is_the_only_publish(hub: Hub, connect: Connect, sql: Any) -> None:
    """What is rolled back was never said; psql's change arrives like any other, and in one piece."""
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings")
    key = await sql.fetchval(PICK)
    transaction = sql.transaction()
    await transaction.start()
    await sql.execute(_fly(key, 5))
    assert await client.silent()
    await transaction.rollback()
    assert await client.silent()
    await sql.execute(_fly(key, 7))
    assert _flown([await client.until("change")], key) == [7]


async def test_every_read_is_a_resume_point(hub: Hub, connect: Connect, sql: Any) -> None:
    token = await hub.token_of(ADMIN)
    key = await sql.fetchval(PICK)
    client = await connect(hub, token)
    live = await client.watch("1", "bookings")
    cursors = {"a first picture": live["cursor"]}
    for path in ("bookings", f"bookings/{key}", "notifications", "users", "bookings/upcoming"):
        cursors[path] = (await _get(hub, token, path)).headers["Hub-Cursor"]
    await sql.execute(_fly(key, 11))
    cursors["a change"] = (await client.until("change"))["cursor"]
    await sql.execute(_fly(key, 12))
    await client.until("change")
    for what, cursor in cursors.items():
        again = await connect(hub, token)
        assert (await again.watch("1", "bookings", cursor=cursor))["resumed"], what
        # Conflated: the newest state, once, and nothing that was seen before.
        assert _flown(again.heard, key) == [12], what
        assert len(_items(again.heard)) == 1, what


async def test_who_received_nothing_yet_can_resume(hub: Hub, connect: Connect, sql: Any) -> None:
    """From its `live`, or from a ping, without ever having been told a change."""
    token = await hub.token_of(ADMIN)
    key = await sql.fetchval(PICK)
    client = await connect(hub, token)
    none = {"airport": "KXXX"}
    await client.watch("1", "bookings", filter=none)
    assert client.rows["1"] == {}
    await client.ws.close()
    await sql.execute(f"UPDATE bookings SET arrival_airport = 'KXXX' WHERE id = '{key}'")
    again = await connect(hub, token)
    await again.watch("1", "bookings", filter=none, cursor=client.cursors["1"])
    if not _items(again.heard):  # the feed had not turned yet
        await again.until("change")
    assert [item["key"] for item in _items(again.heard)] == [key]


async def test_a_change_is_encoded_once_and_the_same_bytes_go_to_all_of_a_view(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    token = await hub.token_of(ADMIN)
    clients = [await connect(hub, token) for _ in range(5)]
    for client in clients:
        await client.watch("1", "bookings")
    key = await sql.fetchval(PICK)
    encoded = hub.house.gate.delivery.encoded
    await sql.execute(_fly(key, 21))
    told = {(await client.ws.receive()).data for client in clients}
    assert len(told) == 1
    assert hub.house.gate.delivery.encoded == encoded + 1


async def test_a_change_holds_whole_transactions(hub: Hub, connect: Connect, sql: Any) -> None:
    """Three bookings swapped in one transaction arrive together."""
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings")
    keys = [r[0] for r in await sql.fetch(PICK.replace("LIMIT 1", "LIMIT 3"))]
    async with sql.transaction():
        for n, key in enumerate(keys):
            await sql.execute(_fly(key, 30 + n))
            await asyncio.sleep(0.05)
    (transaction,) = (await client.until("change"))["transactions"]
    assert [item["key"] for item in transaction["items"]] == keys


async def test_both_the_old_and_the_new_row_are_judged(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    """Moved from instructor A to B: A gets `remove`, B gets `upsert`, from one commit."""
    flight = await sql.fetchrow("SELECT id::text, instructor_id FROM bookings ORDER BY id LIMIT 1")
    others = await sql.fetch("SELECT id, email FROM users WHERE role = 'INSTRUCTOR' ORDER BY id")
    a = next(o for o in others if o["id"] == flight["instructor_id"])
    b = next(o for o in others if o["id"] != flight["instructor_id"])
    clients = [await connect(hub, await hub.token_of(who["email"])) for who in (a, b)]
    for client in clients:
        await client.watch("1", "bookings")
    await sql.execute(
        "UPDATE bookings SET status = 'CANCELLED', instructor_id = $2 WHERE id = $1::text::uuid",
        flight["id"],
        b["id"],
    )
    changes = [await client.until("change") for client in clients]
    assert [_items([change])[0]["op"] for change in changes] == ["remove", "upsert"]
    assert changes[0]["transactions"][0]["tx"] == changes[1]["transactions"][0]["tx"]


async def test_rights_are_judged_at_delivery(hub: Hub, connect: Connect, sql: Any) -> None:
    """What takes rights away and what they would have shown are one commit: nothing of it is told."""
    put = "INSERT INTO devices (name, hash, paired_at) VALUES ('d', $1, now()) RETURNING id"
    screen = secret(PREFIX)
    device = await sql.fetchval(put, digest(screen))
    key = await sql.fetchval(PICK)
    admin, kiosk = await connect(hub, await hub.token_of(ADMIN)), await connect(hub, screen)
    await admin.watch("1", "bookings")
    await kiosk.watch("1", "board")
    for client in (admin, kiosk):
        assert key in client.rows["1"]
        client.heard.clear()
    async with sql.transaction():
        await sql.execute("UPDATE bookings SET aircraft_id = 'N-SECRET' WHERE id::text = $1", key)
        await sql.execute("UPDATE users SET role = 'STUDENT' WHERE email = $1", ADMIN)
        await sql.execute("UPDATE devices SET revoked_at = now() WHERE id = $1", device)
    assert await admin.until("live")
    assert [told["type"] for told in admin.heard] == ["reset", "rows", "live"]
    assert admin.heard[0]["reason"] == "rights"
    assert (await kiosk.hear())["code"] == Code.FORBIDDEN
    assert (await kiosk.hear())["type"] == "closed"
    assert [told["type"] for told in kiosk.heard] == ["bye"]
    assert "N-SECRET" not in str(admin.heard + kiosk.heard)


async def test_a_token_that_has_expired_ends_its_session(hub: Hub, connect: Connect) -> None:
    client = await connect(hub, await hub.token_of(ADMIN, ttl=3))
    await client.watch("1", "bookings")
    began = asyncio.get_running_loop().time()
    assert (await client.until("bye"))["code"] == Code.TOKEN_EXPIRED
    assert asyncio.get_running_loop().time() - began < 6
    assert Code.TOKEN_EXPIRED.verdict == "reconnect now"
    assert (await client.hear())["code"] == Code.TOKEN_EXPIRED


async def test_replay_judges_with_todays_rights(hub: Hub, connect: Connect, sql: Any) -> None:
    """Who loses a flight while away is told to remove it, and nothing else of it."""
    flight = await sql.fetchrow("SELECT id::text, instructor_id FROM bookings ORDER BY id LIMIT 1")
    others = await sql.fetch("SELECT id, email FROM users WHERE role = 'INSTRUCTOR' ORDER BY id")
    a = next(o for o in others if o["id"] == flight["instructor_id"])
    b = next(o for o in others if o["id"] != flight["instructor_id"])
    token = await hub.token_of(a["email"])
    client = await connect(hub, token)
    await client.watch("1", "bookings")
    await client.ws.close()
    await sql.execute(
        "UPDATE bookings SET status = 'CANCELLED', instructor_id = $2 WHERE id = $1::text::uuid",
        flight["id"],
        b["id"],
    )
    await sql.execute(_fly(flight["id"], 44))
    await hub.house.feed.turned()
    again = await connect(hub, token)
    await again.watch("1", "bookings", cursor=client.cursors["1"])
    assert _items(again.heard) == [{"op": "remove", "key": flight["id"]}]


async def test_read_your_writes(hub: Hub, connect: Connect, sql: Any) -> None:
    """A write names its transaction, and so does the change that it comes round as."""
    token = await hub.token_of(ADMIN)
    client = await connect(hub, token)
    await client.watch("1", "bookings")
    key = await sql.fetchval("SELECT id::text FROM bookings WHERE status = 'CONFIRMED' LIMIT 1")
    tag = (await _get(hub, token, f"bookings/{key}")).headers["ETag"]
    said = await _get(
        hub,
        token,
        f"bookings/{key}",
        method="PATCH",
        data=orjson.dumps({"aircraft_id": "N-MINE"}),
        headers={"If-Match": tag, "Content-Type": "application/merge-patch+json"},
    )
    assert said.status == 200
    change = await client.until("change")
    assert change["transactions"][0]["tx"] == said.headers["Hub-Transaction"]


async def test_a_ping_carries_a_fresh_cursor_and_how_many_changes_were_sent(
    start_hub: StartHub, seeded_dsn: str, connect: Connect
) -> None:
    hub = await start_hub(seeded_dsn, ping_every=1, pong_timeout=5)
    token = await hub.token_of(ADMIN)
    client = await connect(hub, token)
    await client.watch("quiet", "bookings", filter={"airport": "KXXX"})
    await client.watch("busy", "bookings")
    conn = await asyncpg.connect(hub.dsn)
    try:
        key = await conn.fetchval(PICK)
        for n in (51, 52):
            await conn.execute(_fly(key, n))
            await client.until("change")
        async with asyncio.timeout(10):
            while (told := orjson.loads((await client.ws.receive()).data))["type"] != "ping":
                pass
        assert told["sent"] == 2
        assert told["fresh_until"].endswith("Z")
        again = await connect(hub, token)
        await again.watch("quiet", "bookings", cursor=told["cursor"])
        assert _items(again.heard) == [], "good for every live watch, also one told nothing"
    finally:
        await conn.close()


# Coming back.


@pytest.mark.parametrize("what", ["the hub", "PostgreSQL", "both"])
async def test_a_client_resumes_across_a_restart_of(
    what: str, own_server: Server, start_hub: StartHub, connect: Connect
) -> None:
    dsn = own_server.dsn()
    await migrate(dsn)
    await seed(dsn, env="dev")
    hub = await start_hub(dsn, pace=SOON)
    token = await hub.token_of(ADMIN)
    client = await connect(hub, token)
    await client.watch("1", "bookings")
    conn = await asyncpg.connect(dsn)
    key = await conn.fetchval(PICK)
    await conn.execute(_fly(key, 61))
    client.follow(await client.until("change"))
    await conn.execute(_fly(key, 62))  # it may be told before or after, but is
    await conn.close()
    if what != "PostgreSQL":
        await hub.stop()
    if what != "the hub":
        await asyncio.to_thread(own_server.stop)
        await asyncio.to_thread(own_server.start)
    await _write(dsn, _fly(key, 63))
    if what != "PostgreSQL":
        await hub.start()
        again = await connect(hub, token)
        live = await again.watch("1", "bookings", cursor=client.cursors["1"])
        assert live["resumed"] is True
        told = _flown(again.heard, key)
    else:  # the sockets have stayed open
        told = []
        while told[-1:] != [63]:
            told += _flown([await client.until("change", timeout=20)], key)
        assert all(m["type"] != "reset" for m in client.heard)
    assert told in ([63], [62, 63])


async def test_a_cursor_from_before_a_restore_or_of_another_database_is_reset(
    own_server: Server, start_hub: StartHub, connect: Connect
) -> None:
    if not (own_server.bin / "pg_dump").exists():
        pytest.skip("this PostgreSQL comes without its programs")
    dsn = own_server.dsn()
    await migrate(dsn)
    await seed(dsn, env="dev")
    hub = await start_hub(dsn, pace=SOON)
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings")
    backup = await dump(own_server, "postgres")
    await hub.stop()
    # The document's own way back: psql database < backup.sql.
    await _write(dsn, "CREATE DATABASE again TEMPLATE template0")
    await restore(own_server, "again", backup)
    restored = own_server.dsn("again")
    conn = await asyncpg.connect(restored)
    key = await conn.fetchval(PICK)
    await conn.execute(_fly(key, 71))
    await conn.close()
    other = await start_hub(restored, pace=SOON)
    again = await connect(other, await other.token_of(ADMIN))
    live = await again.watch("1", "bookings", cursor=client.cursors["1"])
    assert live["resumed"] is False
    assert {"type": "reset", "id": "1", "reason": "epoch"} in again.heard
    assert again.rows["1"][key]["duration_minutes"] == 71


async def test_a_cursor_beyond_retention_is_reset(hub: Hub, connect: Connect, sql: Any) -> None:
    token = await hub.token_of(ADMIN)
    client = await connect(hub, token)
    await client.watch("1", "bookings")
    key = await sql.fetchval(PICK)
    await sql.execute(_fly(key, 81))
    await client.until("change")
    await sql.execute("UPDATE events SET at = at - interval '80 hours'")
    assert await retention.prune(hub.house.pool, 72) > 0
    await hub.restart()
    again = await connect(hub, token)
    live = await again.watch("1", "bookings", cursor=client.cursors["1"])
    assert live["resumed"] is False
    assert {"type": "reset", "id": "1", "reason": "retention"} in again.heard
    assert again.rows["1"][key]["duration_minutes"] == 81


class Arriving(asyncio.Protocol):
    """A client that says what it is told to, and keeps what it hears; it has no timer and no task."""

    def __init__(self, name: str) -> None:
        self._mine = f'"title":"for {name}"'.encode()
        self.heard = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(upgrade())

    def say(self, *messages: dict[str, str]) -> None:
        self.transport.write(b"".join(frame(TEXT, orjson.dumps(said)) for said in messages))

    def data_received(self, data: bytes) -> None:
        self.heard += data

    @property
    def is_in(self) -> bool:
        return b'"type":"welcome"' in self.heard

    @property
    def is_shown(self) -> bool:
        """Whether both watches are live, with its own rows and nobody else's."""
        if self.heard.count(b'"type":"live"') < 2:
            return False
        assert self.heard.count(b'"title":"for ') == self.heard.count(self._mine) == 1
        return True


async def test_a_thousand_clients_arriving_together_cost_a_handful_of_queries(
    start_hub: StartHub, seeded_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a hub just started, each another student: no two views are the same, none was read before."""
    many = 1000
    await _write(
        seeded_dsn,
        f"""INSERT INTO users (cognito_user_id, email, first_name, last_name, role, training_level)
            SELECT 'many-' || n, 'many' || n || '@example.com', 'M', 'Any', 'STUDENT', 'STUDENT_PILOT'
              FROM generate_series(1, {many}) AS n""",
        """INSERT INTO notifications (user_id, type, title, message)
           SELECT id, 'CONFIRMATION', 'for ' || cognito_user_id, 'm' FROM users
            WHERE cognito_user_id LIKE 'many-%'""",
    )
    hub = await start_hub(seeded_dsn, max_sockets_per_address=many, ping_every=600)
    gate, names = hub.house.gate, [f"many-{n}" for n in range(1, many + 1)]
    clients = [Arriving(name) for name in names]
    borrowed, borrow = 0, gate.pool.borrow

    async def counting(wait: float) -> Any:
        nonlocal borrowed
        borrowed += 1
        return await borrow(wait)

    # Whatever is read for a client is read on the pool's connections.
    monkeypatch.setattr(gate.pool, "borrow", counting)
    loop: Any = asyncio.get_running_loop()
    for client, name in zip(clients, names, strict=True):
        await loop.create_connection(lambda client=client: client, "127.0.0.1", hub.port)
        client.say({"type": "hello", "token": hub.token(name)})
    async with asyncio.timeout(60):
        while not all(client.is_in for client in clients):
            await asyncio.sleep(0.05)
        borrowed = 0
        for client in clients:
            client.say(
                {"type": "watch", "id": "1", "topic": "bookings"},
                {"type": "watch", "id": "2", "topic": "notifications"},
            )
        while not all(client.is_shown for client in clients):
            await asyncio.sleep(0.05)
    assert len(gate.views) == 2 * many
    # Ten, where nothing else is to be done meanwhile: two topics, two hundred readers a statement.
    assert borrowed <= 60
    for client in clients:
        client.transport.abort()
    async with asyncio.timeout(10):
        while gate.sessions:
            await asyncio.sleep(0.05)


async def test_once_upgraded_a_socket_is_the_hubs_and_nothing_of_aiohttps(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    """No protocol, no request and no task of it is left: only the session's own socket."""
    token = await hub.token_of(ADMIN)
    await connect(hub, token)  # what is made once, is made

    def held() -> tuple[int, int]:
        gc.collect()
        parts = (RequestHandler, web.BaseRequest, web.StreamResponse)
        return sum(isinstance(one, parts) for one in gc.get_objects()), len(asyncio.all_tasks())

    before = held()
    clients = [await connect(hub, token) for _ in range(20)]
    for client in clients:
        await client.watch("1", "bookings")
    await asyncio.sleep(0.1)
    # Some of the house's own come and go; the sockets' would be twenty.
    assert all(now < then + 10 for now, then in zip(held(), before, strict=True)), (before, held())
    assert len(hub.house.gate.sessions) == 21
    for session in hub.house.gate.sessions:
        assert session.socket.transport.get_protocol() is session.socket  # type: ignore[attr-defined]
    await sql.execute(_fly(await sql.fetchval(PICK), 15))
    for client in clients:
        await client.until("change")


async def test_a_fault_of_the_hubs_own_loses_nothing(
    hub: Hub, connect: Connect, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One batch could not be handed on: views and what the hub itself keeps are read anew."""
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings")
    student = await sql.fetchrow("SELECT id::text, email FROM users WHERE role = 'STUDENT' LIMIT 1")
    directory = hub.house.directory
    apply = directory.apply

    def fails(event: Any) -> None:
        monkeypatch.setattr(directory, "apply", apply)
        raise RuntimeError("a fault")

    monkeypatch.setattr(directory, "apply", fails)
    async with sql.transaction():
        await sql.execute("UPDATE users SET first_name = 'Zoe' WHERE id = $1", student["id"])
        await sql.execute("UPDATE users SET role = 'ADMIN' WHERE id = $1", student["id"])
    assert await client.until("reset") == {"type": "reset", "id": "1", "reason": "fault"}
    await client.until("live")
    person = directory.by_id(student["id"])
    assert (person.first_name, person.role) == ("Zoe", "ADMIN")
    key = await sql.fetchval(PICK)
    await sql.execute(_fly(key, 91))
    assert _flown([await client.until("change")], key) == [91]
