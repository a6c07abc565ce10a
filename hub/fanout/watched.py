"""Whether a row is before an open watch, what of its filter keeps it out, and how far it was told.

Pure: judged by the watch's own view, the one that carries changes to it. Invariant: a watch that is
said to have been told something was in its view's live set, or caught up, when it happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.fanout.views import View
from hub.rules.cursor import Cursor, covers, parse_cursor, visible
from hub.rules.event import Columns
from hub.rules.window import Day


@dataclass(frozen=True, slots=True)
class Watched:
    """One open watch. ``since``: at which cursor it became live; ``told``: its last catch-up's cursor and
    keys.
    """

    id: str
    view: View
    is_live: bool
    since: Cursor | None
    told: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Following:
    """An open session, as far as it matters here. ``behind``: where it was left, if it is not live."""

    shown: dict[str, Any]
    behind: Cursor | None
    caught_up: Cursor | None
    watches: tuple[Watched, ...]


@dataclass(frozen=True, slots=True)
class About:
    """Which booking; whether it is there; and the transaction of its last event, if one is kept."""

    booking: str
    exists: bool
    xid: int | None


def seen(xid: int | None, cursor: Cursor | None) -> bool | None:
    """Whether a transaction was seen at a cursor; None where the one or the other is unknown."""
    return None if xid is None or cursor is None else visible(xid, cursor.snapshot)


def session(
    one: Following, cursor: Cursor | None, rows: Mapping[str, Columns | None], about: About
) -> dict[str, Any]:
    """An open session as it is explained; ``rows`` are the row in question, by topic."""
    watches = [
        _watch(watch, one.behind or cursor, rows[watch.view.topic.name], about)
        for watch in one.watches
        if watch.view.topic.name in rows
    ]
    caught_up = str(one.caught_up) if one.caught_up is not None else None
    return {**one.shown, "caught_up": caught_up, "watches": watches}


def _watch(watch: Watched, until: Cursor | None, row: Columns | None, about: About) -> Any:
    view = watch.view
    matches = about.exists and row is not None and view.matches(row)
    good = until if watch.is_live else None
    return {
        "id": watch.id,
        "topic": view.topic.name,
        "filter": _filter(view),
        "live": watch.is_live,
        "matches": matches,
        "excluded_by": [] if row is None or matches else list(_excluding(view, row)),
        "good_until": str(good) if good is not None else None,
        "has_last_event": seen(about.xid, good),
        "last_change": _last_change(watch, good, about.booking),
    }


def _excluding(view: View, row: Columns) -> Iterable[str]:
    """The members of a view's filter that a row fails, each alone."""
    window = view.window
    members = type(window).model_fields
    given = [name for name in members if getattr(window, name) is not None]
    for name in given:
        alone = window.model_copy(update=dict.fromkeys(other for other in given if other != name))
        if not alone.matches(row):
            yield members[name].alias or name


def _filter(view: View) -> dict[str, Any]:
    """The filter as a client writes it."""
    found = {}
    for name, field in type(view.within).model_fields.items():
        value = getattr(view.within, name)
        if isinstance(value, Day):
            found[field.alias or name] = str(value)
        elif value is not None:
            found[field.alias or name] = value
    return found


def _last_change(watch: Watched, good: Cursor | None, booking: str) -> dict[str, Any] | None:
    """The last change it was told: its view's, if it was there for it, or what it was caught up with."""
    told = watch.view.told if _was_there(watch, good) else None
    own = watch.told
    if own is not None and (told is None or not _covers(own[0], told[0])):
        told = own
    if told is None:
        return None
    return {"cursor": told[0], "rows": len(told[1]), "had_booking": booking in told[1]}


def _was_there(watch: Watched, good: Cursor | None) -> bool:
    """Whether a watch that is good up to a cursor was handed its view's last change as it came."""
    told, since = watch.view.told, watch.since
    if told is None or good is None or since is None:
        return False
    at = parse_cursor(told[0])
    if not at.epoch == since.epoch == good.epoch or at.snapshot == since.snapshot:
        return False
    return covers(since.snapshot, at.snapshot) and covers(at.snapshot, good.snapshot)


def _covers(older: str, newer: str) -> bool:
    one, other = parse_cursor(older), parse_cursor(newer)
    return one.epoch == other.epoch and covers(one.snapshot, other.snapshot)
