"""Coming back with a cursor: what is recalled from the database, and why a cursor is refused.

However many come back, with however many cursors, the queries it takes do not grow with them; and
nobody is refused who need not be, nor answered who must be refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
import pytest
from feeding import Node, counted, following
from writing import TOUCH, connections, own_rows

from hub.db.pool import reading
from hub.feed import Gone
from hub.feed.doorbell import Pace
from hub.feed.feed import Limits
from hub.feed.reader import _events
from hub.feed.sql import SQL
from hub.rules.cursor import Cursor, Snapshot, covers, parse

Conn = asyncpg.Connection
LAZY = Pace(probe=3600)


async def now(conn: Conn) -> Snapshot:
    return parse(await conn.fetchval("SELECT pg_current_snapshot()::text"))


class Lender:
    """Lends the pool's connections and counts them."""

    def __init__(self, pool: Any) -> None:
        self.lent = 0
        self._pool = pool

    def __call__(self) -> AbstractAsyncContextManager[Any]:
        self.lent += 1
        return reading(self._pool)


async def recorded(conn: Conn, since: Snapshot) -> Any:
    number = await conn.fetchval("SELECT number::text FROM feed")
    return counted(_events(await conn.fetch(SQL.read, number, str(since), 10**6)))


async def refused(node: Node, cursor: Cursor, lender: Lender) -> str | None:
    """Why the node refuses a cursor; None if it does not."""
    try:
        async with asyncio.timeout(10):
            await node.feed.recall(cursor, lender)
    except Gone as gone:
        return gone.reason
    assert node.feed.since(cursor.snapshot) is not None
    return None


async def past(conn: Conn, writes: int) -> list[Snapshot]:
    """Write so often, a transaction each; a cursor before each and one after all."""
    [key] = await own_rows(conn, 1)
    taken = [await now(conn)]
    for _ in range(writes):
        await conn.execute(TOUCH, key)
        taken.append(await now(conn))
    return taken


@asynccontextmanager
async def restarted(
    dsn: str, conn: Conn, writes: int, limits: Limits | None = None
) -> AsyncIterator[tuple[Node, list[Cursor]]]:
    """A node that knows nothing of the past in which its clients took their cursors."""
    async with following(dsn) as node:
        epoch = node.feed.epoch
    taken = await past(conn, writes)
    async with following(dsn, LAZY, limits) as node:
        assert node.feed.epoch == epoch
        yield node, [Cursor(epoch, snapshot) for snapshot in taken]


async def all_of(node: Node, cursors: Iterable[Cursor], lender: Lender) -> list[str | None]:
    return await asyncio.gather(*(refused(node, cursor, lender) for cursor in cursors))


async def test_everybody_comes_back_at_once(conn: Conn, pool: Any, dsn: str) -> None:
    lender = Lender(pool)
    async with restarted(dsn, conn, 60) as (node, cursors):
        assert set(await all_of(node, cursors * 3, lender)) == {None}
        assert lender.lent == 1
        for cursor in cursors:
            since = node.feed.since(cursor.snapshot)
            assert since is not None
            assert counted(since) == await recorded(conn, cursor.snapshot)
        before = node.feed.history_size
        assert before > 0
        await all_of(node, cursors, lender)
        assert (lender.lent, node.feed.history_size) == (1, before)


async def test_each_older_one_joins_on(conn: Conn, pool: Any, dsn: str) -> None:
    """One after the other, newest first, while more is written and transactions hang."""
    lender = Lender(pool)
    async with connections(dsn, 1) as (hung,), restarted(dsn, conn, 12) as (node, cursors):
        [key] = await own_rows(hung, 1)
        await hung.execute("BEGIN")
        await hung.execute(TOUCH, key)
        for number, cursor in enumerate(reversed(cursors)):
            await own_rows(conn, 1)
            assert await refused(node, cursor, lender) is None
            if number == 6:
                await hung.execute("COMMIT")
            await node.reach(conn)
            since = node.feed.since(cursor.snapshot)
            assert since is not None
            assert counted(since) == await recorded(conn, cursor.snapshot)


@pytest.mark.parametrize("limits", [Limits(recall=20), Limits(history=20_000)])
async def test_too_far_is_found_out_in_a_few_queries(
    conn: Conn, pool: Any, dsn: str, limits: Limits
) -> None:
    """Those who are not too far are answered; those who are, told so; none costs a query of its own."""
    lender = Lender(pool)
    async with restarted(dsn, conn, 120, limits) as (node, cursors):
        told = await all_of(node, cursors, lender)
        answered = told.count(None)
        # The newest few, and nobody else.
        assert told == ["distance"] * (len(told) - answered) + [None] * answered
        assert 1 < answered <= 40
        assert lender.lent <= 10
        asked = lender.lent
        assert await refused(node, cursors[0], lender) == "distance"
        assert lender.lent == asked


