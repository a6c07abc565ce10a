"""What one person says of the offered times: a ranking, until the deadline.

Invariants: the deadline is judged by the database, in the statement that writes; whoever submits
last has the choice made in the same transaction; nobody reads another's ranking but who reads all.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import orjson
from pydantic import Field

from hub.db.pool import Write, reading
from hub.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from hub.rules.access import Principal
from hub.rules.rows import present
from hub.schedule.drafts import Draft
from hub.schedule.fields import Id
from hub.schedule.holding import NOBODY, Done, holding, seer
from hub.schedule.once import Written
from hub.schedule.reading import One, Shown
from hub.schedule.rescheduling import escalate, hand_over, offer_of, settle
from hub.schedule.statements import run, value
from hub.schedule.version import ANY, Expected, encode

if TYPE_CHECKING:
    from hub.db.pool import Pool

DEADLINE_PASSED = "deadline-passed"


class PreferenceDraft(Draft):
    """One to three options, the first choice first, and those that are impossible; or none_work."""

    option1_id: Id | None = None
    option2_id: Id | None = None
    option3_id: Id | None = None
    unavailable_option_ids: list[Id] = Field([], max_length=20)
    none_work: bool = False

    @property
    def ranked(self) -> list[str | None]:
        """The three places."""
        places = (self.option1_id, self.option2_id, self.option3_id)
        return [None if id is None else str(id) for id in places]

    @property
    def unavailable(self) -> list[str]:
        """The impossible ones."""
        return [str(id) for id in self.unavailable_option_ids]


def faults_of(draft: PreferenceDraft, options: Collection[str]) -> list[Fault]:
    """Everything that is wrong with a draft where these options are on offer."""
    if draft.none_work:
        given = {f"option{n}_id" for n, id in enumerate(draft.ranked, 1) if id is not None}
        if draft.unavailable:
            given.add("unavailable_option_ids")
        return [Fault(f"/{name}", "goes without none_work") for name in sorted(given)]
    faults: list[Fault] = []
    if draft.ranked[0] is None:
        faults.append(Fault("/option1_id", "is needed, unless none_work is true"))
    elif draft.ranked[1] is None and draft.ranked[2] is not None:
        faults.append(Fault("/option2_id", "is needed before option3_id"))
    named = [(f"/option{n}_id", id) for n, id in enumerate(draft.ranked, 1) if id is not None]
    named += [(f"/unavailable_option_ids/{n}", id) for n, id in enumerate(draft.unavailable)]
    seen: set[str] = set()
    for where, id in named:
        if id not in options:
            faults.append(Fault(where, "is not an option of this booking"))
        elif id in seen:
            faults.append(Fault(where, "is named twice"))
        seen.add(id)
    return faults


async def one(pool: Pool, who: Principal, id: str, whose: str | None) -> One:
    """The ranking of ``whose``, oneself if None. Raises NotFound, Forbidden, Invalid."""
    mine = seer(who)
    if mine is None and whose is None:
        why = "is needed: you are neither of the two"
        raise Invalid("Say whose ranking.", faults=[Fault("?user_id", why)])
    async with reading(pool) as conn:
        found = await run(conn, "preference", id=id, person=mine, whose=whose or mine)
    if not found["visible"]:
        raise NotFound(NOBODY)
    if mine is not None and whose not in (None, mine):
        raise Forbidden("What the other has said is not yours to read.")
    if found["row"] is None:
        raise NotFound("No options are offered to that person for this booking.")
    return One(present("preference_rankings", orjson.loads(found["row"])), found["snapshot"])


async def submit(
    pool: Pool, who: Principal, id: str, draft: PreferenceDraft, expected: Expected = ANY
) -> Written:
    """Say, or say anew, which options suit ``who``; the ranking.

    Raises NotFound, Conflict where nothing is offered, Stale, Invalid, and Forbidden with the code
    ``deadline-passed``.
    """

    async def work(write: Write, flight: Shown) -> Done:
        if flight["status"] != "RESCHEDULING":
            raise Conflict(
                f"A booking that is {flight['status']} is not being rescheduled.",
                code="not-rescheduling",
            )
        offer = await offer_of(write, flight)
        if not offer.awaited:
            raise Conflict("No options are offered for this booking.", code="no-options")
        if who.id not in offer.said:
            # They took the flight over a moment ago, and the clock has not seen it yet.
            await hand_over(write, flight)
        if expected is not ANY:
            found = await run(write.conn, "preference", id=id, person=who.id, whose=who.id)
            expected.check(present("preference_rankings", orjson.loads(found["row"])))
        options = [one.id for one in offer.options]
        if faults := faults_of(draft, options):
            raise Invalid("That is no ranking of this booking's options.", faults=faults)
        said = await _write(write, who, id, draft, options)
        if draft.none_work:
            await escalate(write, flight, "none-work")
        else:
            offer = await offer_of(write, flight)
            if offer.is_complete:
                await settle(write, flight, offer)
        return Done(encode(said))

    return await holding(pool, who, id, work)


async def _write(
    write: Write, who: Principal, id: str, draft: PreferenceDraft, options: list[str]
) -> Shown:
    first, second, third = draft.ranked
    text = await value(
        write.conn,
        "preference_submit",
        id=id,
        person=who.id,
        option1_id=first,
        option2_id=second,
        option3_id=third,
        unavailable_option_ids=options if draft.none_work else draft.unavailable,
        none_work=draft.none_work,
    )
    if text is None:
        raise Forbidden("The deadline for this ranking has passed.", code=DEADLINE_PASSED)
    return present("preference_rankings", orjson.loads(text))
