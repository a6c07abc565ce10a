"""Which new time it becomes: between two rankings, around what is taken, by hand; and in a race."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from offers import PATH, broken_in_a_crowd, offer, rank, ranking, status, successors, told, waiting
from resthouse import ID, Rest, at, opened

from hub.db.pool import Write
from hub.schedule import preferences, rescheduling
from hub.schedule.reading import Shown
from hub.schedule.rescheduling import Offer, offer_of


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path, pool_size=8) as door:
        yield door


async def by_hand(door: Rest, flight: dict[str, Any], option: str | None, **more: Any) -> Any:
    body = {"option_id": option} if option else {}
    return await door.ask("admin", "POST", f"{PATH}/{flight['id']}/reschedule", body, **more)


def moment(row: dict[str, Any]) -> str:
    return str(row["scheduled_datetime"].isoformat().replace("+00:00", "Z"))


async def test_the_new_booking_is_the_old_one_at_another_time(door: Rest) -> None:
    flight = await door.booking(duration_minutes=75, training_level="PRIVATE_PILOT")
    # Half an hour later: it overlaps with the very flight it replaces.
    said = await door.ask(
        "admin",
        "PUT",
        f"{PATH}/{flight['id']}/options",
        {"options": [{"suggested_datetime": at(10.5)}]},
    )
    [option] = [one["id"] for one in said.json["items"]]
    made = await by_hand(door, flight, option)
    assert made.status == 201
    new = made.json
    same = set(flight) - {
        "id", "scheduled_datetime", "original_booking_id", "created_at", "updated_at",
    }  # fmt: skip
    assert {name: new[name] for name in same} == {name: flight[name] for name in same}
    assert new["original_booking_id"] == flight["id"]
    assert (
        made.headers["ETag"]
        == (await door.ask("sam", "GET", made.headers["Location"])).headers["ETag"]
    )
    old = (await door.ask("sam", "GET", f"{PATH}/{flight['id']}")).json
    assert (old["status"], old["rescheduled_to_datetime"]) == ("CANCELLED", at(10.5))
    assert (await by_hand(door, flight, option)).code == "illegal-move"


async def test_a_time_that_was_taken_since_gives_way_to_the_next_best(door: Rest) -> None:
    flight = await door.booking()
    a, b, c = await offer(door, flight)
    await door.booking(scheduled_datetime=at(9.5, 1), instructor_id=ID["ivo"])  # sam is away
    await rank(door, "sam", flight, ranking(a, b, c))
    await rank(door, "ina", flight, ranking(a, b, c))
    [new] = await successors(door, flight)
    assert moment(new) == at(12, 1)
    assert await told(door, "ESCALATION") == []


async def test_no_slot_is_left(door: Rest) -> None:
    flight = await door.booking()
    a, b, c = await offer(door, flight)
    for hour, aircraft in ((9, "N2"), (12, "N3")):
        await door.booking(
            scheduled_datetime=at(hour, 1), aircraft_id=aircraft, student_id=ID["sue"]
        )  # ina is away
    await rank(door, "sam", flight, ranking(a, b, never=(c,)))
    said = await rank(door, "ina", flight, ranking(b, a))
    assert said.status == 200
    assert await told(door, "ESCALATION", flight) == ["Admin", "Ina", "Sam"]
    assert await status(door, flight) == "RESCHEDULING"
    assert await successors(door, flight) == []

    # By hand, too, a slot that is taken is taken, and it is said by what, not by whom.
    said = await by_hand(door, flight, a)
    assert (said.code, said.where) == ("overlap", ["/option_id"])
    detail = f"the instructor is taken from {at(9, 1)} to {at(10, 1)}"
    assert [fault["detail"] for fault in said.json["errors"]] == [detail]
    assert (await by_hand(door, flight, None)).code == "no-slot"
    assert await told(door, "ESCALATION", flight) == ["Admin", "Ina", "Sam"]
    # Once there is room again, the hub may choose after all.
    await door.conn.execute("UPDATE bookings SET status = 'CANCELLED' WHERE aircraft_id = 'N3'")
    said = await by_hand(door, flight, None)
    assert (said.status, said.json["scheduled_datetime"]) == (201, at(12, 1))


async def test_an_option_whose_time_has_passed_is_none(door: Rest) -> None:
    flight = await door.booking()
    a, b, _ = await offer(door, flight)
    await door.conn.execute(
        "UPDATE reschedule_options SET suggested_datetime = clock_timestamp() WHERE id = $1", a
    )
    assert (await by_hand(door, flight, a)).code == "option-past"
    for who in ("sam", "ina"):
        await rank(door, who, flight, ranking(a, b))
    [new] = await successors(door, flight)
    assert moment(new) == at(12, 1)


async def test_an_option_that_vanishes_gives_way_to_the_next_best(
    door: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted by another program when the hub has read it: who holds the flight does not hold those."""
    flight = await door.booking()
    a, b, c, d = await offer(door, flight, 9, 12, 15, 18)
    looks = 0

    async def and_then(write: Write, held: Shown) -> Offer:
        nonlocal looks
        looks += 1
        found = await offer_of(write, held)
        if looks == 2:  # after what was said is written
            await door.conn.execute("DELETE FROM reschedule_options WHERE id = $1", c)
        return found

    # Each has ruled out what the other likes: c it would be, the earlier of two that nobody ranked.
    await rank(door, "sam", flight, ranking(a, never=(b,)))
    monkeypatch.setattr(preferences, "offer_of", and_then)
    assert (await rank(door, "ina", flight, ranking(b, never=(a,)))).status == 200
    [new] = await successors(door, flight)
    assert (moment(new), new["status"]) == (at(18, 1), "CONFIRMED")
    assert await told(door, "CONFIRMATION") == ["Ina", "Sam"]
    left = await door.conn.fetch("SELECT id::text FROM reschedule_options")
    assert {row["id"] for row in left} == {a, b, d}


