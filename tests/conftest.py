"""What every test may ask for: a real server, and a database of its own in it.

A test's database is a copy of a template that was migrated (and seeded) once, so it costs tens
of milliseconds and is nobody else's.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import hypothesis
import pytest
from pgserver import Server, run

from hub.db.migrations import migrate
from hub.db.pool import connect, open_pool
from hub.schedule.clock import Clock
from hub.settings import Settings

# How long an example takes is the machine's business.
hypothesis.settings.register_profile("hub", deadline=None)
hypothesis.settings.load_profile("hub")

pytest_plugins = ("alike", "running", "feeding", "streaming", "visiting", "axe", "hosted")

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]


#: Files with a test of about a minute: first, that nobody waits for them in the end.
LONGEST = ("test_rest_schemathesis.py", "test_kiosk_lasting.py", "test_live_drain.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole files, those with a browser spread among the rest: they take long, and hinder each other."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    order = [path for path in files if path.name in LONGEST]
    rest = [path for path in files if path not in order]
    with_browser = [path for path in rest if "browser" in _fixtures(files[path])]
    others = [path for path in rest if path not in with_browser]
    while with_browser or others:
        order += with_browser[:1] + others[:3]
        del with_browser[:1], others[:3]
    items[:] = [item for path in order for item in files[path]]


def _fixtures(items: list[pytest.Item]) -> set[str]:
    return {name for item in items for name in getattr(item, "fixturenames", ())}


@pytest.fixture(scope="session", autouse=True)
def _plain_environment() -> Iterator[None]:
    """The settings of whoever runs the tests are not the tests'."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("HUB_", "DATABASE_", "PG")) and not name.startswith("HUB_TEST_"):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def server(_plain_environment: None) -> Iterator[Server]:
    """The session's PostgreSQL. Whoever stops it starts it again."""
    server = Server()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def migrated_template(server: Server) -> str:
    """The name of a database that every migration was applied to. Never connect to it."""
    name = server.create(name="template_migrated")
    run(migrate(server.dsn(name)))
    return name


@pytest.fixture(scope="session")
def seeded_template(server: Server, migrated_template: str) -> str:
    """The same, with the development seeds, and nothing due for three quarters of an hour."""
    from hub.db.seeds import seed

    name = server.create(migrated_template, name="template_seeded")
    # On nobody's clock: the tests' own times are UTC, and who wants another starts a hub with it.
    run(seed(server.dsn(name), "dev", timezone="UTC"))
    run(_until_nothing_is_due(server.dsn(name)))
    return name


#: The seeds' day goes on at every quarter of an hour: two flights land, one search is escalated. Here
#: that is put off beyond the end of any run, each to just before the next flight of whom it concerns.
QUIET = """
    UPDATE bookings SET duration_minutes = CASE right(id::text, 2) WHEN '12' THEN 135 ELSE 120 END
     WHERE id::text ~ '^b0000000-.*0(12|16)$';
    UPDATE preference_rankings
       SET created_at = created_at + interval '70 minutes', deadline = deadline + interval '70 minutes'
     WHERE booking_id::text ~ '^b0000000-.*026$';
    UPDATE notifications SET created_at = created_at + interval '70 minutes'
     WHERE booking_id::text ~ '^b0000000-.*026$' AND type = 'OPTIONS_AVAILABLE';
"""


async def _until_nothing_is_due(dsn: str) -> None:
    """Let the hub's clock do what the seeds have due, so that no test meets it in the midst of its own."""
    pool = await open_pool(dsn, settings=Settings())
    await pool.execute(QUIET)
    clock = Clock({})
    task = asyncio.create_task(clock.run(pool))
    looks = -1
    while looks != clock.looks or not looks:
        looks = clock.looks
        await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await pool.close()


@pytest.fixture
def database(server: Server) -> Iterator[Callable[..., str]]:
    """Makes databases: ``database("template0")`` is the DSN of a new one, dropped afterwards."""
    made = []

    def make(template: str = "template0") -> str:
        made.append(server.create(template))
        return server.dsn(made[-1])

    yield make
    for name in made:
        server.drop(name)


@pytest.fixture
def dsn(database: Callable[..., str], migrated_template: str) -> str:
    """A migrated database with no rows."""
    return database(migrated_template)


@pytest.fixture
def seeded_dsn(database: Callable[..., str], seeded_template: str) -> str:
    """A migrated database with the development seeds."""
    return database(seeded_template)


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    """The hub's own pool on ``dsn``."""
    pool = await open_pool(dsn, settings=Settings())
    yield pool
    pool.terminate()


@pytest.fixture
async def conn(dsn: str) -> AsyncIterator[Connection]:
    """A connection to ``dsn`` as the hub opens them."""
    conn = await connect(dsn, settings=Settings())
    yield conn
    conn.terminate()


@pytest.fixture
async def _every_task_ends() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    # What was cancelled in closing ends at the loop's next turns.
    for _ in range(100):
        left = {task for task in asyncio.all_tasks() - before if not task.done()}
        left.discard(asyncio.current_task())  # type: ignore[arg-type]
        if not left:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"tasks still running after the test: {left}")


@pytest.fixture(autouse=True)
def _no_leaks(request: pytest.FixtureRequest) -> None:
    """A test that leaves a task running fails. First made, so it looks last."""
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        if "browser" in request.fixturenames:
            request.getfixturevalue("browser")  # it stays for the next test, and so do its tasks
        request.getfixturevalue("_every_task_ends")
