"""Paired devices: what an admin does with them, what they see of it, and who is here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from resthouse import ID, Rest, at, opened
from running import Client, Hub
from test_pairing import everything

PATH = "/api/v1/devices"
BOARD = "/api/v1/board"
PRESENCE = "/api/v1/presence"
Connect = Callable[..., Awaitable[Client]]


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        yield door


async def until(is_so: Callable[[], Awaitable[Any]]) -> Any:
    """Wait until something is, not for long."""
    async with asyncio.timeout(10):
        while not (found := await is_so()):
            await asyncio.sleep(0.02)
    return found


async def kiosk(door: Rest, connect: Connect, airport: str | None = "KPAO") -> tuple[str, Client]:
    """A device's id, and its socket on which it watches the board and itself."""
    id = await door.device(airport)
    client = await connect(door.hub, door.tokens["device"])
    await client.watch("board", "board")
    await client.watch("self", "devices")
    return id, client


async def test_the_story_of_a_kiosk(door: Rest, connect: Connect) -> None:
    """Paired over HTTP; signed in on a socket; renamed, called, moved and revoked from afar."""
    told = (await door.ask(None, "POST", "/api/v1/pairings")).json
    body = {"user_code": told["user_code"].lower(), "name": "Lobby", "airport": "KPAO"}
    device = (await door.ask("admin", "POST", PATH, body)).json
    claimed = {"device_code": told["device_code"]}
    token = (await door.ask(None, "POST", "/api/v1/pairings/claim", claimed)).json["token"]

    here = await door.booking()
    gone = await door.booking(
        departure_airport="KHYI", arrival_airport="KAUS", scheduled_datetime=at(14)
    )
    client = await connect(door.hub)
    welcome = await client.hello(token)
    assert welcome["expires"] is None
    assert welcome["principal"] == {
        "kind": "device", "id": device["id"], "role": None, "name": "Lobby",
    }  # fmt: skip
    await client.watch("board", "board")
    await client.watch("self", "devices")
    assert set(client.rows["board"]) == {here["id"]}
    assert set(client.rows["self"]) == {device["id"]}
    for topic in ("bookings", "notifications", "reschedule"):
        await client.say(type="watch", id=topic, topic=topic)
        assert (await client.until("error"))["code"] == "forbidden"

    path = f"{PATH}/{device['id']}"
    for body, method, where in (
        ({"name": "Hangar"}, "PATCH", path),
        (None, "POST", f"{path}/identify"),
        (None, "POST", f"{path}/reload"),
        (None, "POST", f"{path}/identify"),
    ):
        before = client.rows["self"][device["id"]]
        said = await door.ask("admin", method, where, body)
        assert said.status in (200, 204)
        change = await client.until("change")
        [transaction] = change["transactions"]
        assert transaction["tx"] == said.headers["Hub-Transaction"]
        client.follow(change)
        now = client.rows["self"][device["id"]]
        [changed] = transaction["items"][0]["changed"]
        assert changed == (where.rpartition("/")[2] + "_at" if body is None else "name")
        assert now[changed] != before[changed]
    assert await client.silent(0.1), "and nothing is begun anew"

    # At another airport it is shown another board, on the same socket.
    client.heard.clear()
    await door.ask("admin", "PATCH", path, {"airport": "KHYI"})
    live = await client.until("live")
    while not {"reset", "change"} <= {told["type"] for told in client.heard}:
        await client.hear()
    [reset] = [told for told in client.heard if told["type"] == "reset"]
    assert (reset["id"], reset["reason"], live["id"]) == ("board", "rights", "board")
    [rows] = [told for told in client.heard if told["type"] == "rows"]
    assert [row["id"] for row in rows["rows"]] == [gone["id"]]
    [change] = [told for told in client.heard if told["type"] == "change"]
    assert change["transactions"][0]["items"][0]["row"]["airport"] == "KHYI"

    said = await door.ask("admin", "DELETE", path)
    assert (said.status, "Hub-Transaction" in said.headers) == (204, True)
    bye = await client.until("bye")
    assert (bye["code"], bye["reason"]) == (4003, "this device was revoked")
    door.tokens["kiosk"] = token
    assert (await door.ask("kiosk", "GET", f"{PATH}/me")).code == "unknown-device"
    late = await connect(door.hub)
    await late.say(type="hello", token=token)
    assert (await late.until("bye"))["code"] == 4001
    again = await door.ask("admin", "DELETE", path)
    assert (again.status, "Hub-Transaction" in again.headers) == (204, False)
    for what in ("identify", "reload"):
        said = await door.ask("admin", "POST", f"{path}/{what}")
        assert (said.status, said.code) == (409, "revoked")
    assert (await door.ask("admin", "GET", path)).json["revoked_at"] is not None
    for query, many in (("", 1), ("?revoked=true", 1), ("?revoked=false", 0)):
        assert len((await door.ask("admin", "GET", PATH + query)).json["items"]) == many


