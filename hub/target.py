"""Which database a command is about: the one in the environment, else the one that is up here.

No SQL and nothing is written. Invariant: what the environment says wins over what is running.
"""

from __future__ import annotations

from typing import Any

from hub import state
from hub.db.pool import connect
from hub.db.queries import load
from hub.errors import Misconfigured
from hub.settings import Settings


def target(given: dict[str, Any]) -> Settings:
    """The settings, with the database and ``env`` of the hub that is up where they name none.

    ``given`` are settings from the command line. Raises Misconfigured if there is no database.
    """
    settings = Settings(**given)
    found = state.read(settings.state)
    if settings.has_database and (found is None or found.dsn != settings.dsn):
        return settings
    folder = settings.state.absolute()
    if found is None or not (found.alive or settings.has_database):
        why = f"no hub is up in {folder}" if found is None else f"the hub of {folder} is gone"
        raise Misconfigured(f"{why}: start one with `hub up`, or name a database in DATABASE_URL")
    known = {} if "env" in settings.model_fields_set else {"env": found.env}
    return Settings(**(given | {"database_url": found.dsn} | known))


async def subject(settings: Settings, email: str) -> str:
    """The token subject of the user with that address. Raises Misconfigured if there is none."""
    queries: Any = load()
    conn = await connect(settings.dsn, settings=settings)
    try:
        sub = await queries.user_sub_by_email(conn, email=email)
    finally:
        await conn.close()
    if sub is None:
        raise Misconfigured(f"no user has the address {email}")
    return str(sub)
