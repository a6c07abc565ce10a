"""``/api/v1/notifications``: what one was told."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from hub.model import Notification
from hub.rest import paging
from hub.rest.registry import ANYBODY, Answer, Ask, Nothing, Routes
from hub.schedule import notifications
from hub.schedule.reading import NEWEST

routes = Routes("notifications")
PATH = "/api/v1/notifications"


class NotificationsQuery(BaseModel):
    """Which of one's own: ``read=false`` for what is new."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    read: bool | None = None
    limit: paging.Limit = 20
    after: paging.After | None = None


class Notifications(BaseModel):
    """A page of notifications, the newest first; ``next`` is ``after`` for the next page."""

    items: list[Notification]
    next: str | None


@routes.add(
    "GET",
    PATH,
    NotificationsQuery,
    Nothing,
    answers={200: Notifications, 304: None},
    who=ANYBODY,
)
async def list_notifications(ask: Ask[NotificationsQuery, Nothing]) -> Answer:
    """Your own notifications, the newest first."""
    after = ask.query.after or NEWEST
    page = await notifications.page(ask.house.pool, ask.who, ask.query.read, after, ask.query.limit)
    return paging.answer(page, "created_at", ask.url)


@routes.add(
    "POST",
    f"{PATH}/{{id}}/read",
    Nothing,
    Nothing,
    answers={200: Notification},
    who=ANYBODY,
)
async def read_notification(ask: Ask[Nothing, Nothing]) -> Answer:
    """Mark your notification read. Again is harmless, writes nothing and has no Hub-Transaction."""
    done = await notifications.mark_read(ask.house.pool, ask.who, ask.id)
    return Answer(done.shown, transaction=done.transaction, tagged=True)
