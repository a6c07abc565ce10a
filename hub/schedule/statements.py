"""Named queries, straight to the driver: their texts and the order of their parameters.

No SQL text. aiosql's own functions cost as much again as asyncpg's, so a hot path takes from it
only what it read from the files. Invariant: a parameter that the query does not name, or that is
not given, is an error at the first call.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import TYPE_CHECKING, Any

from hub.db.queries import load
from hub.db.together import together

if TYPE_CHECKING:
    from hub.db.pool import Connection, Pool


@cache
def text_and_parameters(name: str) -> tuple[str, tuple[str, ...]]:
    """A named query's text with ``$n``, and which parameter each of them is."""
    query = getattr(load(), name)
    return query.sql, tuple(inspect.signature(query).parameters)


async def run(conn: Connection, query: str, /, **given: Any) -> Any:
    """The first row of a named query, or None. A hot path: straight to the driver."""
    text, parameters = text_and_parameters(query)
    assert given.keys() == set(parameters), f"{query} takes {parameters}"
    return await conn.fetchrow(text, *[given[name] for name in parameters])


async def run_together(pool: Pool, query: str, /, **given: Any) -> Any:
    """The row that a named query of columns gives for these parameters, with whoever else asks it now."""
    text, parameters = text_and_parameters(query)
    assert given.keys() == set(parameters), f"{query} takes {parameters}"
    return await together(pool, text).ask(*[given[name] for name in parameters])


async def value(conn: Connection, query: str, /, **given: Any) -> Any:
    """The first column of the first row of a named query, or None."""
    row = await run(conn, query, **given)
    return None if row is None else row[0]
