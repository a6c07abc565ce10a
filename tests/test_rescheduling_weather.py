"""The weather against a flight: at risk, clear again, said twice, said at once; what is watched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
from offers import PATH, offer, status, told
from resthouse import Rest, at, opened
from test_schedule_plans import plan

from hub.schedule.reading import FIRST

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        await door.key("weather:write", "bookings:read", name="monitor")
        yield door


async def test_it_is_said_once_however_often(door: Rest) -> None:
    flight = await door.booking()
    path = f"{PATH}/{flight['id']}/weather-conflict"
    said = await asyncio.gather(*(door.ask("monitor", "PUT", path, {}) for _ in range(5)))
    assert {(answer.status, answer.json["status"]) for answer in said} == {(200, "AT_RISK")}
    assert len([answer for answer in said if "Hub-Transaction" in answer.headers]) == 1
    assert await told(door, "WEATHER_ALERT", flight) == ["Ina", "Sam"]
    read = await door.ask("admin", "GET", f"{PATH}/{flight['id']}")
    assert {answer.headers["ETag"] for answer in said} == {read.headers["ETag"]}
    assert said[0].headers["Content-Location"] == f"{PATH}/{flight['id']}"

    said = await asyncio.gather(*(door.ask("monitor", "DELETE", path) for _ in range(3)))
    assert {(answer.status, answer.json["status"]) for answer in said} == {(200, "CONFIRMED")}
    assert len([answer for answer in said if "Hub-Transaction" in answer.headers]) == 1
    # The next front is another conflict.
    await door.ask("monitor", "PUT", path, {"detail": "Gusts of 38 kt."})
    assert await told(door, "WEATHER_ALERT", flight) == ["Ina", "Ina", "Sam", "Sam"]
    message = await door.conn.fetchval("SELECT message FROM notifications ORDER BY created_at DESC")
    assert message == "Gusts of 38 kt. We are watching it."


async def test_what_is_not_the_weathers_to_change(door: Rest) -> None:
    flight = await door.booking()
    await offer(door, flight)
    ended = [
        await door.booking(scheduled_datetime=at(20), status=word)
        for word in ("CANCELLED", "COMPLETED")
    ]
    for one in (flight, *ended):
        for method, body in (("PUT", {}), ("DELETE", None)):
            said = await door.ask("monitor", method, f"{PATH}/{one['id']}/weather-conflict", body)
            assert said.code == "illegal-move"
    assert await status(door, flight) == "RESCHEDULING"
    assert await told(door, "WEATHER_ALERT") == []


async def test_faults_of_what_was_found(door: Rest) -> None:
    flight = await door.booking()
    path = f"{PATH}/{flight['id']}/weather-conflict"
    for body, where in (
        ({"detail": ""}, ["/detail"]),
        ({"detail": "x" * 501}, ["/detail"]),
        ({"detail": 7, "ceiling": 600}, ["/ceiling", "/detail"]),
        ([], [""]),
    ):
        said = await door.ask("monitor", "PUT", path, body)
        assert (said.status, said.where) == (422, where)


async def test_the_monitor_sees_what_departs_soon_in_order(door: Rest) -> None:
    now = datetime.now(UTC)

    def inside(hours: float) -> str:
        return (now + timedelta(hours=hours)).isoformat()

    rows = [
        await door.booking(scheduled_datetime=inside(hours), status=word)
        for hours, word in (
            (1, "CONFIRMED"), (3, "AT_RISK"), (5, "CONFIRMED"), (7, "CANCELLED"), (9, "RESCHEDULING"),
            (47, "AT_RISK"), (49, "CONFIRMED"), (-2, "AT_RISK"),
        )
    ]  # fmt: skip
    ids = [row["id"] for row in rows]
    said = await door.ask("monitor", "GET", f"{PATH}/upcoming")
    assert [row["id"] for row in said.json["items"]] == [ids[n] for n in (0, 1, 2, 5)]
    assert said.json["items"][0]["student_name"] == "Sam Tester"
    said = await door.ask("monitor", "GET", f"{PATH}/upcoming?hours=4")
    assert [row["id"] for row in said.json["items"]] == [ids[n] for n in (0, 1)]
    walked, path = [], f"{PATH}/upcoming?limit=1&hours=50"
    for _ in range(5):
        said = await door.ask("monitor", "GET", path)
        walked += [row["id"] for row in said.json["items"]]
        path = said.headers.get("Link", "").removesuffix('; rel="next"').strip("<>")
    assert walked == [ids[n] for n in (0, 1, 2, 5, 6)]
    assert path == ""
    for query in ("hours=0", "hours=337", "hours=x", "limit=0"):
        assert (await door.ask("monitor", "GET", f"{PATH}/upcoming?{query}")).status == 422


async def test_the_monitor_reads_the_partial_index(conn: Connection) -> None:
    """Over the flights of some years, of which a few hundred are to come."""
    await conn.execute(
        """
        INSERT INTO users (cognito_user_id, email, first_name, last_name, role, training_level)
        SELECT 'sub-' || n, n || '@example.com', 'A', 'B',
               CASE n % 10 WHEN 0 THEN 'INSTRUCTOR' ELSE 'STUDENT' END, 'STUDENT_PILOT'
          FROM generate_series(1, 200) AS n;
        ALTER TABLE bookings DISABLE TRIGGER USER;
        INSERT INTO bookings (student_id, instructor_id, departure_airport, arrival_airport,
                              departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
                              scheduled_datetime, training_level, status)
        SELECT s.id, i.id, 'A1', 'B1', 1, 2, 3, 4, now() + n * interval '1 hour', 'STUDENT_PILOT',
               CASE WHEN n % 10 = 0 THEN 'CANCELLED' WHEN n < 0 THEN 'COMPLETED'
                    WHEN n % 7 = 0 THEN 'AT_RISK' ELSE 'CONFIRMED' END
          FROM generate_series(-20000, 400) AS n
          JOIN (SELECT id, row_number() OVER () AS k FROM users WHERE role = 'STUDENT') AS s
            ON s.k = abs(n) % 180 + 1
          JOIN (SELECT id, row_number() OVER () AS k FROM users WHERE role = 'INSTRUCTOR') AS i
            ON i.k = abs(n) % 20 + 1;
        ANALYZE;
        """
    )
    for hours in (1, 48, 336):
        for most in (11, 101):
            given = {"hours": hours, "after_time": FIRST.time, "after_id": FIRST.id, "most": most}
            assert await plan(conn, "bookings_upcoming", **given) == {"idx_bookings_upcoming"}
