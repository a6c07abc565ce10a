"""Holding a flight: how every change of one that is at risk or being rescheduled begins.

One transaction: the Idempotency-Key if there is one, then the booking's row, then its rankings in
order of id, always in this order, so that whoever comes second judges what the first has left. Before
the booking is written, the turns of what it takes up (``slots``). No rule is here. Invariant: nothing
is read to be judged before the row is held.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from hub.db.pool import Write, writing
from hub.errors import Conflict, NotFound
from hub.model import BookingStatus
from hub.rules.access import Principal
from hub.rules.rows import present
from hub.rules.status import MOVES
from hub.schedule import once, slots
from hub.schedule.anew import begun_anew
from hub.schedule.once import Key, Written
from hub.schedule.reading import Shown
from hub.schedule.statements import value

if TYPE_CHECKING:
    from hub.db.pool import Pool

NOBODY = "No such booking, or none of yours."


@dataclass(frozen=True, slots=True)
class Done:
    """What is shown of what was done, and whether anything was written."""

    shown: bytes
    wrote: bool = True


Work = Callable[[Write, Shown], Awaitable[Done]]


def seer(who: Principal) -> str | None:
    """Whom a booking must name to be seen by ``who``; None for one who sees all that they may ask."""
    return None if who.kind == "integration" or who.role == "ADMIN" else who.id


@begun_anew
async def holding(
    pool: Pool, who: Principal, id: str, work: Work, key: Key | None = None
) -> Written:
    """Do ``work`` on the booking ``id`` while its row is held. Raises NotFound, Unavailable.

    ``work`` may be begun anew after it was undone, so it must leave no trace but in the database.
    """
    async with writing(pool, who.id) as write:
        if (before := await once.earlier(write, key)) is not None:
            return before
        text = await value(write.conn, "flight_held", id=id, person=seer(who))
        if text is None:
            raise NotFound(NOBODY)
        done = await work(write, present("bookings", orjson.loads(text)))
        await once.keep(write, key, done.shown)
    return Written(done.shown, write.transaction if done.wrote else None)


async def move(write: Write, flight: Shown, status: BookingStatus) -> Shown:
    """Give a held booking another status; the row as it is then."""
    await slots.hold(write, flight)
    text = await value(write.conn, "flight_status", id=flight["id"], status=status)
    return present("bookings", orjson.loads(text))


def illegal(before: BookingStatus, after: BookingStatus, why: str = "") -> Conflict:
    """The refusal of a move, with what may be done instead."""
    onward = ", ".join(sorted(MOVES[before])) or "nothing: it is final"
    return Conflict(
        why or f"A booking that is {before} cannot become {after}; it may become {onward}.",
        code="illegal-move",
    )
