"""Notifications and oneself over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from offers import waiting
from resthouse import DAY, ID, Rest, opened
from running import Client

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


async def test_filters_narrow(door: Rest) -> None:
    booking = await door.booking()
    await notify(door, "sam", 1)
    await door.conn.execute(
        "INSERT INTO notifications (user_id, booking_id, type, title, message)"
        " VALUES ($1, $2, 'CONFIRMATION', 't', 'm')",
        ID["sam"],
        booking["id"],
    )
    for query, types in {
        "": ["WEATHER_ALERT", "CONFIRMATION"],
        "type=CONFIRMATION": ["CONFIRMATION"],
        "type=ESCALATION": [],
        f"booking_id={booking['id']}": ["CONFIRMATION"],
        f"booking_id={booking['id']}&type=WEATHER_ALERT": [],
    }.items():
        said = await door.ask("sam", "GET", f"{PATH}?{query}")
        assert [row["type"] for row in said.json["items"]] == types, query
    for query in ("type=SPAM", "booking_id=x", "unread=true"):
        assert (await door.ask("sam", "GET", f"{PATH}?{query}")).status == 422, query


async def test_how_many_are_new(door: Rest) -> None:
    ids = [await notify(door, "sam", n, read=n > 3) for n in range(6)]
    await notify(door, "sue", 1)
    said = await door.ask("sam", "GET", f"{PATH}/unread")
    assert said.json == {"unread": 4}
    assert "Hub-Cursor" in said.headers
    again = await door.ask(
        "sam", "GET", f"{PATH}/unread", headers={"If-None-Match": said.headers["ETag"]}
    )
    assert again.status == 304
    await door.ask("sam", "POST", f"{PATH}/{ids[0]}/read")
    assert (await door.ask("sam", "GET", f"{PATH}/unread")).json == {"unread": 3}
    assert (await door.ask("admin", "GET", f"{PATH}/unread")).json == {"unread": 0}


async def test_marking_all_read(door: Rest) -> None:
    ids = [await notify(door, "sam", n) for n in range(5)]
    other = await notify(door, "sue", 1)
    third = await door.ask("sam", "GET", f"{PATH}/{ids[2]}")
    until = third.json["created_at"]
    said = await door.ask("sam", "POST", f"{PATH}/read-all?until={until}")
    assert said.json == {"marked": 3}
    rest = await door.ask("sam", "POST", f"{PATH}/read-all")
    assert rest.json == {"marked": 2}
    changes = await door.conn.fetch("SELECT xid::text FROM events WHERE op = 'U' ORDER BY lsn")
    assert [change["xid"] for change in changes] == [said.headers["Hub-Transaction"]] * 3 + [
        rest.headers["Hub-Transaction"]
    ] * 2
    again = await door.ask("sam", "POST", f"{PATH}/read-all")
    assert again.json == {"marked": 0}
    assert "Hub-Transaction" not in again.headers
    assert not (await door.ask("sue", "GET", f"{PATH}/{other}")).json["read"]
    assert (await door.ask("sam", "POST", f"{PATH}/read-all?until=now")).where == ["until"]


async def test_telling_somebody(door: Rest, connect: Callable[..., Awaitable[Client]]) -> None:
    await door.key("notifications:write")
    booking = await door.booking()
    client = await connect(door.hub, door.tokens["sam"])
    await client.watch("n", "notifications")
    note = {
        "user_id": ID["sam"],
        "booking_id": booking["id"],
        "type": "WEATHER_ALERT",
        "title": "Wind at KSQL",
        "message": "Gusts of 35 kt.\nWe are watching it.",
    }
    key = {"Idempotency-Key": "alert-1"}
    said = await asyncio.gather(
        *(door.ask("robot", "POST", PATH, note, headers=key) for _ in range(3))
    )
    assert {answer.status for answer in said} == {201}
    assert len({answer.body for answer in said}) == 1
    made = said[0]
    assert {name: made.json[name] for name in note} == note
    assert made.json["read"] is False
    client.follow(await client.until("change"))
    assert list(client.rows["n"].values()) == [made.json]
    got = await door.ask("sam", "GET", made.headers["Location"])
    assert (got.json, got.headers["ETag"]) == (made.json, made.headers["ETag"])
    assert (await door.ask("admin", "POST", PATH, note | {"booking_id": None})).status == 201
    for wrong, where in (
        ({"user_id": booking["id"]}, ["/user_id"]),
        ({"booking_id": ID["sam"]}, ["/booking_id"]),
        ({"type": "SPAM", "title": ""}, ["/title", "/type"]),
        ({"title": "two\nlines"}, ["/title"]),
        ({"title": "x" * 256}, ["/title"]),
        ({"message": ""}, ["/message"]),
        ({"message": "x" * 4001}, ["/message"]),
        ({"message": "\0"}, ["/message"]),
        ({"read": True}, ["/read"]),
    ):
        refused = await door.ask("robot", "POST", PATH, note | wrong)
        assert (refused.status, refused.where) == (422, where), wrong


async def test_whoever_loses_a_deadlock_is_tried_again(door: Rest) -> None:
    """The hub has marked the first and waits for the second; who holds that wants the first."""
    first, second = [await notify(door, "sam", n) for n in range(2)]
    touch = "UPDATE notifications SET title = 'x' WHERE id = $1"
    async with door.conn.transaction():
        await door.conn.execute("SET LOCAL deadlock_timeout = '1min'")
        await door.conn.execute(touch, second)
        marked = asyncio.create_task(door.ask("sam", "POST", f"{PATH}/read-all"))
        await waiting(door, 1)
        await door.conn.execute(touch, first)
    assert (await marked).status == 200
    assert await door.conn.fetchval("SELECT bool_and(read) FROM notifications")


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
