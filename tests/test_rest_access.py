"""The access matrix of these routes, as one table: who asks for what, and what they are told."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from resthouse import ID, Rest, Said, at, draft, opened
from test_rest_registry import ROUTES

from hub.rules.access import SCOPES, effective

# Of a booking: Sam flies with Ina; Sue and Ivo have nothing to do with it. 401 is nobody. The
# robot is an integration whose key has every scope; test_scopes asks with keys that lack one. The
# device is a kiosk.
WHO = ("nobody", "sam", "sue", "ina", "ivo", "admin", "stranger", "robot", "device")
KINDS: dict[str, set[str]] = {
    "student": {"sam", "sue"}, "instructor": {"ina", "ivo"}, "admin": {"admin"},
    "integration": {"robot"}, "device": {"device"},
}  # fmt: skip
#: The rows that are asked for, by their names in MATRIX, and whose each is.
OWNERS: dict[str, set[str]] = {
    "booking": {"sam", "ina"}, "offered": {"sam", "ina"}, "sams": {"sam"}, "inas": {"ina"},
    "admins": {"admin"}, "sam": {"sam"}, "ina": {"ina"}, "admin": {"admin"}, "idle": set(),
    "acted": set(), "own": {"robot", "device"}, "spare": set(), "absent": set(),
}  # fmt: skip
#: The kinds of principals that can have a row of their own among those of a path.
_USERS = {"student", "instructor", "admin"}
CAN_OWN: dict[str, set[str]] = {
    "/api/v1/bookings": {"student", "instructor"},
    "/api/v1/notifications": _USERS,
    "/api/v1/users": _USERS,
    "/api/v1/availability": _USERS,
    "/api/v1/availability/patterns": _USERS,
    "/api/v1/availability/overrides": _USERS,
    "/api/v1/keys": {"integration"},
    "/api/v1/devices": {"device"},
}
#: What is asked for, how, and what each of WHO is told.
MATRIX: dict[tuple[str, str], tuple[int, ...]] = {
    #                                             nobody sam  sue  ina  ivo  admin stranger robot device
    ("GET", "/api/v1/bookings"):                    (401, 200, 200, 200, 200, 200, 403, 200, 403),
    ("GET", "/api/v1/bookings/{booking}"):          (401, 200, 404, 200, 404, 200, 403, 200, 403),
    ("GET", "/api/v1/bookings/{absent}"):           (401, 404, 404, 404, 404, 404, 403, 404, 403),
    ("POST", "/api/v1/bookings"):                   (401, 403, 403, 201, 403, 201, 403, 201, 403),
    ("PATCH", "/api/v1/bookings/{booking}"):        (401, 403, 404, 200, 404, 200, 403, 200, 403),
    ("PATCH", "/api/v1/bookings/{absent}"):         (401, 404, 404, 404, 404, 404, 403, 404, 403),
    ("DELETE", "/api/v1/bookings/{booking}"):       (401, 403, 404, 403, 404, 204, 403, 403, 403),
    ("DELETE", "/api/v1/bookings/{absent}"):        (401, 404, 404, 404, 404, 404, 403, 403, 403),
    ("GET", "/api/v1/bookings/upcoming"):           (401, 403, 403, 403, 403, 200, 403, 200, 403),
    ("PUT", "/api/v1/bookings/{booking}/weather-conflict"): (401, 403, 403, 403, 403, 200, 403, 200, 403),
    ("PUT", "/api/v1/bookings/{absent}/weather-conflict"): (401, 403, 403, 403, 403, 404, 403, 404, 403),
    ("DELETE", "/api/v1/bookings/{booking}/weather-conflict"): (401, 403, 403, 403, 403, 200, 403, 200, 403),
    ("DELETE", "/api/v1/bookings/{absent}/weather-conflict"): (401, 403, 403, 403, 403, 404, 403, 404, 403),
    ("GET", "/api/v1/bookings/{offered}/options"):  (401, 200, 404, 200, 404, 200, 403, 200, 403),
    ("GET", "/api/v1/bookings/{absent}/options"):   (401, 404, 404, 404, 404, 404, 403, 404, 403),
    ("PUT", "/api/v1/bookings/{offered}/options"):  (401, 403, 403, 403, 403, 200, 403, 200, 403),
    ("PUT", "/api/v1/bookings/{absent}/options"):   (401, 403, 403, 403, 403, 404, 403, 404, 403),
    # Sam's ranking is not Ina's to read, nor hers his; who flies neither must say whose.
    ("GET", "/api/v1/bookings/{offered}/preferences"): (401, 200, 404, 200, 404, 422, 403, 422, 403),
    ("GET", "/api/v1/bookings/{offered}/preferences?user_id={sam}"):
        (401, 200, 404, 403, 404, 200, 403, 200, 403),
    ("GET", "/api/v1/bookings/{offered}/preferences?user_id={ina}"):
        (401, 403, 404, 200, 404, 200, 403, 200, 403),
    ("GET", "/api/v1/bookings/{offered}/preferences?user_id={idle}"):
        (401, 403, 404, 403, 404, 404, 403, 404, 403),
    ("GET", "/api/v1/bookings/{offered}/preferences?user_id={absent}"):
        (401, 403, 404, 403, 404, 404, 403, 404, 403),
    ("GET", "/api/v1/bookings/{absent}/preferences?user_id={sam}"):
        (401, 404, 404, 404, 404, 404, 403, 404, 403),
    ("PUT", "/api/v1/bookings/{offered}/preferences"): (401, 200, 404, 200, 404, 403, 403, 403, 403),
    ("PUT", "/api/v1/bookings/{absent}/preferences"): (401, 404, 404, 404, 404, 403, 403, 403, 403),
    ("POST", "/api/v1/bookings/{offered}/reschedule"): (401, 403, 403, 403, 403, 201, 403, 403, 403),
    ("POST", "/api/v1/bookings/{absent}/reschedule"): (401, 403, 403, 403, 403, 404, 403, 403, 403),
    ("GET", "/api/v1/notifications"):               (401, 200, 200, 200, 200, 200, 403, 403, 403),
    ("POST", "/api/v1/notifications"):              (401, 403, 403, 403, 403, 201, 403, 201, 403),
    ("GET", "/api/v1/notifications/unread"):        (401, 200, 200, 200, 200, 200, 403, 403, 403),
    ("POST", "/api/v1/notifications/read-all"):     (401, 200, 200, 200, 200, 200, 403, 403, 403),
    ("GET", "/api/v1/notifications/{sams}"):        (401, 200, 404, 404, 404, 404, 403, 403, 403),
    ("GET", "/api/v1/notifications/{inas}"):        (401, 404, 404, 200, 404, 404, 403, 403, 403),
    ("GET", "/api/v1/notifications/{admins}"):      (401, 404, 404, 404, 404, 200, 403, 403, 403),
    ("GET", "/api/v1/notifications/{absent}"):      (401, 404, 404, 404, 404, 404, 403, 403, 403),
    ("POST", "/api/v1/notifications/{sams}/read"):  (401, 200, 404, 404, 404, 404, 403, 403, 403),
    ("POST", "/api/v1/notifications/{inas}/read"):  (401, 404, 404, 200, 404, 404, 403, 403, 403),
    ("POST", "/api/v1/notifications/{admins}/read"): (401, 404, 404, 404, 404, 200, 403, 403, 403),
    ("POST", "/api/v1/notifications/{absent}/read"): (401, 404, 404, 404, 404, 404, 403, 403, 403),
    ("GET", "/api/v1/me"):                          (401, 200, 200, 200, 200, 200, 403, 403, 403),
    # Sam is Ina's student; the idle one has done nothing, Sam, Ina and the admin have.
    ("GET", "/api/v1/users"):                       (401, 403, 403, 200, 200, 200, 403, 200, 403),
    ("GET", "/api/v1/users/{sam}"):                 (401, 200, 404, 200, 404, 200, 403, 200, 403),
    ("GET", "/api/v1/users/{ina}"):                 (401, 404, 404, 200, 404, 200, 403, 200, 403),
    ("GET", "/api/v1/users/{admin}"):               (401, 404, 404, 404, 404, 200, 403, 200, 403),
    ("GET", "/api/v1/users/{absent}"):              (401, 404, 404, 404, 404, 404, 403, 404, 403),
    ("POST", "/api/v1/users"):                      (401, 403, 403, 403, 403, 201, 403, 201, 403),
    ("PATCH", "/api/v1/users/{sam}"):               (401, 403, 403, 403, 403, 200, 403, 200, 403),
    ("PATCH", "/api/v1/users/{ina}"):               (401, 403, 403, 403, 403, 200, 403, 200, 403),
    ("PATCH", "/api/v1/users/{admin}"):             (401, 403, 403, 403, 403, 200, 403, 403, 403),
    ("PATCH", "/api/v1/users/{absent}"):            (401, 403, 403, 403, 403, 404, 403, 404, 403),
    ("DELETE", "/api/v1/users/{idle}"):             (401, 403, 403, 403, 403, 204, 403, 204, 403),
    ("DELETE", "/api/v1/users/{sam}"):              (401, 403, 403, 403, 403, 409, 403, 409, 403),
    ("DELETE", "/api/v1/users/{ina}"):              (401, 403, 403, 403, 403, 409, 403, 409, 403),
    ("DELETE", "/api/v1/users/{acted}"):            (401, 403, 403, 403, 403, 409, 403, 409, 403),
    ("DELETE", "/api/v1/users/{admin}"):            (401, 403, 403, 403, 403, 403, 403, 403, 403),
    ("DELETE", "/api/v1/users/{absent}"):           (401, 403, 403, 403, 403, 404, 403, 404, 403),
    ("GET", "/api/v1/audit"):                       (401, 403, 403, 403, 403, 200, 403, 200, 403),
    ("GET", "/healthz"):                            (200, 200, 200, 200, 200, 200, 200, 200, 200),
    ("GET", "/readyz"):                             (200, 200, 200, 200, 200, 200, 200, 200, 200),
    ("GET", "/api/v1/openapi.json"):                (200, 200, 200, 200, 200, 200, 200, 200, 200),
    ("GET", "/api/v1/asyncapi.json"):               (200, 200, 200, 200, 200, 200, 200, 200, 200),
    ("GET", "/dev/users"):                          (200, 200, 200, 200, 200, 200, 200, 200, 200),
    ("POST", "/dev/token"):                         (200, 200, 200, 200, 200, 200, 200, 200, 200),
    ("GET", "/dev/.well-known/jwks.json"):          (200, 200, 200, 200, 200, 200, 200, 200, 200),
    ("GET", "/api/v1/keys"):                        (401, 403, 403, 403, 403, 200, 403, 403, 403),
    ("POST", "/api/v1/keys"):                       (401, 403, 403, 403, 403, 201, 403, 403, 403),
    ("GET", "/api/v1/keys/{spare}"):                (401, 403, 403, 403, 403, 200, 403, 403, 403),
    ("GET", "/api/v1/keys/{own}"):                  (401, 403, 403, 403, 403, 200, 403, 403, 403),
    ("GET", "/api/v1/keys/{absent}"):               (401, 403, 403, 403, 403, 404, 403, 403, 403),
    ("DELETE", "/api/v1/keys/{spare}"):             (401, 403, 403, 403, 403, 204, 403, 403, 403),
    ("DELETE", "/api/v1/keys/{own}"):               (401, 403, 403, 403, 403, 204, 403, 403, 403),
    ("DELETE", "/api/v1/keys/{absent}"):            (401, 403, 403, 403, 403, 404, 403, 403, 403),
    # Sam's own hours are his and the admin's; robots see only what follows from them.
    ("GET", "/api/v1/availability"):                (401, 200, 200, 200, 200, 200, 403, 403, 403),
    ("GET", "/api/v1/availability?user_id={sam}"):  (401, 200, 403, 403, 403, 200, 403, 403, 403),
    ("GET", "/api/v1/availability?user_id={ina}"):  (401, 403, 403, 200, 403, 200, 403, 403, 403),
    ("GET", "/api/v1/availability?user_id={absent}"): (401, 403, 403, 403, 403, 200, 403, 403, 403),
    ("GET", "/api/v1/availability/patterns"):       (401, 200, 200, 200, 200, 200, 403, 403, 403),
    ("GET", "/api/v1/availability/patterns?user_id={sam}"): (401, 200, 403, 403, 403, 200, 403, 403, 403),
    ("GET", "/api/v1/availability/patterns?user_id={ina}"): (401, 403, 403, 200, 403, 200, 403, 403, 403),
    ("GET", "/api/v1/availability/patterns?user_id={absent}"): (401, 403, 403, 403, 403, 200, 403, 403, 403),
    ("POST", "/api/v1/availability/patterns"):      (401, 201, 201, 201, 201, 201, 403, 403, 403),
    ("GET", "/api/v1/availability/patterns/{sams}"): (401, 200, 404, 404, 404, 200, 403, 403, 403),
    ("GET", "/api/v1/availability/patterns/{inas}"): (401, 404, 404, 200, 404, 200, 403, 403, 403),
    ("GET", "/api/v1/availability/patterns/{admins}"): (401, 404, 404, 404, 404, 200, 403, 403, 403),
    ("GET", "/api/v1/availability/patterns/{absent}"): (401, 404, 404, 404, 404, 404, 403, 403, 403),
    ("PATCH", "/api/v1/availability/patterns/{sams}"): (401, 200, 404, 404, 404, 200, 403, 403, 403),
    ("PATCH", "/api/v1/availability/patterns/{inas}"): (401, 404, 404, 200, 404, 200, 403, 403, 403),
    ("PATCH", "/api/v1/availability/patterns/{admins}"): (401, 404, 404, 404, 404, 200, 403, 403, 403),
    ("PATCH", "/api/v1/availability/patterns/{absent}"): (401, 404, 404, 404, 404, 404, 403, 403, 403),
    ("DELETE", "/api/v1/availability/patterns/{sams}"): (401, 204, 404, 404, 404, 204, 403, 403, 403),
    ("DELETE", "/api/v1/availability/patterns/{inas}"): (401, 404, 404, 204, 404, 204, 403, 403, 403),
    ("DELETE", "/api/v1/availability/patterns/{admins}"): (401, 404, 404, 404, 404, 204, 403, 403, 403),
    ("DELETE", "/api/v1/availability/patterns/{absent}"): (401, 404, 404, 404, 404, 404, 403, 403, 403),
    ("GET", "/api/v1/availability/overrides"):      (401, 200, 200, 200, 200, 200, 403, 403, 403),
    ("GET", "/api/v1/availability/overrides?user_id={sam}"): (401, 200, 403, 403, 403, 200, 403, 403, 403),
    ("GET", "/api/v1/availability/overrides?user_id={ina}"): (401, 403, 403, 200, 403, 200, 403, 403, 403),
    ("GET", "/api/v1/availability/overrides?user_id={absent}"): (401, 403, 403, 403, 403, 200, 403, 403, 403),
    ("POST", "/api/v1/availability/overrides"):     (401, 201, 201, 201, 201, 201, 403, 403, 403),
    ("GET", "/api/v1/availability/overrides/{sams}"): (401, 200, 404, 404, 404, 200, 403, 403, 403),
    ("GET", "/api/v1/availability/overrides/{inas}"): (401, 404, 404, 200, 404, 200, 403, 403, 403),
    ("GET", "/api/v1/availability/overrides/{admins}"): (401, 404, 404, 404, 404, 200, 403, 403, 403),
    ("GET", "/api/v1/availability/overrides/{absent}"): (401, 404, 404, 404, 404, 404, 403, 403, 403),
    ("PATCH", "/api/v1/availability/overrides/{sams}"): (401, 200, 404, 404, 404, 200, 403, 403, 403),
    ("PATCH", "/api/v1/availability/overrides/{inas}"): (401, 404, 404, 200, 404, 200, 403, 403, 403),
    ("PATCH", "/api/v1/availability/overrides/{admins}"): (401, 404, 404, 404, 404, 200, 403, 403, 403),
    ("PATCH", "/api/v1/availability/overrides/{absent}"): (401, 404, 404, 404, 404, 404, 403, 403, 403),
    ("DELETE", "/api/v1/availability/overrides/{sams}"): (401, 204, 404, 404, 404, 204, 403, 403, 403),
    ("DELETE", "/api/v1/availability/overrides/{inas}"): (401, 404, 404, 204, 404, 204, 403, 403, 403),
    ("DELETE", "/api/v1/availability/overrides/{admins}"): (401, 404, 404, 404, 404, 204, 403, 403, 403),
    ("DELETE", "/api/v1/availability/overrides/{absent}"): (401, 404, 404, 404, 404, 404, 403, 403, 403),
    ("GET", "/api/v1/availability/{sam}"):          (401, 200, 404, 404, 404, 200, 403, 200, 403),
    ("GET", "/api/v1/availability/{ina}"):          (401, 404, 404, 200, 404, 200, 403, 200, 403),
    ("GET", "/api/v1/availability/{admin}"):        (401, 404, 404, 404, 404, 200, 403, 200, 403),
    ("GET", "/api/v1/availability/{absent}"):       (401, 404, 404, 404, 404, 404, 403, 404, 403),
    ("GET", "/api/v1/availability/common?student={sam}&instructor={ina}"):
        (401, 200, 403, 200, 403, 200, 403, 200, 403),
    ("GET", "/api/v1/availability/common?student={absent}&instructor={ina}"):
        (401, 403, 403, 422, 403, 422, 403, 422, 403),
    ("GET", "/api/v1/availability/common?student={sam}&instructor={absent}"):
        (401, 422, 403, 403, 403, 422, 403, 422, 403),
    # Whoever is signed in; what may be watched is the topic's to say (a kiosk, no bookings).
    ("POST", "/api/v1/tickets"):                    (401, 201, 201, 201, 201, 201, 403, 201, 201),
    ("GET", "/api/v1/stream"):                      (401, 200, 200, 200, 200, 200, 403, 200, 403),
    # Kiosks are the admin's; a device knows of itself, and of nothing else here.
    ("GET", "/api/v1/devices"):                     (401, 403, 403, 403, 403, 200, 403, 403, 403),
    ("POST", "/api/v1/devices"):                    (401, 403, 403, 403, 403, 201, 403, 403, 403),
    ("GET", "/api/v1/devices/me"):                  (401, 403, 403, 403, 403, 403, 403, 403, 200),
    ("GET", "/api/v1/devices/{spare}"):             (401, 403, 403, 403, 403, 200, 403, 403, 403),
    ("GET", "/api/v1/devices/{own}"):               (401, 403, 403, 403, 403, 200, 403, 403, 403),
    ("GET", "/api/v1/devices/{absent}"):            (401, 403, 403, 403, 403, 404, 403, 403, 403),
    ("PATCH", "/api/v1/devices/{spare}"):           (401, 403, 403, 403, 403, 200, 403, 403, 403),
    ("PATCH", "/api/v1/devices/{own}"):             (401, 403, 403, 403, 403, 200, 403, 403, 403),
    ("PATCH", "/api/v1/devices/{absent}"):          (401, 403, 403, 403, 403, 404, 403, 403, 403),
    ("DELETE", "/api/v1/devices/{spare}"):          (401, 403, 403, 403, 403, 204, 403, 403, 403),
    ("DELETE", "/api/v1/devices/{own}"):            (401, 403, 403, 403, 403, 204, 403, 403, 403),
    ("DELETE", "/api/v1/devices/{absent}"):         (401, 403, 403, 403, 403, 404, 403, 403, 403),
    ("POST", "/api/v1/devices/{spare}/identify"):   (401, 403, 403, 403, 403, 204, 403, 403, 403),
    ("POST", "/api/v1/devices/{own}/identify"):     (401, 403, 403, 403, 403, 204, 403, 403, 403),
    ("POST", "/api/v1/devices/{absent}/identify"):  (401, 403, 403, 403, 403, 404, 403, 403, 403),
    ("POST", "/api/v1/devices/{spare}/reload"):     (401, 403, 403, 403, 403, 204, 403, 403, 403),
    ("POST", "/api/v1/devices/{own}/reload"):       (401, 403, 403, 403, 403, 204, 403, 403, 403),
    ("POST", "/api/v1/devices/{absent}/reload"):    (401, 403, 403, 403, 403, 404, 403, 403, 403),
    ("GET", "/api/v1/presence"):                    (401, 403, 403, 403, 403, 200, 403, 403, 403),
    ("GET", "/api/v1/board"):                       (401, 403, 403, 403, 403, 200, 403, 200, 200),
    ("GET", "/api/v1/explain?booking={booking}&user={sam}"): (401, 403, 403, 403, 403, 200, 403, 403, 403),
    # Whoever begins a pairing is nobody yet.
    ("POST", "/api/v1/pairings"):                   (201, 201, 201, 201, 201, 201, 201, 201, 201),
    ("POST", "/api/v1/pairings/claim"):             (202, 202, 202, 202, 202, 202, 202, 202, 202),
}  # fmt: skip
ABSENT = "00000000-0000-4000-8000-00000000dead"
#: An option of the flight that is offered new times.
OPTION = "00000000-0000-4000-8000-0000000000f1"
#: The device code of the kiosk that shows BCDF-GHJK.
WAITING = "w" * 43
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/api/v1/bookings"): draft(scheduled_datetime=at(15)),
    ("PATCH", "/api/v1/bookings/{id}"): {"duration_minutes": 90},
    ("PUT", "/api/v1/bookings/{id}/weather-conflict"): {"detail": "Gusts."},
    ("PUT", "/api/v1/bookings/{id}/options"): {"options": [{"suggested_datetime": at(9, 1)}]},
    ("PUT", "/api/v1/bookings/{id}/preferences"): {"option1_id": OPTION},
    ("POST", "/api/v1/bookings/{id}/reschedule"): {"option_id": OPTION},
    ("POST", "/api/v1/notifications"): {
        "user_id": ID["sue"], "type": "ESCALATION", "title": "t", "message": "m",
    },
    ("POST", "/api/v1/users"): {
        "cognito_user_id": "sub-new", "email": "new@example.com", "first_name": "Nora",
        "last_name": "New", "role": "STUDENT",
    },
    ("PATCH", "/api/v1/users/{id}"): {"phone_number": "+1 555 0100"},
    ("POST", "/api/v1/keys"): {"name": "Weather", "scopes": ["weather:write"]},
    ("POST", "/api/v1/availability/patterns"): {
        "day_of_week": 1, "start_time": "13:00", "end_time": "24:00",
    },
    ("PATCH", "/api/v1/availability/patterns/{id}"): {"is_active": False},
    ("POST", "/api/v1/availability/overrides"): {"override_date": "2031-05-06"},
    ("PATCH", "/api/v1/availability/overrides/{id}"): {"reason": None},
    ("POST", "/api/v1/devices"): {"user_code": "bcdfghjk", "name": "Lobby", "airport": "KHYI"},
    ("PATCH", "/api/v1/devices/{id}"): {"airport": "KHYI"},
    ("POST", "/api/v1/pairings/claim"): {"device_code": WAITING},
    ("POST", "/dev/token"): {"email": "sam@example.com"},
}  # fmt: skip
_DAY = f"from={at(0)}&to={at(24)}"
#: What must be asked besides.
QUERIES: dict[tuple[str, str], str] = {
    ("GET", "/api/v1/stream"): "topic=bookings",
    ("GET", "/api/v1/availability/{id}"): _DAY,
    ("GET", "/api/v1/availability/common"): f"duration=60&{_DAY}",
}


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        door.tokens["stranger"] = door.hub.token("sub-nobody-here")
        await door.key(*SCOPES)
        await door.device()
        yield door


def generic(path: str) -> str:
    """The route's own path: its rows are any, its query is no part of it."""
    return re.sub(r"\{\w+\}", "{id}", path.partition("?")[0])


