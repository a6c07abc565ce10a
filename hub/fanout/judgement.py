"""What an event, or a stretch of them, means to one view.

Both the old and the new row are judged: a row that leaves a view is removed from it, a row that
enters is new to it. Pure but for the directory's names. Invariant: applying a view's items to its
rows at one cursor gives its rows at the next, whether one by one or conflated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from hub.fanout.views import View
from hub.identity.directory import Directory
from hub.rules.event import Event
from hub.rules.topics import Topic
from hub.rules.wire import Item, change, grouped, text_frame

#: The largest change worth one frame: rows, and bytes of JSON.
MOST_ITEMS = 1000
MOST_BYTES = 1024 * 1024
#: What the renaming of somebody "changes" in the rows that show them (see the feed's reader).
_NAMES = frozenset({"student_name", "instructor_name"})


class Shown:
    """Rows of one batch as JSON, each encoded once a topic however many views show it."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._encoded: dict[tuple[str, int], orjson.Fragment] = {}

    def __call__(self, topic: Topic, event: Event) -> orjson.Fragment:
        """The event's row as the topic shows it."""
        name = (topic.name, id(event))
        known = self._encoded.get(name)
        if known is None:
            assert event.row is not None
            named = topic.named(event.row, self._directory)
            known = self._encoded[name] = orjson.Fragment(orjson.dumps(topic.show(named)))
        return known


def _upsert(view: View, event: Event, shown: Shown, *, seen: bool) -> Item | None:
    changed: tuple[str, ...] = ()
    if seen:
        # A column that is not shown may have changed, too: it is nobody's business here.
        changed = view.topic.changed(event.changed)
        if not changed and view.topic.masks:
            return None
    assert event.key is not None
    late = bool(event.changed) and _NAMES.issuperset(event.changed)
    return Item(event.xid, event.at, event.key, shown(view.topic, event), changed, late)


def judge(view: View, event: Event, shown: Shown) -> Item | None:
    """The item that one event is in a view, or None if it does not concern it."""
    before, after = event.before, event.row
    seen = before is not None and view.matches(before)
    if after is not None and view.matches(after):
        return _upsert(view, event, shown, seen=seen)
    if seen:
        assert event.key is not None
        return Item(event.xid, event.at, event.key, None)
    return None


def conflate(view: View, events: Iterable[Event], shown: Shown) -> list[Item] | None:
    """A stretch of events as one change: per row only where it ended, under its last transaction.

    A row that came and went in between is not mentioned. None if the stretch holds a TRUNCATE of
    the view's table, after which the view must be read anew.
    """
    first: dict[str, Event] = {}
    last: dict[str, Event] = {}
    for event in events:
        if event.entity != view.topic.entity:
            continue
        if event.key is None:
            return None
        first.setdefault(event.key, event)
        # Re-inserted, so that the items stand in the order of each row's last change.
        last.pop(event.key, None)
        last[event.key] = event
    items = []
    for key, event in last.items():
        before = first[key].before
        seen = before is not None and view.matches(before)
        if event.row is not None and view.matches(event.row):
            # Several changes were folded: which members changed since is not one event's to say.
            item = _upsert(view, event, shown, seen=seen and first[key] is event)
            if item is not None:
                items.append(item)
        elif seen:
            items.append(Item(event.xid, event.at, key, None))
    return items


def framed(view: View, items: Sequence[Item], cursor: str) -> bytes | None:
    """A change as one WebSocket frame; None if it is more than a client should swallow at once.

    A picture is paged and waits for its reader; a frame is handed to every socket whole.
    """
    if len(items) > MOST_ITEMS:
        return None
    told = change(view.id, cursor, grouped(items))
    return text_frame(told) if len(told) <= MOST_BYTES else None


def paged(
    view: View, items: Sequence[Item], begin: str, end: str, watch: str
) -> list[bytes] | None:
    """What one watch missed between two cursors, in as many frames as it takes, addressed to it.

    No transaction is split, and all but the last frame say ``more`` and that the client is still
    where it began. None if a single transaction is more than a client should swallow at once.
    """
    frames: list[bytes] = []
    left = [grouped(items)]
    while left:
        groups = left.pop()
        last = not left
        if sum(map(len, groups)) <= MOST_ITEMS:
            told = change(view.id, end if last else begin, groups, watch=watch, more=not last)
            if len(told) <= MOST_BYTES:
                frames.append(text_frame(told))
                continue
        if len(groups) == 1:
            return None
        middle = len(groups) // 2
        left += [groups[middle:], groups[:middle]]
    return frames
