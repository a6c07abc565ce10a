"""Why somebody sees a booking, or does not: judged by the very rules that carry changes.

Silence is users' first complaint about such systems, and this answers it: by which rule, through
which open watches, and how far each of those was told. Nothing is changed or sent. Invariant: a
watch is judged by its own view, as it stands at this node's cursor, so what is explained is what is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import orjson

from hub.db.pool import reading
from hub.db.queries import text
from hub.errors import Fault, Invalid, Unavailable
from hub.fanout.views import View
from hub.rules.access import At, Everyone, Principal, audience
from hub.rules.cursor import Cursor, Snapshot, covers, parse, parse_cursor, visible
from hub.rules.event import Columns
from hub.rules.topics import TOPICS, Topic
from hub.rules.window import Day

if TYPE_CHECKING:
    from hub.db.pool import Pool

#: The topics that show a booking, and the one that a user, and a device, is asked about first.
SHOWING = ("bookings", "board", "reschedule")
_FIRST = {"user": "bookings", "device": "board"}
#: How long to wait until this node has seen what the database has, seconds.
_PATIENCE = 1.0

Rule = Literal[
    "everything", "student", "instructor", "airport", "other-airport", "not-theirs", "no-topic", "not-open"
]  # fmt: skip
_WHY: dict[Rule, str] = {
    "everything": "Whoever this is sees every booking there.",
    "student": "It is this user's flight, as its student.",
    "instructor": "It is this user's flight, as its instructor.",
    "airport": "It touches the airport whose flights this device shows.",
    "other-airport": "It touches another airport than the one whose flights this device shows.",
    "not-theirs": "This user is neither its student nor its instructor.",
    "no-topic": "That topic is not for whoever this is.",
    "not-open": "It is not looking for a new time.",
}
_GRANTS: frozenset[Rule] = frozenset({"everything", "student", "instructor", "airport"})


class Feed(Protocol):
    """What is asked of the node's feed."""

    @property
    def healthy(self) -> bool:
        """Whether it listens and keeps up."""

    @property
    def why(self) -> str:
        """What is wrong if it does not."""

    @property
    def cursor(self) -> Cursor:
        """Raises Unavailable before the first read."""

    async def reach(self, snapshot: Snapshot) -> None:
        """Wait until everything that ``snapshot`` has seen was handed on."""


class People(Protocol):
    """Who is known to this node."""

    def principal(self, kind: str, id: str) -> Principal | None:
        """The user or the device of that id, as of the feed's cursor."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One open watch. ``since``: at which cursor it became live."""

    id: str
    view: View
    is_live: bool
    since: Cursor | None


@dataclass(frozen=True, slots=True)
class Following:
    """An open session, as far as it matters here. ``behind``: where it was left, if it is not live."""

    shown: dict[str, Any]
    behind: Cursor | None
    caught_up: Cursor | None
    watches: tuple[Watched, ...]


class Sessions(Protocol):
    """The sessions of this node."""

    def following(self, principal: str) -> list[Following]:
        """Those of one principal."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A booking as last recorded; ``row`` is its last one where it is gone."""

    snapshot: str
    row: Columns
    exists: bool
    rescheduling: Columns | None
    xid: int | None
    event: dict[str, Any] | None


async def explain(
    pool: Pool, feed: Feed, people: People, sessions: Sessions, booking: str, kind: str, id: str
) -> tuple[dict[str, Any], str]:
    """The explanation, as it is answered, and the snapshot it was read in.

    Raises Invalid, naming the parameter, for a booking nobody has heard of or an unknown ``kind``.
    """
    found = await _find(pool, booking)
    with suppress(TimeoutError, Unavailable):
        async with asyncio.timeout(_PATIENCE):
            await feed.reach(parse(found.snapshot))
    who = people.principal(kind, id)
    if who is None:
        raise Invalid(f"There is no such {kind}.", faults=[Fault(f"?{kind}", "is unknown here")])
    rows = {"bookings": found.row, "board": found.row, "reschedule": found.rescheduling}
    topics = [_topic(who, TOPICS[name], rows[name], found.exists) for name in SHOWING]
    first = next(one for one in topics if one["topic"] == _FIRST[kind])
    cursor = _cursor(feed)
    told = {
        "booking": {
            "id": booking,
            "exists": found.exists,
            "student_id": found.row["student_id"],
            "instructor_id": found.row["instructor_id"],
            "status": found.row["status"],
        },
        "principal": {"kind": who.kind, "id": who.id, "role": who.role, "name": who.name},
        "airport": who.airport,
        "sees": first["sees"],
        "rule": first["rule"],
        "why": first["why"],
        "topics": topics,
        "last_event": found.event,
        "feed": {
            "cursor": str(cursor) if cursor is not None else None,
            "healthy": feed.healthy,
            "why": feed.why or None,
            "has_last_event": _seen(found.xid, cursor),
        },
        "sessions": [
            _session(one, cursor, rows, found) for one in sessions.following(who.id)
        ],
    }  # fmt: skip
    return told, found.snapshot


