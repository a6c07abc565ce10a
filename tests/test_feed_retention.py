"""Forgetting: what is old goes, nothing goes that somebody could still ask for, and who asks is told."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from feeding import following, until
from test_feed_recall import LAZY, Lender, now, past, refused
from writing import TOUCH, connections, own_rows

from hub.db.pool import connect
from hub.feed import Gone, retention
from hub.rules.cursor import Cursor
from hub.settings import Settings

Conn = asyncpg.Connection


async def age(conn: Conn, hours: float) -> None:
    """Let time pass for what is recorded."""
    await conn.execute("UPDATE events SET at = at - make_interval(secs => $1)", hours * 3600.0)


async def kept(conn: Conn) -> int:
    count: int = await conn.fetchval("SELECT count(*) FROM events")
    return count


async def pruned_below(conn: Conn) -> int:
    return int(await conn.fetchval("SELECT pruned_below::text FROM feed"))


async def test_the_old_goes_and_the_new_stays(conn: Conn, pool: Any, dsn: str) -> None:
    async with following(dsn):
        pass
    assert await retention.prune(pool, 72) == 0
    assert await pruned_below(conn) == 0
    await past(conn, 5)
    old = await kept(conn)
    newest_old = await conn.fetchval("SELECT max(xid::text::bigint) FROM events")
    await age(conn, 80)
    await own_rows(conn, 2)
    new = await kept(conn) - old
    assert await retention.prune(pool, 72) == old
    assert (await kept(conn), await pruned_below(conn)) == (new, newest_old + 1)
    assert await retention.prune(pool, 72) == 0
    assert await pruned_below(conn) == newest_old + 1


async def test_who_is_refused(conn: Conn, pool: Any, dsn: str) -> None:
    """Cursors that miss something that went, and no others: not those of a database long quiet."""
    lender = Lender(pool)
    async with following(dsn) as node:
        epoch = node.feed.epoch
    taken = [Cursor(epoch, snapshot) for snapshot in await past(conn, 4)]
    await age(conn, 80)
    async with following(dsn, LAZY) as node:
        # Known already, or found out by the very query: a node learns of it when it reads.
        assert await refused(node, taken[2], lender) is None
        await retention.prune(pool, 72)
        assert await refused(node, taken[0], lender) == "retention"
        assert await refused(node, taken[-1], lender) is None
    async with following(dsn, LAZY) as node:
        assert [await refused(node, cursor, lender) for cursor in taken] == ["retention"] * 4 + [
            None
        ]
        await node.feed.turned()
        node.feed.honour(taken[-1])
        with pytest.raises(Gone, match="retention"):
            node.feed.honour(taken[-2])


async def test_what_a_hung_transaction_keeps(conn: Conn, pool: Any, dsn: str) -> None:
    """Cursors taken now have not seen it, so nothing goes that is not older than it."""
    async with connections(dsn, 1) as (hung,), following(dsn, LAZY) as node:
        [key] = await own_rows(hung, 1)
        await hung.execute("BEGIN")
        await hung.execute(TOUCH, key)
        cursor = Cursor(node.feed.epoch, await now(conn))
        await past(conn, 3)
        await age(conn, 80)
        await retention.prune(pool, 72)
        await hung.execute("COMMIT")
        await node.reach(conn)
        assert await refused(node, cursor, Lender(pool)) is None
        assert await kept(conn) >= 4


async def test_a_running_feed_notices_nothing(conn: Conn, pool: Any, dsn: str) -> None:
    async with following(dsn) as node:
        for _ in range(10):
            await past(conn, 3)
            await node.reach(conn)
            await age(conn, 80)
            assert await retention.prune(pool, 72) > 0
        await node.reach(conn)
        assert node.seen.restarts == []


async def test_away_for_longer_than_events_are_kept(conn: Conn, pool: Any, dsn: str) -> None:
    """A node that comes back to find that what it missed is gone starts again; it cannot know."""
    away = False

    async def dial() -> Any:
        if away:
            raise ConnectionError("no route")
        return await connect(dsn, settings=Settings())

    async with following(dsn, LAZY, dial=dial) as node:
        [key] = await own_rows(conn, 1)
        await node.reach(conn)
        away = True
        await conn.execute("SELECT pg_terminate_backend($1)", node.backends[-1])
        await until(lambda: not node.feed.healthy)
        await conn.execute(TOUCH, key)
        await age(conn, 80)
        assert await retention.prune(pool, 72) > 0
        away = False
        await until(lambda: node.feed.healthy)
        assert node.seen.restarts == ["retention"]
        node.seen.restarted()
        await conn.execute(TOUCH, key)
        await node.reach(conn)
        assert len(node.seen.events) == 1


async def test_one_prunes_at_a_time(conn: Conn, pool: Any, dsn: str) -> None:
    async with following(dsn):
        pass
    await past(conn, 3)
    await age(conn, 80)
    everything = await kept(conn)
    gone = await asyncio.gather(*(retention.prune(pool, 72) for _ in range(4)))
    assert sum(gone) == everything
    assert await kept(conn) == 0
