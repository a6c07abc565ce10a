"""Carrying a batch to everyone it concerns: the hot path.

Per batch, not per delivery: each view's change is encoded once and framed once, and each sink is
handed its bytes in one call. No coroutine, no task, nothing awaited. Invariant: when
:meth:`Delivery.deliver` returns, every live sink has been handed exactly what the batch means to
its views; a sink that is not live will be caught up from its own cursor.
"""

from __future__ import annotations

from collections.abc import Callable

from hub.fanout.judgement import MOST_ITEMS, Shown, framed, judge
from hub.fanout.views import Sink, View, Views
from hub.identity.directory import Directory
from hub.rules.event import Batch, Event
from hub.rules.topics import by_entity
from hub.rules.wire import Item

#: The tables whose rows are principals: a changed row is a change of somebody's rights.
_PRINCIPALS = frozenset({"users", "api_keys", "devices"})


class Delivery:
    """The feed's listener, and who is here: the sinks of each principal, by its id."""

    def __init__(self, views: Views, directory: Directory) -> None:
        self._views = views
        self._directory = directory
        self._sinks: dict[str, tuple[Sink, ...]] = {}
        #: Counted for metrics: frames encoded, and frames handed to sinks.
        self.encoded = 0
        self.handed = 0
        #: Called before each batch is judged: whose credentials have ended leaves now.
        self.before: Callable[[], None] | None = None
        #: Called after each batch, for whoever measures.
        self.after: Callable[[Batch], None] | None = None

    # Who is here.

    def arrive(self, principal: str, sink: Sink) -> int:
        """A sink that belongs to a principal's id; returns how many it has now."""
        sinks = self._sinks[principal] = (*self.of(principal), sink)
        return len(sinks)

    def depart(self, principal: str, sink: Sink) -> None:
        """Undo :meth:`arrive`."""
        sinks = tuple(other for other in self.of(principal) if other is not sink)
        if sinks:
            self._sinks[principal] = sinks
        else:
            self._sinks.pop(principal, None)

    def of(self, principal: str) -> tuple[Sink, ...]:
        """The sinks of one principal."""
        return self._sinks.get(principal, ())

    def _everyone(self) -> list[Sink]:
        return [sink for sinks in self._sinks.values() for sink in sinks]

    # What the feed tells.

    def restart(self, reason: str) -> None:
        """The stream broke off: whoever is here reads everything anew, with rights as they are now."""
        self._views.slide()
        for sink in self._everyone():
            sink.rejudge()
            sink.restart(None, reason)

    def deliver(self, batch: Batch) -> None:
        """Hand a batch to everyone it concerns."""
        touched = self._judge(batch)
        if touched:
            self._hand_over(touched, str(batch.end))
        if self.after is not None:
            self.after(batch)

    def _judge(self, batch: Batch) -> dict[View, list[Item]]:
        shown = Shown(self._directory)
        touched: dict[View, list[Item]] = {}
        if self.before is not None:
            self.before()
        self._rights(batch)
        self._midnight(batch)
        for event in batch.events:
            for topic in by_entity(event.entity):
                if event.op == "T":
                    self._truncated(topic.name)
                    continue
                for view in self._views.of(topic, event):
                    # One with too much for a frame is read anew, whatever else there is in it.
                    if (
                        view.live
                        and len(touched.get(view, ())) <= MOST_ITEMS
                        and (item := judge(view, event, shown)) is not None
                    ):
                        touched.setdefault(view, []).append(item)
        return touched

    def _rights(self, batch: Batch) -> None:
        """Rights first: what follows in the same batch is judged by them."""
        for event in batch.events:
            if event.entity in _PRINCIPALS:
                self._changed_principal(event)

    def _midnight(self, batch: Batch) -> None:
        """A new day, for those who watch today: other rows are before them now."""
        if any(event.entity == "days" for event in batch.events):
            moved = self._views.slide()
            for sink in self._everyone() if moved else ():
                sink.restart(moved, "window")

    def _changed_principal(self, event: Event) -> None:
        if event.op == "T":
            concerned = self._everyone()
        else:
            assert event.key is not None
            concerned = list(self.of(event.key))
        for sink in concerned:
            sink.rejudge()

    def _truncated(self, topic: str) -> None:
        views = {view for view in self._views if view.topic.name == topic}
        for sink in self._everyone():
            sink.restart(views, "truncated")

    def _hand_over(self, touched: dict[View, list[Item]], cursor: str) -> None:
        if len(touched) == 1:
            ((view, items),) = touched.items()
            # A copy: a sink whose buffer fills takes itself out of the set.
            sinks = list(view.live)
            if sinks and (frame := self._frame(view, items, cursor)) is not None:
                self.handed += len(sinks)
                for sink in sinks:
                    sink.push(frame, 1)
            return
        owed: dict[Sink, list[bytes]] = {}
        for view, items in touched.items():
            if view.live and (frame := self._frame(view, items, cursor)) is not None:
                for sink in view.live:
                    owed.setdefault(sink, []).append(frame)
        for sink, frames in owed.items():
            self.handed += len(frames)
            sink.push(frames[0] if len(frames) == 1 else b"".join(frames), len(frames))

    def _frame(self, view: View, items: list[Item], cursor: str) -> bytes | None:
        """The view's change, or None if it is too large and the view is read anew instead."""
        self.encoded += 1
        told = framed(view, items, cursor)
        if told is None:
            for sink in list(view.live):
                sink.restart((view,), "size")
        else:
            view.told = (cursor, tuple([item.key for item in items]))
        return told
