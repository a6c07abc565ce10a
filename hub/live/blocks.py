"""From WebSocket frames to server-sent events (HTML standard, 9.2.5), once for all who get the same.

The fan-out encodes and frames a view's change once; here those very bytes become ``event:``,
``data:`` and ``id:`` lines once, too, however many streams they go to. Pure. Invariant: an ``id`` is
a cursor up to which every watch of its stream is good, or :data:`VOID`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import orjson

#: The id of a stream whose client holds half a picture: who comes back with it is told ``reset``.
VOID = b"-"
#: A cursor longer than this, more than a header line may well be, is no id.
_LONGEST_ID = 4096
#: Conversions kept for the next stream that is handed the same bytes, and their bytes.
_KEPT, _KEPT_BYTES = 64, 1024 * 1024
#: Every frame begins so; its type is text of ours, without an escape.
_HEAD = len(b'{"type":"')
_CURSOR = b'"cursor":"'
#: What a change says behind its cursor if it goes on: nothing of it counts yet.
_GOES_ON = b'","more":true'
#: What only a change to everybody in a view begins with: a catch-up has its watch's id there.
_SHARED = b'{"type":"change","view"'


def payloads(frames: bytes) -> Iterator[bytes]:
    """The JSON texts of whole unmasked frames, one after the other (RFC 6455, section 5.2)."""
    at = 0
    while at < len(frames):
        size, start = frames[at + 1], at + 2
        if size >= 126:
            start += 2 if size == 126 else 8
            size = int.from_bytes(frames[at + 2 : start])
        at = start + size
        yield frames[start:at]


def kind(payload: bytes) -> bytes:
    """A frame's type."""
    return payload[_HEAD : payload.index(b'"', _HEAD)]


def retry(seconds: float) -> bytes:
    """After how long an ``EventSource`` comes back by itself."""
    return b"retry: %d\n" % round(seconds * 1000)


def blocks(frames: bytes, *, whole: bool) -> bytes:
    """The frames as events. ``whole``: every watch is good up to the cursor that comes last."""
    told = b""
    parts: list[bytes] = []
    for payload in payloads(frames):
        name = kind(payload)
        told = b""
        if name in (b"rows", b"reset") or payload.startswith(b'{"type":"error","id"'):
            told = b"id: %b\n" % VOID
        elif name == b"change" and not _goes_on(payload):
            # What is shown is newer than the id before, and not all of it as new as the cursor.
            told = b"id: %b\n" % VOID
        elif name == b"bye":
            told = _come_back(payload)
        parts.append(b"event: %b\ndata: %b\n" % (name, payload))
        parts.append(told + b"\n")
    if whole and (not told or name == b"change") and (cursor := _cursor(payload)):
        parts[-1] = b"id: %b\n\n" % cursor
    return b"".join(parts)


def _come_back(bye: bytes) -> bytes:
    after = orjson.loads(bye).get("retry_after")
    return b"" if after is None else retry(after)


def _goes_on(change: bytes) -> bool:
    end = change.find(b'"', change.find(_CURSOR) + len(_CURSOR))
    return change.startswith(_GOES_ON, end)


def _cursor(payload: bytes) -> bytes:
    # Quotes inside a JSON text are escaped, so this is found as a member's name or not at all; and
    # a frame's own cursor stands before whatever rows it has.
    start = payload.find(_CURSOR)
    if start < 0:
        return b""
    start += len(_CURSOR)
    end = payload.index(b'"', start)
    return payload[start:end] if end - start <= _LONGEST_ID else b""


class Blocks:
    """:func:`blocks`, remembering the latest changes it was asked for."""

    def __init__(self) -> None:
        self._kept: dict[tuple[bytes, bool], bytes] = {}
        self._size = 0
        #: Conversions made, for metrics and tests.
        self.made = 0

    def of(self, frames: bytes, *, whole: bool) -> bytes:
        """See :func:`blocks`."""
        # A bytes object keeps its hash and is equal to itself at sight, so what the fan-out hands to
        # many is found at no cost; what it joined anew for each is found by what it says.
        known = self._kept.get((frames, whole))
        if known is None:
            known = blocks(frames, whole=whole)
            self.made += 1
            if any(frames.startswith(_SHARED, head) for head in (4, 10, 2)):
                self._keep((frames, whole), known)
        return known

    def _keep(self, key: tuple[bytes, bool], made: bytes) -> None:
        self._kept[key] = made
        self._size += len(made)
        while len(self._kept) > _KEPT or (self._size > _KEPT_BYTES and len(self._kept) > 1):
            self._size -= len(self._kept.pop(next(iter(self._kept))))


def first_retry() -> bytes:
    """What a stream begins with: spread, so that a crowd whose hub has died does not come as one."""
    return retry(random.uniform(1.0, 3.0)) + b"\n"
