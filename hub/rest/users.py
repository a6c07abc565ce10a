"""``/api/v1/users`` and ``/api/v1/me``: who there is, and who one is to the hub oneself.

Whose rows are shown is decided on the floors below.
"""

from __future__ import annotations

from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, RootModel, StringConstraints

from hub.model import Role, User, UserName
from hub.rest import answers, paging
from hub.rest.asked import JSON, MERGE_PATCH
from hub.rest.registry import ANYBODY, Answer, Ask, Nothing, Routes
from hub.schedule import users
from hub.schedule.reading import Shown
from hub.schedule.user_drafts import UserDraft, UserPatch
from hub.schedule.users import FIRST_NAME

routes = Routes("users")
PATH = "/api/v1/users"
ADMIN: frozenset[Role] = frozenset({"ADMIN"})


class UsersQuery(BaseModel):
    """Which users. ``q`` is looked for in names and addresses, whatever the case."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role | None = None
    q: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    limit: paging.Limit = 50
    after: paging.AfterName | None = None


class Somebody(RootModel[User | UserName]):
    """A user, or just the name of one."""


class Users(BaseModel):
    """A page of users by last and first name; ``next`` is ``after`` for the next page."""

    items: list[Somebody]
    next: str | None


@routes.add("GET", "/api/v1/me", Nothing, Nothing, answers={200: User, 304: None}, who=ANYBODY)
async def me(ask: Ask[Nothing, Nothing]) -> Answer:
    """Your own row, as it is now: the role is the row's, not the token's."""
    found = await users.me(ask.house.pool, ask.who)
    return answers.read(found)


@routes.add(
    "GET",
    PATH,
    UsersQuery,
    Nothing,
    answers={200: Users, 304: None},
    who=frozenset({"INSTRUCTOR", "ADMIN"}),
    scope="users:read",
)
async def list_users(ask: Ask[UsersQuery, Nothing]) -> Answer:
    """All users, by name; an instructor is shown the names of their own students."""
    asked = ask.query
    after = asked.after or FIRST_NAME
    page = await users.page(ask.house.pool, ask.who, asked.role, asked.q, after, asked.limit)
    return paging.answer(page, _name, ask.url)


def _name(row: Shown) -> str:
    return orjson.dumps([row["last_name"], row["first_name"]]).decode()


@routes.add(
    "GET",
    f"{PATH}/{{id}}",
    Nothing,
    Nothing,
    answers={200: Somebody, 304: None},
    who=ANYBODY,
    scope="users:read",
)
async def get_user(ask: Ask[Nothing, Nothing]) -> Answer:
    """One user: yourself; for an admin or an integration anybody.

    An instructor is shown the names of a student whom they have, or had, a booking with.
    """
    found = await users.one(ask.house.pool, ask.who, ask.id)
    return answers.read(found)


@routes.add(
    "POST",
    PATH,
    Nothing,
    UserDraft,
    answers={201: User},
    who=ADMIN,
    refusals=frozenset({409}),
    once=True,
    scope="users:write",
)
async def create_user(ask: Ask[Nothing, UserDraft]) -> Answer:
    """Make a user. They are known at once by a token whose ``sub`` is ``cognito_user_id``.

    409 ``duplicate`` for an address or a subject that somebody has. Only an admin makes an admin.
    """
    made = await users.create(ask.house.pool, ask.who, ask.body, ask.key)
    return answers.made(made, PATH)


@routes.add(
    "PATCH",
    f"{PATH}/{{id}}",
    Nothing,
    UserPatch,
    answers={200: User},
    who=ADMIN,
    types=(MERGE_PATCH, JSON),
    refusals=frozenset({409}),
    conditional=True,
    scope="users:write",
)
async def change_user(ask: Ask[Nothing, UserPatch]) -> Answer:
    """Change a user, by merge patch (RFC 7396). A role is another at once, on open sockets too.

    Nobody changes their own role, and no integration an admin. 409 ``duplicate`` as when making one.
    A patch that changes nothing has no Hub-Transaction.
    """
    done = await users.change(ask.house.pool, ask.who, ask.id, ask.body, ask.expected)
    return answers.changed(done)


@routes.add(
    "DELETE",
    f"{PATH}/{{id}}",
    Nothing,
    Nothing,
    answers={204: None},
    who=ADMIN,
    refusals=frozenset({409}),
    conditional=True,
    scope="users:write",
)
async def delete_user(ask: Ask[Nothing, Nothing]) -> Answer:
    """Delete a user who never acted, with their bookings and all that hangs on them.

    409 ``has-acted`` for whoever has changed anything: the audit log names them, and it cannot be
    changed. 409 ``has-successor`` where one of their bookings was rescheduled to a flight that is
    others' by now, and would go with it. Nobody deletes themselves, and no integration an admin.
    """
    transaction = await users.delete(ask.house.pool, ask.who, ask.id, ask.expected)
    return Answer(status=204, transaction=transaction)
