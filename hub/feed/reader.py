"""Reading the feed: one statement answers "what became visible since", with the cursor to use next.

This room turns rows of ``events`` into batches and does nothing else with them. Invariant: the
events of a batch are exactly those invisible to its start and visible to its end, in an order that
is true for each row; what shows a renamed person is read in the renaming's own snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import orjson

from hub.feed.sql import SQL
from hub.rules.cursor import Cursor, Snapshot, parse
from hub.rules.event import Batch, Event

#: What an event costs in memory beyond twice its text, roughly: objects, keys, a slot in a list.
_OVERHEAD = 600


class Foreign(Exception):
    """The history in the database is no longer the one being read.

    ``unsigned``: nothing but its events says so, which are of transactions that have not been yet.
    """

    def __init__(self, *, unsigned: bool = False) -> None:
        super().__init__("a foreign history")
        self.unsigned = unsigned


class Flood(Exception):
    """More became visible at once than is worth carrying one by one; ``end`` is the snapshot read in."""

    def __init__(self, end: Snapshot) -> None:
        super().__init__("too many events at once")
        self.end = end


def _size(row: str | None, was: str | None) -> int:
    return _OVERHEAD + 2 * (len(row or "") + len(was or ""))


def _event(record: asyncpg.Record) -> Event:
    row, was = record["row"], record["was"]
    event = Event(
        xid=int(record["xid"]),
        at=record["at"],
        entity=record["entity"],
        op=record["op"],
        key=record["key"],
        row=None,
        was=None,
        size=_size(row, was),
    )
    try:
        return replace(
            event,
            row=orjson.loads(row) if row is not None else None,
            was=orjson.loads(was) if was is not None else None,
        )
    except ValueError:
        # jsonb holds what no program can read (1e400, a thousand arrays in each other): as after a
        # TRUNCATE, whoever watches that table reads it anew.
        return replace(event, op="T", key=None)


def _events(records: Sequence[asyncpg.Record]) -> tuple[Event, ...]:
    return tuple(_event(record) for record in records if record["xid"] is not None)


def renamed(events: Iterable[Event]) -> dict[str, Event]:
    """The last event of each person whose name changed, by person."""
    return {
        event.key: event
        for event in events
        if event.entity == "users"
        and event.key is not None
        and not {"first_name", "last_name"}.isdisjoint(event.changed)
    }


async def read(
    conn: asyncpg.Connection[Any], after: Cursor, number: str, most: int
) -> tuple[Batch, str]:
    """The batch since ``after`` and the feed's ``pruned_below``.

    Raises Foreign if the history changed hands, Flood if more than ``most`` events wait, and
    whatever asyncpg raises when the connection is not well.
    """
    batch, pruned = await _read(conn, after, number, most)
    if renamed(batch.events):
        async with conn.transaction(isolation="repeatable_read", readonly=True):
            batch, pruned = await _read(conn, after, number, most)
            shown = await _with_renamed(conn, batch, most)
        return shown, pruned
    return batch, pruned


async def _read(
    conn: asyncpg.Connection[Any], after: Cursor, number: str, most: int
) -> tuple[Batch, str]:
    records = await conn.fetch(SQL.read, number, str(after.snapshot), most + 1)
    first = records[0]
    if not first["ours"]:
        raise Foreign
    end = parse(first["cursor"])
    # Whoever restored a dump with the triggers off; and these would be read for ever.
    if any(record["xid"] is not None and int(record["xid"]) >= end.xmax for record in records):
        raise Foreign(unsigned=True)
    if len(records) > most:
        raise Flood(end)
    return _batch(after.snapshot, Cursor(after.epoch, end), _events(records)), first["pruned_below"]


def _batch(start: Snapshot, end: Cursor, events: tuple[Event, ...]) -> Batch:
    return Batch(start, end, events, sum(event.size for event in events))


async def _with_renamed(conn: asyncpg.Connection[Any], batch: Batch, most: int) -> Batch:
    """The batch, followed by an event for each row that shows a renamed person.

    Bookings carry their people's names, so a new name is news to whoever sees the booking, and so
    do searches for a new time. The rows are read in the batch's own snapshot: nothing newer, nothing
    older than its end.
    """
    people = renamed(batch.events)
    records = await conn.fetch(SQL.renamed, list(people), most + 1)
    if len(batch.events) + len(records) > most:
        raise Flood(batch.end.snapshot)
    news = []
    for record in records:
        # ``changed`` names the members shown; their old values concern nobody.
        columns = [c for c in ("student", "instructor") if record[f"{c}_id"] in people]
        cause = people[record[f"{columns[0]}_id"]]
        news.append(
            Event(
                xid=cause.xid,
                at=cause.at,
                entity=record["entity"],
                op="U",
                key=record["key"],
                row=orjson.loads(record["row"]),
                was={f"{column}_name": None for column in columns},
                size=_size(record["row"], None),
            )
        )
    return _batch(batch.start, batch.end, batch.events + tuple(news))


async def backfill(
    conn: asyncpg.Connection[Any], after: Snapshot, upto: Cursor, number: str, most: int, size: int
) -> tuple[Batch | None, int]:
    """What became visible between ``after`` and ``upto``, and the feed's ``pruned_below``.

    No batch if that is more than ``most`` events or, as a Batch counts them, ``size`` bytes.

    Raises Foreign if the history changed hands.
    """
    between = (str(after), str(upto.snapshot), most + 1)
    # Weighed first: what cannot be held is not carried over and read only to be thrown away.
    weight = await conn.fetchrow(SQL.backfill_weight, *between)
    assert weight is not None
    if weight["events"] > most or weight["events"] * _OVERHEAD + 2 * weight["bytes"] > size:
        return None, 0
    records = await conn.fetch(SQL.backfill, number, *between)
    if not records[0]["ours"]:
        raise Foreign
    if len(records) > most:
        return None, 0
    return _batch(after, upto, _events(records)), int(records[0]["pruned_below"])
