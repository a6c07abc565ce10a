"""What narrows a topic: the filters, as clients write them and as rows are judged by them.

Pure. A filter bound by ``today`` slides: it is judged only once :meth:`Filter.at` has said which
moments that means. Invariant: filters that mean the same are equal, so they are one view.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from hub.model import BookingStatus
from hub.rules.event import Columns
from hub.rules.moments import rfc3339
from hub.rules.rows import moment
from hub.rules.window import PATTERN, Day, day

#: When a day begins, by the school's clock.
Midnight = Callable[[Day], datetime]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _read(given: object) -> datetime | Day:
    if not isinstance(given, str):
        raise ValueError("is no text such as 2030-01-31T15:00:00Z or today+7")
    return day(given) or rfc3339(given)


#: A moment with an offset, held in UTC so that equal moments make equal filters; or a day that slides.
Bound = Annotated[
    Day | AwareDatetime,
    BeforeValidator(_read),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "string", "pattern": PATTERN},
            ],
            "description": "A moment, or the beginning of a day by the school's clock.",
        }
    ),
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=r"^[^\x00]*$")]
Airport = Annotated[str, StringConstraints(min_length=1, max_length=10, pattern=r"^[^\x00]*$")]
Statuses = Annotated[
    tuple[BookingStatus, ...],
    BeforeValidator(_as_list),
    AfterValidator(lambda given: tuple(sorted(set(given)))),
    Field(min_length=1, max_length=16),
]


def in_order(until: Bound | None, info: ValidationInfo) -> Bound | None:
    """``to`` where it is after ``from``, or cannot be compared with it. Raises ValueError."""
    match info.data.get("since"), until:
        case (Day() as since, Day() as end) if not since < end:
            raise ValueError("is not after from")
        case (datetime() as since, datetime() as end) if not since < end:
            raise ValueError("is not after from")
    return until


class Filter(BaseModel):
    """What narrows a topic. Hashable, so that equal filters are one view."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @property
    def slides(self) -> bool:
        """Whether what it means changes at midnight."""
        return False

    def at(self, midnight: Midnight) -> Self:
        """The same, with moments in the place of days."""
        return self

    def matches(self, row: Columns) -> bool:
        """Whether the row is inside the filter. Only for one that does not slide."""
        raise NotImplementedError


class FlightFilter(Filter):
    """``from`` is inclusive, ``until`` (``to`` on the wire) exclusive; ``airport`` is either end."""

    since: Bound | None = Field(None, alias="from")
    until: Bound | None = Field(None, alias="to")
    airport: Airport | None = None
    status: Statuses | None = None

    _in_order = field_validator("until")(in_order)

    @property
    def slides(self) -> bool:
        return isinstance(self.since, Day) or isinstance(self.until, Day)

    def at(self, midnight: Midnight) -> Self:
        if not self.slides:
            return self
        since, until = self.since, self.until
        # Copied, not parsed again: a day and a moment may well be out of order by now, and match nothing.
        return self.model_copy(
            update={
                "since": midnight(since) if isinstance(since, Day) else since,
                "until": midnight(until) if isinstance(until, Day) else until,
            }
        )

    def matches(self, row: Columns) -> bool:
        if self.status is not None and row["status"] not in self.status:
            return False
        if self.airport is not None and self.airport not in (
            row["departure_airport"],
            row["arrival_airport"],
        ):
            return False
        if self.since is not None or self.until is not None:
            assert not self.slides
            when = moment(row["scheduled_datetime"])
            if isinstance(self.since, datetime) and when < self.since:
                return False
            if isinstance(self.until, datetime) and when >= self.until:
                return False
        return True


class BookingFilter(FlightFilter):
    """Flights, by time, place, status, people and aircraft."""

    student_id: UUID | None = None
    instructor_id: UUID | None = None
    aircraft_id: Text | None = None

    def matches(self, row: Columns) -> bool:
        if self.student_id is not None and row["student_id"] != str(self.student_id):
            return False
        if self.instructor_id is not None and row["instructor_id"] != str(self.instructor_id):
            return False
        if self.aircraft_id is not None and row["aircraft_id"] != self.aircraft_id:
            return False
        return super().matches(row)


class BoardFilter(FlightFilter):
    """What of the board: by time, place and status."""


class NotificationFilter(Filter):
    """``read`` true or false narrows to the one or the other."""

    read: bool | None = None

    def matches(self, row: Columns) -> bool:
        return self.read is None or row["read"] is self.read


class RescheduleFilter(Filter):
    """One booking's search for a new time, or all of them; ``escalated`` those people must settle."""

    booking_id: UUID | None = None
    escalated: bool | None = None

    def matches(self, row: Columns) -> bool:
        if self.booking_id is not None and row["id"] != str(self.booking_id):
            return False
        return self.escalated is None or (row["escalated_at"] is not None) is self.escalated


class DeviceFilter(Filter):
    """``revoked`` true or false narrows to the one or the other."""

    revoked: bool | None = None

    def matches(self, row: Columns) -> bool:
        return self.revoked is None or (row["revoked_at"] is not None) is self.revoked


@lru_cache(maxsize=1024)
def shared(within: Filter) -> Filter:
    """One object for equal filters: it is half a kilobyte, and most readers ask for the same."""
    return within
