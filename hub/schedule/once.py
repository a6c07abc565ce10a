"""A write that is asked for under a key takes place once, however often it is asked for.

The key and the answer are kept in the write's own transaction, so there is no moment at which the
one is committed without the other, and of two that race the second waits and gets the first's
answer. No HTTP: a door makes the key and the fingerprint. Invariant: a key means one request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.db.pool import Write, writing
from hub.errors import Invalid
from hub.schedule.statements import run, value

if TYPE_CHECKING:
    from hub.db.pool import Pool

#: Seconds for which a key is remembered, at least.
KEEP = 24 * 3600.0
#: ``Invalid.code`` of a key that was used for another request.
REUSED = "key-reused"


@dataclass(frozen=True, slots=True)
class Key:
    """``text`` as the client chose it, for one ``principal``; ``fingerprint`` is of the request."""

    principal: str
    text: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Written:
    """What is shown of the row that was written, and the transaction; None if none was needed."""

    shown: bytes
    transaction: str | None
    #: Whether this is the answer to an earlier request with the same key.
    replayed: bool = False


async def earlier(write: Write, key: Key | None) -> Written | None:
    """Claim the key, if there is one; what it answered before, or None if this is the first time.

    Raises Invalid when the key was used for something else.
    """
    if key is None:
        return None
    if await value(
        write.conn, "once_claim", principal=key.principal, key=key.text, fingerprint=key.fingerprint
    ):
        return None
    found = await run(write.conn, "once_earlier", principal=key.principal, key=key.text)
    if found is None or found["fingerprint"] != key.fingerprint:
        raise Invalid("This Idempotency-Key was used for another request.", code=REUSED)
    return Written(found["answer"].encode(), found["transaction"], replayed=True)


async def keep(write: Write, key: Key | None, shown: bytes) -> None:
    """Remember the answer under the key, if there is one, in the same transaction."""
    if key is not None:
        await value(
            write.conn, "once_keep", principal=key.principal, key=key.text, answer=shown.decode()
        )


async def prune(pool: Pool) -> int:
    """Forget what has been remembered for long enough; how many keys."""
    async with writing(pool, None) as write:
        gone: int = await value(write.conn, "once_prune", keep=KEEP)
    return gone
