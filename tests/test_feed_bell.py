"""The doorbell: rung when somebody sleeps, and only then; and no writer is ever the worse for it.

With the slow timer an hour away, a commit that rang no bell where it had to would be read an hour later, so
every bound here, wide as it is, tells. Nodes may only sleep on ``one_phase``.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from contextlib import AsyncExitStack
from random import Random
from typing import Any

import asyncpg
import pytest
from feeding import Node, following, until
from writing import TOUCH, connections, own_rows, touch

from hub.feed.doorbell import CHANNEL, Mode, Pace

#: The slow timer is as good as off.
NEVER = 3600.0
#: What a busy machine may take from a commit to its being read, seconds.
BOUND = 3.0
SECONDS = float(os.environ.get("HUB_TEST_ADVERSARY_SECONDS", "2"))


async def asleep(*nodes: Node) -> None:
    await until(lambda: all(node.feed.mode is Mode.ASLEEP for node in nodes))


async def test_a_sleeper_is_woken_by_every_way_to_commit(sleepy_dsn: str) -> None:
    async with (
        connections(sleepy_dsn, 1) as (writer,),
        # So many ways so fast are load, under which it would get up and hear no bell.
        following(sleepy_dsn, Pace(probe=NEVER, busy=math.inf)) as node,
    ):
        [key] = await own_rows(writer, 1)
        update = touch(key)
        for number, way in enumerate(
            (
                update,
                f"BEGIN; {update}; COMMIT",
                f"BEGIN ISOLATION LEVEL SERIALIZABLE; {update}; COMMIT",
                f"BEGIN; SAVEPOINT s; {update}; RELEASE s; COMMIT",
                f"BEGIN; SAVEPOINT s; {update}; ROLLBACK TO s; {update}; COMMIT",
                f"BEGIN; {update}; SAVEPOINT s; {update}; ROLLBACK TO s; COMMIT",
                f"DO $$BEGIN BEGIN {update}; RAISE division_by_zero; EXCEPTION WHEN OTHERS THEN"
                f" {update}; END; END$$",
                f"SET synchronous_commit = off; {update}",
                f"BEGIN; SET LOCAL session_replication_role = replica; {update}; COMMIT",
                "TRUNCATE notifications",
                "DELETE FROM bookings",
            )
        ):
            await asleep(node)
            batches = node.seen.batches
            await writer.execute(way)
            await until(lambda batches=batches: node.seen.batches > batches, BOUND, way)
            assert node.feed._bell is not None
            assert node.feed._bell.rings > number
        await node.reach(writer)


async def test_who_looked_before_the_node_lay_down_is_waited_for(sleepy_dsn: str) -> None:
    """A writer who saw nobody asleep commits without a bell, after the node has announced its sleep.

    On an idle server its xid may be the very next after the last finished one, at the xmax of any
    snapshot; so no snapshot tells that it is there, only an xid taken after the lock is above it.
    """
    async with connections(sleepy_dsn, 1) as (writer,):
        [key] = await own_rows(writer, 1)
        async with following(sleepy_dsn):
            pass  # the history is founded: the next node takes no xid before it lies down
        await writer.execute("BEGIN")
        await writer.execute(TOUCH, key)
        async with following(sleepy_dsn, Pace(probe=NEVER)) as node:
            await until(lambda: node.feed.mode is not Mode.AWAKE)
            await asyncio.sleep(0.5)
            assert node.feed.mode is Mode.DROWSY
            await writer.execute("COMMIT")
            await until(lambda: node.seen.events, BOUND)
            await asleep(node)
            assert node.feed._bell is not None
            assert node.feed._bell.rings == 0


class Distant(asyncpg.Connection):  # type: ignore[misc]
    """A connection whose answers take a while to arrive."""

    async def fetch(self, *args: Any, **more: Any) -> Any:
        found = await super().fetch(*args, **more)
        await asyncio.sleep(0.2)
        return found


async def test_a_bell_during_a_read_asks_for_another(sleepy_dsn: str) -> None:
    async def dial() -> Any:
        return await asyncpg.connect(sleepy_dsn, connection_class=Distant)

    async with (
        connections(sleepy_dsn, 1) as (writer,),
        following(sleepy_dsn, Pace(probe=NEVER), dial=dial) as node,
    ):
        [key] = await own_rows(writer, 1)
        await asleep(node)
        for _ in range(2):
            before = len(node.seen.events)
            await writer.execute(TOUCH, key)
            await asyncio.sleep(0.1)  # the read is answered, the answer under way
            await writer.execute(TOUCH, key)
            await until(lambda before=before: len(node.seen.events) == before + 2, BOUND)
        await asyncio.sleep(0.5)
        turns = node.feed.turns
        await asyncio.sleep(0.5)
        assert node.feed.turns == turns  # a sleeper sleeps


async def test_nobody_rings_while_everybody_is_awake(sleepy_dsn: str) -> None:
    """Else writers would queue behind the one lock of all commits that notify."""
    async with (
        connections(sleepy_dsn, 9) as (bystander, *writers),
        following(sleepy_dsn, Pace(quiet=0)) as node,
    ):
        heard: list[Any] = []
        await bystander.add_listener(CHANNEL, lambda *_: heard.append(1))
        keys = await own_rows(writers[0], len(writers))
        stop, commits = time.monotonic() + 1, 0

        async def write(conn: asyncpg.Connection[Any], key: Any) -> None:
            nonlocal commits
            while time.monotonic() < stop:
                await conn.execute(TOUCH, key)
                commits += 1

        await asyncio.gather(*(write(*pair) for pair in zip(writers, keys, strict=True)))
        await node.reach(bystander)
        assert commits > 50
        # Two writers who meet at the lock take each other for a sleeper; it costs a bell and no more.
        assert len(heard) <= 2 + commits // 20
        print(f"{commits} commits, {len(heard)} bells")


@pytest.mark.parametrize("seed", range(2))
async def test_no_commit_waits_for_a_bell_that_was_not_rung(sleepy_dsn: str, seed: int) -> None:
    """Gusts that make nodes change their minds, each followed by silence, in which a bell not rung
    would leave its change unread; and each transaction held against the time of its own commit."""
    paces = (
        Pace(probe=NEVER),
        Pace(probe=NEVER, busy=10**6),
        Pace(probe=NEVER, busy=30, quiet=20, window=0.05),
        Pace(probe=NEVER, busy=4, quiet=3, window=0.1, poll=0.02),
    )
    dice = Random(seed)
    async with AsyncExitStack() as stack:
        conns = await stack.enter_async_context(connections(sleepy_dsn, 12))
        nodes = [await stack.enter_async_context(following(sleepy_dsn, pace)) for pace in paces]
        keys = await own_rows(conns[0], 20)
        committed: set[int] = set()

        async def write(conn: asyncpg.Connection[Any]) -> None:
            for _ in range(dice.randint(1, 8)):
                level = dice.choice(("READ COMMITTED", "REPEATABLE READ"))
                await conn.execute(f"BEGIN ISOLATION LEVEL {level}")
                try:
                    await conn.execute(TOUCH, dice.choice(keys))
                    await asyncio.sleep(dice.choice((0, 0, 0, 0.01, 0.1, 0.4)))
                    xid = await conn.fetchval("SELECT pg_current_xact_id()::text")
                    undone = dice.random() < 0.2
                    await conn.execute("ROLLBACK" if undone else "COMMIT")
                    if not undone:
                        committed.add(int(xid))
                except asyncpg.SerializationError:
                    await conn.execute("ROLLBACK")

        stop = time.monotonic() + SECONDS
        while time.monotonic() < stop:
            await asyncio.gather(*(write(conn) for conn in conns[: dice.randint(1, 12)]))
            for node in nodes:
                await until(lambda node=node: committed <= node.seen.handed.keys(), BOUND)
            if dice.random() < 0.5:
                await asyncio.sleep(dice.uniform(0, 0.4))
        when = await conns[0].fetch(
            "SELECT xid, extract(epoch FROM pg_xact_commit_timestamp(xid::text::xid))::float8 AS at"
            " FROM unnest($1::text[]) AS xid",
            [str(xid) for xid in committed],
        )
        waits = [node.seen.handed[int(row["xid"])] - row["at"] for row in when for node in nodes]
        changes = sum(node.feed._bell.changes for node in nodes if node.feed._bell)
        print(f"{len(committed)} commits, {changes} changes of mode, at most {max(waits):.3f} s")
        assert max(waits) < BOUND
        assert changes > 2 * len(nodes)
        for node in nodes:
            await node.reach(conns[0])
