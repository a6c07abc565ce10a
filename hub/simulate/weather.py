"""The weather monitor's part: fronts move in and clear again, and what the weather outlasts is off.

It changes statuses and tells people; times and options are the rescheduling's. Invariant: a flight
put at risk and the alerts to both its people are one transaction.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from hub.simulate.stage import EVER, GiveWay, Note, Stage, route, zulu

#: So many flights at risk at a time are bad weather enough.
MOST_AT_RISK = 8


async def front_moves_in(stage: Stage) -> str | None:
    """Confirmed flights to or from one airport, within hours of each other, become AT_RISK."""
    if stage.at_risk >= MOST_AT_RISK:
        return None
    flights = await stage.flights(
        "CONFIRMED", since=timedelta(minutes=30), until=timedelta(hours=36)
    )
    where = defaultdict(list)
    for flight in flights:
        for code in sorted({flight["departure_airport"], flight["arrival_airport"]}):
            where[code].append(flight)
    lasts = timedelta(hours=stage.rng.randint(4, 9))
    fronts = [
        (code, [f for f in found if timedelta(0) <= f["scheduled_datetime"] - starts <= lasts][:5])
        for code, found in sorted(where.items())
        for starts in (flight["scheduled_datetime"] for flight in found)
    ]
    # Better several flights than one.
    most = max((len(hit) for _, hit in fronts), default=0)
    front = stage.pick([front for front in fronts if len(front[1]) >= min(most, 3)])
    if front is None:
        return None
    code, hit = front
    ceiling, visibility = stage.rng.randrange(300, 1300, 100), stage.rng.choice((1, 2, 3))
    async with stage.change() as change:
        ids = [flight["id"] for flight in hit]
        moved = await change.rows("simulate_move", ids=ids, before="CONFIRMED", after="AT_RISK")
        still = {row["id"] for row in moved}
        if not still:
            raise GiveWay
        await change.tell(
            "WEATHER_ALERT",
            [
                Note(
                    person,
                    flight["id"],
                    f"Weather conflict: {route(flight)}",
                    f"Ceiling {ceiling} ft and visibility {visibility} sm are forecast at {code} "
                    f"for {zulu(flight['scheduled_datetime'])}. We are watching it.",
                )
                for flight in hit
                if flight["id"] in still
                for person in (flight["student_id"], flight["instructor_id"])
            ],
        )
    return f"A front moves in over {code}: {_flights(len(still))} at risk"


async def front_clears(stage: Stage) -> str | None:
    """Some flights at risk at one airport are fine after all."""
    if stage.at_risk < 3:  # leave the AI something to do
        return None
    where = defaultdict(list)
    for flight in await stage.flights("AT_RISK"):
        where[flight["arrival_airport"]].append(flight["id"])
    code = stage.pick(sorted(where))
    if code is None:
        return None
    async with stage.change() as change:
        ids = where[code][: stage.rng.randint(1, 3)]
        moved = await change.rows("simulate_move", ids=ids, before="AT_RISK", after="CONFIRMED")
        if not moved:
            raise GiveWay
    return f"It clears over {code}: {_flights(len(moved))} confirmed again"


async def grounded(stage: Stage) -> str | None:
    """The hour of departure passed in bad weather, or with no new time agreed: CANCELLED."""
    late = await stage.flights("AT_RISK", "RESCHEDULING", since=-EVER, until=timedelta(0))
    flight = stage.pick(late)
    if flight is None:
        return None
    async with stage.change() as change:
        if not await change.rows(
            "simulate_move", ids=[flight["id"]], before=flight["status"], after="CANCELLED"
        ):
            raise GiveWay
    return f"{flight['student']}'s flight {route(flight)} stays on the ground"


def _flights(count: int) -> str:
    return "1 flight" if count == 1 else f"{count} flights"
