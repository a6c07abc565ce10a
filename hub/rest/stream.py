"""``/api/v1/stream``: the schedule as it changes, as server-sent events.

Opened by the live door, beside this one; here it is described. Invariant: its parameters are drawn
from the filters that it is read with.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model

from hub.rest.registry import ANYBODY, Answer, Ask, Nothing, Routes
from hub.rules.topics import TOPICS, TopicName

routes = Routes("stream")
PATH = "/api/v1/stream"
_EXAMPLE = """\
event: change
data: {"type":"change","view":"v17","cursor":"19ced3787ab0.781:781:","transactions":[]}
id: 19ced3787ab0.781:781:

"""


class Events(RootModel[str]):
    """Events without end. ``event`` is a frame's type, ``data`` the frame as the WebSocket has it.

    ``id`` is the cursor, whenever every watch is good up to it, and ``-`` while one is being read
    anew. ``bye`` comes last.
    """

    root: Annotated[str, Field(examples=[_EXAMPLE])]


class _Base(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: TopicName | None = Field(
        None, description="What to watch. The members of its filter are parameters, too."
    )
    watch: list[str] | None = Field(
        None,
        description='Instead of `topic`, for each watch: `{"id":"1","topic":"bookings","filter":{},'
        '"cursor":"…"}`; `filter` and `cursor` may be left out.',
    )
    ticket: str | None = Field(None, description="Instead of Authorization: a one-time ticket.")
    last_event_id: str | None = Field(
        None,
        description="Resume every watch from this `id`. The header Last-Event-ID wins over it.",
    )


def _members() -> dict[str, Any]:
    """The members of all filters, each with the topics that know it."""
    fields = reduce(or_, (topic.filter.model_fields for topic in reversed(TOPICS.values())))
    found: dict[str, Any] = {}
    for name, field in fields.items():
        known = [topic.name for topic in TOPICS.values() if name in topic.filter.model_fields]
        said = f"Of {', '.join(known)}."
        more = Field(None, alias=field.alias, description=said)
        type = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        found[name] = (type, more)
    return found


StreamQuery = create_model("StreamQuery", __base__=_Base, **_members())
StreamQuery.__doc__ = ""


@routes.add(
    "GET",
    PATH,
    StreamQuery,
    Nothing,
    answers={200: Events},
    who=ANYBODY,
    device=True,
    any_key=True,
    of_rows=False,
    many=frozenset({"watch", "status"}),
    media="text/event-stream",
    elsewhere=True,
)
async def open_stream(ask: Ask[Any, Nothing]) -> Answer:
    """Watch over server-sent events, where the WebSocket cannot be had.

    The same frames as over ``/api/v1/ws``: ``welcome``, ``rows``, ``live``, ``change``, ``reset``,
    ``ping``, ``expiring``, ``error``, ``bye``. Nothing is answered; what is watched is said in the
    query. Resume with ``Last-Event-ID`` or ``last_event_id``. A browser's ``EventSource`` comes back by
    itself after ``retry``, and stops at any status but 200: a used ticket is 401, so get another and
    open a new one with ``last_event_id``.
    """
    raise NotImplementedError("the live door opens streams")
