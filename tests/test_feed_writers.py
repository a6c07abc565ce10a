"""Whoever writes: sessions in another zone, with hostile settings, hardly any rights, or as a replica.

The trigger runs in the writer's session, so that session's settings must not show in what is recorded, its
rights must suffice with nothing granted on the feed's own tables, and nothing of the feed may stay with it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import asyncpg
import orjson
from feeding import following, until
from pgserver import Server
from rows import booking, person
from writing import connections, own_rows, touch

from hub.db.migrations import migrate
from hub.db.pool import open_pool
from hub.feed import retention
from hub.feed.doorbell import Mode, Pace
from hub.feed.sql import SQL
from hub.settings import Settings

Connection = asyncpg.Connection


async def test_a_writer_s_session_leaves_no_trace(conn: Connection, dsn: str) -> None:
    """Another zone and style, decoys of everything the trigger names, operators included."""
    key = await booking(conn)
    await conn.execute("DELETE FROM events")
    writer = await asyncpg.connect(dsn)
    try:
        await writer.execute(
            """
            CREATE SCHEMA decoy;
            CREATE TABLE decoy.events (LIKE public.events INCLUDING ALL);
            CREATE FUNCTION decoy.to_jsonb(anyelement) RETURNS jsonb LANGUAGE sql AS $$SELECT '{}'::jsonb$$;
            CREATE FUNCTION decoy.pg_try_advisory_lock(bigint) RETURNS boolean
                LANGUAGE plpgsql AS $$BEGIN RAISE 'decoy'; END$$;
            CREATE TEMP TABLE events (LIKE public.events INCLUDING ALL);
            SET search_path = decoy, pg_temp, pg_catalog, public;
            SET timezone = 'America/St_Johns';
            SET datestyle = 'German, DMY';
            SET intervalstyle = 'sql_standard';
            SET bytea_output = 'escape';
            SET extra_float_digits = -15;
            SET default_transaction_isolation = 'serializable';
            SET plpgsql.variable_conflict = 'use_column';
            """
        )
        await writer.execute(
            "UPDATE bookings SET scheduled_datetime = '2031-05-06 12:00-02:30', status = 'AT_RISK'"
        )
        event = await conn.fetchrow("SELECT * FROM events")
        assert event is not None
        row = orjson.loads(event["row"])
        assert row["scheduled_datetime"] == "2031-05-06T14:30:00+00:00"
        assert row["departure_latitude"] == 40
        assert event["key"] == key
        assert orjson.loads(event["was"])["scheduled_datetime"] == "2031-05-06T12:00:00+00:00"
        assert await writer.fetchval("SELECT count(*) FROM decoy.events") == 0
        assert await writer.fetchval("SELECT count(*) FROM pg_temp.events") == 0
    finally:
        await writer.close()


async def test_a_writer_without_rights(conn: Connection, dsn: str) -> None:
    """A program that may touch bookings and nothing else: its change is recorded, events stay closed."""
    await booking(conn)
    await conn.execute("DELETE FROM events")
    await conn.execute(
        """
        DO $$BEGIN
            CREATE ROLE scribe LOGIN;
        EXCEPTION WHEN duplicate_object THEN NULL;
        END$$;
        REVOKE ALL ON ALL TABLES IN SCHEMA public FROM scribe;
        GRANT SELECT, UPDATE ON bookings TO scribe
        """
    )
    try:
        writer = await asyncpg.connect(dsn.replace("postgres@", "scribe@"))
        try:
            await writer.execute("UPDATE bookings SET status = 'AT_RISK'")
            for forbidden in ("SELECT * FROM events", "SELECT * FROM feed", "DELETE FROM events"):
                try:
                    await writer.execute(forbidden)
                except asyncpg.InsufficientPrivilegeError:
                    continue
                raise AssertionError(forbidden)
        finally:
            await writer.close()
        assert await conn.fetchval("SELECT count(*) FROM events") == 1
    finally:
        await conn.execute("DROP OWNED BY scribe; DROP ROLE scribe")


async def test_a_hub_that_is_no_superuser(one_phase: Server) -> None:
    """As on a rented server: it owns its database, migrates it and follows it, and nothing more."""
    one_phase.execute("CREATE ROLE tenant LOGIN", "CREATE DATABASE rented OWNER tenant")
    try:
        dsn = one_phase.dsn("rented", "tenant")
        await migrate(dsn)
        async with following(dsn, Pace(probe=60)) as node, connections(dsn, 1) as (conn,):
            [key] = await own_rows(conn, 1)
            await until(lambda: node.feed.mode is Mode.ASLEEP)
            await conn.execute(touch(key))
            await until(lambda: node.seen.events[-1:] and node.seen.events[-1].op == "U")
            await node.reach(conn)
            pool = await open_pool(dsn, settings=Settings())
            try:
                assert await retention.prune(pool, 1e-9) > 0
            finally:
                pool.terminate()
    finally:
        one_phase.drop("rented")
        one_phase.execute("DROP ROLE tenant")


async def test_a_replica_s_session_is_recorded(conn: Connection) -> None:
    """Logical replication applies its changes in this role, in which ordinary triggers are silent."""
    await booking(conn)
    await conn.execute("DELETE FROM events")
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute("UPDATE bookings SET status = 'AT_RISK'")
        await conn.execute("DELETE FROM bookings")
        await conn.execute("TRUNCATE preference_rankings")
    assert [record["op"] for record in await conn.fetch("SELECT op FROM events ORDER BY lsn")] == [
        "U",
        "D",
        "T",
    ]


async def test_a_new_name_is_news_of_the_bookings_that_show_it(conn: Connection, dsn: str) -> None:
    """In the same batch, in its snapshot, for the person's bookings alone; at any hour PostgreSQL knows."""
    student, other = await person(conn), await person(conn)
    instructor = await person(conn, "INSTRUCTOR")
    both = {"student_id": student, "instructor_id": instructor}
    first = await booking(conn, **both)
    last = await booking(conn, datetime(2032, 1, 1, tzinfo=UTC), **both, status="CANCELLED")
    await conn.execute(
        "UPDATE bookings SET scheduled_datetime = 'infinity', rescheduled_to_datetime = '-infinity',"
        " created_at = '4713-01-01 BC' WHERE id = $1",
        last,
    )
    await booking(conn, student_id=other, aircraft_id="N2")
    async with following(dsn, Pace(probe=60)) as node:
        async with conn.transaction():
            await conn.execute("UPDATE bookings SET status = 'AT_RISK' WHERE id = $1", first)
            await conn.execute("UPDATE users SET first_name = 'Grace' WHERE id = $1", student)
        await until(lambda: len(node.seen.events) >= 4)
        news = node.seen.events[2:]
        assert [(event.entity, event.op, event.key) for event in news] == [
            ("bookings", "U", str(first)),
            ("bookings", "U", str(last)),
        ]
        assert {event.changed for event in news} == {("student_name",)}
        assert {event.xid for event in node.seen.events} == {news[0].xid}
        assert news[0].row is not None
        assert news[1].row is not None
        assert news[0].row["status"] == "AT_RISK"
        assert news[1].row["scheduled_datetime"] == "infinity"
        assert node.seen.batches == 1

        # Only a name is: a role or a sub is not shown by any booking.
        await conn.execute("UPDATE users SET role = 'ADMIN' WHERE id = $1", instructor)
        await conn.execute("UPDATE users SET last_name = 'Hopper' WHERE id = $1", instructor)
        await until(lambda: len(node.seen.events) >= 8)
        assert [event.changed for event in node.seen.events[4:]] == [
            ("role",),
            ("last_name",),
            ("instructor_name",),
            ("instructor_name",),
        ]
        await node.reach(conn)


