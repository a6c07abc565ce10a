"""Availability: what people say about when they can fly, as rows; ``windows`` says what follows.

Patterns and overrides are their user's alone: others, but for an admin, are not shown that they
exist. Each write is one transaction, as in ``bookings``. No HTTP, no SQL text. Invariant: a row is
never judged in one state and written in another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import orjson

from hub.db.pool import Write, reading, writing
from hub.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from hub.rules.access import Principal
from hub.rules.rows import present
from hub.schedule import once
from hub.schedule.anew import begun_anew
from hub.schedule.availability_drafts import (
    OverrideDraft,
    OverridePatch,
    PatternDraft,
    PatternPatch,
    misfit,
)
from hub.schedule.once import Key, Written
from hub.schedule.reading import One, Page, Place, Shown, page_of, read_one, read_page
from hub.schedule.statements import run, value
from hub.schedule.version import ANY, Expected, encode

if TYPE_CHECKING:
    from hub.db.pool import Pool

#: How many rows one may have for one day. It bounds what a read costs and is no rule of the school,
#: so nothing is locked for it: of those who race for the last place, both may get it.
MOST_A_DAY = 24


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two kinds of rows: its table, its statements' first word, and its day's column."""

    entity: str
    query: str
    day: str


PATTERNS = Kind("availability_patterns", "pattern", "day_of_week")
OVERRIDES = Kind("availability_overrides", "override", "override_date")


async def patterns(pool: Pool, who: Principal, user: str | None) -> Page:
    """Somebody's week (one's own if None), by day and time. Raises Forbidden."""
    whose = _whose(who, user, "?user_id")
    async with reading(pool) as conn:
        found = await run(conn, "patterns_of", user_id=whose)
    rows = [present(PATTERNS.entity, orjson.loads(text)) for text in found["rows"]]
    return Page(rows, False, found["snapshot"])


async def overrides(
    pool: Pool,
    who: Principal,
    user: str | None,
    first: date | None,
    before: date | None,
    after: Place,
    most: int,
) -> Page:
    """Somebody's overrides (one's own if None), in order of time. Raises Forbidden."""
    return await read_page(
        pool,
        "overrides_page",
        OVERRIDES.entity,
        most=most,
        user_id=_whose(who, user, "?user_id"),
        first=first,
        before=before,
        after_time=after.time,
        after_id=after.id,
    )


async def said(
    pool: Pool,
    who: Principal,
    user: str | None,
    first: date | None,
    before: date | None,
    most: int,
) -> tuple[list[Shown], Page]:
    """Somebody's week and the first page of their overrides, of one snapshot. Raises Forbidden."""
    async with reading(pool) as conn:
        found = await run(
            conn,
            "availability_said",
            user_id=_whose(who, user, "?user_id"),
            first=first,
            before=before,
            most=most + 1,
        )
    week = [present(PATTERNS.entity, orjson.loads(text)) for text in found["patterns"]]
    return week, page_of(OVERRIDES.entity, found["overrides"], most, found["snapshot"])


async def one(pool: Pool, who: Principal, kind: Kind, id: str) -> One:
    """One row. Raises NotFound if there is none that ``who`` may see."""
    return await read_one(pool, kind.query, kind.entity, id=id, person=_own(who))


@begun_anew
async def create(
    pool: Pool, who: Principal, kind: Kind, draft: PatternDraft | OverrideDraft, key: Key | None
) -> Written:
    """Make a row, one's own unless it says whose. Raises Forbidden, Invalid, Conflict."""
    user = _whose(who, None if draft.user_id is None else str(draft.user_id), "/user_id")
    given = orjson.dumps(draft.model_dump(mode="json", exclude={"user_id"})).decode()
    async with writing(pool, who.id) as write:
        if (before := await once.earlier(write, key)) is not None:
            return before
        made = await run(write.conn, f"{kind.query}_create", user_id=user, draft=given)
        shown = encode(_counted(kind, made))
        await once.keep(write, key, shown)
    return Written(shown, write.transaction)


@begun_anew
async def change(
    pool: Pool,
    who: Principal,
    kind: Kind,
    id: str,
    patch: PatternPatch | OverridePatch,
    expected: Expected = ANY,
) -> Written:
    """Change a row. Raises NotFound, Stale, Invalid, Conflict.

    A patch that changes nothing writes nothing and has no transaction.
    """
    given = patch.given
    async with writing(pool, who.id) as write:
        row = await _locked(write, who, kind, id)
        expected.check(row)
        wanted = {**row, **given}
        if (why := misfit(wanted["start_time"], wanted["end_time"])) is not None:
            raise Invalid("These are no hours of a day.", faults=[Fault("/end_time", why)])
        after = await run(
            write.conn, f"{kind.query}_change", id=id, patch=orjson.dumps(given).decode()
        )
        if after is not None:
            row = _counted(kind, after)
    return Written(encode(row), write.transaction if after is not None else None)


@begun_anew
async def delete(
    pool: Pool, who: Principal, kind: Kind, id: str, expected: Expected = ANY
) -> str | None:
    """Delete a row; the transaction. Raises NotFound, Stale."""
    async with writing(pool, who.id) as write:
        expected.check(await _locked(write, who, kind, id))
        await value(write.conn, f"{kind.query}_delete", id=id)
    return write.transaction


def _own(who: Principal) -> str | None:
    """The one whose rows ``who`` may see and write; None for everybody's. Raises Forbidden."""
    if who.kind != "user" or who.role is None:
        raise Forbidden("What people say of their hours is theirs and the admin's.")
    return None if who.role == "ADMIN" else who.id


def _whose(who: Principal, user: str | None, where: str) -> str:
    if _own(who) not in (None, user or who.id):
        why = "is not you; only an admin may name another"
        raise Forbidden("Everybody's hours are their own.", faults=[Fault(where, why)])
    return user or who.id


async def _locked(write: Write, who: Principal, kind: Kind, id: str) -> Shown:
    text = await value(write.conn, f"{kind.query}_locked", id=id, person=_own(who))
    if text is None:
        raise NotFound("There is nothing here, or nothing for you.")
    return present(kind.entity, orjson.loads(text))


def _counted(kind: Kind, written: Any) -> Shown:
    """The row as it was written, if it is not one too many."""
    if written["others"] >= MOST_A_DAY:
        raise Conflict(
            f"There are {MOST_A_DAY} for that day already.",
            faults=[Fault(f"/{kind.day}", "has no room for another")],
            code="too-many",
        )
    return present(kind.entity, orjson.loads(written["row"]))
