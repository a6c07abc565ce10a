"""Paired devices: listing, changing, calling and revoking them. An admin's business, by the door's word.

A device is told nothing by whoever asks: its row is written, and it sees that. No HTTP, no SQL text.
Invariants: a revoked device stays on record and is never good again; what is versioned does not
turn with each minute in which a device was seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import orjson
from pydantic import Field

from hub.db.pool import Write, writing
from hub.errors import Conflict, NotFound
from hub.rules.access import Principal
from hub.rules.rows import present
from hub.schedule import once
from hub.schedule.drafts import Patch, if_given
from hub.schedule.fields import Airport, Name
from hub.schedule.once import Key, Written
from hub.schedule.reading import One, Page, Place, Shown, read_one, read_page
from hub.schedule.statements import run, value
from hub.schedule.version import ANY, Expected, encode

if TYPE_CHECKING:
    from hub.db.pool import Pool

_NONE = "There is no such device."


class DevicePatch(Patch):
    """A merge patch (RFC 7396) of a device: what is given replaces; null is every airport."""

    name: Annotated[Name, Field(examples=["Hangar 2"])] = if_given()
    airport: Airport | None = None


async def page(pool: Pool, revoked: bool | None, after: Place, most: int) -> Page:
    """All devices, the newest first, with when each was seen; ``revoked`` narrows."""
    return await read_page(
        pool,
        "devices_page",
        "devices_seen",
        most=most,
        revoked=revoked,
        after_time=after.time,
        after_id=after.id,
    )


async def one(pool: Pool, id: str) -> One:
    """One device. Raises NotFound."""
    return await read_one(pool, "device", "devices", id=id)


async def own(pool: Pool, who: Principal) -> One:
    """The device that asks, as it sees itself. Raises NotFound if it was just deleted."""
    return await read_one(pool, "device", "devices_own", id=who.id)


async def change(
    pool: Pool, who: Principal, id: str, patch: DevicePatch, expected: Expected = ANY
) -> Written:
    """Change what it is called or which airport it shows. Raises NotFound, Stale.

    A patch that changes nothing writes nothing and has no transaction.
    """
    given = patch.given
    async with writing(pool, who.id) as write:
        row = await _locked(write, id)
        expected.check(row)
        wanted = {name: given.get(name, row[name]) for name in ("name", "airport")}
        after = await value(write.conn, "device_change", id=id, **wanted)
        if after is not None:
            row = present("devices", orjson.loads(after))
    return Written(encode(row), write.transaction if after is not None else None)


async def call(
    pool: Pool,
    who: Principal,
    id: str,
    what: Literal["identify", "reload"],
    key: Key | None = None,
) -> Written:
    """Have a device show itself, or load its page anew. There is nothing to show of it.

    Raises NotFound, and Conflict for one that was revoked.
    """
    async with writing(pool, who.id) as write:
        if (before := await once.earlier(write, key)) is not None:
            return before
        good = await value(write.conn, f"device_{what}", id=id)
        if good is None:
            raise NotFound(_NONE)
        if not good:
            raise Conflict("This device was revoked: it does not listen any more.", code="revoked")
        await once.keep(write, key, b"")
    return Written(b"", write.transaction)


async def revoke(pool: Pool, who: Principal, id: str, expected: Expected = ANY) -> str | None:
    """Revoke a device; the transaction, None if it was revoked already. Raises NotFound, Stale."""
    async with writing(pool, who.id) as write:
        if expected is not ANY:
            expected.check(await _locked(write, id))
        found = await run(write.conn, "device_revoke", id=id)
    if found is None:
        raise NotFound(_NONE)
    return write.transaction if found["written"] else None


async def _locked(write: Write, id: str) -> Shown:
    text = await value(write.conn, "device_locked", id=id)
    if text is None:
        raise NotFound(_NONE)
    return present("devices", orjson.loads(text))
