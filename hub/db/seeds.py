"""The development seeds: a school to look at, put into an empty database or a stale one.

What the rows are is told by the files in ``seeds/`` and decided nowhere here. Invariants: nothing
is written outside development; the files run in one transaction, so the school is there whole or
not at all; running them again neither fails nor doubles anything.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import asyncpg

from hub.db import faults
from hub.db.files import seeds_dir
from hub.db.pool import connect
from hub.errors import Misconfigured
from hub.settings import Settings

#: In the order they need: bookings name users.
FILES: Final = ("dev_users.sql", "dev_bookings.sql", "dev_availability.sql")


async def seed(
    dsn: str, env: str, *, now: datetime | None = None, timezone: str | None = None
) -> list[str]:
    """Run the seeds; the names of the files run, in order.

    ``now`` is the moment (with an offset) around which the school is put on, the database's own
    by default; ``timezone`` is its clock, if it has none yet, the seeds' own by default. Raises
    Misconfigured unless ``env`` is ``"dev"``, or where the schema is missing; Unavailable where the
    database cannot be reached.
    """
    if env != "dev":
        raise Misconfigured("Seeds are for development only: set HUB_ENV=dev.")
    texts = [(seeds_dir() / name).read_text("utf-8") for name in FILES]
    conn = await connect(dsn, settings=Settings())
    try:
        async with conn.transaction():
            await conn.execute(
                "SELECT set_config('hub.env', $1, true), set_config('hub.seed_now', $2, true),"
                " set_config('hub.timezone', $3, true)",
                env,
                now.isoformat() if now else "",
                timezone or "",
            )
            for text in texts:
                await conn.execute(text)
    except asyncpg.UndefinedTableError:
        raise Misconfigured("The database has no schema yet: run `hub migrate` first.") from None
    except Exception as error:
        told = faults.translate(error)
        if told is None:
            raise
        raise told from error
    finally:
        await conn.close()
    return list(FILES)
