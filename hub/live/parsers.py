"""What turns a socket's bytes into messages: parsers, lent while one is on its way, and fragments.

No I/O. The frames' grammar (RFC 6455, section 5) is ``websockets``' own. Invariant: a parser that
lies here stands before a frame's first byte, in an open connection, and has nothing to say.
"""

from __future__ import annotations

import codecs

from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

#: What a client's frame has beside its payload, at least: two bytes and the mask (section 5.2).
_HEAD = 6
#: What a control frame may carry (section 5.5).
_CONTROL = 125
#: Parsers kept for whoever needs one next.
_SPARE = 64


class _Parser(Protocol):
    """The library's, but for one thing: a peer may close before its message is whole.

    The library calls that a violation. It is none: control frames may stand amid fragments (section
    5.4), and Close is one.
    """

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)


class Parsers:
    """The parsers of a node's sockets. An idle socket holds none (they are 1.3 KiB each)."""

    def __init__(self, max_message: int) -> None:
        self.max_message = max_message
        self._spare: list[Protocol] = []

    def take(self) -> Protocol:
        """One that stands before a frame's first byte, in an open connection."""
        if self._spare:
            return self._spare.pop()
        # Room for a control frame amid the fragments of a message that fills its limit: the library
        # counts both alike. The message's own limit is the socket's to keep.
        return _Parser(Side.SERVER, state=State.OPEN, max_size=self.max_message + _CONTROL)

    def give(self, parser: Protocol) -> None:
        """Take back one of which that is true again."""
        if len(self._spare) < _SPARE:
            self._spare.append(parser)


class Fragments:
    """A message on its way, and the bytes of a character that a fragment's end has cut."""

    __slots__ = ("_cut", "_parts", "size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._cut = b""
        self.size = 0

    def add(self, data: bytes, *, last: bool) -> None:
        """One more. Raises UnicodeDecodeError as soon as the whole cannot become UTF-8 (8.1)."""
        text = self._cut + data
        whole = codecs.utf_8_decode(text, "strict", last)[1]
        self._cut = text[whole:]
        self.size += len(data)
        if data:
            self._parts.append(data)

    def whole(self) -> bytes:
        return b"".join(self._parts)


def length(frame: Frame) -> int:
    """The bytes a frame came in, or less if its length was not written in the shortest form."""
    size = len(frame.data)
    return _HEAD + size + (0 if size < 126 else 2 if size < 65536 else 8)