async def test_a_revoked_device_is_out_on_every_node(
    door: Rest, connect: Connect, start_hub: Callable[..., Awaitable[Hub]]
) -> None:
    """Paired by one node and known to the other at once; revoked by one and gone from the other."""
    other = await start_hub(door.hub.dsn, node="other")
    told = (await door.ask(None, "POST", "/api/v1/pairings")).json
    body = {"user_code": told["user_code"], "name": "Lobby"}
    device = (await door.ask("admin", "POST", PATH, body)).json
    claimed = {"device_code": told["device_code"]}
    got = (await door.ask(None, "POST", "/api/v1/pairings/claim", claimed)).json
    client = await connect(other)
    await client.hello(got["token"])
    await client.watch("self", "devices")
    told_at = await door.ask("admin", "POST", f"{PATH}/{device['id']}/identify")
    change = await client.until("change")
    assert change["transactions"][0]["tx"] == told_at.headers["Hub-Transaction"]
    await door.ask("admin", "DELETE", f"{PATH}/{device['id']}")
    assert (await client.until("bye", timeout=2))["code"] == 4003
    assert other.house.devices.by_id(device["id"]) is None


async def test_a_device_sees_itself_and_no_other(door: Rest, connect: Connect) -> None:
    other = await door.device(name="other")
    id, client = await kiosk(door, connect)
    assert set(client.rows["self"]) == {id}
    await door.ask("admin", "POST", f"{PATH}/{other}/identify")
    await door.ask("admin", "PATCH", f"{PATH}/{other}", {"name": "Elsewhere"})
    await door.hub.house.feed.turned()
    assert await client.silent(0.1)
    await client.say(type="auth", token=door.tokens["other"])
    assert (await client.until("bye"))["code"] == 4003


async def test_devices_follow_the_row_whoever_writes_it(door: Rest) -> None:
    """Paired, moved, revoked, reinstated, deleted and truncated by another program."""
    id = await door.device("KPAO")

    async def me() -> Any:
        await door.hub.house.feed.turned()
        said = await door.ask("device", "GET", f"{PATH}/me")
        return said.json["airport"] if said.status == 200 else said.status

    assert await me() == "KPAO"
    await door.conn.execute("UPDATE devices SET airport = 'KHYI' WHERE id = $1", id)
    assert await me() == "KHYI"
    await door.conn.execute("UPDATE devices SET revoked_at = now() WHERE id = $1", id)
    assert await me() == 401
    await door.conn.execute("UPDATE devices SET revoked_at = NULL WHERE id = $1", id)
    assert await me() == "KHYI"
    await door.conn.execute("DELETE FROM devices WHERE id = $1", id)
    assert await me() == 401
    await door.device()
    assert await me() is None
    await door.hub.restart()
    assert await me() is None
    await door.conn.execute("TRUNCATE devices CASCADE")
    assert await me() == 401


