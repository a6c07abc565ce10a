"""One watch of a session: under which id, of which view, and how far it has come.

No code but its end. Invariant: a watch that was stopped is not live and has no start under way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hub.fanout.views import View
    from hub.rules.cursor import Cursor


class Starting(Protocol):
    """A watch's start that is under way."""

    def cancel(self) -> object:
        """Nobody waits for it any more."""


class Waking(Protocol):
    """Whoever waits until a paused socket drains."""

    def set(self) -> object:
        """It has."""


class Watching:
    """One watch of a session. ``start`` is there while it is being started."""

    __slots__ = ("id", "is_live", "since", "start", "told", "view")

    def __init__(self, id: str, view: View) -> None:
        self.id = id
        self.view = view
        self.is_live = False
        #: At which cursor it became live.
        self.since: Cursor | None = None
        #: The cursor and the keys of the last catch-up it was told, as a View has them of a change.
        self.told: tuple[str, tuple[str, ...]] | None = None
        self.start: Starting | None = None

    def stop(self) -> None:
        """Not live any more, and no longer on its way."""
        self.is_live = False
        if self.start is not None:
            self.start.cancel()
            self.start = None
