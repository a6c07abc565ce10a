"""One socket: bytes in, messages up; frames down, bytes out.

RFC 6455 is kept by ``websockets``' sans-I/O protocol (``parsers``); this room carries its bytes and
judges messages. It knows nothing of ``hub.v1``. Nothing here makes a task, a future or a timer.
Invariants: a peer that does not read is not read from, so nothing it sends can make us owe it more;
what is said leaves in the order of what was heard, and after a Close nothing but pongs.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Protocol as Interface

from websockets.frames import Close, Frame, Opcode
from websockets.protocol import SEND_EOF, Protocol, State

from hub.live.closing import INVALID_DATA, TOO_BIG, UNSUPPORTED_DATA
from hub.live.parsers import Fragments, Parsers, length

#: Bytes parsed before looking whether the peer is still welcome: bounds one peer's turn.
_SLICE = 2048
#: Bytes still looked through for the peer's Close once ours is sent, and those thrown away after it.
#: Whoever sends more is not answering but flooding: it is not read from until it is dropped.
_PATIENCE, _WASTE = 16 * 1024, 4 * 1024 * 1024


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

    def closing(self) -> None:
        """A Close was sent: whoever keeps the time aborts the socket if the peer does not end it."""

    def lost(self) -> None:
        """The socket is gone. Nothing follows."""


class Socket(asyncio.Protocol):
    """An ``asyncio.Protocol`` around ``websockets.protocol.Protocol``; the handshake is over.

    It has a parser while a message is on its way, and from the closing handshake on.
    """

    answers = True
    __slots__ = (
        "_after",
        "_over",
        "_owed",
        "_parsers",
        "_parts",
        "_user",
        "_ws",
        "closing",
        "is_paused",
        "transport",
    )

    def __init__(self, transport: asyncio.Transport, parsers: Parsers) -> None:
        self.transport = transport
        self._parsers = parsers
        self._ws: Protocol | None = None
        #: Bytes parsed that are not yet a whole frame.
        self._owed = 0
        self._user: User | None = None
        self._parts: Fragments | None = None
        self.is_paused = False
        #: A Close was sent, by whichever side's wish. ``_over``: and the end of the stream.
        self.closing = False
        self._over = False
        #: Bytes that came after that Close.
        self._after = 0

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
            self._say_close(code, reason)

    def abort(self) -> None:
        """Drop the connection now."""
        self.closing = True
        self.transport.abort()

    def _parser(self) -> Protocol:
        if self._ws is None:
            self._ws = self._parsers.take()
        return self._ws

    def _say_close(self, code: int, reason: str) -> None:
        # 5.5.1: a control frame carries at most 125 bytes, two of them the code.
        said = Close(code, reason.encode()[:120].decode(errors="ignore"))
        ws = self._parser()
        if ws.state is State.OPEN:
            ws.send_close(said.code, said.reason)
            self._flush(ws)
        elif not self._over:
            # The parser is ahead of us: behind the message that is being answered came the peer's own
            # Close, or a fault. Ours comes first, and what the parser would answer is left unsaid.
            self.transport.write(Frame(Opcode.CLOSE, said.serialize()).serialize(mask=False))
        self._begin_closing()

    def _begin_closing(self) -> None:
        if not self.closing:
            self.closing = True
            if self._user is not None:
                self._user.closing()

    def _flush(self, ws: Protocol) -> None:
        for data in ws.data_to_send():
            self._tell(data)

    def _tell(self, data: bytes) -> None:
        """Send what the parser gave: a pong, a Close, or the end of the stream."""
        if data == SEND_EOF:
            self._begin_closing()
            self._end()
        elif self._over or self.transport.is_closing():
            return
        elif not (self.closing and data[0] & 0x0F == Opcode.CLOSE):
            self.transport.write(data)

    def _end(self) -> None:
        # 7.1.1: closed at once with bytes unread, TCP answers them by a reset, and the peer may lose the
        # Close that tells it why. So: no more from us, and what still comes is thrown away.
        if not self._over:
            self._over = True
            with suppress(OSError):  # the peer has reset the connection
                if not self.transport.is_closing():
                    self.transport.write_eof()

    # Up.

    def data_received(self, data: bytes) -> None:
        ws = self._parser()
        for at in range(0, len(data), _SLICE):
            if self._over:
                self._waste(len(data) - at)
                return
            piece = data[at : at + _SLICE]
            if self.closing:
                self._after += len(piece)
                if self._after > _PATIENCE:
                    self._end()
                    continue
            ws.receive_data(piece)
            self._owed += len(piece)
            frames, answers = ws.events_received(), iter(ws.data_to_send())
            for frame in frames:
                assert isinstance(frame, Frame)
                self._owed -= length(frame)
                if frame.opcode is Opcode.PING:
                    # In its place: behind what was said to earlier messages, before what later ones get.
                    self._tell(next(answers))
                else:
                    self._frame(frame)
            for answer in answers:
                self._tell(answer)
            if self._user is not None and not self.closing and frames:
                self._user.tolerates(len(frames))
        # Nothing owed: the parser stands before a frame's first byte. (A frame in a longer form than
        # need be counts short, so such a socket merely keeps its parser.)
        if self._owed == 0 and self._parts is None and ws.state is State.OPEN and not self.closing:
            self._ws = None
            self._parsers.give(ws)

    def _waste(self, size: int) -> None:
        # 7.1.7: what comes after a Close, or a fault, is no concern of ours.
        self._after += size
        if self._after > _WASTE and not self.transport.is_closing():
            self.transport.pause_reading()

    def _frame(self, frame: Frame) -> None:
        if self.closing or frame.opcode not in (Opcode.TEXT, Opcode.CONT, Opcode.BINARY):
            return
        if frame.opcode is Opcode.BINARY:
            self._refuse(UNSUPPORTED_DATA, "binary messages are not spoken here")
            return
        message = self._parts or Fragments()
        try:
            message.add(bytes(frame.data), last=frame.fin)
        except UnicodeDecodeError:
            self._refuse(INVALID_DATA, "not UTF-8")
            return
        if message.size > self._parsers.max_message:
            self._refuse(TOO_BIG, f"more than {self._parsers.max_message} bytes in a message")
            return
        self._parts = None if frame.fin else message
        if frame.fin and self._user is not None:
            self._user.received(message.whole())

    def _refuse(self, code: int, reason: str) -> None:
        """Fail the connection (section 7.1.7)."""
        self._parts = None
        self._say_close(code, reason)
        ws = self._parser()
        ws.fail(code)  # says nothing more, and takes nothing more in
        self._flush(ws)

    def eof_received(self) -> bool:
        ws = self._parser()
        ws.receive_eof()
        self._flush(ws)
        return False

    # Flow and end, from the transport.

    def pause_writing(self) -> None:
        self.is_paused = True
        if not self.transport.is_closing():
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
        self._begin_closing()  # reset by its peer, it has had no other end
        user, self._user = self._user, None
        if user is not None:
            user.lost()
