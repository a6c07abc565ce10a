"""Users: who is shown whom, every way to make, change and delete one; in development, sign-ins.

The door says who may come in at all; whose row it is and what stands in it is judged here, on the
row as it is locked. No HTTP, no SQL text, no tokens. Invariants: an instructor is shown no more than
the names of those they fly with; whoever has acted stays.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from hub.db.pool import Write, reading, writing
from hub.errors import Conflict, Fault, NotFound
from hub.model import Role, UserName
from hub.rules.access import Principal
from hub.rules.rows import present
from hub.schedule import once, rights, successors
from hub.schedule.anew import begun_anew
from hub.schedule.once import Key, Written
from hub.schedule.reading import One, Page, Shown, read_one, read_page
from hub.schedule.statements import run, value
from hub.schedule.user_drafts import UserDraft, UserPatch
from hub.schedule.version import ANY, Expected, encode

if TYPE_CHECKING:
    from hub.db.pool import Pool

#: More seeded users than anybody would pick from.
_MOST = 500
_NOBODY = "There is nobody here, or nobody for you."
_NAME = tuple(UserName.model_fields)


@dataclass(frozen=True, slots=True)
class NamePlace:
    """Where a page of people begins: behind the one of this name and id."""

    last_name: str
    first_name: str
    id: str


#: Before everybody.
FIRST_NAME = NamePlace("", "", "00000000-0000-0000-0000-000000000000")


async def me(pool: Pool, who: Principal) -> One:
    """One's own row. Raises NotFound if it has just been deleted."""
    return await read_one(pool, "user", "users", id=who.id)


async def page(
    pool: Pool, who: Principal, role: Role | None, q: str | None, after: NamePlace, most: int
) -> Page:
    """Users by name: all of them; for an instructor the names of their own students."""
    taught_by = None if rights.may_see_users(who) else who.id
    found = await read_page(
        pool,
        "users_page",
        "users",
        most=most,
        taught_by=taught_by,
        role=role,
        q=q,
        after_last=after.last_name,
        after_first=after.first_name,
        after_id=after.id,
    )
    if taught_by is None:
        return found
    return Page([_name(row) for row in found.rows], found.more, found.snapshot)


async def one(pool: Pool, who: Principal, id: str) -> One:
    """One user, or just the name. Raises NotFound if ``who`` may know neither."""
    if id == who.id or rights.may_see_users(who):
        return await read_one(pool, "user", "users", id=id)
    if who.role == "INSTRUCTOR":
        async with reading(pool) as conn:
            found = await run(conn, "user_and_whether_taught", id=id, person=who.id)
        if found["taught"]:
            return One(_name(orjson.loads(found["row"])), found["snapshot"])
    raise NotFound(_NOBODY)


@begun_anew
async def create(pool: Pool, who: Principal, draft: UserDraft, key: Key | None) -> Written:
    """Make a user. Raises Forbidden, Conflict naming what is taken."""
    rights.may_write_user(who, draft.role)
    given = draft.model_dump_json()
    async with _told_whole(pool, draft.model_dump()), writing(pool, who.id) as write:
        if (before := await once.earlier(write, key)) is not None:
            return before
        row = await value(write.conn, "user_create", draft=given)
        shown = encode(present("users", orjson.loads(row)))
        await once.keep(write, key, shown)
    return Written(shown, write.transaction)


@begun_anew
async def change(
    pool: Pool, who: Principal, id: str, patch: UserPatch, expected: Expected = ANY
) -> Written:
    """Change a user. Raises NotFound, Forbidden, Stale, Conflict naming what is taken.

    A patch that changes nothing writes nothing and has no transaction.
    """
    given = patch.given
    async with _told_whole(pool, given, id), writing(pool, who.id) as write:
        row = await _locked(write, id)
        rights.may_write_user(who, row["role"], given.get("role", row["role"]))
        rights.may_change_role(who, row, given)
        expected.check(row)
        after = await value(write.conn, "user_change", id=id, patch=orjson.dumps(given).decode())
        if after is not None:
            row = present("users", orjson.loads(after))
    return Written(encode(row), write.transaction if after is not None else None)


@begun_anew
async def delete(pool: Pool, who: Principal, id: str, expected: Expected = ANY) -> str | None:
    """Delete a user who never acted, and all that hangs on them; the transaction.

    Raises NotFound, Forbidden, Stale, and Conflict for one whom the audit log names, or with whom a
    flight would go that is others' by now.
    """
    try:
        async with writing(pool, who.id) as write:
            row = await _locked(write, id)
            rights.may_write_user(who, row["role"])
            rights.may_delete_user(who, id)
            expected.check(row)
            await successors.refuse_of_user(write, id)
            await value(write.conn, "user_delete", id=id)
    except Conflict as error:
        if error.code != "immutable":
            raise
        raise Conflict(
            "This user has acted: the audit log says so and cannot be changed, so they stay on "
            "record. To keep them out, disable them in the user pool.",
            code="has-acted",
        ) from None
    return write.transaction


@asynccontextmanager
async def _told_whole(pool: Pool, given: Shown, id: str | None = None) -> AsyncIterator[None]:
    """The database stops at the first value that is another's: all that are so are told."""
    try:
        yield
    except Conflict as error:
        if error.code != "duplicate":
            raise
        asked = {name: given.get(name) for name in ("email", "cognito_user_id")}
        async with reading(pool) as conn:
            taken = await value(conn, "user_taken", id=id, **asked)
        faults = [Fault(f"/{name}", error.faults[0].detail) for name in taken]
        raise Conflict(error.detail, faults=faults or error.faults, code=error.code) from None


async def _locked(write: Write, id: str) -> Shown:
    text = await value(write.conn, "user_locked", id=id)
    if text is None:
        raise NotFound(_NOBODY)
    return present("users", orjson.loads(text))


def _name(row: Shown) -> Shown:
    return {name: row[name] for name in _NAME}


async def to_sign_in(pool: Pool) -> list[Shown]:
    """Everybody, by role and name. Development only."""
    return (await read_page(pool, "users_to_sign_in", "users", most=_MOST)).rows


async def sub_of(pool: Pool, email: str) -> str:
    """The token's subject of an address. Raises NotFound. Development only."""
    async with reading(pool) as conn:
        sub: str | None = await value(conn, "user_sub_by_email", email=email)
    if sub is None:
        raise NotFound("Nobody here has that address.")
    return sub
