"""What time brings: reminders, escalations, choices nobody made, flights that are over, and cleaning.

Every node runs a clock; each thing is done in a transaction of its own by whichever holds the
clock's advisory lock for as long as that lasts, so no node is waited for that is gone. The clock
sleeps until the next moment there is something to do and is woken by the feed when one appears.
Completed is what was CONFIRMED when its time was over, and nothing else: whether a flight flew that
was left AT_RISK is for its people to say. Invariant: what is due is read from the rows and what was
done is marked in them, in the same transaction; nothing is remembered here, so nothing is done twice
or lost with a node.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson
import structlog

from hub.db.pool import reading, writing
from hub.db.school import Agreement
from hub.errors import HubError
from hub.rules.deadline import REMINDER, Awaited, due_in, needs_reminder
from hub.rules.event import Event
from hub.rules.rows import moment, present
from hub.rules.window import begins, midnight_after
from hub.schedule.reading import Shown
from hub.schedule.rescheduling import Offer, escalate, hand_over, offer_of, settle
from hub.schedule.statements import run, value
from hub.schedule.telling import reminder, tell
from hub.settings import NOBODYS

if TYPE_CHECKING:
    from hub.db.pool import Pool, Write

log = structlog.get_logger("hub.clock")

#: How often old rows are cleaned up, and the longest sleep, seconds.
EVERY = 600.0
#: The shortest sleep, so that a flood of changes costs a few looks a second.
PAUSE = 0.05
#: How soon to look again at what could not be done, at first and at last.
RETRY = (1.0, 60.0)
#: Flights completed by one transaction.
_TOGETHER = 200
#: Later than any time of a row.
_EVER = "~"
#: Marks that are made here are no news.
_MARKS = frozenset({"reminded_at", "escalated_at"})

Chore = Callable[[], Awaitable[int]]


class Clock:
    """A feed's Replica, and one task. ``chores`` clean up and answer how many rows went, by name.

    ``zone`` is this node's idea of the school's clock, by which days begin unless another is kept.
    """

    def __init__(self, chores: Mapping[str, Chore], zone: ZoneInfo | None = None) -> None:
        self._chores = chores
        self._zone = Agreement(zone or ZoneInfo(NOBODYS))
        self._woken = asyncio.Event()
        #: Until when it sleeps, as the database's time in a row's own spelling.
        self._until = _EVER
        #: How often it looked, for tests.
        self.looks = 0

    # What the feed tells.

    async def load(self, conn: Any) -> None:
        """A new history, or the first: look."""
        self._woken.set()

    def apply(self, event: Event) -> None:
        """Wake up if the change may bring something sooner than what is slept for."""
        if event.entity == "days":
            self._woken.set()  # whoever takes today away, or makes another day of it, is put right
        if event.row is None:
            return
        if event.entity == "preference_rankings":
            if event.op == "I" or not _MARKS.issuperset(event.changed):
                self._woken.set()
        elif event.entity == "bookings" and (
            event.row["status"] == "RESCHEDULING"
            or (
                event.row["status"] == "CONFIRMED" and event.row["scheduled_datetime"] < self._until
            )
        ):
            self._woken.set()

    # What it does.

    async def run(self, pool: Pool) -> None:
        """Do what is due, and sleep, until cancelled."""
        retry, clean_at = RETRY[0], time.monotonic() + random.uniform(0.1, 1.0) * EVERY
        while True:
            self._woken.clear()
            self._until = _EVER
            try:
                sleep, stuck = await self._turn(pool)
            except Exception as wrong:
                # A table that is not migrated yet is no reason for a node to go down.
                self._tell("look", wrong)
                sleep, stuck, self._until = EVERY, True, ""
            if stuck:
                sleep, retry = min(sleep, retry), min(retry * 2, RETRY[1])
            else:
                retry = RETRY[0]
            if time.monotonic() >= clean_at:
                clean_at = time.monotonic() + random.uniform(0.5, 1.0) * EVERY
                await self._clean()
            await asyncio.sleep(PAUSE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(sleep, clean_at - time.monotonic())):
                    await self._woken.wait()

    async def _turn(self, pool: Pool) -> tuple[float, bool]:
        """Do all that is due; the seconds until the next thing is, and whether some was not done."""
        self.looks += 1
        ahead = timedelta(seconds=EVERY)
        async with reading(pool) as conn:
            look = await run(conn, "clock_look", ahead=ahead, reminder=REMINDER)
            last = await run(conn, "day_last")
        now, zone = moment(look["now"]), self._zone.agreed(last["timezone"])
        sleep, stuck, did = ahead, False, False
        today = now.astimezone(zone).date()
        if begins(today, last["day"]):
            did = await self._done(self._begin, pool, today)
            stuck = not did
        sleep = min(sleep, midnight_after(now, zone) - now)
        for offer in orjson.loads(look["offers"]):
            if (wait := _due_in(offer, now)) > timedelta(0):
                sleep = min(sleep, wait)
            elif await self._done(self._attend, pool, offer["booking_id"]):
                did = True
            else:
                stuck = True
        if look["lands"] is not None:
            if (wait := moment(look["lands"]) - now) > timedelta(0):
                sleep = min(sleep, wait)
            elif await self._done(self._complete, pool):
                did = True
            else:
                stuck = True
        if did:
            sleep = timedelta(0)  # and what is due next, the rows say
        self._until = (now + sleep).isoformat()
        return sleep.total_seconds(), stuck

    async def _done(self, do: Callable[..., Awaitable[bool]], *given: Any) -> bool:
        """Whether it was done. What fails must not keep the rest from being done."""
        try:
            return await do(*given)
        except Exception as wrong:
            self._tell(do.__name__.strip("_"), wrong)
            return False

    async def _attend(self, pool: Pool, id: str) -> bool:
        """Do what is due for one offer; False if somebody else is at it, or has been."""
        async with writing(pool, None) as write:
            if not await value(write.conn, "clock_leads"):
                return False
            text = await value(write.conn, "flight_held_if_free", id=id)
            if text is None:
                return False
            flight = present("bookings", orjson.loads(text))
            offer = await offer_of(write, flight)
            if flight["status"] != "RESCHEDULING":
                return False
            if offer.handed_over:
                await hand_over(write, flight)
            elif offer.escalated:
                return False
            elif offer.is_complete:
                await settle(write, flight, offer)
            elif offer.is_over:
                await escalate(write, flight, "deadline")
            else:
                return await _remind(write, flight, offer)
            return True

    async def _complete(self, pool: Pool) -> bool:
        async with writing(pool, None) as write:
            if not await value(write.conn, "clock_leads"):
                return False
            count: int = await value(write.conn, "clock_complete", most=_TOGETHER)
        return count > 0

    async def _begin(self, pool: Pool, today: date) -> bool:
        async with writing(pool, None) as write:
            await run(write.conn, "day_begin", day=today)
        return True

    async def _clean(self) -> None:
        for name, chore in self._chores.items():
            try:
                gone = await chore()
            except Exception as wrong:
                self._tell(name, wrong)
            else:
                if gone:
                    log.info("cleaned up", what=name, rows=gone)

    @staticmethod
    def _tell(what: str, wrong: Exception) -> None:
        if isinstance(wrong, HubError):
            log.warning("the clock will try again", what=what, why=wrong.detail)
        else:
            log.error("the clock will try again", what=what, exc_info=wrong)


async def _remind(write: Write, flight: Shown, offer: Offer) -> bool:
    due = [id for id, one in offer.awaited.items() if needs_reminder(one, offer.now)]
    if not due:
        return False
    await run(write.conn, "offer_reminded", id=flight["id"], people=due)
    told = await value(write.conn, "offer_told", id=flight["id"], type="DEADLINE_REMINDER")
    for id in due:
        if id not in told:
            note = reminder(flight, offer.awaited[id].deadline.isoformat())
            await tell(write, flight, note, [id])
    return True


def _due_in(offer: dict[str, Any], now: datetime) -> timedelta:
    """How long until there is something to do for an open offer, as ``clock_look`` tells of it."""
    if offer["handed_over"]:
        return timedelta(0)
    people = [
        Awaited(moment(one["deadline"]), one["submitted"], one["reminded"])
        for one in offer["awaited"]
    ]
    return due_in(people, now)
