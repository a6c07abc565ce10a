"""The rows of the schedule, as they travel: one pydantic model a table.

Words only: no SQL, no rules, no defaults that the database does not have. Invariant: a
row reads the same here whether it came from a REST read, a first picture or a change:
UUIDs as text, times RFC 3339 with ``Z``, decimals as JSON numbers.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

Role = Literal["STUDENT", "INSTRUCTOR", "ADMIN"]
TrainingLevel = Literal["STUDENT_PILOT", "PRIVATE_PILOT", "INSTRUMENT_RATED"]
BookingStatus = Literal["CONFIRMED", "AT_RISK", "RESCHEDULING", "CANCELLED", "COMPLETED"]
NotificationType = Literal[
    "WEATHER_ALERT", "OPTIONS_AVAILABLE", "DEADLINE_REMINDER", "CONFIRMATION", "ESCALATION"
]

#: Statuses of a booking that still holds its aircraft, instructor and student.
LIVE_STATUSES: tuple[BookingStatus, ...] = ("CONFIRMED", "AT_RISK", "RESCHEDULING")


class Row(BaseModel):
    """A row as it is shown: every member present, nulls included."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Booking(Row):
    """A row of ``bookings``, with its two people's names."""

    id: UUID
    student_id: UUID
    student_name: str
    instructor_id: UUID
    instructor_name: str
    aircraft_id: str | None
    departure_airport: str
    arrival_airport: str
    departure_latitude: float
    departure_longitude: float
    arrival_latitude: float
    arrival_longitude: float
    scheduled_datetime: AwareDatetime
    status: BookingStatus
    training_level: TrainingLevel
    duration_minutes: int
    original_booking_id: UUID | None
    rescheduled_to_datetime: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Notification(Row):
    """A row of ``notifications``."""

    id: UUID
    user_id: UUID
    booking_id: UUID | None
    type: NotificationType
    title: str
    message: str
    read: bool
    created_at: AwareDatetime


class User(Row):
    """A row of ``users``."""

    id: UUID
    cognito_user_id: str
    email: str
    first_name: str
    last_name: str
    phone_number: str | None
    role: Role
    training_level: TrainingLevel | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
