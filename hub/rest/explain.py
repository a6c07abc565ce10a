"""``/api/v1/explain``: why somebody sees a booking, or does not. An admin's business.

The judgement is ``hub.fanout.explaining``'s. Invariant: what is told of sessions is of the node that
answers; nothing in it opens one.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from hub.errors import Fault, Invalid
from hub.fanout import explaining
from hub.fanout.explaining import Rule
from hub.model import BookingStatus, Role
from hub.rest.house import House
from hub.rest.presence import Present
from hub.rest.registry import Answer, Ask, Nothing, Routes
from hub.rules.access import Principal
from hub.schedule.fields import Id
from hub.schedule.version import encode

routes = Routes("explain")
PATH = "/api/v1/explain"
ADMIN: frozenset[Role] = frozenset({"ADMIN"})
_ID = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
_CURSOR = Annotated[str, Field(examples=["3f9a1c07b2de.73512:73512:"])]


class ExplainQuery(BaseModel):
    """Which booking, and whose eyes: a user's, or a device's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    booking: Id
    user: Id | None = None
    device: Id | None = None


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Explained(_Told):
    """The booking in question; as it last was, if it is gone."""

    id: _ID
    exists: bool
    student_id: _ID
    instructor_id: _ID
    status: BookingStatus


class ByTopic(_Told):
    """What one topic shows of it. ``rule`` says why, ``why`` in words."""

    topic: Annotated[str, Field(examples=["bookings"])]
    sees: bool
    rule: Rule
    why: Annotated[str, Field(examples=["It is this user's flight, as its student."])]


class LastEvent(_Told):
    """The last that was recorded of the booking."""

    tx: Annotated[str, Field(examples=["73511"])]
    at: AwareDatetime
    op: Literal["created", "changed", "deleted"]
    changed: Annotated[list[str], Field(examples=[["status"]])]


class NodeFeed(_Told):
    """How far the node that answers is."""

    cursor: _CURSOR | None
    healthy: bool
    why: Annotated[str | None, Field(description="What is wrong with it.")]
    has_last_event: bool | None
    """Whether the booking's last event was handed on here."""


class LastChange(_Told):
    """The last ``change`` that this watch was handed as it came, and whether it had the booking."""

    cursor: _CURSOR
    rows: int
    had_booking: bool


class ExplainedWatch(_Told):
    """One open watch, judged as it is now. Only topics that show bookings are told of."""

    id: Annotated[str, Field(examples=["1"])]
    topic: Annotated[str, Field(examples=["bookings"])]
    filter: Annotated[dict[str, Any], Field(examples=[{"status": ["AT_RISK"]}])]
    live: bool
    matches: bool
    """Whether the booking is before this client now."""
    excluded_by: Annotated[list[str], Field(examples=[["status"]])]
    """The members of the filter that the booking fails."""
    good_until: _CURSOR | None
    """Everything up to here was told; null while the first picture is on its way."""
    has_last_event: bool | None
    """Whether that includes the booking's last event."""
    last_change: LastChange | None


class ExplainedSession(_Told):
    """An open session of theirs on the node that answers."""

    session: str
    node: str
    transport: Literal["websocket", "sse"]
    since: AwareDatetime
    behind: Annotated[bool, Field(description="Whether its peer reads too slowly.")]
    lag: Annotated[float, Field(ge=0, description="For how long, seconds.", examples=[0.0])]
    caught_up: _CURSOR | None
    """Where it last caught up, if it ever fell behind or waited for its turn."""
    watches: list[ExplainedWatch]


class Explanation(_Told):
    """Whether they see it, by which rule, and how far their open sessions were told."""

    booking: Explained
    principal: Present
    airport: Annotated[
        str | None, Field(description="The one airport that a device shows.", examples=["KAUS"])
    ]
    sees: bool
    """In ``bookings``, for a user; on the ``board``, for a device."""
    rule: Rule
    why: Annotated[str, Field(examples=["It is this user's flight, as its student."])]
    topics: list[ByTopic]
    last_event: LastEvent | None
    """Null if nothing was recorded of it for as long as events are kept."""
    feed: NodeFeed
    sessions: list[ExplainedSession]


class _People:
    def __init__(self, house: House) -> None:
        self._house = house

    def principal(self, kind: str, id: str) -> Principal | None:
        """The user or the device of that id, as of the feed's cursor."""
        if kind == "device":
            return self._house.devices.by_id(id)
        person = self._house.directory.by_id(id)
        if person is None:
            return None
        name = f"{person.first_name} {person.last_name}"
        return Principal("user", person.id, person.role, name, sub="")


@routes.add("GET", PATH, ExplainQuery, Nothing, answers={200: Explanation, 304: None}, who=ADMIN)
async def explain(ask: Ask[ExplainQuery, Nothing]) -> Answer:
    """Would this user, or this kiosk, see this booking; and if it is not on their screen, why not?

    The rule that decides, by topic; then each open watch of theirs on the node that answers: whether
    the booking is in it, which member of its filter keeps it out, and up to where it was told. A
    deleted booking is explained for as long as its last event is kept. A booking, user or device
    that is unknown is 422, at its parameter.
    """
    query, house = ask.query, ask.house
    if (query.user is None) == (query.device is None):
        said = "is needed, or device" if query.user is None else "goes without device"
        raise Invalid("One is asked about.", faults=[Fault("?user", said)])
    kind, id = ("user", query.user) if query.user else ("device", query.device)
    told, snapshot = await explaining.explain(
        house.pool, house.feed, _People(house), house.gate, str(query.booking), kind, str(id)
    )
    return Answer(encode(told), snapshot=snapshot)
