"""The runner and the files: fresh, again, from the old schema, by hand, at once, without rights."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pgserver import Server
from rows import NOON, booking, person

from hub.db import migrations
from hub.db.files import migrations_dir
from hub.db.migrations import current, migrate, status
from hub.errors import Misconfigured, Unavailable

Connection = asyncpg.Connection
NAMES = sorted((path.name for path in migrations_dir().glob("*.sql")), key=str.encode)
DOCUMENTED = [
    "001_create_users.sql",
    "002_create_bookings.sql",
    "003a_create_availability_tables.sql",
    "003b_create_availability_patterns.sql",
    "004_create_rescheduling_tables.sql",
    "005_create_notifications.sql",
    "006_create_audit_log.sql",
]
OLD = DOCUMENTED[:3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations, to be changed."""
    return Path(shutil.copytree(migrations_dir(), tmp_path / "migrations"))


@pytest.fixture
def empty_dsn(database: Callable[..., str]) -> str:
    """A database that was never migrated."""
    return database()


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Connection]:
    conn = await asyncpg.connect(dsn)
    try:
        yield conn
    finally:
        await conn.close()


async def by_hand(dsn: str, names: list[str]) -> None:
    """Run files as the document has it: in order, with no ledger."""
    async with connected(dsn) as conn:
        for name in names:
            await conn.execute((migrations_dir() / name).read_text())


async def schema(server: Server, dsn: str) -> list[str]:
    """The whole catalog, as pg_dump writes it (all of it but its session's random key)."""
    dump = [server.program("pg_dump"), "--schema-only", "--no-owner", dsn]
    done = await asyncio.to_thread(
        subprocess.run, dump, capture_output=True, text=True, check=True, cwd="/"
    )
    return [line for line in done.stdout.splitlines() if not line.startswith("\\")]


async def test_a_fresh_database_then_nothing_to_do(empty_dsn: str) -> None:
    assert NAMES[:7] == DOCUMENTED
    before = await status(empty_dsn)
    assert [step.name for step in before] == NAMES
    assert not any(step.applied_at or step.changed for step in before)
    assert await migrate(empty_dsn) == NAMES
    assert await migrate(empty_dsn) == []
    after = await status(empty_dsn)
    assert all(step.applied_at and not step.changed for step in after)
    assert [step.applied_at for step in after] == sorted(step.applied_at for step in after)


async def test_asking_for_the_status_changes_nothing(empty_dsn: str) -> None:
    async with connected(empty_dsn) as conn:
        assert not await current(conn)
        assert await conn.fetchval("SELECT to_regclass('schema_migrations')") is None
        await migrate(conn)
        assert await current(conn)


async def test_a_second_run_only_looks(dsn: str) -> None:
    asked: list[str] = []
    async with connected(dsn) as conn:
        with conn.query_logger(lambda record: asked.append(record.query)):
            assert await migrate(conn) == []
    assert len(asked) <= 2
    assert all(query.startswith("SELECT") for query in asked)


async def test_a_changed_file_is_an_error_and_nothing_runs(dsn: str, folder: Path) -> None:
    with (folder / OLD[1]).open("a") as file:
        file.write("-- an afterthought\n")
    (folder / "900_new.sql").write_text("CREATE TABLE never ();")
    with pytest.raises(Misconfigured, match=OLD[1]):
        await migrate(dsn, folder=folder)
    changed = [step.name for step in await status(dsn, folder=folder) if step.changed]
    assert changed == [OLD[1]]
    async with connected(dsn) as conn:
        assert await conn.fetchval("SELECT to_regclass('never')") is None


async def test_other_line_ends_are_no_change(dsn: str, folder: Path) -> None:
    for name in NAMES:
        path = folder / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert await migrate(dsn, folder=folder) == []


