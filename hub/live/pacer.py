"""Spacing what kiosks are told: at most so many change frames a second for each, whatever happens.

A paced session that was handed frames is kept *behind* until it may be handed the next; then it is
caught up like a slow one, conflated. Invariant: one alarm for all of them, none while nobody waits;
those who wait since about the same moment come up together, so that they share what is encoded.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hub.live.follower import Follower
    from hub.live.gate import Gate

#: Turns of the pacer between two frames of one session, at most.
_FINE = 8


class Alarm(Protocol):
    """What :meth:`hub.live.gate.Gate.alarm` gives."""

    def cancel(self) -> object:
        """Not any more."""


class Pacer:
    """``every`` is the seconds between two change frames of one session."""

    def __init__(self, gate: Gate, every: float) -> None:
        self.every = every
        self._gate = gate
        self._grain = every / _FINE
        self._waiting: dict[Follower, float] = {}
        self._alarm: tuple[float, Alarm] | None = None

    def put(self, session: Follower, changes: int) -> None:
        """A session was handed so many change frames: it waits as long as they are worth."""
        now = self._gate.now()
        due = max(self._waiting.get(session, now), now) + changes * self.every
        # Rounded up to a common step, so that those handed the same wait for the same moment.
        self._waiting[session] = due = math.ceil(due / self._grain) * self._grain
        if self._alarm is None or due < self._alarm[0]:
            self._set(due)

    def take(self, session: Follower) -> None:
        """A session that is closing or gone."""
        self._waiting.pop(session, None)

    def holds(self, session: Follower) -> bool:
        """Whether a session must wait before it is handed another change."""
        return session in self._waiting

    def _set(self, due: float | None) -> None:
        if self._alarm is not None:
            self._alarm[1].cancel()
        self._alarm = None if due is None else (due, self._gate.alarm(due, self._turn))

    def _turn(self) -> None:
        self._alarm = None
        # A timer may come a hair early by its own clock.
        now = self._gate.now() + self._grain / 2
        for session in [session for session, due in self._waiting.items() if due <= now]:
            self._waiting.pop(session, None)
            session.go_on()
        if self._waiting:
            self._set(min(self._waiting.values()))
