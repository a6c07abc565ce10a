"""Who is asking, and what they may do: DESIGN's access matrix as code.

A principal is verified before it gets here; this room only judges. Invariant: the role comes
from the ``users`` row as it is now, never from a token and never from when a watch began.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hub.model import Role

Kind = Literal["user", "device", "integration"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking. ``id`` is ``users.id`` for a user; ``expires`` is unix seconds or None."""

    kind: Kind
    id: str
    role: Role | None
    name: str
    sub: str
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class Everyone:
    """The audience of one who may see every row of a topic."""


@dataclass(frozen=True, slots=True)
class Person:
    """The audience of one who may see the rows that name them."""

    id: str


Audience = Everyone | Person


def audience(who: Principal, topic: str) -> Audience | None:
    """As which class of readers ``who`` sees ``topic``; None if not at all."""
    if who.kind != "user" or who.role is None:
        return None
    if topic == "bookings":
        return Everyone() if who.role == "ADMIN" else Person(who.id)
    if topic == "notifications":
        return Person(who.id)
    return None
