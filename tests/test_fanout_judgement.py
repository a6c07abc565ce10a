"""Judging and conflating: whatever the events, applying a view's items keeps a client right."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.fanout import judgement
from hub.fanout.judgement import Shown, conflate, judge, paged
from hub.fanout.views import View
from hub.identity.directory import Directory
from hub.rules.access import Everyone, Person
from hub.rules.event import Event
from hub.rules.filters import NotificationFilter
from hub.rules.topics import TOPICS
from hub.rules.wire import Item, change, grouped

NOTIFICATIONS = TOPICS["notifications"]
VIEWS = [
    View("v1", NOTIFICATIONS, Person("a"), NotificationFilter()),
    View("v2", NOTIFICATIONS, Person("a"), NotificationFilter(read=False)),
    View("v3", NOTIFICATIONS, Everyone(), NotificationFilter(read=True)),
]
State = dict[str, dict[str, Any]]


def _row(key: str, user: str, read: bool, title: str) -> dict[str, Any]:
    return {
        "id": key,
        "user_id": user,
        "booking_id": None,
        "type": "CONFIRMATION",
        "title": title,
        "message": "m",
        "read": read,
        "created_at": "2026-01-01T00:00:00+00:00",
    }


moves = st.lists(
    st.tuples(
        st.sampled_from(["k1", "k2", "k3"]),
        st.sampled_from(["put", "put", "put", "delete"]),
        st.sampled_from(["a", "b"]),
        st.booleans(),
        st.sampled_from(["x", "y"]),
        st.booleans(),
    ),
    max_size=25,
)


def _history(given: list[Any]) -> tuple[list[Event], list[State]]:
    """Events as the database would record them, and the table before each and at the end."""
    table: State = {}
    states = [dict(table)]
    events = []
    xid = 100
    for key, what, user, read, title, same in given:
        xid += not same
        before = table.get(key)
        if what == "delete":
            if before is None:
                continue
            del table[key]
            event = Event(xid, "t", "notifications", "D", key, None, before)
        else:
            row = _row(key, user, read, title)
            if before is None:
                event = Event(xid, "t", "notifications", "I", key, row, None)
            else:
                was = {c: v for c, v in before.items() if row[c] != v}
                if not was:
                    continue
                event = Event(xid, "t", "notifications", "U", key, row, was)
            table[key] = row
        events.append(event)
        states.append(dict(table))
    return events, states


def _seen(view: View, table: State) -> State:
    return {key: row for key, row in table.items() if view.matches(row)}


def _apply(rows: State, items: list[Item]) -> State:
    rows = dict(rows)
    for item in items:
        if item.row is None:
            assert item.key in rows, "removed what was never shown"
            del rows[item.key]
        else:
            row = orjson.loads(orjson.dumps(item.row))
            rows[item.key] = row | {"created_at": "2026-01-01T00:00:00+00:00"}
    return rows


@given(moves)
def test_one_by_one(given: list[Any]) -> None:
    events, states = _history(given)
    for view in VIEWS:
        shown = Shown(Directory())
        rows: State = {}
        for event, after in zip(events, states[1:], strict=True):
            item = judge(view, event, shown)
            if item is not None and item.row is not None and item.changed:
                assert event.key in rows, "told what changed in a row that is new to the view"
            rows = _apply(rows, [item] if item else [])
            assert rows == _seen(view, after)


@given(moves, st.data())
def test_conflated_from_anywhere_to_anywhere(given: list[Any], data: st.DataObject) -> None:
    events, states = _history(given)
    start = data.draw(st.integers(0, len(events)))
    end = data.draw(st.integers(start, len(events)))
    for view in VIEWS:
        items = conflate(view, events[start:end], Shown(Directory()))
        assert items is not None
        assert len({item.key for item in items}) == len(items), "a row is told of once"
        assert _apply(_seen(view, states[start]), items) == _seen(view, states[end])


steps = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["r1", "r2", None])), max_size=30)


@given(steps)
@settings(max_examples=500, deadline=None)
def test_transactions_that_interleave_are_told_in_the_order_they_ended(given: list[Any]) -> None:
    """A row lock is held until the commit: who changes a row after another ends after it, too."""
    table: State = {}
    locks: dict[str, int] = {}
    xids = [100 + n for n in range(3)]
    events = []
    for number, (who, key) in enumerate(given):
        xid = xids[who]
        if key is None:  # commit: another transaction begins
            locks = {row: holder for row, holder in locks.items() if holder != xid}
            xids[who] = max(xids) + 1
        elif locks.setdefault(key, xid) == xid:
            row = _row(key, "a", True, str(number))
            was = {"title": table[key]["title"]} if key in table else None
            events.append(Event(xid, "t", "notifications", "U" if was else "I", key, row, was))
            table[key] = row
    view, shown = VIEWS[2], Shown(Directory())
    items = [item for event in events if (item := judge(view, event, shown))]
    told = orjson.loads(change("v3", "c", grouped(items)))
    rows: dict[str, str] = {}
    for transaction in told["transactions"]:
        for item in transaction["items"]:
            rows[item["key"]] = item["row"]["title"]
    assert rows == {key: row["title"] for key, row in table.items()}
    assert len({t["tx"] for t in told["transactions"]}) == len(told["transactions"])


@given(st.lists(st.integers(1, 5), max_size=40), st.integers(3, 9), st.integers(300, 1500))
def test_pages_hold_whole_transactions_and_all_of_them(
    sizes: list[int], most: int, room: int
) -> None:
    """However small a page is; a transaction that fits into none cannot be told."""
    items = [
        Item(tx, "t", f"{tx}-{n}", orjson.Fragment(b'{"row":1}'))
        for tx, size in enumerate(sizes)
        for n in range(size)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judgement, "MOST_ITEMS", most)
        patch.setattr(judgement, "MOST_BYTES", room)
        frames = paged(VIEWS[0], items, "begin", "end", "w")
    if frames is None:
        assert max(sizes) > most or max(sizes) * 45 > room - 120
        return
    # After a header of 2, 4 or 10 bytes (RFC 6455, section 5.2).
    pages = [orjson.loads(frame[frame.index(b"{") :]) for frame in frames]
    told = [[t["tx"], len(t["items"])] for page in pages for t in page.get("transactions", [])]
    assert told == [[str(tx), size] for tx, size in enumerate(sizes)]
    assert [page.get("more", False) for page in pages] == [True] * (len(pages) - 1) + [False]
    assert [page["cursor"] for page in pages] == ["begin"] * (len(pages) - 1) + ["end"]
    assert all(page["id"] == "w" for page in pages)


def test_a_truncate_cannot_be_conflated() -> None:
    truncated = Event(5, "t", "notifications", "T", None, None, None)
    elsewhere = Event(5, "t", "bookings", "T", None, None, None)
    assert conflate(VIEWS[0], [elsewhere, truncated], Shown(Directory())) is None
    assert conflate(VIEWS[0], [elsewhere], Shown(Directory())) == []
