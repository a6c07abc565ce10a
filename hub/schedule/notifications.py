"""Notifications: one's own, and marking one read.

No HTTP, no SQL text; nobody, an admin included, is shown another's. Invariant: a notification
that is read already is not written again, so no change goes round for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from hub.db.pool import writing
from hub.errors import NotFound
from hub.rules.access import Person, Principal
from hub.rules.rows import present
from hub.schedule.once import Written
from hub.schedule.reading import Page, Place, audience_of, read_page
from hub.schedule.statements import run
from hub.schedule.version import encode

if TYPE_CHECKING:
    from hub.db.pool import Pool


async def page(pool: Pool, who: Principal, read: bool | None, after: Place, most: int) -> Page:
    """One's own, the newest first; ``read`` narrows to those read or not."""
    return await read_page(
        pool,
        "notifications_page",
        "notifications",
        most=most,
        person=_own(who),
        read=read,
        after_time=after.time,
        after_id=after.id,
    )


async def mark_read(pool: Pool, who: Principal, id: str) -> Written:
    """Mark one's own notification read. Raises NotFound."""
    async with writing(pool, who.id) as write:
        found = await run(write.conn, "notification_read", id=id, person=_own(who))
    if found is None:
        raise NotFound("No such notification, or none of yours.")
    shown = encode(present("notifications", orjson.loads(found["row"])))
    return Written(shown, write.transaction if found["written"] else None)


def _own(who: Principal) -> str:
    whose = audience_of(who, "notifications")
    assert isinstance(whose, Person)
    return whose.id