async def test_an_option_that_vanishes_cannot_be_chosen_by_hand(
    door: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = await door.booking()
    a, *_ = await offer(door, flight)

    async def and_then(write: Write, held: Shown) -> Offer:
        found = await offer_of(write, held)
        await door.conn.execute("DELETE FROM reschedule_options WHERE id = $1", a)
        return found

    monkeypatch.setattr(rescheduling, "offer_of", and_then)
    # Nobody has ranked it, so nothing of the flight's waits for the deletion, nor the deletion for it.
    said = await by_hand(door, flight, a)
    assert (said.status, said.where) == (422, ["/option_id"])
    assert said.json["errors"][0]["detail"] == "is not an option of this booking"
    assert await status(door, flight) == "RESCHEDULING"


async def test_what_can_be_chosen_by_hand(door: Rest) -> None:
    flight = await door.booking()
    assert (await by_hand(door, flight, str(uuid4()))).code == "illegal-move"
    a, *_ = await offer(door, flight)
    said = await by_hand(door, flight, str(uuid4()))
    assert (said.status, said.where) == (422, ["/option_id"])
    assert (await by_hand(door, flight, None)).code == "not-submitted"
    await rank(door, "sam", flight, ranking(a))
    assert (await by_hand(door, flight, None)).code == "not-submitted"
    # An admin need not wait for anybody, nor mind what they said.
    await rank(door, "sam", flight, {"none_work": True})
    key = {"Idempotency-Key": "by-hand"}
    said = await asyncio.gather(*(by_hand(door, flight, a, headers=key) for _ in range(4)))
    assert {answer.status for answer in said} == {201}
    assert len({answer.body for answer in said}) == 1
    assert len(await successors(door, flight)) == 1
    assert await told(door, "CONFIRMATION") == ["Ina", "Sam"]


async def test_of_two_who_confirm_at_once_one_does(door: Rest) -> None:
    """Both submit last, and an admin chooses: one new booking, one pair of confirmations."""
    for _ in range(4):
        flight = await door.booking()
        a, b, c = await offer(door, flight)
        said = await asyncio.gather(
            rank(door, "sam", flight, ranking(a, b)),
            rank(door, "ina", flight, ranking(b, a)),
            by_hand(door, flight, c),
            by_hand(door, flight, a),
        )
        assert all(answer.status in (200, 201, 409) for answer in said), said
        [new] = await successors(door, flight)
        assert await told(door, "CONFIRMATION", {"id": new["id"]}) == ["Ina", "Sam"]
        assert await told(door, "ESCALATION", flight) == []
        chosen = [answer for answer in said[2:] if answer.status == 201]
        assert len(chosen) <= 1
        await door.conn.execute("DELETE FROM bookings")


async def test_whoever_submits_last_settles_it_even_at_once(door: Rest) -> None:
    """Neither takes the other for late: held against each other by a lock on the row."""
    flight = await door.booking()
    a, *_ = await offer(door, flight)
    async with door.conn.transaction():
        await door.conn.execute("SELECT FROM bookings FOR NO KEY UPDATE")
        both = [asyncio.create_task(rank(door, who, flight, ranking(a))) for who in ("sam", "ina")]
        await waiting(door, 2)
    assert [answer.status for answer in await asyncio.gather(*both)] == [200, 200]
    assert len(await successors(door, flight)) == 1


async def test_whoever_loses_a_deadlock_is_tried_again(door: Rest) -> None:
    """The hub holds the flight and waits for a ranking; who holds the ranking wants the flight."""
    flight = await door.booking()
    a, *_ = await offer(door, flight)
    async with door.conn.transaction():
        await door.conn.execute("SET LOCAL deadlock_timeout = '1min'")
        await door.conn.execute("UPDATE preference_rankings SET created_at = created_at")
        said = asyncio.create_task(rank(door, "sam", flight, ranking(a)))
        await waiting(door, 1)
        await door.conn.execute("UPDATE bookings SET duration_minutes = 61")
    assert (await said).status == 200


async def test_flights_that_race_for_one_slot_share_the_day(door: Rest) -> None:
    """Two flights with one instructor, whose four people submit at once: the loser moves on."""
    one = await door.booking()
    two = await door.booking(student_id=ID["sue"], aircraft_id="N2", scheduled_datetime=at(12))
    for flight in (one, two):
        flight["offered"] = await offer(door, flight, 9, 15)
    said = await asyncio.gather(
        *(
            rank(door, who, flight, ranking(*flight["offered"]))
            for flight, student in ((one, "sam"), (two, "sue"))
            for who in (student, "ina")
        )
    )
    assert {answer.status for answer in said} == {200}
    found = [moment(row) for flight in (one, two) for row in await successors(door, flight)]
    assert sorted(found) == [at(9, 1), at(15, 1)]
    assert await told(door, "ESCALATION") == []


async def test_options_regenerated_while_a_student_submits(door: Rest) -> None:
    """Either what was said is of the new set, or it was refused: never of options that are gone."""
    flight = await door.booking()
    for _ in range(6):
        old = await offer(door, flight)
        new, said = await asyncio.gather(
            offer(door, flight), rank(door, "sam", flight, ranking(*old))
        )
        assert said.status in (200, 422)
        mine = (await door.ask("sam", "GET", f"{PATH}/{flight['id']}/options")).json["mine"]
        # The set came last, whichever was first.
        assert (mine["option1_id"], mine["submitted_at"]) == (None, None)
        assert not set(new) & set(old)
        if said.status == 422:
            assert said.where == ["/option1_id", "/option2_id", "/option3_id"]
    # And for certain: while the new set waits for its commit.
    old = await offer(door, flight)
    async with door.conn.transaction():
        await door.conn.execute("SELECT FROM bookings FOR NO KEY UPDATE")
        regenerated = asyncio.create_task(offer(door, flight))
        await waiting(door, 1)
        said_late = asyncio.create_task(rank(door, "sam", flight, ranking(*old)))
        await waiting(door, 2)
    await regenerated
    assert (await said_late).status == 422


async def test_everybody_at_once(door: Rest) -> None:
    """Weather, options, rankings, deadlines and choices over a few flights: no rule is broken."""
    flights = [
        await door.booking(scheduled_datetime=at(8 + 2 * n), aircraft_id=f"N{n % 2}")
        for n in range(4)
    ]

    async def act(n: int) -> None:
        flight = flights[n % 4]
        path = f"{PATH}/{flight['id']}"
        read = (await door.ask("admin", "GET", f"{path}/options")).json
        ids = [one["id"] for one in read["items"]]
        match n % 7:
            case 0:
                await offer(door, flight) if n % 2 else None
            case 1 | 2:
                await door.ask("admin", "PUT", f"{path}/weather-conflict", {})
                await door.ask("admin", "PUT", f"{path}/options", OFFERED)
            case 3 | 4:
                await asyncio.gather(
                    *(rank(door, who, flight, ranking(*ids[:3])) for who in ("sam", "ina"))
                )
            case 5:
                await rank(door, "ina", flight, {"none_work": True})
            case 6 if ids:
                await by_hand(door, flight, ids[n % len(ids)])

    OFFERED = {"options": [{"suggested_datetime": at(7 + 3 * n, day=2)} for n in range(3)]}
    for start in range(0, 42, 7):
        results = await asyncio.gather(
            *(act(n) for n in range(start, start + 7)), return_exceptions=True
        )
        assert all(isinstance(one, AssertionError | None) for one in results), results
    assert await broken_in_a_crowd(door.conn) == {}
    assert await door.conn.fetchval(
        "SELECT count(*) FROM bookings WHERE original_booking_id IS NOT NULL"
    )
