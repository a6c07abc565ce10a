"""Changes that arrive by logical replication: another server's writes, applied here by its worker.

The worker runs as a replica and calls triggers of rows only, none of statements but TRUNCATE's (PostgreSQL
manual, 29.8). A session that merely sets session_replication_role does not show that; a subscription does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from feeding import TABLES, OnePhase, follow, following, state_of
from pgserver import Server
from test_feed_epochs import PROBING
from writing import TOUCH, connections, own_rows

from hub.db.migrations import migrate

Conn = asyncpg.Connection


class Replicating(OnePhase):
    """A server whose log can be decoded."""

    def _initdb(self) -> None:
        super()._initdb()
        with (self.data / "postgresql.auto.conf").open("a") as file:
            file.write("wal_level = logical\n")


@pytest.fixture
def replicating(_plain_environment: None) -> Iterator[Server]:
    server = Replicating()
    yield server
    server.remove()


@pytest.fixture
async def pair(replicating: Server) -> AsyncIterator[tuple[str, str]]:
    """Two databases of one server; the second follows the first's watched tables."""
    here, there = (replicating.dsn(replicating.create()) for _ in range(2))
    for dsn in (here, there):
        await migrate(dsn)
    async with connections(here, 1) as (source,), connections(there, 1) as (copy,):
        await source.execute(f"CREATE PUBLICATION p FOR TABLE {', '.join(TABLES)}")
        await source.execute("SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
        where = f"host={replicating.data} dbname={here.partition('?')[0].rpartition('/')[2]}"
        await copy.execute(
            f"CREATE SUBSCRIPTION s CONNECTION '{where} user=postgres' PUBLICATION p"
            f" WITH (create_slot = false, slot_name = 's', copy_data = false)"
        )
        yield here, there
        await copy.execute("ALTER SUBSCRIPTION s DISABLE")
        await copy.execute("ALTER SUBSCRIPTION s SET (slot_name = NONE)")
        await copy.execute("DROP SUBSCRIPTION s")


async def test_what_is_replicated_is_recorded(pair: tuple[str, str]) -> None:
    here, there = pair
    async with (
        connections(here, 1) as (source,),
        connections(there, 1) as (copy,),
        following(there, PROBING) as node,
    ):
        keys = await own_rows(source, 3)
        async with source.transaction():
            for key in keys:
                await source.execute(TOUCH, key)
        person = await source.fetchval("SELECT student_id FROM bookings LIMIT 1")
        await source.execute(
            "UPDATE users SET first_name = 'Grace', email = 'x' WHERE id = $1", person
        )
        await source.execute(
            "INSERT INTO notifications (user_id, type, title, message)"
            " SELECT $1, 'ESCALATION', 't', n::text FROM generate_series(1, 3) AS n",
            person,
        )
        await source.execute("TRUNCATE notifications")
        await source.execute("DELETE FROM bookings WHERE id = $1", keys[0])
        _, truth = await state_of(source)
        async with asyncio.timeout(30):
            while (await state_of(copy))[1] != truth:
                await asyncio.sleep(0.05)
        await node.reach(copy)
        assert node.seen.state == truth
        said = [(event.entity, event.op) for event in node.seen.events]
        assert said.count(("bookings", "U")) >= 3
        assert ("notifications", "T") in said
        touched = {event.xid for event in node.seen.events if "duration_minutes" in event.changed}
        assert len(touched) == 1  # a transaction there is a transaction here

        # And a row that both a session here and the worker write is one stream of changes.
        await copy.execute("UPDATE bookings SET status = 'COMPLETED' WHERE id = $1", keys[1])
        await node.reach(copy)
        empty = {table: {} for table in TABLES}
        for event in node.seen.events:
            follow(empty, event)
        assert empty["bookings"] == (await state_of(copy))[1]["bookings"]
