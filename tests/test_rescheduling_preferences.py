"""What one says of the offered times: what may be said, by whom, until when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from offers import PATH, offer, rank, ranking, status, told, waiting
from resthouse import ID, Rest, opened


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        await door.key("preferences:read", name="reader")
        yield door


async def test_it_may_be_said_anew_until_the_deadline(door: Rest) -> None:
    flight = await door.booking()
    a, b, c = await offer(door, flight)
    first = await rank(door, "sam", flight, ranking(a, b, c))
    assert (first.status, first.json["submitted_at"] is not None) == (200, True)
    second = await rank(door, "sam", flight, ranking(c, never=(a,)))
    shown = second.json
    assert [shown[f"option{n}_id"] for n in (1, 2, 3)] == [c, None, None]
    assert shown["unavailable_option_ids"] == [a]
    assert shown["submitted_at"] > first.json["submitted_at"]
    assert second.headers["Hub-Transaction"] != first.headers["Hub-Transaction"]
    read = await door.ask("sam", "GET", f"{PATH}/{flight['id']}/preferences")
    assert (read.json, read.headers["ETag"]) == (shown, second.headers["ETag"])

    await door.conn.execute("UPDATE preference_rankings SET deadline = clock_timestamp()")
    late = await rank(door, "sam", flight, ranking(b))
    assert (late.status, late.code) == (403, "deadline-passed")
    assert (await door.ask("sam", "GET", f"{PATH}/{flight['id']}/preferences")).json[
        "option1_id"
    ] == c
    late = await rank(door, "ina", flight, {"none_work": True})
    assert late.code == "deadline-passed"


async def test_everything_that_is_wrong_with_a_ranking(door: Rest) -> None:
    flight = await door.booking()
    a, b, c = await offer(door, flight)
    other = await door.booking(student_id=ID["sue"], instructor_id=ID["ivo"], aircraft_id="N2")
    [theirs, *_] = await offer(door, other)
    nobody = str(uuid4())
    for body, where in (
        ({}, ["/option1_id"]),
        ({"unavailable_option_ids": [a]}, ["/option1_id"]),
        ({"option2_id": a}, ["/option1_id"]),
        ({"option1_id": a, "option3_id": b}, ["/option2_id"]),
        (ranking(a, a), ["/option2_id"]),
        (ranking(a, b, a), ["/option3_id"]),
        (ranking(a, never=(b, a)), ["/unavailable_option_ids/1"]),
        (ranking(a, never=(b, b)), ["/unavailable_option_ids/1"]),
        (ranking(nobody, theirs, never=(c, nobody)),
         ["/option1_id", "/option2_id", "/unavailable_option_ids/1"]),
        ({"none_work": True, **ranking(a, never=(b,))}, ["/option1_id", "/unavailable_option_ids"]),
        ({"option1_id": "x", "none_work": "yes", "deadline": None},
         ["/deadline", "/none_work", "/option1_id"]),
        ({"option1_id": a, "unavailable_option_ids": [nobody] * 21}, ["/unavailable_option_ids"]),
    ):  # fmt: skip
        said = await rank(door, "sam", flight, body)
        assert (said.status, said.where) == (422, where), body
    assert (await rank(door, "sam", flight, ranking(a.upper(), never=(b, c)))).status == 200


async def test_none_works(door: Rest) -> None:
    flight = await door.booking()
    a, b, c = await offer(door, flight)
    await rank(door, "sam", flight, ranking(a))
    said = await rank(door, "sam", flight, {"none_work": True})
    assert (said.json["none_work"], said.json["submitted_at"]) == (True, None)
    assert set(said.json["unavailable_option_ids"]) == {a, b, c}
    assert said.json["option1_id"] is None
    assert await told(door, "ESCALATION", flight) == ["Admin", "Ina", "Sam"]
    assert await status(door, flight) == "RESCHEDULING"
    # Again, and by the other: it is known, even if nobody kept what they were told.
    await rank(door, "sam", flight, {"none_work": True})
    assert await told(door, "ESCALATION", flight) == ["Admin", "Ina", "Sam"]
    await door.conn.execute("DELETE FROM notifications")
    await rank(door, "ina", flight, {"none_work": True})
    assert await told(door, "ESCALATION") == []
    # A change of mind before the deadline still leads to a new time.
    await rank(door, "sam", flight, ranking(b, a))
    assert await status(door, flight) == "RESCHEDULING"
    await rank(door, "ina", flight, ranking(a))
    assert await status(door, flight) == "CANCELLED"
    assert await told(door, "CONFIRMATION") == ["Ina", "Sam"]
    assert await told(door, "ESCALATION") == []


async def test_only_what_one_has_seen_is_replaced(door: Rest) -> None:
    flight = await door.booking()
    a, b, _ = await offer(door, flight)
    path = f"{PATH}/{flight['id']}/preferences"
    seen = (await door.ask("sam", "GET", path)).headers["ETag"]
    said = await asyncio.gather(
        *(
            door.ask("sam", "PUT", path, ranking(one), headers={"If-Match": seen})
            for one in (a, b, a, b)
        )
    )
    assert sorted(answer.status for answer in said) == [200, 412, 412, 412]


async def test_whose_ranking_one_may_read(door: Rest) -> None:
    flight = await door.booking()
    a, *_ = await offer(door, flight)
    await rank(door, "sam", flight, ranking(a))
    path = f"{PATH}/{flight['id']}/preferences"
    mine = (await door.ask("sam", "GET", path)).json
    assert (await door.ask("sam", "GET", f"{path}?user_id={ID['sam']}")).json == mine
    assert (await door.ask("ina", "GET", f"{path}?user_id={ID['sam']}")).code == "forbidden"
    assert (await door.ask("sue", "GET", f"{path}?user_id={ID['sam']}")).code == "not-found"
    for who in ("admin", "reader"):
        assert (await door.ask(who, "GET", f"{path}?user_id={ID['sam']}")).json == mine
        said = await door.ask(who, "GET", path)
        assert (said.status, said.where) == (422, ["user_id"])
        for stranger in (ID["sue"], str(uuid4())):
            said = await door.ask(who, "GET", f"{path}?user_id={stranger}")
            assert said.code == "not-found"


async def test_where_nothing_is_asked(door: Rest) -> None:
    flight = await door.booking()
    for word in ("CONFIRMED", "AT_RISK", "CANCELLED", "COMPLETED"):
        await door.conn.execute("UPDATE bookings SET status = $1", word)
        said = await rank(door, "sam", flight, ranking(str(uuid4())))
        assert (said.status, said.code) == (409, "not-rescheduling")
    await door.conn.execute("UPDATE bookings SET status = 'RESCHEDULING'")
    said = await rank(door, "sam", flight, ranking(str(uuid4())))
    assert (said.status, said.code) == (409, "no-options")


async def test_the_deadline_is_judged_when_the_row_is_held(door: Rest) -> None:
    """Who asked in time but waited past the deadline is late, by the database's clock."""
    flight = await door.booking()
    a, *_ = await offer(door, flight)
    async with door.conn.transaction():
        await door.conn.execute("SELECT FROM bookings FOR UPDATE")
        waits = asyncio.create_task(rank(door, "sam", flight, ranking(a)))
        await waiting(door, 1)
        await door.conn.execute("UPDATE preference_rankings SET deadline = clock_timestamp()")
    assert (await waits).code == "deadline-passed"
