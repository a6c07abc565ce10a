"""A real PostgreSQL for the tests: made in a temporary folder, thrown away afterwards.

The wheel's, or the one whose programs lie in ``HUB_TEST_PG_BIN``. It works as root (which lends
it a system user) and as anybody. What is set here is what the hardest tests need: two-phase
transactions and commit timestamps.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from hub.db.programs import program
from hub.db.system_user import account_for

T = TypeVar("T")

#: Outlives us, sees its input close when we end (killed, too), and clears up.
WATCH = """
while read -r _; do :; done
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" && sleep 1
rm -rf "$1"
"""

SETTINGS = {
    "listen_addresses": "''",
    "max_connections": "200",
    "max_prepared_transactions": "20",
    "track_commit_timestamp": "on",
    "fsync": "off",
    "max_wal_size": "128MB",  # it may lie in memory
    "shared_buffers": "64MB",
    "deadlock_timeout": "200ms",
    "timezone": "'Asia/Kolkata'",  # a server elsewhere: nothing may lean on its zone
    "log_timezone": "UTC",
}


def _room() -> str | None:
    """Where to put it: in memory where there is plenty (there a copy of a database takes 14 ms, on a
    disk 120), else wherever temporary files go."""
    memory = Path("/dev/shm")
    plenty = 4 * 1024**3
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if min(free, shutil.disk_usage(memory).free) >= plenty and os.access(memory, os.W_OK):
            return str(memory)
    except (OSError, ValueError):
        pass  # no such place or no such figure, as on macOS
    return None


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a loop of its own, whatever loop the caller is in."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


class Server:
    """A running server. ``bin`` is the folder of its programs."""

    def __init__(self) -> None:
        chosen = os.environ.get("HUB_TEST_PG_BIN")
        self.bin = Path(chosen) if chosen else program("postgres").parent
        self.folder = Path(tempfile.mkdtemp(prefix="hub-test-", dir=_room()))
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        self._watcher = subprocess.Popen(
            ["sh", "-c", WATCH, "sh", self.folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._account = account_for(self.folder / "new", self.bin / "postgres", lambda line: None)
        self._account.own(self.data)
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = 0
        told = subprocess.run([self.bin / "postgres", "--version"], capture_output=True, check=True)
        # Quicker by far where fsync is off; PostgreSQL 14 knows no other way.
        self._copied = "" if b" 14." in told.stdout else " STRATEGY file_copy"
        self._initdb()
        self.start()

    def _initdb(self) -> None:
        options = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run(
            [self.bin / "initdb", "-D", self.data, *options],
            capture_output=True,
            text=True,
            cwd="/",
            **self._account.spawn,
        )
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        # One user who needs a password; everybody else is trusted.
        access = self.data / "pg_hba.conf"
        access.write_text(f"local all locked scram-sha-256\n{access.read_text()}")
        with (self.data / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in SETTINGS.items())
            file.write(f"unix_socket_directories = '{self.data}'\n")

    def program(self, name: str) -> Path:
        """The path of a PostgreSQL program: this server's, or the wheel's where it has none."""
        own = self.bin / name
        return own if own.exists() else program(name)

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        """The DSN of a database of this server."""
        return f"postgresql://{user}@/{database}?host={self.data}"

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server has said so far."""
        return (self.folder / "log").read_text(errors="replace")

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **self._account.spawn,
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError, IndexError):
                lines = (self.data / "postmaster.pid").read_text().splitlines()
                if lines[0] == str(self.pid) and lines[7].strip() in ("ready", "standby"):
                    return
            time.sleep(0.01)
        raise RuntimeError(f"PostgreSQL did not start:\n{self.log}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT cuts the sessions off, SIGQUIT is a crash."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it and start it again; what was committed is still there."""
        self.stop(how)
        self.start()

    def remove(self) -> None:
        """Stop it and leave nothing behind."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._watcher.communicate()

    def execute(self, *statements: str, database: str = "postgres") -> list[list[asyncpg.Record]]:
        """Run statements, each by itself, as the superuser; what each answered."""

        async def go() -> list[list[asyncpg.Record]]:
            conn = await asyncpg.connect(self.dsn(database))
            try:
                return [await conn.fetch(statement) for statement in statements]
            finally:
                await conn.close()

        return run(go())

    def create(self, template: str = "template0", name: str | None = None) -> str:
        """A new database, a copy of ``template``; its name."""
        self._numbers += 1
        name = name or f"test_{self._numbers}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"{self._copied}')
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        if self._process is None or self._process.poll() is not None:
            self.start()  # a test that stopped it and failed must not fail those after it
        [left] = self.execute(
            f"SELECT gid FROM pg_prepared_xacts WHERE database = '{name}'", database="postgres"
        )
        if left:  # it would hold the database, FORCE or not
            self.execute(*(f"ROLLBACK PREPARED '{row['gid']}'" for row in left), database=name)
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
