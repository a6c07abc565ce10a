"""The fields of what comes in: strict where JSON and RFC 3339 are, and where PostgreSQL must be.

Types only; what a whole row may be is its draft's business. Invariants: nothing is guessed (no
number for a text, no moment without an offset), and whatever passes fits its column.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from hub.rules.moments import rfc3339

#: A UUID in its usual form.
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
#: Neither end a space; no control, no line's end, nothing that turns about the direction of writing.
_NO = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
_ONE_LINE = rf"^[^\s{_NO}]([^{_NO}]*[^\s{_NO}])?$"
_AIRPORT = r"^[A-Z0-9][A-Z0-9-]{1,9}$"
_AIRCRAFT = r"^[A-Z0-9][A-Z0-9-]{0,49}$"
_EMAIL = r"^[^\s@\x00-\x1f]+@[^\s@\x00-\x1f]+$"
_PHONE = r"^\+?[0-9][0-9 ().-]{2,18}$"
_SUBJECT = r"^[!-~]([ -~]{0,253}[!-~])?$"
#: What is told of a text that does not match: a pattern tells people nothing.
MISFITS = {
    _ONE_LINE: "is not one line of text without space at its ends",
    _AIRPORT: "is not an airport's code such as KPAO",
    _AIRCRAFT: "is not a registration such as N4821L",
    _EMAIL: "is not an e-mail address",
    _PHONE: "is not a phone number such as +1 650 555 0100",
    _SUBJECT: "is not what a token may have for its subject",
}
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def _uuid(value: Any) -> UUID:
    if not isinstance(value, str) or UUID_TEXT.fullmatch(value) is None:
        raise ValueError("is not a UUID")
    return UUID(value)


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("is not a text with an RFC 3339 time")
    return rfc3339(value)


def _flight_time(value: Any) -> datetime:
    when = _moment(value)
    if not _EARLIEST <= when < _LATEST:
        raise ValueError("is not between the years 2000 and 2200")
    return when


def _clock(value: Any) -> str:
    if not isinstance(value, str) or _CLOCK.fullmatch(value) is None:
        raise ValueError("is not a time of day such as 08:30")
    return value


def _closing(value: Any) -> str:
    return "24:00" if value == "24:00" else _clock(value)


def _day(value: Any) -> date:
    try:
        if not isinstance(value, str) or _DAY.fullmatch(value) is None:
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError("is not a date such as 2030-01-31") from None
    if not _EARLIEST.date() <= day < _LATEST.date():
        raise ValueError("is not between the years 2000 and 2200")
    return day


def _whole(value: Any) -> Any:
    # JSON has one kind of number: 60.0 is the integer 60.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _digits(value: Any) -> Any:
    # A query has texts only; Python would read 5_0 and " 5" as numbers too.
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value, re.ASCII) is None:
        raise ValueError("is not a whole number")
    return value


def _flag(value: Any) -> bool:
    if value not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return bool(value == "true")


_MOMENT_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time"})

Id = Annotated[UUID, BeforeValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]
Moment = Annotated[datetime, BeforeValidator(_moment), _MOMENT_SCHEMA]
#: A moment at which a flight of this school may be.
FlightTime = Annotated[datetime, BeforeValidator(_flight_time), _MOMENT_SCHEMA]
#: An ICAO, IATA or local code.
Airport = Annotated[str, StringConstraints(pattern=_AIRPORT)]
#: A registration, the N-number with its dash if it has one.
Aircraft = Annotated[str, StringConstraints(pattern=_AIRCRAFT)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Minutes = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=24 * 60)]
#: The same and the like, and true or false, as a query says them.
Digits = BeforeValidator(_digits)
Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
#: 0 is Sunday.
Weekday = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=6)]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
#: When hours begin, by the school's clock; and when they end, midnight included.
Opening = Annotated[
    str,
    BeforeValidator(_clock),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]
Closing = Annotated[
    str,
    BeforeValidator(_closing),
    WithJsonSchema({"type": "string", "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"}),
]
#: Why: as much as its column holds.
Reason = Annotated[str, StringConstraints(min_length=1, max_length=255)]
#: What people call somebody or something: one line, without space around it.
Name = Annotated[
    str,
    StringConstraints(
        max_length=100,
        pattern=_ONE_LINE,
    ),
]
Email = Annotated[str, StringConstraints(max_length=255, pattern=_EMAIL)]
Phone = Annotated[str, StringConstraints(pattern=_PHONE)]
#: A token's subject: what ``tokens`` takes for one.
Subject = Annotated[str, StringConstraints(pattern=_SUBJECT)]
#: A title, as much as its column holds; and a text of a few paragraphs.
Line = Annotated[
    str,
    StringConstraints(
        max_length=255,
        pattern=_ONE_LINE,
    ),
]
Words = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