async def test_a_new_file_runs_and_a_broken_one_leaves_nothing(dsn: str, folder: Path) -> None:
    (folder / "900_good.sql").write_text("CREATE TABLE good ();")
    (folder / "901_bad.sql").write_text("CREATE TABLE half ();\n\nSELECT nonsense;\n")
    (folder / "902_after.sql").write_text("CREATE TABLE after ();")
    with pytest.raises(Misconfigured, match=r'901_bad\.sql: line 3: column "nonsense"'):
        await migrate(dsn, folder=folder)
    async with connected(dsn) as conn:
        made = [await conn.fetchval("SELECT to_regclass($1)", t) for t in ("good", "half", "after")]
    assert made == ["good", None, None]
    (folder / "901_bad.sql").write_text("CREATE TABLE half ();")
    assert await migrate(dsn, folder=folder) == ["901_bad.sql", "902_after.sql"]


async def test_a_newer_hubs_migration_does_not_stop_this_one(dsn: str, folder: Path) -> None:
    (folder / "900_newer.sql").write_text("CREATE TABLE newer ();")
    await migrate(dsn, folder=folder)
    assert await migrate(dsn) == []
    assert [step.name for step in await status(dsn) if step.unknown] == ["900_newer.sql"]
    async with connected(dsn) as conn:
        assert await current(conn)


async def test_runners_at_once_apply_each_file_once(empty_dsn: str) -> None:
    applied = await asyncio.gather(*(migrate(empty_dsn) for _ in range(4)))
    assert sorted(chain(*applied), key=str.encode) == NAMES


