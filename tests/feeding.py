"""Followers of the feed, for its tests: they check each promise as it is delivered.

A Follower is a Replica and a Listener. It knows every watched row from the feed's first snapshot
on, and fails the moment a batch does not join the last one, a transaction comes twice, or an event's old
row is not the row it knew. ``one_phase`` is a server whose nodes may sleep: where transactions
can be prepared, as on the session's own, they only poll.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
import pytest
from pgserver import Server, run

from hub.db.migrations import migrate
from hub.db.pool import connect
from hub.feed import Feed
from hub.feed.doorbell import Pace
from hub.feed.feed import Limits
from hub.rules.cursor import Snapshot, covers, parse, visible
from hub.rules.event import Batch, Event
from hub.settings import Settings

TABLES = ("users", "bookings", "notifications", "reschedule_options", "preference_rankings")
#: What ``events`` does not carry of a row, or ``was`` of a change.
HIDDEN = {"email", "phone_number", "training_level", "created_at", "updated_at"}

State = dict[str, dict[str, dict[str, Any]]]
_STATE = " UNION ALL ".join(f"SELECT '{t}', to_jsonb(t)::text FROM {t} AS t" for t in TABLES)


def plain(entity: str, row: dict[str, Any]) -> dict[str, Any]:
    """The columns of a row that the feed promises: of a user the public ones, never updated_at."""
    hidden = HIDDEN if entity == "users" else {"updated_at"}
    return {name: value for name, value in row.items() if name not in hidden}


async def state_of(conn: asyncpg.Connection[Any]) -> tuple[Snapshot, State]:
    """Every watched row and the snapshot it was read in: one statement."""
    records = await conn.fetch(
        f"SELECT pg_current_snapshot()::text, rows.*"
        f" FROM (SELECT) AS one LEFT JOIN ({_STATE}) AS rows(entity, row) ON true"
    )
    state: State = {table: {} for table in TABLES}
    for _, entity, text in records:
        if entity is not None:
            row = orjson.loads(text)
            state[entity][row["id"]] = plain(entity, row)
    return parse(records[0][0]), state


def is_shown(event: Event) -> bool:
    """Whether an event was made by the reader, for a booking that shows a renamed person."""
    return event.op == "U" and not {"student_name", "instructor_name"}.isdisjoint(event.changed)


def follow(state: State, event: Event, *, strict: bool = False) -> None:
    """Apply one event; ``strict`` also holds its old row against the row known so far."""
    rows = state.setdefault(event.entity, {})
    if event.op == "T":
        rows.clear()
        return
    assert event.key is not None
    if strict and not is_shown(event):
        before = None if event.before is None else plain(event.entity, dict(event.before))
        assert before == rows.get(event.key), (event, rows.get(event.key))
    if event.row is None:
        rows.pop(event.key, None)
    else:
        rows[event.key] = plain(event.entity, dict(event.row))


class Follower:
    """What one node was handed, checked as it came; the first thing that was wrong is in ``wrong``."""

    def __init__(self) -> None:
        self.state: State = {table: {} for table in TABLES}
        self.events: list[Event] = []
        self.batches = 0
        self.restarts: list[str] = []
        self.loads = 0
        #: When each transaction was handed on, unix seconds.
        self.handed: dict[int, float] = {}
        self.wrong: str | None = None
        #: Where it began, or began again.
        self.start: Snapshot | None = None
        self._end: Snapshot | None = None

    async def load(self, conn: asyncpg.Connection[Any]) -> None:
        self.start, self.state = await state_of(conn)
        self._end = self.start
        self.loads += 1

    def apply(self, event: Event) -> None:
        try:
            follow(self.state, event, strict=True)
        except AssertionError as error:
            self.wrong = self.wrong or f"not the row it was: {error}"

    def deliver(self, batch: Batch) -> None:
        try:
            self._check(batch)
        except AssertionError as error:
            self.wrong = self.wrong or f"{error}"
        now = time.time()
        for event in batch.events:
            self.handed.setdefault(event.xid, now)
        self.events.extend(batch.events)
        self.batches += 1
        self._end = batch.end.snapshot

    def _check(self, batch: Batch) -> None:
        # Quiet reads between deliveries move the cursor, so a batch may begin past the last one's end.
        assert self._end is not None
        assert covers(self._end, batch.start), f"{batch.start} goes back before {self._end}"
        for xid in {event.xid for event in batch.events}:
            assert xid not in self.handed, f"transaction {xid} again, or split"
            assert not visible(xid, batch.start), f"{xid} was seen at {batch.start}"
            assert visible(xid, batch.end.snapshot), f"{xid} is not yet in {batch.end}"

    def restart(self, reason: str) -> None:
        self.restarts.append(reason)
        if reason == "epoch":
            self.handed.clear()  # another history uses the same numbers again

    def restarted(self) -> None:
        """Forget what was handed on before a restart."""
        self.handed.clear()
        self.events.clear()

    @property
    def counted(self) -> Counter[tuple[int, str, str, str | None]]:
        """How often each recorded event was handed on."""
        return counted(event for event in self.events if not is_shown(event))


def counted(events: Iterable[Event]) -> Counter[tuple[int, str, str, str | None]]:
    return Counter((event.xid, event.entity, event.op, event.key) for event in events)


class Node:
    """A running feed and its follower."""

    def __init__(self, feed: Feed, follower: Follower, backends: list[int]) -> None:
        self.feed = feed
        self.seen = follower
        #: The server's process of every session the feed has had, the present one last.
        self.backends = backends

    async def reach(self, conn: asyncpg.Connection[Any], timeout: float = 20.0) -> None:
        """Wait until everything committed so far was handed on, then hold it against the truth."""
        snapshot, truth = await state_of(conn)
        async with asyncio.timeout(timeout):
            await self.feed.reach(snapshot)
        assert self.seen.wrong is None, self.seen.wrong
        if covers(self.feed.cursor.snapshot, snapshot):  # nothing newer was handed on
            assert self.seen.state == truth


@asynccontextmanager
async def following(
    dsn: str,
    pace: Pace | None = None,
    limits: Limits | None = None,
    dial: Callable[[], Any] | None = None,
    begun: bool = True,
) -> AsyncIterator[Node]:
    """A feed on ``dsn`` with a follower, running until the block ends."""
    backends: list[int] = []

    async def own() -> asyncpg.Connection[Any]:
        conn = await (dial() if dial else connect(dsn, settings=Settings()))
        backends.append(conn.get_server_pid())
        return conn

    follower = Follower()
    feed = Feed(own, follower, replicas=(follower,), pace=pace, limits=limits)
    task = asyncio.create_task(feed.run())
    try:
        if begun:
            async with asyncio.timeout(20):
                await feed.begun()
        yield Node(feed, follower, backends)
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(what: Callable[[], Any], timeout: float = 20.0, told: str = "") -> Any:
    """Wait until ``what()`` is true and return it."""
    deadline = time.monotonic() + timeout
    while not (found := what()):
        assert time.monotonic() < deadline, f"in vain for {timeout} s {told}"
        await asyncio.sleep(0.01)
    return found


class OnePhase(Server):
    """A server on which no transaction can be prepared, so that nodes may sleep."""

    def _initdb(self) -> None:
        super()._initdb()
        with (self.data / "postgresql.auto.conf").open("a") as file:
            file.write("max_prepared_transactions = 0\n")


@pytest.fixture(scope="session")
def one_phase(_plain_environment: None) -> Iterator[Server]:
    """The session's server without two-phase transactions."""
    server = OnePhase()
    run(migrate(server.dsn(server.create(name="template_migrated"))))
    yield server
    server.remove()


@pytest.fixture
def sleepy_dsn(one_phase: Server) -> Iterator[str]:
    """A migrated database, with no rows, whose nodes may sleep."""
    name = one_phase.create("template_migrated")
    yield one_phase.dsn(name)
    one_phase.drop(name)
