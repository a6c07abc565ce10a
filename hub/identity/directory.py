"""Everybody in the school, in memory, as the feed last told: id, sub, role and name.

A replica of a few columns of ``users``, loaded in the feed's first snapshot and kept by its events,
so that verifying a socket or naming a booking's people costs no query. Nothing here judges rights.
Invariant: at any moment it equals the table at the feed's cursor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg

from hub.db.queries import text
from hub.errors import Unavailable
from hub.model import Role
from hub.rules.board import short
from hub.rules.event import Columns, Event

#: How long to wait for the feed before saying that nobody has this sub, seconds.
_PATIENCE = 2.0
#: What a booking shows of somebody who no longer exists, until its own removal arrives.
_UNKNOWN = "(unknown)"


@dataclass(frozen=True, slots=True)
class Person:
    """One row of ``users``, as far as screens and rights need it."""

    id: str
    sub: str
    role: Role
    first_name: str
    last_name: str

    @property
    def name(self) -> str:
        """First and last name, as shown."""
        return f"{self.first_name} {self.last_name}"


class Directory:
    """A feed's Replica. ``turned`` waits until the feed has read again (see ``Feed.turned``)."""

    def __init__(self) -> None:
        self._by_id: dict[str, Person] = {}
        self._by_sub: dict[str, Person] = {}
        self._turned: Callable[[], Awaitable[None]] | None = None

    def follow(self, turned: Callable[[], Awaitable[None]]) -> None:
        """Whom to ask for the present before saying no."""
        self._turned = turned

    def __len__(self) -> int:
        return len(self._by_id)

    async def load(self, conn: asyncpg.Connection[Any]) -> None:
        """Read everybody, in the caller's transaction."""
        records = await conn.fetch(text("directory_people"))
        self._by_id.clear()
        self._by_sub.clear()
        for record in records:
            self._put(record)

    def apply(self, event: Event) -> None:
        """Follow one event of ``users``; others are none of its business."""
        if event.entity != "users":
            return
        if event.op == "T":
            self._by_id.clear()
            self._by_sub.clear()
            return
        assert event.key is not None
        gone = self._by_id.pop(event.key, None)
        if gone is not None and self._by_sub.get(gone.sub) is gone:
            del self._by_sub[gone.sub]
        if event.row is not None:
            self._put(event.row)

    def _put(self, row: Columns | asyncpg.Record) -> None:
        person = Person(
            row["id"], row["cognito_user_id"], row["role"], row["first_name"], row["last_name"]
        )
        self._by_id[person.id] = person
        self._by_sub[person.sub] = person

    def by_id(self, id: str) -> Person | None:
        """The person with this ``users.id``."""
        return self._by_id.get(id)

    def by_sub(self, sub: str) -> Person | None:
        """The person with this ``users.cognito_user_id``, as of the feed's cursor."""
        return self._by_sub.get(sub)

    def name(self, id: str) -> str:
        """The name to show for an id."""
        person = self._by_id.get(id)
        return person.name if person is not None else _UNKNOWN

    def short(self, id: str) -> str:
        """First name and initial, for the board."""
        person = self._by_id.get(id)
        return short(person.first_name, person.last_name) if person is not None else _UNKNOWN

    async def find(self, sub: str) -> Person | None:
        """The person with this sub; before saying no, look at what was committed just now.

        Raises Unavailable where that cannot be seen.
        """
        person = self._by_sub.get(sub)
        if person is None and self._turned is not None:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._turned()
            except TimeoutError:
                raise Unavailable("The hub cannot look you up just now.") from None
            person = self._by_sub.get(sub)
        return person