async def test_a_held_table_is_not_waited_for_without_end(
    dsn: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_LOCK_TIMEOUT", "50ms")
    (folder / "900_lock.sql").write_text("ALTER TABLE bookings ADD COLUMN remarks text;")
    async with connected(dsn) as conn:
        async with conn.transaction():
            await conn.execute("LOCK TABLE bookings IN ACCESS SHARE MODE")
            with pytest.raises(Unavailable, match=r"900_lock\.sql: .*lock timeout"):
                await migrate(dsn, folder=folder)
        assert await migrate(dsn, folder=folder) == ["900_lock.sql"]


async def test_another_programs_ledger_is_left_alone(empty_dsn: str) -> None:
    async with connected(empty_dsn) as conn:
        await conn.execute("CREATE TABLE schema_migrations (version text)")
    with pytest.raises(Misconfigured, match="another program"):
        await migrate(empty_dsn)


async def test_a_folder_without_migrations(empty_dsn: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no migrations"):
        await migrate(empty_dsn, folder=tmp_path)


async def test_the_files_run_by_psql_and_again(server: Server, empty_dsn: str, dsn: str) -> None:
    command = [server.program("psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-d", empty_dsn, "-f"]

    def psql() -> None:
        for name in NAMES:
            run = [*command, migrations_dir() / name]
            subprocess.run(run, check=True, capture_output=True)

    await asyncio.to_thread(psql)
    await asyncio.to_thread(psql)
    assert await migrate(empty_dsn) == NAMES
    assert await schema(server, empty_dsn) == await schema(server, dsn)


async def test_every_file_again_by_hand_keeps_the_catalog_and_the_rows(
    server: Server, seeded_dsn: str
) -> None:
    async def contents() -> list[Any]:
        async with connected(seeded_dsn) as conn:
            tables = await conn.fetch(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
            )
            everything = "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {} AS t"
            return [(name, await conn.fetchval(everything.format(name))) for (name,) in tables]

    before, rows = await schema(server, seeded_dsn), await contents()
    await by_hand(seeded_dsn, NAMES)
    assert await schema(server, seeded_dsn) == before
    await by_hand(seeded_dsn, NAMES[::-1])
    assert await schema(server, seeded_dsn) == before
    assert await contents() == rows


@pytest.mark.parametrize("known", [True, False], ids=["in the ledger", "by hand"])
async def test_the_old_availability_is_converted(
    server: Server, empty_dsn: str, dsn: str, folder: Path, known: bool
) -> None:
    if known:
        for name in set(NAMES) - set(OLD):
            (folder / name).unlink()
        assert await migrate(empty_dsn, folder=folder) == OLD
    else:
        await by_hand(empty_dsn, OLD)
    async with connected(empty_dsn) as conn:
        teacher, student = await person(conn, "INSTRUCTOR"), await person(conn)
        for kind, who in (("instructor", teacher), ("student", student)):
            await conn.execute(
                f"INSERT INTO {kind}_availability ({kind}_id, day_of_week, start_time, end_time,"
                " created_at) VALUES ($1, 1, '09:00', '12:00', 'epoch'), ($1, 6, '13:00', '24:00', 'epoch')",
                who,
            )
        # asyncpg cannot read 24:00 as a time, so rows are read as text.
        old = await conn.fetch(
            "SELECT (id, instructor_id, day_of_week, start_time, end_time, created_at, updated_at)::text"
            " AS row FROM instructor_availability UNION ALL"
            " SELECT (id, student_id, day_of_week, start_time, end_time, created_at, updated_at)::text"
            " FROM student_availability ORDER BY row"
        )
        await conn.execute(
            """
            INSERT INTO availability_overrides
                   (user_id, override_date, start_time, end_time, is_blocked, reason, created_at)
            VALUES ($1, '2031-05-06', NULL, NULL, true, 'first', '2031-01-01'),
                   ($1, '2031-05-06', NULL, NULL, false, 'second', '2031-01-02'),
                   ($1, '2031-05-07', '15:00', NULL, true, 'from three on', '2031-01-01'),
                   ($1, '2031-05-08', NULL, '09:00', true, 'until nine', '2031-01-01'),
                   ($1, '2031-05-09', '10:00', '11:00', true, 'an hour', '2031-01-01')
            """,
            student,
        )
    assert await migrate(empty_dsn) == [name for name in NAMES if not (known and name in OLD)]
    assert await migrate(empty_dsn) == []
    assert await schema(server, empty_dsn) == await schema(server, dsn)
    async with connected(empty_dsn) as conn:
        new = await conn.fetch(
            "SELECT (id, user_id, day_of_week, start_time, end_time, created_at, updated_at)::text"
            " AS row FROM availability_patterns WHERE is_active ORDER BY row"
        )
        assert len(new) == 4
        assert new == old
        spans = await conn.fetch(
            "SELECT reason || ' ' || coalesce(start_time || '-' || end_time, 'whole day')"
            " FROM availability_overrides ORDER BY override_date"
        )
    assert [row[0] for row in spans] == [
        "second whole day",
        "from three on 15:00:00-24:00:00",
        "until nine 00:00:00-09:00:00",
        "an hour 10:00:00-11:00:00",
    ]


@pytest.mark.parametrize("table", ["instructor_availability", "availability_overrides"])
async def test_hours_that_end_before_they_start_are_named(empty_dsn: str, table: str) -> None:
    await by_hand(empty_dsn, OLD)
    async with connected(empty_dsn) as conn:
        who = await person(conn, "INSTRUCTOR")
        owner, day = (
            ("instructor_id, day_of_week", "1")
            if table == "instructor_availability"
            else ("user_id, override_date", "'2031-05-06'")
        )
        bad = await conn.fetchval(
            f"INSERT INTO {table} ({owner}, start_time, end_time)"
            f" VALUES ($1, {day}, '22:00', '02:00') RETURNING id",
            who,
        )
        with pytest.raises(Misconfigured, match=rf"^003b.*{table}.*{bad} .*22:00:00 to 02:00:00"):
            await migrate(empty_dsn)
        assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 1
        await conn.execute(f"UPDATE {table} SET end_time = '24:00'")
    assert (await migrate(empty_dsn))[0] == DOCUMENTED[3]


async def test_double_bookings_are_named_and_left_alone(empty_dsn: str, folder: Path) -> None:
    last = "008_refuse_double_booking.sql"
    text = (folder / last).read_text()
    (folder / last).unlink()
    await migrate(empty_dsn, folder=folder)
    async with connected(empty_dsn) as conn:
        teacher = await person(conn, "INSTRUCTOR")
        half = timedelta(minutes=30)
        one = await booking(conn, NOON, aircraft_id="N1", instructor_id=teacher)
        other = await booking(conn, NOON + half, aircraft_id="N1")
        third = await booking(conn, NOON - half, aircraft_id="N2", instructor_id=teacher)
        # Neither back to back, nor what is cancelled, nor no aircraft at all, is an offence.
        await booking(conn, NOON + 3 * half, aircraft_id="N1")
        await booking(conn, NOON, aircraft_id="N1", status="CANCELLED")
        for _ in range(2):
            await booking(conn, NOON, aircraft_id=None)
        (folder / last).write_text(text)
        with pytest.raises(Misconfigured) as refused:
            await migrate(empty_dsn, folder=folder)
        said = refused.value.detail
        assert said.startswith(f"{last}: live bookings overlap (times in UTC)")
        assert (
            f"aircraft_id, 1 pair(s): N1: {one} at 2031-05-06 12:00 and {other} at 2031-05-06 12:30."
            in said
        )
        assert (
            f"instructor_id, 1 pair(s): {teacher}: {third} at 2031-05-06 11:30 and {one} at" in said
        )
        assert "student_id" not in said
        assert "\n" not in said
        assert await conn.fetchval("SELECT count(*) FROM bookings WHERE status = 'CONFIRMED'") == 6
        await conn.execute("UPDATE bookings SET status = 'CANCELLED' WHERE id = $1", one)
    assert await migrate(empty_dsn, folder=folder) == [last]


@pytest.fixture
def ordinary(server: Server, empty_dsn: str) -> str:
    """The DSN of an ordinary user, who owns nothing yet, for ``empty_dsn``."""
    if not server.execute("SELECT FROM pg_roles WHERE rolname = 'ordinary'")[0]:
        server.execute("CREATE ROLE ordinary LOGIN")
    return empty_dsn.replace("postgres@", "ordinary@")


async def test_an_owner_needs_no_superuser(
    server: Server, empty_dsn: str, ordinary: str, dsn: str
) -> None:
    async with connected(empty_dsn) as conn:
        name = await conn.fetchval("SELECT current_database()")
        await conn.execute(f"ALTER DATABASE {name} OWNER TO ordinary")
    assert await migrate(ordinary) == NAMES
    await by_hand(ordinary, NAMES)
    assert await schema(server, empty_dsn) == await schema(server, dsn)


async def test_who_may_not_create_extensions_is_told_the_one_that_matters(
    empty_dsn: str, ordinary: str
) -> None:
    async with connected(empty_dsn) as conn:
        await conn.execute("GRANT CREATE ON SCHEMA public TO ordinary")
        with pytest.raises(
            Misconfigured, match=r"^008_.*: the extension btree_gist .*CREATE EXT"
        ) as told:
            await migrate(ordinary)
        assert "\n" not in told.value.detail
        await conn.execute("CREATE EXTENSION btree_gist")
        assert await migrate(ordinary) == [name for name in NAMES if name >= "008"]
        # uuid_generate_v4() came without an extension, and is as random as it says.
        source = "SELECT prosrc FROM pg_proc WHERE proname = 'uuid_generate_v4'"
        assert "gen_random_uuid" in await conn.fetchval(source)
        made = await conn.fetch("SELECT uuid_generate_v4() AS id FROM generate_series(1, 100)")
    assert len({row["id"] for row in made}) == 100
    assert {row["id"].version for row in made} == {4}


async def test_uuids_come_from_the_extension_where_there_is_one(conn: Connection) -> None:
    there = await conn.fetchval(
        "SELECT count(*) FROM pg_available_extensions WHERE name = 'uuid-ossp'"
    )
    used = await conn.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'uuid-ossp'")
    assert used == there
    assert (await conn.fetchval("SELECT uuid_generate_v4()")).version == 4
