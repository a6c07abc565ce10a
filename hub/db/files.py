"""Where the SQL and the seeds lie: beside the package in a wheel, else in the repository.

Paths only; nothing is opened. Invariant: the three folders come from one place, never some
from a wheel and some from a checkout.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


@cache
def _root() -> Path:
    packed = _PACKAGE / "_files"
    return packed if packed.is_dir() else _PACKAGE.parent


def migrations_dir() -> Path:
    """The folder of ``NNN_name.sql`` migrations."""
    return _root() / "sql" / "migrations"


def queries_dir() -> Path:
    """The folder of named queries, as aiosql reads them."""
    return _root() / "sql" / "queries"


def seeds_dir() -> Path:
    """The folder of the development seeds."""
    return _root() / "seeds"
