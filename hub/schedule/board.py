"""The board: what hangs on the wall, read. The same rows as the topic shows, masked by the same rule.

No HTTP, no SQL text. Invariant: whoever reads it with one airport's eyes gets only that airport's
flights, whatever they ask for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from hub.db.pool import reading
from hub.rules import board
from hub.rules.access import At, Principal
from hub.rules.filters import BoardFilter
from hub.schedule.reading import Page, Place, Shown, audience_of
from hub.schedule.statements import run

if TYPE_CHECKING:
    from hub.db.pool import Pool


async def page(pool: Pool, who: Principal, within: BoardFilter, after: Place, most: int) -> Page:
    """The flights that the filter, which does not slide, lets through, in order of time and id."""
    seen_as = audience_of(who, "board")
    async with reading(pool) as conn:
        found = await run(
            conn,
            "board_page",
            screen=seen_as.airport if isinstance(seen_as, At) else None,
            since=within.since,
            until=within.until,
            airport=within.airport,
            status=within.status,
            after_time=after.time,
            after_id=after.id,
            most=most + 1,
        )
    texts = found["rows"]
    return Page([_shown(text) for text in texts[:most]], len(texts) > most, found["snapshot"])


def _shown(text: str) -> Shown:
    row = orjson.loads(text)
    return board.masked(row, board.short(*row["student"]), board.short(*row["instructor"]))
