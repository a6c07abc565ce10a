"""Forgetting: events older than the retention go, and the feed's row says below which xid.

One node at a time, by advisory lock. Invariant: nothing goes that a snapshot of today could still
ask for, and ``pruned_below`` moves in the same transaction as the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.db.pool import writing
from hub.feed.sql import SQL

if TYPE_CHECKING:
    from hub.db.pool import Pool

#: Rows deleted in one transaction.
SLICE = 20_000


async def prune(pool: Pool, hours: float) -> int:
    """Delete what is older; returns how many events went (none if another node is at it)."""
    total = 0
    while gone := await _prune_some(pool, hours):
        total += gone
    return total


async def _prune_some(pool: Pool, hours: float) -> int:
    async with writing(pool, None) as write:
        if not await write.conn.fetchval(SQL.leader):
            return 0
        return int(await write.conn.fetchval(SQL.prune, SLICE, hours * 3600.0))
