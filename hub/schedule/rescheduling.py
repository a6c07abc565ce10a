"""A new time for a flight: chosen between two rankings, or by hand, or handed to people.

Everything here is done to a flight that is held (``holding``). Invariants: the old booking is given
up, the new one made and both told in one transaction or not at all; for one offer of options nobody
is called in twice, and the booking stays RESCHEDULING until a time is found; who flies by now is
asked, awaited and heard, and nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import orjson

from hub.db.faults import translated
from hub.db.pool import Write
from hub.db.queries import text
from hub.errors import Conflict, Fault, Invalid
from hub.rules.access import Principal
from hub.rules.deadline import Awaited, is_complete, is_over
from hub.rules.ranking import Option, Ranking, in_order
from hub.rules.rows import moment, present, zulu
from hub.schedule import slots
from hub.schedule.drafts import Draft
from hub.schedule.fields import Id
from hub.schedule.holding import Done, holding, illegal
from hub.schedule.once import Key, Written
from hub.schedule.reading import Shown
from hub.schedule.statements import run, value
from hub.schedule.telling import (
    Note,
    Why,
    both,
    confirmation,
    escalation,
    options_available,
    tell,
)
from hub.schedule.version import encode

if TYPE_CHECKING:
    from hub.db.pool import Pool


class Choice(Draft):
    """Which option; none: the hub's own choice between the two rankings."""

    option_id: Id | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """The options of a held booking and what its two people said, read while both are held.

    ``said`` is by ``users.id``, of those who have a ranking; ``awaited`` of both, once anybody has.
    """

    now: datetime
    options: list[Option]
    #: The ids of those whose time is past.
    past: frozenset[str]
    said: dict[str, Ranking]
    awaited: dict[str, Awaited]
    escalated: bool
    #: Whether a ranking is of somebody who flies no more, and one of the two has none.
    handed_over: bool

    @property
    def is_complete(self) -> bool:
        """Whether both have submitted."""
        return bool(self.awaited) and is_complete([*self.awaited.values()])

    @property
    def is_over(self) -> bool:
        """Whether the deadline has come, and not both have submitted."""
        return is_over([*self.awaited.values()], self.now)

    def best(self) -> list[Option]:
        """The options still to come that suit both, the best first."""
        left = [one for one in self.options if one.id not in self.past]
        return in_order(left, [*self.said.values()])


async def offer_of(write: Write, flight: Shown) -> Offer:
    """The offer that a held flight has now; its rankings are held from here on."""
    rows = await write.conn.fetch(text("offer_rankings"), flight["id"])
    found = await run(write.conn, "offer_options", id=flight["id"])
    options = orjson.loads(found["options"])
    theirs = {row["user_id"]: row for row in rows if row["theirs"]}
    awaited = {
        id: Awaited(moment(row["deadline"]), row["submitted"], row["reminded"])
        for id, row in theirs.items()
    }
    if rows:
        # Who was never asked is awaited as long as the offer lasts, and has nothing to be reminded of.
        last = min(moment(row["deadline"]) for row in rows)
        for id in both(flight):
            awaited.setdefault(id, Awaited(last, submitted=False, reminded=True))
    return Offer(
        now=moment(found["now"]),
        options=[Option(one["id"], moment(one["at"]), one["score"]) for one in options],
        past=frozenset(one["id"] for one in options if not one["to_come"]),
        said={
            id: Ranking(tuple(row["choices"]), frozenset(row["unavailable"]))
            for id, row in theirs.items()
        },
        awaited=awaited,
        escalated=any(row["escalated"] for row in rows),
        handed_over=len(theirs) < len(rows) and len(theirs) < 2,
    )


async def forget(write: Write, id: str) -> None:
    """Nothing is on offer for a held booking any more, and nothing was said."""
    await run(write.conn, "options_forget_rankings", id=id)
    await run(write.conn, "options_forget", id=id)


async def hand_over(write: Write, flight: Shown) -> None:
    """Ask whoever took a held flight over since its options were made, until the deadline as it is.

    What the one said who flies no more goes. Where nothing was offered, nobody is asked; where people
    were called in, who comes now is told that, too.
    """
    found = await run(write.conn, "offer_handed_over", id=flight["id"])
    if not found["people"]:
        return
    note = options_available(flight, found["options"], found["deadline"], past=found["past"])
    await tell(write, flight, note, found["people"])
    if found["escalated"]:
        await _call_in(write, flight, escalation(flight, "handed-over"), found["people"])


