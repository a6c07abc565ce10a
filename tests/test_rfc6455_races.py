"""Floods, and closing handshakes that go wrong: the right code, or a quiet end; nobody else notices.

Nothing may stay behind: no session, no task, no line in the log; a session beside hears its changes.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest
from pgserver import Server
from rawsocket import (
    CLOSE,
    CONT,
    LOOPS,
    PING,
    PONG,
    TEXT,
    Honest,
    HubInside,
    Peer,
    ask,
    close,
    frame,
    host,
)

from hub.live.closing import Code
from hub.live.wheel import FAREWELL

PONG_MESSAGE = b'{"type":"pong"}'


@pytest.fixture(scope="module", params=LOOPS)
def hub(
    request: pytest.FixtureRequest,
    server: Server,
    seeded_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[HubInside]:
    state: Path = tmp_path_factory.mktemp("state")
    yield from host(request, server, seeded_template, state, messages_per_second=50)


@pytest.fixture(scope="module")
def honest(hub: HubInside) -> Iterator[Honest]:
    beside = Honest(hub)
    yield beside
    beside.close()


@pytest.fixture
def peer(hub: HubInside, honest: Honest) -> Iterator[Callable[[], Peer]]:
    """Welcomed peers; afterwards all is as it was."""
    token = hub.token()
    hub.until(lambda: hub.sessions == 1, "only the honest one is here")
    tasks = hub.tasks()
    peers: list[Peer] = []

    def dial() -> Peer:
        peers.append(Peer(hub.port).open(token))
        return peers[-1]

    yield dial
    honest.hears()
    for one in peers:
        one.sock.close()
    hub.until(lambda: hub.sessions == 1, "no session is left")
    hub.until(lambda: hub.tasks() <= tasks, "no task is left")
    assert not hub.hub.house.gate.troubled
    honest.hears()
    hub.quiet()


FLOODS = {
    "pings": ([frame(PING)], Code.RATE),
    "pings of 125 bytes": ([frame(PING, b"x" * 125)], Code.RATE),
    "pongs": ([frame(PONG)], Code.RATE),
    "messages": ([frame(TEXT, PONG_MESSAGE)], Code.RATE),
    "empty messages": ([frame(TEXT)], Code.MALFORMED),
    "empty fragments": ([frame(TEXT, fin=False), frame(CONT, fin=False)], Code.RATE),
    "fragments of one byte": (
        [frame(TEXT, b" ", fin=False), frame(CONT, b" ", fin=False)],
        Code.RATE,
    ),
    "pings amid a message": ([frame(TEXT, b" ", fin=False), frame(PING)], Code.RATE),
    "watches of no topic": ([frame(TEXT, ask("x"))], Code.RATE),
    "large fragments": (
        [frame(TEXT, b" " * 4000, fin=False), frame(CONT, b" " * 4000, fin=False)],
        1009,
    ),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood(peer: Callable[[], Peer], name: str) -> None:
    frames, code = FLOODS[name]
    one = peer()
    one.send(b"".join(frames) + frames[-1] * min(3000, 2_000_000 // len(frames[-1])) + close())
    _, verdict = one.verdict()
    assert verdict == code


def test_fifty_floods_at_once(hub: HubInside, peer: Callable[[], Peer], honest: Honest) -> None:
    peers = [peer() for _ in range(50)]
    threads = [
        threading.Thread(target=one.send, args=(frame(PING) * 10_000 + close(),)) for one in peers
    ]
    for thread in threads:
        thread.start()
    honest.hears()
    for one in peers:
        assert one.verdict()[1] == Code.RATE
    for thread in threads:
        thread.join()


def test_both_close_at_once(hub: HubInside, peer: Callable[[], Peer]) -> None:
    """Whichever Close is first, each hears one, and then the end."""
    codes = set()
    for n in range(40):
        one = peer()

        async def ours(n: int = n) -> None:
            for session in [s for s in hub.hub.house.gate.sessions if not s.watches]:
                session.close(Code.OVERLOADED, "enough")

        if n % 2:
            threading.Thread(target=one.send, args=(close(1001),)).start()
            hub.run(ours)
        else:
            hub.run(ours)
            one.send(close(1001))
        _, code = one.verdict()
        assert code in (1001, Code.OVERLOADED)
        codes.add(code)
    assert Code.OVERLOADED in codes


RESETS: dict[str, bytes] = {
    "before anything": b"",
    "amid a head": frame(TEXT, ask("x"))[:1],
    "amid a payload": frame(TEXT, ask("x"))[:-5],
    "amid a message": frame(TEXT, b"{", fin=False),
    "amid a ping": frame(PING, b"xxxx")[:-2],
    "behind a message": frame(TEXT, ask("x")),
    "behind pings": frame(PING, b"x" * 100) * 300,
    "behind its Close": close(),
    "behind half a Close": close()[:-1],
    "behind a fault": frame(3),
    "behind a fault and more": frame(3) + b"x" * 100_000,
    "behind a malformed message": frame(TEXT, b"{}"),
    "behind a flood": frame(PING) * 5000,
}


@pytest.mark.parametrize("name", RESETS)
def test_a_reset(peer: Callable[[], Peer], name: str) -> None:
    for wait in (False, True):
        one = peer()
        one.send(RESETS[name])
        if wait and name.startswith("behind") and "half" not in name:
            one.sock.recv(1)  # an answer, or the end, is on its way
        one.reset()


ENDS = {
    "no Close": (b"", None),
    "half a frame": (frame(TEXT, ask("x"))[:-5], None),
    "half a message": (frame(TEXT, b"{", fin=False), None),
    "a Close": (close(), 1000),
    "a fault": (frame(3), 1002),
    "a malformed message": (frame(TEXT, b"{}"), Code.MALFORMED),
    "a message": (frame(TEXT, ask("x")), None),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_half_closed_peer_that_goes_on_reading(peer: Callable[[], Peer], name: str) -> None:
    data, code = ENDS[name]
    one = peer()
    one.send(data)
    one.sock.shutdown(socket.SHUT_WR)
    began = monotonic()
    heard, verdict = one.verdict()
    assert verdict == code
    assert heard == (["x"] if name == "a message" else [])
    assert monotonic() - began < FAREWELL


def test_whoever_does_not_end_it_is_dropped(hub: HubInside, peer: Callable[[], Peer]) -> None:
    """It has heard the Close, and keeps the connection, or goes on as before: 4103 is no request."""
    silent = [frame(3), frame(TEXT, b"{}"), close(), frame(PING) * 5000]
    for data in silent:
        peer().send(data)
    sent = {"reading": 0, "deaf": 0}
    began = monotonic()

    def flood(one: Peer, how: str) -> None:
        one.sock.settimeout(0.1)
        chunk = frame(PING, b"x" * 100) * 5000
        with suppress(ConnectionError):
            while monotonic() - began < FAREWELL + 10:
                with suppress(TimeoutError):
                    sent[how] += one.sock.send(chunk)
                if how == "reading":
                    with suppress(BlockingIOError):
                        one.sock.recv(1 << 20, socket.MSG_DONTWAIT)

    threads = [threading.Thread(target=flood, args=(peer(), how)) for how in sent]
    for thread in threads:
        thread.start()
    hub.until(lambda: hub.sessions == 1, "all are dropped")
    assert monotonic() - began < FAREWELL + 5
    for thread in threads:
        thread.join()
    # What two kernels hold and what was thrown away: no more is taken.
    assert max(sent.values()) < 32 * 1024 * 1024, sent


def test_a_refusal_is_heard_whatever_was_on_its_way(peer: Callable[[], Peer]) -> None:
    """Closed with bytes unread, TCP would say reset, and the Close be lost: RFC 6455, 7.1.1."""
    for head, code in (
        (frame(TEXT, declared=2_000_000), 1009),
        (frame(TEXT, b"{}", mask=None), 1002),
        (frame(TEXT, b"\xff"), 1007),
        (frame(CLOSE, b"\x03\xe8"), 1000),
    ):
        for size in (1, 1000, 100_000, 2_000_000):
            one = peer()
            one.send(head + b"x" * size)
            assert one.verdict() == ([], code)


def test_a_peer_that_reads_nothing_and_breaks_the_rules(peer: Callable[[], Peer]) -> None:
    """Its buffers are full when it is refused: the Close may not reach it, but it goes."""
    one = peer()
    one.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with suppress(ConnectionError):
        one.send(frame(PING, b"x" * 125) * 400 + frame(3))
