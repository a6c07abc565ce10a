"""Users: what one is shown of oneself; and, in development, whom one may sign in as.

No HTTP, no SQL text, no tokens. Invariant: outside development nobody is listed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.db.pool import reading
from hub.errors import NotFound
from hub.rules.access import Principal
from hub.schedule.reading import One, Shown, read_one, read_page
from hub.schedule.statements import value

if TYPE_CHECKING:
    from hub.db.pool import Pool

#: More seeded users than anybody would pick from.
_MOST = 500


async def me(pool: Pool, who: Principal) -> One:
    """One's own row. Raises NotFound if it has just been deleted."""
    return await read_one(pool, "user", "users", id=who.id)


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
