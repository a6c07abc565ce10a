"""Reading: one statement, its rows as they are shown, and the snapshot they were read in.

No rights are judged here: whose rows are meant is in the statement's WHERE. Invariant: rows and
snapshot come from one statement, so what changed since the snapshot is all that is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from hub.db.pool import reading
from hub.errors import Forbidden, NotFound
from hub.rules.access import At, Audience, Person, Principal, audience
from hub.rules.rows import present, written
from hub.schedule.statements import run

if TYPE_CHECKING:
    from hub.db.pool import Pool

Shown = dict[str, Any]


@dataclass(frozen=True, slots=True)
class One:
    """A row as it is shown, and the ``pg_current_snapshot()`` text it was read in."""

    row: Shown
    snapshot: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, in order; whether there are more behind the last; and their snapshot."""

    rows: list[Shown]
    more: bool
    snapshot: str

    @property
    def last(self) -> Shown:
        """The last row, behind which the next page begins."""
        return self.rows[-1]


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """The same, its rows one text: the very array of JSON that is answered."""

    rows: orjson.Fragment
    more: bool
    snapshot: str
    #: The last row, behind which the next page begins; none if there is no next page.
    last: Shown


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: behind the row with this time (``to_jsonb``'s text) and id."""

    time: str
    id: str


#: Before the first row in ascending order, and in descending order.
FIRST = Place("-infinity", "00000000-0000-0000-0000-000000000000")
NEWEST = Place("infinity", "ffffffff-ffff-ffff-ffff-ffffffffffff")


def audience_of(who: Principal, topic: str) -> Audience:
    """As which class of readers ``who`` sees ``topic``. Raises Forbidden if not at all."""
    if (found := audience(who, topic)) is None:
        raise Forbidden("This is not for you to see.")
    return found


def person(whose: Audience) -> str | None:
    """The one whom rows must name to be seen, as the statements take it: None for everyone's."""
    assert not isinstance(whose, At), "a screen reads the board alone"
    return whose.id if isinstance(whose, Person) else None


async def read_one(pool: Pool, query: str, entity: str, **given: Any) -> One:
    """Run a query that selects ``snapshot`` and ``row``. Raises NotFound, Unavailable."""
    async with reading(pool) as conn:
        found = await run(conn, query, **given)
    if found["row"] is None:
        raise NotFound("There is nothing here, or nothing for you.")
    return One(present(entity, orjson.loads(found["row"])), found["snapshot"])


async def read_page(pool: Pool, query: str, entity: str, *, most: int, **given: Any) -> Page:
    """Run a query that selects ``snapshot`` and ``rows``, one row further than asked for."""
    texts, snapshot = await _texts(pool, query, most + 1, given)
    return page_of(entity, texts, most, snapshot)


def page_of(entity: str, texts: list[str], most: int, snapshot: str) -> Page:
    """The page of what was read: ``most`` rows, and one further if there are more."""
    rows = [present(entity, orjson.loads(text)) for text in texts[:most]]
    return Page(rows, len(texts) > most, snapshot)


async def read_written_page(
    pool: Pool, query: str, entity: str, *, most: int, **given: Any
) -> WrittenPage:
    """The same for a query that writes its rows as they are shown (see ``rows.written``)."""
    texts, snapshot = await _texts(pool, query, most + 1, given)
    more = len(texts) > most
    # All at once: row by row it takes twice as long.
    rows = orjson.Fragment(f"[{written(entity, ','.join(texts[:most]))}]")
    last = orjson.loads(written(entity, texts[most - 1])) if more else {}
    return WrittenPage(rows, more, snapshot, last)


async def _texts(pool: Pool, query: str, most: int, given: Any) -> tuple[list[str], str]:
    async with reading(pool) as conn:
        found = await run(conn, query, most=most, **given)
    return found["rows"], found["snapshot"]
