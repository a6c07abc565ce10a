"""The feed's statements, by name, from ``sql/queries/feed.sql``.

The feed runs them on connections of its own, so it wants their text rather than aiosql's functions.
"""

from __future__ import annotations

from hub.db.queries import load


class _Statements:
    """``SQL.read`` is the text of the query named ``feed_read``, with ``$n`` parameters."""

    def __getattr__(self, name: str) -> str:
        text: str = getattr(load(), f"feed_{name}").sql
        setattr(self, name, text)
        return text


SQL = _Statements()
