"""The rescheduling AI's part: options, each party's ranking, a new time confirmed.

It knows the rules of DESIGN section 7 and keeps them in its transactions; it forecasts no weather
beyond what makes an option look like one. Invariants: a booking comes to RESCHEDULING with its
options, both rankings to come and both notifications in one transaction; the old booking is
given up and the new one made in one transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from hub.errors import Conflict
from hub.simulate.stage import GiveWay, Note, Record, Stage, route, zulu

#: So many flights waiting for their people's choice at a time are enough to follow.
MOST_RESCHEDULING = 6
#: Conditions, the ceiling (the lowest layer that is broken or overcast; few and scattered are none) in
#: feet, and the visibility in statute miles.
_SKIES = (
    ("Clear", None, 10),
    ("Few clouds", None, 10),
    ("Scattered, light wind", None, 10),
    ("Broken, breezy", 3400, 8),
    ("Marine layer lifting late", 2600, 6),
)


async def options_offered(stage: Stage) -> str | None:
    """The AI offers three new times for a flight at risk."""
    if stage.rescheduling >= MOST_RESCHEDULING:
        return None
    flight = stage.pick(await stage.flights("AT_RISK", since=timedelta(hours=1)))
    return await _offer(stage, flight) if flight else None


async def choice_made(stage: Stage) -> str | None:
    """One party ranks the options, and may rule one out."""
    rankings = await stage.look("simulate_rankings")
    awaited = [r for r in rankings if r["submitted_at"] is None and r["deadline"] > stage.now]
    answered = {r["booking_id"] for r in rankings if r["submitted_at"] is not None}
    # Sooner those whom the other party waits for.
    waited_for = [r for r in awaited if r["booking_id"] in answered]
    ranking = stage.pick(waited_for if waited_for and stage.rng.random() < 0.7 else awaited)
    if ranking is None or not ranking["options"]:
        return None
    options: list[UUID] = stage.rng.sample(ranking["options"], len(ranking["options"]))
    ruled_out = [options.pop()] if len(options) > 1 and stage.rng.random() < 0.25 else []
    chosen = [*options[:3], None, None][:3]
    async with stage.change(ranking["user_id"]) as change:
        if not await change.rows(
            "simulate_submit",
            id=ranking["id"],
            option1=chosen[0],
            option2=chosen[1],
            option3=chosen[2],
            unavailable=ruled_out,
        ):
            raise GiveWay
    return f"{ranking['name']} ranks the new times for {route(ranking)}"


async def time_confirmed(stage: Stage) -> str | None:
    """Both have chosen, or the office settles what was escalated: the flight gets its new time."""
    decided = [
        both
        for both in by_booking(await stage.look("simulate_rankings"))
        if all(r["submitted_at"] for r in both) or offer_of(both) in stage.escalated
    ]
    both = stage.pick(decided)
    if both is None:
        return None
    old, by_hand = both[0], not all(r["submitted_at"] for r in both)
    people = (old["student_id"], old["instructor_id"])
    options = await stage.look("simulate_options", booking=old["booking_id"])
    for at in _preferred(both, options):
        new = stage.new_id()
        departed, departs = zulu(old["scheduled_datetime"]), zulu(at)
        try:
            async with stage.change(stage.admin if by_hand else None) as change:
                if not await change.rows("simulate_release", id=old["booking_id"], at=at):
                    raise GiveWay
                await change.one("simulate_succeed", id=new, original=old["booking_id"])
                title = f"Rescheduled: {route(old)}"
                message = f"Now {departs}, in place of {departed}."
                await change.tell(
                    "CONFIRMATION", [Note(person, new, title, message) for person in people]
                )
        except Conflict:  # taken since it was offered: the next best
            continue
        who = "The office settles it" if by_hand else "Both agree"
        return f"{who}: {route(old)} moves from {departed} to {departs}"
    # None is left: new options, as if the weather had turned again.
    flights = await stage.flights("RESCHEDULING", since=timedelta(hours=1))
    flight = next((flight for flight in flights if flight["id"] == old["booking_id"]), None)
    return await _offer(stage, flight) if flight else None


async def _offer(stage: Stage, flight: Record) -> str | None:
    """Make the options anew, with a ranking to come from each party, and tell both."""
    people = [flight["student_id"], flight["instructor_id"]]
    free, suits = await stage.free(
        stage.times(range(7), 120),
        flight["duration_minutes"],
        flight["student_id"],
        flight["instructor_id"],
        flight["aircraft_id"],
    )
    others = [[at for at in some if at != flight["scheduled_datetime"]] for some in (suits, free)]
    times = next((some for some in others if len(some) >= 3), None)
    if times is None:
        return None
    times = sorted(stage.rng.sample(times, 3))
    options = [(stage.new_id(), at, *_forecast(stage, flight, at)) for at in times]
    async with stage.change() as change:
        if await change.one("simulate_begin_offer", id=flight["id"]) is None:
            raise GiveWay
        await change.one("simulate_clear_options", id=flight["id"])
        await change.one(
            "simulate_offer",
            booking=flight["id"],
            ids=[option[0] for option in options],
            times=[option[1] for option in options],
            forecasts=[option[2] for option in options],
            scores=[option[3] for option in options],
        )
        deadline = await change.one(
            "simulate_ask", booking=flight["id"], ids=[stage.new_id() for _ in people], users=people
        )
        title = f"New times for {route(flight)}"
        message = (
            f"Three new times for your flight of {zulu(flight['scheduled_datetime'])}. "
            f"Rank them by {zulu(deadline)}."
        )
        notes = [Note(person, flight["id"], title, message) for person in people]
        await change.tell("OPTIONS_AVAILABLE", notes)
    return f"Three new times for {flight['student']}'s flight {route(flight)}"


def _forecast(stage: Stage, flight: Record, at: datetime) -> tuple[str, Decimal]:
    """A forecast as JSON text, and how much the AI trusts it, less the further ahead."""
    conditions, ceiling, visibility = stage.rng.choice(_SKIES)
    wind = stage.rng.randint(3, 16)
    forecast: dict[str, Any] = {
        "station": flight["arrival_airport"],
        "valid_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "wind": {
            "direction_deg": stage.rng.randrange(10, 370, 10),
            "speed_kt": wind,
            "gust_kt": wind + 7 if wind > 11 else None,
        },
        "visibility_sm": visibility,
        "ceiling_ft": ceiling,
        "temperature_c": stage.rng.randint(9, 24),
        "dewpoint_c": 8,
        "flight_category": "MVFR" if ceiling is not None and ceiling <= 3000 else "VFR",
        "conditions": conditions,
    }
    days = (at - stage.now) / timedelta(days=1)
    score = Decimal(f"{0.97 - 0.08 * days - 0.01 * stage.rng.randint(0, 9):.2f}")
    return orjson.dumps(forecast).decode(), score


def _preferred(both: Sequence[Record], options: Sequence[Record]) -> list[datetime]:
    """The times nobody ruled out, those first that both together rank highest."""
    ruled_out = {option for ranking in both for option in ranking["unavailable"]}
    points: dict[UUID, int] = defaultdict(int)
    for ranking in both:
        for place in (1, 2, 3):
            points[ranking[f"option{place}_id"]] += 4 - place
    left = [option for option in options if option["id"] not in ruled_out]
    # A stable sort: of equals, the one the AI trusts more.
    left.sort(key=lambda option: -points[option["id"]])
    return [option["suggested_datetime"] for option in left]


def by_booking(rankings: Sequence[Record]) -> list[list[Record]]:
    """The rankings of each booking together, where both parties were asked."""
    found: dict[UUID, list[Record]] = defaultdict(list)
    for ranking in rankings:
        found[ranking["booking_id"]].append(ranking)
    return [both for both in found.values() if len(both) == 2]


def offer_of(both: Sequence[Record]) -> tuple[UUID, datetime]:
    """Which offer of options the rankings belong to."""
    return both[0]["booking_id"], both[0]["created_at"]