async def test_a_cursor_just_taken_is_waited_for(conn: Conn, pool: Any, dsn: str) -> None:
    """A REST read ahead of this node's feed is no lie; one ahead of the database is."""
    lender = Lender(pool)
    async with following(dsn, LAZY) as node:
        [key] = await own_rows(conn, 1)
        for _ in range(20):
            await conn.execute(TOUCH, key)
            cursor = Cursor(node.feed.epoch, await now(conn))
            assert await refused(node, cursor, lender) is None
            assert covers(cursor.snapshot, node.feed.cursor.snapshot)
        far = await now(conn)
        for lie in (Snapshot(far.xmax + 10**6, far.xmax + 10**6), Snapshot(2**64 - 1, 2**64 - 1)):
            assert await refused(node, Cursor(node.feed.epoch, lie), lender) == "epoch"
        assert lender.lent == 0


async def test_another_history_s_cursor(conn: Conn, pool: Any, dsn: str) -> None:
    lender = Lender(pool)
    before = await now(conn)
    await own_rows(conn, 1)  # recorded, and forgotten when the history is founded
    async with following(dsn, LAZY) as node:
        here = node.feed.cursor
        assert await refused(node, Cursor("f" * 12, here.snapshot), lender) == "epoch"
        # Right in name only: it was taken before this history began, and what it missed is gone.
        assert await refused(node, Cursor(here.epoch, before), lender) == "epoch"
        assert await refused(node, Cursor(here.epoch, Snapshot(1, 1)), lender) == "epoch"
        assert await refused(node, here, lender) is None


async def test_forged_cursors_harm_nobody(conn: Conn, pool: Any, dsn: str) -> None:
    lender = Lender(pool)
    async with restarted(dsn, conn, 10) as (node, cursors):
        first, last = cursors[0].snapshot, cursors[-1].snapshot
        forged = [
            Snapshot(1, 2**64 - 1, frozenset(range(1, 2000))),
            Snapshot(last.xmin, 2**64 - 1),
            Snapshot(1, last.xmax, frozenset({1, 2})),
            Snapshot(first.xmin, last.xmax, frozenset(range(first.xmin, last.xmax))),
            Snapshot(last.xmin - 3, last.xmax, frozenset({last.xmin - 3})),
        ]
        for snapshot in forged:
            await refused(node, Cursor(cursors[0].epoch, snapshot), lender)
        assert set(await all_of(node, cursors, lender)) == {None}
        for cursor in cursors:
            since = node.feed.since(cursor.snapshot)
            assert since is not None
            assert counted(since) == await recorded(conn, cursor.snapshot)
        await node.reach(conn)


async def test_a_forged_cursor_does_not_reorder_anothers_changes(
    conn: Conn, pool: Any, dsn: str
) -> None:
    """One that claims to have seen all but an early transaction, before one that is honest."""
    lender = Lender(pool)
    async with restarted(dsn, conn, 5) as (node, cursors):
        first, last = cursors[0].snapshot, cursors[-1].snapshot
        forged = Snapshot(first.xmax, last.xmax, frozenset({first.xmax}))
        await refused(node, Cursor(cursors[0].epoch, forged), lender)
        assert await refused(node, cursors[0], lender) is None
        since = node.feed.since(first)
        assert since is not None
        xids = [event.xid for event in since]
        assert xids == sorted(xids)
        assert len(xids) == 5


async def test_a_connection_that_fails_is_not_the_cursor_s_fault(
    conn: Conn, dsn: str, pool: Any
) -> None:
    """An error in one's backfill is one's own; the next asks again."""
    lender = Lender(pool)

    @asynccontextmanager
    async def broken() -> AsyncIterator[Any]:
        raise ConnectionError("no")
        yield

    async with restarted(dsn, conn, 5) as (node, cursors):
        for failing in (broken, Lender(None)):
            with pytest.raises((ConnectionError, AttributeError)):
                await node.feed.recall(cursors[0], failing)
        waiting = asyncio.create_task(node.feed.recall(cursors[0], lender))
        await asyncio.sleep(0)
        waiting.cancel()
        assert await refused(node, cursors[1], lender) is None
        assert await refused(node, cursors[0], lender) is None
        assert not node.feed._recall._waiting
