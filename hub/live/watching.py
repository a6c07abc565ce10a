"""Bringing one watch from its start to live: what has to be waited for, in order.

With a cursor: only what changed since, conflated. Without, or when the cursor cannot be honoured:
the first picture, in pages, then what changed since it was read. Runs as a task that ends when the
watch is live. Invariant: between the last wait and ``live`` nothing happens, so nothing falls
between the two.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from hub.errors import HubError, Unavailable
from hub.fanout.resuming import unlike
from hub.feed import Gone
from hub.rules.cursor import Snapshot, parse_cursor

if TYPE_CHECKING:
    from hub.live.follower import Follower
    from hub.live.watch import Watching

log = structlog.get_logger("hub.live")

#: How often a picture is tried for while the database is there.
_TRIES = 3
#: How often a picture is begun again, since too much had happened by the time it was sent.
_ROUNDS = 5


async def begin(session: Follower, watch: Watching, cursor: str | None, reason: str | None) -> None:
    """Start (or, with a ``reason``, restart) a watch; ends once it is live."""
    try:
        if cursor is not None:
            try:
                await _resume(session, watch, cursor)
                return
            except Gone as gone:
                reason = gone.reason
            except HubError:
                raise
            except Exception:
                # Its client would come back with the very same cursor, to the very same end.
                log.exception(
                    "a watch could not go on; it is read anew", topic=watch.view.topic.name
                )
                reason = "fault"
        await _from_picture(session, watch, reason)
    except HubError as wrong:
        session.failed(watch, wrong)
    except Exception:
        log.exception("a watch could not be started", topic=watch.view.topic.name)
        why = "the hub failed to start this watch"
        session.failed(watch, Unavailable(why, code="internal"))


async def _resume(session: Follower, watch: Watching, text: str) -> None:
    gate = session.gate
    try:
        cursor = parse_cursor(text)
    except ValueError:
        raise Gone("malformed") from None
    who = _who(session)
    patience, tries = _Patience(), 0
    while True:
        try:
            async with gate.turns.reading(who, watch.view):
                await gate.feed.recall(cursor, gate.lend)
            break
        except Unavailable:
            tries += gate.feed.healthy
            if tries == _TRIES:
                raise Gone(
                    "distance"
                ) from None  # the database is there: it is this that takes too long
            await patience.wait()
    async with _ready(session):
        assert session.principal is not None
        missed = gate.feed.since(cursor.snapshot)
        if missed is None:
            raise Gone("distance")  # dropped meanwhile, and with it who may see what since when
        if (why := unlike(watch.view, session.principal, missed)) is not None:
            raise Gone(why)
    if not await _arrive(session, watch, cursor.snapshot, resumed=True):
        raise Gone("distance")


def _who(session: Follower) -> str:
    assert session.principal is not None
    return session.principal.id


class _Patience:
    """The database is away: a browser that waits for its rows waits with us, ever longer."""

    def __init__(self) -> None:
        self._most = 0.1

    async def wait(self) -> None:
        await asyncio.sleep(random.uniform(0, self._most))
        self._most = min(5.0, self._most * 2)


async def _from_picture(session: Follower, watch: Watching, reason: str | None) -> None:
    gate = session.gate
    who = _who(session)
    patience, tries = _Patience(), 0
    since, rounds = None, 0
    while rounds < _ROUNDS:
        if reason is not None:
            session.reset(watch, reason)
            since = gate.feed.cursor.snapshot  # a picture from before that would not do
            reason = None
        try:
            async with gate.turns.reading(who, watch.view):
                picture = await gate.pictures.read(watch.view, since, epoch=gate.feed.epoch)
        except Unavailable:
            if gate.feed.healthy:
                tries += 1
                if tries == _TRIES:
                    raise  # the database is there: it is this picture that takes too long
            await patience.wait()
            continue
        last = len(picture.pages) - 1
        for number, page in enumerate(picture.pages):
            await _drained(session)
            session.page(watch, page, more=number < last)
        await gate.feed.reach(picture.snapshot)
        if await _arrive(session, watch, picture.snapshot, resumed=False):
            return
        reason, rounds = "distance", rounds + 1
    raise Unavailable("more happens in this watch than its reader takes in")


async def _arrive(session: Follower, watch: Watching, since: Snapshot, *, resumed: bool) -> bool:
    """Bring the watch from a snapshot to the feed's cursor; False if it is too far.

    What is more than one frame is sent in pages as the peer reads them, and then what has happened
    meanwhile. (Whoever may see other rows meanwhile, or in another day, is started anew.)
    """
    gate = session.gate
    while True:
        async with _ready(session):
            missed = gate.news.since(watch.view, since, watch=watch.id)
            if missed is None or len(missed.frames) <= 1:
                return session.arrived(watch, since, resumed=resumed)
            since = gate.feed.cursor.snapshot
            watch.told = str(gate.feed.cursor), missed.keys
        for page in missed.frames:
            await _drained(session)
            session.push(page, 1)
            if session.is_paced:
                await asyncio.sleep(gate.pacer.every)


async def _drained(session: Follower) -> None:
    """Wait while the peer does not read: a picture is never heaped up in memory."""
    while session.socket.is_paused:
        waiting = session.waiting
        if not isinstance(waiting, asyncio.Event) or waiting.is_set():
            session.waiting = waiting = asyncio.Event()
        await waiting.wait()


@asynccontextmanager
async def _ready(session: Follower) -> AsyncIterator[None]:
    """A peer that reads, and a turn to walk over the history: the body must not wait."""
    turns, who = session.gate.turns, _who(session)
    while True:
        await _drained(session)
        async with turns.walking(who):
            if not session.socket.is_paused:
                yield
                return
