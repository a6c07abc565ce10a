"""``/api/v1/bookings/{id}/options``: the new times offered for a flight."""

from __future__ import annotations

from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from hub.model import PreferenceRanking, RescheduleOption
from hub.rest import answers
from hub.rest.bookings import PATH as BOOKINGS
from hub.rest.registry import ANYBODY, Answer, Ask, Nothing, Routes
from hub.schedule import options
from hub.schedule.options import OptionsDraft

routes = Routes("rescheduling")
PATH = f"{BOOKINGS}/{{id}}/options"


class Submitted(BaseModel):
    """Who of the two has answered, if only that none of the options works."""

    student: bool
    instructor: bool


class Options(BaseModel):
    """A booking's options: the highest score first, those without one last.

    ``mine`` is your own ranking, null for one who is neither of the two; the other's is nowhere.
    ``deadline`` is null where nothing was offered. ``escalated``: people will settle it.
    """

    booking_id: UUID
    deadline: AwareDatetime | None
    escalated: bool
    submitted: Submitted
    mine: PreferenceRanking | None
    items: list[RescheduleOption]


@routes.add(
    "GET",
    PATH,
    Nothing,
    Nothing,
    answers={200: Options, 304: None},
    who=ANYBODY,
    scope="bookings:read",
)
async def get_options(ask: Ask[Nothing, Nothing]) -> Answer:
    """The new times offered for a booking, what you have said of them, and whether the two have."""
    found = await options.of(ask.house.pool, ask.who, ask.id)
    return answers.read(found)


@routes.add(
    "PUT",
    PATH,
    Nothing,
    OptionsDraft,
    answers={200: Options},
    who=frozenset({"ADMIN"}),
    refusals=frozenset({409}),
    once=True,
    conditional=True,
    scope="options:write",
)
async def put_options(ask: Ask[Nothing, OptionsDraft]) -> Answer:
    """Offer new times: the booking becomes RESCHEDULING, and both are told until when to rank them.

    Options of before are replaced, and what was said of them is gone. The deadline is 30 minutes
    before departure or 12 hours from now, whichever is first; if that is past, the school is called
    in at once. Whoever takes the flight over is asked until the same deadline. 409 ``illegal-move``
    for a booking that is over. Send an Idempotency-Key if you may retry: without one, asking again
    asks both again. If-Match takes the ETag that you were shown at this address: whatever anybody has
    offered or answered since makes it another.
    """
    done = await options.replace(ask.house.pool, ask.who, ask.id, ask.body, ask.key, ask.expected)
    return answers.changed(done)
