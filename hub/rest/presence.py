"""``/api/v1/presence``: who is online, on the node that answers. An admin's business.

Invariant: it is told from memory and asks the database nothing, however often it is asked.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from hub.model import Role
from hub.rest.registry import Answer, Ask, Nothing, Routes
from hub.rules.access import Kind
from hub.schedule.version import encode

routes = Routes("presence")
PATH = "/api/v1/presence"
ADMIN: frozenset[Role] = frozenset({"ADMIN"})


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class Present(_Told):
    """Who it is: a user with a role, a device or an integration without."""

    kind: Kind
    id: Annotated[str, Field(json_schema_extra={"format": "uuid"})]
    role: Role | None
    name: str


class OpenWatch(_Told):
    """One thing it watches; ``live`` once the first picture is told."""

    id: str
    topic: Annotated[str, Field(examples=["bookings"])]
    live: bool


class Session(_Told):
    """An open session."""

    session: str
    node: str
    transport: Literal["websocket", "sse"]
    since: AwareDatetime
    principal: Present
    airport: Annotated[
        str | None, Field(description="The one airport that a device shows.", examples=["KAUS"])
    ]
    watches: list[OpenWatch]
    behind: Annotated[bool, Field(description="Whether its peer reads too slowly.")]
    lag: Annotated[float, Field(ge=0, description="For how long, seconds.", examples=[0.0])]


class Presence(_Told):
    """The sessions open on this node, the longest here first."""

    items: list[Session]


@routes.add("GET", PATH, Nothing, Nothing, answers={200: Presence, 304: None}, who=ADMIN)
async def list_presence(ask: Ask[Nothing, Nothing]) -> Answer:
    """Who is online on the node that answers: users, devices and integrations, by session.

    It is of the moment and no part of the feed: it has no Hub-Cursor.
    """
    return Answer(encode({"items": ask.house.gate.present()}))
