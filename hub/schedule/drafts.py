"""What may be asked of the schedule: a new booking, and a change of one.

Shapes only, all faults told at once; rights and the state of the schedule are judged in the
transaction. Invariant: a field that is not named here cannot be written from outside.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hub.model import BookingStatus, TrainingLevel
from hub.schedule.fields import Aircraft, Airport, FlightTime, Id, Latitude, Longitude, Minutes


class Draft(BaseModel):
    """Something asked for: no field beyond the named, no value of another JSON type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class BookingDraft(Draft):
    """A booking to be made. It begins as CONFIRMED."""

    student_id: Id
    instructor_id: Id
    aircraft_id: Aircraft | None = None
    departure_airport: Airport
    arrival_airport: Airport
    departure_latitude: Latitude
    departure_longitude: Longitude
    arrival_latitude: Latitude
    arrival_longitude: Longitude
    scheduled_datetime: FlightTime
    status: Literal["CONFIRMED"] = "CONFIRMED"
    #: Absent or null: the student's own.
    training_level: TrainingLevel | None = None
    duration_minutes: Minutes = 60


def _absent() -> Any:
    """The value of a field that a patch does not give. Ask ``model_fields_set`` before you read."""
    return None


def if_given() -> Any:
    """A member that a patch may leave out but not set to null."""
    return Field(default_factory=_absent)


class Patch(Draft):
    """A merge patch (RFC 7396): what is given replaces."""

    @property
    def given(self) -> dict[str, Any]:
        """The members that were given, as JSON values."""
        return self.model_dump(mode="json", exclude_unset=True)


class BookingPatch(Patch):
    """A merge patch (RFC 7396) of a booking: what is given replaces; null clears the aircraft."""

    student_id: Id = if_given()
    instructor_id: Id = if_given()
    aircraft_id: Aircraft | None = None
    departure_airport: Airport = if_given()
    arrival_airport: Airport = if_given()
    departure_latitude: Latitude = if_given()
    departure_longitude: Longitude = if_given()
    arrival_latitude: Latitude = if_given()
    arrival_longitude: Longitude = if_given()
    scheduled_datetime: FlightTime = if_given()
    status: BookingStatus = if_given()
    training_level: TrainingLevel = if_given()
    duration_minutes: Minutes = if_given()
