"""Rights at delivery: open sockets obey within a turn, and what is no longer theirs leaves the screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from running import Client, Hub

from hub.identity.api_keys import make
from hub.identity.devices import PREFIX, digest, secret
from hub.live.closing import Code

Connect = Callable[..., Awaitable[Client]]
ADMIN = "admin@example.com"


@pytest.fixture
async def sql(hub: Hub) -> Any:
    conn = await asyncpg.connect(hub.dsn)
    yield conn
    await conn.close()


async def _key(sql: Any, *scopes: str) -> tuple[str, Any]:
    made = make()
    put = """INSERT INTO api_keys (name, prefix, hash, scopes) VALUES ('k', $1, $2, $3) RETURNING id"""
    return made.secret, await sql.fetchval(put, made.prefix, made.digest, list(scopes))


async def _device(sql: Any, airport: str | None) -> tuple[str, Any]:
    token = secret(PREFIX)
    put = """INSERT INTO devices (name, airport, hash, paired_at) VALUES ('d', $1, $2, now())
             RETURNING id"""
    return token, await sql.fetchval(put, airport, digest(token))


async def _follow_reset(client: Client, id: str) -> dict[str, Any]:
    """What the screen shows once ``reset``, rows and ``live`` have come."""
    assert (await client.until("reset"))["reason"] == "rights"
    rows: dict[str, Any] = {}
    while (told := await client.hear())["type"] != "live":
        assert told["type"] == "rows"
        rows |= {row["id"]: row for row in told["rows"]}
    assert told["id"] == id
    return rows


async def test_an_admin_who_becomes_an_instructor_keeps_only_their_own_on_the_screen(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    admin = await sql.fetchval("SELECT id FROM users WHERE email = $1", ADMIN)
    mine = await sql.fetchval(
        """UPDATE bookings SET instructor_id = $1
            WHERE id = (SELECT id FROM bookings WHERE status = 'COMPLETED' LIMIT 1)
            RETURNING id::text""",
        admin,
    )
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings")
    assert len(client.rows["1"]) > 1
    await sql.execute("UPDATE users SET role = 'INSTRUCTOR' WHERE id = $1", admin)
    assert set(await _follow_reset(client, "1")) == {mine}
    # And nothing of others' from here on.
    await sql.execute("UPDATE bookings SET duration_minutes = 7 WHERE status = 'COMPLETED'")
    change = await client.until("change")
    assert {item["key"] for one in change["transactions"] for item in one["items"]} == {mine}


async def test_an_instructor_reassigned_loses_the_flight_on_the_screen(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    one, two = await sql.fetch(
        "SELECT id, email FROM users WHERE role = 'INSTRUCTOR' ORDER BY id LIMIT 2"
    )
    key = await sql.fetchval(
        """UPDATE bookings SET instructor_id = $1
            WHERE id = (SELECT id FROM bookings WHERE status = 'COMPLETED' LIMIT 1)
            RETURNING id::text""",
        one["id"],
    )
    client = await connect(hub, await hub.token_of(one["email"]))
    await client.watch("1", "bookings")
    assert key in client.rows["1"]
    await sql.execute("UPDATE bookings SET instructor_id = $1 WHERE id::text = $2", two["id"], key)
    client.follow(await client.until("change"))
    assert key not in client.rows["1"]


async def test_a_key_that_loses_its_scope_is_told_to_forget_and_one_revoked_is_shown_out(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    token, id = await _key(sql, "bookings:read", "notifications:write")
    client = await connect(hub, token)
    await client.watch("1", "bookings")
    assert client.rows["1"]
    await sql.execute("UPDATE api_keys SET scopes = '{notifications:write}' WHERE id = $1", id)
    assert await client.until("reset") == {"type": "reset", "id": "1", "reason": "rights"}
    assert (await client.hear())["code"] == "forbidden"
    await sql.execute("UPDATE bookings SET duration_minutes = 7 WHERE status = 'COMPLETED'")
    assert await client.silent()
    await sql.execute("UPDATE api_keys SET revoked_at = now() WHERE id = $1", id)
    assert (await client.until("bye"))["code"] == Code.FORBIDDEN


async def test_a_kiosk_that_is_moved_shows_the_other_airport_and_one_revoked_nothing(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    await sql.execute(
        """UPDATE bookings SET departure_airport = 'KAAA', arrival_airport = 'KAAA'
            WHERE id = (SELECT id FROM bookings WHERE status = 'COMPLETED' LIMIT 1)"""
    )
    token, id = await _device(sql, "KAAA")
    client = await connect(hub, token)
    await client.watch("1", "board")
    assert len(client.rows["1"]) == 1
    await sql.execute("UPDATE devices SET airport = 'KNOWHERE' WHERE id = $1", id)
    assert await _follow_reset(client, "1") == {}
    await sql.execute("UPDATE devices SET airport = NULL WHERE id = $1", id)
    assert len(await _follow_reset(client, "1")) > 1
    await sql.execute("UPDATE devices SET revoked_at = now() WHERE id = $1", id)
    assert (await client.until("bye"))["code"] == Code.FORBIDDEN


async def test_who_renews_in_place_keeps_every_watch_and_misses_nothing(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    client = await connect(hub, await hub.token_of(ADMIN, ttl=30))
    await client.watch("1", "bookings")
    told = await client.until("expiring")
    assert told["in"] <= 30
    # Said in one breath with the renewal: what follows is judged by the new token.
    await client.say(type="auth", token=await hub.token_of(ADMIN))
    await client.say(type="watch", id="2", topic="notifications")
    assert (await client.hear())["type"] == "renewed"
    assert (await client.until("live"))["id"] == "2"
    await sql.execute("UPDATE bookings SET duration_minutes = 7 WHERE status = 'COMPLETED'")
    client.follow(await client.until("change"))
    await client.watch("3", "bookings")
    assert client.rows["1"] == client.rows["3"]
    assert not any(one["type"] == "reset" for one in client.heard)
