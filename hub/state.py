"""The state folder (``.hub/``): what one ``hub up`` leaves for the other commands to find.

It holds the embedded database, the development issuer's key and ``hub.json``, which says
what is running. No decisions, no database. Invariant: whoever holds a folder's lock is the
only one that starts anything in it, and the lock dies with its process, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from hub.errors import Misconfigured

#: A lock is asked for again this long (seconds): a process that is going may still hold it.
PATIENCE = 0.5


@dataclass(frozen=True, slots=True)
class Running:
    """The members of ``hub.json``: a hub that is up. ``env`` is ``dev`` or ``prod``."""

    dsn: str
    url: str
    pid: int
    env: str

    @property
    def alive(self) -> bool:
        """Whether a process of that id exists, whosever it is: false once its hub is gone."""
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except PermissionError:
            return True
        return True


def make(state: Path) -> Path:
    """Make the folder (0700) where it is missing; return its absolute path.

    Raises Misconfigured, in one line, for a folder that cannot be made or written.
    """
    state = state.absolute()
    try:
        state.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError:
        raise Misconfigured(f"{state} is not a folder; choose another with --state") from None
    except OSError as error:
        raise Misconfigured(f"cannot make the folder {state}: {error.strerror}") from None
    if not os.access(state, os.R_OK | os.W_OK | os.X_OK):
        raise Misconfigured(
            f"the folder {state} belongs to {owner(state)} and {getpass.getuser()} may not write "
            "in it; start as its owner, or choose another with --state"
        )
    return state


def owner(path: Path) -> str:
    """The name of the user a path belongs to, or ``user 1234`` for one without a name."""
    try:
        return path.owner()
    except KeyError:
        return f"user {path.stat().st_uid}"


@contextlib.contextmanager
def hold(lock: Path, taken: str) -> Iterator[None]:
    """Hold a lock file. Raises Misconfigured(taken), ``{pid}`` filled in, if another does."""
    try:
        file = lock.open("a+")
    except OSError as error:
        raise Misconfigured(f"cannot open {lock}: {error.strerror}") from None
    with file:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() < until:
                    time.sleep(0.05)
                    continue
                file.seek(0)
                raise Misconfigured(taken.format(pid=file.read().strip() or "unknown")) from None
            except OSError as error:
                raise Misconfigured(f"cannot lock {lock}: {error.strerror}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def announce(state: Path, running: Running) -> None:
    """Write ``hub.json`` (0600: the DSN may hold a password), whole or not at all."""
    new = state / "hub.json.new"
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(running), file)
    new.replace(state / "hub.json")


def withdraw(state: Path) -> None:
    """Remove ``hub.json``."""
    (state / "hub.json").unlink(missing_ok=True)


def read(state: Path) -> Running | None:
    """What ``hub.json`` says is up in this folder; None if there is none. It may be stale."""
    path = state / "hub.json"
    try:
        members = json.loads(path.read_text())
        return Running(**{field.name: members[field.name] for field in fields(Running)})
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    except PermissionError:
        raise Misconfigured(f"{path} may only be read by who ran `hub up`") from None