async def test_made_up_credentials_cost_few_reads(door: Rest) -> None:
    door.tokens["guess"] = "hubd_" + "x" * 43
    ring = door.hub.house.devices
    said = await asyncio.gather(*(door.ask("guess", "GET", f"{PATH}/me") for _ in range(30)))
    assert {answer.code for answer in said} == {"unknown-device"}
    assert ring.looks <= 3
    looks = ring.looks
    for _ in range(20):
        await door.device()
    assert (await door.ask("device", "GET", f"{PATH}/me")).status == 200
    assert (await door.ask("device", "GET", f"{PATH}/me")).status == 200
    assert ring.looks == looks + 1, "and a good one none, once it is known"


async def test_it_is_known_though_somebody_guessed_before_it_was_paired(door: Rest) -> None:
    """The look for a made-up credential finds a device without one; and it is out with the answer."""
    told = (await door.ask(None, "POST", "/api/v1/pairings")).json
    body = {"user_code": told["user_code"], "name": "Lobby"}
    device = (await door.ask("admin", "POST", PATH, body)).json
    door.tokens["guess"] = "hubd_" + "x" * 43
    assert (await door.ask("guess", "GET", f"{PATH}/me")).status == 401
    claimed = {"device_code": told["device_code"]}
    got = await door.ask(None, "POST", "/api/v1/pairings/claim", claimed)
    door.tokens["kiosk"] = got.json["token"]
    assert (await door.ask("kiosk", "GET", f"{PATH}/me")).status == 200
    await door.ask("admin", "DELETE", f"{PATH}/{device['id']}")
    assert (await door.ask("kiosk", "GET", f"{PATH}/me")).code == "unknown-device"


async def test_its_credential_and_its_id_are_final(door: Rest) -> None:
    id = await door.device()
    for column in (
        "hash = sha256('x')",
        "hash = NULL, paired_at = NULL",
        "id = uuid_generate_v4()",
    ):
        with pytest.raises(Exception, match="pair it anew"):
            await door.conn.execute(f"UPDATE devices SET {column} WHERE id = $1", id)


async def test_changes_are_conditional_and_audited(door: Rest) -> None:
    id = await door.device("KPAO")
    path = f"{PATH}/{id}"
    read = await door.ask("admin", "GET", path)
    assert "last_seen_at" not in read.json
    match = {"headers": {"If-Match": read.headers["ETag"]}}
    # That it was seen is no version.
    await door.conn.execute("UPDATE devices SET last_seen_at = now()")
    done = await door.ask("admin", "PATCH", path, {"name": "Hangar 2"}, **match)
    assert (done.status, done.json["name"], done.json["airport"]) == (200, "Hangar 2", "KPAO")
    assert done.headers["ETag"] == (await door.ask("admin", "GET", path)).headers["ETag"]
    stale = await door.ask("admin", "PATCH", path, {"name": "Hangar 3"}, **match)
    assert (stale.status, stale.code) == (412, "stale")
    same = await door.ask("admin", "PATCH", path, {"name": "Hangar 2", "airport": "KPAO"})
    assert (same.status, "Hub-Transaction" in same.headers) == (200, False)
    every = await door.ask("admin", "PATCH", path, {"airport": None})
    assert every.json["airport"] is None
    for body, where in (
        ({"name": None}, ["/name"]),
        ({"name": " x", "airport": "kpao"}, ["/airport", "/name"]),
        ({"name": "x" * 101}, ["/name"]),
        ({"revoked_at": None, "hash": "x"}, ["/hash", "/revoked_at"]),
    ):
        said = await door.ask("admin", "PATCH", path, body)
        assert (said.status, said.where) == (422, where), body
    audit = (await door.ask("admin", "GET", f"/api/v1/audit?entity_id={id}")).json["items"]
    assert [entry["metadata"].get("changed") for entry in audit[:2]] == [
        {"airport": ["KPAO", None]},
        {"name": ["device", "Hangar 2"]},
    ]
    assert {entry["user_id"] for entry in audit[:2]} == {ID["admin"]}
    assert {entry["entity_type"] for entry in audit} == {"device"}


