"""The development seeds: a lively school at any moment, put on once, and again when it is stale."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
from school import broken

from hub.db.files import seeds_dir
from hub.db.seeds import FILES, seed
from hub.errors import Misconfigured

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

TABLES = (
    "users",
    "bookings",
    "availability_patterns",
    "availability_overrides",
    "reschedule_options",
    "preference_rankings",
    "notifications",
    "audit_log",
)
NOON = datetime(2026, 5, 4, 12, 7, 31, tzinfo=UTC)
CAST = "b0000000-0000-4000-8000-0000000000"

#: A moment, and the time zone of whoever runs the seeds: clocks about to change, ends of years and days.
MOMENTS = [
    ("2026-05-04 12:00:00Z", "UTC"),
    ("2026-03-08 09:59:59Z", "America/Los_Angeles"),
    ("2026-03-08 10:00:00Z", "America/Los_Angeles"),
    ("2026-11-01 08:44:59Z", "America/Los_Angeles"),
    ("2026-03-29 00:59:59Z", "Europe/Berlin"),
    ("2026-10-24 23:15:00Z", "Europe/Berlin"),
    ("2027-12-31 23:59:59Z", "Pacific/Kiritimati"),
    ("2028-02-28 18:20:00Z", "Asia/Kathmandu"),
]


async def contents(conn: Connection) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    return {
        table: [
            r["row"] for r in await conn.fetch(f"SELECT t::text AS row FROM {table} t ORDER BY id")
        ]
        for table in TABLES
    }


async def run_files(conn: Connection, moment: str, zone: str) -> None:
    """As psql would, in any session."""
    await conn.execute(
        f"SET timezone = '{zone}'; SET hub.env = 'dev'; SET hub.seed_now = '{moment}'"
    )
    for name in FILES:
        await conn.execute((seeds_dir() / name).read_text("utf-8"))
    await conn.execute("SET timezone = 'UTC'")


async def test_the_school_is_lively(seeded_dsn: str) -> None:
    conn = await asyncpg.connect(seeded_dsn)
    try:
        roles = dict(await conn.fetch("SELECT role, count(*) FROM users GROUP BY 1"))
        assert roles == {"ADMIN": 1, "INSTRUCTOR": 3, "STUDENT": 8}
        bookings = await conn.fetch("SELECT * FROM bookings")
        assert len(bookings) >= 30
        assert {b["status"] for b in bookings} == {
            "CONFIRMED",
            "AT_RISK",
            "RESCHEDULING",
            "CANCELLED",
            "COMPLETED",
        }
        assert len({b["aircraft_id"] for b in bookings} - {None}) >= 4
        assert len({b["arrival_airport"] for b in bookings}) >= 6
        assert {b["student_id"] for b in bookings} | {b["instructor_id"] for b in bookings} == {
            row["id"] for row in await conn.fetch("SELECT id FROM users WHERE role <> 'ADMIN'")
        }
        now = datetime.now(UTC)
        departures = [b["scheduled_datetime"] - now for b in bookings]
        for day in range(-1, 3):
            count = sum(round(d / timedelta(days=1)) == day for d in departures)
            assert count >= 5, f"day {day}"
        in_the_air = [
            b
            for b in bookings
            if b["status"] == "CONFIRMED" and b["scheduled_datetime"] < now + timedelta(minutes=15)
        ]
        assert len(in_the_air) >= 2

        kinds = set(await conn.fetch("SELECT DISTINCT type, read FROM notifications"))
        every = (
            "WEATHER_ALERT",
            "OPTIONS_AVAILABLE",
            "DEADLINE_REMINDER",
            "CONFIRMATION",
            "ESCALATION",
        )
        assert kinds == {(kind, read) for kind in every for read in (False, True)}
        submitted = await conn.fetch(
            """SELECT count(submitted_at) FROM preference_rankings p JOIN bookings b ON b.id = booking_id
                WHERE status = 'RESCHEDULING' GROUP BY booking_id"""
        )
        assert {row[0] for row in submitted} == {0, 1}, "untouched, and one of the two"
        assert await conn.fetchval(
            "SELECT bool_and(weather_forecast ? 'wind') FROM reschedule_options"
        )
        assert (
            await conn.fetchval("SELECT count(DISTINCT user_id) FROM availability_patterns") >= 10
        )
        assert await conn.fetchval("SELECT count(*) FROM availability_overrides") >= 5
        assert not await conn.fetchval("SELECT count(user_id) FROM audit_log"), "nobody has acted"
        assert await broken(conn) == {}
    finally:
        await conn.close()


async def test_the_school_is_the_same_at_any_moment(
    database: Callable[..., str], migrated_template: str
) -> None:
    layouts = set()
    for moment, zone in MOMENTS:
        conn = await asyncpg.connect(database(migrated_template))
        try:
            await run_files(conn, moment, zone)
            assert await broken(conn, f"'{moment}'::timestamptz") == {}, moment
            rows = await conn.fetch(
                """SELECT b.id, status, extract(epoch FROM scheduled_datetime - date_bin(
                                               '15 minutes', $1::text::timestamptz, 'epoch')) / 60
                     FROM bookings b ORDER BY id""",
                moment,
            )
            layouts.add(tuple(map(tuple, rows)))
        finally:
            await conn.close()
    assert len(layouts) == 1
    assert len(layouts.pop()) == 49, "nobody left out for overlapping"


async def test_again_changes_nothing(dsn: str, conn: Connection) -> None:
    assert await seed(dsn, "dev", now=NOON) == list(FILES)
    before = await contents(conn)
    await seed(dsn, "dev", now=NOON + timedelta(hours=11))
    assert await contents(conn) == before


async def test_again_leaves_what_you_changed(dsn: str, conn: Connection) -> None:
    await seed(dsn, "dev", now=NOON)
    await conn.execute(f"DELETE FROM bookings WHERE id = '{CAST}13'")
    await conn.execute(f"UPDATE bookings SET status = 'CANCELLED' WHERE id = '{CAST}18'")
    await conn.execute("UPDATE users SET last_name = 'Okafor-Smith' WHERE first_name = 'Ada'")
    before = await contents(conn)
    await seed(dsn, "dev", now=NOON + timedelta(hours=1))
    assert await contents(conn) == before


async def test_the_next_day_is_as_lively(dsn: str, conn: Connection) -> None:
    await seed(dsn, "dev", now=NOON)
    tomorrow = NOON + timedelta(hours=22)
    quarter = tomorrow.replace(minute=0, second=0)
    # Made by a newcomer, out of one of the cast: it would overlap what Maya has tomorrow, booking 14.
    mine = await conn.fetchval(
        f"""INSERT INTO bookings (student_id, instructor_id, aircraft_id, departure_airport, arrival_airport,
                   departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
                   scheduled_datetime, duration_minutes, training_level, original_booking_id)
            SELECT student_id, instructor_id, 'N1', departure_airport, arrival_airport,
                   departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
                   $1, 40, training_level, id FROM bookings WHERE id = '{CAST}13' RETURNING id""",
        quarter + timedelta(minutes=135),
    )
    await conn.execute(f"UPDATE bookings SET status = 'CANCELLED' WHERE id = '{CAST}13'")

    await seed(dsn, "dev", now=tomorrow)

    kept = await conn.fetchrow("SELECT * FROM bookings WHERE id = $1", mine)
    assert kept is not None
    assert (kept["status"], kept["original_booking_id"]) == ("CONFIRMED", None)
    cast = {
        str(row["id"])[-2:]: row
        for row in await conn.fetch("SELECT * FROM bookings WHERE id::text LIKE $1", CAST + "%")
    }
    assert len(cast) == 48
    assert "14" not in cast, "it would overlap mine"
    assert cast["24"]["scheduled_datetime"] == quarter + timedelta(minutes=15)
    assert cast["47"]["created_at"] == tomorrow
    assert {row["status"] for row in cast.values()} == {
        "CONFIRMED",
        "AT_RISK",
        "RESCHEDULING",
        "CANCELLED",
        "COMPLETED",
    }
    again = await contents(conn)
    await seed(dsn, "dev", now=tomorrow + timedelta(minutes=1))
    assert await contents(conn) == again


async def test_overrides_of_days_gone_by_are_put_on_again(dsn: str, conn: Connection) -> None:
    await seed(dsn, "dev", now=NOON)
    before = await conn.fetchval("SELECT count(*) FROM availability_overrides")
    later = NOON + timedelta(days=8)
    await seed(dsn, "dev", now=later)
    assert await conn.fetchval("SELECT count(*) FROM availability_overrides") == before
    assert (
        await conn.fetchval("SELECT min(override_date) FROM availability_overrides") >= later.date()
    )


async def test_two_hubs_seed_at_once(dsn: str, conn: Connection) -> None:
    await asyncio.gather(*(seed(dsn, "dev") for _ in range(4)))
    assert await conn.fetchval("SELECT count(*) FROM bookings") == 49


@pytest.mark.parametrize("env", ["prod", "", "DEV"])
async def test_only_in_development(env: str, dsn: str, conn: Connection) -> None:
    with pytest.raises(Misconfigured, match="HUB_ENV=dev"):
        await seed(dsn, env)
    assert await conn.fetchval("SELECT count(*) FROM users") == 0


@pytest.mark.parametrize("name", FILES)
async def test_the_files_refuse_by_themselves(name: str, conn: Connection) -> None:
    with pytest.raises(asyncpg.RaiseError, match="for development only"):
        await conn.execute((seeds_dir() / name).read_text("utf-8"))


async def test_a_database_without_a_schema_is_told_plainly(database: Callable[..., str]) -> None:
    with pytest.raises(Misconfigured, match="hub migrate"):
        await seed(database(), "dev")


async def test_whole_or_not_at_all(dsn: str, conn: Connection) -> None:
    await conn.execute("DROP TABLE availability_overrides")  # what the last file needs
    with pytest.raises(Misconfigured):
        await seed(dsn, "dev")
    assert await conn.fetchval("SELECT count(*) FROM users") == 0
