"""The weather against a flight: at risk, clear again, said twice, said at once; what is watched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from offers import PATH, offer, status, told
from resthouse import Rest, at, opened


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
