"""Rights at delivery: open sockets obey within a turn, and what is no longer theirs leaves the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

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


#: The tail of a flight of which nothing may be told any more.
SECRET = "N-SECRET"
MARK = f"UPDATE bookings SET aircraft_id = '{SECRET}' WHERE id::text = $1"
FLIGHT = "SELECT id::text FROM bookings WHERE status = 'COMPLETED' ORDER BY id LIMIT 1 OFFSET $1"


class Reader(NamedTuple):
    """One kind of principal: its token, what it watches, and a flight that it sees."""

    token: str
    id: Any
    topic: str
    flight: str


async def _reader(kind: str, hub: Hub, sql: Any) -> Reader:
    """Two flights are apart from all others: one at KAAA, which the reader sees, and one at KBBB."""
    flights = [await sql.fetchval(FLIGHT, n) for n in range(2)]
    for key, airport in zip(flights, ("KAAA", "KBBB"), strict=True):
        await sql.execute(
            "UPDATE bookings SET departure_airport = $2, arrival_airport = $2 WHERE id::text = $1",
            key,
            airport,
        )
    match kind:
        case "device":
            token, id = await _device(sql, "KAAA")
        case "key":
            token, id = await _key(sql, "bookings:read")
        case "admin":
            token = await hub.token_of(ADMIN)
            id = await sql.fetchval("SELECT id FROM users WHERE email = $1", ADMIN)
        case _:
            id, email = await sql.fetchrow(
                """SELECT u.id, u.email FROM users AS u
                     JOIN bookings AS b ON b.student_id = u.id WHERE b.id::text = $1""",
                flights[0],
            )
            token = await hub.token_of(email)
    return Reader(token, id, "board" if kind == "device" else "bookings", flights[0])


# While away.


@pytest.mark.parametrize("remembered", [True, False], ids=["this-node-knows", "the-database-knows"])
@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("admin", ["UPDATE users SET role = 'STUDENT' WHERE id = $1"]),
        ("student", ["UPDATE users SET role = 'ADMIN' WHERE id = $1"]),
        ("device", ["UPDATE devices SET airport = 'KBBB' WHERE id = $1"]),
        ("device", ["UPDATE devices SET airport = NULL WHERE id = $1"]),
        (
            "key",  # with other scopes it may see no less, and is judged all the same
            [
                "UPDATE api_keys SET scopes = '{notifications:write}' WHERE id = $1",
                "UPDATE api_keys SET scopes = '{bookings:write}' WHERE id = $1",
            ],
        ),
    ],
    ids=["role-lowered", "role-raised", "kiosk-moved", "kiosk-freed", "scope-lost-and-given"],
)
async def test_what_was_changed_while_away_is_judged_at_replay(
    kind: str, changes: list[str], remembered: bool, hub: Hub, connect: Connect, sql: Any
) -> None:
    """Whoever comes back with an old cursor begins anew, and keeps no row that another would see."""
    reader = await _reader(kind, hub, sql)
    client = await connect(hub, reader.token)
    await client.watch("1", reader.topic)
    assert reader.flight in client.rows["1"]
    await client.ws.close()
    for change in changes:
        await sql.execute(change, reader.id)
    await hub.house.feed.turned()
    if not remembered:
        await hub.restart()
    back = await connect(hub, reader.token)
    live = await back.watch("1", reader.topic, cursor=client.cursors["1"])
    assert live["resumed"] is False
    assert back.heard[1] == {"type": "reset", "id": "1", "reason": "rights"}
    await back.watch("2", reader.topic)
    assert back.rows["1"] == back.rows["2"]
    # Those of the old rights were others, wherever they are not just the same.
    assert (back.rows["1"] == client.rows["1"]) is (kind == "key")


@pytest.mark.parametrize("kind", ["admin", "device", "key"])
async def test_what_is_none_of_ones_rights_does_not_cost_the_picture(
    kind: str, hub: Hub, connect: Connect, sql: Any
) -> None:
    """A new name, or another's rights: who comes back with a cursor resumes."""
    reader = await _reader(kind, hub, sql)
    client = await connect(hub, reader.token)
    await client.watch("1", reader.topic)
    await client.ws.close()
    table, name = {
        "admin": ("users", "last_name"),
        "device": ("devices", "name"),
        "key": ("api_keys", "name"),
    }[kind]
    await sql.execute(f"UPDATE {table} SET {name} = 'Other' WHERE id = $1", reader.id)
    await _device(sql, "KAAA")
    await sql.execute("UPDATE devices SET airport = 'KBBB' WHERE id <> $1", reader.id)
    await sql.execute(
        "UPDATE users SET role = 'INSTRUCTOR' WHERE role = 'ADMIN' AND id <> $1", reader.id
    )
    await hub.house.feed.turned()
    back = await connect(hub, reader.token)
    assert (await back.watch("1", reader.topic, cursor=client.cursors["1"]))["resumed"] is True