async def settle(write: Write, flight: Shown, offer: Offer) -> None:
    """Both have submitted: the flight moves to the best time that is free, or people are called in."""
    done = await _choose(write, flight, offer)
    if isinstance(done, str):
        await escalate(write, flight, done)


async def escalate(write: Write, flight: Shown, why: Why) -> None:
    """Call in both and every admin, once for this offer, but for whom another program has told."""
    if not await value(write.conn, "offer_escalated", id=flight["id"]):
        return
    await _call_in(write, flight, escalation(flight, why), both(flight), admins=True)


async def _call_in(
    write: Write, flight: Shown, note: Note, people: list[str], *, admins: bool = False
) -> None:
    told = await value(write.conn, "offer_told", id=flight["id"], type="ESCALATION")
    await tell(write, flight, note, people, admins=admins, told=told)


async def choose(
    pool: Pool, who: Principal, id: str, choice: Choice, key: Key | None = None
) -> Written:
    """An admin's choice of a time; the new booking. Raises NotFound, Conflict, Invalid."""

    async def work(write: Write, flight: Shown) -> Done:
        if flight["status"] != "RESCHEDULING":
            raise illegal(
                flight["status"],
                "CANCELLED",
                f"A booking that is {flight['status']} is not being rescheduled.",
            )
        offer = await offer_of(write, flight)
        if choice.option_id is not None:
            return Done(encode(await _by_hand(write, flight, offer, str(choice.option_id))))
        if not offer.options:
            raise Conflict("No options are offered for this booking.", code="no-options")
        if not offer.is_complete:
            raise Conflict("Not both have submitted; name an option.", code="not-submitted")
        done = await _choose(write, flight, offer)
        if isinstance(done, str):
            raise Conflict("No option suits both and is free; name an option.", code=done)
        return Done(encode(done))

    return await holding(pool, who, id, work, key)


async def _choose(write: Write, flight: Shown, offer: Offer) -> Shown | Why:
    """Move to the best option that is free; the new booking, or why there is none."""
    best = offer.best()
    await _hold(write, flight, best)
    for option in best:
        try:
            made = await _move_to(write, flight, option)
        except Conflict as error:
            if error.code != "overlap":
                raise
            continue  # taken since it was offered: the next best
        if made is not None:
            return made
    return "no-slot" if best else "no-common-option"


async def _by_hand(write: Write, flight: Shown, offer: Offer, id: str) -> Shown:
    option = next((one for one in offer.options if one.id == id), None)
    if option is None:
        raise _no_such_option()
    if id in offer.past:
        raise Conflict(
            "That time has passed.",
            faults=[Fault("/option_id", "is not in the future")],
            code="option-past",
        )
    await _hold(write, flight, [option])
    try:
        made = await _move_to(write, flight, option)
    except Conflict as error:
        faults = await _taken(write, flight, option)
        raise Conflict(error.detail, code=error.code, faults=faults) from None
    if made is None:
        raise _no_such_option()
    return made


def _no_such_option() -> Invalid:
    why = "is not an option of this booking"
    return Invalid("There is no such option.", faults=[Fault("/option_id", why)])


async def _hold(write: Write, flight: Shown, options: Iterable[Option]) -> None:
    """Wait for the turns of all times that may be taken, at once: none may be waited for in another."""
    await slots.hold(write, flight, *({**flight, "scheduled_datetime": one.at} for one in options))


async def _move_to(write: Write, flight: Shown, option: Option) -> Shown | None:
    """DESIGN 7.8 in one step; the new booking. Raises Conflict, and then nothing was done.

    Nor was anything if it is None: another program has deleted the option, which nobody holds.
    """
    with translated():
        async with write.conn.transaction():
            if not await value(write.conn, "flight_released", id=flight["id"], option=option.id):
                return None
            made = await value(write.conn, "flight_succeeded", id=flight["id"])
    successor = present("bookings", orjson.loads(made))
    await tell(write, successor, confirmation(flight, successor), both(successor))
    return successor


async def _taken(write: Write, flight: Shown, option: Option) -> list[Fault]:
    """What is taken at an option's time, and when; never by whom."""
    found = await value(
        write.conn,
        "booking_clashes",
        id=flight["id"],
        aircraft_id=flight["aircraft_id"],
        student_id=flight["student_id"],
        instructor_id=flight["instructor_id"],
        starts=option.at,
        duration_minutes=flight["duration_minutes"],
    )
    return [
        Fault(
            "/option_id", f"the {what} is taken from {zulu(one['starts'])} to {zulu(one['ends'])}"
        )
        for one in orjson.loads(found)
        for what in ("aircraft", "instructor", "student")
        if one[what]
    ]
