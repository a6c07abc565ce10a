"""How fast one may ask: a token bucket for each principal, and for each address of nobody known.

In this node's memory: two nodes give two shares. A principal is limited wherever it calls from, and
an address only for what nobody signed for, so a stranger cannot use up what a member has. Invariants:
buckets are bounded in number, and one that is full again is forgotten; a refusal costs nothing; the
headers say what the bucket says.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from aiohttp import web

from hub.rest.address import whose
from hub.rest.problem import Refused
from hub.rules.access import Principal
from hub.settings import Settings

#: Buckets of one kind; beyond it the one longest not asked from is forgotten.
MOST = 20_000
#: What draft-ietf-httpapi-ratelimit-headers-11 has the answer say; set by ``Limits.spend``.
TOLD = web.RequestKey("hub_rate_limit", dict)


class Left(NamedTuple):
    """What a bucket held for a request: whether that was enough, requests left, seconds to one more."""

    enough: bool
    requests: int
    seconds: int


class Share(NamedTuple):
    """What one may ask of a single route, where that is less than of all: how many at once, and
    after how many seconds one more. ``only_faults``: only what was answered with 422 counts."""

    name: str
    burst: int
    seconds: float
    only_faults: bool = False


class Buckets:
    """Buckets by name, each kept as one number: when it will be full again (GCRA)."""

    def __init__(
        self,
        per_second: float,
        burst: int,
        clock: Callable[[], float] = time.monotonic,
        most: int = MOST,
    ) -> None:
        self._every, self._burst = 1 / per_second, burst
        self._clock = clock
        self._most = most
        self._full_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, name: str) -> Left:
        """One request out of the bucket of ``name``, if there is one in it."""
        now, every = self._clock(), self._every
        full_at = max(self._full_at.pop(name, now), now)
        # What is missing, in requests; rounded, as a sum of fractions is never quite whole.
        missing = round((full_at - now) / every, 6)
        if enough := missing + 1 <= self._burst:
            missing += 1
            full_at += every
        self._full_at[name] = full_at
        self._forget(now)
        left = math.floor(self._burst - missing)
        return Left(enough, left, math.ceil((missing - (self._burst - left - 1)) * every) or 1)

    def give_back(self, name: str) -> None:
        """One request that was taken and shall not count."""
        if name in self._full_at:
            self._full_at[name] -= self._every

    def _forget(self, now: float) -> None:
        """Whoever has not asked for longest is in front: two looks a request outrun any crowd."""
        for _ in range(2):
            front = next(iter(self._full_at))
            if self._full_at[front] > now and len(self._full_at) <= self._most:
                return
            del self._full_at[front]


class Limits:
    """The shares of everybody who asks this node."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        per_second, burst = settings.requests_per_second, settings.requests_burst
        self.principals = Buckets(per_second, burst, clock)
        self.addresses = Buckets(per_second, burst, clock)
        self._clock = clock
        self._shares: dict[Share, Buckets] = {}
        self._proxies = settings.trusted_proxies
        self._policy = f'"default";q={burst};w={math.ceil(burst / per_second)}'

    def spend(self, request: web.Request, principal: Principal | None) -> None:
        """Count this request; its answer will say what is left. Raises Refused (429)."""
        if principal is not None:
            left = self.principals.take(f"{principal.kind}:{principal.id}")
        else:
            left = self.addresses.take(whose(request, self._proxies))
        told = {
            "RateLimit-Policy": self._policy,
            "RateLimit": f'"default";r={left.requests};t={left.seconds}',
        }
        request[TOLD] = told
        if not left.enough:
            raise Refused(
                429,
                "You ask faster than your share; wait a moment.",
                headers={"Retry-After": str(left.seconds)},
            )

    def draw(
        self, request: web.Request, principal: Principal | None, share: Share
    ) -> Callable[[], None]:
        """Count this request against a share, of whoever asks and of the address.

        Returns how to undo that. Raises Refused (429).
        """
        if share not in self._shares:
            self._shares[share] = Buckets(1 / share.seconds, share.burst, self._clock)
        buckets = self._shares[share]
        names = [whose(request, self._proxies)]
        if principal is not None:
            names.append(f"{principal.kind}:{principal.id}")
        taken: list[str] = []

        def undo() -> None:
            for name in taken:
                buckets.give_back(name)

        for name in names:
            left = buckets.take(name)
            if not left.enough:
                undo()
                policy = (
                    f'"{share.name}";q={share.burst};w={math.ceil(share.burst * share.seconds)}'
                )
                request[TOLD] = {
                    "RateLimit-Policy": policy,
                    "RateLimit": f'"{share.name}";r=0;t={left.seconds}',
                }
                raise Refused(
                    429,
                    "That was tried too often; wait a while.",
                    headers={"Retry-After": str(left.seconds)},
                )
            taken.append(name)
        return undo
