"""``/dev``: signing in as a seeded user, where the hub is its own issuer.

Mounted in development only, by ``setup``. Invariant: what is issued here is verified by the same
code as anybody's token; there is no other way in.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, StringConstraints

from hub.identity.issuer import JWKS_PATH, Issuer
from hub.model import Role
from hub.rest.registry import PUBLIC, Answer, Ask, Nothing, Routes
from hub.schedule import users
from hub.schedule.drafts import Draft
from hub.schedule.version import encode

routes = Routes("dev")
#: Seconds for which a development token is good.
TTL = 12 * 3600


class SignIn(BaseModel):
    """Somebody to sign in as."""

    email: str
    name: str
    role: Role


class SignIns(BaseModel):
    """Everybody to sign in as."""

    items: list[SignIn]


class TokenDraft(Draft):
    """Whom to sign in as."""

    email: Annotated[str, StringConstraints(min_length=1, max_length=255)]


class Token(BaseModel):
    """An access token (RFC 6749 section 5.1). ``expires_in`` is seconds."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int


class JwkSet(BaseModel):
    """A JWK Set (RFC 7517)."""

    keys: list[dict[str, str]]


@routes.add("GET", "/dev/users", Nothing, Nothing, answers={200: SignIns}, who=PUBLIC)
async def sign_ins(ask: Ask[Nothing, Nothing]) -> Answer:
    """The users one may sign in as."""
    rows = await users.to_sign_in(ask.house.pool)
    items = [
        {
            "email": row["email"],
            "name": f"{row['first_name']} {row['last_name']}",
            "role": row["role"],
        }
        for row in rows
    ]
    return Answer(encode({"items": items}))


@routes.add(
    "POST",
    "/dev/token",
    Nothing,
    TokenDraft,
    answers={200: Token},
    who=PUBLIC,
    refusals=frozenset({404}),
)
async def token(ask: Ask[Nothing, TokenDraft]) -> Answer:
    """A token for a user of this database."""
    sub = await users.sub_of(ask.house.pool, ask.body.email)
    told = {
        "access_token": _issuer(ask).issue(sub, ttl=TTL),
        "token_type": "Bearer",
        "expires_in": TTL,
    }
    return Answer(encode(told), headers={"Cache-Control": "no-store"})


@routes.add("GET", JWKS_PATH, Nothing, Nothing, answers={200: JwkSet}, who=PUBLIC, limited=False)
async def jwks(ask: Ask[Nothing, Nothing]) -> Answer:
    """The keys that development tokens are signed with."""
    return Answer(encode(_issuer(ask).jwks()), headers={"Cache-Control": "public, max-age=60"})


def _issuer(ask: Ask[Nothing, Nothing] | Ask[Nothing, TokenDraft]) -> Issuer:
    issuer = ask.house.issuer
    assert issuer is not None, "mounted only where there is one"
    return issuer