async def test_a_key_whose_scope_was_taken_while_away_is_told_nothing(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    reader = await _reader("key", hub, sql)
    client = await connect(hub, reader.token)
    await client.watch("1", "bookings")
    await client.ws.close()
    await sql.execute("UPDATE api_keys SET scopes = '{weather:write}' WHERE id = $1", reader.id)
    await sql.execute(MARK, reader.flight)
    await hub.house.feed.turned()
    back = await connect(hub, reader.token)
    await back.say(type="watch", id="1", topic="bookings", cursor=client.cursors["1"])
    assert (await back.hear())["code"] == "forbidden"
    assert await back.silent()


# While here: what takes rights away and what it would have shown are one commit.


@pytest.mark.parametrize(
    ("kind", "change", "told"),
    [
        ("key", "UPDATE api_keys SET revoked_at = now() WHERE id = $1", ["bye"]),
        ("key", "DELETE FROM api_keys WHERE id = $1", ["bye"]),
        ("key", "UPDATE api_keys SET scopes = '{weather:write}' WHERE id = $1", ["reset", "error"]),
        ("device", "UPDATE devices SET revoked_at = now() WHERE id = $1", ["bye"]),
        (
            "device",
            "UPDATE devices SET airport = 'KBBB' WHERE id = $1",
            ["reset", "rows", "live"],
        ),
        ("student", "DELETE FROM users WHERE id = $1", ["bye"]),
        (
            "student",
            "UPDATE users SET cognito_user_id = 'sub-of-another' WHERE id = $1",
            ["bye"],
        ),
        (
            "admin",
            "UPDATE users SET role = 'STUDENT' WHERE id = $1",
            ["reset", "rows", "live"],
        ),
    ],
    ids=[
        *("key-revoked", "key-deleted", "scope-lost", "kiosk-revoked", "kiosk-moved"),
        *("user-deleted", "another-sign-in", "role-lowered"),
    ],
)
async def test_an_open_socket_obeys_within_one_turn(
    kind: str, change: str, told: list[str], hub: Hub, connect: Connect, sql: Any
) -> None:
    reader = await _reader(kind, hub, sql)
    client = await connect(hub, reader.token)
    await client.watch("1", reader.topic)
    # It is told of this flight at once while it may be.
    await sql.execute("UPDATE bookings SET aircraft_id = 'N1' WHERE id::text = $1", reader.flight)
    await client.until("change")
    [session] = hub.house.gate.sessions
    async with asyncio.timeout(10):
        while session.behind is not None:  # a kiosk, until it may be handed the next
            await asyncio.sleep(0.02)
    client.heard.clear()
    async with sql.transaction():
        await sql.execute(MARK, reader.flight)  # the flight first: the whole batch is judged
        await sql.execute(change, reader.id)
    while [one["type"] for one in client.heard] != told:
        assert (await client.hear())["type"] != "closed", client.heard
        assert "change" not in (one["type"] for one in client.heard), client.heard
    if told == ["bye"]:
        assert client.heard[0]["code"] == Code.FORBIDDEN
        assert (await client.hear())["type"] == "closed"
    else:
        assert client.heard[0]["reason"] == "rights"
        assert await client.silent()
    assert SECRET not in str(client.heard)


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


async def test_another_role_is_told_though_the_rows_stay_the_same(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    """What one may do with them is another matter: whoever shows them asks anew."""
    id, email = await sql.fetchrow(
        "SELECT id, email FROM users WHERE role = 'INSTRUCTOR' ORDER BY id LIMIT 1"
    )
    client = await connect(hub, await hub.token_of(email))
    await client.watch("1", "bookings")
    await sql.execute("UPDATE users SET role = 'STUDENT' WHERE id = $1", id)
    assert set(await _follow_reset(client, "1")) == set(client.rows["1"])
    # A name is no right.
    await sql.execute("UPDATE users SET phone_number = '+1 650 555 0100' WHERE id = $1", id)
    assert await client.silent()


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


async def test_a_token_that_has_ended_is_told_nothing_more_though_the_wheel_stands_still(
    hub: Hub, sql: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect(hub, await hub.token_of(ADMIN, 4))
    await client.watch("1", "bookings")
    monkeypatch.setattr(hub.house.gate.wheel, "tick", lambda *_: None)
    [session] = hub.house.gate.sessions
    assert session.principal is not None
    assert session.principal.expires is not None
    await asyncio.sleep(session.principal.expires - hub.house.gate.clock() + 0.1)
    await sql.execute(MARK, await sql.fetchval(FLIGHT, 0))
    while (told := await client.hear())["type"] == "expiring":
        pass
    assert (told["type"], told["code"]) == ("bye", Code.TOKEN_EXPIRED)
