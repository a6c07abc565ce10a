"""Credentials of what is no person, integrations' keys and devices': which are good, in memory.

A credential is 256 random bits in text, and only its SHA-256 is kept anywhere. ``Credentials`` is a
replica of the table that has them, loaded in the feed's first snapshot and kept by its events, so
that a request or a socket costs no query and a revoked one is out within one turn. Digests are not
in events: those that came since are read once, when somebody comes with a credential that is not
known. Nothing here judges what a holder may do. Invariant: no credential and no digest leaves this
room or reaches a log.
"""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from secrets import token_urlsafe
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

import structlog

from hub.db.pool import reading, writing
from hub.db.queries import text
from hub.errors import HubError, Unauthenticated, Unavailable
from hub.rules.access import Principal
from hub.rules.event import Columns, Event

if TYPE_CHECKING:
    import asyncpg

    from hub.db.pool import Pool

log = structlog.get_logger("hub.identity")

_SECRET = re.compile(r"[a-z]+_[A-Za-z0-9_-]{43}", re.ASCII)
#: How long to wait for the feed before saying that the hub cannot know, seconds.
_PATIENCE = 2.0
#: Between two looks at the database for the sake of unknown credentials, seconds: whoever sends
#: made-up ones costs a few reads a second, however many they send.
_COOLDOWN = 0.25
#: Between two notes that the same one was used, seconds.
USED_EVERY = 60.0
#: Between two writes of which were used, seconds.
_BREATH = 1.0


def secret(prefix: str) -> str:
    """A credential that nobody has: the prefix, which says of what kind it is, and 256 bits."""
    return f"{prefix}{token_urlsafe(32)}"


def digest(secret: str) -> bytes:
    """What is kept of a credential, and what it is found by."""
    return sha256(secret.encode()).digest()


def _nobody() -> Iterable[str]:
    return ()


class Credentials(ABC):
    """A feed's Replica. Those that are revoked are not in it."""

    #: The table, and the named queries: its good rows, digests by id, and to note which were used.
    entity: ClassVar[str]
    live: ClassVar[str]
    digests: ClassVar[str]
    used: ClassVar[str]
    #: How its credentials begin, and what one is called.
    prefix: ClassVar[str]
    word: ClassVar[str]

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._by_id: dict[str, Principal] = {}
        self._id_by_digest: dict[bytes, str] = {}
        #: Those that the feed told of and whose digests were not read yet.
        self._new: set[str] = set()
        self._looking = asyncio.Lock()
        self._looked = self._tried = -_COOLDOWN
        #: Times the database was asked for the sake of an unknown one, for metrics and tests.
        self.looks = 0
        self._used: set[str] = set()
        self._in_use = asyncio.Event()
        self._turned: Callable[[], Awaitable[None]] | None = None

    @abstractmethod
    def principal(self, row: Columns | asyncpg.Record) -> Principal:
        """Who holds the credential of a row."""

    def is_good(self, row: Columns) -> bool:
        """Whether a row, as an event tells it, has a credential that holds."""
        return row["revoked_at"] is None

    def follow(self, turned: Callable[[], Awaitable[None]]) -> None:
        """Whom to ask for the present before saying no (see ``Feed.turned``)."""
        self._turned = turned

    def __len__(self) -> int:
        return len(self._by_id)

    async def load(self, conn: asyncpg.Connection[Any]) -> None:
        """Read every good one, in the caller's transaction."""
        records = await conn.fetch(text(self.live))
        self._by_id = {record["id"]: self.principal(record) for record in records}
        self._id_by_digest = {record["hash"]: record["id"] for record in records}
        self._new.clear()

    def apply(self, event: Event) -> None:
        """Follow one event of the table; others are none of its business."""
        if event.entity != self.entity:
            return
        if event.op == "T":
            self._by_id.clear()
            return
        assert event.key is not None
        if event.row is None or not self.is_good(event.row):
            self._by_id.pop(event.key, None)
            return
        if event.key not in self._by_id:
            self._new.add(event.key)
        self._by_id[event.key] = self.principal(event.row)

    def by_id(self, id: str) -> Principal | None:
        """Who has this row's id, while its credential is good."""
        return self._by_id.get(id)

    async def find(self, secret: str) -> Principal:
        """Who holds this credential; before saying no, look at what was committed.

        Raises Unauthenticated; Unavailable when the database cannot be asked.
        """
        found = None
        if _SECRET.fullmatch(secret) is not None:
            known_by = digest(secret)
            if known_by not in self._id_by_digest:
                await self._look()
            found = self._by_id.get(self._id_by_digest.get(known_by, ""))
        if found is None:
            raise Unauthenticated(
                f"This {self.word} is not known, or was revoked.", code=f"unknown-{self.word}"
            )
        self._used.add(found.id)
        self._in_use.set()
        return found

    async def settle(self) -> None:
        """Wait, not for long, until this node has seen what is committed by now."""
        if self._turned is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._turned()

    async def note_uses(
        self, every: float = USED_EVERY, here: Callable[[], Iterable[str]] = _nobody
    ) -> None:
        """Write down which were used, until cancelled: each when it comes, and from then on once in
        ``every`` seconds while it is used. ``here`` are in use all along."""
        noted: dict[str, float] = {}
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(every):
                    await self._in_use.wait()
            self._in_use.clear()
            self._used.update(here())
            due = monotonic() - every
            wanted = [id for id in self._used if noted.get(id, due) <= due]
            if wanted:
                try:
                    async with writing(self._pool, None) as write:
                        await write.conn.execute(text(self.used), wanted)
                except HubError as wrong:
                    log.warning(f"the use of a {self.word} was not written down", why=wrong.detail)
                else:
                    self._used.difference_update(wanted)
                    noted = {id: at for id, at in noted.items() if id in self._by_id}
                    noted |= dict.fromkeys(wanted, monotonic())
            await asyncio.sleep(min(every, _BREATH))

    async def _look(self) -> None:
        """See what is committed by now; one look serves everyone who asked before it began."""
        asked = monotonic()
        try:
            async with asyncio.timeout(_PATIENCE), self._looking:
                if self._looked > asked:
                    return
                await asyncio.sleep(self._tried + _COOLDOWN - monotonic())
                began = self._tried = monotonic()
                self.looks += 1
                if self._turned is not None:
                    await self._turned()
                await self._read_new()
                self._looked = began
        except TimeoutError:
            raise Unavailable(f"Whether this {self.word} is good cannot be known now.") from None

    async def _read_new(self) -> None:
        if wanted := list(self._new):
            async with reading(self._pool) as conn:
                records = await conn.fetch(text(self.digests), wanted)
            self._id_by_digest |= {record["hash"]: record["id"] for record in records}
            self._new.difference_update(wanted)
