"""What the wall may show: a booking without anybody's surname, id, address or message.

The board hangs where visitors pass. Pure; the masking is done here, on the server, for every way
the board is read. Invariant: a member that is not named here is on no screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hub.rules.rows import zulu

#: Each member of the board, and what of a booking makes it. The people's columns change whom a name
#: is of, ``…_name`` what it is.
_FROM: dict[str, tuple[str, ...]] = {
    "id": ("id",),
    "departs": ("scheduled_datetime",),
    "minutes": ("duration_minutes",),
    "tail": ("aircraft_id",),
    "from": ("departure_airport",),
    "to": ("arrival_airport",),
    "status": ("status",),
    "pilot": ("student_id", "student_name"),
    "instructor": ("instructor_id", "instructor_name"),
    "rescheduled_to": ("rescheduled_to_datetime",),
}
MEMBERS = tuple(_FROM)


def short(first_name: str, last_name: str) -> str:
    """``Ann Brown`` as ``Ann B.``"""
    return f"{first_name} {last_name[:1]}.".strip(" ") if last_name else first_name


def masked(row: Mapping[str, Any], pilot: str, instructor: str) -> dict[str, Any]:
    """A booking's columns as the board shows them; ``pilot`` and ``instructor`` are short names."""
    moved = row["rescheduled_to_datetime"]
    return {
        "id": row["id"],
        "departs": zulu(row["scheduled_datetime"]),
        "minutes": row["duration_minutes"],
        "tail": row["aircraft_id"],
        "from": row["departure_airport"],
        "to": row["arrival_airport"],
        "status": row["status"],
        "pilot": pilot,
        "instructor": instructor,
        "rescheduled_to": zulu(moved) if moved is not None else None,
    }


def changed(columns: Iterable[str]) -> tuple[str, ...]:
    """The members that a change of a booking's columns changes."""
    given = frozenset(columns)
    return tuple(member for member, made_of in _FROM.items() if not given.isdisjoint(made_of))
