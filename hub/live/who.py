"""Whose session it is: when it says hello, and again whenever that row has changed.

Nothing is said to a client here. Invariant: rights come from the directory, the keyring and the devices
as the feed last told, never from the token or from an earlier moment.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hub.errors import Forbidden, Unauthenticated
from hub.identity.api_keys import is_key
from hub.identity.devices import is_device
from hub.rules.access import Principal

if TYPE_CHECKING:
    from hub.live.gate import Gate


async def identify(gate: Gate, token: str) -> Principal:
    """The principal of a user's token, a key or a device. Raises Unauthenticated, Forbidden, Unavailable."""
    if is_key(token):
        return await gate.keyring.find(token)
    if is_device(token):
        return await gate.devices.find(token)
    claims = gate.verifier.verify_now(token) or await gate.verifier.verify(token)
    person = gate.directory.by_sub(claims.sub) or await gate.directory.find(claims.sub)
    if person is None:
        raise Forbidden("no such user")
    return Principal(
        "user", person.id, person.role, person.name, person.sub, expires=claims.expires
    )


def today(gate: Gate, was: Principal) -> Principal | None:
    """Who that is by now; None if the user is gone, the key or the device revoked."""
    if was.kind == "integration":
        return gate.keyring.by_id(was.id)
    if was.kind == "device":
        return gate.devices.by_id(was.id)
    person = gate.directory.by_id(was.id)
    if person is None or person.sub != was.sub:
        return None
    return replace(was, role=person.role, name=person.name)


def redeem(gate: Gate, ticket: str, *, spend: bool = True) -> Principal:
    """Who that is by now, with the expiry of the token the ticket was made with.

    Raises Unauthenticated; Forbidden if that user is gone or that key revoked.
    """
    was = (gate.tickets.spend if spend else gate.tickets.look)(ticket)
    if was.expires is not None and was.expires <= gate.clock():
        raise Unauthenticated("The token behind the ticket has expired.", code="token-expired")
    now = today(gate, was)
    if now is None:
        raise Forbidden("Whoever made the ticket is gone or revoked.")
    return now
