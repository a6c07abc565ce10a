"""What is recorded when a row changes: by whatever statement, role, time zone or kind of session.

Each test writes as some program would and reads ``events`` as the feed does. What may be recorded of a user,
and that nothing is recorded of a change that is none, are promises to people, so they are tested by name.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from rows import NOON, booking, person

Connection = asyncpg.Connection


async def recorded(conn: Connection, entity: str | None = None) -> list[dict[str, Any]]:
    """The events so far, oldest first, then forgotten."""
    found = await conn.fetch(
        "SELECT *, xid::text::bigint AS number, row AS r, was AS w FROM events ORDER BY lsn"
    )
    await conn.execute("DELETE FROM events")
    events = []
    for record in found:
        event = dict(record)
        event["row"] = orjson.loads(record["r"]) if record["r"] else None
        event["was"] = orjson.loads(record["w"]) if record["w"] else None
        if entity is None or event["entity"] == entity:
            events.append(event)
    return events


def brief(events: list[dict[str, Any]]) -> list[tuple[str, str, UUID | None]]:
    return [(event["entity"], event["op"], event["key"]) for event in events]


@pytest.fixture
async def flight(conn: Connection) -> UUID:
    """A booking, its making forgotten."""
    made = await booking(conn)
    await conn.execute("DELETE FROM events")
    return made


async def test_a_row_s_life(conn: Connection) -> None:
    student, instructor = await person(conn), await person(conn, "INSTRUCTOR")
    await recorded(conn)
    before = datetime.now(UTC)
    key = await booking(conn, student_id=student, instructor_id=instructor)
    [made] = await recorded(conn)
    row = orjson.loads(await conn.fetchval("SELECT to_jsonb(b)::text FROM bookings b"))
    assert (made["entity"], made["op"], made["key"]) == ("bookings", "I", key)
    assert made["row"] == row
    assert made["was"] is None
    assert abs(made["at"] - before) < timedelta(seconds=30)

    async with conn.transaction():
        xid = await conn.fetchval("SELECT pg_current_xact_id()::text::bigint")
        await conn.execute("UPDATE bookings SET status = 'AT_RISK', aircraft_id = NULL")
    [changed] = await recorded(conn)
    assert (changed["op"], changed["key"], changed["number"]) == ("U", key, xid)
    assert changed["was"] == {"status": "CONFIRMED", "aircraft_id": "N1"}
    assert changed["row"]["status"] == "AT_RISK"
    assert changed["row"]["aircraft_id"] is None

    await conn.execute("UPDATE bookings SET aircraft_id = 'N2'")
    [back] = await recorded(conn)
    assert back["was"] == {"aircraft_id": None}  # a null is a value that was there

    await conn.execute("DELETE FROM bookings")
    [gone] = await recorded(conn)
    assert (gone["op"], gone["key"], gone["row"]) == ("D", key, None)
    assert gone["was"] == back["row"]


async def test_what_changes_nothing_is_no_event(conn: Connection, flight: UUID) -> None:
    for change in (
        "UPDATE bookings SET status = status",
        "UPDATE bookings SET updated_at = now()",
        "UPDATE bookings SET departure_latitude = 40.0",
        "UPDATE bookings SET status = 'AT_RISK' WHERE false",
        "DELETE FROM bookings WHERE false",
        "UPDATE users SET phone_number = '1', email = email || 'x', training_level = 'STUDENT_PILOT'",
        "SELECT * FROM bookings FOR UPDATE",
        "BEGIN; UPDATE bookings SET status = 'AT_RISK'; ROLLBACK",
        "BEGIN; SAVEPOINT s; UPDATE bookings SET status = 'AT_RISK'; ROLLBACK TO s; COMMIT",
    ):
        await conn.execute(change)
        assert await recorded(conn) == [], change


async def test_one_statement_many_rows(conn: Connection) -> None:
    """An event a row, all of one transaction; a row left as it was is none."""
    keys = [await booking(conn, NOON + timedelta(hours=hour)) for hour in range(5)]
    await recorded(conn)
    await conn.execute("UPDATE bookings SET status = 'COMPLETED' WHERE id = $1", keys[4])
    await recorded(conn)
    await conn.execute("UPDATE bookings SET status = 'COMPLETED'")
    events = await recorded(conn)
    assert sorted(event["key"] for event in events) == sorted(keys[:4])
    assert len({event["number"] for event in events}) == 1
    assert len({event["lsn"] for event in events}) == 4


async def test_other_ways_to_write(conn: Connection, flight: UUID) -> None:
    """COPY, an upsert, MERGE, two halves of one statement, a key that changes."""
    who = await conn.fetchval("SELECT student_id FROM bookings")
    await conn.copy_records_to_table(
        "notifications",
        records=[(who, "CONFIRMATION", "t", str(number)) for number in range(3)],
        columns=["user_id", "type", "title", "message"],
    )
    assert [event["op"] for event in await recorded(conn)] == ["I"] * 3

    old, new = await conn.fetchval("SELECT id FROM notifications LIMIT 1"), uuid4()
    upsert = (
        "INSERT INTO notifications (id, user_id, type, title, message)"
        " SELECT i, $1, 'ESCALATION', 't', 'm' FROM unnest($2::uuid[]) AS i"
        " ON CONFLICT (id) DO UPDATE SET read = true"
    )
    await conn.execute(upsert, who, [old, new])
    assert sorted(brief(await recorded(conn))) == sorted(
        [("notifications", "I", new), ("notifications", "U", old)]
    )
    moved = uuid4()
    await conn.execute("UPDATE notifications SET id = $2 WHERE id = $1", new, moved)
    events = {event["key"]: event for event in await recorded(conn)}
    assert events[new]["op"] == "D"
    assert events[new]["was"]["id"] == str(new)
    assert (events[moved]["op"], events[moved]["row"]["id"]) == ("I", str(moved))
    assert events[moved]["was"] is None

    await conn.execute(
        "WITH gone AS (DELETE FROM notifications WHERE id = $1 RETURNING *)"
        " INSERT INTO notifications SELECT * FROM gone",
        moved,
    )
    assert [event["op"] for event in await recorded(conn)] == ["D", "I"]
    if conn.get_server_version() >= (15,):
        await conn.execute(
            "MERGE INTO notifications n USING (VALUES ($1::uuid), ($2)) AS v(id) ON n.id = v.id"
            " WHEN MATCHED AND n.id = $1 THEN DELETE WHEN MATCHED THEN UPDATE SET title = 'merged'",
            moved,
            old,
        )
        assert sorted(event["op"] for event in await recorded(conn)) == ["D", "U"]


async def test_cascades(conn: Connection, flight: UUID) -> None:
    """Deleting a person takes what hangs on it along, and each row says so."""
    who = await conn.fetchval("SELECT student_id FROM bookings")
    await conn.execute(
        "INSERT INTO notifications (user_id, booking_id, type, title, message)"
        " VALUES ($1, $2, 'CONFIRMATION', 't', 'm')",
        who,
        flight,
    )
    option = await conn.fetchval(
        "INSERT INTO reschedule_options (booking_id, suggested_datetime) VALUES ($1, now())"
        " RETURNING id",
        flight,
    )
    await conn.execute(
        "INSERT INTO preference_rankings (booking_id, user_id, option1_id, deadline)"
        " VALUES ($1, $2, $3, now())",
        flight,
        who,
        option,
    )
    await recorded(conn)
    await conn.execute("DELETE FROM users WHERE id = $1", who)
    assert sorted(event["entity"] + event["op"] for event in await recorded(conn)) == [
        "bookingsD",
        "notificationsD",
        "preference_rankingsD",
        "reschedule_optionsD",
        "usersD",
    ]


async def test_truncate(conn: Connection, flight: UUID) -> None:
    await conn.execute("TRUNCATE bookings CASCADE")
    events = await recorded(conn)
    assert {event["entity"] for event in events} >= {"bookings", "notifications"}
    assert {(event["op"], event["key"], event["row"], event["was"]) for event in events} == {
        ("T", None, None, None)
    }


async def test_of_a_user_only_what_screens_show(conn: Connection) -> None:
    secret = "+1 555 0100"
    await conn.execute(
        "INSERT INTO users (cognito_user_id, email, first_name, last_name, phone_number, role,"
        " training_level) VALUES ('sub', 'ada@example.com', 'Ada', 'Byron', $1, 'STUDENT',"
        " 'PRIVATE_PILOT')",
        secret,
    )
    await conn.execute(
        "UPDATE users SET first_name = 'Augusta', email = 'a@example.com', phone_number = '2'"
    )
    await conn.execute("UPDATE users SET role = 'ADMIN', cognito_user_id = 'other'")
    await conn.execute("DELETE FROM users")
    said = await conn.fetchval("SELECT string_agg(row_to_json(e)::text, ' ') FROM events e")
    assert not any(word in said for word in ("@", secret, "phone", "email", "PRIVATE_PILOT"))
    made, renamed, other, gone = await recorded(conn)
    shown = {"id", "cognito_user_id", "first_name", "last_name", "role"}
    assert set(made["row"]) == set(renamed["row"]) == set(gone["was"]) == shown
    assert renamed["was"] == {"first_name": "Ada"}
    assert other["was"] == {"role": "STUDENT", "cognito_user_id": "sub"}
