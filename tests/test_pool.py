"""How the hub reads, writes and speaks of errors, against a real server that fails for real."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest
from pgserver import Server
from rows import booking, person

from hub.db import files
from hub.db.pool import connect, open_pool, reading, whereabouts, writing
from hub.db.queries import load, read
from hub.errors import Conflict, HubError, Invalid, Misconfigured, Unavailable
from hub.settings import Settings

Connection = asyncpg.Connection
Pool = asyncpg.Pool


async def test_every_connection_speaks_utc_under_a_timeout(pool: Pool) -> None:
    for setting, value in (
        ("timezone", "UTC"),
        ("application_name", "hub"),
        ("statement_timeout", "10s"),
    ):
        assert await pool.fetchval(f"SHOW {setting}") == value


async def test_a_write_is_committed_under_the_transaction_it_names(pool: Pool) -> None:
    async with writing(pool, "someone") as write:
        who = await person(write.conn)
        assert await write.conn.fetchval("SELECT current_setting('hub.actor')") == "someone"
        assert write.transaction is None
    found = await pool.fetchval("SELECT xmin::text FROM users WHERE id = $1", who)
    assert write.transaction == found
    async with writing(pool, None) as write:
        assert await write.conn.fetchval("SELECT current_setting('hub.actor')") == ""
    assert write.transaction is None


async def test_a_write_that_raises_leaves_nothing(pool: Pool) -> None:
    async def fail() -> None:
        async with writing(pool, None) as write:
            await person(write.conn)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await pool.fetchval("SELECT count(*) FROM users") == 0


async def test_a_cancelled_write_leaves_nothing_and_gives_its_connection_back(pool: Pool) -> None:
    inside = asyncio.Event()

    async def hang() -> None:
        async with writing(pool, None) as write:
            await person(write.conn)
            inside.set()
            await write.conn.execute("SELECT pg_sleep(60)")

    tasks = [asyncio.create_task(hang()) for _ in range(pool.get_max_size())]
    async with asyncio.timeout(20):
        await inside.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)
    async with reading(pool) as conn:
        assert await conn.fetchval("SELECT count(*) FROM users") == 0


async def test_a_write_broken_off_at_any_moment_leaves_nothing_and_complains_of_nothing(
    dsn: str,
) -> None:
    loop = asyncio.get_running_loop()
    complaints: list[str] = []
    loop.set_exception_handler(lambda _, told: complaints.append(told["message"]))
    try:
        async with await open_pool(dsn, settings=Settings(pool_size=1)) as pool:
            for tenth in range(50):
                task = asyncio.create_task(_one_person(pool))
                await asyncio.sleep(tenth / 10_000)
                # Broken off where it waits for PostgreSQL, whatever it waits for by then.
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                async with reading(pool) as conn:
                    assert not conn.is_in_transaction()
                    assert await conn.fetchval("SELECT 1") == 1
    finally:
        loop.set_exception_handler(None)
    assert complaints == []


async def _one_person(pool: Pool) -> None:
    async with writing(pool, None) as write:
        await person(write.conn)


async def test_nothing_of_a_write_stays_on_its_connection(dsn: str) -> None:
    async with await open_pool(dsn, settings=Settings(pool_size=1)) as pool:
        async with writing(pool, "someone"):
            pass
        async with reading(pool) as conn:
            assert await conn.fetchval("SELECT current_setting('hub.actor', true)") == ""
            assert not conn.is_in_transaction()


async def refusal(pool: Pool, work: Callable[[Connection], Awaitable[object]]) -> HubError:
    """What ``work`` is told, done as a write."""
    with pytest.raises(HubError) as told:
        async with writing(pool, None) as write:
            await work(write.conn)
    return told.value


async def test_refusals_name_the_field(pool: Pool) -> None:
    nobody = "00000000-0000-0000-0000-000000000000"
    async with reading(pool) as conn:
        who = await person(conn, "INSTRUCTOR")
    for given, pointer in (
        ({"status": "LOST"}, "/status"),
        ({"training_level": "ACE"}, "/training_level"),
        ({"student_id": nobody}, "/student_id"),
        ({"duration_minutes": -1}, "/duration_minutes"),
        ({"arrival_airport": None}, "/arrival_airport"),
        ({"student_id": who, "instructor_id": who}, "/instructor_id"),
        ({"aircraft_id": "N" * 51}, ""),
        ({"duration_minutes": 10**12}, ""),
        ({"aircraft_id": "\0"}, ""),
    ):
        told = await refusal(pool, lambda conn, given=given: booking(conn, **given))
        assert isinstance(told, Invalid), given
        assert [fault.pointer for fault in told.faults] == [pointer]


async def test_conflicts_say_which(pool: Pool) -> None:
    async with writing(pool, None) as write:
        acted = await person(write.conn)
        await booking(write.conn, student_id=acted)
        await write.conn.execute(
            "INSERT INTO audit_log (entity_type, entity_id, action, user_id)"
            " VALUES ('user', $1, 'LOGIN', $1)",
            acted,
        )
    rename = "INSERT INTO users SELECT * FROM users WHERE id = $1"
    for code, pointer, work in (
        ("overlap", [], lambda conn: booking(conn)),
        ("duplicate", ["/id"], lambda conn: conn.execute(rename, acted)),
        ("immutable", [], lambda conn: conn.execute("DELETE FROM users WHERE id = $1", acted)),
    ):
        told = await refusal(pool, work)
        assert isinstance(told, Conflict)
        assert told.code == code
        assert [fault.pointer for fault in told.faults] == pointer
        assert "Byron" not in told.detail


async def test_an_overlap_deferred_to_the_commit_is_told_all_the_same(pool: Pool) -> None:
    async def work(conn: Connection) -> None:
        await booking(conn)
        await conn.execute("SET CONSTRAINTS ALL DEFERRED")
        await booking(conn)

    assert (await refusal(pool, work)).code == "overlap"


async def test_a_bug_looks_like_one(pool: Pool) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        async with reading(pool) as conn:
            await conn.fetch("SELECT * FROM nonsense")
    with pytest.raises(asyncpg.DataError):
        async with reading(pool) as conn:
            await conn.fetch("SELECT $1::int", "one")


async def test_a_statement_that_takes_too_long(dsn: str) -> None:
    async with await open_pool(dsn, settings=Settings(statement_timeout=0.1)) as pool:
        told = await refusal(pool, lambda conn: conn.execute("SELECT pg_sleep(30)"))
        assert isinstance(told, Unavailable)
        assert told.retry_after > 0


async def test_a_pool_without_a_connection_to_spare(dsn: str) -> None:
    async with await open_pool(dsn, settings=Settings(pool_size=1)) as pool, reading(pool):
        with pytest.raises(Unavailable):
            async with reading(pool, wait=0.05):
                pass


async def test_changes_that_cross_may_be_tried_again(pool: Pool) -> None:
    async with reading(pool) as conn:
        one, other = await person(conn), await person(conn)
    touch = "UPDATE users SET phone_number = '1' WHERE id = $1"
    both = asyncio.Barrier(2)

    async def cross(first: object, second: object) -> None:
        async with writing(pool, None) as write:
            await write.conn.execute(touch, first)
            await both.wait()
            await write.conn.execute(touch, second)

    told = await asyncio.gather(cross(one, other), cross(other, one), return_exceptions=True)
    [loser] = [each for each in told if each is not None]
    assert isinstance(loser, Unavailable)
    assert (loser.code, loser.retry_after) == ("contended", 0.1)


async def test_changes_that_do_not_serialize_may_be_tried_again(dsn: str) -> None:
    async with await open_pool(dsn, settings=Settings(pool_size=2)) as pool:
        await pool.execute(
            "ALTER DATABASE "
            + dsn.split("/")[3].split("?")[0]
            + " SET default_transaction_isolation = 'repeatable read'"
        )
        await pool.expire_connections()
        async with reading(pool) as conn:
            who = await person(conn)
        touch = "UPDATE users SET phone_number = $2 WHERE id = $1"

        async def work(conn: Connection) -> None:
            await conn.fetch("SELECT * FROM users")
            await pool.execute(touch, who, "1")
            await conn.execute(touch, who, "2")

        assert (await refusal(pool, work)).code == "contended"


@asynccontextmanager
async def doomed(conn: Connection, pool: Pool, query: str) -> AsyncIterator[None]:
    """Kills ``conn``'s backend once it runs ``query``."""
    pid = conn.get_server_pid()

    async def kill() -> None:
        found = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        found += " WHERE pid = $1 AND state = 'active' AND query LIKE $2"
        async with asyncio.timeout(20):
            while not await pool.fetchval(found, pid, query):
                await asyncio.sleep(0.01)

    killer = asyncio.create_task(kill())
    try:
        yield
    finally:
        await killer


