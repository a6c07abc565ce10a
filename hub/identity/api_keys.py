"""Integrations' keys: how one is made, and which are good, in memory, as the feed last told.

A key is 256 random bits in text, and only its SHA-256 is kept anywhere. The keyring is a replica of
``api_keys``, loaded in the feed's first snapshot and kept by its events, so that a request or a
socket costs no query and a revoked key is out within one turn. Digests are not in events: those of
keys made since are read once, when somebody comes with a key that is not known. Nothing here
judges what a key may do. Invariant: no key and no digest leaves this room or reaches a log.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_urlsafe
from time import monotonic
from typing import TYPE_CHECKING, Any

import structlog

from hub.db.pool import reading, writing
from hub.db.queries import text
from hub.errors import HubError, Unauthenticated, Unavailable
from hub.rules.access import Principal, effective
from hub.rules.event import Columns, Event

if TYPE_CHECKING:
    import asyncpg

    from hub.db.pool import Pool

log = structlog.get_logger("hub.identity")

_KEY = re.compile(r"hub_[A-Za-z0-9_-]{43}", re.ASCII)
#: Characters of a key that are kept to tell it from others; 36 of its 256 bits.
_SHOWN = 10
#: How long to wait for the feed before saying that the hub cannot know, seconds.
_PATIENCE = 2.0
#: Between two looks at the database for the sake of unknown keys, seconds: whoever sends made-up
#: keys costs a few reads a second, however many they send.
_COOLDOWN = 0.25
#: Between two writes of when keys were used, seconds.
USED_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: ``secret`` is shown once; ``prefix`` and ``digest`` are kept."""

    secret: str = field(repr=False)
    prefix: str
    digest: bytes = field(repr=False)


def make() -> NewKey:
    """A key that nobody has."""
    secret = f"hub_{token_urlsafe(32)}"
    return NewKey(secret, secret[:_SHOWN], _digest(secret))


def is_key(token: str) -> bool:
    """Whether this claims to be a key rather than a user's token."""
    return token.startswith("hub_")


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


class Keyring:
    """A feed's Replica. Revoked keys are not on it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._by_id: dict[str, Principal] = {}
        self._id_by_digest: dict[bytes, str] = {}
        #: Keys that the feed told of and whose digests were not read yet.
        self._new: set[str] = set()
        self._looking = asyncio.Lock()
        self._looked = self._tried = -_COOLDOWN
        #: Times the database was asked for the sake of an unknown key, for metrics and tests.
        self.looks = 0
        self._used: set[str] = set()
        self._in_use = asyncio.Event()
        self._turned: Callable[[], Awaitable[None]] | None = None

    def follow(self, turned: Callable[[], Awaitable[None]]) -> None:
        """Whom to ask for the present before saying no (see ``Feed.turned``)."""
        self._turned = turned

    def __len__(self) -> int:
        return len(self._by_id)

    async def load(self, conn: asyncpg.Connection[Any]) -> None:
        """Read every good key, in the caller's transaction."""
        records = await conn.fetch(text("keys_live"))
        self._by_id = {record["id"]: _principal(record) for record in records}
        self._id_by_digest = {record["hash"]: record["id"] for record in records}
        self._new.clear()

    def apply(self, event: Event) -> None:
        """Follow one event of ``api_keys``; others are none of its business."""
        if event.entity != "api_keys":
            return
        if event.op == "T":
            self._by_id.clear()
            return
        assert event.key is not None
        if event.row is None or event.row["revoked_at"] is not None:
            self._by_id.pop(event.key, None)
            return
        if event.key not in self._by_id:
            self._new.add(event.key)
        self._by_id[event.key] = _principal(event.row)

    def by_id(self, id: str) -> Principal | None:
        """The integration whose ``api_keys.id`` this is, while its key is good."""
        return self._by_id.get(id)

    async def find(self, secret: str) -> Principal:
        """The integration that holds this key; before saying no, look at what was committed.

        Raises Unauthenticated; Unavailable when the database cannot be asked.
        """
        found = None
        if _KEY.fullmatch(secret) is not None:
            digest = _digest(secret)
            if digest not in self._id_by_digest:
                await self._look()
            found = self._by_id.get(self._id_by_digest.get(digest, ""))
        if found is None:
            raise Unauthenticated("This key is not known, or was revoked.", code="unknown-key")
        self._used.add(found.id)
        self._in_use.set()
        return found

    async def settle(self) -> None:
        """Wait, not for long, until this node has seen what is committed by now."""
        if self._turned is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._turned()

    async def note_uses(self, every: float = USED_EVERY) -> None:
        """Write down which keys were used, now and then, until cancelled."""
        while True:
            await self._in_use.wait()
            self._in_use.clear()
            used, self._used = self._used, set()
            try:
                async with writing(self._pool, None) as write:
                    await write.conn.execute(text("keys_used"), list(used))
            except HubError as wrong:
                log.warning("the use of keys was not written down", why=wrong.detail)
                self._used |= used
                self._in_use.set()
            await asyncio.sleep(every)

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
            raise Unavailable("Whether this key is good cannot be known just now.") from None

    async def _read_new(self) -> None:
        if wanted := list(self._new):
            async with reading(self._pool) as conn:
                records = await conn.fetch(text("key_digests"), wanted)
            self._id_by_digest |= {record["hash"]: record["id"] for record in records}
            self._new.difference_update(wanted)


def _principal(row: Columns | asyncpg.Record) -> Principal:
    return Principal(
        kind="integration",
        id=row["id"],
        role=None,
        name=row["name"],
        sub=row["id"],
        scopes=effective(row["scopes"]),
    )
