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
from hub.rules.rows import present, shows
from hub.rules.wire import Item, change, text_frame

#: The largest change worth one frame: rows, and bytes of JSON.
MOST_ITEMS = 1000
MOST_BYTES = 1024 * 1024
#: Members that follow from a column: who is told that one changed is told of the other.
_DERIVED = {"student_id": "student_name", "instructor_id": "instructor_name"}


class Shown:
    """Rows of one batch as JSON, each encoded once however many views show it."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._encoded: dict[int, orjson.Fragment] = {}

    def __call__(self, event: Event) -> orjson.Fragment:
        known = self._encoded.get(id(event))
        if known is None:
            assert event.row is not None
            row = dict(event.row)
            if event.entity == "bookings":
                row["student_name"] = self._directory.name(row["student_id"])
                row["instructor_name"] = self._directory.name(row["instructor_id"])
            known = orjson.Fragment(orjson.dumps(present(event.entity, row)))
            self._encoded[id(event)] = known
        return known


def _upsert(event: Event, shown: Shown, *, seen: bool) -> Item:
    changed: tuple[str, ...] = ()
    if seen:
        # A column that is not shown may have changed, too: it is nobody's business here.
        changed = tuple(filter(shows(event.entity).__contains__, event.changed))
        changed += tuple(_DERIVED[column] for column in changed if column in _DERIVED)
    assert event.key is not None
    return Item(event.xid, event.at, event.key, shown(event), changed)


def judge(view: View, event: Event, shown: Shown) -> Item | None:
    """The item that one event is in a view, or None if it does not concern it."""
    before, after = event.before, event.row
    seen = before is not None and view.matches(before)
    if after is not None and view.matches(after):
        return _upsert(event, shown, seen=seen)
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
            items.append(_upsert(event, shown, seen=seen and first[key] is event))
        elif seen:
            items.append(Item(event.xid, event.at, key, None))
    return items


def framed(
    view: View, items: Sequence[Item], cursor: str, *, watch: str | None = None
) -> bytes | None:
    """A change as one WebSocket frame; None if it is more than a client should swallow at once.

    A picture is paged and waits for its reader; a frame is handed to every socket whole.
    """
    if len(items) > MOST_ITEMS:
        return None
    told = change(view.id, cursor, items, watch=watch)
    return text_frame(told) if len(told) <= MOST_BYTES else None
