"""The school's clock is kept with its database: nodes that share the one read by the other.

No clock is guessed here. Invariants: a zone that a node was given is in the database before the node
serves, so whoever is given none later has it too; and no node serves by a zone that nobody knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import asyncpg
import structlog

from hub.db.pool import reading, writing
from hub.db.queries import text
from hub.errors import Misconfigured
from hub.settings import NOBODYS, known_zone

if TYPE_CHECKING:
    from hub.db.pool import Pool

log = structlog.get_logger("hub.school")


async def settle(pool: Pool, given: str | None) -> str:
    """The name of the school's zone: ``given``, kept from now on; else the one kept; else UTC.

    Raises Misconfigured where the one kept is no zone, Unavailable where the database is away.
    """
    try:
        async with reading(pool) as conn:
            kept: str | None = await conn.fetchval(text("school_timezone"))
        if given is not None and given != kept:
            async with writing(pool, None) as write:
                await write.conn.execute(text("school_keep"), given)
    except asyncpg.UndefinedTableError:
        # Not migrated yet: /readyz says so too, and it is no reason for a node not to start.
        zone = given or NOBODYS
        log.warning("no clock can be kept: run `hub migrate`, then restart this node", here=zone)
        return zone
    if given is not None:
        if kept not in (None, given):
            log.warning(
                "the school has another clock now: restart other nodes", was=kept, now=given
            )
        return given
    return _checked(kept) if kept is not None else NOBODYS


class Agreement:
    """Whether a node that runs still goes by the clock in the database; if not, it says so.

    ``own`` is the node's. Another node may have been started with another since.
    """

    def __init__(self, own: ZoneInfo) -> None:
        self._own = own
        #: The one that was told to be another, so that it is told once.
        self._told: str | None = None

    def agreed(self, kept: str | None) -> ZoneInfo:
        """By which clock to do what is done for all nodes: the one kept, or this node's if none is."""
        if kept is None or kept == str(self._own):
            self._told = None
            return self._own
        if kept != self._told:
            self._told = kept
            log.warning(
                "this node's clock is not the database's: give all nodes one HUB_TIMEZONE, or none,"
                " and restart this one",
                here=str(self._own),
                database=kept,
            )
        try:
            return known_zone(kept)
        except ValueError:
            return self._own


def _checked(kept: str) -> str:
    try:
        known_zone(kept)
    except ValueError as error:
        raise Misconfigured(
            f"The database's clock, {kept!r} (timezone in its table school), {error}:"
            " set HUB_TIMEZONE to the right one."
        ) from None
    return kept
