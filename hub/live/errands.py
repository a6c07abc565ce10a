"""What a session asks for that takes time: to be told who it is, and to have a watch started.

A session is a machine that never waits; here its commands run as tasks and their outcome is handed
back to it. Invariant: every command ends in exactly one call of the session, unless it was cancelled;
there is no task per idle session and none per delivery.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import structlog

from hub.errors import HubError, Unavailable
from hub.live.watching import begin
from hub.live.who import identify

if TYPE_CHECKING:
    from hub.live.follower import Follower
    from hub.live.gate import Gate
    from hub.live.session import Session
    from hub.live.watch import Watching
    from hub.rules.access import Principal

log = structlog.get_logger("hub.live")


class Errands:
    """The commands of sessions. All of a node's run here."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._tasks: set[asyncio.Task[None]] = set()

    def identify(self, session: Session, token: str) -> None:
        """Judge a token; the session is told with :meth:`hub.live.session.Session.identified`."""
        self.start(self._identify(session, token))

    def begin(
        self, session: Follower, watch: Watching, cursor: str | None, reason: str | None
    ) -> asyncio.Task[None]:
        """Start a watch: with a cursor, or anew; a ``reason`` is told as its ``reset``."""
        return self.start(begin(session, watch, cursor, reason))

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something that ends by itself."""
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

    async def _identify(self, session: Session, token: str) -> None:
        verdict: Principal | HubError
        try:
            verdict = await identify(self._gate, token)
        except HubError as wrong:
            verdict = wrong
        except Exception:
            log.exception("a token could not be judged")
            verdict = Unavailable("the hub failed to judge the token")
        session.identified(verdict)
