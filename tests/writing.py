"""Sessions of other programs, and rows for them to write that do not stand in each other's way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from rows import booking, person

TOUCH = "UPDATE bookings SET duration_minutes = duration_minutes + 1 WHERE id = $1"


@asynccontextmanager
async def connections(dsn: str, number: int) -> AsyncIterator[list[Any]]:
    """Plain sessions, as other programs open them."""
    utc = {"timezone": "UTC"}
    conns = [await asyncpg.connect(dsn, server_settings=utc) for _ in range(number)]
    try:
        yield conns
    finally:
        for conn in conns:
            conn.terminate()


async def own_rows(conn: asyncpg.Connection[Any], number: int) -> list[UUID]:
    """Bookings that do not stand in each other's way."""
    student, instructor = await person(conn), await person(conn, "INSTRUCTOR")
    both = {"student_id": student, "instructor_id": instructor, "status": "CANCELLED"}
    return [await booking(conn, **both) for _ in range(number)]


def touch(key: UUID) -> str:
    """The same, its key in its text."""
    return TOUCH.replace("$1", f"'{key}'")
