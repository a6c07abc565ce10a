"""A flight that changes hands in the midst of an offer: who takes it over is asked, and awaited.

By REST and by SQL alike, since dispatch hands flights over with whatever program is at hand.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from offers import (
    PATH,
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
from resthouse import ID, Rest, opened

MINUTE = timedelta(minutes=1)
Hand = Callable[..., Awaitable[None]]


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        yield door


async def by_rest(door: Rest, flight: dict[str, Any], **people: str) -> None:
    patch = {name: ID[who] for name, who in people.items()}
    said = await door.ask("admin", "PATCH", f"{PATH}/{flight['id']}", patch)
    assert said.status == 200, said.body


async def by_sql(door: Rest, flight: dict[str, Any], **people: str) -> None:
    names = ", ".join(f"{name} = ${n}" for n, name in enumerate(people, 2))
    who = [ID[one] for one in people.values()]
    await door.conn.execute(f"UPDATE bookings SET {names} WHERE id = $1", flight["id"], *who)


either_way = pytest.mark.parametrize("hand", [by_rest, by_sql])


async def ranked_by(door: Rest, flight: dict[str, Any]) -> list[str]:
    """The first names of those who have a ranking; sorted."""
    rows = await door.conn.fetch(
        "SELECT u.first_name FROM preference_rankings p JOIN users u ON u.id = p.user_id"
        " WHERE p.booking_id = $1 ORDER BY 1",
        flight["id"],
    )
    return [row[0] for row in rows]


@either_way
async def test_who_takes_it_over_is_asked_until_the_same_deadline(door: Rest, hand: Hand) -> None:
    flight = await door.booking()
    a, b, c = await offer(door, flight)
    before = await door.ask("ina", "GET", f"{PATH}/{flight['id']}/options")
    await rank(door, "ina", flight, ranking(c, never=(a,)))
    await hand(door, flight, instructor_id="ivo")
    await until(lambda: told(door, "OPTIONS_AVAILABLE", flight), ["Ina", "Ivo", "Sam"])
    # What the one who left had said does not count any more, and is nobody's.
    assert await ranked_by(door, flight) == ["Ivo", "Sam"]
    read = (await door.ask("ivo", "GET", f"{PATH}/{flight['id']}/options")).json
    assert read["mine"]["deadline"] == read["deadline"] == before.json["deadline"]
    assert (read["mine"]["submitted_at"], read["submitted"]["instructor"]) == (None, False)
    messages = await door.conn.fetch(
        "SELECT DISTINCT title, message FROM notifications WHERE type = 'OPTIONS_AVAILABLE'"
    )
    assert len(messages) == 1, "all are told the same"

    await rank(door, "sam", flight, ranking(a, b))
    assert await status(door, flight) == "RESCHEDULING"
    assert (await rank(door, "ina", flight, ranking(a))).code == "not-found"
    assert (await rank(door, "ivo", flight, ranking(a))).status == 200
    assert len(await successors(door, flight)) == 1
    assert await told(door, "CONFIRMATION") == ["Ivo", "Sam"]


async def test_it_is_one_transaction(door: Rest) -> None:
    flight = await door.booking()
    await offer(door, flight)
    said = await door.ask("admin", "PATCH", f"{PATH}/{flight['id']}", {"instructor_id": ID["ivo"]})
    rows = await door.conn.fetch(
        "SELECT entity, op FROM events WHERE xid = $1::text::xid8 ORDER BY 1, 2",
        said.headers["Hub-Transaction"],
    )
    assert [tuple(row) for row in rows] == [
        ("bookings", "U"),
        ("notifications", "I"),
        ("preference_rankings", "D"),
        ("preference_rankings", "I"),
        ("reschedulings", "U"),
    ]


@either_way
async def test_the_deadline_comes_for_them_too(door: Rest, hand: Hand) -> None:
    """Who stayed has submitted, who came never looks: reminded, and then people are called in."""
    flight = await door.booking()
    a, *_ = await offer(door, flight)
    await rank(door, "sam", flight, ranking(a))
    await hand(door, flight, instructor_id="ivo")
    await until(lambda: ranked_by(door, flight), ["Ivo", "Sam"])
    await move_deadline(door, flight, 90 * MINUTE)
    await until(lambda: told(door, "DEADLINE_REMINDER", flight), ["Ivo"])
    await move_deadline(door, flight, timedelta(milliseconds=300))
    await until(lambda: told(door, "ESCALATION", flight), ["Admin", "Ivo", "Sam"])
    read = await door.ask("ivo", "GET", f"{PATH}/{flight['id']}/options")
    assert read.json["escalated"] is True
    await settled(door)
    assert await told(door, "ESCALATION", flight) == ["Admin", "Ivo", "Sam"]


@either_way
async def test_both_may_be_others(door: Rest, hand: Hand) -> None:
    flight = await door.booking()
    a, *_ = await offer(door, flight)
    before = (await door.ask("admin", "GET", f"{PATH}/{flight['id']}/options")).json["deadline"]
    await rank(door, "sam", flight, ranking(a))
    await hand(door, flight, student_id="sue", instructor_id="ivo")
    await until(lambda: ranked_by(door, flight), ["Ivo", "Sue"])
    read = (await door.ask("sue", "GET", f"{PATH}/{flight['id']}/options")).json
    assert read["mine"]["deadline"] == before
    assert read["submitted"] == {"student": False, "instructor": False}
    await move_deadline(door, flight, timedelta(milliseconds=300))
    await until(lambda: told(door, "ESCALATION", flight), ["Admin", "Ivo", "Sue"])


async def test_a_deadline_that_is_past_when_the_clock_hears_of_it(door: Rest) -> None:
    """Handed over by SQL at the last moment: they are told what it is about, then that it is over."""
    for people, called in (
        ({"instructor_id": "ivo"}, ["Admin", "Ivo", "Sam"]),
        ({"instructor_id": "ivo", "student_id": "sue"}, ["Admin", "Ivo", "Sue"]),
    ):
        flight = await door.booking()
        a, *_ = await offer(door, flight)
        await rank(door, "sam", flight, ranking(a))
        async with door.conn.transaction():
            await by_sql(door, flight, **people)
            await move_deadline(door, flight, -MINUTE)
        await until(lambda f=flight: told(door, "ESCALATION", f), called)  # type: ignore[misc]
        assert set(called) - {"Admin"} <= set(await told(door, "OPTIONS_AVAILABLE", flight))
        await door.conn.execute("DELETE FROM bookings")


async def test_one_whom_nobody_ever_asked_is_awaited_as_long_as_the_other(door: Rest) -> None:
    """Another program made one ranking only: its deadline is the offer's."""
    flight = await door.booking()
    a, *_ = await offer(door, flight)
    await door.conn.execute("DELETE FROM preference_rankings WHERE user_id = $1", ID["ina"])
    await rank(door, "sam", flight, ranking(a))
    await settled(door)
    assert await status(door, flight) == "RESCHEDULING"
    assert await told(door, "ESCALATION") == []
    # It may still be about to make the other, so the hub does not.
    assert await ranked_by(door, flight) == ["Sam"]
    await move_deadline(door, flight, timedelta(milliseconds=300))
    await until(lambda: told(door, "ESCALATION", flight), ["Admin", "Ina", "Sam"])


