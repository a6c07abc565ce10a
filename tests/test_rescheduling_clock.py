"""What time brings, by a clock that is moved: rows whose moment has come or is about to."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
import structlog
from offers import (
    PATH,
    broken_in_a_crowd,
    move_deadline,
    offer,
    rank,
    ranking,
    settled,
    status,
    successors,
    told,
    until,
)
from pgserver import run
from resthouse import ID, Rest, opened
from running import Hub

from hub.db.migrations import migrate
from hub.db.pool import connect, open_pool
from hub.db.seeds import seed
from hub.errors import Unavailable
from hub.rules.deadline import BEFORE_DEPARTURE
from hub.schedule import clock, once
from hub.schedule.clock import Clock
from hub.settings import Settings
from hub.simulate import simulate

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        yield door


def soon(**spans: float) -> str:
    return (datetime.now(UTC) + timedelta(**spans)).isoformat()


async def test_a_reminder_two_hours_before_to_who_has_not_chosen(door: Rest) -> None:
    flight = await door.booking()
    a, *_ = await offer(door, flight)
    await rank(door, "ina", flight, ranking(a))
    await move_deadline(door, flight, 121 * MINUTE)
    await settled(door)
    assert await told(door, "DEADLINE_REMINDER") == []
    await move_deadline(door, flight, 119 * MINUTE)
    await until(lambda: told(door, "DEADLINE_REMINDER", flight), ["Sam"])
    # Once, whatever wakes the clock later, and however often the hub is started: the ranking's own
    # mark proves it, even if nobody kept what they were told.
    await door.conn.execute("DELETE FROM notifications")
    await move_deadline(door, flight, 60 * MINUTE)
    await settled(door)
    await door.hub.restart()
    await settled(door)
    assert await told(door, "DEADLINE_REMINDER") == []


async def test_a_reminder_at_once_unless_it_is_all_but_over(door: Rest) -> None:
    """An offer that is made with less than two hours to go."""
    near = await door.booking(scheduled_datetime=soon(minutes=100))  # deadline in 70 minutes
    nearer = await door.booking(
        scheduled_datetime=soon(minutes=40), student_id=ID["sue"], instructor_id=ID["ivo"],
        aircraft_id="N2",
    )  # fmt: skip
    for flight in (near, nearer):
        await offer(door, flight)
    await until(lambda: told(door, "DEADLINE_REMINDER", near), ["Ina", "Sam"])
    message = await door.conn.fetchval(
        "SELECT message FROM notifications WHERE type = 'DEADLINE_REMINDER' LIMIT 1"
    )
    departs = datetime.fromisoformat(near["scheduled_datetime"])
    assert message == (
        f"Rank the new times for {departs:%a %d %b %H:%MZ}"
        f" by {departs - BEFORE_DEPARTURE:%a %d %b %H:%MZ}."
    )
    await settled(door)
    assert await told(door, "DEADLINE_REMINDER") == ["Ina", "Sam"]
    assert await told(door, "ESCALATION") == []


async def test_the_deadline_calls_the_school_in_once(door: Rest) -> None:
    flight = await door.booking()
    a, *_ = await offer(door, flight)
    await rank(door, "sam", flight, ranking(a))
    await move_deadline(door, flight, timedelta(milliseconds=400))
    await until(lambda: told(door, "ESCALATION", flight), ["Admin", "Ina", "Sam"])
    assert await status(door, flight) == "RESCHEDULING"
    late = await rank(door, "ina", flight, ranking(a))
    assert late.code == "deadline-passed"
    await settled(door)
    assert await told(door, "ESCALATION", flight) == ["Admin", "Ina", "Sam"]
    # The offer's own mark proves it, even if nobody kept what they were told.
    await door.conn.execute("DELETE FROM notifications")
    await move_deadline(door, flight, -MINUTE)
    await settled(door)
    await door.hub.restart()
    await settled(door)
    assert await told(door, "ESCALATION") == await told(door, "DEADLINE_REMINDER") == []
    read = await door.ask("ina", "GET", f"{PATH}/{flight['id']}/options")
    assert read.json["escalated"] is True


async def test_what_fell_due_while_no_hub_ran_is_done_at_its_start(door: Rest) -> None:
    overdue = await door.booking()
    await offer(door, overdue)
    flown = await door.booking(
        scheduled_datetime=soon(minutes=30), student_id=ID["sue"], instructor_id=ID["ivo"],
        aircraft_id="N2",
    )  # fmt: skip
    await settled(door)
    await door.hub.stop()
    await move_deadline(door, overdue, -5 * MINUTE)
    await door.conn.execute(
        "UPDATE bookings SET scheduled_datetime = clock_timestamp() - interval '61 minutes'"
        " WHERE id = $1",
        flown["id"],
    )
    await door.hub.start()
    await until(lambda: told(door, "ESCALATION", overdue), ["Admin", "Ina", "Sam"])
    await until(lambda: status(door, flown), "COMPLETED")


async def test_flights_that_are_over_are_completed_on_the_minute(door: Rest) -> None:
    rows = {}
    for n, word in enumerate(("CONFIRMED", "AT_RISK", "CANCELLED", "CONFIRMED")):
        rows[n] = await door.booking(
            scheduled_datetime=soon(minutes=-60, seconds=4 if n < 3 else 30),
            status=word,
            student_id=ID[("sam", "sue", "sid", "sid")[n]],
            instructor_id=ID[("ina", "ivo", "ivo", "ina")[n]] if n != 3 else await another(door),
            aircraft_id=f"N{n}",
        )
    assert await status(door, rows[0]) == "CONFIRMED"
    await until(lambda: status(door, rows[0]), "COMPLETED")
    ended = datetime.fromisoformat(rows[0]["scheduled_datetime"]) + 60 * MINUTE
    at = await door.conn.fetchval("SELECT updated_at FROM bookings WHERE id = $1", rows[0]["id"])
    assert timedelta(0) <= at - ended < timedelta(seconds=5)
    await settled(door)
    # Of what was left at risk nobody knows; what still flies, flies.
    assert [await status(door, rows[n]) for n in (1, 2, 3)] == ["AT_RISK", "CANCELLED", "CONFIRMED"]


async def another(door: Rest) -> str:
    return str(
        await door.conn.fetchval(
            "INSERT INTO users (cognito_user_id, email, first_name, last_name, role)"
            " VALUES ('x', 'x@example.com', 'Xen', 'Tester', 'INSTRUCTOR') RETURNING id"
        )
    )


async def test_many_flights_that_are_over(door: Rest) -> None:
    await door.conn.execute(
        "INSERT INTO bookings (student_id, instructor_id, departure_airport, arrival_airport,"
        " departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,"
        " scheduled_datetime, training_level)"
        " SELECT $1, $2, 'A1', 'B1', 1, 2, 3, 4, now() - n * interval '2 hours', 'STUDENT_PILOT'"
        "   FROM generate_series(1, 450) AS n",
        ID["sam"],
        ID["ina"],
    )
    count = "SELECT count(*) FROM bookings WHERE status = 'COMPLETED'"
    await until(lambda: door.conn.fetchval(count), 450)


async def test_it_sleeps_until_something_is_due(door: Rest) -> None:
    """No looking around in between: neither with an open offer, nor as the schedule changes."""
    flight = await door.booking()
    await offer(door, flight)
    await settled(door)
    before = door.hub.house.clock.looks
    other = await door.booking(student_id=ID["sue"], instructor_id=ID["ivo"], aircraft_id="N2")
    for minutes in range(70, 80):
        await door.ask("admin", "PATCH", f"{PATH}/{other['id']}", {"duration_minutes": minutes})
    await door.hub.house.feed.turned()
    await asyncio.sleep(1.2)
    assert door.hub.house.clock.looks == before
    # And a moved deadline, by whatever program, is noticed by itself.
    await move_deadline(door, flight, timedelta(milliseconds=300))
    await until(lambda: told(door, "ESCALATION", flight), ["Admin", "Ina", "Sam"], 5.0)


async def test_what_other_programs_write_is_settled_too(door: Rest) -> None:
    """Two rankings by SQL: the hub chooses. Whom another program told, the hub tells no more."""
    flight = await door.booking()
    _, b, c = await offer(door, flight)
    for option in (b, c):
        await door.conn.execute(
            "UPDATE preference_rankings SET option1_id = $2, submitted_at = clock_timestamp()"
            " WHERE booking_id = $1 AND submitted_at IS NULL AND user_id ="
            " (SELECT min(user_id::text)::uuid FROM preference_rankings"
            "   WHERE booking_id = $1 AND submitted_at IS NULL)",
            flight["id"],
            option,
        )
    await until(lambda: told(door, "CONFIRMATION"), ["Ina", "Sam"])
    assert len(await successors(door, flight)) == 1

    other = await door.booking(student_id=ID["sue"], instructor_id=ID["ivo"], aircraft_id="N2")
    await offer(door, other)
    async with door.conn.transaction():
        for who, kind in (("sue", "DEADLINE_REMINDER"), ("ivo", "ESCALATION")):
            await door.conn.execute(
                "INSERT INTO notifications (user_id, booking_id, type, title, message)"
                " VALUES ($1, $2, $3, 't', 'm')",
                ID[who],
                other["id"],
                kind,
            )
        await move_deadline(door, other, 30 * MINUTE)
    await until(lambda: told(door, "DEADLINE_REMINDER", other), ["Ivo", "Sue"])
    await move_deadline(door, other, -MINUTE)
    marked = "SELECT count(*) FROM preference_rankings WHERE escalated_at IS NOT NULL"
    await until(lambda: door.conn.fetchval(marked), 2)
    # The others it does tell: a word to one is no word to the school.
    assert await told(door, "ESCALATION", other) == ["Admin", "Ivo", "Sue"]


async def test_of_several_nodes_one_does_it(
    door: Rest, start_hub: Callable[..., Awaitable[Hub]]
) -> None:
    """Three hubs over one database: each thing once, also while nodes come and go."""
    others = [await start_hub(door.hub.dsn) for _ in range(2)]
    flights = [
        await door.booking(
            scheduled_datetime=soon(days=3, hours=2 * n),
            aircraft_id=f"N{n}",
        )
        for n in range(6)
    ]
    for flight in flights:
        await offer(door, flight, 9, 12)
    await door.conn.execute(
        "UPDATE preference_rankings SET deadline = clock_timestamp() + interval '1 hour'"
    )
    await until(lambda: told(door, "DEADLINE_REMINDER"), ["Ina"] * 6 + ["Sam"] * 6)
    await door.conn.execute(
        "UPDATE preference_rankings SET deadline = clock_timestamp() + interval '200 milliseconds'"
    )
    await others[0].stop()
    expected = ["Admin"] * 6 + ["Ina"] * 6 + ["Sam"] * 6
    await until(lambda: told(door, "ESCALATION"), expected)
    await others[0].start()
    await settled(door)
    assert await told(door, "ESCALATION") == expected
    assert await told(door, "DEADLINE_REMINDER") == ["Ina"] * 6 + ["Sam"] * 6


async def test_who_hangs_on_to_a_flight_holds_up_no_other(door: Rest) -> None:
    held = await door.booking()
    free = await door.booking(student_id=ID["sue"], instructor_id=ID["ivo"], aircraft_id="N2")
    for flight in (held, free):
        await offer(door, flight)
    conn = await connect(door.hub.dsn, settings=Settings())
    try:
        async with conn.transaction():
            await conn.execute("SELECT FROM bookings WHERE id = $1 FOR UPDATE", held["id"])
            await move_deadline(door, held, -MINUTE)
            await move_deadline(door, free, -MINUTE)
            await until(lambda: told(door, "ESCALATION"), ["Admin", "Ivo", "Sue"], 5.0)
        await until(lambda: told(door, "ESCALATION", held), ["Admin", "Ina", "Sam"])
    finally:
        conn.terminate()


async def test_a_submission_and_the_deadline_at_once(door: Rest) -> None:
    """Whichever comes first, the other knows: never both escalated and confirmed."""
    for n in range(6):
        flight = await door.booking()
        a, *_ = await offer(door, flight)
        await rank(door, "sam", flight, ranking(a))
        await move_deadline(door, flight, timedelta(milliseconds=120))
        await asyncio.sleep(0.03 * (n + 1))
        said = await rank(door, "ina", flight, ranking(a))
        if said.status == 200:
            await settled(door)
            assert await told(door, "ESCALATION", flight) == []
            assert await status(door, flight) == "CANCELLED"
        else:
            assert said.code == "deadline-passed"
            await until(lambda: told(door, "ESCALATION"), ["Admin", "Ina", "Sam"])
            assert await status(door, flight) == "RESCHEDULING"
        await door.conn.execute("DELETE FROM bookings")


async def test_old_rows_are_cleaned_up(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Now and then, each by itself: one that fails holds up no other, and not the clock."""
    async with pool.acquire() as conn:
        for key, hours in (("old", 25), ("new", 23)):
            await conn.execute(
                "INSERT INTO idempotency_keys (principal, key, fingerprint, created_at)"
                " VALUES ('user:x', $1, 'f', now() - $2::interval)",
                key,
                timedelta(hours=hours),
            )
    monkeypatch.setattr(clock, "EVERY", 0.2)
    failures = 0

    async def fails() -> int:
        nonlocal failures
        failures += 1
        raise Unavailable("not just now")

    running = Clock({"nothing": fails, "idempotency keys": lambda: once.prune(pool)})
    task = asyncio.create_task(running.run(pool))
    try:
        left = "SELECT string_agg(key, ' ') FROM idempotency_keys"
        await until(lambda: pool.fetchval(left), "new")
        seen = failures
        async with asyncio.timeout(10):
            while failures < seen + 2:
                await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_clock_without_a_database_comes_back(database: Callable[..., str]) -> None:
    """Refused, or not migrated yet: it tries again, less and less often, and does what is due."""
    dsn = database()
    pool = await open_pool(dsn, settings=Settings())
    running = Clock({})
    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(running.run(pool))
        try:
            async with asyncio.timeout(20):
                while running.looks < 2:
                    await asyncio.sleep(0.02)
            assert {line["event"] for line in logs} == {"the clock will try again"}
            await asyncio.to_thread(run, migrate(dsn))
            looks = running.looks
            logs.clear()
            async with asyncio.timeout(30):
                while running.looks == looks:
                    await asyncio.sleep(0.02)
            await asyncio.sleep(0.2)
            assert not logs
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            pool.terminate()


async def test_beside_the_simulation(dsn: str, start_hub: Callable[..., Awaitable[Hub]]) -> None:
    """Another program that reminds, calls in and confirms by its own lights: still each thing once."""
    await seed(dsn, "dev", now=datetime.now(UTC) - 150 * MINUTE)
    hub = await start_hub(dsn)
    conn = await connect(dsn, settings=Settings())
    try:
        for number in range(2):
            await simulate(
                dsn, pace=math.inf, seed=number, happenings=150, report=lambda line: None,
                settings=Settings(env="dev"),
            )  # fmt: skip
            assert await broken_in_a_crowd(conn) == {}
    finally:
        conn.terminate()
    assert hub.house.clock.looks
