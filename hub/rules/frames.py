"""What the hub says in ``hub.v1``, frame by frame: the models that documents are drawn from.

The hot path writes these frames with ``wire`` and never through here; a test holds every frame that
the tests hear against these models, so they cannot lie. No code runs here but the models'.
Invariant: a member that a frame may lack has no null.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from hub.model import BoardFlight, Booking, Notification, Rescheduling, Role, ShownDevice
from hub.rules.access import Kind
from hub.rules.closing import Code
from hub.rules.wire import Id

Cursor = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-z]+\.[0-9]+:[0-9]+:([0-9]+(,[0-9]+)*)?$"),
    Field(examples=["3f9a1c07b2de.73512:73512:"]),
]
ViewName = Annotated[str, StringConstraints(pattern=r"^v[0-9]+$"), Field(examples=["v17"])]

#: What can be wrong with what a client asked for. All but ``hello_twice`` name a watch.
ErrorCode = Literal[
    "malformed",
    "unknown_topic",
    "bad_filter",
    "forbidden",
    "watch_exists",
    "unknown_watch",
    "too_many_watches",
    "too_many_rows",
    "hello_twice",
    "unavailable",
    "contended",
    "invalid",
    "internal",
]

#: Why what a client has of a watch is void.
ResetReason = Literal[
    "malformed",
    "epoch",
    "retention",
    "distance",
    "rights",
    "window",
    "truncated",
    "size",
    "flood",
    "fault",
]


def _absent() -> Any:
    return None


class Told(BaseModel):
    """A frame from the hub, or a part of one."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Asker(Told):
    """Who the session belongs to."""

    kind: Kind
    id: Annotated[str, Field(json_schema_extra={"format": "uuid"})]
    role: Role | None
    """A user's, as that row is now; null for a device or an integration."""
    name: Annotated[str, Field(examples=["Sofia Reyes"])]


class Welcome(Told):
    """The answer to ``hello``: from here on the session may watch."""

    type: Literal["welcome"]
    session: Annotated[str, Field(examples=["5f2c8be1"])]
    node: Annotated[str, Field(examples=["hub-1"])]
    time: AwareDatetime
    """The hub's clock, against which ``fresh_until`` and ``expires`` are meant."""
    ping: Annotated[float, Field(gt=0, examples=[25.0])]
    """Seconds between two pings."""
    fresh_until: AwareDatetime
    """Whoever has not heard by then must not call what they show fresh."""
    expires: AwareDatetime | None
    """When the token ends; null if it does not."""
    principal: Asker


class Rows(Told):
    """A page of a watch's first picture."""

    type: Literal["rows"]
    id: Id
    rows: list[Booking | Notification | Rescheduling | BoardFlight | ShownDevice]
    """Whole rows of the topic. Put each by its ``id``."""
    more: bool
    """Whether another page follows."""


class Upsert(Told):
    """A row is now so, whether it was there or not."""

    op: Literal["upsert"]
    key: Annotated[str, Field(json_schema_extra={"format": "uuid"})]
    row: Booking | Notification | Rescheduling | BoardFlight | ShownDevice
    """The whole row, as a picture would have it."""
    changed: list[str] = Field(default_factory=_absent, min_length=1)
    """Which members this change changed, where one change did and the row was there before."""


class Remove(Told):
    """A row is no longer in this view: gone, out of the filter, or out of your sight."""

    op: Literal["remove"]
    key: Annotated[str, Field(json_schema_extra={"format": "uuid"})]


class Transaction(Told):
    """What one committed transaction did to the view; or, folded, the last that touched a row."""

    tx: Annotated[str, StringConstraints(pattern=r"^[0-9]+$"), Field(examples=["73511"])]
    """Its number, as ``Hub-Transaction`` names it."""
    at: AwareDatetime
    items: Annotated[
        list[Annotated[Upsert | Remove, Field(discriminator="op")]], Field(min_length=1)
    ]


class Change(Told):
    """Everything new in one view up to a cursor, no transaction split."""

    type: Literal["change"]
    id: Id = Field(default_factory=_absent)
    """The one watch it is for: a catch-up. Absent: every live watch of the view."""
    view: ViewName
    cursor: Cursor
    """What was shown is true up to here, once the frame was applied whole."""
    more: Literal[True] = Field(default_factory=_absent)
    """The catch-up goes on in the next frame; until then the cursor is where it began."""
    transactions: Annotated[list[Transaction], Field(min_length=1)]


class Live(Told):
    """A watch has all there is; what happens from here on comes as ``change``."""

    type: Literal["live"]
    id: Id
    view: ViewName
    """Under which name changes come. Watches that mean the same share one."""
    cursor: Cursor
    resumed: bool
    """Whether it went on from the client's cursor; else the rows before it are all there are."""


class Reset(Told):
    """What the client has of a watch is void: forget it. ``rows`` and ``live`` follow, or ``error``."""

    type: Literal["reset"]
    id: Id
    reason: Annotated[ResetReason, Field(examples=["retention"])]


class Ping(Told):
    """A sign of life, to be answered by ``pong``. Only who is behind gets none."""

    type: Literal["ping"]
    cursor: Cursor
    """Good for every live watch."""
    sent: Annotated[int, Field(ge=0, examples=[412])]
    """How many ``change`` frames this session was sent."""
    fresh_until: AwareDatetime


class Expiring(Told):
    """The token ends soon: renew it with ``auth``."""

    type: Literal["expiring"]
    seconds: Annotated[int, Field(alias="in", ge=1, examples=[60])]
    """Seconds from now."""


class Renewed(Told):
    """The answer to ``auth``: the session goes on under the new token."""

    type: Literal["renewed"]
    expires: AwareDatetime | None


class Error(Told):
    """Something asked for cannot be; the session goes on. A watch that it names is not, or no more."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "error",
                    "id": "1",
                    "code": "unknown_topic",
                    "message": "topics are: bookings, notifications",
                    "temporary": False,
                }
            ]
        }
    )

    type: Literal["error"]
    id: Id = Field(default_factory=_absent)
    """The watch it is about."""
    code: ErrorCode
    message: str
    """For people."""
    temporary: bool
    """Whether asking again later may help."""


class Bye(Told):
    """The hub ends the session; the close code is the same."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"type": "bye", "code": 4200, "reason": "the hub restarts", "retry_after": 3.4}
            ]
        }
    )

    type: Literal["bye"]
    code: Code
    reason: str
    """For people."""
    retry_after: Annotated[float, Field(ge=0, examples=[3.4])] = Field(default_factory=_absent)
    """Seconds after which to come back, where the hub can tell."""


Outgoing = Annotated[
    Welcome | Rows | Change | Live | Reset | Ping | Expiring | Renewed | Error | Bye,
    Field(discriminator="type"),
]
