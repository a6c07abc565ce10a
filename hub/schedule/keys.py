"""Integrations' keys: making, listing and revoking them. An admin's business, by the door's word.

No HTTP, no SQL text. Invariants: a key's secret is in what ``create`` answers and nowhere else, so what
is kept under an Idempotency-Key is without it; a revoked key stays on record and is never good again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import orjson
from pydantic import AfterValidator, Field

from hub.db.pool import writing
from hub.errors import Conflict, NotFound
from hub.identity import api_keys
from hub.model import Scope
from hub.rules.access import Principal
from hub.rules.rows import present
from hub.schedule import once
from hub.schedule.drafts import Draft
from hub.schedule.fields import Name
from hub.schedule.once import Key, Written
from hub.schedule.reading import One, Page, Place, read_one, read_page
from hub.schedule.statements import run, value
from hub.schedule.version import ANY, Expected, encode

if TYPE_CHECKING:
    from hub.db.pool import Pool


#: ``Conflict.code`` of a key that was made, and whose secret nobody has any more.
SHOWN = "secret-shown"


class KeyDraft(Draft):
    """A key to be made: whose it is, in words, and what it may do."""

    name: Name
    scopes: Annotated[
        list[Scope],
        # First, or every one of them is read before they are found too many.
        Field(min_length=1, max_length=50),
        AfterValidator(lambda given: sorted(set(given))),
    ]


async def create(pool: Pool, who: Principal, draft: KeyDraft, once_key: Key | None) -> Written:
    """Make a key. What is shown has its ``secret``, this once: asked again, it raises Conflict."""
    made = api_keys.make()
    async with writing(pool, who.id) as write:
        if (before := await once.earlier(write, once_key)) is not None:
            id = orjson.loads(before.shown)["id"]
            raise Conflict(
                f"This was done: it made the key {id}, whose secret was shown that once. If it did "
                "not arrive, revoke that key and make another.",
                code=SHOWN,
            )
        row = await value(
            write.conn,
            "key_create",
            name=draft.name,
            prefix=made.prefix,
            hash=made.digest,
            scopes=draft.scopes,
            created_by=who.id,
        )
        shown = present("api_keys", orjson.loads(row))
        await once.keep(write, once_key, encode(shown))
    return Written(encode({**shown, "secret": made.secret}), write.transaction)


async def page(pool: Pool, revoked: bool | None, after: Place, most: int) -> Page:
    """All keys, the newest first; ``revoked`` narrows to those that are or are not."""
    return await read_page(
        pool,
        "keys_page",
        "api_keys",
        most=most,
        revoked=revoked,
        after_time=after.time,
        after_id=after.id,
    )


async def one(pool: Pool, id: str) -> One:
    """One key. Raises NotFound."""
    return await read_one(pool, "key", "api_keys", id=id)


async def revoke(pool: Pool, who: Principal, id: str, expected: Expected = ANY) -> str | None:
    """Revoke a key; the transaction, None if it was revoked already. Raises NotFound, Stale."""
    async with writing(pool, who.id) as write:
        if expected is not ANY and (text := await value(write.conn, "key_locked", id=id)):
            expected.check(present("api_keys", orjson.loads(text)))
        found = await run(write.conn, "key_revoke", id=id)
    if found is None:
        raise NotFound("There is no such key.")
    return write.transaction if found["written"] else None
