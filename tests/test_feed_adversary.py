"""The feed against an adversary: exactly once, in each row's order, and state plus changes is the truth.

Eleven writers (see ``adversary``) against nodes that begin at different times and pace themselves
differently. HUB_TEST_ADVERSARY_SECONDS lengthens the fight, HUB_TEST_ADVERSARY_SEED varies it. Where
transactions can be prepared nodes may not sleep, since NOTIFY forbids it, so both servers are tried.
"""

from __future__ import annotations

import asyncio
import copy
import os
from collections import Counter
from contextlib import AsyncExitStack, suppress
from random import Random
from typing import Any

import asyncpg
import pytest
from adversary import Adversary
from feeding import Follower, Node, State, counted, follow, following, is_shown, state_of

from hub.db.pool import connect
from hub.feed import Gone
from hub.feed.doorbell import Pace
from hub.feed.feed import Limits
from hub.feed.reader import _events
from hub.feed.sql import SQL
from hub.rules.cursor import Cursor, Snapshot
from hub.rules.event import Event
from hub.settings import Settings

SECONDS = float(os.environ.get("HUB_TEST_ADVERSARY_SECONDS", "2"))
SEED = int(os.environ.get("HUB_TEST_ADVERSARY_SEED", "0")) or Random().randrange(1, 10**6)
FAR = 10**6

#: Nodes that never sleep, sleep at once, and change their minds all the time.
PACES = (
    Pace(probe=2.0, quiet=0),
    Pace(probe=3600.0, busy=FAR),
    Pace(probe=3600.0, busy=40, quiet=20),
    Pace(probe=3600.0, busy=5, quiet=4, window=0.05, poll=0.03),
)


async def recorded(conn: asyncpg.Connection[Any], since: Snapshot) -> tuple[Event, ...]:
    """Straight from the table, in its order: what ``since`` has not seen."""
    number = await conn.fetchval("SELECT number::text FROM feed")
    return _events(await conn.fetch(SQL.read, number, str(since), FAR))


async def watch_states(
    dsn: str, into: list[tuple[Snapshot, State]], adversary: Adversary, every: float
) -> None:
    """Read everything now and then, in a statement or in a REPEATABLE READ transaction."""
    conn = await connect(dsn, settings=Settings())
    try:
        while True:
            await asyncio.sleep(adversary.dice.uniform(0, every))
            if adversary.dice.random() < 0.5:
                into.append(await state_of(conn))
            else:
                async with adversary.truncating, conn.transaction(isolation="repeatable_read"):
                    await conn.execute("SELECT count(*) FROM users")
                    await asyncio.sleep(0.02)
                    into.append(await state_of(conn))
    finally:
        conn.terminate()


@pytest.mark.timeout(60 + 4 * SECONDS)
@pytest.mark.parametrize("phases", [1, 2])
async def test_exactly_once_in_order_and_true(phases: int, request: pytest.FixtureRequest) -> None:
    dsn: str = request.getfixturevalue("sleepy_dsn" if phases == 1 else "dsn")
    print(f"seed {SEED}")
    adversary = Adversary(dsn, seed=SEED, two_phase=phases == 2)
    await adversary.prepare()
    states: list[tuple[Snapshot, State]] = []
    nodes: list[Node] = []
    async with AsyncExitStack() as stack:
        # The first founds the history, which forgets what was recorded before.
        nodes.append(await stack.enter_async_context(following(dsn, PACES[0])))
        fight = asyncio.create_task(adversary.run(SECONDS))
        watch = asyncio.create_task(
            watch_states(dsn, states, adversary, every=min(SECONDS / 20, 1))
        )
        try:
            for pace in PACES[1:]:
                # One of them holds next to nothing in memory.
                limits = Limits(history=100_000 if len(nodes) == 1 else 2**30)
                async with adversary.truncating:
                    nodes.append(await stack.enter_async_context(following(dsn, pace, limits)))
                await asyncio.sleep(SECONDS / 8)
            await fight
        finally:
            watch.cancel()
            fight.cancel()
            await asyncio.gather(watch, fight, return_exceptions=True)
        conn = await connect(dsn, settings=Settings())
        stack.push_async_callback(conn.close)
        _, truth = await state_of(conn)
        counts = adversary.counts | Counter(states=len(states), nodes=len(nodes))
        for node in nodes:
            await node.reach(conn)
            seen = node.seen
            assert seen.state == truth
            assert seen.start is not None
            assert not seen.restarts
            assert seen.counted == counted(await recorded(conn, seen.start))
            counts["read"] += len(seen.events)
            counts["modes"] += node.feed._bell.changes if node.feed._bell else 0
        await the_states_lead_to_the_truth(conn, dsn, nodes, states, truth)
        held = await conn.fetch(
            "SELECT * FROM pg_locks WHERE locktype = 'advisory' AND mode ~ 'Excl'"
        )
        assert not held
    counts["events"] = len(nodes[0].seen.events)
    print(f"\nseed {SEED}, phases {phases}: {dict(counts)}")
    assert counts["committed"] > 5 * SECONDS
    assert phases == 2 or counts["modes"] > SECONDS


async def the_states_lead_to_the_truth(
    conn: asyncpg.Connection[Any],
    dsn: str,
    nodes: list[Node],
    states: list[tuple[Snapshot, State]],
    truth: State,
) -> None:
    """From any state, by the table or by a node's memory and what it recalls, to the same end."""

    class Lent:
        async def __aenter__(self) -> asyncpg.Connection[Any]:
            return conn

        async def __aexit__(self, *_: object) -> None: ...

    assert len(states) > 5
    recalled = 0
    for number, (snapshot, state) in enumerate(states):
        now = copy.deepcopy(state)
        recorded_since = await recorded(conn, snapshot)
        for event in recorded_since:
            follow(now, event, strict=True)
        assert now == truth
        node = nodes[number % len(nodes)]
        # Too much for this node, or people were renamed before it began.
        with suppress(Gone):
            await node.feed.recall(Cursor(node.feed.epoch, snapshot), Lent)
        if (since := node.feed.since(snapshot)) is None:
            continue
        recalled += 1
        held = tuple(since)
        assert counted(e for e in held if not is_shown(e)) == counted(recorded_since)
        now = copy.deepcopy(state)
        for event in held:
            follow(now, event)
        assert now == truth
    assert recalled


def test_a_follower_notices() -> None:
    """The follower's own checks are worth something: each wrong stream is found out."""
    from dataclasses import replace

    from hub.rules.event import Batch

    row = {"id": "k", "n": 1}
    made = Event(5, "", "bookings", "I", "k", row, None)
    changed = Event(6, "", "bookings", "U", "k", {"id": "k", "n": 2}, {"n": 1})

    def told(*batches: tuple[int, int, list[Event]]) -> str | None:
        seen = Follower()
        seen._end = Snapshot(5, 5)
        for start, end, events in batches:
            for event in events:
                seen.apply(event)
            seen.deliver(
                Batch(Snapshot(start, start), Cursor("e", Snapshot(end, end)), tuple(events))
            )
        return seen.wrong

    assert told((5, 7, [made, changed])) is None
    assert told((5, 6, [made]), (6, 7, [changed])) is None
    assert "not the row" in str(told((5, 7, [changed, made])))
    assert "not the row" in str(told((5, 6, [made]), (6, 7, [made])))
    assert "again, or split" in str(told((5, 7, [made]), (7, 8, [replace(changed, xid=5)])))
    assert "goes back" in str(told((5, 6, [made]), (5, 7, [changed])))
    assert "not yet" in str(told((5, 6, [made, changed])))
    assert "was seen" in str(told((6, 7, [made])))