async def test_a_backend_killed_in_a_write(pool: Pool) -> None:
    async def work(conn: Connection) -> None:
        async with doomed(conn, pool, "%sleep%"):
            await person(conn)
            await conn.execute("SELECT pg_sleep(60)")

    assert (await refusal(pool, work)).code == "unavailable"
    async with reading(pool) as conn:
        assert await conn.fetchval("SELECT count(*) FROM users") == 0


async def test_a_backend_killed_while_it_confirms(pool: Pool) -> None:
    await pool.execute(
        """
        CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON users
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle();
        """
    )
    done = asyncio.Event()

    async def write_one() -> None:
        async with writing(pool, None) as write:
            await person(write.conn)
            confirming.append(doomed(write.conn, pool, "COMMIT%"))
            done.set()

    confirming: list[AbstractAsyncContextManager[None]] = []
    task = asyncio.create_task(write_one())
    async with asyncio.timeout(20):
        await done.wait()
    async with confirming[0]:
        with pytest.raises(Unavailable) as told:
            await task
    assert told.value.code == "unknown-outcome"


async def test_a_server_that_goes_and_comes_back(pool: Pool, server: Server) -> None:
    async with reading(pool) as conn:
        await person(conn)
    try:
        server.stop(signal.SIGQUIT)
        with pytest.raises(Unavailable) as told:
            async with reading(pool) as conn:
                await conn.fetchval("SELECT 1")
        assert "\n" not in told.value.detail
    finally:
        server.start()
    async with reading(pool) as conn:
        assert await conn.fetchval("SELECT count(*) FROM users") == 1


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (("/test_", "/absent_"), Misconfigured, "no such database"),
        (("postgres@", "locked:hunter2@"), Misconfigured, "refuses this user or password"),
        (("postgres@", "nobody@"), Misconfigured, "refuses this user or password"),
        (("host=/", "host=/absent/"), Unavailable, "cannot be reached"),
        (("postgresql:", "mysql:"), Misconfigured, "URL cannot be read"),
    ],
)
async def test_a_connection_refused_says_why(
    dsn: str, server: Server, change: tuple[str, str], error: type[HubError], says: str
) -> None:
    with suppress(asyncpg.DuplicateObjectError):
        server.execute("CREATE ROLE locked LOGIN PASSWORD 'swordfish'")
    wrong = dsn.replace(*change)
    assert wrong != dsn
    for opening in (connect, open_pool):
        with pytest.raises(error, match=says) as told:
            await opening(wrong, settings=Settings())
        assert "hunter2" not in repr(told.value)
        assert "\n" not in told.value.detail


async def test_a_server_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        dsn = f"postgresql://a:hunter2@127.0.0.1:{mute.getsockname()[1]}/b"
        with pytest.raises(Unavailable, match="does not answer") as told:
            await connect(dsn, settings=Settings(connect_timeout=0.1))
    assert "hunter2" not in told.value.detail


def test_whereabouts_keep_secrets() -> None:
    for dsn, said in (
        ("postgresql://u:secret@db.example:6543/school?sslmode=require", "db.example:6543/school"),
        ("postgresql:///school?host=/run/pg&password=secret", "/run/pg:5432/school"),
        ("postgresql://u:secret@[::1]/a%20b", "::1:5432/a b"),
        ("postgresql://u:secret@one:1,two:2/school", "the given URL"),
    ):
        assert whereabouts(dsn) == said


def test_the_files_are_found_and_the_queries_load() -> None:
    assert (files.migrations_dir() / "001_create_users.sql").is_file()
    assert files.seeds_dir().is_dir()
    assert load().available_queries


def test_two_queries_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.sql").write_text("-- name: same()^\nSELECT 1;\n")
    with pytest.raises(ValueError, match="same"):
        read(tmp_path)
