"""Events and batches: what the feed carries.

An event is one recorded row change; a batch is the events between two cursors. This room
only describes them; who may see what is ``access``'s and ``topics``' business.
Invariant: an event is never changed after it was read, and a transaction is in one batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hub.rules.cursor import Cursor, Snapshot

Columns = Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """One changed row of ``entity``.

    ``op`` is ``I``, ``U``, ``D`` or ``T`` (TRUNCATE: no key, no row). ``row`` is the new row,
    ``was`` the old values of the changed columns (of every column after a DELETE), both as
    ``to_jsonb`` gives them in UTC. ``at`` is RFC 3339 with ``Z``. ``size`` is bytes of text read.
    """

    xid: int
    at: str
    entity: str
    op: str
    key: str | None
    row: Columns | None
    was: Columns | None
    size: int = 0

    @cached_property
    def before(self) -> Columns | None:
        """The whole old row, or None if there was none."""
        if self.op == "U" and self.row is not None:
            return {**self.row, **self.was} if self.was else self.row
        return self.was if self.op == "D" else None

    @property
    def changed(self) -> tuple[str, ...]:
        """The columns an UPDATE changed."""
        return tuple(self.was) if self.op == "U" and self.was else ()


@dataclass(frozen=True, slots=True)
class Batch:
    """All events that became visible after ``start`` and up to ``end``, in each row's own order."""

    start: Snapshot
    end: Cursor
    events: tuple[Event, ...]
    size: int = field(default=0)

    @property
    def transactions(self) -> int:
        """How many transactions they are of."""
        return len({event.xid for event in self.events})
