"""Notifications and oneself over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from resthouse import DAY, ID, Rest, opened

from hub.model import Notification, User

PATH = "/api/v1/notifications"


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        yield door


async def notify(door: Rest, who: str, minutes: int, read: bool = False) -> str:
    """A notification of a moment of the test day; its id."""
    id: str = await door.conn.fetchval(
        "INSERT INTO notifications (user_id, type, title, message, read, created_at)"
        " VALUES ($1, 'WEATHER_ALERT', 'Wind', 'Gusts', $2, $3) RETURNING id::text",
        ID[who],
        read,
        DAY + timedelta(minutes=minutes),
    )
    return id


async def test_one_s_own_the_newest_first(door: Rest) -> None:
    mine = [await notify(door, "sam", n // 2, read=n % 3 == 0) for n in range(24)]
    await notify(door, "sue", 99)
    said = await door.ask("sam", "GET", PATH)
    assert (said.status, len(said.json["items"])) == (200, 20)
    Notification.model_validate(said.json["items"][0] | {}, strict=False)
    rows = said.json["items"]
    said = await door.ask("sam", "GET", f"{PATH}?after={said.json['next']}")
    assert said.json["next"] is None
    rows += said.json["items"]
    assert {row["id"] for row in rows} == set(mine)
    assert rows == sorted(rows, key=lambda row: (row["created_at"], row["id"]), reverse=True)
    for read in (True, False):
        found = await door.ask("sam", "GET", f"{PATH}?read={str(read).lower()}&limit=100")
        assert found.json["items"] == [row for row in rows if row["read"] is read]
    for who in ("admin", "ina"):
        assert (await door.ask(who, "GET", PATH)).json == {"items": [], "next": None}


async def test_marking_read(door: Rest) -> None:
    id = await notify(door, "sam", 1)
    said = await asyncio.gather(*(door.ask("sam", "POST", f"{PATH}/{id}/read") for _ in range(4)))
    assert {answer.status for answer in said} == {200}
    assert {answer.json["read"] for answer in said} == {True}
    wrote = [answer for answer in said if "Hub-Transaction" in answer.headers]
    assert len(wrote) == 1, "what is read is not written again"
    changes = await door.conn.fetch("SELECT xid::text FROM events WHERE op = 'U' AND key = $1", id)
    assert [change["xid"] for change in changes] == [wrote[0].headers["Hub-Transaction"]]
    assert (await door.ask("sam", "POST", f"{PATH}/nothing/read")).code == "not-found"


async def test_me(door: Rest) -> None:
    said = await door.ask("sue", "GET", "/api/v1/me")
    User.model_validate_json(said.body)
    assert list(said.json) == list(User.model_fields)
    assert (said.json["id"], said.json["email"]) == (ID["sue"], "sue@example.com")
    assert "Hub-Cursor" in said.headers


async def test_signing_in_as_somebody(door: Rest) -> None:
    offered = (await door.ask(None, "GET", "/dev/users")).json["items"]
    assert {"email": "sid@example.com", "name": "Sid Tester", "role": "STUDENT"} in offered
    said = await door.ask(None, "POST", "/dev/token", {"email": "sid@example.com"})
    assert said.headers["Cache-Control"] == "no-store"
    assert said.json["token_type"] == "Bearer"
    door.tokens["new"] = said.json["access_token"]
    assert (await door.ask("new", "GET", "/api/v1/me")).json["id"] == ID["sid"]
    assert (await door.ask(None, "POST", "/dev/token", {"email": "x@y.z"})).code == "not-found"
    assert (await door.ask(None, "POST", "/dev/token", {"email": ""})).where == ["/email"]
