"""``/api/v1/keys``: what integrations sign in with. An admin's business.

Invariant: the secret is in the answer that makes a key, which nobody may cache, and in no other.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from hub.model import ApiKey, Role
from hub.rest import answers, paging
from hub.rest.registry import Answer, Ask, Nothing, Routes
from hub.schedule import keys
from hub.schedule.fields import Flag
from hub.schedule.keys import KeyDraft
from hub.schedule.reading import NEWEST

routes = Routes("keys")
PATH = "/api/v1/keys"
ADMIN: frozenset[Role] = frozenset({"ADMIN"})


class KeysQuery(BaseModel):
    """Which keys: ``revoked=false`` for those that are good."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    revoked: Flag | None = None
    limit: paging.Limit = 50
    after: paging.After | None = None


class Keys(BaseModel):
    """A page of keys, the newest first; ``next`` is ``after`` for the next page."""

    items: list[ApiKey]
    next: str | None


class NewKey(ApiKey):
    """A key with its secret, which is shown this once."""

    secret: str


@routes.add("GET", PATH, KeysQuery, Nothing, answers={200: Keys, 304: None}, who=ADMIN)
async def list_keys(ask: Ask[KeysQuery, Nothing]) -> Answer:
    """All keys of integrations, the newest first, the revoked ones included."""
    after = ask.query.after or NEWEST
    page = await keys.page(ask.house.pool, ask.query.revoked, after, ask.query.limit)
    return paging.answer(page, "created_at", ask.url)


@routes.add("GET", f"{PATH}/{{id}}", Nothing, Nothing, answers={200: ApiKey, 304: None}, who=ADMIN)
async def get_key(ask: Ask[Nothing, Nothing]) -> Answer:
    """One key: what it may do, when it was last used (to the minute), whether it was revoked."""
    found = await keys.one(ask.house.pool, ask.id)
    return answers.read(found)


@routes.add(
    "POST",
    PATH,
    Nothing,
    KeyDraft,
    answers={201: NewKey},
    who=ADMIN,
    refusals=frozenset({409}),
    once=True,
)
async def create_key(ask: Ask[Nothing, KeyDraft]) -> Answer:
    """Make a key for an integration. Its ``secret`` is in this answer and never shown again.

    The integration sends it as ``Authorization: Bearer hub_…``, here and on the WebSocket. A scope
    to write includes the one to read. With an Idempotency-Key it is made once; asked again it is 409
    ``secret-shown``, with the key's id: an answer kept for a retry would be the secret kept.
    """
    made = await keys.create(ask.house.pool, ask.who, ask.body, ask.key)
    return answers.made(made, PATH, secret=True)


@routes.add(
    "DELETE",
    f"{PATH}/{{id}}",
    Nothing,
    Nothing,
    answers={204: None},
    who=ADMIN,
    conditional=True,
)
async def revoke_key(ask: Ask[Nothing, Nothing]) -> Answer:
    """Revoke a key, for good: it is refused from now on and its open sockets are closed.

    The record of it stays. Again is harmless, writes nothing and has no Hub-Transaction.
    """
    transaction = await keys.revoke(ask.house.pool, ask.who, ask.id, ask.expected)
    # What is answered is so: on this node the key is out. The others hear of it as fast.
    await ask.house.keyring.settle()
    return Answer(status=204, transaction=transaction)
