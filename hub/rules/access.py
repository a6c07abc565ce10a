"""Who is asking, and what they may do: DESIGN's access matrix as code.

A principal is verified before it gets here; this room only judges. Invariant: the role comes
from the ``users`` row as it is now, never from a token and never from when a watch began.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from hub.model import Role, Scope

Kind = Literal["user", "device", "integration"]

SCOPES: frozenset[str] = frozenset(get_args(Scope))


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking. ``id`` is ``users.id``, ``api_keys.id`` or ``devices.id``, by kind.

    ``expires`` is unix seconds or None. Only users have a role, only integrations have ``scopes``, and
    only a device may have an ``airport``, the one whose departures it sees.
    """

    kind: Kind
    id: str
    role: Role | None
    name: str
    sub: str
    expires: float | None = None
    scopes: frozenset[str] = frozenset()
    airport: str | None = None


def effective(granted: Iterable[str]) -> frozenset[str]:
    """The scopes that come with those granted: whoever may write something may read it."""
    given = frozenset(granted)
    read = {f"{scope.removesuffix(':write')}:read" for scope in given if scope.endswith(":write")}
    return given | (read & SCOPES)


@dataclass(frozen=True, slots=True)
class Everyone:
    """The audience of one who may see every row of a topic."""


@dataclass(frozen=True, slots=True)
class Person:
    """The audience of one who may see the rows that name them."""

    id: str


@dataclass(frozen=True, slots=True)
class At:
    """The audience of a screen that shows one airport's flights."""

    airport: str


Audience = Everyone | Person | At

#: The scope by which an integration sees a topic; the others are none of its business.
_SCOPED = {"bookings": "bookings:read", "board": "bookings:read", "reschedule": "preferences:read"}


def audience(who: Principal, topic: str) -> Audience | None:
    """As which class of readers ``who`` sees ``topic``; None if not at all."""
    match who.kind:
        case "integration":
            return Everyone() if _SCOPED.get(topic) in who.scopes else None
        case "device":
            return _of_device(who, topic)
        case "user" if who.role is not None:
            return _of_user(who, topic)
    return None


def _of_device(who: Principal, topic: str) -> Audience | None:
    if topic == "board":
        return At(who.airport) if who.airport is not None else Everyone()
    return Person(who.id) if topic == "devices" else None


def _of_user(who: Principal, topic: str) -> Audience | None:
    if topic == "notifications":
        return Person(who.id)
    if who.role == "ADMIN":
        return Everyone()
    return Person(who.id) if topic in ("bookings", "reschedule") else None