async def test_when_it_was_seen_is_written_once_a_minute(door: Rest, connect: Connect) -> None:
    """As long as its socket is open, though it says nothing; and that is nobody's news."""
    id, client = await kiosk(door, connect)

    async def seen() -> Any:
        return await door.conn.fetchval("SELECT last_seen_at FROM devices WHERE id = $1", id)

    first = await until(seen)
    listed = (await door.ask("admin", "GET", PATH)).json["items"]
    assert listed[0]["last_seen_at"] is not None
    before = await everything(door)
    ring, gate = door.hub.house.devices, door.hub.house.gate
    assert gate.devices_here() == {id}
    await door.conn.execute("UPDATE devices SET last_seen_at = now() - interval '54 seconds'")
    kept = await seen()
    writer = asyncio.create_task(ring.note_uses(every=0.01, here=gate.devices_here))
    ring._in_use.set()
    await asyncio.sleep(0.1)
    assert await seen() == kept, "a minute apart"
    await door.conn.execute("UPDATE devices SET last_seen_at = last_seen_at - interval '2 seconds'")
    await until(lambda: _later(seen, first))
    await client.ws.close()
    await until(lambda: _gone(gate))
    await asyncio.sleep(0.05)
    await door.conn.execute("UPDATE devices SET last_seen_at = '2030-01-01Z'")
    await asyncio.sleep(0.1)
    assert (await seen()).year == 2030, "it is not here any more"
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    after = await everything(door)
    assert after.partition("events")[2] == before.partition("events")[2]
    counted = "SELECT count(*) FROM events WHERE entity = 'devices'"
    assert await door.conn.fetchval(counted) == 1


async def test_one_that_comes_right_after_another_is_seen_at_once(
    door: Rest, connect: Connect
) -> None:
    """Whoever was here for a few seconds only was not "never seen"."""
    ids = []
    async with asyncio.timeout(20):
        for _ in range(3):
            id, client = await kiosk(door, connect)
            await client.ws.close()
            ids.append(id)
            counted = "SELECT count(last_seen_at) FROM devices WHERE id = ANY ($1)"
            while await door.conn.fetchval(counted, ids) < len(ids):
                await asyncio.sleep(0.05)


async def _later(seen: Callable[[], Awaitable[Any]], than: Any) -> bool:
    return bool(await seen() >= than)


async def _gone(gate: Any) -> bool:
    return not gate.devices_here()


async def test_who_is_here(door: Rest, connect: Connect) -> None:
    assert (await door.ask("admin", "GET", PRESENCE)).json == {"items": []}
    id, screen = await kiosk(door, connect)
    sam = await connect(door.hub, door.tokens["sam"])
    await sam.watch("mine", "bookings")
    await connect(door.hub)  # says no hello: nobody yet
    said = await door.ask("admin", "GET", PRESENCE)
    first, second = said.json["items"]
    assert first["principal"] == {"kind": "device", "id": id, "role": None, "name": "device"}
    assert first["airport"] == "KPAO"
    assert first["watches"] == [
        {"id": "board", "topic": "board", "live": True},
        {"id": "self", "topic": "devices", "live": True},
    ]
    assert second["principal"]["role"] == "STUDENT"
    assert (second["airport"], second["transport"]) == (None, "websocket")
    assert (second["behind"], second["lag"]) == (False, 0.0)
    assert second["node"] == door.hub.house.settings.node
    assert first["since"] <= second["since"] <= at(0)
    assert datetime.fromisoformat(first["since"]).utcoffset() == timedelta(0)
    # One who does not read is behind, and for how long is told.
    [session] = [one for one in door.hub.house.gate.sessions if one.id == second["session"]]
    session.socket.pause_writing()
    session.left_at -= 7
    told = (await door.ask("admin", "GET", PRESENCE)).json["items"][1]
    assert told["behind"]
    assert 7 <= told["lag"] < 60
    session.socket.resume_writing()
    await sam.ws.close()
    await screen.ws.close()

    async def empty() -> bool:
        return (await door.ask("admin", "GET", PRESENCE)).json == {"items": []}

    await until(empty)


