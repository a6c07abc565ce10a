"""Rows for the tests: valid unless the test says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg

Connection = asyncpg.Connection

NOON = datetime(2031, 5, 6, 12, tzinfo=UTC)


async def person(conn: Connection, role: str = "STUDENT") -> UUID:
    """A new user's id."""
    return await conn.fetchval(
        "INSERT INTO users (cognito_user_id, email, first_name, last_name, role)"
        " VALUES ($1, $1, 'Ada', 'Byron', $2) RETURNING id",
        str(uuid4()),
        role,
    )


async def booking(conn: Connection, at: datetime = NOON, **given: Any) -> UUID:
    """A new booking's id: an hour from ``at`` on, in N1, with new people, but for what is given."""
    row = {
        "student_id": given.get("student_id") or await person(conn),
        "instructor_id": given.get("instructor_id") or await person(conn, "INSTRUCTOR"),
        "aircraft_id": "N1",
        "departure_airport": "KJFK",
        "arrival_airport": "KLAX",
        "departure_latitude": 40,
        "departure_longitude": -73,
        "arrival_latitude": 33,
        "arrival_longitude": -118,
        "scheduled_datetime": at,
        "training_level": "STUDENT_PILOT",
    } | given
    places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    return await conn.fetchval(
        f"INSERT INTO bookings ({', '.join(row)}) VALUES ({places}) RETURNING id", *row.values()
    )
