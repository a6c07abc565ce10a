"""The rows of the schedule, as they travel: one pydantic model a table.

Words only: no SQL, no rules, no defaults that the database does not have. Invariant: a
row reads the same here whether it came from a REST read, a first picture or a change:
UUIDs as text, times RFC 3339 with ``Z``, decimals as JSON numbers.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Role = Literal["STUDENT", "INSTRUCTOR", "ADMIN"]
TrainingLevel = Literal["STUDENT_PILOT", "PRIVATE_PILOT", "INSTRUMENT_RATED"]
BookingStatus = Literal["CONFIRMED", "AT_RISK", "RESCHEDULING", "CANCELLED", "COMPLETED"]
NotificationType = Literal[
    "WEATHER_ALERT", "OPTIONS_AVAILABLE", "DEADLINE_REMINDER", "CONFIRMATION", "ESCALATION"
]

#: A time of day by the school's clock, ``HH:MM`` up to ``24:00``; seconds only where a row has some.
Clock = Annotated[
    str,
    StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?|24:00)$"),
]

#: What an integration's key may be good for.
Scope = Literal[
    "bookings:read",
    "bookings:write",
    "users:read",
    "users:write",
    "weather:write",
    "options:write",
    "preferences:read",
    "notifications:write",
    "availability:read",
    "audit:read",
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


class AvailabilityPattern(Row):
    """A row of ``availability_patterns``: every week, on day 0 (Sunday) to 6."""

    id: UUID
    user_id: UUID
    day_of_week: int
    start_time: Clock
    end_time: Clock
    is_active: bool
    created_at: AwareDatetime | None
    updated_at: AwareDatetime | None


class AvailabilityOverride(Row):
    """A row of ``availability_overrides``: a block or an addition on one date; no times: all of it."""

    id: UUID
    user_id: UUID
    override_date: date
    start_time: Clock | None
    end_time: Clock | None
    is_blocked: bool
    reason: str | None
    created_at: AwareDatetime | None


class RescheduleOption(Row):
    """A row of ``reschedule_options``: a time that is offered. ``ai_confidence_score`` is 0 to 1."""

    id: UUID
    booking_id: UUID
    suggested_datetime: AwareDatetime
    weather_forecast: dict[str, Any] | None
    ai_confidence_score: float | None
    created_at: AwareDatetime | None


class Rescheduling(Row):
    """A row of ``reschedulings`` with its two people's names: a flight that looks for a new time.

    ``id`` is the booking's. ``deadline`` is null until times are on offer; ``…_submitted``: has
    answered, be it that none of them works. ``options`` are the AI's favourites first.
    """

    id: UUID
    student_id: UUID
    student_name: str
    instructor_id: UUID
    instructor_name: str
    scheduled_datetime: AwareDatetime
    deadline: AwareDatetime | None
    escalated_at: AwareDatetime | None
    student_submitted: bool
    instructor_submitted: bool
    options: list[RescheduleOption]


class PreferenceRanking(Row):
    """A row of ``preference_rankings``: what one person said of the options, and until when.

    ``none_work``: every option was marked unavailable; nothing is ranked then, or submitted.
    """

    id: UUID
    booking_id: UUID
    user_id: UUID
    option1_id: UUID | None
    option2_id: UUID | None
    option3_id: UUID | None
    unavailable_option_ids: list[UUID]
    none_work: bool
    deadline: AwareDatetime
    submitted_at: AwareDatetime | None
    created_at: AwareDatetime | None


class UserName(Row):
    """Who somebody is, to an instructor they fly with."""

    id: UUID
    first_name: str
    last_name: str
    role: Role


class ApiKey(Row):
    """A row of ``api_keys``, without its digest. ``last_used_at`` is true to the minute."""

    id: UUID
    name: str
    prefix: str
    scopes: list[Scope]
    created_by: UUID | None
    created_at: AwareDatetime
    last_used_at: AwareDatetime | None
    revoked_at: AwareDatetime | None


class OwnDevice(Row):
    """A device as it sees itself: no person's id, since what it is shown hangs where visitors pass."""

    id: UUID
    name: str = Field(examples=["Hangar 2"])
    airport: str | None
    created_at: AwareDatetime
    #: When it fetched its credential; null: it has not yet.
    paired_at: AwareDatetime | None
    #: When it was last asked to show itself, and to load its page anew.
    identify_at: AwareDatetime | None
    reload_at: AwareDatetime | None
    revoked_at: AwareDatetime | None


class Device(OwnDevice):
    """A row of ``devices``, without its digest and without when it was last seen.

    What is here has a version, which does not turn with each minute in which a kiosk is there.
    """

    created_by: UUID | None


class ShownDevice(Row):
    """A row of ``devices`` as it is watched: without who paired it, which no kiosk's frame may hold."""

    id: UUID
    name: str
    airport: str | None
    created_at: AwareDatetime
    paired_at: AwareDatetime | None
    identify_at: AwareDatetime | None
    reload_at: AwareDatetime | None
    revoked_at: AwareDatetime | None


class SeenDevice(Device):
    """A device, and when it was last here: true to the minute, of nobody's version."""

    last_seen_at: AwareDatetime | None


class BoardFlight(Row):
    """A booking as the wall shows it: nobody's surname, no person's id."""

    id: UUID
    departs: AwareDatetime
    minutes: int = Field(examples=[90])
    tail: str | None = Field(examples=["N512SP"])
    from_: str = Field(alias="from", examples=["KAUS"])
    to: str = Field(examples=["KHYI"])
    status: BookingStatus
    pilot: str = Field(examples=["Sofia R."])
    instructor: str = Field(examples=["Marcus W."])
    rescheduled_to: AwareDatetime | None


class AuditEntry(Row):
    """A row of ``audit_log``. ``user_id`` is null for the system, and for what is no user.

    ``metadata`` is as written by the database's own triggers: ``changed`` has each column's old and
    new value, ``row`` the row that was made or is gone, ``actor`` who did it if that is no user: an
    integration's key.
    """

    id: UUID
    entity_type: str
    entity_id: UUID
    action: str
    user_id: UUID | None
    metadata: dict[str, Any] | None
    created_at: AwareDatetime | None