@either_way
async def test_what_people_are_to_settle_stays_so(door: Rest, hand: Hand) -> None:
    """Who takes the flight over then is told both things; nobody else is told again."""
    flight = await door.booking()
    await offer(door, flight)
    await rank(door, "ina", flight, {"none_work": True})
    assert await told(door, "ESCALATION", flight) == ["Admin", "Ina", "Sam"]
    await hand(door, flight, instructor_id="ivo")
    await until(lambda: told(door, "ESCALATION", flight), ["Admin", "Ina", "Ivo", "Sam"])
    assert await told(door, "OPTIONS_AVAILABLE", flight) == ["Ina", "Ivo", "Sam"]
    read = (await door.ask("ivo", "GET", f"{PATH}/{flight['id']}/options")).json
    assert (read["escalated"], read["submitted"]["instructor"]) == (True, False)
    await hand(door, flight, student_id="sue")
    await until(lambda: told(door, "ESCALATION", flight), ["Admin", "Ina", "Ivo", "Sam", "Sue"])
    await move_deadline(door, flight, -MINUTE)
    await settled(door)
    assert await told(door, "ESCALATION", flight) == ["Admin", "Ina", "Ivo", "Sam", "Sue"]
    assert await ranked_by(door, flight) == ["Ivo", "Sue"]


async def test_who_answers_before_the_clock_has_asked(door: Rest) -> None:
    flight = await door.booking()
    a, *_ = await offer(door, flight)
    await rank(door, "sam", flight, ranking(a))
    await door.hub.house.feed.turned()
    await by_sql(door, flight, instructor_id="ivo")
    assert (await rank(door, "ivo", flight, ranking(a))).status == 200
    assert len(await successors(door, flight)) == 1
    assert await told(door, "CONFIRMATION") == ["Ivo", "Sam"]


async def test_where_nothing_was_offered_nobody_is_asked(door: Rest) -> None:
    flight = await door.booking(status="RESCHEDULING")
    await by_rest(door, flight, instructor_id="ivo")
    assert await ranked_by(door, flight) == []
    assert await told(door, "OPTIONS_AVAILABLE") == []


async def test_a_flight_that_is_moved_and_handed_over_at_once(door: Rest) -> None:
    """Who takes it over is told the deadline as it is then."""
    flight = await door.booking()
    await offer(door, flight)
    departs = await door.conn.fetchval("SELECT date_trunc('second', now()) + interval '5 hours'")
    patch = {"instructor_id": ID["ivo"], "scheduled_datetime": departs.isoformat()}
    said = await door.ask("admin", "PATCH", f"{PATH}/{flight['id']}", patch)
    assert said.status == 200
    message = await door.conn.fetchval(
        "SELECT message FROM notifications WHERE user_id = $1", ID["ivo"]
    )
    assert f"Rank by {departs - 30 * MINUTE:%a %d %b %H:%MZ}." in message
