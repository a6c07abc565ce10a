"""The school's clock is the database's: nodes that share the one go by the other, however started."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import asyncpg
import pytest
import structlog
from running import Hub

from hub.app import open_house
from hub.db.pool import open_pool
from hub.db.school import settle
from hub.db.seeds import seed
from hub.errors import Misconfigured, Unavailable
from hub.schedule.clock import Clock
from hub.settings import Settings

Connection = asyncpg.Connection
Pool = asyncpg.Pool
StartHub = Callable[..., Awaitable[Hub]]

HERE, THERE = "America/Los_Angeles", "Europe/Berlin"
KEPT = "SELECT timezone FROM school"
PUT = "INSERT INTO school (timezone) VALUES ($1)"


async def seen(hub: Hub) -> tuple[str, str]:
    """The clock by which a node reads weekly hours, and the one its page is told."""
    who = await hub.token_of("admin@example.com")
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {who}"}) as http:
        async with http.get(f"{hub.url}/api/v1/me") as answer:
            me = (await answer.json())["id"]
        week = "from=2031-05-05T00:00:00Z&to=2031-05-06T00:00:00Z"
        async with http.get(f"{hub.url}/api/v1/availability/{me}?{week}") as answer:
            read = await answer.json()
        async with http.get(f"{hub.url}/") as answer:
            page = await answer.text()
    told = re.search('name="hub:zone" content="(.*?)"', page)
    assert told is not None
    return read["timezone"], told[1]


def warnings(logs: list[Any]) -> list[dict[str, Any]]:
    return [line for line in logs if line["log_level"] == "warning"]


async def test_a_node_given_none_has_what_another_was_given(
    seeded_dsn: str, start_hub: StartHub
) -> None:
    first = await start_hub(seeded_dsn, timezone=HERE)
    second = await start_hub(seeded_dsn)
    assert await seen(first) == await seen(second) == (HERE, HERE)
    assert second.house.settings.timezone == HERE
    day = datetime.now(UTC).astimezone(ZoneInfo(HERE)).date()
    assert second.house.calendar.today in (day, datetime.now(UTC).astimezone(ZoneInfo(HERE)).date())


async def test_nobody_was_ever_given_one(dsn: str, start_hub: StartHub, conn: Connection) -> None:
    hub = await start_hub(dsn)
    assert hub.house.settings.timezone == hub.house.settings.zone.key == "UTC"
    assert await conn.fetchval(KEPT) is None, "nobody's clock is no news to keep"


async def test_another_clock_is_kept_and_both_are_named(pool: Pool) -> None:
    with structlog.testing.capture_logs() as logs:
        assert await settle(pool, HERE) == HERE
        assert await settle(pool, HERE) == HERE
        assert await settle(pool, None) == HERE
        assert not logs
        assert await settle(pool, THERE) == THERE
    [line] = warnings(logs)
    assert (line["was"], line["now"]) == (HERE, THERE)
    assert "restart other nodes" in line["event"]
    assert await pool.fetch(KEPT) == [(THERE,)]


async def test_a_running_node_says_that_another_was_started_with_another(
    pool: Pool, conn: Connection
) -> None:
    """Once for each clock; and the days, which are everybody's, begin by the database's."""
    now = datetime.now(UTC)
    # Always another day than here: one of the two is.
    far = next(
        zone
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago")
        if now.astimezone(ZoneInfo(zone)).date() != now.date()
    )

    async def days(expected: date) -> None:
        async with asyncio.timeout(10):
            while await pool.fetchval("SELECT max(day) FROM days") != expected:
                await asyncio.sleep(0.02)

    async def anew() -> None:
        looks = clock.looks
        await pool.execute("DELETE FROM days")
        await clock.load(None)
        async with asyncio.timeout(10):
            while clock.looks == looks:
                await asyncio.sleep(0.02)

    await settle(pool, "UTC")
    clock = Clock({}, ZoneInfo("UTC"))
    task = asyncio.create_task(clock.run(pool))
    try:
        with structlog.testing.capture_logs() as logs:
            await days(now.date())
            assert not logs
            await settle(pool, far)
            logs.clear()
            for _ in range(2):
                await anew()
                await days(now.astimezone(ZoneInfo(far)).date())
            [line] = warnings(logs)
            assert (line["here"], line["database"]) == ("UTC", far)
            assert "restart this one" in line["event"]
            # By hand, and wrong: the node's own will have to do.
            await pool.execute("UPDATE school SET timezone = 'Mars/Olympus'")
            await anew()
            await days(now.date())
            assert [line["database"] for line in warnings(logs)] == [far, "Mars/Olympus"]
            await settle(pool, "UTC")
            logs.clear()
            await anew()
            await days(now.date())
            assert not logs
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("name", ["Mars/Olympus", "America", "", "/etc/passwd"])
async def test_a_clock_in_the_database_that_nobody_has(
    name: str, pool: Pool, dsn: str, start_hub: StartHub
) -> None:
    await pool.execute(PUT, name)
    with pytest.raises(Misconfigured, match=r"database's clock, .*HUB_TIMEZONE") as refused:
        await start_hub(dsn)
    assert repr(name) in refused.value.detail
    hub = await start_hub(dsn, timezone=HERE)
    assert hub.house.settings.timezone == await pool.fetchval(KEPT) == HERE


@pytest.mark.parametrize("given", [None, HERE])
async def test_a_database_that_is_not_migrated_yet(
    given: str | None, pool: Pool, dsn: str, start_hub: StartHub
) -> None:
    """The node starts, as it does without any other table, and says what it could not do."""
    await pool.execute("DROP TABLE school")
    with structlog.testing.capture_logs() as logs:
        hub = await start_hub(dsn, timezone=given)
    assert hub.house.settings.timezone == (given or "UTC")
    assert "hub migrate" in next(line["event"] for line in warnings(logs) if "here" in line)


async def test_a_database_that_only_reads(pool: Pool, dsn: str) -> None:
    """A standby: what is kept already is not written again, and anything else is refused plainly."""
    await settle(pool, HERE)
    name = await pool.fetchval("SELECT current_database()")
    await pool.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    async with await open_pool(dsn, settings=Settings()) as reader:
        assert await settle(reader, HERE) == await settle(reader, None) == HERE
        with pytest.raises(Unavailable):
            await settle(reader, THERE)


async def test_a_node_that_is_refused_sets_no_clock(dsn: str, conn: Connection) -> None:
    settings = Settings(env="prod", port=0, database_url=dsn, timezone=HERE)
    with pytest.raises(Misconfigured, match="HUB_ISSUER"):
        async with open_house(settings):
            pass
    assert await conn.fetchval(KEPT) is None


@pytest.mark.parametrize(("given", "kept"), [(None, HERE), (THERE, THERE)])
async def test_the_seeds_keep_theirs(
    given: str | None, kept: str, dsn: str, conn: Connection
) -> None:
    await seed(dsn, "dev", timezone=given)
    assert await conn.fetch(KEPT) == [(kept,)]
    for other in (None, "Asia/Kolkata"):
        await seed(dsn, "dev", timezone=other)
        assert await conn.fetch(KEPT) == [(kept,)], "the school has one"


async def test_there_is_one(conn: Connection) -> None:
    await conn.execute(PUT, HERE)
    for one in ("true", "false"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await conn.execute(f"INSERT INTO school (one, timezone) VALUES ({one}, 'UTC')")
    with pytest.raises(asyncpg.NotNullViolationError):
        await conn.execute("UPDATE school SET timezone = NULL")
