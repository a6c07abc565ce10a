"""What is said to one client alone: a message, an error, a goodbye.

No state but where to say it. Invariant: after ``bye`` nothing is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.live.closing import Code
from hub.rules import wire

if TYPE_CHECKING:
    from hub.live.carrier import Carrier
    from hub.live.gate import Gate


class Voice:
    """A session's, over its socket."""

    __slots__ = ("gate", "socket")

    def __init__(self, gate: Gate, socket: Carrier) -> None:
        self.gate = gate
        self.socket = socket

    def say(self, message: dict[str, object]) -> None:
        """One message."""
        self.socket.write(wire.text_frame(wire.dump(message)))

    def error(self, watch: str | None, code: str, text: str, *, temporary: bool = False) -> None:
        """Tell what was wrong; the session goes on."""
        message: dict[str, object] = {"type": "error"}
        if watch is not None:
            message["id"] = watch
        self.say(message | {"code": code, "message": text, "temporary": temporary})

    def close(self, code: Code, reason: str, *, retry_after: float | None = None) -> None:
        """Say ``bye`` and begin the closing handshake."""
        if self.socket.closing:
            return
        bye: dict[str, object] = {"type": "bye", "code": int(code), "reason": reason}
        if retry_after is not None:
            bye["retry_after"] = round(retry_after, 2)
        self.say(bye)
        self.socket.close(int(code), reason)
