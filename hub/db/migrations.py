"""The migration runner: files of ``sql/migrations`` in byte order, each applied once.

It needs no psql and no superuser. Invariants: one transaction a file, its line in the ledger
``schema_migrations`` included; any number of runners at once apply each file once, since each
takes the same lock within that transaction and looks again; a file that changed after it was
applied is an error, and nothing runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from hub.db import faults
from hub.db.files import migrations_dir
from hub.db.pool import connect
from hub.errors import Misconfigured, Unavailable
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.db.pool import Connection

#: The advisory lock of all runners: "hub", "mig" in ASCII.
_LOCK = 0x687562_6D6967
#: Seconds (a day): the server's word ends a migration, never our own impatience.
_PATIENCE = 86_400.0
#: How long a file waits for a table before it gives up rather than hold up everyone behind it.
_LOCK_TIMEOUT = "30s"


@dataclass(frozen=True, slots=True)
class Step:
    """One migration: its file, when it was applied (None: not yet), and whether it changed since.

    ``unknown`` is one that the ledger names and this hub does not have: a newer hub's.
    """

    name: str
    applied_at: datetime | None
    changed: bool
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    text: str
    checksum: str


def _files(folder: Path) -> Sequence[_File]:
    found = []
    for path in sorted(folder.glob("*.sql"), key=lambda path: path.name.encode()):
        # A checkout may have turned line ends; that is no change.
        text = path.read_bytes().replace(b"\r\n", b"\n")
        found.append(_File(path.name, text.decode(), hashlib.sha256(text).hexdigest()))
    if not found:
        raise Misconfigured(f"There are no migrations in {folder}.")
    return found


async def migrate(
    where: str | Connection, *, settings: Settings | None = None, folder: Path | None = None
) -> list[str]:
    """Apply what is missing, in order; the names of the files applied. ``[]``: nothing to do.

    ``where`` is a DSN, or a connection outside any transaction.
    Raises Misconfigured for a changed file and for a file the database refuses (those before it
    stay applied), Unavailable when the database cannot be reached.
    """
    files = _files(folder or migrations_dir())
    async with _connection(where, settings) as conn:
        await _check_version(conn)
        missing = _missing(files, await _ledger(conn))
        return [file.name for file in missing if await _apply(conn, file)]


async def status(
    where: str | Connection, *, settings: Settings | None = None, folder: Path | None = None
) -> list[Step]:
    """Every migration, in order, applied or not; changes nothing."""
    files = {file.name: file for file in _files(folder or migrations_dir())}
    async with _connection(where, settings) as conn:
        ledger = await _ledger(conn)
    steps = []
    for name in sorted(files.keys() | ledger.keys(), key=str.encode):
        checksum, applied_at = ledger.get(name, (None, None))
        file = files.get(name)
        changed = file is not None and checksum is not None and checksum != file.checksum
        steps.append(Step(name, applied_at, changed, unknown=file is None))
    return steps


async def current(conn: Connection) -> bool:
    """Whether every migration this hub carries is applied, unchanged."""
    steps = await status(conn)
    return all(step.applied_at is not None and not step.changed for step in steps)


@asynccontextmanager
async def _connection(
    where: str | Connection, settings: Settings | None
) -> AsyncIterator[Connection]:
    with faults.translated():
        if not isinstance(where, str):
            yield where
            return
        conn = await connect(where, settings=settings or Settings())
        try:
            yield conn
        finally:
            await conn.close()


async def _check_version(conn: Connection) -> None:
    version = conn.get_server_version()
    if version < (14,):
        raise Misconfigured(f"PostgreSQL 14 or newer is needed; this is {version.major}.")


async def _ledger(conn: Connection) -> dict[str, tuple[str, datetime]]:
    if await conn.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return {}
    try:
        rows = await conn.fetch("SELECT name, checksum, applied_at FROM schema_migrations")
    except asyncpg.UndefinedColumnError:
        raise Misconfigured(
            "The table schema_migrations here belongs to another program."
        ) from None
    return {row["name"]: (row["checksum"], row["applied_at"]) for row in rows}


def _missing(files: Sequence[_File], ledger: dict[str, tuple[str, datetime]]) -> list[_File]:
    changed = [f.name for f in files if f.name in ledger and ledger[f.name][0] != f.checksum]
    if changed:
        raise Misconfigured(
            f"Changed after it was applied: {', '.join(changed)}. Put it back as it was, and make "
            "a new migration for the change."
        )
    return [file for file in files if file.name not in ledger]


async def _apply(conn: Connection, file: _File) -> bool:
    """Apply one file, unless another runner has just done so."""
    try:
        async with conn.transaction():
            # A statement may take as long as it takes; waiting for a table may not.
            await conn.execute("SET LOCAL statement_timeout = 0")
            await conn.execute("SELECT pg_advisory_xact_lock($1)", _LOCK, timeout=_PATIENCE)
            await conn.execute(
                "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY,"
                " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            if not _missing([file], await _ledger(conn)):
                return False
            await conn.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
            await conn.execute(file.text, timeout=_PATIENCE)
            await conn.execute(
                "INSERT INTO schema_migrations (name, checksum, applied_at)"
                " VALUES ($1, $2, clock_timestamp())",
                file.name,
                file.checksum,
            )
    except asyncpg.PostgresError as error:
        said = f"{file.name}: {_line(error, file)}{error.message or error}"
        if isinstance(faults.translate(error), Unavailable):  # nothing is wrong with the file
            raise Unavailable(said) from error
        raise Misconfigured(said) from error
    return True


def _line(error: asyncpg.PostgresError, file: _File) -> str:
    if error.position is None:
        return ""
    return f"line {file.text.count(chr(10), 0, int(error.position) - 1) + 1}: "
