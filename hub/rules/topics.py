"""What can be watched: each topic's table, whose rows are whose, and how a row is shown.

Each topic also says where a view of it hangs in the fan-out's index. Pure: a view is judged from a
row and an audience, nothing else. Invariant: what a topic finds, judges and shows of one row is
what its picture query finds, judges and shows in SQL.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, Protocol

from hub.rules import board
from hub.rules.access import At, Audience, Everyone, Person
from hub.rules.event import Columns
from hub.rules.filters import (
    BoardFilter,
    BookingFilter,
    DeviceFilter,
    Filter,
    FlightFilter,
    NotificationFilter,
    RescheduleFilter,
    shared,
)
from hub.rules.rows import present, shows, zulu

#: Where a view hangs: a topic and, if it is bound to one, a field's name and value.
Hook = tuple[Hashable, ...]


class Names(Protocol):
    """Whoever knows what people are called."""

    def name(self, id: str) -> str:
        """First and last name."""

    def short(self, id: str) -> str:
        """First name and initial."""


class Topic:
    """One kind of thing to watch. Use the instances in :data:`TOPICS`."""

    name: ClassVar[str]
    entity: ClassVar[str]
    filter: ClassVar[type[Filter]]
    #: The columns that name whom a row belongs to.
    owners: ClassVar[tuple[str, ...]]
    #: Whether a row may change without what is shown of it changing: then nothing is told.
    masks: ClassVar[bool] = False

    # Judging.

    def matches(self, row: Columns, audience: Audience, within: Filter) -> bool:
        """Whether a reader of that class, with that filter, has this row before them."""
        match audience:
            case Person(id=who) if all(row[column] != who for column in self.owners):
                return False
            case At(airport=airport) if not _touches(row, airport):
                return False
        return within.matches(row)

    def hook(self, audience: Audience, within: Filter) -> Hook:
        """The one place in the index where a view hangs: the narrowest that finds all its events."""
        if isinstance(audience, Person):
            return (self.name, "person", audience.id)
        return (self.name,)

    def hooks(self, row: Columns) -> Iterator[Hook]:
        """Every place in the index at which a view that matches this row can hang."""
        yield (self.name,)
        for column in self.owners:
            yield (self.name, "person", row[column])

    # Showing.

    def named(self, row: Columns, names: Names) -> Mapping[str, Any]:
        """The row as an event tells it, with what is shown of its people: what a picture reads."""
        return row

    def show(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A named row as clients see it."""
        return present(self.entity, row)

    def changed(self, columns: Iterable[str]) -> tuple[str, ...]:
        """The members shown that a change of these columns changes."""
        shown = shows(self.entity)
        return tuple(column for column in columns if column in shown)


def _touches(row: Columns, airport: str) -> bool:
    return airport in (row["departure_airport"], row["arrival_airport"])


class _OfTwo(Topic):
    """Rows that belong to a student and an instructor, and show their names."""

    owners = ("student_id", "instructor_id")
    _NAMES: ClassVar = {"student_id": "student_name", "instructor_id": "instructor_name"}

    def named(self, row: Columns, names: Names) -> Mapping[str, Any]:
        return {**row, **{name: names.name(row[id]) for id, name in self._NAMES.items()}}

    def changed(self, columns: Iterable[str]) -> tuple[str, ...]:
        own = super().changed(columns)
        return own + tuple(self._NAMES[column] for column in own if column in self._NAMES)


class Bookings(_OfTwo):
    """The schedule: one's own flights, or all of them for an admin."""

    name = "bookings"
    entity = "bookings"
    filter = BookingFilter

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


class Board(Topic):
    """The wall's: every flight, masked; what a screen at one airport shows touches that airport."""

    name = "board"
    entity = "bookings"
    filter = BoardFilter
    owners = ()
    masks = True

    def hook(self, audience: Audience, within: Filter) -> Hook:
        assert isinstance(within, FlightFilter)
        airport = audience.airport if isinstance(audience, At) else within.airport
        return (self.name,) if airport is None else (self.name, "airport", airport)

    def hooks(self, row: Columns) -> Iterator[Hook]:
        yield (self.name,)
        yield (self.name, "airport", row["departure_airport"])
        yield (self.name, "airport", row["arrival_airport"])

    def named(self, row: Columns, names: Names) -> Mapping[str, Any]:
        return {
            **row,
            "pilot": names.short(row["student_id"]),
            "instructor": names.short(row["instructor_id"]),
        }

    def show(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return board.masked(row, row["pilot"], row["instructor"])

    def changed(self, columns: Iterable[str]) -> tuple[str, ...]:
        return board.changed(columns)


class Notifications(Topic):
    """One's own notifications."""

    name = "notifications"
    entity = "notifications"
    filter = NotificationFilter
    owners = ("user_id",)


class Reschedule(_OfTwo):
    """Flights that look for a new time: what is on offer, until when, and who has answered."""

    name = "reschedule"
    entity = "reschedulings"
    filter = RescheduleFilter

    def show(self, row: Mapping[str, Any]) -> dict[str, Any]:
        shown = super().show(row)
        shown["options"] = [present("reschedule_options", option) for option in row["options"]]
        return shown


class Devices(Topic):
    """Kiosks: an admin's business, and each one's own row its own."""

    name = "devices"
    entity = "devices"
    filter = DeviceFilter
    owners = ("id",)
    # Who paired it is a person's id, which no kiosk's frame may hold; when it was last seen, the feed
    # does not tell.
    _TIMES = ("created_at", "paired_at", "identify_at", "reload_at", "revoked_at")
    _SHOWN = ("id", "name", "airport", *_TIMES)

    def show(self, row: Mapping[str, Any]) -> dict[str, Any]:
        shown = {member: row[member] for member in self._SHOWN}
        for member in self._TIMES:
            if shown[member] is not None:
                shown[member] = zulu(shown[member])
        return shown

    def changed(self, columns: Iterable[str]) -> tuple[str, ...]:
        return tuple(column for column in columns if column in self._SHOWN)


TOPICS: dict[str, Topic] = {
    topic.name: topic for topic in (Bookings(), Notifications(), Reschedule(), Board(), Devices())
}
TopicName = Literal["bookings", "notifications", "reschedule", "board", "devices"]

_BY_ENTITY: defaultdict[str, list[Topic]] = defaultdict(list)
for _topic in TOPICS.values():
    _BY_ENTITY[_topic.entity].append(_topic)


def by_entity(entity: str) -> list[Topic]:
    """The topics that show a table's rows."""
    return _BY_ENTITY.get(entity, [])


def read_filter(topic: Topic, given: dict[str, Any] | None) -> Filter:
    """Parse a filter. Raises pydantic.ValidationError, whose locations name the members."""
    return shared(topic.filter.model_validate(given or {}))
