"""The named queries of ``sql/queries``, loaded once.

SQL text lives in those files only. Invariant: a query that cannot be parsed, or whose name is
taken by another file, fails at load and not in the middle of a request.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

import aiosql
from aiosql.queries import Queries

from hub.db.files import queries_dir

_NAME = re.compile(r"^\s*--\s*name\s*:\s*(\w+)", re.MULTILINE)


def read(folder: Path) -> Queries:
    """Every query under ``folder``. Raises ValueError where two share a name."""
    files = sorted(folder.glob("**/*.sql"))
    names = Counter(name for file in files for name in _NAME.findall(file.read_text("utf-8")))
    twice = sorted(name for name, times in names.items() if times > 1)
    if twice:
        raise ValueError(f"queries named twice in {folder.name}: {', '.join(twice)}")
    queries: Queries = aiosql.from_path(
        folder, "asyncpg", encoding="utf-8", mandatory_parameters=False
    )
    return queries


@cache
def load() -> Queries:
    """The hub's queries, as ``await load().name(conn, argument=...)``."""
    return read(queries_dir())


@cache
def text(name: str) -> str:
    """One query's SQL, with ``$1`` and so on in the order of first use, for asyncpg itself."""
    sql: str = getattr(load(), name).sql
    return sql
