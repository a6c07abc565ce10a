"""What a session needs of whatever carries its bytes: a WebSocket, or a stream.

No code runs here. Invariant: a session asks for nothing that is not named here, so the same session
speaks over either.
"""

from __future__ import annotations

from typing import Protocol

from hub.live.socket import User


class Carrier(Protocol):
    """A socket with a session on it. Frames are whole unmasked WebSocket text frames."""

    @property
    def answers(self) -> bool:
        """Whether its peer can say ``pong``."""

    @property
    def is_paused(self) -> bool:
        """Whether more than the high-water mark is unsent."""

    @property
    def closing(self) -> bool:
        """Whether nothing more can be said."""

    def attach(self, user: User) -> None:
        """Who hears of it from now on."""

    def write(self, frames: bytes) -> None:
        """Send whole frames. Never waits."""

    def unsent(self) -> int:
        """Bytes the peer has not taken yet."""

    def close(self, code: int, reason: str) -> None:
        """End it in good order, after what was written."""

    def abort(self) -> None:
        """Drop the connection now."""
