"""Catching up one that was behind: told what it missed, conflated, and live again.

What it missed in a while is one write. A long way is gone watch by watch, by whoever's turn it is, as
by one that comes back with its cursor. Invariant: when :func:`catch_up` returns, each of its watches
is live, or being started.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from hub.live.follower import Follower
    from hub.live.watch import Watching
    from hub.rules.cursor import Cursor

log = structlog.get_logger("hub.live")

#: Events to be walked over, times views, that are too much for one stretch of the loop.
HEAVY = 4000


def catch_up(session: Follower) -> None:
    """Bring a session that is behind to the feed's cursor. Nothing if it is not."""
    since, session.behind = session.behind, None
    if since is None:
        return
    gate = session.gate
    live = [watch for watch in session.watches.values() if watch.is_live]
    views = dict.fromkeys(watch.view for watch in live)
    if views and gate.feed.is_far(since.snapshot, HEAVY / len(views)):
        _in_turn(session, live, since)
        return
    try:
        missed = {view: gate.news.since(view, since.snapshot) for view in views}
    except Exception:
        # Neither live nor behind, it would never be told anything again.
        log.exception("a session could not be caught up; its watches are read anew")
        session.restart(None, "fault")
        return
    session.caught_up = gate.feed.cursor
    until, frames = str(session.caught_up), list[bytes]()
    for view, told in missed.items():
        if told is None:
            session.restart((view,), "distance")
            continue
        view.live.add(session)
        frames += told.frames
    for watch in live:
        if (told := missed.get(watch.view)) is not None and told.frames:
            watch.told = until, told.keys
    if frames:
        session.push(b"".join(frames), len(frames))


def _in_turn(session: Follower, watches: Iterable[Watching], since: Cursor) -> None:
    """Begin watches again at a cursor. Their client takes them for live meanwhile."""
    session.floor = session.floor or since
    for watch in watches:
        session.start(watch, str(since), None)
