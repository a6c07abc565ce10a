"""What the REST door needs of the house it belongs to: a Protocol, since the house is above.

No code runs here. Invariant: a door asks for nothing that is not named here.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from hub.fanout.watched import Following
from hub.identity.issuer import Issuer
from hub.identity.tokens import Claims
from hub.model import Role
from hub.rules.access import Principal
from hub.rules.cursor import Cursor, Snapshot
from hub.rules.window import Day
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.db.pool import Pool


class Feed(Protocol):
    """The node's feed, as far as a read, a readiness check and an explanation look at it."""

    @property
    def cursor(self) -> Cursor:
        """Everything up to here was handed on. Raises Unavailable before the first read."""

    async def reach(self, snapshot: Snapshot) -> None:
        """Wait until everything that ``snapshot`` has seen was handed on."""

    @property
    def epoch(self) -> str:
        """Which history cursors belong to."""

    @property
    def healthy(self) -> bool:
        """Whether the feed listens and keeps up."""

    @property
    def why(self) -> str:
        """What is wrong if it does not; never a secret."""


class Person(Protocol):
    """A row of ``users``, as the directory keeps it."""

    @property
    def id(self) -> str: ...
    @property
    def role(self) -> Role: ...
    @property
    def first_name(self) -> str: ...
    @property
    def last_name(self) -> str: ...


class Directory(Protocol):
    """Who is known, as of now."""

    async def find(self, sub: str) -> Person | None:
        """The user of a token's subject; waits for the feed before it says None."""

    def by_id(self, id: str) -> Person | None:
        """The user with this id, as of the feed's cursor."""


class Credentials(Protocol):
    """The integrations' keys, or the devices', as of now."""

    async def find(self, secret: str) -> Principal:
        """Who holds this credential. Raises Unauthenticated, Unavailable."""

    def by_id(self, id: str) -> Principal | None:
        """Who has this row's id, while its credential is good."""

    async def settle(self) -> None:
        """Wait, not for long, until this node has seen what is committed by now."""


class Calendar(Protocol):
    """The school's days, as the feed tells them."""

    def midnight(self, day: Day) -> datetime:
        """When a day begins, in UTC."""


class Tickets(Protocol):
    """What opens a session without a token."""

    @property
    def life(self) -> int:
        """For how long one is good, seconds."""

    def make(self, who: Principal) -> str:
        """A ticket for ``who``. Raises Unavailable."""


class Gate(Protocol):
    """The sessions of this node."""

    def present(self) -> list[dict[str, Any]]:
        """Those that are open, as an admin is shown them."""

    @property
    def tickets(self) -> Tickets: ...

    def following(self, principal: str) -> list[Following]:
        """Those of one principal, with what their changes come by."""


class Verifier(Protocol):
    """Who believes tokens."""

    async def verify(self, token: str) -> Claims:
        """Raises Unauthenticated, or Unavailable when the issuer's keys cannot be had."""


class House(Protocol):
    """The house, as this door sees it."""

    @property
    def settings(self) -> Settings: ...
    @property
    def pool(self) -> Pool: ...
    @property
    def feed(self) -> Feed: ...
    @property
    def directory(self) -> Directory: ...
    @property
    def keyring(self) -> Credentials: ...
    @property
    def devices(self) -> Credentials: ...
    @property
    def verifier(self) -> Verifier: ...
    @property
    def gate(self) -> Gate: ...
    @property
    def calendar(self) -> Calendar: ...
    @property
    def issuer(self) -> Issuer | None:
        """The development issuer, where the hub is its own."""
