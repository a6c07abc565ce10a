"""Sockets share parsers: whatever arrives in whatever pieces, each hears its own messages, whole."""

from __future__ import annotations

import asyncio
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.live.parsers import Parsers
from hub.live.socket import Socket


class Wire(asyncio.Transport):
    """A transport that keeps what it is told to write."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def write_eof(self) -> None:
        self.closed = True


class Ear:
    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def received(self, text: bytes) -> None:
        self.heard.append(text)

    def tolerates(self, frames: int) -> bool:
        return True

    def paused(self) -> None: ...

    def resumed(self) -> None: ...

    def closing(self) -> None: ...

    def lost(self) -> None: ...


def _frame(first: int, payload: bytes, form: int) -> bytes:
    """A client's frame; ``form`` 2 or 8 writes its length longer than need be."""
    size, mask = len(payload), b"\x11\x22\x33\x44"
    if form == 8 or size > 65535:
        length = struct.pack("!BQ", 0x80 | 127, size)
    elif form == 2 or size > 125:
        length = struct.pack("!BH", 0x80 | 126, size)
    else:
        length = bytes([0x80 | size])
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes([first]) + length + mask + masked


TEXTS = st.one_of(st.text(max_size=200), st.integers(120, 400).map(lambda n: "x" * n)).map(
    str.encode
)


@st.composite
def _messages(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    stream, heard = b"", []
    for text in draw(st.lists(TEXTS, max_size=6)):
        form = draw(st.sampled_from([0, 0, 0, 2, 8]))
        if draw(st.booleans()):
            stream += _frame(0x89, text[:100], 0)  # a ping, between or amid
        cut = draw(st.integers(0, len(text)))
        if draw(st.booleans()):
            stream += _frame(0x81, text, form)
        else:
            stream += _frame(0x01, text[:cut], form)
            if draw(st.booleans()):
                stream += _frame(0x8A, b"", 0)
            stream += _frame(0x80, text[cut:], form)
        heard.append(text)
    return stream, heard


@given(st.lists(_messages(), min_size=1, max_size=4), st.data())
@settings(deadline=None)
def test_sockets_that_share_parsers_do_not_mix(
    clients: list[tuple[bytes, list[bytes]]], data: st.DataObject
) -> None:
    parsers = Parsers(1 << 14)
    sockets = []
    for stream, heard in clients:
        wire, ear = Wire(), Ear()
        socket = Socket(wire, parsers)
        socket.attach(ear)
        sockets.append((socket, wire, ear, bytearray(stream), heard))
    while left := [one for one in sockets if one[3]]:
        socket, _, _, stream, _ = data.draw(st.sampled_from(left))
        size = data.draw(st.one_of(st.integers(1, 9), st.just(len(stream))))
        piece = bytes(stream[:size])
        del stream[:size]
        socket.data_received(piece)
    for _, wire, ear, _, heard in sockets:
        assert ear.heard == heard
        assert not wire.closed


def test_an_idle_socket_holds_no_parser_and_a_busy_one_keeps_its_own() -> None:
    parsers = Parsers(1 << 14)
    one, two = Socket(Wire(), parsers), Socket(Wire(), parsers)
    for socket in (one, two):
        socket.attach(Ear())
    whole = _frame(0x81, b"hello", 0)
    one.data_received(whole[:2])  # the head alone: the parser's buffer is empty, and yet it waits
    assert one._ws is not None
    two.data_received(whole)
    assert two._ws is None
    one.data_received(whole[2:])
    assert one._ws is None
    one.data_received(_frame(0x01, b"half", 0))
    assert one._ws is not None
