"""Which past the events belong to.

A cursor only means something within one history: one cluster, on one timeline, in one database,
since it was founded. This room recognises a history that is not this server's (a restored dump, a
clone, a promotion that may have lost transactions), clears it and founds a new one.
Invariant: two histories never share an epoch, since the founding transaction's id is part of it and
a cluster hands out each id once a timeline.
"""

from __future__ import annotations

from hashlib import blake2s
from typing import Any

import asyncpg

from hub.errors import Unavailable
from hub.feed.sql import SQL


def name(system_identifier: int, timeline: int, database: int, number: str) -> str:
    """The epoch's text in a cursor: short, since every frame carries it, and opaque."""
    identity = f"{system_identifier}/{timeline}/{database}/{number}"
    return blake2s(identity.encode(), digest_size=6).hexdigest()


async def open_history(conn: asyncpg.Connection[Any], *, foreign: bool = False) -> tuple[str, str]:
    """The epoch and the number of this database's history, founded anew if it is another's.

    ``foreign`` says that the caller knows better: its cursor lies in a future this server never had,
    or it saw events of one. Raises Unavailable on a standby, which can neither found nor follow, and
    while changes go unrecorded, since what is there by then may not be all that is coming.
    """
    if await conn.fetchval(SQL.standby):
        raise Unavailable("the database is a standby; the hub needs the primary")
    if not await conn.fetchval(SQL.recorded):
        raise Unavailable("changes go unrecorded: a restore is under way, or hub migrate is due")
    found = await conn.fetchrow(SQL.identity)
    assert found is not None
    if not found["ours"] or foreign:
        before = found["number"]
        async with conn.transaction():
            await conn.execute(SQL.founding_lock)
            found = await conn.fetchrow(SQL.identity)
            assert found is not None
            # Another node may have founded it while this one waited for the lock.
            if not found["ours"] or (foreign and found["number"] == before):
                await conn.execute(SQL.clear)
                await conn.execute(
                    SQL.found, found["system_identifier"], found["timeline"], found["database"]
                )
                found = await conn.fetchrow(SQL.identity)
                assert found is not None
    number = str(found["number"])
    identity = (found["system_identifier"], found["timeline"], found["database"])
    return name(*identity, number), number
