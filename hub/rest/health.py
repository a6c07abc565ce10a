"""``/healthz`` and ``/readyz``: is it alive, and should it be sent traffic.

For balancers and people, so without signing in. Invariant: nothing told here would help to get
in, and a check that hangs is a check that failed.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from pydantic import BaseModel

from hub.db import migrations
from hub.db.pool import reading
from hub.errors import HubError
from hub.rest.house import House
from hub.rest.registry import PUBLIC, Answer, Ask, Nothing, Routes
from hub.schedule.version import encode

routes = Routes("health")
#: Seconds for all checks together.
PATIENCE = 2.0


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"]


class Check(BaseModel):
    """One thing that must be so, and if not, why."""

    ok: bool
    why: str | None


class Ready(BaseModel):
    """Every check by name; ``ready`` if all are ok."""

    status: Literal["ready", "unready"]
    node: str
    checks: dict[str, Check]


@routes.add("GET", "/healthz", Nothing, Nothing, answers={200: Alive}, who=PUBLIC, limited=False)
async def healthz(ask: Ask[Nothing, Nothing]) -> Answer:
    """Whether the process answers at all; nothing else is looked at."""
    return Answer(b'{"status":"alive"}', headers={"Cache-Control": "no-store"})


@routes.add(
    "GET", "/readyz", Nothing, Nothing, answers={200: Ready, 503: Ready}, who=PUBLIC, limited=False
)
async def readyz(ask: Ask[Nothing, Nothing]) -> Answer:
    """Whether database, listener and migrations are as they must be; 503 if any is not."""
    house = ask.house
    database, migrated = await _checks(house)
    feed = house.feed
    checks = {
        "database": database,
        "listener": Check(ok=feed.healthy, why=None if feed.healthy else feed.why),
        "migrations": migrated,
    }
    ok = all(check.ok for check in checks.values())
    told = Ready(status="ready" if ok else "unready", node=house.settings.node, checks=checks)
    return Answer(
        encode(told.model_dump()),
        status=200 if ok else 503,
        headers={"Cache-Control": "no-store"} | ({} if ok else {"Retry-After": "1"}),
    )


async def _checks(house: House) -> tuple[Check, Check]:
    """The database, and its migrations, which cannot be looked at without it."""
    try:
        async with asyncio.timeout(PATIENCE), reading(house.pool, wait=PATIENCE) as conn:
            current = await migrations.current(conn)
    except TimeoutError:
        why = f"The database did not answer within {PATIENCE:g} s."
    except HubError as error:
        why = error.detail
    else:
        behind = None if current else "The database is not at this hub's migrations."
        return Check(ok=True, why=None), Check(ok=current, why=behind)
    return Check(ok=False, why=why), Check(ok=False, why="The database does not answer.")
