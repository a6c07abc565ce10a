"""Backups as the document makes them, with the server's own programs: ``pg_dump`` and ``psql <``."""

from __future__ import annotations

import asyncio
import re
import subprocess

from pgserver import Server


async def dump(server: Server, database: str, *options: str) -> str:
    """``pg_dump database > backup.sql``."""
    return await _run(server, "pg_dump", "-d", database, *options)


async def restore(server: Server, database: str, backup: str, *options: str) -> str:
    """``psql database < backup.sql``: what fails is told and passed over, unless an option says else."""
    return await _run(server, "psql", "-q", "-X", "-d", database, *options, given=backup)


async def _run(server: Server, program: str, *arguments: str, given: str = "") -> str:
    command = [server.bin / program, "-h", server.data, "-U", "postgres", *arguments]
    done = await asyncio.to_thread(
        subprocess.run, command, input=given, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def elsewhere(backup: str, shift: int) -> str:
    """The same backup as if taken in another cluster, whose transactions were numbered otherwise."""

    def shifted(found: re.Match[str]) -> str:
        rows = re.sub(r"(?m)^(\d+)", lambda xid: str(max(3, int(xid[1]) + shift)), found[2])
        return found[1] + rows + "\\.\n"

    moved, times = re.subn(
        r"(COPY public\.events [^\n]*\n)(.*?)\\\.\n", shifted, backup, flags=re.DOTALL
    )
    assert times == 1
    return moved


def halves(backup: str, before: str) -> tuple[str, str]:
    """A backup cut in two before a line that begins with a word of these."""
    at = backup.index(f"\n{before}") + 1
    return backup[:at], backup[at:]
