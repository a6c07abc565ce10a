"""Example values for the OpenAPI document: made from a schema, so that a new model has some too.

Pure. Invariant: an example validates against the schema it was made from, or there is none: a
schema that this room cannot satisfy raises LookupError, and a test then says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]
#: Finds the schema that a reference names.
Resolve = Callable[[str], Json]

#: The people, the booking and the option that examples are about.
STUDENT = "5b3c1f0e-8a64-4c57-9d43-0f6a2b7c1e21"
INSTRUCTOR = "c2d94a7b-13f5-4e0b-8f0d-6a9be1d05432"
BOOKING = "0d9a6a52-7f0b-4c11-a3de-5f2c8be1a901"
OPTION = "9e1f7c30-52ab-4b6e-8a1f-d43b7c6e0a77"
#: What a kiosk keeps while it is paired.
DEVICE_CODE = "Pm3cP0lKm0x9xu3bWk2y0aXn7v5sRzq1dTgHfYjLc8E"

#: What members of these names are shown with, wherever the schema lets it.
_NAMED: Mapping[str, Any] = {
    "student_id": STUDENT,
    "student": STUDENT,
    "instructor_id": INSTRUCTOR,
    "instructor": INSTRUCTOR,
    "user_id": STUDENT,
    "availability_id": STUDENT,
    "booking_id": BOOKING,
    "option_id": OPTION,
    "option1_id": OPTION,
    "student_name": "Sofia Reyes",
    "instructor_name": "Marcus Webb",
    "first_name": "Sofia",
    "last_name": "Reyes",
    "email": "sofia.reyes@example.com",
    "cognito_user_id": "3d1e7a4c-0a51-4f8e-9f0f-2c6b9c0c4a11",
    "phone_number": "+1 512 555 0142",
    "aircraft_id": "N512SP",
    "departure_airport": "KAUS",
    "arrival_airport": "KHYI",
    "airport": "KAUS",
    "departure_latitude": 30.1945,
    "departure_longitude": -97.6699,
    "arrival_latitude": 29.8927,
    "arrival_longitude": -97.863,
    "scheduled_datetime": "2031-05-06T15:00:00Z",
    "suggested_datetime": "2031-05-08T15:00:00Z",
    "deadline": "2031-05-06T02:30:00Z",
    "created_at": "2031-05-01T09:12:44.318Z",
    "updated_at": "2031-05-01T09:12:44.318Z",
    "from": "2031-05-05T00:00:00Z",
    "to": "2031-05-12T00:00:00Z",
    "timezone": "America/Chicago",
    "training_level": "PRIVATE_PILOT",
    "duration_minutes": 90,
    "duration": 90,
    "day_of_week": 2,
    "start_time": "08:30",
    "end_time": "12:00",
    "override_date": "2031-05-06",
    "reason": "Checkride",
    "ai_confidence_score": 0.87,
    "weather_forecast": {"wind_kt": 8, "ceiling_ft": 12000},
    "title": "Weather conflict",
    "message": "Thunderstorms are forecast for your flight to KHYI.",
    "name": "weather-monitor",
    "role": "STUDENT",
    "node": "hub-1",
    "session": "5f2c8be1",
    "user_code": "BCDF-GHJK",
    "device_code": DEVICE_CODE,
}
_FORMATS: Mapping[str, Any] = {
    "uuid": BOOKING,
    "date-time": "2031-05-06T15:00:00Z",
    "date": "2031-05-06",
    "time": "08:30:00Z",
    "email": "sofia.reyes@example.com",
}
_SHAPES = {
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT.*Z"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
}
_TEXTS = ("text", "KAUS", "N512SP", "08:30", "x", "1", "a-text-of-more-than-twenty-letters")
#: Members that are shown as null where they may be.
_NULL = frozenset(
    {
        "original_booking_id",
        "rescheduled_to_datetime",
        "revoked_at",
        "next",
        "why",
        "rescheduled_to",
    }
)
#: A patch is shown with these of its members, if it has them; else with its first.
_PATCHED = ("duration_minutes", "scheduled_datetime", "is_active", "reason", "phone_number")


def example(schema: Json, resolve: Resolve, name: str = "") -> Any:
    """A value of ``schema``, the same each time. Raises LookupError if none can be made here."""
    if "$ref" in schema:
        return example(resolve(schema["$ref"]), resolve, name)
    if "examples" in schema:
        return schema["examples"][0]
    if name in _NULL and {"type": "null"} in schema.get("anyOf", ()):
        return None
    if name in _NAMED and _fits(schema, _NAMED[name]):
        return _NAMED[name]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("default") is not None:
        return schema["default"]
    if branches := schema.get("anyOf") or schema.get("oneOf"):
        some = [branch for branch in branches if branch.get("type") != "null"]
        return example(some[0], resolve, name)
    match schema.get("type"):
        case "object":
            return _object(schema, resolve)
        case "array":
            return [example(schema["items"], resolve, name.removesuffix("s"))]
        case _:
            return _scalar(schema, name)


def _object(schema: Json, resolve: Resolve) -> Json:
    properties, needed = schema.get("properties", {}), schema.get("required", [])
    if needed:
        shown = [
            name
            for name, member in properties.items()
            if name in needed or (name != "user_id" and _fits(member, _NAMED.get(name)))
        ]
    else:
        shown = [name for name in _PATCHED if name in properties] or list(properties)
        shown = shown[:1]
    return {name: example(properties[name], resolve, name) for name in shown}


def _scalar(schema: Json, name: str) -> Any:
    least = schema.get("minimum", 1)
    tried = [_FORMATS.get(schema.get("format", "")), *_TEXTS, True, least, float(least)]
    for value in tried:
        if value is not None and _fits(schema, value):
            return value
    raise LookupError(f"no example of {name or schema}: give its field one, or _NAMED")


def _fits(schema: Json, value: Any) -> bool:
    """Whether a value that is no object is of a schema; None, standing for no value, is of none."""
    if branches := schema.get("anyOf") or schema.get("oneOf"):
        return any(_fits(branch, value) for branch in branches)
    if value is None or ("enum" in schema and value not in schema["enum"]):
        return False
    if "const" in schema and value != schema["const"]:
        return False
    match schema.get("type"):
        case "string":
            return (
                isinstance(value, str)
                and ("format" not in schema or _of_format(schema["format"], value))
                and re.search(schema.get("pattern", ""), value) is not None
                and schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
            )
        case "integer" | "number" as kind:
            numbers = (int,) if kind == "integer" else (int, float)
            return (
                isinstance(value, numbers)
                and not isinstance(value, bool)
                and schema.get("minimum", value) <= value <= schema.get("maximum", value)
            )
        case "boolean":
            return isinstance(value, bool)
        case "object":
            return isinstance(value, dict)
        case None:
            return True
        case _:
            return False


def _of_format(format: str, value: str) -> bool:
    return format not in _SHAPES or _SHAPES[format].fullmatch(value) is not None
