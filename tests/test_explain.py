"""``GET /api/v1/explain``: what it says of real sockets is what they see, and why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from resthouse import ID, Rest, at, opened
from running import Client
from test_live_slow import Sluggish, sluggard  # noqa: F401  (a fixture)

Connect = Callable[..., Awaitable[Client]]
PATH = "/api/v1/explain"
ABSENT = "00000000-0000-4000-8000-00000000dead"


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path, slow_after_bytes=4096) as door:
        yield door


async def asked(door: Rest, **query: str) -> dict[str, Any]:
    said = await door.ask("admin", "GET", PATH, params=query)
    assert said.status == 200, said.body
    return dict(said.json)


async def test_by_which_rule(door: Rest) -> None:
    booking = (await door.booking())["id"]
    far = await door.device("KHYI", name="far")
    near = await door.device("KSQL", name="near")
    every = await door.device(name="every")
    expected = {
        ("user", ID["admin"]): (True, "everything"),
        ("user", ID["sam"]): (True, "student"),
        ("user", ID["ina"]): (True, "instructor"),
        ("user", ID["sue"]): (False, "not-theirs"),
        ("user", ID["ivo"]): (False, "not-theirs"),
        ("device", near): (True, "airport"),
        ("device", far): (False, "other-airport"),
        ("device", every): (True, "everything"),
    }
    for (kind, id), (sees, rule) in expected.items():
        told = await asked(door, booking=booking, **{kind: id})
        assert (told["sees"], told["rule"]) == (sees, rule), (kind, id)
        assert told["principal"]["id"] == id
        assert told["last_event"]["op"] == "created"
        assert told["feed"]["has_last_event"] is True
        # The rule is the door's and the socket's, too.
        if kind == "user":
            name = next(name for name in ID if ID[name] == id)
            read = await door.ask(name, "GET", f"/api/v1/bookings/{booking}")
            assert (read.status == 200) == sees
    topics = {
        one["topic"]: one for one in (await asked(door, booking=booking, user=ID["sam"]))["topics"]
    }
    assert {name: (one["sees"], one["rule"]) for name, one in topics.items()} == {
        "bookings": (True, "student"),
        "board": (False, "no-topic"),
        "reschedule": (False, "not-open"),
    }
    await door.conn.execute("UPDATE bookings SET status = 'RESCHEDULING' WHERE id = $1", booking)
    told = await asked(door, booking=booking, user=ID["sam"])
    assert told["topics"][2]["rule"] == "student"
    assert told["last_event"]["changed"] == ["status"]


async def test_through_which_watches_and_what_keeps_it_out(door: Rest, connect: Connect) -> None:
    booking = (await door.booking())["id"]
    client = await connect(door.hub, door.tokens["sam"])
    watches: dict[str, dict[str, Any]] = {
        "all": {},
        "soon": {"from": "today", "to": "today+7"},
        "risky": {"status": ["AT_RISK"], "airport": "KPAO"},
        "elsewhere": {"airport": "KHYI", "status": ["AT_RISK"]},
    }
    for id, within in watches.items():
        await client.watch(id, "bookings", filter=within)
    await client.watch("notes", "notifications")
    told = await asked(door, booking=booking, user=ID["sam"])
    [session] = told["sessions"]
    assert session["session"] == client.heard[0]["session"]
    assert session["behind"] is False
    found = {one["id"]: one for one in session["watches"]}
    assert found.keys() == watches.keys()
    assert {id: (one["matches"], one["excluded_by"]) for id, one in found.items()} == {
        "all": (True, []),
        "soon": (False, ["to"]),
        "risky": (False, ["status"]),
        "elsewhere": (False, ["airport", "status"]),
    }
    assert {id: one["filter"] for id, one in found.items()} == watches
    # What it says of each is what each has.
    assert {id: booking in client.rows[id] for id in watches} == {
        id: one["matches"] for id, one in found.items()
    }
    assert all(one["live"] and one["has_last_event"] for one in found.values())
    assert all(one["last_change"] is None for one in found.values())
    await door.conn.execute("UPDATE bookings SET status = 'AT_RISK' WHERE id = $1", booking)
    changes = [await client.until("change") for _ in range(2)]
    told = await asked(door, booking=booking, user=ID["sam"])
    found = {one["id"]: one for one in told["sessions"][0]["watches"]}
    assert found["risky"]["matches"] is True
    assert {id for id, one in found.items() if one["last_change"]} == {"all", "risky"}
    assert found["all"]["last_change"] == {
        "cursor": changes[0]["cursor"], "rows": 1, "had_booking": True,
    }  # fmt: skip
    assert told["last_event"]["tx"] == changes[0]["transactions"][0]["tx"]
    # Another's flight is the last that was told now, and a watch that came later was not there.
    await door.booking(aircraft_id="N2", scheduled_datetime=at(14), instructor_id=ID["ivo"])
    await client.until("change")
    late = await connect(door.hub, door.tokens["sam"])
    await late.watch("late", "bookings")
    told = await asked(door, booking=booking, user=ID["sam"])
    first, second = (session["watches"] for session in told["sessions"])
    assert first[0]["last_change"]["had_booking"] is False
    assert second[0]["last_change"] is None
    assert second[0]["has_last_event"] is True


async def test_a_client_that_does_not_read_is_told_to_be_behind(
    door: Rest,
    sluggard: Sluggish,  # noqa: F811
) -> None:
    booking = (await door.booking())["id"]
    await door.conn.execute(
        """INSERT INTO notifications (user_id, booking_id, type, title, message)
           SELECT $1, $2, 'CONFIRMATION', 't', repeat('m', 3000) FROM generate_series(1, 50)""",
        ID["admin"],
        booking,
    )
    client = await sluggard(door.hub)
    for id, topic in (("1", "bookings"), ("2", "notifications")):
        await client.say(type="watch", id=id, topic=topic)
        await client.read(10, until="live")
    async with asyncio.timeout(30):
        while True:
            # What fills the buffers is another topic's; then the booking changes.
            await door.conn.execute("UPDATE notifications SET title = title || '.'")
            await door.conn.execute(
                "UPDATE bookings SET duration_minutes = duration_minutes + 1 WHERE id = $1", booking
            )
            told = await asked(door, booking=booking, user=ID["admin"])
            [session] = told["sessions"]
            if session["behind"] and not session["watches"][0]["has_last_event"]:
                break
    [watch] = session["watches"]
    assert watch["matches"] is True
    assert watch["good_until"] != told["feed"]["cursor"]
    assert told["feed"]["has_last_event"] is True
    async with asyncio.timeout(30):
        while not watch["has_last_event"]:
            await client.read(0.1)
            [session] = (await asked(door, booking=booking, user=ID["admin"]))["sessions"]
            [watch] = session["watches"]
    assert session["behind"] is False
    assert session["caught_up"] is not None


async def test_a_kiosk(door: Rest, connect: Connect) -> None:
    booking = (await door.booking())["id"]
    id = await door.device("KPAO", name="wall")
    client = await connect(door.hub, door.tokens["wall"])
    await client.watch("b", "board", filter={"status": ["AT_RISK"]})
    told = await asked(door, booking=booking, device=id)
    assert (told["sees"], told["rule"], told["airport"]) == (True, "airport", "KPAO")
    [watch] = told["sessions"][0]["watches"]
    assert (watch["topic"], watch["excluded_by"]) == ("board", ["status"])


async def test_what_a_kiosk_was_told_in_its_turn_counts_as_told(
    door: Rest, connect: Connect
) -> None:
    """It is handed a change at once and the next a quarter of a second later, with what came between."""
    first = (await door.booking())["id"]
    second = (await door.booking(aircraft_id="N2", scheduled_datetime=at(14)))["id"]
    id = await door.device(name="wall")
    client = await connect(door.hub, door.tokens["wall"])
    await client.watch("b", "board")
    for booking in (first, second):
        await door.conn.execute("UPDATE bookings SET status = 'AT_RISK' WHERE id = $1", booking)
        change = await client.until("change")
    [watch] = (await asked(door, booking=second, device=id))["sessions"][0]["watches"]
    assert watch["last_change"] == {
        "cursor": change["cursor"], "rows": 1, "had_booking": True,
    }  # fmt: skip
    [watch] = (await asked(door, booking=first, device=id))["sessions"][0]["watches"]
    assert watch["last_change"]["had_booking"] is False
    assert watch["has_last_event"] is True


async def test_the_last_event_is_the_last_change_and_not_the_youngest_transaction(
    door: Rest,
) -> None:
    booking = (await door.booking())["id"]
    other = await asyncpg.connect(door.hub.dsn)
    async with other.transaction():
        old = await other.fetchval("SELECT pg_current_xact_id()::text")
        await door.conn.execute("UPDATE bookings SET status = 'AT_RISK' WHERE id = $1", booking)
        await other.execute("UPDATE bookings SET duration_minutes = 75 WHERE id = $1", booking)
    await other.close()
    told = (await asked(door, booking=booking, user=ID["sam"]))["last_event"]
    assert (told["tx"], told["changed"]) == (old, ["duration_minutes"])


async def test_a_deleted_booking_is_explained_by_its_last_event(door: Rest) -> None:
    booking = (await door.booking())["id"]
    await door.conn.execute("DELETE FROM bookings WHERE id = $1", booking)
    told = await asked(door, booking=booking, user=ID["sam"])
    assert told["booking"]["exists"] is False
    assert told["last_event"]["op"] == "deleted"
    assert (told["sees"], told["rule"]) == (False, "student")
    assert "gone" in told["why"]


async def test_what_is_unknown_is_named(door: Rest) -> None:
    booking = (await door.booking())["id"]
    sam = ID["sam"]
    for query, where in [
        ({"booking": ABSENT, "user": sam}, ["?booking"]),
        ({"booking": booking, "user": ABSENT}, ["?user"]),
        ({"booking": booking, "device": ABSENT}, ["?device"]),
        ({"booking": booking}, ["?user"]),
        ({"booking": booking, "user": sam, "device": ABSENT}, ["?user"]),
        ({"booking": "7", "user": sam}, ["?booking"]),
        ({"user": sam}, ["?booking"]),
    ]:
        said = await door.ask("admin", "GET", PATH, params=query)
        assert said.status == 422, query
        assert ["?" + name for name in said.where] == where, query


async def test_what_was_committed_this_instant_is_explained(door: Rest) -> None:
    """The answer waits for the feed to have seen what the database shows."""
    for number in range(10):
        booking = (await door.booking(scheduled_datetime=at(2 * number)))["id"]
        told = await asked(door, booking=booking, user=ID["sam"])
        assert told["feed"]["has_last_event"] is True
