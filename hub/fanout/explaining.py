"""Why somebody sees a booking, or does not: judged by the very rules that carry changes.

Silence is users' first complaint about such systems, and this answers it: by which rule, through
which open watches, and how far each of those was told. Nothing is changed or sent. Invariant: a
watch is judged by its own view, as it stands at this node's cursor, so what is explained is what is done.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import orjson

from hub.db.pool import reading
from hub.db.queries import text
from hub.errors import Fault, Invalid, Unavailable
from hub.fanout.watched import About, Following, seen, session
from hub.rules.access import At, Everyone, Principal, audience
from hub.rules.cursor import Cursor, Snapshot, parse
from hub.rules.event import Columns
from hub.rules.topics import TOPICS, Topic

if TYPE_CHECKING:
    from hub.db.pool import Pool

#: The topic that a user, and a device, is asked about first.
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
    topics = [_topic(who, TOPICS[name], rows[name], found.exists) for name in rows]
    first = next(one for one in topics if one["topic"] == _FIRST[kind])
    cursor = _cursor(feed)
    about = About(booking, found.exists, found.xid)
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
            "has_last_event": seen(found.xid, cursor),
        },
        "sessions": [
            session(one, cursor, rows, about) for one in sessions.following(who.id)
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
