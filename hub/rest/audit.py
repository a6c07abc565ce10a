"""``/api/v1/audit``: who changed what, from what to what, and when. To be read only."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)

from hub.model import AuditEntry
from hub.rest import paging
from hub.rest.registry import Answer, Ask, Nothing, Routes
from hub.rules.filters import in_order
from hub.schedule import audit
from hub.schedule.fields import Id, Moment
from hub.schedule.reading import NEWEST

routes = Routes("audit")


class AuditQuery(BaseModel):
    """Which entries: ``from`` is inclusive, ``to`` exclusive.

    ``entity_type`` is ``booking``, ``user`` and so on; ``action`` is ``create``, ``update``,
    ``delete`` or ``truncate``; ``actor`` is the id of a user or of an integration's key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    entity_type: Annotated[str, StringConstraints(min_length=1, max_length=50)] | None = None
    entity_id: Id | None = None
    action: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    actor: Id | None = None
    since: Moment | None = Field(None, alias="from")
    until: Moment | None = Field(None, alias="to")
    limit: paging.Limit = 50
    after: paging.After | None = None

    _in_order = field_validator("until")(in_order)


class Audit(BaseModel):
    """A page of entries, the newest first; ``next`` is ``after`` for the next page."""

    items: list[AuditEntry]
    next: str | None


@routes.add(
    "GET",
    "/api/v1/audit",
    AuditQuery,
    Nothing,
    answers={200: Audit, 304: None},
    who=frozenset({"ADMIN"}),
    scope="audit:read",
)
async def list_audit(ask: Ask[AuditQuery, Nothing]) -> Answer:
    """The audit log, the newest first: every change of a row that matters, by whatever program.

    ``user_id`` is null for the system and for a program that did not say for whom it works.
    """
    asked = ask.query
    within = audit.Within(
        asked.entity_type, asked.entity_id, asked.action, asked.actor, asked.since, asked.until
    )
    page = await audit.page(ask.house.pool, within, asked.after or NEWEST, asked.limit)
    return paging.answer(page, "created_at", ask.url)
