"""The simulation: every kind of happening, every rule kept, the same day from the same seed."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from pgserver import Server
from school import broken

from hub.db.seeds import seed
from hub.errors import Invalid, Misconfigured, Unavailable
from hub.settings import Settings
from hub.simulate import day, simulate

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

DEV = Settings(env="dev")

#: For each event found by the first query: how many rows of which kind came in its transaction.
TOGETHER = {
    "a flight put at risk, and an alert to each of its people": """
        SELECT e.key, (SELECT count(DISTINCT n.row ->> 'user_id') FROM events n
                        WHERE n.xid = e.xid AND n.entity = 'notifications'
                          AND n.row ->> 'type' = 'WEATHER_ALERT' AND n.row ->> 'booking_id' = e.key::text) = 2
          FROM events e
         WHERE entity = 'bookings' AND op = 'U' AND was ? 'status' AND row ->> 'status' = 'AT_RISK'""",
    "three options, two rankings to come and two notifications": """
        SELECT e.key, (SELECT array_agg(n.entity::text ORDER BY n.entity) FROM events n
                        WHERE n.xid = e.xid AND n.op = 'I' AND n.row ->> 'booking_id' = e.key::text)
               = '{notifications,notifications,preference_rankings,preference_rankings,reschedule_options,
                   reschedule_options,reschedule_options}'
          FROM events e
         WHERE entity = 'bookings' AND op = 'U' AND was ? 'status' AND row ->> 'status' = 'RESCHEDULING'""",
    "a flight given up for another time, the one at that time, and two confirmations": """
        SELECT e.key, EXISTS (
                 SELECT FROM events n
                  WHERE n.xid = e.xid AND n.op = 'I' AND n.entity = 'bookings'
                    AND n.row ->> 'status' = 'CONFIRMED' AND n.row ->> 'original_booking_id' = e.key::text
                    AND n.row ->> 'scheduled_datetime' = e.row ->> 'rescheduled_to_datetime'
                    AND (SELECT count(DISTINCT m.row ->> 'user_id') FROM events m
                          WHERE m.xid = e.xid AND m.row ->> 'type' = 'CONFIRMATION'
                            AND m.row ->> 'booking_id' = n.key::text) = 2)
          FROM events e
         WHERE entity = 'bookings' AND op = 'U' AND was ? 'rescheduled_to_datetime'""",
    "three students who trade places": """
        SELECT e.key, (SELECT count(*) FROM events n WHERE n.xid = e.xid AND n.was ? 'student_id') = 3
          FROM events e
         WHERE entity = 'bookings' AND op = 'U' AND was ? 'student_id'""",
}


def quiet(line: str) -> None:
    pass


async def test_everything_happens_and_no_rule_is_broken(dsn: str, conn: Connection) -> None:
    # A school left alone for two and a half hours: departures and deadlines have passed.
    await seed(dsn, "dev", now=datetime.now(UTC) - timedelta(minutes=150))
    happened: Counter[str] = Counter()
    said: list[str] = []
    for number in range(12):
        happened += await simulate(
            dsn, pace=math.inf, seed=number, happenings=150, report=said.append, settings=DEV
        )
        assert await broken(conn) == {}
        if number >= 2 and len(happened) == len(day.HAPPENINGS):
            break
    assert set(happened) == {one.name for one in day.HAPPENINGS}
    assert len(said) == happened.total()
    for what, query in TOGETHER.items():
        rows = await conn.fetch(query)
        assert rows, what
        assert [row[0] for row in rows if not row[1]] == [], what
    by_people = await conn.fetchval(
        "SELECT max(n) FROM (SELECT count(*) AS n FROM notifications WHERE NOT read GROUP BY user_id) AS u"
    )
    assert by_people < 60
    to_come = (
        "SELECT count(*) FROM bookings WHERE status = 'CONFIRMED' AND scheduled_datetime > now()"
    )
    assert await conn.fetchval(to_come) >= 10


async def test_the_same_seed_plays_the_same_day_at_any_pace(
    database: Callable[..., str], seeded_template: str
) -> None:
    async def play(pace: float, seed: int) -> tuple[list[str], list[str]]:
        dsn, said = database(seeded_template), list[str]()
        await simulate(dsn, pace=pace, seed=seed, happenings=50, report=said.append, settings=DEV)
        conn = await asyncpg.connect(dsn)
        try:
            ids = await conn.fetch(
                "SELECT id FROM bookings UNION ALL SELECT id FROM notifications ORDER BY 1"
            )
        finally:
            await conn.close()
        return said, [str(row["id"]) for row in ids]

    def window() -> int:  # what is due changes on the clock's full five minutes only
        return int(time.time() // 300)

    while True:
        before = window()
        fast, slow, other = await asyncio.gather(play(math.inf, 5), play(150, 5), play(math.inf, 6))
        if window() == before:
            break
    assert fast == slow
    assert fast != other


async def test_an_empty_schedule_fills_again(dsn: str, conn: Connection) -> None:
    await seed(dsn, "dev")
    await conn.execute("DELETE FROM bookings WHERE id <> 'b0000000-0000-4000-8000-000000000047'")
    await simulate(dsn, pace=math.inf, seed=1, happenings=120, report=quiet, settings=DEV)
    live = await conn.fetchval(
        "SELECT count(*) FROM bookings WHERE scheduled_datetime > now() AND status <> 'CANCELLED'"
    )
    assert live >= 5
    assert await broken(conn) == {}


async def test_what_is_made_is_by_day_and_rather_when_its_people_can(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the school's clock, whatever the hour is there or here."""
    await seed(dsn, "dev", timezone="Pacific/Kiritimati")
    await conn.execute("DELETE FROM bookings WHERE scheduled_datetime > now() + interval '4 hours'")
    made = ("front", "options", "booking")
    monkeypatch.setattr(day, "HAPPENINGS", [one for one in day.HAPPENINGS if one.name in made])
    monkeypatch.setattr(day, "OVERTURE", ("front", "options", "booking", "options"))
    await simulate(dsn, pace=math.inf, seed=5, happenings=40, report=quiet, settings=DEV)
    rows = await conn.fetch(
        """SELECT b.student_id, b.instructor_id, b.duration_minutes,
                  coalesce(o.suggested_datetime, b.scheduled_datetime) AS at
             FROM bookings b LEFT JOIN reschedule_options o ON o.booking_id = b.id
            WHERE o.id IS NOT NULL AND o.id::text NOT LIKE '0b000000-%'
               OR b.id::text NOT LIKE 'b0000000-%'"""
    )
    assert len(rows) > 20
    suits = 0
    for row in rows:
        at = row["at"].astimezone(ZoneInfo("Pacific/Kiritimati"))
        assert 7 * 60 <= at.hour * 60 + at.minute < 17 * 60 + 30, at
        ends = (at + timedelta(minutes=row["duration_minutes"])).time()
        suits += await conn.fetchval(
            """SELECT count(DISTINCT user_id) = 2 FROM availability_patterns
                WHERE user_id = ANY ($1::uuid[]) AND is_active AND day_of_week = $2
                  AND start_time <= $3 AND end_time >= $4""",
            [row["student_id"], row["instructor_id"]],
            at.isoweekday() % 7,
            at.time(),
            ends,
        )
    assert suits > len(rows) / 2


