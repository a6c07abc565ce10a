"""Forgetting: events older than the retention go, and the feed's row says below which xid.

One node at a time, by advisory lock. Invariant: nothing goes that a snapshot of today could still
ask for, and ``pruned_below`` moves in the same transaction as the rows.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import structlog

from hub.db.pool import writing
from hub.errors import HubError
from hub.feed.sql import SQL

if TYPE_CHECKING:
    from hub.db.pool import Pool

log = structlog.get_logger("hub.retention")

EVERY = 600.0


async def prune(pool: Pool, hours: float) -> int:
    """Delete what is older; returns how many events went (none if another node is at it)."""
    async with writing(pool, None) as write:
        if not await write.conn.fetchval(SQL.leader):
            return 0
        gone = await write.conn.fetchval(SQL.prune, hours * 3600.0)
        return int(gone)


async def run(pool: Pool, hours: float, every: float = EVERY) -> None:
    """Prune now and then until cancelled; a failure waits for the next time."""
    while True:
        await asyncio.sleep(random.uniform(0.1, 1.0) * every)
        try:
            gone = await prune(pool, hours)
        except HubError as wrong:
            log.warning("pruning failed", why=wrong.detail)
        else:
            if gone:
                log.info("pruned", events=gone)
