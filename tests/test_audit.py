"""What the audit log says of a change: whoever makes it, in whatever statement, and never a secret."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from rows import booking, person

from hub.db.pool import writing

Connection = asyncpg.Connection
Pool = asyncpg.Pool
SECRET = b"\x07" * 32


async def entries(conn: Connection) -> list[dict[str, Any]]:
    """The entries since the last look, in order."""
    found = await conn.fetch(
        "SELECT entity_type, entity_id, action, user_id, metadata, id FROM audit_log"
        " WHERE id <> ALL (coalesce(nullif(current_setting('test.seen', true), ''), '{}')::uuid[])"
        " ORDER BY created_at, id"
    )
    await conn.execute("SELECT set_config('test.seen', array_agg(id)::text, false) FROM audit_log")
    return [dict(row) | {"metadata": orjson.loads(row["metadata"])} for row in found]


def brief(found: list[dict[str, Any]]) -> list[tuple[str, str, UUID]]:
    return [(entry["entity_type"], entry["action"], entry["entity_id"]) for entry in found]


@pytest.fixture
async def flight(conn: Connection) -> UUID:
    """A booking, its making forgotten."""
    made = await booking(conn)
    await entries(conn)
    return made


async def test_a_row_s_life(conn: Connection) -> None:
    student, instructor = await person(conn), await person(conn, "INSTRUCTOR")
    await entries(conn)
    key = await booking(conn, student_id=student, instructor_id=instructor)
    [made] = await entries(conn)
    row = orjson.loads(await conn.fetchval("SELECT to_jsonb(b)::text FROM bookings b"))
    assert brief([made]) == [("booking", "create", key)]
    assert made["metadata"] == {"row": row}
    assert made["user_id"] is None

    await conn.execute("UPDATE bookings SET status = 'AT_RISK', aircraft_id = NULL")
    [changed] = await entries(conn)
    assert brief([changed]) == [("booking", "update", key)]
    assert changed["metadata"] == {
        "changed": {"status": ["CONFIRMED", "AT_RISK"], "aircraft_id": ["N1", None]}
    }
    last = orjson.loads(await conn.fetchval("SELECT to_jsonb(b)::text FROM bookings b"))
    await conn.execute("DELETE FROM bookings")
    [gone] = await entries(conn)
    assert brief([gone]) == [("booking", "delete", key)]
    assert gone["metadata"] == {"row": last}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE bookings SET status = status",
        "UPDATE bookings SET updated_at = now()",
        "UPDATE bookings SET departure_latitude = 40.0",
        "UPDATE bookings SET status = 'AT_RISK' WHERE false",
        "BEGIN; UPDATE bookings SET status = 'AT_RISK'; ROLLBACK",
        "INSERT INTO notifications (user_id, type, title, message)"
        " SELECT id, 'ESCALATION', 't', 'm' FROM users",
    ],
)
async def test_what_changes_nothing_of_note_is_no_entry(
    conn: Connection, flight: UUID, change: str
) -> None:
    await conn.execute(change)
    assert await entries(conn) == []


async def test_every_table_that_matters(conn: Connection, flight: UUID) -> None:
    who = await conn.fetchval("SELECT student_id FROM bookings")
    pattern = await conn.fetchval(
        "INSERT INTO availability_patterns (user_id, day_of_week, start_time, end_time)"
        " VALUES ($1, 1, '08:00', '12:00') RETURNING id",
        who,
    )
    override = await conn.fetchval(
        "INSERT INTO availability_overrides (user_id, override_date) VALUES ($1, '2031-01-01')"
        " RETURNING id",
        who,
    )
    option = await conn.fetchval(
        "INSERT INTO reschedule_options (booking_id, suggested_datetime) VALUES ($1, now())"
        " RETURNING id",
        flight,
    )
    ranking = await conn.fetchval(
        "INSERT INTO preference_rankings (booking_id, user_id, option1_id, deadline)"
        " VALUES ($1, $2, $3, now()) RETURNING id",
        flight,
        who,
        option,
    )
    key = await conn.fetchval(
        "INSERT INTO api_keys (name, prefix, hash, scopes)"
        " VALUES ('x', 'hub_x', $1, '{audit:read}') RETURNING id",
        SECRET,
    )
    made = [
        ("availability_pattern", pattern),
        ("availability_override", override),
        ("reschedule_option", option),
        ("preference_ranking", ranking),
        ("api_key", key),
    ]
    assert brief(await entries(conn)) == [(word, "create", id) for word, id in made]
    await conn.execute(
        """
        UPDATE availability_patterns SET is_active = false;
        UPDATE availability_overrides SET reason = 'rain';
        UPDATE reschedule_options SET ai_confidence_score = 0.5;
        UPDATE preference_rankings SET submitted_at = now();
        UPDATE api_keys SET revoked_at = now(), last_used_at = now();
        """
    )
    changed = await entries(conn)
    assert brief(changed) == [(word, "update", id) for word, id in made]
    assert [set(entry["metadata"]["changed"]) for entry in changed] == [
        {"is_active"},
        {"reason"},
        {"ai_confidence_score"},
        {"submitted_at"},
        {"revoked_at"},
    ]
    await conn.execute("UPDATE api_keys SET last_used_at = now() + interval '1 hour'")
    assert await entries(conn) == []
    told = await conn.fetchval("SELECT string_agg(metadata::text, ' ') FROM audit_log")
    assert "hash" not in told
    assert SECRET.hex() not in told


async def test_all_of_a_user_is_audited_though_little_is_told(conn: Connection) -> None:
    """The feed keeps the address and the number to itself; the audit is to know of them."""
    who = await person(conn)
    await entries(conn)
    await conn.execute("DELETE FROM events")
    await conn.execute("UPDATE users SET phone_number = '+1 555', email = 'new@example.com'")
    [entry] = await entries(conn)
    assert brief([entry]) == [("user", "update", who)]
    assert entry["metadata"]["changed"]["phone_number"] == [None, "+1 555"]
    assert await conn.fetchval("SELECT count(*) FROM events") == 0


async def test_one_statement_many_rows(conn: Connection) -> None:
    who, other = await person(conn), await person(conn)
    await entries(conn)
    await conn.execute("UPDATE users SET last_name = last_name || 'x'")
    found = await entries(conn)
    assert {entry["entity_id"] for entry in found} == {who, other}
    await conn.execute("UPDATE users SET id = uuid_generate_v4() WHERE id = $1", who)
    [moved] = await entries(conn)
    assert moved["entity_id"] == who
    assert moved["metadata"]["changed"]["id"][0] == str(who)
    await conn.execute("TRUNCATE availability_patterns")
    [gone] = await entries(conn)
    assert brief([gone]) == [("availability_pattern", "truncate", UUID(int=0))]


async def test_who_did_it(conn: Connection, pool: Pool, flight: UUID) -> None:
    admin = await person(conn, "ADMIN")
    key = uuid4()
    await entries(conn)
    for actor, user, said in (
        (str(admin), admin, None),
        (None, None, None),
        (str(key), None, str(key)),
        ("somebody's script; '--", None, "somebody's script; '--"),
        ("x" * 1000, None, "x" * 100),
    ):
        async with writing(pool, actor) as write:
            await write.conn.execute("UPDATE bookings SET duration_minutes = duration_minutes + 1")
        [entry] = await entries(conn)
        assert (entry["user_id"], entry["metadata"].get("actor")) == (user, said)
        assert "duration_minutes" in entry["metadata"]["changed"]
    # The setting was the transaction's: the next one of that connection is nobody's.
    async with pool.acquire() as held:
        await held.execute("UPDATE bookings SET duration_minutes = 30")
    [entry] = await entries(conn)
    assert entry["user_id"] is None


async def test_cascades_are_told_and_do_not_break(conn: Connection, pool: Pool) -> None:
    admin, student = await person(conn, "ADMIN"), await person(conn)
    flight = await booking(conn, student_id=student)
    instructor = await conn.fetchval("SELECT instructor_id FROM bookings")
    await conn.execute(
        "INSERT INTO availability_patterns (user_id, day_of_week, start_time, end_time)"
        " VALUES ($1, 1, '08:00', '12:00')",
        student,
    )
    await entries(conn)
    async with writing(pool, str(admin)) as write:
        await write.conn.execute("DELETE FROM users WHERE id = $1", student)
    found = await entries(conn)
    assert sorted(entry["entity_type"] for entry in found) == [
        "availability_pattern",
        "booking",
        "user",
    ]
    assert {(entry["action"], entry["user_id"]) for entry in found} == {("delete", admin)}
    assert flight in {entry["entity_id"] for entry in found}
    # Whoever deletes themselves was the first to act: they are named in words, not by a key.
    async with writing(pool, str(instructor)) as write:
        await write.conn.execute("DELETE FROM users WHERE id = $1", instructor)
    [entry] = await entries(conn)
    assert (entry["user_id"], entry["metadata"]["actor"]) == (None, str(instructor))


async def test_who_has_acted_stays(conn: Connection, pool: Pool, flight: UUID) -> None:
    admin = await person(conn, "ADMIN")
    async with writing(pool, str(admin)) as write:
        await write.conn.execute("UPDATE bookings SET duration_minutes = 45")
    with pytest.raises(asyncpg.RestrictViolationError, match="immutable"):
        await conn.execute("DELETE FROM users WHERE id = $1", admin)


async def test_a_writer_without_rights_and_a_replica_are_audited(
    conn: Connection, dsn: str, flight: UUID
) -> None:
    await conn.execute(
        """
        DO $$BEGIN
            CREATE ROLE clerk LOGIN;
        EXCEPTION WHEN duplicate_object THEN NULL;
        END$$;
        GRANT SELECT, UPDATE ON bookings TO clerk
        """
    )
    try:
        writer = await asyncpg.connect(dsn.replace("postgres@", "clerk@"))
        try:
            await writer.execute(
                "CREATE TEMP TABLE audit_log (LIKE bookings); CREATE TEMP TABLE users (id uuid);"
                "SET timezone = 'America/St_Johns'"
            )
            await writer.execute("UPDATE bookings SET scheduled_datetime = '2031-05-06 10:00Z'")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await writer.execute("INSERT INTO public.audit_log DEFAULT VALUES")
        finally:
            await writer.close()
    finally:
        await conn.execute("DROP OWNED BY clerk; DROP ROLE clerk")
    [entry] = await entries(conn)
    assert entry["metadata"]["changed"]["scheduled_datetime"] == [
        "2031-05-06T12:00:00+00:00",
        "2031-05-06T10:00:00+00:00",
    ]
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute("UPDATE bookings SET status = 'AT_RISK'")
    assert [entry["action"] for entry in await entries(conn)] == ["update"]


async def test_every_watched_table_is_watched_in_every_way(conn: Connection) -> None:
    """Row by row, which alone the apply worker of a logical replication calls, and always."""
    found = await conn.fetch(
        r"""
        SELECT tgrelid::regclass::text AS table, string_agg(
               split_part(tgname, '_', 2) || CASE WHEN tgtype & 1 = 1 THEN ' row' ELSE '' END, ', '
               ORDER BY tgname) AS ways, bool_and(tgenabled = 'A') AS always
          FROM pg_trigger WHERE tgname ~ '^hub_(insert|update|delete|truncate)$'
         GROUP BY 1 ORDER BY 1
        """
    )
    assert {row["table"] for row in found} == {
        "api_keys",
        "availability_overrides",
        "availability_patterns",
        "bookings",
        "days",
        "devices",
        "notifications",
        "preference_rankings",
        "reschedule_options",
        "reschedulings",
        "users",
    }
    assert {row["ways"] for row in found} == {"delete row, insert row, truncate, update row"}
    assert all(row["always"] for row in found)
