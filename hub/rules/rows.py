"""How a row is shown: the same members, order and formats wherever it is read.

A REST read, a first picture and a change all pass through :func:`present`, so that "state plus
changes" equals the state. It decides nothing about who may see the row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from hub import model

_SHOWN: dict[str, tuple[str, ...]] = {
    "bookings": tuple(model.Booking.model_fields),
    "notifications": tuple(model.Notification.model_fields),
    "users": tuple(model.User.model_fields),
    "api_keys": tuple(model.ApiKey.model_fields),
    "devices": tuple(model.Device.model_fields),
    "devices_own": tuple(model.OwnDevice.model_fields),
    "devices_seen": tuple(model.SeenDevice.model_fields),
    "audit_log": tuple(model.AuditEntry.model_fields),
    "availability_patterns": tuple(model.AvailabilityPattern.model_fields),
    "availability_overrides": tuple(model.AvailabilityOverride.model_fields),
    "reschedule_options": tuple(model.RescheduleOption.model_fields),
    "preference_rankings": tuple(model.PreferenceRanking.model_fields),
    "reschedulings": tuple(model.Rescheduling.model_fields),
}
_OF_DEVICES = frozenset({"created_at", "paired_at", "identify_at", "reload_at", "revoked_at"})
_TIMES: dict[str, frozenset[str]] = {
    "bookings": frozenset(
        {"scheduled_datetime", "rescheduled_to_datetime", "created_at", "updated_at"}
    ),
    "notifications": frozenset({"created_at"}),
    "users": frozenset({"created_at", "updated_at"}),
    "audit_log": frozenset({"created_at"}),
    "api_keys": frozenset({"created_at", "last_used_at", "revoked_at"}),
    "devices": _OF_DEVICES,
    "devices_own": _OF_DEVICES,
    "devices_seen": _OF_DEVICES | {"last_seen_at"},
    "availability_patterns": frozenset({"created_at", "updated_at"}),
    "availability_overrides": frozenset({"created_at"}),
    "reschedule_options": frozenset({"suggested_datetime", "created_at"}),
    "preference_rankings": frozenset({"deadline", "submitted_at", "created_at"}),
    "reschedulings": frozenset({"scheduled_datetime", "deadline", "escalated_at"}),
}
#: Times of day, by the school's clock.
_CLOCKS: dict[str, tuple[str, ...]] = {
    "availability_patterns": ("start_time", "end_time"),
    "availability_overrides": ("start_time", "end_time"),
}

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def zulu(text: str) -> str:
    """``to_jsonb``'s ``…+00:00`` as RFC 3339 ``…Z``. The reader's session is in UTC."""
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def clock(text: str) -> str:
    """``to_jsonb``'s ``08:30:00`` as the documented ``08:30``. Seconds, if there are any, are shown."""
    return text[:5] if text[5:] == ":00" else text


def moment(text: str) -> datetime:
    """A timestamptz's JSON text as a datetime; what Python cannot hold becomes its nearest end.

    PostgreSQL's range (manual, 8.5) is wider than Python's: infinities, BC, years above 9999.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return _FIRST if text.startswith("-") or text.endswith("BC") else _LAST


def written(entity: str, text: str) -> str:
    """Rows that PostgreSQL wrote as JSON in the model's own order, as clients see them: times in ``Z``.

    ``present`` without reading them, for long lists. ``text`` is ``row_to_json``'s, of one row or of
    several with commas between, without clock times.
    An offset, a quote that no backslash escapes and the next member's name can be only a time's end.
    """
    return _ends(entity).sub("Z", text)


@cache
def _ends(entity: str) -> re.Pattern[str]:
    """What ends the times of such a row."""
    names = _SHOWN[entity]
    behind = [f',"{name}":' for name in names[1:]] + ["}"]
    ends = [end for name, end in zip(names, behind, strict=True) if name in _TIMES[entity]]
    return re.compile(rf'\+00:00(?="(?:{"|".join(map(re.escape, ends))}))')


def shows(entity: str) -> tuple[str, ...]:
    """The members that an entity's rows are shown with."""
    return _SHOWN[entity]


def present(entity: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as clients see it: documented members, in the model's order, times in ``Z``.

    ``row`` is ``to_jsonb``'s object plus, for a booking, ``student_name`` and ``instructor_name``; a
    ranking's says ``none_work``, and ``unavailable_option_ids`` is a list.
    """
    times = _TIMES[entity]
    shown = {
        name: zulu(value) if name in times and (value := row[name]) is not None else row[name]
        for name in _SHOWN[entity]
    }
    for name in _CLOCKS.get(entity, ()):
        if shown[name] is not None:
            shown[name] = clock(shown[name])
    return shown
