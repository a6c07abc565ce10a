"""Integrations' keys: made, shown once, good for their scopes, and out at once when revoked."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import pytest
import structlog
from resthouse import ID, Rest, at, draft, opened
from running import Client

from hub.errors import Unauthenticated
from hub.rules.access import SCOPES, effective

PATH = "/api/v1/keys"
BOOKINGS = "/api/v1/bookings"


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        yield door


async def make(door: Rest, *scopes: str, name: str = "robot") -> dict[str, Any]:
    """A key made by the admin, which ``name`` may ask with from now on."""
    said = await door.ask("admin", "POST", PATH, {"name": name, "scopes": list(scopes)})
    assert said.status == 201, said.body
    door.tokens[name] = said.json["secret"]
    return dict(said.json)


async def test_a_key_is_shown_once(door: Rest) -> None:
    said = await door.ask(
        "admin", "POST", PATH, {"name": "Weather", "scopes": ["weather:write", "bookings:read"]}
    )
    assert said.status == 201
    assert said.headers["Cache-Control"] == "no-store"
    assert "ETag" not in said.headers
    made = said.json
    secret = made.pop("secret")
    assert secret.startswith(made["prefix"])
    assert len(secret) == 47
    assert made["scopes"] == ["bookings:read", "weather:write"]
    assert (made["created_by"], made["revoked_at"], made["last_used_at"]) == (
        ID["admin"],
        None,
        None,
    )
    [listed] = (await door.ask("admin", "GET", PATH)).json["items"]
    one = await door.ask("admin", "GET", said.headers["Location"])
    assert one.json == listed == made
    kept = await door.conn.fetchval(
        "SELECT string_agg(r, ' ') FROM (SELECT to_jsonb(k)::text AS r FROM api_keys k"
        " UNION ALL SELECT to_jsonb(e)::text FROM events e"
        " UNION ALL SELECT to_jsonb(a)::text FROM audit_log a) AS everything"
    )
    assert secret not in kept
    assert secret[10:] not in kept
    told = await door.conn.fetchval("SELECT row::text FROM events WHERE entity = 'api_keys'")
    assert "hash" not in told


async def test_what_is_no_key_is_not_made(door: Rest) -> None:
    for body, where in (
        ({}, ["/name", "/scopes"]),
        ({"name": "", "scopes": []}, ["/name", "/scopes"]),
        ({"name": " x", "scopes": ["bookings:read"]}, ["/name"]),
        ({"name": "x" * 101, "scopes": ["bookings:read"]}, ["/name"]),
        ({"name": "a\nb", "scopes": ["bookings:read"]}, ["/name"]),
        ({"name": "x", "scopes": ["bookings:delete"]}, ["/scopes/0"]),
        ({"name": "x", "scopes": "bookings:read"}, ["/scopes"]),
        ({"name": "x", "scopes": ["audit:read"], "hash": "x"}, ["/hash"]),
    ):
        said = await door.ask("admin", "POST", PATH, body)
        assert (said.status, said.where) == (422, where), body
    assert await door.conn.fetchval("SELECT count(*) FROM api_keys") == 0
    twice = await make(door, "audit:read", "audit:read", name="Zoë & Söhne, 2")
    assert twice["scopes"] == ["audit:read"]


async def test_a_scope_is_what_a_key_may_do(door: Rest) -> None:
    booking = await door.booking()
    one = f"{BOOKINGS}/{booking['id']}"
    await make(door, "bookings:read", name="reader")
    await make(door, "bookings:write", name="writer")
    await make(door, "weather:write", name="other")
    for who, status in (("reader", 200), ("writer", 200), ("other", 403)):
        assert (await door.ask(who, "GET", BOOKINGS)).status == status
        assert (await door.ask(who, "GET", one)).status == status
    for who in ("reader", "other"):
        said = await door.ask(who, "PATCH", one, {"duration_minutes": 30})
        assert said.code == "insufficient-scope"
        assert "bookings:write" in said.json["detail"]
        assert (await door.ask(who, "POST", BOOKINGS, draft())).code == "insufficient-scope"
    changed = await door.ask("writer", "PATCH", one, {"instructor_id": ID["ivo"]})
    assert changed.status == 200, "an integration may say who flies"
    made = await door.ask(
        "writer",
        "POST",
        BOOKINGS,
        draft(scheduled_datetime=at(20)),
        headers={"Idempotency-Key": "k"},
    )
    assert made.status == 201
    for path in (one, PATH, "/api/v1/me", "/api/v1/notifications"):
        method = "DELETE" if path == one else "GET"
        said = await door.ask("writer", method, path)
        assert (said.status, said.code) == (403, "forbidden"), path


def test_who_may_write_may_read() -> None:
    assert effective(["bookings:write"]) == {"bookings:write", "bookings:read"}
    assert effective(["weather:write"]) == {"weather:write"}
    assert effective(SCOPES) == SCOPES


async def test_a_revoked_key_is_out_with_the_answer(door: Rest) -> None:
    key = await make(door, "bookings:read")
    assert (await door.ask("robot", "GET", BOOKINGS)).status == 200
    gone = await door.ask("admin", "DELETE", f"{PATH}/{key['id']}")
    assert gone.status == 204
    assert "Hub-Transaction" in gone.headers
    said = await door.ask("robot", "GET", BOOKINGS)
    assert said.code == "unknown-key"
    assert 'error="invalid_token"' in said.headers["WWW-Authenticate"]
    again = await door.ask("admin", "DELETE", f"{PATH}/{key['id']}")
    assert again.status == 204
    assert "Hub-Transaction" not in again.headers
    shown = await door.ask("admin", "GET", f"{PATH}/{key['id']}")
    assert shown.json["revoked_at"] is not None
    for query, many in (("", 1), ("?revoked=true", 1), ("?revoked=false", 0)):
        found = await door.ask("admin", "GET", PATH + query)
        assert len(found.json["items"]) == many, query


async def test_keys_follow_the_row_whoever_writes_it(door: Rest) -> None:
    """Made, narrowed, revoked, reinstated, deleted and truncated by another program."""
    id = await door.key("bookings:read", "audit:read")
    turned = door.hub.house.feed.turned

    async def status() -> int:
        await turned()
        return (await door.ask("robot", "GET", BOOKINGS)).status

    assert await status() == 200
    await door.conn.execute("UPDATE api_keys SET scopes = '{audit:read}' WHERE id = $1", id)
    assert await status() == 403
    await door.conn.execute("UPDATE api_keys SET scopes = '{bookings:read}' WHERE id = $1", id)
    assert await status() == 200
    await door.conn.execute("UPDATE api_keys SET revoked_at = now() WHERE id = $1", id)
    assert await status() == 401
    await door.conn.execute("UPDATE api_keys SET revoked_at = NULL WHERE id = $1", id)
    assert await status() == 200
    await door.conn.execute("DELETE FROM api_keys WHERE id = $1", id)
    assert await status() == 401
    await door.key("bookings:read")
    assert await status() == 200
    await door.conn.execute("TRUNCATE api_keys")
    assert await status() == 401


async def test_a_key_lives_through_a_restart(door: Rest) -> None:
    await make(door, "bookings:read", name="good")
    bad = await make(door, "bookings:read", name="bad")
    await door.ask("admin", "DELETE", f"{PATH}/{bad['id']}")
    await door.hub.restart()
    assert (await door.ask("good", "GET", BOOKINGS)).status == 200
    assert (await door.ask("bad", "GET", BOOKINGS)).status == 401


async def test_made_up_keys_cost_few_reads(door: Rest) -> None:
    """However many come at once: they share a look, and looks are apart."""
    door.tokens["guess"] = f"hub_{token_urlsafe(32)}"
    keyring, began = door.hub.house.keyring, time.monotonic()
    for _ in range(3):
        said = await asyncio.gather(*(door.ask("guess", "GET", BOOKINGS) for _ in range(20)))
        assert {answer.code for answer in said} == {"unknown-key"}
    looks = keyring.looks
    assert looks <= 2 + (time.monotonic() - began) / 0.25
    for wrong in (
        "hub_",
        "hub_" + "x" * 42,
        "hub_" + "x" * 44,
        "hub_" + "é" * 43,
        "hub_" + "%" * 43,
    ):
        door.tokens["guess"] = wrong
        assert (await door.ask("guess", "GET", BOOKINGS)).code == "unknown-key"
    assert keyring.looks == looks


async def test_a_new_key_is_good_at_once_for_many(door: Rest) -> None:
    for n in range(3):
        await door.key("bookings:read", name=f"robot{n}")
        said = await asyncio.gather(*(door.ask(f"robot{n}", "GET", BOOKINGS) for _ in range(8)))
        assert {answer.status for answer in said} == {200}


async def test_when_it_was_used_is_written_once_a_minute(door: Rest) -> None:
    key = await make(door, "bookings:read")
    events = await door.conn.fetchval("SELECT count(*) FROM events")
    for _ in range(5):
        await door.ask("robot", "GET", BOOKINGS)
    used = None
    for _ in range(500):
        used = await door.conn.fetchval("SELECT last_used_at FROM api_keys")
        if used is not None:
            break
        await asyncio.sleep(0.01)
    assert used is not None
    await door.ask("robot", "GET", BOOKINGS)
    shown = await door.ask("admin", "GET", f"{PATH}/{key['id']}")
    assert shown.json["last_used_at"] is not None
    assert await door.conn.fetchval("SELECT last_used_at FROM api_keys") == used
    keyring = door.hub.house.keyring
    writer = asyncio.create_task(keyring.note_uses(every=0.01))
    await door.ask("robot", "GET", BOOKINGS)
    await asyncio.sleep(0.1)
    writer.cancel()
    assert await door.conn.fetchval("SELECT last_used_at FROM api_keys") == used, "a minute apart"
    assert await door.conn.fetchval("SELECT count(*) FROM events") == events, "and nobody's news"


async def test_a_key_s_secret_and_id_are_final(door: Rest) -> None:
    id = await door.key("bookings:read")
    for column in ("hash = sha256('x')", "id = uuid_generate_v4()"):
        with pytest.raises(Exception, match="make another"):
            await door.conn.execute(f"UPDATE api_keys SET {column} WHERE id = $1", id)


async def test_keys_stay_out_of_the_log(door: Rest, caplog: pytest.LogCaptureFixture) -> None:
    with structlog.testing.capture_logs() as logs, caplog.at_level(logging.DEBUG, "hub"):
        key = await make(door, "bookings:write")
        await door.ask("robot", "POST", BOOKINGS, draft())
        door.tokens["guess"] = f"hub_{token_urlsafe(32)}"
        await door.ask("guess", "POST", BOOKINGS, draft())
        with pytest.raises(Unauthenticated) as refused:
            await door.hub.house.keyring.find(door.tokens["guess"])
    said = f"{logs} {caplog.text} {refused.value!r}"
    for secret in (key["secret"], door.tokens["guess"]):
        assert secret[4:] not in said
    assert key["id"] in said, "but who it was is told"


async def test_a_socket_by_key(door: Rest, connect: Callable[..., Awaitable[Client]]) -> None:
    """It watches all bookings by its scope; a key that is revoked takes its open sockets along."""
    key = await make(door, "bookings:read")
    first = await door.booking()
    client = await connect(door.hub)
    welcome = await client.hello(key["secret"])
    assert welcome["expires"] is None
    assert welcome["principal"] == {
        "kind": "integration",
        "id": key["id"],
        "role": None,
        "name": "robot",
    }
    by_header = await connect(door.hub, headers={"Authorization": f"Bearer {key['secret']}"})
    await by_header.until("welcome")
    await client.watch("all", "bookings")
    assert set(client.rows["all"]) == {first["id"]}
    await door.conn.execute("UPDATE bookings SET status = 'AT_RISK'")
    client.follow(await client.until("change"))
    assert client.rows["all"][first["id"]]["status"] == "AT_RISK"
    await client.say(type="watch", id="n", topic="notifications")
    assert (await client.until("error"))["code"] == "forbidden"
    await client.say(type="auth", token=key["secret"])
    assert (await client.until("renewed"))["expires"] is None

    await door.ask("admin", "DELETE", f"{PATH}/{key['id']}")
    for socket in (client, by_header):
        bye = await socket.until("bye")
        assert (bye["code"], bye["reason"]) == (4003, "this key was revoked")
    late = await connect(door.hub)
    await late.say(type="hello", token=key["secret"])
    assert (await late.until("bye"))["code"] == 4001


async def test_a_socket_loses_what_its_key_loses(
    door: Rest, connect: Callable[..., Awaitable[Client]]
) -> None:
    key = await make(door, "bookings:read", "audit:read")
    client = await connect(door.hub, key["secret"])
    await client.watch("all", "bookings")
    await door.conn.execute("UPDATE api_keys SET scopes = '{audit:read}'")
    assert (await client.until("reset"))["reason"] == "rights"
    assert (await client.until("error"))["code"] == "forbidden"
    await door.booking()
    await door.hub.house.feed.turned()
    assert await client.silent(0.1)
    await door.conn.execute("UPDATE api_keys SET name = 'renamed', scopes = '{bookings:read}'")
    await door.hub.house.feed.turned()
    await client.watch("again", "bookings")
    assert len(client.rows["again"]) == 1
    other = await make(door, "bookings:read", name="other")
    await client.say(type="auth", token=other["secret"])
    assert (await client.until("bye"))["code"] == 4003