async def test_names_change_under_load(conn: Connection, dsn: str) -> None:
    """The second read of a batch, in one snapshot with the names, loses and repeats nothing."""
    key = await booking(conn)
    student = await conn.fetchval("SELECT student_id FROM bookings")
    deadline = datetime.now(UTC) + timedelta(seconds=1)
    turn = 0
    async with following(dsn) as node:
        while datetime.now(UTC) < deadline:
            turn += 1
            await conn.execute("UPDATE users SET first_name = $2 WHERE id = $1", student, str(turn))
            await conn.execute("UPDATE bookings SET duration_minutes = $2 WHERE id = $1", key, turn)
        await node.reach(conn)
        assert sum(1 for event in node.seen.events if event.entity == "users") == turn
        changed = [event for event in node.seen.events if "duration_minutes" in event.changed]
        assert len(changed) == turn


async def test_two_phase_writers_are_never_in_each_other_s_way(dsn: str) -> None:
    """A transaction that has called NOTIFY cannot be prepared, so none may ring where some are."""
    async with connections(dsn, 2) as (writer, other):
        [key] = await own_rows(writer, 1)
        await other.execute(SQL.fall_asleep)  # as another writer holds it for a moment
        await writer.execute(f"BEGIN; {touch(key)}; PREPARE TRANSACTION 'w'")
        await writer.execute("COMMIT PREPARED 'w'")


async def test_a_cancelled_writer_keeps_no_lock(sleepy_dsn: str) -> None:
    """Wherever a statement is cancelled: the trigger's lock belongs to the session, not the transaction."""
    async with connections(sleepy_dsn, 3) as (writer, canceller, observer):
        await own_rows(writer, 1)
        await writer.execute(
            """
            CREATE FUNCTION busy() RETURNS void LANGUAGE plpgsql AS $$
            BEGIN
                WHILE clock_timestamp() < now() + interval '300 ms' LOOP
                    BEGIN
                        UPDATE bookings SET duration_minutes = duration_minutes % 90 + 1;
                    EXCEPTION WHEN query_canceled THEN NULL;
                    END;
                END LOOP;
            END$$;
            CREATE PROCEDURE cancel(pid int) LANGUAGE plpgsql AS $$
            BEGIN
                WHILE clock_timestamp() < now() + interval '2 s' LOOP
                    PERFORM pg_cancel_backend(pid), pg_sleep(random() * 0.001);
                END LOOP;
            END$$
            """
        )
        cancels = asyncio.create_task(canceller.execute(f"CALL cancel({writer.get_server_pid()})"))
        try:
            while not cancels.done():
                with suppress(asyncpg.QueryCanceledError):
                    await writer.execute("SELECT busy()")
                assert not await observer.fetch("SELECT FROM pg_locks WHERE locktype = 'advisory'")
        finally:
            await cancels