async def test_the_board_is_what_its_topic_shows(door: Rest, connect: Connect) -> None:
    """The same rows, masked; and its cursor begins the stream."""
    await door.device("KPAO")
    ours = [await door.booking(scheduled_datetime=at(9 + n), aircraft_id=f"N{n}") for n in range(3)]
    await door.booking(
        departure_airport="KHYI", arrival_airport="KAUS", scheduled_datetime=at(20),
    )  # fmt: skip
    day = f"from={at(0)}&to={at(24)}".replace("+", "%2B")
    read = await door.ask("device", "GET", f"{BOARD}?{day}")
    assert read.status == 200
    assert [row["id"] for row in read.json["items"]] == [row["id"] for row in ours]
    assert read.json["items"][0] == {
        "id": ours[0]["id"], "departs": at(9), "minutes": 60, "tail": "N0", "from": "KPAO",
        "to": "KSQL", "status": "CONFIRMED", "pilot": "Sam T.", "instructor": "Ina T.",
        "rescheduled_to": None,
    }  # fmt: skip
    for private in ("Tester", ID["sam"], ID["ina"], "@"):
        assert private.encode() not in read.body
    client = await connect(door.hub, door.tokens["device"])
    await client.watch("board", "board", filter={"from": at(0), "to": at(24)})
    assert list(client.rows["board"].values()) == read.json["items"]

    await door.conn.execute("UPDATE bookings SET status = 'AT_RISK' WHERE id = $1", ours[1]["id"])
    more = await connect(door.hub, door.tokens["device"])
    await more.say(
        type="watch", id="b", topic="board", filter={"from": at(0), "to": at(24)},
        cursor=read.headers["Hub-Cursor"],
    )  # fmt: skip
    [item] = (await more.until("change"))["transactions"][0]["items"]
    assert (item["key"], item["row"]["status"]) == (ours[1]["id"], "AT_RISK")
    fresh = await door.ask("device", "GET", f"{BOARD}?{day}")
    assert item["row"] == fresh.json["items"][1]


async def test_what_the_board_is_asked_for(door: Rest) -> None:
    await door.device("KPAO")
    await door.device(name="anywhere")
    await door.key("bookings:read")
    # The clock writes the day when it first looks, which may be later than the hub serves.
    today = await until(lambda: door.conn.fetchval("SELECT day FROM days"))
    noon = f"{today}T12:00:00Z"
    now = await door.booking(scheduled_datetime=noon)
    away = await door.booking(
        departure_airport="KHYI", arrival_airport="KAUS", scheduled_datetime=noon,
        student_id=ID["sue"], instructor_id=ID["ivo"], aircraft_id="N2", status="AT_RISK",
    )  # fmt: skip
    then = await door.booking()

    async def ids(who: str, query: str = "") -> list[str]:
        said = await door.ask(who, "GET", BOARD + query)
        assert said.status == 200, said.body
        return [row["id"] for row in said.json["items"]]

    both = sorted([now["id"], away["id"]])
    for who in ("admin", "robot", "anywhere"):
        assert await ids(who) == both, "today, by default"
        assert await ids(who, "?from=today&to=tomorrow") == both
        assert await ids(who, "?status=AT_RISK&status=CANCELLED") == [away["id"]]
        assert await ids(who, "?airport=KAUS") == [away["id"]]
        assert await ids(who, "?from=tomorrow") == [then["id"]]
    # Whatever it asks for, a screen is held to its airport.
    assert await ids("device") == [now["id"]]
    assert await ids("device", "?airport=KAUS") == []
    assert await ids("device", "?from=yesterday") == [now["id"], then["id"]]
    page = await door.ask("admin", "GET", f"{BOARD}?from=today&limit=2")
    assert [row["id"] for row in page.json["items"]] == both
    rest = await door.ask("admin", "GET", f"{BOARD}?from=today&limit=2&after={page.json['next']}")
    assert [row["id"] for row in rest.json["items"]] == [then["id"]]
    assert 'rel="next"' in page.headers["Link"]
    for query, where in (
        ("?from=noon", ["from"]), ("?limit=1001", ["limit"]), ("?student_id=x", ["student_id"]),
        ("?from=tomorrow&to=today", ["to"]),
    ):  # fmt: skip
        said = await door.ask("device", "GET", BOARD + query)
        assert (said.status, said.where) == (422, where), query
