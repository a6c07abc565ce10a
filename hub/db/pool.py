"""Connections: how the hub opens them, and the one way it reads and the one way it writes.

No SQL of the schedule and no retries live here. Invariants: every connection speaks UTC under a
statement timeout; a write is one transaction that names its actor and is known by its transaction
id only once it is committed; nobody leaves state on a pooled connection (no LISTEN, no session
locks, no SET without LOCAL), so giving one back costs no round trip.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from hub.db.faults import Phase, connecting, translate, translated
from hub.db.lending import Pool as Pool
from hub.errors import HubError
from hub.settings import Settings

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]

# With the database away it logs a traceback whenever it tries to fill up; that is told by those who
# wait for a connection, and by the feed.
logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)

#: How long, in seconds, a request waits for a connection of the pool before it is refused.
WAIT = 5.0
#: How long, in seconds, a write waits for a lock: it holds a connection meanwhile.
LOCK_WAIT = 3.0
#: How much longer than the server's own timeout, in seconds, the client waits before it gives up.
_GRACE = 2.0


def whereabouts(dsn: str) -> str:
    """The host, port and database of a DSN, for people: never its user, password or options."""
    try:
        parts = urlsplit(dsn)
        query = parse_qs(parts.query)
        host = query.get("host", [parts.hostname or "the local socket"])[0]
        port = query.get("port", [str(parts.port or 5432)])[0]
    except ValueError:
        return "the given URL"
    name = unquote(parts.path.lstrip("/")) or query.get("dbname", query.get("database", [""]))[0]
    return f"{host}:{port}/{name}"


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "timeout": settings.connect_timeout,
        "command_timeout": settings.statement_timeout + _GRACE,
        "server_settings": {
            "timezone": "UTC",
            "application_name": "hub",
            "statement_timeout": str(max(1, round(settings.statement_timeout * 1000))),
        },
    }


@asynccontextmanager
async def _told_plainly(dsn: str) -> AsyncIterator[None]:
    try:
        yield
    except HubError:
        raise
    except Exception as error:
        told = connecting(error, whereabouts(dsn))
        if told is None:
            raise
        # Not "from error": asyncpg's own text may quote the DSN.
        raise told from None


async def connect(dsn: str, *, settings: Settings) -> asyncpg.Connection[asyncpg.Record]:
    """A connection of its own. Raises Unavailable or Misconfigured, in one plain line."""
    async with _told_plainly(dsn):
        return await asyncpg.connect(dsn, **_options(settings))


async def open_pool(dsn: str, *, settings: Settings) -> Pool:
    """A pool of up to ``settings.pool_size``, one of them open already. Raises as ``connect``."""
    async with _told_plainly(dsn):
        return await Pool(
            dsn,
            min_size=1,
            max_size=settings.pool_size,
            max_queries=50_000,
            max_inactive_connection_lifetime=300.0,
            reset=_reset,
            loop=None,
            connection_class=asyncpg.Connection,
            record_class=asyncpg.Record,
            **_options(settings),
        )


async def _reset(conn: Connection) -> None:
    """Nothing: asyncpg has rolled back an open transaction already, and there is no other state."""


@dataclass(slots=True)
class Write:
    """A write under way: ``conn`` inside its transaction, ``transaction`` once it is committed."""

    conn: Connection
    #: The id (xid8 as text) under which the change was committed; None if nothing was written.
    transaction: str | None = None


class reading:
    """A pooled connection, each statement its own transaction; errors come as ``hub.errors``.

    A class, as a generator would cost every read a tenth of it.
    """

    __slots__ = ("_lent", "_pool", "_wait")

    def __init__(self, pool: Pool, *, wait: float = WAIT) -> None:
        self._pool, self._wait = pool, wait

    async def __aenter__(self) -> Connection:
        try:
            self._lent = await self._pool.borrow(self._wait)
        except Exception as error:
            if (told := translate(error)) is None:
                raise
            raise told from error
        return self._lent

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if error is None or isinstance(error, HubError):
            await self._pool.give_back(self._lent)
            return
        await self._pool.hand_in(self._lent)
        if isinstance(error, Exception) and (told := translate(error)) is not None:
            raise told from error


@asynccontextmanager
async def _lent(pool: Pool, wait: float) -> AsyncIterator[Connection]:
    lent = await pool.borrow(wait)
    try:
        yield lent
    except BaseException:
        await pool.hand_in(lent)
        raise
    await pool.give_back(lent)


_BEGINS = "SELECT set_config('hub.actor', $1, true), set_config('lock_timeout', $2, true)"


@asynccontextmanager
async def writing(pool: Pool, actor: str | None, *, wait: float = WAIT) -> AsyncIterator[Write]:
    """One transaction, committed when the block ends and rolled back when it raises.

    ``actor`` is the ``users.id`` on whose behalf it is done; triggers read it as the setting
    ``hub.actor`` ("" for the system). Raises Conflict, Invalid or Unavailable, that too after
    ``LOCK_WAIT`` seconds of waiting for what another transaction holds. One with the code
    ``contended`` took no effect and may be tried again at once, from the start.
    """
    phase = Phase()
    with translated(phase):
        async with pool.a_write(wait), _lent(pool, wait) as conn:
            transaction = conn.transaction()
            # Entered, not started: asyncpg then knows that one broken off in its BEGIN is rolled back
            # by its pool, and does not complain of it in the log.
            await transaction.__aenter__()
            try:
                await conn.execute(_BEGINS, actor or "", f"{LOCK_WAIT * 1000:.0f}")
                write = Write(conn)
                yield write
                xid = await conn.fetchval("SELECT pg_current_xact_id_if_assigned()::text")
            except BaseException as error:
                await _roll_back(transaction, error)
                raise
            phase.committing = True
            await transaction.__aexit__(None, None, None)
            phase.committing = False
            write.transaction = xid


async def _roll_back(transaction: asyncpg.transaction.Transaction, error: BaseException) -> None:
    # A lost connection has rolled back by itself, and must not hide the error that lost it; one
    # that is not lost is rolled back once more when the pool takes it back.
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await transaction.__aexit__(type(error), error, error.__traceback__)
