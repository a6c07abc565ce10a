"""What the database itself refuses, and what it keeps current, whatever program writes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from rows import NOON, booking, person

Connection = asyncpg.Connection


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [
        ("status", "LOST", "bookings_status_check"),
        ("training_level", "ACE", "bookings_training_level_check"),
        ("duration_minutes", 0, "bookings_duration_minutes_check"),
        ("departure_latitude", 90.5, "bookings_departure_latitude_check"),
        ("arrival_longitude", -180.5, "bookings_arrival_longitude_check"),
    ],
)
async def test_values_a_booking_cannot_have(
    conn: Connection, column: str, value: object, constraint: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await booking(conn, **{column: value})
    assert refused.value.constraint_name == constraint


async def test_nobody_teaches_himself(conn: Connection) -> None:
    who = await person(conn, "INSTRUCTOR")
    with pytest.raises(asyncpg.CheckViolationError, match="two_people"):
        await booking(conn, student_id=who, instructor_id=who)


@pytest.mark.parametrize("shared", ["aircraft_id", "instructor_id", "student_id"])
async def test_no_double_booking(conn: Connection, shared: str) -> None:
    given: dict[str, Any] = {"aircraft_id": None}
    given[shared] = "N7" if shared == "aircraft_id" else await person(conn)
    first = await booking(conn, **given)
    for minutes in (-59, 0, 59):
        with pytest.raises(asyncpg.ExclusionViolationError):
            await booking(conn, NOON + timedelta(minutes=minutes), **given)
    # Back to back on both sides, and in the same hour as one that is no longer live.
    await booking(conn, NOON - timedelta(minutes=60), **given)
    await booking(conn, NOON + timedelta(minutes=60), **given)
    await booking(conn, NOON, status="COMPLETED", **given)
    await conn.execute("UPDATE bookings SET status = 'CANCELLED' WHERE id = $1", first)
    second = await booking(conn, NOON, status="RESCHEDULING", **given)
    with pytest.raises(asyncpg.ExclusionViolationError):
        await conn.execute("UPDATE bookings SET status = 'AT_RISK' WHERE id = $1", first)
    await conn.execute("DELETE FROM bookings WHERE id = $1", second)
    await conn.execute("UPDATE bookings SET status = 'AT_RISK' WHERE id = $1", first)


async def test_two_bookings_without_an_aircraft_do_not_clash(conn: Connection) -> None:
    await booking(conn, aircraft_id=None)
    await booking(conn, aircraft_id=None)


async def test_two_bookings_swap_their_times(conn: Connection) -> None:
    later = NOON + timedelta(hours=2)
    one, other = await booking(conn), await booking(conn, later)
    swap = (
        "UPDATE bookings SET scheduled_datetime ="
        " CASE scheduled_datetime WHEN $1 THEN $2::timestamptz ELSE $1::timestamptz END"
    )
    await conn.execute(swap, NOON, later)
    move = "UPDATE bookings SET scheduled_datetime = $2 WHERE id = $1"
    async with conn.transaction():
        await conn.execute("SET CONSTRAINTS ALL DEFERRED")
        await conn.execute(move, one, NOON)
        await conn.execute(move, other, later)
    clash = conn.transaction()
    await clash.start()
    await conn.execute("SET CONSTRAINTS ALL DEFERRED")
    await conn.execute(move, one, later)
    with pytest.raises(asyncpg.ExclusionViolationError):
        await clash.commit()


@pytest.mark.parametrize("table", ["users", "bookings", "availability_patterns"])
async def test_updated_at_is_the_databases(conn: Connection, table: str) -> None:
    await booking(conn)
    await conn.execute(
        "INSERT INTO availability_patterns (user_id, day_of_week, start_time, end_time)"
        " SELECT id, 0, '09:00', '10:00' FROM users"
    )
    before = await conn.fetchval(f"SELECT max(updated_at) FROM {table}")
    await conn.execute(f"UPDATE {table} SET updated_at = 'epoch'")
    assert await conn.fetchval(f"SELECT min(updated_at) FROM {table}") > before


async def test_updated_at_rises_though_an_older_transaction_writes_last(
    conn: Connection, dsn: str
) -> None:
    await person(conn)
    older = await asyncpg.connect(dsn)
    try:
        async with older.transaction():
            await older.execute("SELECT now()")
            touch = "UPDATE users SET phone_number = $1 RETURNING updated_at"
            first = await conn.fetchval(touch, "1")
            assert await older.fetchval(touch, "2") > first
    finally:
        await older.close()


async def test_overrides(conn: Connection) -> None:
    who = await person(conn)
    add = (
        "INSERT INTO availability_overrides (user_id, override_date, start_time, end_time)"
        " VALUES ($1, '2031-05-06', $2::text::time, $3::text::time)"
    )
    await conn.execute(add, who, None, None)
    for twice in ((None, None), ("00:00", "24:00")):
        with pytest.raises(asyncpg.UniqueViolationError):
            await conn.execute(add, who, *twice)
    await conn.execute(add, who, "09:00", "10:00")
    with pytest.raises(asyncpg.UniqueViolationError):
        await conn.execute(add, who, "09:00", "10:00")
    for half in (("09:00", None), (None, "09:00")):
        with pytest.raises(asyncpg.CheckViolationError, match="both_times"):
            await conn.execute(add, who, *half)
    with pytest.raises(asyncpg.CheckViolationError, match="end_time"):
        await conn.execute(add, who, "10:00", "10:00")


async def test_a_preference_ranks_something_once_it_is_submitted(conn: Connection) -> None:
    flight, who = await booking(conn), await person(conn)
    await conn.execute(
        "INSERT INTO preference_rankings (booking_id, user_id, deadline) VALUES ($1, $2, now())",
        flight,
        who,
    )
    with pytest.raises(asyncpg.CheckViolationError, match="ranked"):
        await conn.execute("UPDATE preference_rankings SET submitted_at = now()")
    option = await conn.fetchval(
        "INSERT INTO reschedule_options (booking_id, suggested_datetime) VALUES ($1, now())"
        " RETURNING id",
        flight,
    )
    await conn.execute(
        "UPDATE preference_rankings SET submitted_at = now(), option3_id = $1", option
    )
    # Options are deleted and made anew; the preferences that rank them go with them.
    await conn.execute("DELETE FROM reschedule_options")
    assert await conn.fetchval("SELECT count(*) FROM preference_rankings") == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [("weather_forecast", '"{}"'), ("ai_confidence_score", "1.01"), ("ai_confidence_score", "NaN")],
)
async def test_values_an_option_cannot_have(conn: Connection, column: str, value: str) -> None:
    flight = await booking(conn)
    with pytest.raises(asyncpg.CheckViolationError, match=column):
        await conn.execute(
            f"INSERT INTO reschedule_options (booking_id, suggested_datetime, {column})"
            f" VALUES ('{flight}', now(), '{value}')"
        )


async def test_a_notification_has_a_type_the_document_knows(conn: Connection) -> None:
    who = await person(conn)
    with pytest.raises(asyncpg.CheckViolationError, match="type"):
        await conn.execute(
            "INSERT INTO notifications (user_id, type, title, message) VALUES ($1, 'SPAM', '', '')",
            who,
        )


async def test_deleting_a_user_deletes_what_hangs_on_him(conn: Connection) -> None:
    who = await person(conn)
    flight = await booking(conn, student_id=who)
    await booking(conn, NOON + timedelta(days=1), original_booking_id=flight)
    await conn.execute(
        "INSERT INTO notifications (user_id, type, title, message, booking_id)"
        " SELECT instructor_id, 'WEATHER_ALERT', 'Fog', 'Fog.', id FROM bookings WHERE id = $1",
        flight,
    )
    await conn.execute("DELETE FROM users WHERE id = $1", who)
    for table in ("bookings", "notifications"):
        assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize("role", ["origin", "replica"])
async def test_the_audit_log_only_grows(conn: Connection, role: str) -> None:
    acted, idle = await person(conn), await person(conn)
    await conn.execute(
        "INSERT INTO audit_log (entity_type, entity_id, action, user_id)"
        " VALUES ('booking', uuid_generate_v4(), 'CREATE', $1)",
        acted,
    )
    await conn.execute(f"SET session_replication_role = {role}")
    for change in (
        "UPDATE audit_log SET action = 'x'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
    ):
        with pytest.raises(asyncpg.RestrictViolationError, match="immutable"):
            await conn.execute(change)
    await conn.execute("SET session_replication_role = origin")
    with pytest.raises(asyncpg.RestrictViolationError, match="immutable"):
        await conn.execute("DELETE FROM users WHERE id = $1", acted)
    with pytest.raises(asyncpg.RestrictViolationError, match="immutable"):
        await conn.execute("TRUNCATE users CASCADE")
    await conn.execute("DELETE FROM users WHERE id = $1", idle)
    kept = await conn.fetch("SELECT action FROM audit_log ORDER BY created_at")
    assert [row["action"] for row in kept] == ["create", "create", "CREATE", "delete"]
