"""What every session of this node shares: the parts it works with and the limits it keeps.

References and counts, and the clock; what takes time is ``errands``. Invariant: ``sessions`` holds
exactly the open sessions, ``addresses`` how many of them each address has.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hub.db.pool import reading
from hub.fanout.delivery import Delivery
from hub.fanout.pictures import Pictures
from hub.fanout.views import Views
from hub.fanout.watched import Following
from hub.feed import Feed
from hub.identity.api_keys import Keyring
from hub.identity.devices import Devices
from hub.identity.directory import Directory
from hub.identity.tokens import Verifier
from hub.live.allowance import Allowance
from hub.live.errands import Errands
from hub.live.news import News
from hub.live.pacer import Alarm, Pacer
from hub.live.parsers import Parsers
from hub.live.presence import following, present
from hub.live.tickets import Tickets
from hub.live.turns import Turns
from hub.live.wheel import Wheel
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.db.pool import Pool
    from hub.live.follower import Follower
    from hub.live.session import Session


@dataclass
class Gate:
    """The live floor's shared parts, put together by the house."""

    settings: Settings
    pool: Pool
    feed: Feed
    directory: Directory
    keyring: Keyring
    devices: Devices
    verifier: Verifier
    views: Views
    delivery: Delivery
    pictures: Pictures
    sessions: set[Session] = field(default_factory=set)
    #: Open sessions by address, as :func:`hub.rest.address.whose` writes it.
    addresses: Counter[str] = field(default_factory=Counter)
    #: Sessions that have not said hello yet, with the moment (loop time) at which it is too late.
    arriving: dict[Session, float] = field(default_factory=dict)
    #: Sessions that are closing or whose peer does not read: to be looked at every second.
    troubled: set[Follower] = field(default_factory=set)
    draining: bool = False
    errands: Errands = field(init=False)
    wheel: Wheel = field(init=False)
    pacer: Pacer = field(init=False)
    news: News = field(init=False)
    turns: Turns = field(init=False)
    allowance: Allowance = field(init=False)
    parsers: Parsers = field(init=False)
    tickets: Tickets = field(default_factory=Tickets)

    def __post_init__(self) -> None:
        settings = self.settings
        self.errands = Errands(self)
        self.wheel = Wheel(self)
        self.pacer = Pacer(self, 1 / settings.kiosk_frames_per_second)
        self.news = News(self)
        self.turns = Turns(settings.reads_per_principal)
        self.allowance = Allowance(settings.messages_per_second)
        self.parsers = Parsers(settings.max_message)
        self.delivery.before = lambda: self.wheel.expire(self.clock())

    @property
    def fresh_for(self) -> float:
        """How long what a client shows may be called fresh, seconds: until a ping is overdue.

        While the feed is cut off nothing it says is fresh: no promise, but a sign of life.
        """
        settings = self.settings
        return settings.ping_every + settings.pong_timeout if self.feed.healthy else 0.0

    def devices_here(self) -> set[str]:
        """The ids of devices with a session here."""
        whose = (session.principal for session in self.sessions)
        return {who.id for who in whose if who is not None and who.kind == "device"}

    def present(self) -> list[dict[str, Any]]:
        """The sessions open here, as an admin is shown them (see ``presence``)."""
        return present(self)

    def following(self, principal: str) -> list[Following]:
        """The sessions of one principal that are open here, as ``explaining`` judges them."""
        return following(self, principal)

    def lend(self) -> AbstractAsyncContextManager[Any]:
        """A pooled connection for the feed's backfill."""
        return reading(self.pool)

    async def close(self) -> None:
        """Cancel what still runs."""
        await self.errands.close()

    def now(self) -> float:
        """Monotonic seconds, for deadlines."""
        return asyncio.get_running_loop().time()

    def clock(self) -> float:
        """Unix seconds, for what is told to clients and for tokens."""
        return time.time()

    def alarm(self, when: float, call: Callable[[], None]) -> Alarm:
        """Call at a moment of :meth:`now`."""
        return asyncio.get_running_loop().call_at(when, call)

    def soon(self, call: Callable[[], None]) -> None:
        """Call in the loop's next turn."""
        asyncio.get_running_loop().call_soon(call)
