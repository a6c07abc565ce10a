"""Who is asking: a bearer token, verified, and the user it names as that row is now.

Nothing is allowed or refused here but being somebody. Invariants: the role comes from the
directory, never from the token; a token is in no message.
"""

from __future__ import annotations

from aiohttp import hdrs, web

from hub.errors import Forbidden, Unauthenticated
from hub.rest.house import House
from hub.rules.access import Principal


async def authenticate(house: House, request: web.Request) -> Principal:
    """The principal of ``Authorization: Bearer …`` (RFC 6750).

    Raises Unauthenticated, Forbidden for a subject without a user, Unavailable.
    """
    lines = request.headers.getall(hdrs.AUTHORIZATION, [])
    if not lines:
        raise Unauthenticated("Send Authorization: Bearer and a token.", code="no-token")
    scheme, _, token = lines[0].partition(" ")
    if len(lines) > 1 or scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Authorization is not one Bearer token.")
    claims = await house.verifier.verify(token.strip())
    person = await house.directory.find(claims.sub)
    if person is None:
        raise Forbidden("No user of this school has that token's subject.", code="unknown-user")
    return Principal(
        kind="user",
        id=person.id,
        role=person.role,
        name=f"{person.first_name} {person.last_name}",
        sub=claims.sub,
        expires=claims.expires,
    )
