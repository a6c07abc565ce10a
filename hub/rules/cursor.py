"""A cursor is a PostgreSQL snapshot: the exact set of transactions already seen.

This room holds its arithmetic, over the text of ``pg_current_snapshot()``
(PostgreSQL manual, 9.27.7): ``xmin:xmax:xip``. Transactions below ``xmin`` are visible, from
``xmax`` on invisible, and in between visible unless listed. Nothing here reads a database.
Invariant: snapshots taken on one primary are totally ordered by :func:`covers`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

#: xid8 is 64 bits and 0 to 2 are reserved; PostgreSQL writes at most 20 digits.
_MAX_XID = 2**64 - 1
_SNAPSHOT = re.compile(r"([0-9]{1,20}):([0-9]{1,20}):((?:[0-9]{1,20}(?:,[0-9]{1,20})*)?)", re.ASCII)
_EPOCH = re.compile(r"[0-9a-z]{1,32}", re.ASCII)
#: Longer than any snapshot of ``max_connections`` that we would want a client to carry.
MAX_TEXT = 64 * 1024
#: Transactions under way that a client's cursor may list: more than any max_connections we would meet.
MAX_RUNNING = 1000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``xmin``: all below are visible; ``xmax``: none from here on; ``xip``: invisible in between."""

    xmin: int
    xmax: int
    xip: frozenset[int] = frozenset()

    def __str__(self) -> str:
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, sorted(self.xip)))}"


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a client holds: which history, and what of it was seen. Its text is ``EPOCH.SNAPSHOT``."""

    epoch: str
    snapshot: Snapshot

    def __str__(self) -> str:
        return f"{self.epoch}.{self.snapshot}"


def parse(text: str) -> Snapshot:
    """Read ``xmin:xmax:xip``. Raises ValueError for anything ``pg_snapshot`` would refuse."""
    if len(text) > MAX_TEXT or (found := _SNAPSHOT.fullmatch(text)) is None:
        raise ValueError("not a snapshot")
    xmin, xmax = int(found[1]), int(found[2])
    listed = [int(xid) for xid in found[3].split(",")] if found[3] else []
    if not 0 < xmin <= xmax <= _MAX_XID:
        raise ValueError("not a snapshot: xmin and xmax out of order")
    # The list is ascending in PostgreSQL's own output and input; a repeat is tolerated there.
    if any(a > b for a, b in pairwise(listed)):
        raise ValueError("not a snapshot: xip not ascending")
    if listed and not (xmin <= listed[0] and listed[-1] < xmax):
        raise ValueError("not a snapshot: xip outside xmin and xmax")
    return Snapshot(xmin, xmax, frozenset(listed))


def parse_cursor(text: str) -> Cursor:
    """Read ``EPOCH.SNAPSHOT``. Raises ValueError when malformed."""
    epoch, dot, snapshot = text.partition(".")
    if not dot or _EPOCH.fullmatch(epoch) is None:
        raise ValueError("not a cursor")
    read = parse(snapshot)
    if len(read.xip) > MAX_RUNNING:
        raise ValueError("not a cursor: too many transactions under way")
    return Cursor(epoch, read)


def visible(xid: int, snapshot: Snapshot) -> bool:
    """Whether the transaction had committed (or rolled back) when the snapshot was taken."""
    return xid < snapshot.xmin or (xid < snapshot.xmax and xid not in snapshot.xip)


def covers(older: Snapshot, newer: Snapshot) -> bool:
    """Whether ``newer`` has seen all that ``older`` had: invisible in newer → invisible in older."""
    if any(visible(xid, older) for xid in newer.xip):
        return False
    if newer.xmax >= older.xmax:
        return True
    # Everything from newer.xmax up to older.xmax must be in older's list: count rather than walk,
    # the gap may be astronomically wide in a forged cursor.
    return sum(xid >= newer.xmax for xid in older.xip) == older.xmax - newer.xmax
