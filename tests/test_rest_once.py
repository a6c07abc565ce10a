"""An Idempotency-Key is heeded or refused, never ignored: whoever sends one means to ask again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from resthouse import ID, Rest, opened
from test_rest_access import ABSENT, BODIES
from test_rest_registry import ROUTES

KEY = {"Idempotency-Key": "again"}
NOTES = "/api/v1/notifications"


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        yield door


async def note(door: Rest) -> str:
    """Tell Sam something; its id."""
    return str(
        await door.conn.fetchval(
            "INSERT INTO notifications (user_id, type, title, message)"
            " VALUES ($1, 'CONFIRMATION', 't', 'm') RETURNING id",
            ID["sam"],
        )
    )


async def test_where_it_is_not_heeded_it_is_refused(door: Rest) -> None:
    refused = [route for route in ROUTES if route.method != "GET" and not route.once]
    assert {"POST /api/v1/tickets", "POST /api/v1/pairings", "PATCH /api/v1/bookings/{id}"} <= {
        f"{route.method} {route.path}" for route in refused
    }
    for route in refused:
        who = None if route.who is None else "admin" if "ADMIN" in route.who else "sam"
        body = BODIES.get((route.method, route.path))
        said = await door.ask(
            who, route.method, route.path.replace("{id}", ABSENT), body, headers=KEY
        )
        assert (said.status, said.where) == (422, ["Idempotency-Key"]), route.path
        assert "send the request without it" in said.json["detail"]
    assert not await door.conn.fetchval("SELECT count(*) FROM pairing_codes")
    # What asks for nothing to be done cannot be done twice.
    assert (await door.ask("admin", "GET", NOTES, headers=KEY)).status == 200


async def test_an_integration_s_key_is_made_once_and_shown_once(door: Rest) -> None:
    path, body = "/api/v1/keys", BODIES["POST", "/api/v1/keys"]
    said = await asyncio.gather(
        *(door.ask("admin", "POST", path, body, headers=KEY) for _ in range(3))
    )
    assert sorted(answer.status for answer in said) == [201, 409, 409]
    [made] = [answer.json for answer in said if answer.status == 201]
    for answer in said:
        if answer.status == 409:
            assert answer.code == "secret-shown"
            assert made["id"] in answer.json["detail"]
            assert made["secret"].encode() not in answer.body
    assert await door.conn.fetchval("SELECT count(*) FROM api_keys") == 1
    kept = await door.conn.fetchval("SELECT string_agg(k::text, ' ') FROM idempotency_keys AS k")
    assert made["id"] in kept
    assert made["secret"][10:] not in kept
    other = await door.ask("admin", "POST", path, body | {"name": "Other"}, headers=KEY)
    assert other.code == "key-reused"
    assert (await door.ask("admin", "POST", path, body)).status == 201


async def test_what_was_told_since_is_not_read_by_asking_again(door: Rest) -> None:
    seen = await note(door)
    first = await door.ask("sam", "POST", f"{NOTES}/read-all", headers=KEY)
    unseen = await note(door)
    again = await door.ask("sam", "POST", f"{NOTES}/read-all", headers=KEY)
    assert (again.status, again.json) == (200, {"marked": 1})
    assert again.headers["Hub-Transaction"] == first.headers["Hub-Transaction"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    read = await door.conn.fetch("SELECT id::text FROM notifications WHERE read")
    assert [row["id"] for row in read] == [seen]
    # The query is a part of what was asked.
    until = f"{NOTES}/read-all?until=2030-01-01T00:00:00Z"
    assert (await door.ask("sam", "POST", until, headers=KEY)).code == "key-reused"
    one = {"Idempotency-Key": "one"}
    said = [await door.ask("sam", "POST", f"{NOTES}/{unseen}/read", headers=one) for _ in range(2)]
    assert said[0].body == said[1].body
    assert [answer.headers.get("Idempotency-Replayed") for answer in said] == [None, "true"]
    assert said[0].headers["ETag"] == said[1].headers["ETag"]


@pytest.mark.parametrize("what", ["identify", "reload"])
async def test_a_screen_is_called_once(door: Rest, what: str) -> None:
    device = await door.device()
    path = f"/api/v1/devices/{device}/{what}"
    told = f"SELECT {what}_at FROM devices WHERE id = $1"
    first = await door.ask("admin", "POST", path, headers=KEY)
    at = await door.conn.fetchval(told, device)
    again = await door.ask("admin", "POST", path, headers=KEY)
    assert (first.status, again.status, again.body) == (204, 204, b"")
    assert again.headers["Hub-Transaction"] == first.headers["Hub-Transaction"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await door.conn.fetchval(told, device) == at
    assert (await door.ask("admin", "POST", path)).status == 204
    assert await door.conn.fetchval(told, device) > at
