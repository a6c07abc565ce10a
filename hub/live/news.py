"""What a view's readers have missed, as the bytes they are told it in.

Whoever was behind, resumes, or waits for its turn asks here; those who missed the same in the same
turn of the loop are told in the same bytes, encoded once. Nothing here waits or sends.
Invariant: what is told reaches from the snapshot asked about to the feed's cursor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.fanout.judgement import Shown, conflate, framed, paged
from hub.rules.cursor import Cursor

if TYPE_CHECKING:
    from hub.fanout.views import View
    from hub.live.gate import Gate
    from hub.rules.cursor import Snapshot

#: What is kept for the rest of a turn at most, so that a crowd of strangers heaps up nothing.
_KEPT = 256


class Missed(NamedTuple):
    """What a view's readers missed: its frames, none if nothing happened, and the keys they tell of."""

    frames: list[bytes]
    keys: tuple[str, ...]


_NOTHING = Missed([], ())


class News:
    """See the module."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._at: Cursor | None = None
        self._known: dict[tuple[View, Snapshot, str | None], Missed | None] = {}
        #: Counted for tests and metrics.
        self.encoded = 0

    def since(self, view: View, snapshot: Snapshot, *, watch: str | None = None) -> Missed | None:
        """``change`` frames, in as many as it takes for one ``watch``; without, one for every watch of
        the view. None: that is more than can be told, and it must be read anew.
        """
        cursor = self._gate.feed.cursor
        if cursor is not self._at:
            self._known.clear()
            self._at = cursor
        name = view, snapshot, watch
        if name in self._known:
            return self._known[name]
        told = self._told(view, snapshot, cursor, watch)
        if not self._known:
            # Only for this turn of the loop: a view with a sliding window means more than its name.
            self._gate.soon(self._known.clear)
        if len(self._known) < _KEPT:
            self._known[name] = told
        return told

    def _told(
        self, view: View, snapshot: Snapshot, cursor: Cursor, watch: str | None
    ) -> Missed | None:
        self.encoded += 1
        events = self._gate.feed.since(snapshot)
        if events is None:
            return None
        items = conflate(view, events, Shown(self._gate.directory))
        if not items:
            return None if items is None else _NOTHING
        keys = tuple([item.key for item in items])
        if watch is not None:
            begin = str(Cursor(cursor.epoch, snapshot))
            pages = paged(view, items, begin, str(cursor), watch)
            return None if pages is None else Missed(pages, keys)
        frame = framed(view, items, str(cursor))
        return None if frame is None else Missed([frame], keys)
