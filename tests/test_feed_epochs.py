"""Histories that are not this server's: restored dumps, copies, promotions; and the founding itself.

What a dump brings is another past: its transactions have numbers that here mean others, or none yet. Old
cursors are refused, nothing of it is ever read as news, and what is written afterwards arrives once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from dumps import dump, elsewhere, halves, restore
from feeding import TABLES, Node, State, follow, following, state_of, until
from pgserver import Server
from test_feed_recall import Lender, now, refused
from writing import TOUCH, connections, own_rows

from hub.db.pool import open_pool
from hub.feed.doorbell import Pace
from hub.feed.feed import Limits
from hub.rules.cursor import Cursor
from hub.settings import Settings

Conn = asyncpg.Connection
#: What goes round the triggers rings no bell; the slow timer, here faster, finds out.
PROBING = Pace(probe=0.3)
SOON = Limits(backoff=0.2)


@pytest.fixture
def own_programs(server: Server) -> None:
    """Another version's pg_dump writes what this one's psql cannot read."""
    if not (server.bin / "pg_dump").exists():
        pytest.skip("this PostgreSQL comes without its programs")


backed_up = pytest.mark.usefixtures("own_programs")


def name(dsn: str) -> str:
    return dsn.partition("?")[0].rpartition("/")[2]


async def lived_in(dsn: str) -> Cursor:
    """Give it a history with events in it; returns a cursor that has not seen them all."""
    async with connections(dsn, 1) as (conn,), following(dsn) as node:
        [key] = await own_rows(conn, 1)
        cursor = Cursor(node.feed.epoch, await now(conn))
        for _ in range(3):
            await conn.execute(TOUCH, key)
        await node.reach(conn)
        return cursor


async def goes_on(node: Node, dsn: str) -> None:
    """The node knows the truth, reads nothing over and over, and gets what is new, once."""
    async with connections(dsn, 1) as (conn,):
        await until(lambda: node.feed.healthy)
        [key] = await own_rows(conn, 1)
        await node.reach(conn)
        node.seen.restarted()
        for number in range(1, 4):
            await conn.execute(TOUCH, key)
            await node.reach(conn)
            assert len(node.seen.events) == number
        batches, events = node.seen.batches, len(node.seen.events)
        await asyncio.sleep(0.3)
        assert (node.seen.batches, len(node.seen.events)) == (batches, events)
        assert node.seen.wrong is None
        # Nor is anything left that has yet to happen.
        future = "SELECT count(*) FROM events WHERE NOT pg_visible_in_snapshot(xid, pg_current_snapshot())"
        assert await conn.fetchval(future) == 0


async def is_refused(node: Node, dsn: str, cursor: Cursor) -> None:
    pool = await open_pool(dsn, settings=Settings())
    try:
        assert await refused(node, cursor, Lender(pool)) == "epoch"
    finally:
        pool.terminate()


@backed_up
@pytest.mark.parametrize("shift", [10**6, -500])
async def test_over_a_new_database(
    server: Server, dsn: str, database: Callable[..., str], shift: int
) -> None:
    old = await lived_in(dsn)
    fresh = database()
    await restore(server, name(fresh), elsewhere(await dump(server, name(dsn)), shift))
    async with following(fresh, PROBING, SOON) as node:
        await is_refused(node, fresh, old)
        await goes_on(node, fresh)
        assert node.seen.restarts == []


@backed_up
@pytest.mark.parametrize(("shift", "running"), [(10**6, True), (0, False)])
async def test_over_a_migrated_one_with_a_history(
    server: Server, database: Callable[..., str], migrated_template: str, shift: int, running: bool
) -> None:
    """As the document says, without clearing anything first: the rows come, recorded as written now."""
    there, here = database(migrated_template), database(migrated_template)
    old = await lived_in(there)
    backup = elsewhere(await dump(server, name(there)), shift)
    async with following(here) as before:
        mine = before.feed.cursor
        if running:
            await restore(server, name(here), backup)
            await goes_on(before, here)
            assert before.feed.epoch == mine.epoch
    if not running:
        await restore(server, name(here), backup)
    async with following(here, PROBING, SOON) as node:
        await is_refused(node, here, old)
        await goes_on(node, here)
        assert node.feed.epoch == mine.epoch
        # The clients that were here before come back to what was written, and to nothing else.
        async with connections(here, 1) as (conn,):
            pool = await open_pool(here, settings=Settings())
            try:
                assert await refused(node, mine, Lender(pool)) is None
            finally:
                pool.terminate()
            _, truth = await state_of(conn)
            rows: State = {table: {} for table in TABLES}
            for event in node.feed.since(mine.snapshot) or ():
                follow(rows, event, strict=True)
            assert rows == truth
            assert truth["users"]


@backed_up
@pytest.mark.parametrize("pruned", [True, False])
async def test_over_the_same_without_clearing(server: Server, dsn: str, pruned: bool) -> None:
    """Everything is there already, so nothing changes; not even where old events were pruned."""
    cursor = await lived_in(dsn)
    backup = await dump(server, name(dsn))
    async with following(dsn, PROBING, SOON) as node, connections(dsn, 1) as (conn,):
        if pruned:
            await conn.execute("DELETE FROM events")
        kept = await conn.fetchval("SELECT count(*) FROM events")
        await restore(server, name(dsn), backup)
        assert await conn.fetchval("SELECT count(*) FROM events") == kept
        assert node.feed.epoch == cursor.epoch
        await goes_on(node, dsn)


@backed_up
@pytest.mark.parametrize("options", [["-v", "ON_ERROR_STOP=1"], ["-1"]])
async def test_over_the_same_cleared_while_it_runs(
    server: Server, dsn: str, options: list[str]
) -> None:
    old = await lived_in(dsn)
    backup = elsewhere(await dump(server, name(dsn), "--clean", "--if-exists"), 10**6)
    async with following(dsn, PROBING, SOON) as node:
        async with connections(dsn, 1) as (conn,):
            await own_rows(conn, 2)  # after the backup: gone with the restore
            await node.reach(conn)
        ahead = node.feed.cursor
        await restore(server, name(dsn), backup, *options)
        await until(lambda: "epoch" in node.seen.restarts)
        await goes_on(node, dsn)
        for cursor in (old, ahead):
            await is_refused(node, dsn, cursor)


@backed_up
@pytest.mark.parametrize("where", ["COPY public.users", "CREATE TRIGGER"])
async def test_caught_in_the_middle_of_a_restore(server: Server, dsn: str, where: str) -> None:
    """The tables are there, the triggers are not: what arrives then is recorded by nobody, so the
    node waits for the end of it instead of taking half a database for the whole."""
    old = await lived_in(dsn)
    backup = elsewhere(await dump(server, name(dsn), "--clean", "--if-exists"), 10**6)
    first, second = halves(backup, where)
    async with following(dsn, PROBING, SOON) as node:
        await restore(server, name(dsn), first)
        await until(lambda: not node.feed.healthy)
        await asyncio.sleep(0.5)
        if where == "CREATE TRIGGER":
            assert "restore" in node.feed.why
            async with connections(dsn, 1) as (conn,):
                await own_rows(conn, 1)
        await restore(server, name(dsn), second)
        await until(lambda: "epoch" in node.seen.restarts)
        await goes_on(node, dsn)
        await is_refused(node, dsn, old)


@backed_up
async def test_triggers_disabled_for_a_restore(server: Server, dsn: str, database: Any) -> None:
    """``--data-only --disable-triggers``: events of the future come in unseen, and are thrown out."""
    await lived_in(dsn)
    backup = elsewhere(
        await dump(server, name(dsn), "--data-only", "--disable-triggers", "-t", "events"), 10**6
    )
    async with following(dsn, PROBING, SOON) as node, connections(dsn, 1) as (conn,):
        await own_rows(conn, 1)
        await node.reach(conn)
        await restore(server, name(dsn), backup)
        await until(lambda: "epoch" in node.seen.restarts)
        await goes_on(node, dsn)


async def test_everybody_founds_at_once(dsn: str) -> None:
    """And finds the same; and again when somebody knows better than the identifiers."""
    nodes = [following(dsn, PROBING, SOON) for _ in range(6)]
    running = await asyncio.gather(*(node.__aenter__() for node in nodes))
    try:
        assert len({node.feed.epoch for node in running}) == 1
        first = running[0].feed.epoch
        async with connections(dsn, 1) as (conn,):
            await conn.execute(
                "UPDATE feed SET pruned_below = pruned_below"
            )  # as a copied row: not by the hub
            await until(lambda: all(node.feed.epoch != first for node in running))
            await until(lambda: len({node.feed.epoch for node in running}) == 1)
        for node in running:
            await goes_on(node, dsn)
    finally:
        for entered in nodes:
            await entered.__aexit__(None, None, None)