async def _find(pool: Pool, booking: str) -> _Found:
    async with reading(pool) as conn:
        record = await conn.fetchrow(text("explain_booking"), booking)
    assert record is not None
    op = record["op"]
    row = _json(record["booking"])
    last = row or _json(record["was"] if op == "D" else record["row"])
    if last is None:
        why = "is none there is, nor one that was deleted lately"
        raise Invalid("There is no such booking.", faults=[Fault("?booking", why)])
    event = None
    if op is not None:
        changed = sorted(_json(record["was"]) or ()) if op == "U" else []
        event = {"tx": record["xid"], "at": record["at"], "op": _OPS[op], "changed": changed}
    return _Found(
        record["snapshot"],
        last,
        row is not None,
        _json(record["rescheduling"]),
        int(record["xid"]) if op is not None else None,
        event,
    )


_OPS = {"I": "created", "U": "changed", "D": "deleted"}


def _json(read: str | None) -> Any:
    return None if read is None else orjson.loads(read)


def rule(who: Principal, topic: Topic, row: Columns | None) -> Rule:
    """By which rule ``who`` sees a row in a topic, or does not."""
    match audience(who, topic.name):
        case None:
            return "no-topic"
        case _ if row is None:
            return "not-open"
        case Everyone():
            return "everything"
        case At(airport=airport):
            ends = (row["departure_airport"], row["arrival_airport"])
            return "airport" if airport in ends else "other-airport"
    if row["student_id"] == who.id:
        return "student"
    return "instructor" if row["instructor_id"] == who.id else "not-theirs"


def _topic(who: Principal, topic: Topic, row: Columns | None, exists: bool) -> dict[str, Any]:
    by = rule(who, topic, row)
    why = _WHY[by] if exists else f"The booking is gone; while it was there: {_WHY[by]}"
    return {"topic": topic.name, "sees": exists and by in _GRANTS, "rule": by, "why": why}


def _cursor(feed: Feed) -> Cursor | None:
    with suppress(Unavailable):
        return feed.cursor
    return None


def _seen(xid: int | None, cursor: Cursor | None) -> bool | None:
    return None if xid is None or cursor is None else visible(xid, cursor.snapshot)


def _session(
    one: Following, cursor: Cursor | None, rows: dict[str, Columns | None], found: _Found
) -> dict[str, Any]:
    watches = [
        _watch(watch, one.behind or cursor, rows[watch.view.topic.name], found)
        for watch in one.watches
        if watch.view.topic.name in SHOWING
    ]
    caught_up = str(one.caught_up) if one.caught_up is not None else None
    return {**one.shown, "caught_up": caught_up, "watches": watches}


def _watch(watch: Watched, until: Cursor | None, row: Columns | None, found: _Found) -> Any:
    view = watch.view
    matches = found.exists and row is not None and view.matches(row)
    good = until if watch.is_live else None
    return {
        "id": watch.id,
        "topic": view.topic.name,
        "filter": _filter(view),
        "live": watch.is_live,
        "matches": matches,
        "excluded_by": [] if row is None or matches else list(_excluding(view, row)),
        "good_until": str(good) if good is not None else None,
        "has_last_event": _seen(found.xid, good),
        "last_change": _last_change(watch, good, found.row["id"]),
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
    """The view's last change, if this watch was there for it and has been told it."""
    told, since = watch.view.told, watch.since
    if told is None or good is None or since is None:
        return None
    at = parse_cursor(told[0])
    was_there = at.epoch == since.epoch == good.epoch and at.snapshot != since.snapshot
    if not (was_there and covers(since.snapshot, at.snapshot)):
        return None
    if not covers(at.snapshot, good.snapshot):
        return None
    return {"cursor": told[0], "rows": len(told[1]), "had_booking": booking in told[1]}