async def test_other_programs_write_meanwhile(dsn: str, conn: Connection) -> None:
    await seed(dsn, "dev")
    playing = asyncio.create_task(
        simulate(dsn, pace=math.inf, seed=2, happenings=150, report=quiet, settings=DEV)
    )
    live, ruined = "status NOT IN ('CANCELLED', 'COMPLETED')", 0
    rival = [
        # Judged again once the row is ours: it may have changed while we waited.
        f"UPDATE bookings SET status = 'CANCELLED' WHERE {live} AND id = (SELECT id FROM bookings "
        f"WHERE {live} ORDER BY random() LIMIT 1)",
        "DELETE FROM reschedule_options WHERE id = (SELECT id FROM reschedule_options ORDER BY random() "
        "LIMIT 1)",
        "UPDATE notifications SET read = true WHERE id = (SELECT id FROM notifications WHERE NOT read "
        "ORDER BY random() LIMIT 1)",
    ]
    while not playing.done():
        for sql in [
            *rival,
            *(["DELETE FROM users WHERE first_name = 'Ada'"] if ruined > 8 else []),
        ]:
            # Ada cannot be deleted any more once she has ranked something: the audit log names her.
            with contextlib.suppress(asyncpg.DeadlockDetectedError, asyncpg.RestrictViolationError):
                await conn.execute(sql)
                ruined += 1
        await asyncio.sleep(0.01)
    assert (await playing).total() == 150
    assert ruined > 9
    wrong = await broken(conn)
    # Whose options are deleted under them, or whose student is, is not the simulation's doing.
    ours = ("an aircraft", "students", "only", "a status")
    assert {rule: rows for rule, rows in wrong.items() if rule.startswith(ours)} == {}


