"""The play itself: which happening comes next, and when.

It writes nothing of its own. Invariants: the same seed over the same rows gives the same
happenings, at whatever pace; cancelled or not, no transaction and no connection is left open.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from hub.db.pool import open_pool
from hub.errors import Conflict, Invalid, Misconfigured, Unavailable
from hub.settings import Settings
from hub.simulate import deadlines, dispatch, people, rescheduling, weather
from hub.simulate.stage import GiveWay, Stage

#: At pace 1, seconds from one happening to the next, on average.
BEAT = 2.0
#: How long, in seconds, a database that is gone is waited for: a restart, for instance.
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that can happen: how often beside the others, and the play of it.

    ``play`` returns what to report, or None if there is nothing to do it with.
    """

    name: str
    weight: float
    play: Callable[[Stage], Awaitable[str | None]]


HAPPENINGS = (
    Happening("front", 6, weather.front_moves_in),
    Happening("clears", 2, weather.front_clears),
    Happening("grounded", 4, weather.grounded),
    Happening("options", 8, rescheduling.options_offered),
    Happening("choice", 11, rescheduling.choice_made),
    Happening("confirmation", 6, rescheduling.time_confirmed),
    Happening("reminder", 3, deadlines.reminder_sent),
    Happening("escalation", 3, deadlines.office_called),
    Happening("booking", 10, dispatch.booked),
    Happening("walk-in", 3, dispatch.walked_in),
    Happening("completed", 6, dispatch.flown),
    Happening("reassignment", 4, dispatch.reassigned),
    Happening("trade", 2, dispatch.places_traded),
    Happening("shift", 3, dispatch.shifted),
    Happening("cancellation", 2, dispatch.called_off),
    Happening("withdrawal", 1, dispatch.withdrawn),
    Happening("reading", 10, people.notifications_read),
)
#: How the play begins, so that there is something to see at once.
OVERTURE = ("front", "booking", "options", "choice", "choice", "confirmation", "reading")


async def simulate(
    dsn: str,
    *,
    pace: float = 1.0,
    seconds: float | None = None,
    seed: int | None = None,
    report: Callable[[str], None],
    settings: Settings | None = None,
    happenings: int | None = None,
) -> Counter[str]:
    """Play a day at the school until cancelled, or for so many ``seconds`` or ``happenings``.

    At pace 1.0 something happens every two seconds, at 100 every 20 ms; infinity is as fast as the
    database goes. ``report`` gets one line for each happening. The same ``seed`` over the same
    rows plays the same day. Returns how often each kind happened. Raises Misconfigured outside
    ``HUB_ENV=dev`` or where there is no school to play in, Unavailable if the database stays away.
    """
    settings = settings or Settings()
    if settings.env != "dev":
        raise Misconfigured("The simulation is for development only: set HUB_ENV=dev.")
    if not pace > 0:
        raise Invalid("The pace must be above zero.")
    happened: Counter[str] = Counter()
    pool = await open_pool(dsn, settings=settings.model_copy(update={"pool_size": 1}))
    try:
        stage = Stage(pool, Random(seed))
        await stage.enter()
        async with asyncio.timeout(seconds) as limit:
            await _play(stage, pace, report, happened, happenings)
    except TimeoutError:
        if not limit.expired():
            raise
    finally:
        pool.terminate()
    return happened


async def _play(
    stage: Stage,
    pace: float,
    report: Callable[[str], None],
    happened: Counter[str],
    happenings: int | None,
) -> None:
    loop = asyncio.get_running_loop()
    due, lost = loop.time(), None
    overture = [one for name in OVERTURE for one in HAPPENINGS if one.name == name]
    while happenings is None or happened.total() < happenings:
        try:
            name, said = await _something(stage, overture.pop(0) if overture else None)
        except Unavailable:
            lost = lost or loop.time()
            if loop.time() - lost > PATIENCE:
                raise
            await asyncio.sleep(0.25)
            continue
        lost = None
        if said is not None:
            happened[name] += 1
            report(said)
        # What the database cannot keep up with is not caught up later.
        due = max(due + BEAT / pace * stage.rng.uniform(0.5, 1.5), loop.time() - 1.0)
        if said is None:
            due = max(due, loop.time() + 0.1)
        await asyncio.sleep(max(0.0, due - loop.time()))


async def _something(stage: Stage, first: Happening | None) -> tuple[str, str | None]:
    """Play ``first``, or else whatever comes up that there is something to do it with."""
    await stage.look_round()
    left = list(HAPPENINGS)
    while left:
        chosen = first or stage.rng.choices(left, [_weight(one, stage) for one in left])[0]
        first = None
        left.remove(chosen)
        try:
            said = await chosen.play(stage)
        except (GiveWay, Conflict):
            continue
        except Invalid:  # somebody is gone whom we counted on
            await stage.enter()
            continue
        except Unavailable as error:
            if error.code != "contended":
                raise
            continue
        if said is not None:
            return chosen.name, said
    return "", None


def _weight(happening: Happening, stage: Stage) -> float:
    """The emptier the schedule, the more is booked and the less called off."""
    room = max(0.0, 1 - stage.to_come / dispatch.FULL)
    if happening.name == "booking":
        return happening.weight * 3 * room + 0.1
    if happening.name in ("cancellation", "withdrawal"):
        return happening.weight * (1 - room) + 0.1
    return happening.weight
