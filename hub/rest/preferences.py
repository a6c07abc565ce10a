"""``/api/v1/bookings/{id}/preferences``: what one says of the new times offered for a flight."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from hub.model import PreferenceRanking
from hub.rest import answers
from hub.rest.bookings import PATH as BOOKINGS
from hub.rest.registry import ANYBODY, Answer, Ask, Nothing, Routes
from hub.schedule import preferences
from hub.schedule.fields import Id
from hub.schedule.preferences import PreferenceDraft

routes = Routes("rescheduling")
PATH = f"{BOOKINGS}/{{id}}/preferences"


class WhoseQuery(BaseModel):
    """Whose ranking: your own, unless you are neither of the two."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_id: Id | None = None


@routes.add(
    "GET",
    PATH,
    WhoseQuery,
    Nothing,
    answers={200: PreferenceRanking, 304: None},
    who=ANYBODY,
    scope="preferences:read",
)
async def get_preferences(ask: Ask[WhoseQuery, Nothing]) -> Answer:
    """Your ranking of a booking's options; ``user_id`` names whose if you are neither of the two.

    What the other has said is theirs: 403. 404 also where no options are offered.
    """
    whose = None if ask.query.user_id is None else str(ask.query.user_id)
    found = await preferences.one(ask.house.pool, ask.who, ask.id, whose)
    return answers.read(found)


@routes.add(
    "PUT",
    PATH,
    Nothing,
    PreferenceDraft,
    answers={200: PreferenceRanking},
    who=frozenset({"STUDENT", "INSTRUCTOR"}),
    refusals=frozenset({409}),
    conditional=True,
)
async def put_preferences(ask: Ask[Nothing, PreferenceDraft]) -> Answer:
    """Rank up to three of the options, and name those that are impossible; or say that none works.

    You may say it anew until the deadline; then 403 ``deadline-passed``. When both have submitted,
    the hub reschedules the booking to the time that suits both best; if none does, or you say
    ``none_work``, the school is called in.
    """
    done = await preferences.submit(ask.house.pool, ask.who, ask.id, ask.body, ask.expected)
    return answers.changed(done)
