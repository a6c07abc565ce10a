"""Sessions of ``hub.v1`` against a real hub: the protocol as a client meets it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import asyncpg
import pytest
from running import Client, Hub

from hub.errors import Unavailable
from hub.live.closing import Code

Connect = Callable[..., Awaitable[Client]]
ADMIN = "admin@example.com"


@pytest.fixture
async def sql(hub: Hub) -> Any:
    """Another program with a connection to the schedule."""
    conn = await asyncpg.connect(hub.dsn)
    yield conn
    await conn.close()


async def _people(sql: Any, role: str) -> list[Any]:
    return list(
        await sql.fetch("SELECT id::text, email FROM users WHERE role = $1 ORDER BY id", role)
    )


async def _booking(sql: Any, **more: Any) -> str:
    """A new booking far ahead, of the first student with the first instructor."""
    students, instructors = await _people(sql, "STUDENT"), await _people(sql, "INSTRUCTOR")
    given = {"student": students[0]["id"], "instructor": instructors[0]["id"], "days": 100} | more
    return str(
        await sql.fetchval(
            """INSERT INTO bookings (student_id, instructor_id, departure_airport, arrival_airport,
                 departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
                 scheduled_datetime, training_level)
               VALUES ($1::text::uuid, $2::text::uuid, 'KPAO', 'KSQL', 37.4, -122.1, 37.5, -122.2,
                 now() + $3 * interval '1 day', 'STUDENT_PILOT') RETURNING id::text""",
            given["student"],
            given["instructor"],
            given["days"],
        )
    )


async def test_welcome_rows_live_change(hub: Hub, connect: Connect, sql: Any) -> None:
    client = await connect(hub)
    welcome = await client.hello(await hub.token_of(ADMIN))
    assert welcome["principal"]["role"] == "ADMIN"
    assert welcome["ping"] == 25.0
    live = await client.watch("1", "bookings")
    assert live["resumed"] is False
    assert len(client.rows["1"]) == await sql.fetchval("SELECT count(*) FROM bookings")
    key = next(iter(client.rows["1"]))
    xid = await sql.fetchval(
        "UPDATE bookings SET aircraft_id = 'N1TEST' WHERE id = $1 RETURNING pg_current_xact_id()::text",
        key,
    )
    change = await client.until("change")
    assert change["view"] == live["view"]
    (transaction,) = change["transactions"]
    assert transaction["tx"] == str(xid)
    (item,) = transaction["items"]
    assert (item["op"], item["key"], item["changed"]) == ("upsert", key, ["aircraft_id"])
    assert item["row"]["aircraft_id"] == "N1TEST"
    # What a change shows and what a picture shows are one and the same.
    other = await connect(hub, await hub.token_of(ADMIN))
    await other.watch("x", "bookings")
    assert other.rows["x"][key] == item["row"]


async def test_each_sees_only_their_own(hub: Hub, connect: Connect, sql: Any) -> None:
    students = await _people(sql, "STUDENT")
    one = await connect(hub, await hub.token_of(students[0]["email"]))
    two = await connect(hub, await hub.token_of(students[1]["email"]))
    for client, student in ((one, students[0]), (two, students[1])):
        await client.watch("b", "bookings")
        await client.watch("n", "notifications")
        assert {row["student_id"] for row in client.rows["b"].values()} == {student["id"]}
        assert {row["user_id"] for row in client.rows["n"].values()} == {student["id"]}
    await sql.execute(
        """INSERT INTO notifications (user_id, type, title, message)
           VALUES ($1::text::uuid, 'CONFIRMATION', 't', 'm')""",
        students[0]["id"],
    )
    told = await one.until("change")
    assert told["transactions"][0]["items"][0]["row"]["title"] == "t"
    assert await two.silent()


async def test_a_booking_moved_from_a_to_b(hub: Hub, connect: Connect, sql: Any) -> None:
    a, b = (await _people(sql, "INSTRUCTOR"))[:2]
    key = await _booking(sql, instructor=a["id"])
    theirs = [await connect(hub, await hub.token_of(who["email"])) for who in (a, b)]
    for client in theirs:
        await client.watch("1", "bookings")
    assert key in theirs[0].rows["1"]
    assert key not in theirs[1].rows["1"]
    await sql.execute(
        "UPDATE bookings SET instructor_id = $1::text::uuid WHERE id = $2", b["id"], key
    )
    lost, got = [await client.until("change") for client in theirs]
    assert lost["transactions"][0]["items"] == [{"op": "remove", "key": key}]
    assert lost["transactions"][0]["tx"] == got["transactions"][0]["tx"]
    (item,) = got["transactions"][0]["items"]
    assert (item["op"], item["key"]) == ("upsert", key)
    assert item["row"]["instructor_id"] == b["id"]
    # It is new to B: what it was before is none of B's business.
    assert "changed" not in item


async def test_a_row_leaving_a_filter_and_entering_it(hub: Hub, connect: Connect, sql: Any) -> None:
    key = await _booking(sql)
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings", filter={"status": ["AT_RISK"], "airport": "KSQL"})
    assert key not in client.rows["1"]
    await sql.execute("UPDATE bookings SET status = 'AT_RISK' WHERE id = $1", key)
    told = await client.until("change")
    assert told["transactions"][0]["items"][0]["row"]["status"] == "AT_RISK"
    await sql.execute("UPDATE bookings SET status = 'CONFIRMED' WHERE id = $1", key)
    told = await client.until("change")
    assert told["transactions"][0]["items"] == [{"op": "remove", "key": key}]
    await sql.execute("UPDATE bookings SET aircraft_id = 'N5' WHERE id = $1", key)
    assert await client.silent()
    await sql.execute("UPDATE bookings SET status = 'AT_RISK' WHERE id = $1", key)
    await client.until("change")
    await sql.execute(
        "UPDATE bookings SET arrival_airport = 'KHWD', departure_airport = 'KHWD' WHERE id = $1",
        key,
    )
    told = await client.until("change")
    assert told["transactions"][0]["items"] == [{"op": "remove", "key": key}]


async def test_three_rows_in_one_transaction_are_one_frame(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    keys = [await _booking(sql, days=100 + n) for n in range(3)]
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings")
    async with sql.transaction():
        for n, key in enumerate(keys):
            await sql.execute("UPDATE bookings SET aircraft_id = $2 WHERE id = $1", key, f"N{n}")
            await asyncio.sleep(0.05)
    told = await client.until("change")
    (transaction,) = told["transactions"]
    assert [item["key"] for item in transaction["items"]] == keys
    assert await client.silent(0.2)


async def test_resume_by_cursor_says_only_what_changed(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    key = await _booking(sql)
    first = await connect(hub, await hub.token_of(ADMIN))
    await first.watch("1", "bookings")
    rows, cursor = first.rows["1"], first.cursors["1"]
    await first.ws.close()
    gone = await _booking(sql, days=101)
    await sql.execute("DELETE FROM bookings WHERE id = $1", gone)
    for n in range(5):
        await sql.execute("UPDATE bookings SET aircraft_id = $2 WHERE id = $1", key, f"N{n}")
    await hub.house.feed.turned()
    second = await connect(hub, await hub.token_of(ADMIN))
    await second.say(type="watch", id="9", topic="bookings", cursor=cursor)
    change = await second.until("change")
    # Conflated: five updates are one, and a row that came and went is not mentioned.
    items = [item for transaction in change["transactions"] for item in transaction["items"]]
    assert [(item["op"], item["key"]) for item in items] == [("upsert", key)]
    assert items[0]["row"]["aircraft_id"] == "N4"
    live = await second.until("live")
    assert live["resumed"] is True
    assert change["id"] == "9"
    assert change["view"] == live["view"]
    assert change["cursor"] == live["cursor"]
    rows[key] = items[0]["row"]
    await second.watch("check", "bookings")
    assert rows == second.rows["check"]


async def test_a_rest_reads_cursor_starts_a_stream(hub: Hub, connect: Connect, sql: Any) -> None:
    key = await _booking(sql)
    token = await hub.token_of(ADMIN)
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http,
        http.get(f"{hub.url}/api/v1/bookings/{key}") as answer,
    ):
        assert answer.status == 200
        cursor = answer.headers["Hub-Cursor"]
        read = await answer.json()
    await sql.execute("UPDATE bookings SET aircraft_id = 'N77' WHERE id = $1", key)
    await hub.house.feed.turned()
    client = await connect(hub, token)
    await client.say(type="watch", id="1", topic="bookings", cursor=cursor)
    change = await client.until("change")
    (item,) = change["transactions"][0]["items"]
    assert item["key"] == key
    read |= {"aircraft_id": "N77", "updated_at": item["row"]["updated_at"]}
    assert item["row"] == read
    assert (await client.until("live"))["resumed"] is True


@pytest.mark.parametrize(
    ("cursor", "reason"),
    [
        ("nonsense", "malformed"),
        ("0123456789ab.5:5:", "epoch"),
        ("EPOCH.999999999999:999999999999:", "epoch"),
        ("EPOCH.1:999999999:" + ",".join(map(str, range(5, 50))), "epoch"),
    ],
)
async def test_a_cursor_that_cannot_be_honoured(
    hub: Hub, connect: Connect, cursor: str, reason: str
) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    cursor = cursor.replace("EPOCH", hub.house.feed.epoch)
    live = await client.watch("1", "bookings", cursor=cursor)
    assert live["resumed"] is False
    assert [(told["type"], told.get("reason")) for told in client.heard[1:3]] == [
        ("reset", reason),
        ("rows", None),
    ]
    assert client.rows["1"]


async def test_errors_name_what_is_wrong_and_cost_nothing(hub: Hub, connect: Connect) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    watch = {"type": "watch", "id": "1", "topic": "bookings"}
    for message, code, words in [
        (watch | {"topic": "weather"}, "unknown_topic", "bookings"),
        (watch | {"filter": {"status": ["MAYBE"]}}, "bad_filter", "/filter/status/0"),
        (watch | {"filter": {"from": "2026-01-01T00:00:00"}}, "bad_filter", "/filter/from"),
        (watch | {"filter": {"from": "0001-01-01T00:00:00+14:00"}}, "bad_filter", "/filter/from"),
        (watch | {"filter": {"to": 5}}, "bad_filter", "/filter/to"),
        (watch | {"filter": {"to": "1893456000"}}, "bad_filter", "/filter/to"),
        (watch | {"filter": {"colour": "red"}}, "bad_filter", "/filter/colour"),
        (watch | {"filter": {"aircraft_id": "N\u0000"}}, "bad_filter", "/filter/aircraft_id"),
        (watch | {"topic": 5}, "malformed", "/topic"),
        ({"type": "unwatch", "id": "none"}, "unknown_watch", ""),
        ({"type": "hello", "token": "x"}, "hello_twice", ""),
    ]:  # fmt: skip
        await client.say(**message)
        told = await client.hear()
        assert (told["type"], told["code"]) == ("error", code), told
        assert words in told["message"]
    await client.watch("1", "bookings")
    await client.say(type="watch", id="1", topic="bookings")
    assert (await client.hear())["code"] == "watch_exists"


async def test_unwatch_ends_it(hub: Hub, connect: Connect, sql: Any) -> None:
    key = await _booking(sql)
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings")
    await client.say(type="unwatch", id="1")
    await client.say(type="unwatch", id="1")
    assert (await client.hear())["code"] == "unknown_watch"
    await sql.execute("UPDATE bookings SET aircraft_id = 'N8' WHERE id = $1", key)
    assert await client.silent()
    assert len(hub.house.gate.views) == 0


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"type": "watch", "id": "1", "topic": "bookings"}, Code.MALFORMED),
        ({"type": "hello"}, Code.MALFORMED),
        ({"type": "hello", "token": "a.b.c"}, Code.BAD_TOKEN),
        ({"type": "hello", "token": "STRANGER"}, Code.FORBIDDEN),
        ({"type": "hello", "token": "EXPIRED"}, Code.BAD_TOKEN),
    ],
)
async def test_who_may_not_come_in(
    hub: Hub, connect: Connect, first: dict[str, Any], code: Code
) -> None:
    client = await connect(hub)
    token = first.get("token")
    if token == "STRANGER":
        first = first | {"token": hub.token("nobody-at-this-school")}
    if token == "EXPIRED":
        first = first | {"token": await hub.token_of(ADMIN, ttl=-5)}
    await client.say(**first)
    bye = await client.hear()
    assert (bye["type"], bye["code"]) == ("bye", code)
    assert (await client.hear())["code"] == code


async def test_a_user_added_this_instant_comes_in(hub: Hub, connect: Connect, sql: Any) -> None:
    await sql.execute(
        """INSERT INTO users (cognito_user_id, email, first_name, last_name, role)
           VALUES ('sub-new', 'new@example.com', 'New', 'Pilot', 'STUDENT')"""
    )
    client = await connect(hub)
    welcome = await client.hello(hub.token("sub-new"))
    assert welcome["principal"]["name"] == "New Pilot"


async def test_a_program_may_say_who_it_is_in_the_header(hub: Hub, connect: Connect) -> None:
    client = await connect(hub, headers={"Authorization": f"Bearer {await hub.token_of(ADMIN)}"})
    assert (await client.until("welcome"))["principal"]["role"] == "ADMIN"
    await client.watch("1", "bookings")


async def test_messages_may_follow_hello_at_once(hub: Hub, connect: Connect) -> None:
    client = await connect(hub)
    await client.say(type="hello", token=await hub.token_of(ADMIN))
    await client.say(type="watch", id="1", topic="bookings")
    await client.say(type="watch", id="2", topic="notifications")
    told = [(await client.hear())["type"] for _ in range(5)]
    assert told[0] == "welcome"
    assert sorted(told[1:]) == ["live", "live", "rows", "rows"]


# Rights, as they are now.


async def test_a_change_of_role_is_judged_in_the_turn_it_is_read(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    admin = (await _people(sql, "ADMIN"))[0]
    student = (await _people(sql, "STUDENT"))[0]
    client = await connect(hub, await hub.token_of(admin["email"]))
    await client.watch("1", "bookings")
    assert len(client.rows["1"]) > 10
    async with sql.transaction():
        await sql.execute("UPDATE users SET role = 'STUDENT' WHERE id = $1", admin["id"])
        # In the same transaction, so in the same batch: already not theirs to see.
        await sql.execute(
            "UPDATE bookings SET aircraft_id = 'N9SECRET' WHERE student_id = $1", student["id"]
        )
    told = [await client.hear() for _ in range(3)]
    assert [one["type"] for one in told] == ["reset", "rows", "live"]
    assert told[0]["reason"] == "rights"
    assert told[1]["rows"] == []
    assert await client.silent()


async def test_a_deleted_user_is_shown_out(hub: Hub, connect: Connect, sql: Any) -> None:
    student = (await _people(sql, "STUDENT"))[0]
    client = await connect(hub, await hub.token_of(student["email"]))
    await client.watch("1", "bookings")
    await sql.execute("DELETE FROM users WHERE id = $1", student["id"])
    bye = await client.until("bye")
    assert bye["code"] == Code.FORBIDDEN


async def test_a_renamed_person_is_renamed_on_every_screen(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    instructor = (await _people(sql, "INSTRUCTOR"))[0]
    student = await sql.fetchrow(
        """SELECT u.email FROM users u JOIN bookings b ON b.student_id = u.id
            WHERE b.instructor_id = $1 LIMIT 1""",
        instructor["id"],
    )
    client = await connect(hub, await hub.token_of(student["email"]))
    await client.watch("1", "bookings")
    await sql.execute("UPDATE users SET last_name = 'Newname' WHERE id = $1", instructor["id"])
    change = await client.until("change")
    client.follow(change)
    items = [item for transaction in change["transactions"] for item in transaction["items"]]
    assert {tuple(item["changed"]) for item in items} == {("instructor_name",)}
    await client.watch("2", "bookings")
    assert client.rows["1"] == client.rows["2"]


async def test_a_truncated_table_resets_its_watchers(hub: Hub, connect: Connect, sql: Any) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings")
    await client.watch("2", "notifications")
    await sql.execute("TRUNCATE bookings CASCADE")
    told = [await client.hear() for _ in range(6)]
    assert {one["id"] for one in told if one["type"] == "reset"} == {"1", "2"}
    assert all(one["rows"] == [] for one in told if one["type"] == "rows")


async def test_a_value_nobody_can_read_ends_nothing(hub: Hub, connect: Connect, sql: Any) -> None:
    """jsonb holds numbers and depths that JSON readers refuse; the feed must outlive them."""
    key = await _booking(sql)
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings")
    put = """INSERT INTO reschedule_options (booking_id, suggested_datetime, weather_forecast)
             VALUES ($1, now(), $2)"""
    unreadable = ('{"x": 1e400}', '{"x":' * 1500 + "1" + "}" * 1500)
    for forecast in unreadable:
        with pytest.raises(asyncpg.CheckViolationError):
            await sql.execute(put, key, forecast)
    # Rows from before the rule.
    await sql.execute(
        """ALTER TABLE reschedule_options
             DROP CONSTRAINT reschedule_options_weather_forecast_readable_check"""
    )
    for forecast in unreadable:
        await sql.execute(put, key, forecast)
    await sql.execute("UPDATE bookings SET aircraft_id = 'N3' WHERE id = $1", key)
    change = await client.until("change")
    assert change["transactions"][0]["items"][0]["row"]["aircraft_id"] == "N3"
    assert not hub.house.died.is_set()


async def test_a_giant_transaction_is_read_anew_and_not_framed(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    admin = (await _people(sql, "ADMIN"))[0]
    client = await connect(hub, await hub.token_of(admin["email"]))
    await client.watch("1", "notifications")
    await sql.execute(
        """INSERT INTO notifications (user_id, type, title, message)
           SELECT $1::text::uuid, 'CONFIRMATION', 'n' || n, 'm' FROM generate_series(1, 1500) AS n""",
        admin["id"],
    )
    assert await client.until("reset") == {"type": "reset", "id": "1", "reason": "size"}
    rows: dict[str, Any] = {}
    while (told := await client.hear())["type"] == "rows":
        rows |= {row["id"]: row for row in told["rows"]}
    assert told["type"] == "live"
    assert sum(row["title"].startswith("n") for row in rows.values()) >= 1500


async def test_a_column_added_under_the_running_hub_is_nobodys_news(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    key = await _booking(sql)
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings")
    await sql.execute("ALTER TABLE bookings ADD COLUMN secret_note text")
    await sql.execute("UPDATE bookings SET secret_note = 'x' WHERE id = $1", key)
    (item,) = (await client.until("change"))["transactions"][0]["items"]
    assert "changed" not in item
    assert "secret_note" not in item["row"]


async def test_a_socket_that_its_peer_resets_leaves_nothing_behind(
    hub: Hub, connect: Connect
) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("1", "bookings")
    raw = client.ws.get_extra_info("socket")
    # No FIN: a reset, as of a peer that has died.
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport = client.ws._writer.transport
    assert transport is not None
    transport.abort()
    gate = hub.house.gate
    async with asyncio.timeout(10):
        while gate.sessions:
            await asyncio.sleep(0.01)
    assert (len(gate.views), len(gate.troubled)) == (0, 0)


async def test_a_picture_that_takes_too_long_is_given_up_after_an_outage_as_well(
    hub: Hub, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed, tries = hub.house.feed, 0

    async def read(*asked: Any, **more: Any) -> Any:
        nonlocal tries
        tries += 1
        feed.healthy = tries > 4  # an outage, and then a database that is there but slow
        raise Unavailable("too slow")

    monkeypatch.setattr(hub.house.gate.pictures, "read", read)
    monkeypatch.setattr(feed, "_turned", lambda: None)
    client = await connect(hub, await hub.token_of("admin@example.com"))
    await client.say(type="watch", id="1", topic="bookings")
    assert (await client.until("error"))["temporary"] is True
    assert tries == 7
