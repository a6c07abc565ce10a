"""Views, and who has one: a view is a topic and a filter as one class of readers may see it.

Equal views are one object, so whatever concerns them is judged, encoded and framed once. An event
finds its views by the hooks of its rows, never by walking over sessions.
Invariant: a sink is in ``live`` exactly while the view's bytes may be handed to it as they come.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import count
from typing import Protocol

from hub.fanout.calendar import Calendar
from hub.rules.access import Audience
from hub.rules.event import Columns, Event
from hub.rules.filters import Filter
from hub.rules.topics import Hook, Topic


class Sink(Protocol):
    """Whoever gets a view's frames: on floor 4, a session."""

    def push(self, frames: bytes, changes: int) -> None:
        """Take encoded frames, ``changes`` of them ``change`` frames. Never waits, never raises."""

    def restart(self, views: Collection[View] | None, reason: str) -> None:
        """Read these views (None: every one) anew; ``reason`` is for the client's ``reset``."""

    def rejudge(self) -> None:
        """Whom the sink belongs to has changed: rights must be judged again, now."""


class View:
    """One view. ``id`` is what ``live`` tells a client and ``change`` names."""

    __slots__ = ("audience", "id", "live", "members", "told", "topic", "window", "within")

    def __init__(
        self,
        id: str,
        topic: Topic,
        audience: Audience,
        within: Filter,
        window: Filter | None = None,
    ) -> None:
        self.id = id
        self.topic = topic
        self.audience = audience
        self.within = within
        #: The filter as it is to be judged now: ``within`` itself unless it slides.
        self.window = window or within
        self.live: set[Sink] = set()
        #: How many watches it has, live or on their way.
        self.members = 0
        #: The cursor and the keys of the last change that its sinks were handed as it came.
        self.told: tuple[str, tuple[str, ...]] | None = None

    def matches(self, row: Columns) -> bool:
        """Whether this view shows the row."""
        return self.topic.matches(row, self.audience, self.window)

    @property
    def hook(self) -> Hook:
        """Where it hangs in the index."""
        return self.topic.hook(self.audience, self.within)


class Views:
    """All views of this node. ``calendar`` says what day it is for those that slide."""

    def __init__(self, calendar: Calendar | None = None) -> None:
        self._calendar = calendar or Calendar()
        self._by_name: dict[tuple[str, Audience, Filter], View] = {}
        #: Tuples: most hooks have one view, and a set would cost four times as much.
        self._by_hook: dict[Hook, tuple[View, ...]] = {}
        self._numbers = count(1)

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[View]:
        return iter(self._by_name.values())

    def join(self, topic: Topic, audience: Audience, within: Filter) -> View:
        """The view of that name, for one watch more."""
        name = (topic.name, audience, within)
        view = self._by_name.get(name)
        if view is None:
            window = within.at(self._calendar.midnight)
            view = View(f"v{next(self._numbers)}", topic, audience, within, window)
            self._by_name[name] = view
            self._by_hook[view.hook] = (*self._by_hook.get(view.hook, ()), view)
        view.members += 1
        return view

    def slide(self) -> set[View]:
        """Judge by today's days from here on; the views whose window that moved, to be read anew."""
        moved = set()
        for view in self._by_name.values():
            if view.within.slides:
                window = view.within.at(self._calendar.midnight)
                if window != view.window:
                    view.window = window
                    moved.add(view)
        return moved

    def leave(self, view: View) -> None:
        """Undo one :meth:`join`; with the last watch the view goes."""
        view.members -= 1
        if view.members:
            return
        del self._by_name[view.topic.name, view.audience, view.within]
        hung = tuple(other for other in self._by_hook[view.hook] if other is not view)
        if hung:
            self._by_hook[view.hook] = hung
        else:
            del self._by_hook[view.hook]

    def of(self, topic: Topic, event: Event) -> set[View]:
        """The views of a topic that an event may concern, by its old and its new row."""
        found: set[View] = set()
        for row in (event.row, event.before):
            if row is not None:
                for hook in topic.hooks(row):
                    if hung := self._by_hook.get(hook):
                        found.update(hung)
        return found
