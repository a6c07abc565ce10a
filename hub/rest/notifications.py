"""``/api/v1/notifications``: what one was told, and telling somebody."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from hub.model import Notification, NotificationType
from hub.rest import answers, paging
from hub.rest.registry import ANYBODY, Answer, Ask, Nothing, Routes
from hub.schedule import notifications
from hub.schedule.fields import Flag, Id, Moment
from hub.schedule.notifications import NotificationDraft
from hub.schedule.reading import NEWEST
from hub.schedule.version import encode

routes = Routes("notifications")
PATH = "/api/v1/notifications"


class NotificationsQuery(BaseModel):
    """Which of one's own: ``read=false`` for what is new."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    read: Flag | None = None
    type: NotificationType | None = None
    booking_id: Id | None = None
    limit: paging.Limit = 20
    after: paging.After | None = None


class ReadAllQuery(BaseModel):
    """Up to when: the ``created_at`` of the newest one seen, so that none is read unseen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    until: Moment | None = None


class Notifications(BaseModel):
    """A page of notifications, the newest first; ``next`` is ``after`` for the next page."""

    items: list[Notification]
    next: str | None


class Unread(BaseModel):
    """How many are not read yet."""

    unread: int


class ReadAll(BaseModel):
    """How many were not read before."""

    marked: int


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
    asked = ask.query
    page = await notifications.page(
        ask.house.pool,
        ask.who,
        asked.read,
        asked.after or NEWEST,
        asked.limit,
        type=asked.type,
        booking_id=asked.booking_id,
    )
    return paging.answer(page, "created_at", ask.url)


@routes.add(
    "GET", f"{PATH}/unread", Nothing, Nothing, answers={200: Unread, 304: None}, who=ANYBODY
)
async def count_unread(ask: Ask[Nothing, Nothing]) -> Answer:
    """How many of your notifications are not read yet. A watch that begins here keeps count."""
    unread, snapshot = await notifications.unread(ask.house.pool, ask.who)
    return Answer(encode({"unread": unread}), snapshot=snapshot)


@routes.add(
    "POST",
    f"{PATH}/read-all",
    ReadAllQuery,
    Nothing,
    answers={200: ReadAll},
    who=ANYBODY,
    once=True,
)
async def read_all_notifications(ask: Ask[ReadAllQuery, Nothing]) -> Answer:
    """Mark all your notifications read, in one transaction; with ``until``, no newer ones."""
    done = await notifications.mark_all_read(ask.house.pool, ask.who, ask.query.until, ask.key)
    return answers.counted(done)


@routes.add(
    "GET",
    f"{PATH}/{{id}}",
    Nothing,
    Nothing,
    answers={200: Notification, 304: None},
    who=ANYBODY,
)
async def get_notification(ask: Ask[Nothing, Nothing]) -> Answer:
    """One of your own notifications."""
    found = await notifications.one(ask.house.pool, ask.who, ask.id)
    return answers.read(found)


@routes.add(
    "POST",
    f"{PATH}/{{id}}/read",
    Nothing,
    Nothing,
    answers={200: Notification},
    who=ANYBODY,
    once=True,
)
async def read_notification(ask: Ask[Nothing, Nothing]) -> Answer:
    """Mark your notification read. Again is harmless, writes nothing and has no Hub-Transaction."""
    done = await notifications.mark_read(ask.house.pool, ask.who, ask.id, ask.key)
    return answers.changed(done, f"{PATH}/{ask.id}")


@routes.add(
    "POST",
    PATH,
    Nothing,
    NotificationDraft,
    answers={201: Notification},
    who=frozenset({"ADMIN"}),
    once=True,
    scope="notifications:write",
)
async def create_notification(ask: Ask[Nothing, NotificationDraft]) -> Answer:
    """Tell somebody something: an admin, or an integration. It is theirs alone to see from then on.

    422 for a user or a booking that is none. With an Idempotency-Key it is told once.
    """
    made = await notifications.create(ask.house.pool, ask.who, ask.body, ask.key)
    return answers.made(made, PATH)
