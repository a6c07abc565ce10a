"""``/api/v1/me``: who one is to the hub."""

from __future__ import annotations

from hub.model import User
from hub.rest.registry import ANYBODY, Answer, Ask, Nothing, Routes
from hub.schedule import users
from hub.schedule.version import encode

routes = Routes("users")


@routes.add("GET", "/api/v1/me", Nothing, Nothing, answers={200: User, 304: None}, who=ANYBODY)
async def me(ask: Ask[Nothing, Nothing]) -> Answer:
    """Your own row, as it is now: the role is the row's, not the token's."""
    found = await users.me(ask.house.pool, ask.who)
    return Answer(encode(found.row), snapshot=found.snapshot)
