"""The times offered for a flight: made, shown, replaced; until when they may be ranked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from offers import PATH, offer, rank, ranking, settled, status, times, told, waiting
from resthouse import ID, Rest, at, opened

from hub.db.pool import connect
from hub.model import PreferenceRanking, RescheduleOption
from hub.rules.deadline import AFTER_NOTIFICATION, BEFORE_DEPARTURE
from hub.settings import Settings


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        await door.key("options:write", "bookings:read", name="ai")
        yield door


def soon(**spans: float) -> str:
    return (datetime.now(UTC) + timedelta(**spans)).isoformat()


async def put(door: Rest, flight: dict[str, Any], body: Any, **more: Any) -> Any:
    return await door.ask("ai", "PUT", f"{PATH}/{flight['id']}/options", body, **more)


async def test_a_set_is_made_and_shown(door: Rest) -> None:
    flight = await door.booking()
    body = times(9, 12, 15, 18, scores=(None, 0.5, 1, 0.126))
    body["options"][1]["weather_forecast"] = forecast = {
        "wind": {"kt": 7, "gust": None},
        "sky": "CLR",
    }
    said = await put(door, flight, body)
    assert said.status == 200
    items = said.json["items"]
    for item in items:
        RescheduleOption.model_validate(item, strict=False)
        assert list(item) == list(RescheduleOption.model_fields)
    shown = [(one["suggested_datetime"], one["ai_confidence_score"]) for one in items]
    assert shown == [(at(15, 1), 1.0), (at(12, 1), 0.5), (at(18, 1), 0.13), (at(9, 1), None)]
    assert [one["weather_forecast"] for one in items] == [None, forecast, None, None]
    assert said.json["booking_id"] == flight["id"]
    assert (said.json["mine"], said.json["escalated"]) == (None, False)
    for who in ("ai", "admin"):
        read = await door.ask(who, "GET", f"{PATH}/{flight['id']}/options")
        assert read.json == said.json
        assert "Hub-Cursor" in read.headers
    assert await status(door, flight) == "RESCHEDULING"
    assert await told(door, "OPTIONS_AVAILABLE", flight) == ["Ina", "Sam"]


async def test_the_deadline(door: Rest) -> None:
    """The earlier of half an hour before departure and twelve hours after both were told."""
    for n, hours in enumerate((3, 12.4, 12.6, 500)):
        flight = await door.booking(
            scheduled_datetime=soon(hours=hours), student_id=ID[("sam", "sue")[n % 2]]
        )
        said = await put(door, flight, times(9, 12, 15))
        row = await door.conn.fetchrow(
            "SELECT min(p.deadline) AS first, max(p.deadline) AS last, count(*), min(n.created_at) AS told"
            "  FROM preference_rankings p JOIN notifications n USING (booking_id)"
            " WHERE booking_id = $1 AND n.type = 'OPTIONS_AVAILABLE'",
            flight["id"],
        )
        departs = datetime.fromisoformat(flight["scheduled_datetime"])
        expected = min(departs - BEFORE_DEPARTURE, row["told"] + AFTER_NOTIFICATION)
        assert (row["first"], row["last"], row["count"]) == (expected, expected, 4)
        assert datetime.fromisoformat(said.json["deadline"]) == expected
        [message] = await door.conn.fetch(
            "SELECT DISTINCT message FROM notifications WHERE booking_id = $1"
            " AND type = 'OPTIONS_AVAILABLE'",
            flight["id"],
        )
        assert expected.strftime("Rank by %a %d %b %H:%MZ.") in message[0]
        await door.conn.execute("DELETE FROM bookings")


async def test_a_flight_that_departs_sooner_is_to_be_ranked_sooner(door: Rest) -> None:
    flight = await door.booking(scheduled_datetime=soon(hours=20))
    before = (await put(door, flight, times(9))).json["deadline"]

    async def moved(hours: float) -> tuple[datetime, datetime]:
        departs = soon(hours=hours)
        path = f"{PATH}/{flight['id']}"
        assert (
            await door.ask("admin", "PATCH", path, {"scheduled_datetime": departs})
        ).status == 200
        told = (await door.ask("sam", "GET", f"{path}/options")).json
        assert told["mine"]["deadline"] == told["deadline"]
        return datetime.fromisoformat(departs), datetime.fromisoformat(told["deadline"])

    assert (await moved(14))[1] == datetime.fromisoformat(before)
    departs, deadline = await moved(5)
    assert deadline == departs - BEFORE_DEPARTURE
    assert (await moved(30))[1] == deadline, "nobody is given more time than they were told"


async def test_a_deadline_that_is_past_calls_the_school_in_at_once(door: Rest) -> None:
    for minutes in (29, -5):
        flight = await door.booking(scheduled_datetime=soon(minutes=minutes))
        said = await put(door, flight, times(9, 12, 15))
        assert (said.status, said.json["escalated"]) == (200, True)
        assert await told(door, "OPTIONS_AVAILABLE", flight) == ["Ina", "Sam"]
        assert await told(door, "ESCALATION", flight) == ["Admin", "Ina", "Sam"]
        assert await status(door, flight) == "RESCHEDULING"
        late = await rank(door, "sam", flight, ranking(said.json["items"][0]["id"]))
        assert (late.status, late.code) == (403, "deadline-passed")
        await door.conn.execute("DELETE FROM bookings")


async def test_a_new_set_replaces_the_old_and_what_was_said_of_it(door: Rest) -> None:
    flight = await door.booking()
    old = await offer(door, flight)
    assert (await rank(door, "sam", flight, ranking(*old))).status == 200
    await rank(door, "ina", flight, {"none_work": True})
    assert await told(door, "ESCALATION", flight) == ["Admin", "Ina", "Sam"]

    new = await offer(door, flight, 10, 13)
    assert not set(new) & set(old)
    read = (await door.ask("sam", "GET", f"{PATH}/{flight['id']}/options")).json
    assert {one["id"] for one in read["items"]} == set(new)
    assert read["submitted"] == {"student": False, "instructor": False}
    assert (read["mine"]["option1_id"], read["escalated"]) == (None, False)
    assert await told(door, "OPTIONS_AVAILABLE", flight) == ["Ina", "Ina", "Sam", "Sam"]
    said = await rank(door, "sam", flight, ranking(old[0], new[0]))
    assert (said.status, said.where) == (422, ["/option1_id"])
    # A new offer may end with people again.
    await rank(door, "ina", flight, {"none_work": True})
    assert await told(door, "ESCALATION", flight) == ["Admin"] * 2 + ["Ina"] * 2 + ["Sam"] * 2


async def test_what_was_told_of_the_old_set_is_not_taken_for_the_new(door: Rest) -> None:
    """Not even what is told while the new one waits for the flight, its transaction begun."""
    flight = await door.booking()
    await offer(door, flight)
    holder = await connect(door.hub.dsn, settings=Settings())
    try:
        async with holder.transaction():
            await holder.execute("SELECT FROM bookings FOR NO KEY UPDATE")
            new = asyncio.create_task(put(door, flight, times(10, 13)))
            await waiting(door, 1)
            await door.conn.execute(
                "INSERT INTO notifications (user_id, booking_id, type, title, message)"
                " SELECT id, $1, 'ESCALATION', 't', 'm' FROM users WHERE id = ANY ($2)",
                flight["id"],
                [ID[who] for who in ("sam", "ina", "admin")],
            )
    finally:
        holder.terminate()
    assert (await new).status == 200
    row = await door.conn.fetchrow(
        "SELECT min(p.created_at) AS asked, max(n.created_at) AS told"
        "  FROM preference_rankings p, notifications n WHERE n.type = 'ESCALATION'"
    )
    assert row["asked"] > row["told"]
    await rank(door, "sam", flight, {"none_work": True})
    assert await told(door, "ESCALATION", flight) == ["Admin"] * 2 + ["Ina"] * 2 + ["Sam"] * 2


async def test_a_retry_with_its_key_asks_nobody_again(door: Rest) -> None:
    flight = await door.booking()
    key = {"Idempotency-Key": "offer-1"}
    said = await asyncio.gather(*(put(door, flight, times(9, 12), headers=key) for _ in range(4)))
    assert {answer.status for answer in said} == {200}
    assert len({answer.body for answer in said}) == 1
    assert len([answer for answer in said if "Idempotency-Replayed" in answer.headers]) == 3
    assert await told(door, "OPTIONS_AVAILABLE", flight) == ["Ina", "Sam"]
    other = await put(door, flight, times(9, 13), headers=key)
    assert other.code == "key-reused"


async def test_sets_that_come_at_once_are_one_after_the_other(door: Rest) -> None:
    flight = await door.booking()
    said = await asyncio.gather(*(put(door, flight, times(9 + n, 15 + n)) for n in range(4)))
    assert {answer.status for answer in said} == {200}
    read = (await door.ask("ai", "GET", f"{PATH}/{flight['id']}/options")).json
    assert read in [answer.json for answer in said]
    assert await door.conn.fetchval("SELECT count(*) FROM preference_rankings") == 2


async def test_each_sees_their_own_ranking_and_never_the_other_s(door: Rest) -> None:
    flight = await door.booking()
    nine, noon, three = await offer(door, flight)
    path = f"{PATH}/{flight['id']}"
    assert (await rank(door, "sam", flight, ranking(nine, three, never=(noon,)))).status == 200

    read = (await door.ask("sam", "GET", f"{path}/options")).json
    mine = read["mine"]
    PreferenceRanking.model_validate(mine, strict=False)
    assert list(mine) == list(PreferenceRanking.model_fields)
    assert [mine[f"option{n}_id"] for n in (1, 2, 3)] == [nine, three, None]
    assert (mine["unavailable_option_ids"], mine["none_work"]) == ([noon], False)
    assert mine["deadline"] == read["deadline"]
    assert (await door.ask("sam", "GET", f"{path}/preferences")).json == mine

    for path_ in ("options", "preferences"):
        body = (await door.ask("ina", "GET", f"{path}/{path_}")).body.decode()
        assert mine["id"] not in body
        assert mine["submitted_at"] not in body
        assert ID["sam"] not in body
    hers = (await door.ask("ina", "GET", f"{path}/options")).json
    assert hers["submitted"] == {"student": True, "instructor": False}
    assert (hers["mine"]["option1_id"], hers["mine"]["unavailable_option_ids"]) == (None, [])
    # That somebody said that none works is an answer, too.
    await rank(door, "sam", flight, {"none_work": True})
    hers = (await door.ask("ina", "GET", f"{path}/options")).json
    assert hers["submitted"] == {"student": True, "instructor": False}


async def test_an_offer_ends_with_the_search(door: Rest) -> None:
    """The old time holds after all: what was offered, said and escalated is gone, and does not return."""
    flight = await door.booking()
    path = f"{PATH}/{flight['id']}"
    old, *_ = await offer(door, flight, 9, 12)
    await rank(door, "ina", flight, ranking(old))
    await rank(door, "sam", flight, {"none_work": True})
    assert await told(door, "ESCALATION", flight) == ["Admin", "Ina", "Sam"]
    said = await door.ask("ina", "PATCH", path, {"status": "CONFIRMED"})
    assert said.status == 200
    rows = await door.conn.fetch(
        "SELECT entity, op, count(*) FROM events WHERE xid = $1::text::xid8 GROUP BY 1, 2 ORDER BY 1",
        said.headers["Hub-Transaction"],
    )
    assert [tuple(row) for row in rows] == [
        ("bookings", "U", 1),
        ("preference_rankings", "D", 2),
        ("reschedule_options", "D", 2),
        ("reschedulings", "D", 1),
    ]
    by = await door.conn.fetch(
        "SELECT entity_type, user_id::text FROM audit_log WHERE action = 'delete'"
    )
    assert {(row["entity_type"], row["user_id"]) for row in by} == {
        ("preference_ranking", ID["ina"]),
        ("reschedule_option", ID["ina"]),
    }

    await nothing_is_on_offer(door, flight)
    assert (await door.ask("ina", "PATCH", path, {"status": "RESCHEDULING"})).status == 200
    await nothing_is_on_offer(door, flight)
    await settled(door)
    assert await told(door, "ESCALATION", flight) == ["Admin", "Ina", "Sam"]
    # A search that was begun by hand goes on like any other.
    new, *_ = await offer(door, flight, 9, 12)
    await rank(door, "sam", flight, ranking(new))
    await rank(door, "ina", flight, ranking(new))
    assert await status(door, flight) == "CANCELLED"


async def test_an_offer_that_another_program_left_behind_does_not_come_back(door: Rest) -> None:
    flight = await door.booking()
    path = f"{PATH}/{flight['id']}"
    await offer(door, flight)
    await rank(door, "sam", flight, {"none_work": True})
    await door.conn.execute("UPDATE bookings SET status = 'CONFIRMED'")
    assert (await door.ask("admin", "PATCH", path, {"status": "RESCHEDULING"})).status == 200
    await nothing_is_on_offer(door, flight)


async def nothing_is_on_offer(door: Rest, flight: dict[str, Any]) -> None:
    path = f"{PATH}/{flight['id']}"
    read = (await door.ask("sam", "GET", f"{path}/options")).json
    assert (read["items"], read["deadline"], read["mine"]) == ([], None, None)
    assert (read["escalated"], read["submitted"]) == (
        False,
        {"student": False, "instructor": False},
    )
    if await status(door, flight) == "RESCHEDULING":
        said = await door.ask("admin", "POST", f"{path}/reschedule", {})
        assert (said.status, said.code) == (409, "no-options")


async def test_what_was_offered_for_a_flight_that_is_over_stays_on_record(door: Rest) -> None:
    flight = await door.booking()
    ids = await offer(door, flight)
    said = await door.ask("ina", "PATCH", f"{PATH}/{flight['id']}", {"status": "CANCELLED"})
    assert said.status == 200
    read = (await door.ask("sam", "GET", f"{PATH}/{flight['id']}/options")).json
    assert {one["id"] for one in read["items"]} == set(ids)


async def test_where_nothing_is_offered(door: Rest) -> None:
    flight = await door.booking()
    read = await door.ask("sam", "GET", f"{PATH}/{flight['id']}/options")
    assert (read.status, read.json["items"], read.json["deadline"]) == (200, [], None)
    assert read.json["mine"] is None
    assert (await door.ask("sam", "GET", f"{PATH}/{flight['id']}/preferences")).code == "not-found"


async def test_a_booking_that_is_over_gets_no_new_time(door: Rest) -> None:
    for word in ("CANCELLED", "COMPLETED"):
        flight = await door.booking(status=word)
        assert (await put(door, flight, times(9, 12, 15))).code == "illegal-move"
    assert await door.conn.fetchval("SELECT count(*) FROM reschedule_options") == 0


async def test_everything_that_is_wrong_with_a_set(door: Rest) -> None:
    flight = await door.booking()
    one = {"suggested_datetime": at(9)}
    long = {"text": "é" * 8192}
    for body, where in (
        ({}, ["/options"]),
        ({"options": []}, ["/options"]),
        ({"options": [one] * 21}, ["/options"]),
        ({"options": [{}, one | {"id": "x"}]}, ["/options/0/suggested_datetime", "/options/1/id"]),
        ({"options": [{"suggested_datetime": at(9).rstrip("Z")}]}, ["/options/0/suggested_datetime"]),
        ({"options": [one | {"ai_confidence_score": score} for score in (-0.01, 1.01, "1", True)]},
         [f"/options/{n}/ai_confidence_score" for n in range(4)]),
        ({"options": [one | {"weather_forecast": given} for given in (long, [], "clear", 1)]},
         [f"/options/{n}/weather_forecast" for n in range(4)]),
        ({"options": [one, one | {"weather_forecast": {"at": [{"time": 9_007_199_254_740_993}]}}]},
         ["/options/1/weather_forecast"]),
        ({"options": [one | {"weather_forecast": {"a\0b": 1}}]},
         ["/options/0/weather_forecast/a\0b"]),
        ({"options": [one, {"suggested_datetime": soon(minutes=-1)},
                      one, {"suggested_datetime": soon(days=-9)}]},
         [f"/options/{n}/suggested_datetime" for n in (1, 3)]),
    ):  # fmt: skip
        said = await put(door, flight, body)
        assert (said.status, said.where) == (422, where), body
    assert await status(door, flight) == "CONFIRMED"
    assert (
        await put(door, flight, {"options": [one | {"weather_forecast": {}}] * 20})
    ).status == 200
    full = {"text": "é" * 8180}
    assert (
        await put(door, flight, {"options": [one | {"weather_forecast": full}] * 12})
    ).status == 200
