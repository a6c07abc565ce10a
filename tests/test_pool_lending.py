"""Connections are lent in turn, never more than there are, and never one that is dead or busy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hub.db import lending
from hub.db.lending import Pool
from hub.db.pool import open_pool, reading
from hub.errors import Unavailable
from hub.settings import Settings


@pytest.fixture
async def two(dsn: str) -> AsyncIterator[Pool]:
    """A pool of two connections."""
    pool = await open_pool(dsn, settings=Settings(pool_size=2))
    yield pool
    pool.terminate()


async def _pid(pool: Pool) -> int:
    async with reading(pool) as conn:
        return int(await conn.fetchval("SELECT pg_backend_pid()"))


async def test_one_after_the_other_has_the_same_connection(two: Pool) -> None:
    assert len({await _pid(two) for _ in range(10)}) == 1


async def test_no_more_are_out_than_there_are_and_who_waited_longest_is_next(two: Pool) -> None:
    async with reading(two), reading(two):
        pass  # both are connected: dialling is no waiting in line
    out, most, order = 0, 0, []

    async def work(number: int) -> None:
        nonlocal out, most
        async with reading(two) as conn:
            out += 1
            most = max(most, out)
            order.append(number)
            await conn.fetchval("SELECT pg_sleep(0.002)")
            out -= 1

    await asyncio.gather(*map(work, range(40)))
    assert (most, order) == (2, sorted(order))


async def test_one_that_waits_in_vain_is_told_and_does_not_take_another_s_turn(two: Pool) -> None:
    async with reading(two), reading(two):
        with pytest.raises(Unavailable):
            async with reading(two, wait=0.02):
                pass
    async with reading(two), reading(two):
        pass


async def test_one_that_is_cancelled_as_its_turn_comes_passes_it_on(two: Pool) -> None:
    first, second = await two.borrow(1), await two.borrow(1)
    waits = [asyncio.create_task(two.borrow(1)) for _ in range(2)]
    await asyncio.sleep(0)
    await two.give_back(first)  # wakes the one that
    waits[0].cancel()  # is cancelled before it runs
    assert await asyncio.wait_for(waits[1], 1) is first
    with pytest.raises(asyncio.CancelledError):
        await waits[0]
    for lent in (first, second):
        await two.give_back(lent)


async def test_one_that_is_cancelled_in_a_statement_is_not_lent_on_busy(two: Pool) -> None:
    for _ in range(6):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02), reading(two) as conn:
                await conn.fetchval("SELECT pg_sleep(5)")
    assert await asyncio.wait_for(asyncio.gather(_pid(two), _pid(two)), 5)


async def test_one_that_died_while_nobody_had_it_is_replaced(two: Pool) -> None:
    async with reading(two) as one, reading(two) as other:
        pids = [conn.get_server_pid() for conn in (one, other)]
    async with reading(two) as conn:
        killer = conn.get_server_pid()
        [victim] = [pid for pid in pids if pid != killer]
        await conn.execute("SELECT pg_terminate_backend($1)", victim)
    async with asyncio.timeout(5):
        while True:
            async with reading(two) as one, reading(two) as other:
                now = {one.get_server_pid(), other.get_server_pid()}
                if victim not in now:
                    break
            await asyncio.sleep(0.01)
    assert killer in now
    assert len(now) == 2


async def test_one_that_nobody_needed_for_long_is_not_trusted(
    two: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await _pid(two)
    monkeypatch.setattr(lending, "TOO_LONG", 0.0)
    assert await _pid(two) != before
    await asyncio.gather(*(_pid(two) for _ in range(9)))


async def test_whoever_closes_waits_for_those_that_are_out(two: Pool) -> None:
    async with reading(two) as conn:
        closing = asyncio.create_task(two.close())
        await asyncio.sleep(0)
        assert await conn.fetchval("SELECT 1") == 1
    await asyncio.wait_for(closing, 5)


async def test_a_connection_that_cannot_be_made_keeps_nobody_s_place(two: Pool) -> None:
    await two.close()
    for _ in range(4):
        with pytest.raises(Exception, match="closed"):
            await two.borrow(1)
