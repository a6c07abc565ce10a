"""The audit log: reading it. It is written by the database's own triggers and by nobody here.

No HTTP, no SQL text. Who may read it is the door's to say. Invariant: there is no way here to write.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from hub.schedule.reading import Page, Place, read_page

if TYPE_CHECKING:
    from hub.db.pool import Pool


@dataclass(frozen=True, slots=True)
class Within:
    """Which entries; None is any. ``since`` is inclusive, ``until`` exclusive."""

    entity_type: str | None = None
    entity_id: UUID | None = None
    action: str | None = None
    actor: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


async def page(pool: Pool, within: Within, after: Place, most: int) -> Page:
    """The entries, the newest first."""
    return await read_page(
        pool,
        "audit_page",
        "audit_log",
        most=most,
        **asdict(within),
        after_time=after.time,
        after_id=after.id,
    )
