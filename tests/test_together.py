"""What many ask at once is answered by few statements, each asker as if it had asked alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from hub.db.pool import Pool, open_pool, reading, writing
from hub.db.together import AT_ONCE, MOST, Together, together
from hub.errors import Invalid, Unavailable
from hub.settings import Settings

#: What is kept under a number, at the statement's snapshot; who asked with it; it takes ``naps`` seconds.
TEXT = """
SELECT asked.number, t.said, count(*) OVER () AS many, pg_backend_pid() AS pid, pg_sleep(asked.naps)
  FROM unnest($1::int[], $2::float8[]) WITH ORDINALITY AS asked (number, naps, place)
  LEFT JOIN told AS t ON t.number = asked.number
 ORDER BY asked.place
"""
NAP = 0.3


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    pool = await open_pool(dsn, settings=Settings(pool_size=4))
    async with writing(pool, None) as write:
        await write.conn.execute("CREATE TABLE told (number int PRIMARY KEY, said text)")
        await write.conn.execute(
            "INSERT INTO told SELECT n, 'said ' || n FROM generate_series(0, 999) AS n"
        )
    yield pool
    pool.terminate()


@pytest.fixture
def reads(pool: Pool) -> Together:
    return together(pool, TEXT)


async def tell(pool: Pool, number: int, said: str) -> None:
    async with writing(pool, None) as write:
        await write.conn.execute("UPDATE told SET said = $2 WHERE number = $1", number, said)


def asking(reads: Together, *given: Any) -> asyncio.Task[asyncpg.Record]:
    return asyncio.create_task(reads.ask(*given))


async def at_it(pool: Pool) -> int:
    """How many statements are under way, as PostgreSQL has it."""
    async with reading(pool) as conn:
        found: int = await conn.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query = $1",
            TEXT,
        )
    return found


async def under_way(
    pool: Pool, reads: Together, many: int = AT_ONCE
) -> list[asyncio.Task[asyncpg.Record]]:
    """So many reads that take their time; their snapshots are taken."""
    naps = []
    for n in range(many):
        naps.append(asking(reads, 900 + n, NAP))
        while await at_it(pool) <= n:
            await asyncio.sleep(0.001)
    return naps


async def test_a_pool_s_reads_by_one_statement_are_the_same_ones(pool: Pool) -> None:
    assert together(pool, TEXT) is together(pool, TEXT)
    assert together(pool, TEXT) is not together(pool, "SELECT 1")


async def test_everyone_is_answered_what_they_asked(reads: Together) -> None:
    numbers = [*range(30), 5_000, *range(30)]
    rows = await asyncio.gather(*(reads.ask(n, 0.0) for n in numbers))
    assert [row["number"] for row in rows] == numbers
    assert [row["said"] for row in rows] == [f"said {n}" if n < 1000 else None for n in numbers]
    # Who asks the same is answered by the same row.
    assert (reads.reads, rows[0]["many"]) == (1, 31)


async def test_one_that_is_alone_waits_for_nobody(reads: Together) -> None:
    for n in range(5):
        assert (await reads.ask(n, 0.0))["many"] == 1
    assert reads.reads == 5


async def test_what_is_asked_while_reads_are_under_way_goes_into_the_next(
    pool: Pool, reads: Together
) -> None:
    naps = await under_way(pool, reads)
    later = [asking(reads, n, 0.0) for n in range(20)]
    await asyncio.sleep(NAP / 3)
    assert reads.reads == AT_ONCE
    assert not any(task.done() for task in later)
    rows = await asyncio.gather(*later)
    assert (reads.reads, {row["many"] for row in rows}) == (AT_ONCE + 1, {20})
    assert {row["many"] for row in await asyncio.gather(*naps)} == {1}


async def test_whoever_asks_sees_what_was_committed_before(pool: Pool, reads: Together) -> None:
    naps = await under_way(pool, reads, 1)
    await tell(pool, 900, "anew")
    # The very same is being read, but of a snapshot that is too old.
    again = asking(reads, 900, NAP)
    assert (await again)["said"] == "anew"
    assert (await naps[0])["said"] == "said 900"
    # Likewise where it has to wait.
    naps = await under_way(pool, reads)
    for number in (900, 1):
        await tell(pool, number, "again")
    for row in await asyncio.gather(asking(reads, 900, NAP), asking(reads, 1, 0.0)):
        assert row["said"] == "again"
    await asyncio.gather(*naps)


async def test_what_is_asked_while_a_connection_is_waited_for_goes_with_it(
    dsn: str, pool: Pool
) -> None:
    narrow = await open_pool(dsn, settings=Settings(pool_size=1))
    reads = together(narrow, TEXT)
    async with reading(narrow):
        first = asking(reads, 1, 0.0)
        await asyncio.sleep(0.01)
        await tell(pool, 1, "anew")
        second = asking(reads, 2, 0.0)
        await asyncio.sleep(0.01)
        assert reads.reads == 0
    rows = await asyncio.gather(first, second)
    assert [(row["said"], row["many"]) for row in rows] == [("anew", 2), ("said 2", 2)]
    narrow.terminate()


async def test_a_statement_answers_no_more_than_it_may_and_who_came_first_is_first(
    reads: Together,
) -> None:
    rows = await asyncio.gather(*(reads.ask(n, 0.0) for n in range(2 * MOST + 50)))
    assert [row["many"] for row in rows] == [MOST] * (2 * MOST) + [50] * 50
    assert reads.reads == 3


async def test_no_more_statements_are_under_way_than_may_be(pool: Pool, reads: Together) -> None:
    tasks = [asking(reads, n, NAP / MOST) for n in range(4 * MOST)]
    most = 0
    while not all(task.done() for task in tasks):
        most = max(most, await at_it(pool))
        await asyncio.sleep(0.01)
    assert most == AT_ONCE
    assert len({(await task)["pid"] for task in tasks}) <= AT_ONCE


async def test_who_goes_away_takes_nothing_from_the_others(reads: Together) -> None:
    naps = [asking(reads, 1, NAP), asking(reads, 1, NAP), asking(reads, 2, NAP)]
    await asyncio.sleep(NAP / 3)
    naps.append(asking(reads, 3, NAP))
    await asyncio.sleep(NAP / 3)
    later = [asking(reads, 4, 0.0), asking(reads, 4, 0.0), asking(reads, 5, 0.0)]
    await asyncio.sleep(0)
    # One of two who ask the same and one who asks alone, of what is under way and of what waits.
    for gone in (naps[0], naps[2], later[0], later[2]):
        gone.cancel()
    rows = await asyncio.gather(*naps, *later, return_exceptions=True)
    told = [None if isinstance(row, BaseException) else row["number"] for row in rows]
    assert told == [None, 1, None, 3, None, 4, None]
    assert [type(rows[n]) for n in (0, 2, 4, 6)] == [asyncio.CancelledError] * 4
    # What nobody wants any more is not asked.
    last = rows[5]
    assert not isinstance(last, BaseException)
    assert last["many"] == 1


async def test_nothing_is_sent_for_nobody(pool: Pool, reads: Together) -> None:
    naps = await under_way(pool, reads)
    gone = asking(reads, 1, 0.0)
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(*naps)
    await asyncio.sleep(0.01)
    assert reads.reads == AT_ONCE
    assert (await reads.ask(2, 0.0))["said"] == "said 2"


async def test_a_failure_is_told_to_those_it_answers_and_to_nobody_else(
    pool: Pool, reads: Together
) -> None:
    doomed = asking(reads, 1, 60.0), asking(reads, 2, 60.0)
    await asyncio.sleep(0.05)
    fine = asking(reads, 3, 2 * NAP)
    await asyncio.sleep(0.05)
    waits = asking(reads, 4, 0.0)
    await asyncio.sleep(0)
    async with reading(pool) as conn:
        await conn.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE state = 'active' AND query = $1 ORDER BY query_start LIMIT 1",
            TEXT,
        )
    for task in doomed:
        with pytest.raises(Unavailable):
            await task
    assert (await waits)["said"] == "said 4"
    assert not fine.done()
    assert (await fine)["said"] == "said 3"


async def test_what_postgresql_will_not_do_is_told_to_all_and_the_next_are_read(
    pool: Pool,
) -> None:
    reads = together(pool, "SELECT 1 / number AS share FROM unnest($1::int[]) AS number")
    failed = await asyncio.gather(reads.ask(0), reads.ask(1), return_exceptions=True)
    assert [type(wrong) for wrong in failed] == [Invalid, Invalid]
    assert (await reads.ask(1))["share"] == 1


async def test_where_no_connection_is_to_be_had_all_who_wait_are_told(dsn: str, pool: Pool) -> None:
    away = await open_pool(dsn, settings=Settings(pool_size=1))
    reads = together(away, TEXT)
    away.terminate()
    told = await asyncio.gather(*(reads.ask(n, 0.0) for n in range(3)), return_exceptions=True)
    assert all(isinstance(wrong, Exception) for wrong in told), told
    assert reads.reads == 0
