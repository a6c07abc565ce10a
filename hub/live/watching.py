"""Bringing one watch from its start to live.

With a cursor: only what changed since, conflated. Without, or when the cursor cannot be honoured:
the first picture, in pages, then what changed since it was read. Runs as a task that ends when the
watch is live. Invariant: ``live`` is sent in the same step in which the session joins the view, at
the feed's cursor, so nothing falls between the two.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import structlog

from hub.errors import HubError, Unavailable
from hub.fanout.judgement import Shown, conflate, framed
from hub.fanout.resuming import unlike
from hub.fanout.views import View
from hub.feed import Gone
from hub.rules import wire
from hub.rules.cursor import Snapshot, parse_cursor

if TYPE_CHECKING:
    from hub.live.session import Session

log = structlog.get_logger("hub.live")

#: How often a picture is tried for while the database is there.
_TRIES = 3


class Watching:
    """One watch of a session. ``task`` runs while it is being started."""

    __slots__ = ("id", "is_live", "task", "view")

    def __init__(self, id: str, view: View) -> None:
        self.id = id
        self.view = view
        self.is_live = False
        self.task: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Not live any more, and no longer on its way."""
        self.is_live = False
        if self.task is not None:
            self.task.cancel()
            self.task = None


async def begin(session: Session, watch: Watching, cursor: str | None, reason: str | None) -> None:
    """Start (or, with a ``reason``, restart) a watch; ends once it is live."""
    try:
        if cursor is not None:
            try:
                await _resume(session, watch, cursor)
                return
            except Gone as gone:
                reason = gone.reason
        await _from_picture(session, watch, reason)
    except HubError as wrong:
        # The watch is over; the client may ask for it again, with another filter or later.
        watch.task = None
        session.unwatch(watch)
        session.error(watch.id, wrong.code, wrong.detail, temporary=isinstance(wrong, Unavailable))
    except Exception:
        log.exception("a watch could not be started", topic=watch.view.topic.name)
        watch.task = None
        session.unwatch(watch)
        session.error(watch.id, "internal", "the hub failed to start this watch", temporary=True)


async def _resume(session: Session, watch: Watching, text: str) -> None:
    feed = session.gate.feed
    try:
        cursor = parse_cursor(text)
    except ValueError:
        raise Gone("malformed") from None
    patience = _Patience()
    while True:
        try:
            await feed.recall(cursor, session.gate.lend)
            break
        except Unavailable:
            await patience.wait()
    await _drained(session)
    missed = feed.since(cursor.snapshot) or ()
    if (
        session.principal is not None
        and (why := unlike(watch.view, session.principal, missed)) is not None
    ):
        raise Gone(why)
    if not _live(session, watch, cursor.snapshot, resumed=True):
        raise Gone("distance")


class _Patience:
    """The database is away: a browser that waits for its rows waits with us, ever longer."""

    def __init__(self) -> None:
        self._most = 0.1
        self.tried = 1

    async def wait(self) -> None:
        self.tried += 1
        await asyncio.sleep(random.uniform(0, self._most))
        self._most = min(5.0, self._most * 2)


async def _from_picture(session: Session, watch: Watching, reason: str | None) -> None:
    patience = _Patience()
    while True:
        if reason is not None:
            session.say({"type": "reset", "id": watch.id, "reason": reason})
            reason = None
        try:
            picture = await session.gate.pictures.read(watch.view)
        except Unavailable:
            if session.gate.feed.healthy and patience.tried == _TRIES:
                raise  # the database is there: it is this picture that takes too long
            await patience.wait()
            continue
        last = len(picture.pages) - 1
        for number, page in enumerate(picture.pages):
            await _drained(session)
            session.socket.write(wire.text_frame(wire.rows(watch.id, page, more=number < last)))
        await session.gate.feed.reach(picture.snapshot)
        await _drained(session)
        if _live(session, watch, picture.snapshot, resumed=False):
            return
        reason = "distance"


def _live(session: Session, watch: Watching, since: Snapshot, *, resumed: bool) -> bool:
    """Bring the watch from a snapshot to the feed's cursor, all at once; False if it is too far."""
    gate = session.gate
    events = gate.feed.since(since)
    items = None if events is None else conflate(watch.view, events, Shown(gate.directory))
    if items is None:
        return False
    cursor = str(gate.feed.cursor)
    view = watch.view
    live = {
        "type": "live",
        "id": watch.id,
        "view": view.id,
        "cursor": cursor,
        "resumed": resumed,
    }
    told = b"" if not items else framed(view, items, cursor, watch=watch.id)
    if told is None:
        return False
    frames = told + wire.text_frame(wire.dump(live))
    watch.task = None
    # First live, then written: if these very bytes fill the buffer, the session is behind from here.
    session.go_live(watch)
    session.push(frames, bool(items))
    return True


async def _drained(session: Session) -> None:
    """Wait while the peer does not read: a picture is never heaped up in memory."""
    while session.socket.is_paused:
        if session.waiting is None or session.waiting.is_set():
            session.waiting = asyncio.Event()
        await session.waiting.wait()
