"""Who is asking: a bearer token, verified, and the user it names as that row is now; a key; a device.

Nothing is allowed or refused here but being somebody. Invariants: the role comes from the
directory, a key's scopes from the keyring and a device's airport from the devices, never from what
was sent; a token or a key is in no message, and kept in no form but a digest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256

from aiohttp import hdrs, web

from hub.errors import Forbidden, Unauthenticated
from hub.identity.api_keys import is_key
from hub.identity.devices import is_device
from hub.identity.tokens import Claims
from hub.rest.house import House
from hub.rest.limits import Limits, Share
from hub.rules.access import Principal

#: Seconds for which a verified token is believed without looking at its signature again. A key
#: that its issuer withdraws is believed for as much longer.
KEPT = 60.0
#: Tokens remembered; the longest known goes first.
_MOST = 10_000


class Keeper:
    """Lets people in. ``clock`` gives unix seconds."""

    def __init__(self, house: House, clock: Callable[[], float] = time.time) -> None:
        self._house = house
        self._clock = clock
        self._limits = Limits(house.settings)
        self._known: dict[bytes, tuple[float, Claims]] = {}

    def count(self, request: web.Request) -> None:
        """One request of nobody known. Raises Refused (429)."""
        self._limits.spend(request, None)

    def draw(
        self, request: web.Request, principal: Principal | None, share: Share
    ) -> Callable[[], None]:
        """One request out of a share; returns how to undo that. Raises Refused (429)."""
        return self._limits.draw(request, principal, share)

    async def admit(self, request: web.Request) -> Principal:
        """The principal of ``Authorization: Bearer …`` (RFC 6750), if it has not asked too often.

        Raises Unauthenticated, Forbidden for a subject without a user, Unavailable, Refused (429).
        """
        try:
            principal = await self._principal(request)
        except (Unauthenticated, Forbidden):
            self.count(request)
            raise
        self._limits.spend(request, principal)
        return principal

    async def _principal(self, request: web.Request) -> Principal:
        """Who holds the user's token, the key or the device's credential that was sent."""
        lines = request.headers.getall(hdrs.AUTHORIZATION, [])
        if not lines:
            raise Unauthenticated("Send Authorization: Bearer and a token.", code="no-token")
        scheme, _, token = lines[0].partition(" ")
        if len(lines) > 1 or scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Authorization is not one Bearer token.")
        token = token.strip()
        if is_key(token):
            return await self._house.keyring.find(token)
        if is_device(token):
            return await self._house.devices.find(token)
        claims = await self._claims(token)
        person = await self._house.directory.find(claims.sub)
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

    async def _claims(self, token: str) -> Claims:
        """What the token says. A signature costs as much as a read, so it is judged once a minute."""
        digest = sha256(token.encode(errors="surrogatepass")).digest()
        known = self._known.get(digest)
        if known is not None and self._clock() < known[0]:
            return known[1]
        claims = await self._house.verifier.verify(token)
        self._known.pop(digest, None)
        if len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[digest] = (min(self._clock() + KEPT, claims.expires), claims)
        return claims
