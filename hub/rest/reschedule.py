"""``/api/v1/bookings/{id}/reschedule``: a new time for a flight, chosen by hand.

Where both have submitted, nobody need ask: the hub chooses by itself.
"""

from __future__ import annotations

from hub.model import Booking
from hub.rest import answers
from hub.rest.bookings import PATH as BOOKINGS
from hub.rest.registry import Answer, Ask, Nothing, Routes
from hub.schedule import rescheduling
from hub.schedule.rescheduling import Choice

routes = Routes("rescheduling")
PATH = f"{BOOKINGS}/{{id}}/reschedule"


@routes.add(
    "POST",
    PATH,
    Nothing,
    Choice,
    answers={201: Booking},
    who=frozenset({"ADMIN"}),
    refusals=frozenset({409}),
    once=True,
)
async def reschedule_booking(ask: Ask[Nothing, Choice]) -> Answer:
    """Move a booking that is being rescheduled to one of its options; both are told.

    The booking becomes CANCELLED, and the answer is the new one. Without ``option_id`` the hub
    chooses between the two rankings, as it does by itself. 409 ``illegal-move``, ``overlap``,
    ``option-past``, ``no-options``, ``not-submitted``, ``no-common-option`` or ``no-slot``. To choose
    a time that nobody offered, offer it first.
    """
    made = await rescheduling.choose(ask.house.pool, ask.who, ask.id, ask.body, ask.key)
    return answers.made(made, BOOKINGS)
