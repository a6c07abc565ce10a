"""The database a measurement runs on: the embedded PostgreSQL, its defaults, and a school in it.

Rows are made directly in SQL, as many as asked for. Invariant: the server is stopped and its folder
removed when the block is left; durability is PostgreSQL's default (fsync and synchronous_commit on)
unless a flush time is asked for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import asyncpg
from processes import Child, compiled, spawned

from hub.db import embedded, migrations

#: Bookings of one hour apart, so that no two overlap whoever flies them.
BOOKINGS = """
INSERT INTO bookings (id, student_id, instructor_id, aircraft_id, departure_airport, arrival_airport,
                      departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
                      scheduled_datetime, training_level, duration_minutes)
SELECT lpad(to_hex(n), 32, '0')::uuid, s.id, i.id, 'N' || n % 20, 'KAUS', 'KHYI',
       30.1945, -97.6699, 29.8927, -97.863, timestamptz '2031-01-01 00:00Z' + n * interval '1 hour',
       'PRIVATE_PILOT', 60
  FROM generate_series(1, $1) AS n
  JOIN users AS s ON s.email = format('student%s@bench', 1 + n % $2)
  JOIN users AS i ON i.email = 'instructor1@bench'
"""
USERS = """
INSERT INTO users (cognito_user_id, email, first_name, last_name, role, training_level)
SELECT format('%s-%s', $1::text, n), format('%s%s@bench', $1::text, n), 'Ada', 'Bench ' || n, upper($1::text),
       CASE $1::text WHEN 'student' THEN 'PRIVATE_PILOT' END
  FROM generate_series(1, $2::int) AS n
"""


class Database:
    """A running server. ``folder`` is a place for whatever else a measurement needs to write."""

    def __init__(self, server: embedded.Embedded, folder: Path) -> None:
        self.folder = folder
        self.dsn = server.dsn
        self._server = server

    def dsn_of(self, database: str) -> str:
        """The DSN of another database of the server."""
        return self._server.dsn_of(database)

    async def school(self, *, students: int, admins: int, bookings: int) -> None:
        """Migrate, and make people and bookings; booking n (from 1) has the id n."""
        await migrations.migrate(self.dsn)
        async with self.connected() as conn:
            for role, many in (("student", students), ("instructor", 1), ("admin", admins)):
                await conn.execute(USERS, role, many)
            await conn.execute(BOOKINGS, bookings, students)
            await conn.execute("VACUUM ANALYZE")

    @contextlib.asynccontextmanager
    async def connected(self, database: str | None = None) -> AsyncIterator[asyncpg.Connection]:
        """A connection of one's own."""
        conn = await asyncpg.connect(self.dsn_of(database) if database else self.dsn)
        try:
            yield conn
        finally:
            await conn.close()

    @contextlib.contextmanager
    def hub(self, dsn: str | None = None, core: int | None = None) -> Iterator[tuple[Child, int]]:
        """A hub on the database, as ``hub serve`` starts it; its process and port."""
        env = {
            "DATABASE_URL": dsn or self.dsn,
            "HUB_ENV": "dev",
            "HUB_STATE": str(self.folder / "state"),
            "HUB_MAX_SOCKETS_PER_PRINCIPAL": "20000",
            "HUB_MAX_SOCKETS_PER_ADDRESS": "20000",
            "HUB_REQUESTS_PER_SECOND": "1e6",
            "HUB_REQUESTS_BURST": "1000000",
            "HUB_DRAIN_SECONDS": "0",
            "HUB_LOG_LEVEL": "warning",
        }
        # It tells where it serves on stderr.
        command = [sys.executable, "-m", "hub", "serve", "--port", "0"]
        shell = ["/bin/sh", "-c", 'exec "$@" 2>&1', "sh", *command]
        with spawned(shell, core=core, env=env) as child:
            yield child, int(child.hear("hub: serving").rpartition(":")[2])


@contextlib.contextmanager
def database(
    where: Path | None = None,
    *,
    flush_us: int | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Database]:
    """A fresh server in a folder below ``where`` (default: the system's temporary folder).

    ``flush_us``: every flush takes so many microseconds instead of the disk's time.
    """
    folder = Path(tempfile.mkdtemp(prefix="hub-bench-", dir=where))
    folder.chmod(0o755)  # PostgreSQL may run as another user, and must load slowflush.so
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        env = {}
        if flush_us is not None:
            library = compiled("slowflush.c", folder, "-shared", "-fPIC")
            env = {"LD_PRELOAD": str(library), "HUB_BENCH_FLUSH_US": str(flush_us)}
        with _environment(env):
            server = embedded.start(
                folder / "state", settings={"max_connections": "100"} | (settings or {})
            )
        stack.callback(server.stop)
        yield Database(server, folder)


@contextlib.contextmanager
def _environment(more: dict[str, str]) -> Iterator[None]:
    os.environ.update(more)
    try:
        yield
    finally:
        for name in more:
            del os.environ[name]
