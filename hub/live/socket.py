"""One socket: bytes in, messages up; frames down, bytes out.

RFC 6455 is kept by ``websockets``' sans-I/O protocol; this room carries its bytes and puts
fragments together. It knows nothing of ``hub.v1``. Nothing here makes a task, a future or a timer.
Invariant: a peer that does not read is not read from, so nothing it sends can make us owe it more.
"""

from __future__ import annotations

import asyncio
from typing import Protocol as Interface

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import SEND_EOF, Protocol, Side, State

from hub.live.closing import INVALID_DATA, UNSUPPORTED_DATA

#: Bytes parsed before looking whether the peer is still welcome: bounds one peer's turn.
_SLICE = 2048
#: What a client's frame has beside its payload, at least: two bytes and the mask (section 5.2).
_HEAD = 6
#: Parsers kept for whoever needs one next.
_SPARE = 64


class User(Interface):
    """Whoever speaks over the socket."""

    def received(self, text: bytes) -> None:
        """A whole text message, valid UTF-8."""

    def tolerates(self, frames: int) -> bool:
        """Account for ``frames`` frames; False if that is too many, after closing the socket."""

    def paused(self) -> None:
        """The peer reads too slowly: more than the high-water mark is unsent."""

    def resumed(self) -> None:
        """The peer has caught up below the low-water mark."""

    def lost(self) -> None:
        """The socket is gone. Nothing follows."""


class Parsers:
    """The parsers of a node's sockets. An idle socket holds none (they are 1.3 KiB each)."""

    def __init__(self, max_message: int) -> None:
        self._max_message = max_message
        self._spare: list[Protocol] = []

    def take(self) -> Protocol:
        """One that stands before a frame's first byte, in an open connection."""
        if self._spare:
            return self._spare.pop()
        return Protocol(Side.SERVER, state=State.OPEN, max_size=self._max_message)

    def give(self, parser: Protocol) -> None:
        """Take back one of which that is true again."""
        if len(self._spare) < _SPARE:
            self._spare.append(parser)


def _length(frame: Frame) -> int:
    """The bytes a frame came in, or less if its length was not written in the shortest form."""
    size = len(frame.data)
    return _HEAD + size + (0 if size < 126 else 2 if size < 65536 else 8)


class Socket(asyncio.Protocol):
    """An ``asyncio.Protocol`` around ``websockets.protocol.Protocol``; the handshake is over.

    It has a parser while a message is on its way, and from the closing handshake on.
    """

    answers = True
    __slots__ = ("_owed", "_parsers", "_parts", "_user", "_ws", "closing", "is_paused", "transport")

    def __init__(self, transport: asyncio.Transport, parsers: Parsers) -> None:
        self.transport = transport
        self._parsers = parsers
        self._ws: Protocol | None = None
        #: Bytes parsed that are not yet a whole frame.
        self._owed = 0
        self._user: User | None = None
        self._parts: list[bytes] | None = None
        self.is_paused = False
        self.closing = False

    def attach(self, user: User) -> None:
        """Who hears of messages from now on."""
        self._user = user

    # Down.

    def write(self, frames: bytes) -> None:
        """Send bytes that are whole frames already."""
        if not self.closing:
            self.transport.write(frames)

    def unsent(self) -> int:
        """Bytes the peer has not taken yet."""
        return self.transport.get_write_buffer_size()

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake (RFC 6455, section 7.1.2)."""
        if not self.closing:
            # 5.5.1: a control frame carries at most 125 bytes, two of them the code.
            ws = self._parser()
            ws.send_close(code, reason.encode()[:120].decode(errors="ignore"))
            self._flush(ws)
            self.closing = True

    def abort(self) -> None:
        """Drop the connection now."""
        self.closing = True
        self.transport.abort()

    def _parser(self) -> Protocol:
        if self._ws is None:
            self._ws = self._parsers.take()
        return self._ws

    def _flush(self, ws: Protocol) -> None:
        for data in ws.data_to_send():
            if data == SEND_EOF:
                self.closing = True
                # Closes once what is buffered has left.
                self.transport.close()
            elif not self.transport.is_closing():
                self.transport.write(data)

    # Up.

    def data_received(self, data: bytes) -> None:
        ws = self._parser()
        for at in range(0, len(data), _SLICE):
            piece = data[at : at + _SLICE]
            ws.receive_data(piece)
            self._owed += len(piece)
            frames = ws.events_received()
            for frame in frames:
                assert isinstance(frame, Frame)
                self._owed -= _length(frame)
                self._frame(frame)
            self._flush(ws)
            if self._user is not None and not self.closing and frames:
                self._user.tolerates(len(frames))
            if self.transport.is_closing():
                return
        # Nothing owed: the parser stands before a frame's first byte. (A frame in a longer form than
        # need be counts short, so such a socket merely keeps its parser.)
        if self._owed == 0 and self._parts is None and ws.state is State.OPEN and not self.closing:
            self._ws = None
            self._parsers.give(ws)

    def _frame(self, frame: Frame) -> None:
        if self.closing or frame.opcode not in (Opcode.TEXT, Opcode.CONT, Opcode.BINARY):
            return
        if frame.opcode is Opcode.BINARY:
            self._refuse(UNSUPPORTED_DATA, "binary messages are not spoken here")
            return
        data = bytes(frame.data)
        if frame.opcode is Opcode.TEXT and frame.fin:
            self._message(data)
            return
        if frame.opcode is Opcode.TEXT:
            self._parts = [data]
        elif self._parts is not None:
            if data:
                self._parts.append(data)
            if frame.fin:
                parts, self._parts = self._parts, None
                self._message(b"".join(parts))

    def _message(self, data: bytes) -> None:
        try:
            data.decode()
        except UnicodeDecodeError:
            self._refuse(INVALID_DATA, "not UTF-8")
            return
        if self._user is not None:
            self._user.received(data)

    def _refuse(self, code: int, reason: str) -> None:
        ws = self._parser()
        ws.fail(CloseCode(code), reason)
        self._flush(ws)
        self.closing = True

    def eof_received(self) -> bool:
        ws = self._parser()
        ws.receive_eof()
        self._flush(ws)
        return False

    # Flow and end, from the transport.

    def pause_writing(self) -> None:
        self.is_paused = True
        self.transport.pause_reading()
        if self._user is not None:
            self._user.paused()

    def resume_writing(self) -> None:
        self.is_paused = False
        if not self.transport.is_closing():
            self.transport.resume_reading()
        if self._user is not None:
            self._user.resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        user, self._user = self._user, None
        if user is not None:
            user.lost()
