"""What can be watched: topics, their filters, and the judgement of one row.

Each topic names the table it shows, the filter it takes and where a view of it hangs in the
fan-out's index. Pure: a view is judged from a row and an audience, nothing else.
Invariant: ``matches`` says for one row what the topic's picture query says in SQL.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from hub.model import BookingStatus
from hub.rules.access import Audience, Everyone
from hub.rules.event import Columns
from hub.rules.rows import moment

#: Where a view hangs: a topic and, if it is bound to one, a field's name and value.
Hook = tuple[Hashable, ...]
#: What a moment begins with; a bare number would be taken for unix seconds.
_DATE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]", re.ASCII)


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _utc(given: datetime) -> datetime:
    try:
        return given.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


def _text(given: object) -> object:
    if not isinstance(given, str) or _DATE.match(given) is None:
        raise ValueError("is not an RFC 3339 time such as 2030-01-31T15:00:00Z")
    return given


#: A moment with an offset, held in UTC, so that equal moments make equal filters.
Instant = Annotated[AwareDatetime, BeforeValidator(_text), AfterValidator(_utc)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=r"^[^\x00]*$")]
Statuses = Annotated[
    tuple[BookingStatus, ...],
    BeforeValidator(_as_list),
    AfterValidator(lambda given: tuple(sorted(set(given)))),
    Field(min_length=1, max_length=16),
]


class Filter(BaseModel):
    """What narrows a topic. Hashable, so that equal filters are one view."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    def matches(self, row: Columns) -> bool:
        """Whether the row is inside the filter."""
        raise NotImplementedError


class BookingFilter(Filter):
    """``from`` is inclusive, ``until`` (``to`` on the wire) exclusive; ``airport`` is either end."""

    since: Instant | None = Field(None, alias="from")
    until: Instant | None = Field(None, alias="to")
    student_id: UUID | None = None
    instructor_id: UUID | None = None
    aircraft_id: Text | None = None
    airport: (
        Annotated[str, StringConstraints(min_length=1, max_length=10, pattern=r"^[^\x00]*$")] | None
    ) = None
    status: Statuses | None = None

    @model_validator(mode="after")
    def _in_order(self) -> BookingFilter:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("'from' must be before 'to'")
        return self

    def matches(self, row: Columns) -> bool:
        if self.status is not None and row["status"] not in self.status:
            return False
        if self.student_id is not None and row["student_id"] != str(self.student_id):
            return False
        if self.instructor_id is not None and row["instructor_id"] != str(self.instructor_id):
            return False
        if self.aircraft_id is not None and row["aircraft_id"] != self.aircraft_id:
            return False
        if self.airport is not None and self.airport not in (
            row["departure_airport"],
            row["arrival_airport"],
        ):
            return False
        if self.since is not None or self.until is not None:
            when = moment(row["scheduled_datetime"])
            if self.since is not None and when < self.since:
                return False
            if self.until is not None and when >= self.until:
                return False
        return True


class NotificationFilter(Filter):
    """``read`` true or false narrows to the one or the other."""

    read: bool | None = None

    def matches(self, row: Columns) -> bool:
        return self.read is None or row["read"] is self.read


class Topic:
    """One kind of thing to watch. Use the instances in :data:`TOPICS`."""

    name: ClassVar[str]
    entity: ClassVar[str]
    filter: ClassVar[type[Filter]]
    #: The columns that name the people who own a row.
    owners: ClassVar[tuple[str, ...]]

    def matches(self, row: Columns, audience: Audience, within: Filter) -> bool:
        """Whether a reader of that class, with that filter, has this row before them."""
        if not isinstance(audience, Everyone) and all(
            row[column] != audience.id for column in self.owners
        ):
            return False
        return within.matches(row)

    def hook(self, audience: Audience, within: Filter) -> Hook:
        """The one place in the index where a view hangs: the narrowest that finds all its events."""
        if not isinstance(audience, Everyone):
            return (self.name, "person", audience.id)
        return (self.name,)

    def hooks(self, row: Columns) -> Iterator[Hook]:
        """Every place in the index at which a view that matches this row can hang."""
        yield (self.name,)
        for column in self.owners:
            yield (self.name, "person", row[column])


class Bookings(Topic):
    """The schedule: one's own flights, or all of them for an admin."""

    name = "bookings"
    entity = "bookings"
    filter = BookingFilter
    owners = ("student_id", "instructor_id")

    def hook(self, audience: Audience, within: Filter) -> Hook:
        assert isinstance(within, BookingFilter)
        if isinstance(audience, Everyone):
            for person in (within.student_id, within.instructor_id):
                if person is not None:
                    return (self.name, "person", str(person))
            if within.aircraft_id is not None:
                return (self.name, "aircraft", within.aircraft_id)
            if within.airport is not None:
                return (self.name, "airport", within.airport)
        return super().hook(audience, within)

    def hooks(self, row: Columns) -> Iterator[Hook]:
        yield from super().hooks(row)
        if row["aircraft_id"] is not None:
            yield (self.name, "aircraft", row["aircraft_id"])
        yield (self.name, "airport", row["departure_airport"])
        yield (self.name, "airport", row["arrival_airport"])


class Notifications(Topic):
    """One's own notifications."""

    name = "notifications"
    entity = "notifications"
    filter = NotificationFilter
    owners = ("user_id",)


TOPICS: dict[str, Topic] = {topic.name: topic for topic in (Bookings(), Notifications())}
TopicName = Literal["bookings", "notifications"]


def by_entity(entity: str) -> list[Topic]:
    """The topics that show a table's rows."""
    return [topic for topic in TOPICS.values() if topic.entity == entity]


def read_filter(topic: Topic, given: dict[str, Any] | None) -> Filter:
    """Parse a filter. Raises pydantic.ValidationError, whose locations name the members."""
    return _shared(topic.filter.model_validate(given or {}))


@lru_cache(maxsize=1024)
def _shared(within: Filter) -> Filter:
    """One object for equal filters: it is half a kilobyte, and most readers ask for the same."""
    return within
