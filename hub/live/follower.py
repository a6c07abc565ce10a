"""Keeping one client's watches up with the feed: live, behind, or paced.

A machine without I/O: it is told what happened, and answers with frames for its socket and commands
for the gate. *Live* is who has the feed's cursor, *behind* who has an older one and is in no view's
live set; there is no queue. A *paced* one is kept behind after every change it was handed, until the
pacer's turn. Invariant: every event of its views reaches it exactly once or folded into a later one.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

from hub.errors import HubError, Unavailable
from hub.live.catching import catch_up
from hub.live.closing import Code
from hub.live.voice import Voice
from hub.live.who import today
from hub.rules import wire
from hub.rules.access import Principal, audience

if TYPE_CHECKING:
    from hub.fanout.views import View
    from hub.live.carrier import Carrier
    from hub.live.gate import Gate
    from hub.live.watch import Waking, Watching
    from hub.rules.cursor import Cursor, Snapshot

#: What a session is told whose principal is no more.
_GONE = {
    "user": "this user is gone",
    "integration": "this key was revoked",
    "device": "this device was revoked",
}


class Follower(Voice):
    """A :class:`hub.fanout.views.Sink`: what a session does for the feed's sake."""

    __slots__ = (
        "__weakref__",
        "behind",
        "caught_up",
        "floor",
        "is_paced",
        "left_at",
        "owed",
        "principal",
        "sent",
        "stuck",
        "stuck_since",
        "waiting",
        "watches",
    )

    def __init__(self, gate: Gate, socket: Carrier) -> None:
        super().__init__(gate, socket)
        self.principal: Principal | None = None
        self.watches: dict[str, Watching] = {}
        #: Where one that cannot keep up, or waits for its turn, was left; None while it is live.
        self.behind: Cursor | None = None
        #: Where it last was told at once what it had missed.
        self.caught_up: Cursor | None = None
        #: Where watches were left that its client takes for live but are being caught up in turn.
        self.floor: Cursor | None = None
        #: Ids of watches of which it has not been told yet that they are void.
        self.owed: set[str] | None = None
        #: When it was left, loop time.
        self.left_at = 0.0
        self.is_paced = False
        #: Woken when a paused socket drains; only while a first picture is on its way.
        self.waiting: Waking | None = None
        self.sent = 0
        #: Bytes it had unsent when last looked at, and since when that has not become less.
        self.stuck = 0
        self.stuck_since = 0.0

    # What the feed brings.

    def push(self, frames: bytes, changes: int) -> None:
        """Frames for views in which this session is live, ``changes`` of them ``change`` frames."""
        self.sent += changes
        self.socket.write(frames)
        if self.is_paced and changes:
            self._fall_behind()
            self.gate.pacer.put(self, changes)

    def go_on(self) -> None:
        """Told what it missed, conflated and in one write; then it is live again, if it may be."""
        if self.behind is None or self.socket.is_paused or self.gate.pacer.holds(self):
            return
        if not self.socket.closing:
            catch_up(self)

    @property
    def is_whole(self) -> bool:
        """Whether every watch is live and told all there is: good up to the cursor told next."""
        told_all = self.behind is None or self.behind is self.gate.feed.cursor
        return told_all and all(watch.is_live for watch in self.watches.values())

    @property
    def good_until(self) -> Cursor:
        """Up to where every watch that its client takes for live was told."""
        if self.floor is not None and all(watch.is_live for watch in self.watches.values()):
            self.floor = None
        return self.floor or self.behind or self.gate.feed.cursor

    def _fall_behind(self) -> None:
        if self.behind is None:
            self.behind, self.left_at = self.gate.feed.cursor, self.gate.now()
            for watch in self.watches.values():
                watch.view.live.discard(self)

    # What the socket tells.

    def paused(self) -> None:
        """The peer reads too slowly: from here on it is behind, at the feed's cursor."""
        if self.principal is not None:
            self._fall_behind()
        self.stuck, self.stuck_since = self.socket.unsent(), self.gate.now()
        self.gate.troubled.add(self)

    def resumed(self) -> None:
        """The peer has drained."""
        self.go_on()
        if self.waiting is not None and not self.socket.is_paused:
            self.waiting.set()

    # How a watch begins, as its errand goes on.

    def start(self, watch: Watching, cursor: str | None, reason: str | None) -> None:
        """Begin a watch, or begin it anew; a ``reason`` is for the client's ``reset``."""
        watch.stop()
        self._leave_live(watch.view)
        watch.start = self.gate.errands.begin(self, watch, cursor, reason)

    def reset(self, watch: Watching, reason: str) -> None:
        """What the client had of this watch is void: rows follow."""
        self._paid(watch)
        self.say({"type": "reset", "id": watch.id, "reason": reason})

    def page(self, watch: Watching, page: bytes, *, more: bool) -> None:
        """A page of the first picture."""
        self.socket.write(wire.text_frame(wire.rows(watch.id, page, more=more)))

    def arrived(self, watch: Watching, since: Snapshot, *, resumed: bool) -> bool:
        """Bring the watch from a snapshot to the feed's cursor, all at once; False if it is too far."""
        told = self.gate.news.since(watch.view, since, watch=watch.id)
        if told is None or len(told.frames) > 1:
            return False
        start = watch.start
        # The others first, if they wait for their turn: one cursor is good for all.
        catch_up(self)
        if self.socket.closing or watch.start is not start:
            return True  # it is being read anew already
        cursor = str(self.gate.feed.cursor)
        live = {
            "type": "live",
            "id": watch.id,
            "view": watch.view.id,
            "cursor": cursor,
            "resumed": resumed,
        }
        watch.start = None
        watch.is_live = True
        watch.since = self.gate.feed.cursor
        if told.frames:
            watch.told = cursor, told.keys
        # First live, then written: if these very bytes fill the buffer, it is behind from here.
        if self.behind is None:
            watch.view.live.add(self)
        self.push(b"".join([*told.frames, wire.text_frame(wire.dump(live))]), len(told.frames))
        return True

    def failed(self, watch: Watching, wrong: HubError) -> None:
        """The watch is over; the client may ask for it again, with another filter or later."""
        watch.start = None
        if self.watches.get(watch.id) is watch:
            self.drop(watch)
            temporary = isinstance(wrong, Unavailable)
            self.error(watch.id, wrong.code, wrong.detail, temporary=temporary)

    # How it ends, or begins anew.

    def drop(self, watch: Watching) -> None:
        """End a watch."""
        watch.stop()
        self._paid(watch)
        self.watches.pop(watch.id, None)
        self._leave_live(watch.view)
        self.gate.views.leave(watch.view)

    def _leave_live(self, view: View) -> None:
        if not any(watch.is_live and watch.view is view for watch in self.watches.values()):
            view.live.discard(self)

    def restart(self, views: Collection[View] | None, reason: str) -> None:
        """Read some views, or every one, anew with today's rights; the client is told to reset."""
        if self.principal is None or self.socket.closing:
            return
        for watch in [w for w in self.watches.values() if views is None or w.view in views]:
            seen_as = audience(self.principal, watch.view.topic.name)
            if seen_as is None:
                self.drop(watch)
                self._owe(watch)
                self.gate.soon(partial(self._refuse, watch, reason))
                continue
            if seen_as != watch.view.audience:
                old = watch.view
                watch.stop()
                watch.view = self.gate.views.join(old.topic, seen_as, old.within)
                self._leave_live(old)
                self.gate.views.leave(old)
            self._owe(watch)
            self.start(watch, None, reason)

    def _owe(self, watch: Watching) -> None:
        if self.owed is None:
            self.owed = set()
        self.owed.add(watch.id)

    def _paid(self, watch: Watching) -> None:
        if self.owed is not None:
            self.owed.discard(watch.id)

    def _refuse(self, watch: Watching, reason: str) -> None:
        # Not while a batch is judged: were the socket full now, this would be left behind at a cursor
        # whose changes in other views it was not handed yet.
        if watch.id in self.watches:
            self._paid(watch)  # asked for anew meanwhile: that answers for itself
        else:
            self.reset(watch, reason)
            self.error(watch.id, "forbidden", "not yours to watch any more")

    # Rights.

    def rejudge(self) -> None:
        """The principal's row changed: rights as they are now, at once."""
        was = self.principal
        if was is None or self.socket.closing:
            return
        now = today(self.gate, was)
        if now is None:
            self.close(Code.FORBIDDEN, _GONE[was.kind])
        else:
            self._judge(now)

    def _judge(self, now: Principal) -> None:
        was, self.principal = self.principal, now
        # Another role sees, and may do, other things, though the rows may be the same.
        anew = was is not None and was.role != now.role
        stale = {
            watch.view
            for watch in self.watches.values()
            if anew or audience(now, watch.view.topic.name) != watch.view.audience
        }
        if stale:
            self.restart(stale, "rights")

    def closing(self) -> None:
        """The closing handshake is under way; the wheel ends it if the peer does not."""
        gate = self.gate
        gate.pacer.take(self)
        for watch in list(self.watches.values()):
            self.drop(watch)
        self.stuck_since = gate.now()
        gate.troubled.add(self)
