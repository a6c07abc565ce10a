"""Dispatch's part: bookings made, moved, reassigned, traded, taken back; flights flown.

Whoever is double-booked by a change keeps the schedule as it was: the database refuses, and
another change is tried. Invariant: only what has really departed is COMPLETED.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from hub.errors import Conflict
from hub.simulate.stage import EVER, QUARTER, GiveWay, Person, Stage, route, zulu

#: The schedule is full with so many flights to come.
FULL = 60
_LEVEL = "STUDENT_PILOT"


async def booked(stage: Stage) -> str | None:
    """A student books a lesson, half the time for today."""
    if stage.to_come >= FULL:
        return None
    days = range(1) if stage.rng.random() < 0.5 else range(1, 4)
    minutes = stage.rng.choice((60, 75, 90))
    # In the evening there is no more of today.
    made = await _book(stage, stage.times(days, 40) or stage.times(range(1, 4), 40), minutes)
    if made is None:
        return None
    id_, at, student, said = made
    stage.booked.append(id_)
    return f"{student.name} books {said}, {zulu(at)}"


async def walked_in(stage: Stage) -> str | None:
    """Dispatch enters a flight that has just gone out without a booking."""
    back = stage.rng.choice((1, 2))
    made = await _book(stage, [stage.quarter - back * QUARTER], stage.rng.choice((30, 45)))
    if made is None:
        return None
    _, _, student, said = made
    return f"{student.name} walked in and is flying {said}"


async def flown(stage: Stage) -> str | None:
    """A flight is back: COMPLETED. Sooner one whose time is up, else one that is early."""
    out = await stage.flights("CONFIRMED", since=-EVER, until=-timedelta(minutes=20))
    up = [
        flight
        for flight in out
        if flight["scheduled_datetime"] + timedelta(minutes=flight["duration_minutes"]) <= stage.now
    ]
    flight = stage.pick(up or out)
    if flight is None:
        return None
    async with stage.change() as change:
        if not await change.rows(
            "simulate_move", ids=[flight["id"]], before="CONFIRMED", after="COMPLETED"
        ):
            raise GiveWay
    return f"{flight['student']} is back from {route(flight)}"


async def reassigned(stage: Stage) -> str | None:
    """A flight gets another instructor, who is free."""
    flight = stage.pick(await stage.flights("CONFIRMED", "AT_RISK"))
    if flight is None:
        return None
    others = [one for one in stage.instructors if one.id != flight["instructor_id"]]
    for instructor in stage.rng.sample(others, len(others)):
        try:
            async with stage.change(stage.admin) as change:
                if not await change.rows(
                    "simulate_reassign", id=flight["id"], instructor_id=instructor.id
                ):
                    raise GiveWay
        except Conflict:
            continue
        return f"{instructor.name} takes {route(flight)} over from {flight['instructor']}"
    return None


async def places_traded(stage: Stage) -> str | None:
    """Three students trade places, in one transaction."""
    flights = await stage.flights("CONFIRMED", since=timedelta(minutes=30))
    for _ in range(5):
        three = stage.rng.sample(flights, min(3, len(flights)))
        if len({flight["student_id"] for flight in three}) < 3:
            continue
        turned = [*three[1:], three[0]]
        try:
            async with stage.change(stage.admin) as change:
                moved = await change.rows(
                    "simulate_trade",
                    ids=[flight["id"] for flight in three],
                    students=[flight["student_id"] for flight in turned],
                    levels=[flight["training_level"] for flight in turned],
                )
                if len(moved) < 3:
                    raise GiveWay
        except Conflict:
            continue
        return "Three trade places: " + ", ".join(flight["student"] for flight in three)
    return None


async def shifted(stage: Stage) -> str | None:
    """A lesson is moved by a quarter or half an hour."""
    flight = stage.pick(await stage.flights("CONFIRMED", since=timedelta(hours=1)))
    if flight is None:
        return None
    at = flight["scheduled_datetime"] + stage.rng.choice((-2, -1, 1, 2)) * QUARTER
    async with stage.change(flight["instructor_id"]) as change:
        if not await change.rows("simulate_shift", id=flight["id"], at=at):
            raise GiveWay
    return f"{flight['instructor']} moves {route(flight)} to {zulu(at)}"


async def called_off(stage: Stage) -> str | None:
    """A student calls in sick."""
    flight = stage.pick(await stage.flights("CONFIRMED", since=timedelta(hours=1)))
    if flight is None:
        return None
    async with stage.change(stage.admin) as change:
        if not await change.rows(
            "simulate_move", ids=[flight["id"]], before="CONFIRMED", after="CANCELLED"
        ):
            raise GiveWay
    return f"{flight['student']} calls off {route(flight)}, {zulu(flight['scheduled_datetime'])}"


async def withdrawn(stage: Stage) -> str | None:
    """A booking of this play was a mistake and is deleted."""
    id_ = stage.pick(stage.booked)
    if id_ is None:
        return None
    stage.booked.remove(id_)
    async with stage.change(stage.admin) as change:
        if not await change.rows("simulate_withdraw", id=id_):
            raise GiveWay
    return "A booking made by mistake is deleted"


async def _book(
    stage: Stage, times: list[datetime], minutes: int
) -> tuple[UUID, datetime, Person, str] | None:
    """Book any student, instructor and aircraft free at one of ``times``, sooner those whom it suits."""
    for tries in range(12):
        student, instructor = stage.rng.choice(stage.students), stage.rng.choice(stage.instructors)
        aircraft, base = stage.rng.choice(stage.fleet)
        origin, destination = stage.airports[base], stage.rng.choice([*stage.airports.values()])
        free, suits = await stage.free(times, minutes, student.id, instructor.id, aircraft)
        left = suits if tries < 8 else free
        if not left:
            continue
        id_, at = stage.new_id(), stage.rng.choice(left)
        async with stage.change() as change:
            await change.one(
                "simulate_book",
                id=id_,
                student_id=student.id,
                instructor_id=instructor.id,
                aircraft_id=aircraft,
                origin=origin.code,
                destination=destination.code,
                origin_latitude=origin.latitude,
                origin_longitude=origin.longitude,
                destination_latitude=destination.latitude,
                destination_longitude=destination.longitude,
                at=at,
                minutes=minutes,
                level=student.level or _LEVEL,
            )
        return id_, at, student, f"{origin.code}–{destination.code} with {instructor.name}"
    return None
