"""Notifications: one's own, marking them read, and telling somebody something.

No HTTP, no SQL text; nobody, an admin included, is shown another's. Invariant: a notification
that is read already is not written again, so no change goes round for nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import orjson

from hub.db.pool import reading, writing
from hub.errors import NotFound
from hub.model import NotificationType
from hub.rules.access import Person, Principal
from hub.rules.rows import present
from hub.schedule import once
from hub.schedule.anew import begun_anew
from hub.schedule.drafts import Draft
from hub.schedule.fields import Id, Line, Words
from hub.schedule.once import Key, Written
from hub.schedule.reading import One, Page, Place, audience_of, read_one, read_page
from hub.schedule.statements import run, value
from hub.schedule.version import encode

if TYPE_CHECKING:
    from hub.db.pool import Pool


class NotificationDraft(Draft):
    """Something to be told to somebody, about a booking or not."""

    user_id: Id
    booking_id: Id | None = None
    type: NotificationType
    title: Line
    message: Words


async def page(
    pool: Pool,
    who: Principal,
    read: bool | None,
    after: Place,
    most: int,
    *,
    type: NotificationType | None = None,
    booking_id: UUID | None = None,
) -> Page:
    """One's own, the newest first; ``read`` narrows to those read or not."""
    return await read_page(
        pool,
        "notifications_page",
        "notifications",
        most=most,
        person=_own(who),
        read=read,
        type=type,
        booking_id=booking_id,
        after_time=after.time,
        after_id=after.id,
    )


async def one(pool: Pool, who: Principal, id: str) -> One:
    """One of one's own. Raises NotFound."""
    return await read_one(pool, "notification", "notifications", id=id, person=_own(who))


async def unread(pool: Pool, who: Principal) -> tuple[int, str]:
    """How many of one's own are not read yet, and the snapshot they were counted in."""
    async with reading(pool) as conn:
        found = await run(conn, "notifications_unread", person=_own(who))
    return found["unread"], found["snapshot"]


@begun_anew
async def mark_read(pool: Pool, who: Principal, id: str, key: Key | None = None) -> Written:
    """Mark one's own notification read. Raises NotFound."""
    async with writing(pool, who.id) as write:
        if (before := await once.earlier(write, key)) is not None:
            return before
        found = await run(write.conn, "notification_read", id=id, person=_own(who))
        if found is None:
            raise NotFound("No such notification, or none of yours.")
        shown = encode(present("notifications", orjson.loads(found["row"])))
        await once.keep(write, key, shown)
    return Written(shown, write.transaction if found["written"] else None)


@begun_anew
async def mark_all_read(
    pool: Pool, who: Principal, until: datetime | None, key: Key | None = None
) -> Written:
    """Mark all of one's own read, or those of up to a moment; what is shown is how many."""
    async with writing(pool, who.id) as write:
        if (before := await once.earlier(write, key)) is not None:
            return before
        marked = await value(write.conn, "notifications_read_all", person=_own(who), until=until)
        shown = encode({"marked": marked})
        await once.keep(write, key, shown)
    return Written(shown, write.transaction)


@begun_anew
async def create(pool: Pool, who: Principal, draft: NotificationDraft, key: Key | None) -> Written:
    """Tell somebody something. Raises Invalid for a user or a booking that is none."""
    async with writing(pool, who.id) as write:
        if (before := await once.earlier(write, key)) is not None:
            return before
        row = await value(write.conn, "notification_create", **draft.model_dump())
        shown = encode(present("notifications", orjson.loads(row)))
        await once.keep(write, key, shown)
    return Written(shown, write.transaction)


def _own(who: Principal) -> str:
    whose = audience_of(who, "notifications")
    assert isinstance(whose, Person)
    return whose.id
