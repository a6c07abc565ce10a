"""``/api/v1/bookings``: the schedule, one flight a row.

What may be done is decided on the floors below; here it is only asked for and answered.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from hub.model import Booking
from hub.rest import answers, paging
from hub.rest.asked import JSON, MERGE_PATCH
from hub.rest.registry import ANYBODY, Answer, Ask, Nothing, Routes
from hub.rules.filters import BookingFilter
from hub.schedule import bookings
from hub.schedule.drafts import BookingDraft, BookingPatch
from hub.schedule.fields import Id, Moment
from hub.schedule.reading import FIRST
from hub.schedule.version import encode

routes = Routes("bookings")
PATH = "/api/v1/bookings"


class BookingsQuery(BookingFilter):
    """Which bookings: ``from`` is inclusive, ``to`` exclusive; ``airport`` is either end."""

    model_config = ConfigDict(populate_by_name=False)

    since: Moment | None = Field(None, alias="from")
    until: Moment | None = Field(None, alias="to")
    student_id: Id | None = None
    instructor_id: Id | None = None
    limit: paging.Limit = 50
    after: paging.After | None = None


class Bookings(BaseModel):
    """A page of bookings, in order of time; ``next`` is ``after`` for the next page."""

    items: list[Booking]
    next: str | None


@routes.add(
    "GET",
    PATH,
    BookingsQuery,
    Nothing,
    answers={200: Bookings, 304: None},
    who=ANYBODY,
    many=frozenset({"status"}),
    scope="bookings:read",
)
async def list_bookings(ask: Ask[BookingsQuery, Nothing]) -> Answer:
    """The bookings you may see: your own, or all for an admin or an integration.

    Hub-Cursor is the snapshot that the page was read in: a watch that begins there is told
    exactly what changed since. If you read several pages, begin at the first one's.
    """
    after = ask.query.after or FIRST
    page = await bookings.page(ask.house.pool, ask.who, ask.query, after, ask.query.limit)
    return paging.answer(page, "scheduled_datetime", ask.url)


@routes.add(
    "GET",
    f"{PATH}/{{id}}",
    Nothing,
    Nothing,
    answers={200: Booking, 304: None},
    who=ANYBODY,
    scope="bookings:read",
    headers=("Link",),
)
async def get_booking(ask: Ask[Nothing, Nothing]) -> Answer:
    """One booking. Its ETag is what If-Match of PATCH and DELETE takes.

    Link names the booking it was rescheduled from (``predecessor-version``) and those it was
    rescheduled to (``successor-version``, RFC 5829).
    """
    found = await bookings.one(ask.house.pool, ask.who, ask.id)
    links = [(found.original, "predecessor-version")] if found.original else []
    links += [(id, "successor-version") for id in found.successors]
    told = ", ".join(f'<{PATH}/{id}>; rel="{relation}"' for id, relation in links)
    return Answer(
        encode(found.row), snapshot=found.snapshot, headers={"Link": told} if told else {}
    )


@routes.add(
    "POST",
    PATH,
    Nothing,
    BookingDraft,
    answers={201: Booking},
    who=frozenset({"INSTRUCTOR", "ADMIN"}),
    refusals=frozenset({409}),
    once=True,
    scope="bookings:write",
)
async def create_booking(ask: Ask[Nothing, BookingDraft]) -> Answer:
    """Make a booking: an instructor with themselves, an admin or an integration with any.

    It begins as CONFIRMED. 409 ``overlap`` if the aircraft, the instructor or the student is
    taken, with the times. With an Idempotency-Key it is made once, however often you ask.
    """
    made = await bookings.create(ask.house.pool, ask.who, ask.body, ask.key)
    return answers.made(made, PATH)


@routes.add(
    "PATCH",
    f"{PATH}/{{id}}",
    Nothing,
    BookingPatch,
    answers={200: Booking},
    who=ANYBODY,
    types=(MERGE_PATCH, JSON),
    refusals=frozenset({409}),
    conditional=True,
    scope="bookings:write",
)
async def change_booking(ask: Ask[Nothing, BookingPatch]) -> Answer:
    """Change a booking, by merge patch (RFC 7396): an instructor their own, others any.

    Who flies is not an instructor's to change; another student comes with their own training level,
    unless the patch names one. 409 ``illegal-move`` for a status that cannot follow, 409 ``overlap``
    for a time that is taken. A patch that changes nothing has no Hub-Transaction.

    What is CONFIRMED when its time is over becomes COMPLETED by itself; what was left AT_RISK stays so
    until somebody says whether it flew.

    RESCHEDULING says that the flight needs a new time. Nobody is asked or told by that, there is no
    deadline and nothing is escalated, until times are offered: ``PUT …/options``, by the rescheduling
    AI or an admin, who may then choose one by ``POST …/reschedule``. CONFIRMED again, and the old time
    holds: options and rankings are gone, and do not come back with the next search. In the midst of
    an offer, who takes the flight over is told, and asked until the deadline as it is; what the one
    who goes has said is gone.
    """
    done = await bookings.change(ask.house.pool, ask.who, ask.id, ask.body, ask.expected)
    return answers.changed(done)


@routes.add(
    "DELETE",
    f"{PATH}/{{id}}",
    Nothing,
    Nothing,
    answers={204: None},
    who=ANYBODY,
    refusals=frozenset({409}),
    conditional=True,
)
async def delete_booking(ask: Ask[Nothing, Nothing]) -> Answer:
    """Delete a booking and all that hangs on it: an admin only. To cancel, PATCH its status.

    409 ``has-successor`` while what it was rescheduled to is there, whatever its status, and
    ``errors`` names it: that goes first, or stays.
    """
    transaction = await bookings.delete(ask.house.pool, ask.who, ask.id, ask.expected)
    return Answer(status=204, transaction=transaction)