async def test_the_pace_is_kept(seeded_dsn: str) -> None:
    begun = time.monotonic()
    happened = await simulate(
        seeded_dsn, pace=20, seed=3, happenings=11, report=quiet, settings=DEV
    )
    assert happened.total() == 11
    assert time.monotonic() - begun >= 11 * 0.05, "a beat is 0.1 s, half of it at the least"


async def test_it_ends_when_told(seeded_dsn: str) -> None:
    begun = time.monotonic()
    happened = await simulate(
        seeded_dsn, pace=math.inf, seconds=0.5, seed=3, report=quiet, settings=DEV
    )
    assert happened.total() > 0
    assert time.monotonic() - begun >= 0.5


async def test_cancelled_it_leaves_nothing_open(seeded_dsn: str) -> None:
    conn = await asyncpg.connect(seeded_dsn)
    try:
        for number in range(5):
            begun = asyncio.Event()
            task = asyncio.create_task(
                simulate(
                    seeded_dsn,
                    pace=math.inf,
                    seed=number,
                    report=lambda line, begun=begun: begun.set(),
                    settings=DEV,
                )
            )
            await begun.wait()
            await asyncio.sleep(0.003 * number)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        others = """SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid()"""
        for _ in range(500):
            left = await conn.fetchval(others)
            if not left:
                break
            await asyncio.sleep(0.02)
        assert left == 0
        assert await broken(conn) == {}
    finally:
        await conn.close()


async def test_only_in_development(seeded_dsn: str) -> None:
    with pytest.raises(Misconfigured, match="HUB_ENV=dev"):
        await simulate(seeded_dsn, report=quiet, settings=Settings(env="prod"))
    with pytest.raises(Misconfigured, match="HUB_ENV=dev"):
        await simulate(seeded_dsn, report=quiet)


async def test_an_empty_school_is_told_plainly(dsn: str) -> None:
    with pytest.raises(Misconfigured, match="hub seed"):
        await simulate(dsn, report=quiet, settings=DEV)


async def test_a_pace_of_nothing_is_refused(seeded_dsn: str) -> None:
    with pytest.raises(Invalid):
        await simulate(seeded_dsn, pace=0, report=quiet, settings=DEV)


async def test_a_lost_connection_is_made_again(seeded_dsn: str) -> None:
    conn = await asyncpg.connect(seeded_dsn)
    killed, said = 0, list[str]()
    try:
        task = asyncio.create_task(
            simulate(seeded_dsn, pace=20, seed=1, happenings=20, report=said.append, settings=DEV)
        )
        while not task.done():
            await asyncio.sleep(0.05)
            if len(said) > killed * 5 + 2 and killed < 2:
                killed += await conn.fetchval(
                    """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                        WHERE datname = current_database() AND pid <> pg_backend_pid()"""
                )
        assert (await task).total() == 20
        assert killed
        assert await broken(conn) == {}
    finally:
        await conn.close()


async def test_a_lost_database_is_told_plainly(
    server: Server, seeded_template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day, "PATIENCE", 0.3)
    name = server.create(seeded_template)
    begun = asyncio.Event()
    task = asyncio.create_task(
        simulate(server.dsn(name), pace=5, report=lambda line: begun.set(), settings=DEV)
    )
    await begun.wait()
    server.drop(name)
    with pytest.raises(Unavailable):
        await task
