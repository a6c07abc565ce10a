"""What every session of this node shares: the parts it works with and the limits it keeps.

Nothing but references and counts. Invariant: ``sessions`` holds exactly the open sessions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hub.db.pool import reading
from hub.fanout.delivery import Delivery
from hub.fanout.pictures import Pictures
from hub.fanout.views import Views
from hub.feed import Feed
from hub.identity.api_keys import Keyring
from hub.identity.devices import Devices
from hub.identity.directory import Directory
from hub.identity.tokens import Verifier
from hub.live.parsers import Parsers
from hub.live.presence import present
from hub.live.tickets import Tickets
from hub.live.wheel import Wheel
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.db.pool import Pool
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
    #: Sessions that have not said hello yet, with the moment (loop time) at which it is too late.
    arriving: dict[Session, float] = field(default_factory=dict)
    #: Sessions that are closing or whose peer does not read: to be looked at every second.
    troubled: set[Session] = field(default_factory=set)
    draining: bool = False
    wheel: Wheel = field(init=False)
    parsers: Parsers = field(init=False)
    tickets: Tickets = field(default_factory=Tickets)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.wheel = Wheel(self)
        self.parsers = Parsers(self.settings.max_message)

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

    def lend(self) -> AbstractAsyncContextManager[Any]:
        """A pooled connection for the feed's backfill."""
        return reading(self.pool)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something that ends by itself: a hello, the start of a watch. Never per delivery."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Cancel what still runs."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def now(self) -> float:
        """Monotonic seconds, for deadlines."""
        return asyncio.get_running_loop().time()

    def clock(self) -> float:
        """Unix seconds, for what is told to clients and for tokens."""
        return time.time()
