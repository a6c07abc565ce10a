"""The feed's statements, by name, from ``sql/queries/feed.sql``.

The feed runs them on connections of its own, so it wants their text rather than aiosql's functions.
"""

from __future__ import annotations

from hub.db import queries


class _Statements:
    """``SQL.read`` is the text of the query named ``feed_read``, with ``$n`` parameters."""

    def __getattr__(self, name: str) -> str:
        return queries.text(f"feed_{name}")


SQL = _Statements()