def rows(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def test_every_route_is_in_the_matrix() -> None:
    mounted = {(route.method, route.path) for route in ROUTES}
    assert {(method, generic(path)) for method, path in MATRIX} == mounted


def test_of_every_row_one_s_own_another_s_and_none_are_asked_for() -> None:
    missing = []
    for route in ROUTES:
        head, found, _ = route.path.partition("/{id}")
        if not found:
            continue
        names = {
            rows(path.partition("?")[0])[0]
            for method, path in MATRIX
            if (method, generic(path)) == (route.method, route.path)
        }
        if "absent" not in names:
            missing.append(f"{route.method} {route.path}: an absent row")
        there = [OWNERS[name] for name in names - {"absent"}]
        for kind, asking in KINDS.items():
            if kind in CAN_OWN[head] and not any(asking & owners for owners in there):
                missing.append(f"{route.method} {route.path}: a row of its own for {kind}")
            if not any(asking - owners for owners in there):
                missing.append(f"{route.method} {route.path}: another's row for {kind}")
    assert not missing, "\n".join(missing)


@pytest.mark.timeout(300)
async def test_the_matrix(door: Rest) -> None:
    routes = {(route.method, route.path): route for route in ROUTES}
    for name in ("sam", "ina"):
        await _acts(door, ID[name])
    wrong = []
    for (method, path), expected in MATRIX.items():
        for who, status in zip(WHO, expected, strict=True):
            await afresh(door)
            real = path.format(**{name: await row(door, name, path) for name in rows(path)})
            if (query := QUERIES.get((method, generic(path)))) is not None:
                real += ("&" if "?" in real else "?") + query
            body = BODIES.get((method, generic(path)))
            said = await door.ask(None if who == "nobody" else who, method, real, body)
            if said.status != status:
                wrong.append(f"{method} {path} as {who}: {said.status}, not {status}")
            route = routes[method, generic(path)]
            if said.status not in route.answers.keys() | route.refusals:
                wrong.append(f"{method} {path}: {said.status} is not in the registry")
            if status >= 400:
                assert not _leaks(said), f"{method} {path} as {who} says {said.body!r}"
    assert not wrong, "\n".join(wrong)


async def afresh(door: Rest) -> None:
    """Nothing is left of what was asked before, and a kiosk waits for an approval."""
    await door.conn.execute(
        "DELETE FROM bookings; DELETE FROM availability_patterns; DELETE FROM availability_overrides;"
        " DELETE FROM users WHERE email = 'new@example.com'; DELETE FROM pairing_codes"
    )
    await door.conn.execute(
        "INSERT INTO pairing_codes (hash, user_code, expires_at)"
        " VALUES (sha256($1), 'BCDFGHJK', now() + interval '10 minutes')",
        WAITING.encode(),
    )


async def row(door: Rest, name: str, path: str) -> str:
    """Make a row of OWNERS, of the kind that the path is about; its id."""
    match name:
        case "absent":
            return ABSENT
        case "booking":
            return str((await door.booking())["id"])
        case "offered":
            return await _offered(door)
        case "sam" | "ina" | "admin":
            if not await door.conn.fetchval("SELECT count(*) FROM bookings"):
                await door.booking()  # an instructor sees their students
            return ID[name]
        case "idle" | "acted":
            return await _person(door, name)
        case "own" | "spare" if "keys" in path:
            return await door.key(*SCOPES, name="robot" if name == "own" else name)
        case "own" | "spare":
            return await door.device(name="device" if name == "own" else name)
    [sql] = [sql for kind, sql in _OF_SOMEBODY.items() if kind in path]
    return str(await door.conn.fetchval(sql, ID[name.removesuffix("s")]))


_OF_SOMEBODY = {
    "notifications": "INSERT INTO notifications (user_id, type, title, message)"
    " VALUES ($1, 'CONFIRMATION', 't', 'm') RETURNING id::text",
    "patterns": "INSERT INTO availability_patterns (user_id, day_of_week, start_time, end_time)"
    " VALUES ($1, 1, '08:00', '12:00') RETURNING id::text",
    "overrides": "INSERT INTO availability_overrides (user_id, override_date, reason)"
    " VALUES ($1, '2031-05-05', 'Tester is at KPAO') RETURNING id::text",
}


async def _offered(door: Rest) -> str:
    """A flight of Sam's with Ina that is offered a new time."""
    flight = await door.booking(scheduled_datetime=at(20), aircraft_id="N9", status="RESCHEDULING")
    await door.conn.execute(
        "WITH o AS (INSERT INTO reschedule_options (id, booking_id, suggested_datetime)"
        " VALUES ($1, $2, $3))"
        " INSERT INTO preference_rankings (booking_id, user_id, deadline)"
        " SELECT $2, unnest($4::uuid[]), now() + interval '9 hours'",
        OPTION,
        flight["id"],
        datetime.fromisoformat(at(9, 1)),
        [ID["sam"], ID["ina"]],
    )
    return str(flight["id"])


async def _person(door: Rest, name: str) -> str:
    """Somebody who, if called ``acted``, has done something."""
    id = str(
        await door.conn.fetchval(
            "INSERT INTO users (cognito_user_id, email, first_name, last_name, role)"
            " VALUES ($1, $1, 'Nobody', 'Special', 'STUDENT')"
            " ON CONFLICT (email) DO UPDATE SET role = 'STUDENT' RETURNING id",
            name,
        )
    )
    if name == "acted":
        await _acts(door, id)
    return id


async def _acts(door: Rest, id: str) -> None:
    async with door.conn.transaction():
        await door.conn.execute("SELECT set_config('hub.actor', $1, true)", id)
        await door.conn.execute(
            "UPDATE users SET phone_number = now()::time::text WHERE id = $1", id
        )


async def test_scopes(door: Rest) -> None:
    """A key that has every scope but a route's own is refused there, and nobody is told why not."""
    for scope in SCOPES:
        others = [other for other in SCOPES if scope not in effective([other])]
        await door.key(*others, name=f"all but {scope}")
    for route in ROUTES:
        if route.who is None or route.scope is None:
            continue
        body = BODIES.get((route.method, route.path))
        path = route.path.replace("{id}", ABSENT)
        said = await door.ask(f"all but {route.scope}", route.method, path, body)
        assert said.code == "insufficient-scope", f"{route.method} {path}"
        assert str(route.scope) in said.json["detail"]


def _leaks(said: Said) -> bool:
    return said.code == "internal" or b"KPAO" in said.body or b"Tester" in said.body


async def test_lists_hold_what_is_one_s_own(door: Rest) -> None:
    a = await door.booking()
    b = await door.booking(
        student_id=ID["sue"], instructor_id=ID["ivo"], aircraft_id="N2", scheduled_datetime=at(12)
    )
    c = await door.booking(
        student_id=ID["sue"], instructor_id=ID["ina"], aircraft_id="N3", scheduled_datetime=at(14)
    )
    seen = {
        who: [row["id"] for row in (await door.ask(who, "GET", "/api/v1/bookings")).json["items"]]
        for who in ("sam", "sue", "sid", "ina", "ivo", "admin")
    }
    assert seen == {
        "sam": [a["id"]],
        "sue": [b["id"], c["id"]],
        "sid": [],
        "ina": [a["id"], c["id"]],
        "ivo": [b["id"]],
        "admin": [a["id"], b["id"], c["id"]],
    }
    # A filter narrows; it never widens.
    for query in (f"student_id={ID['sam']}", f"instructor_id={ID['ivo']}"):
        found = await door.ask("sam", "GET", f"/api/v1/bookings?{query}&status=CONFIRMED")
        assert {row["id"] for row in found.json["items"]} <= {a["id"]}


async def test_rights_follow_the_row_at_once(door: Rest) -> None:
    """A role that is changed in the database is another role at the next request."""
    booking = await door.booking()
    path = f"/api/v1/bookings/{booking['id']}"
    assert (await door.ask("ivo", "GET", path)).status == 404
    await door.conn.execute("UPDATE users SET role = 'ADMIN' WHERE id = $1", ID["ivo"])
    await door.hub.house.feed.turned()
    assert (await door.ask("ivo", "GET", path)).status == 200
    await door.conn.execute("UPDATE users SET role = 'STUDENT' WHERE id = $1", ID["ivo"])
    await door.hub.house.feed.turned()
    assert (await door.ask("ivo", "GET", path)).status == 404
    await door.conn.execute("DELETE FROM users WHERE id = $1", ID["ivo"])
    await door.hub.house.feed.turned()
    assert (await door.ask("ivo", "GET", path)).code == "unknown-user"


async def test_an_instructor_changes_everything_but_whose_it_is(door: Rest) -> None:
    booking = await door.booking()
    path = f"/api/v1/bookings/{booking['id']}"
    for field, value in (("student_id", ID["sue"]), ("instructor_id", ID["ivo"])):
        said = await door.ask("ina", "PATCH", path, {field: value})
        assert (said.status, said.where) == (403, [f"/{field}"])
    unchanged = {name: booking[name] for name in ("student_id", "instructor_id")}
    assert (await door.ask("ina", "PATCH", path, unchanged)).status == 200
    said = await door.ask("admin", "PATCH", path, {"instructor_id": ID["ivo"]})
    assert (said.status, said.json["instructor_name"]) == (200, "Ivo Tester")
    # It is not Ina's any more.
    assert (await door.ask("ina", "GET", path)).status == 404
    said = await door.ask("ivo", "POST", "/api/v1/bookings", draft(aircraft_id="N9"))
    assert (said.status, said.where) == (403, ["/instructor_id"])
