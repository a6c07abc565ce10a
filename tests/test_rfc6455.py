"""RFC 6455: the cases of the Autobahn test suite, by its numbers, against the hub itself.

The hub does not echo; a watch of no topic is answered by an error with the watch's id, and that is
the echo here. Not applicable: 12.* and 13.* (compression is never negotiated: test_handshake); the
binary ones (1.2.*, 9.2.*, 9.4.*, 9.6.*, 9.8.*) have one outcome, 1003. ``bench/autobahn_echo.py`` is for
the suite itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pgserver import Server
from rawsocket import (
    BINARY,
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
from utf8cases import UTF8

MAX = 1 << 20


@pytest.fixture(scope="module", params=LOOPS)
def hub(
    request: pytest.FixtureRequest,
    server: Server,
    seeded_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[HubInside]:
    state: Path = tmp_path_factory.mktemp("state")
    yield from host(request, server, seeded_template, state, max_message=MAX)


@pytest.fixture(scope="module")
def token(hub: HubInside) -> Iterator[str]:
    """For every case; and beside them all, an honest session that hears to the end."""
    honest = Honest(hub)
    honest.hears()
    yield hub.token()
    honest.hears()
    honest.close()
    hub.until(lambda: not hub.sessions, "no session is left")


@dataclass(frozen=True)
class Case:
    """Frames, what is heard in that order (echoes, pongs), and the Close. None in ``send``: wait here."""

    id: str
    send: Sequence[bytes | None]
    heard: Sequence[str | bytes] = ()
    code: int = 1000
    chop: int = 0
    #: Each frame in a segment of its own.
    apart: bool = field(default=False)


def _run(hub: HubInside, token: str, case: Case) -> None:
    with Peer(hub.port).open(token) as peer:
        waited = 0
        held = b""
        for data in case.send:
            if data is None:
                peer.send(held, case.chop)
                held = b""
                told = peer.hear()
                assert (told["id"] if isinstance(told, dict) else told) == case.heard[waited]
                waited += 1
            elif case.apart:
                peer.send(data)
            else:
                held += data
        peer.send(held, case.chop)
        heard, code = peer.verdict()
        assert (heard, code) == (list(case.heard[waited:]), case.code)
    hub.quiet()


def _echo(id: str, size: int, chop: int = 0) -> Case:
    return Case(id, [frame(TEXT, ask(id, size)), close()], [id], chop=chop)


def _fragments(data: bytes, size: int, opcode: int = TEXT) -> bytes:
    cuts = range(0, len(data), size)
    return b"".join(
        frame(opcode if at == 0 else CONT, data[at : at + size], fin=at == cuts[-1]) for at in cuts
    )


HELLO, HI = ask("hello"), "hello"
HALF, OTHER = HELLO[:20], HELLO[20:]
PAYLOAD = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"

# 1: framing. An empty message is a message; it is no hub.v1, and that is told (4000).
FRAMING = [
    Case("1.1.1", [frame(TEXT), close()], code=4000),
    *(
        _echo(f"1.1.{n}", size)
        for n, size in enumerate((125, 126, 127, 128, 65535, 65536), start=2)
    ),
    _echo("1.1.8", 65536, 997),
    *(
        _echo(f"1.1 {size} bytes in chops of {chop}", size, chop)
        for size in (124, 125, 126, 127, 128, 65534, 65535, 65536, 65537)
        for chop in (1, 7, 997, 2047, 2048, 2049)
        if size < 1000 or chop > 7
    ),
    *(
        Case(f"1.2.{n}", [frame(BINARY, b"\xfe" * size)], code=1003, chop=997 if n == 8 else 0)
        for n, size in enumerate((0, 125, 126, 127, 128, 65535, 65536, 65536), start=1)
    ),
]

# 2: pings and pongs.
TEN = [b"payload-%d" % n for n in range(10)]
PINGS = [
    Case("2.1", [frame(PING), close()], [b""]),
    Case("2.2", [frame(PING, b"Hello, world!"), close()], [b"Hello, world!"]),
    Case("2.3", [frame(PING, PAYLOAD), close()], [PAYLOAD]),
    Case("2.4", [frame(PING, b"\xfe" * 125), close()], [b"\xfe" * 125]),
    Case("2.5", [frame(PING, b"\xfe" * 126)], code=1002),
    Case("2.6", [frame(PING, b"\xfe" * 125), close()], [b"\xfe" * 125], chop=1),
    Case("2.7", [frame(PONG), close()]),
    Case("2.8", [frame(PONG, b"unsolicited pong payload"), close()]),
    Case("2.9", [frame(PONG, b"unsolicited"), frame(PING, b"ping"), close()], [b"ping"]),
    Case("2.10", [*(frame(PING, one) for one in TEN), close()], TEN),
    Case("2.11", [*(frame(PING, one) for one in TEN), close()], TEN, chop=1),
    Case("2 a pong of 126", [frame(PONG, b"x" * 126)], code=1002),
    Case("2 a masking key of zeros", [frame(PING, b"p", mask=b"\0\0\0\0"), close()], [b"p"]),
    Case("2 unmasked", [frame(PING, b"p", mask=None)], code=1002),
    Case(
        "2 pongs in their place",
        [frame(TEXT, HELLO), frame(PING, b"1"), frame(TEXT, HELLO), frame(PING, b"2"), close()],
        [HI, b"1", HI, b"2"],
    ),
]

# 3: reserved bits.
RSV = [
    Case("3.1", [frame(TEXT, HELLO, rsv=1)], code=1002),
    *(
        Case(
            f"3.{rsv}",
            [frame(TEXT, HELLO), frame(TEXT, HELLO, rsv=rsv), frame(PING)],
            [HI],
            1002,
            chop=1 if rsv == 4 else 0,
            apart=rsv == 3,
        )
        for rsv in (2, 3, 4)
    ),
    Case("3.5", [frame(BINARY, PAYLOAD, rsv=5)], code=1002),
    Case("3.6", [frame(PING, b"Hello, world!", rsv=6)], code=1002),
    Case("3.7", [frame(CLOSE, rsv=7)], code=1002),
    *(
        Case(
            f"3 rsv {rsv} on {opcode}{' chopped' if chop else ''}",
            [frame(PING, b"before"), frame(opcode, b"", rsv=rsv), frame(TEXT, HELLO)],
            [b"before"],
            1002,
            chop=chop,
        )
        for rsv in range(1, 8)
        for opcode in (TEXT, BINARY, CLOSE, PING, PONG)
        for chop in (0, 1)
    ),
    *(
        Case(
            f"3 rsv {rsv} on a continuation",
            [frame(TEXT, HALF, fin=False), frame(CONT, OTHER, rsv=rsv), frame(PING)],
            code=1002,
        )
        for rsv in range(1, 8)
    ),
]

# 4: reserved opcodes.
RESERVED = dict(zip((3, 4, 5, 6, 7, 11, 12, 13, 14, 15), "1234512345", strict=True))
OPCODES = [
    *(
        Case(
            f"4.{1 if op < 8 else 2}.{n}",
            [frame(op, b"reserved" if n != "1" else b"")]
            if n in "12"
            else [frame(TEXT, HELLO), frame(op, b"" if n == "3" else HELLO), frame(PING)],
            [] if n in "12" else [HI],
            1002,
            chop=1 if n == "5" else 0,
        )
        for op, n in RESERVED.items()
    ),
    *(
        Case(f"4 opcode {op} amid fragments", [frame(TEXT, HALF, fin=False), frame(op)], code=1002)
        for op in RESERVED
    ),
]

# 5: fragments.
F1, F2 = frame(TEXT, HALF, fin=False), frame(CONT, OTHER)
ORPHAN, OPEN_ORPHAN = frame(CONT, b"nothing to continue"), frame(CONT, b"nothing", fin=False)
FIVE = [HELLO[at : at + 9] for at in range(0, 36, 9)]
FIVE = [*FIVE, HELLO[36:]]
PART1 = [frame(TEXT, FIVE[0], fin=False), frame(CONT, FIVE[1], fin=False), frame(PING, b"1!")]
PART2 = [
    frame(CONT, FIVE[2], fin=False),
    frame(CONT, FIVE[3], fin=False),
    frame(PING, b"2!"),
    frame(CONT, FIVE[4]),
]
FRAGMENTS = [
    Case("5.1", [frame(PING, b"fragment1", fin=False), frame(CONT, b"2")], code=1002),
    Case("5.2", [frame(PONG, b"fragment1", fin=False), frame(CONT, b"2")], code=1002),
    Case("5.3", [F1, F2, close()], [HI]),
    Case("5.4", [F1, F2, close()], [HI], apart=True),
    Case("5.5", [F1, F2, close()], [HI], chop=1),
    Case("5.6", [F1, frame(PING, b"ping"), F2, close()], [b"ping", HI]),
    Case("5.7", [F1, frame(PING, b"ping"), F2, close()], [b"ping", HI], apart=True),
    Case("5.8", [F1, frame(PING, b"ping"), F2, close()], [b"ping", HI], chop=1),
    Case("5.9", [ORPHAN, frame(TEXT, HELLO)], code=1002),
    Case("5.10", [ORPHAN, frame(TEXT, HELLO)], code=1002, apart=True),
    Case("5.11", [ORPHAN, frame(TEXT, HELLO)], code=1002, chop=1),
    Case("5.12", [OPEN_ORPHAN, frame(TEXT, HELLO)], code=1002),
    Case("5.13", [OPEN_ORPHAN, frame(TEXT, HELLO)], code=1002, apart=True),
    Case("5.14", [OPEN_ORPHAN, frame(TEXT, HELLO)], code=1002, chop=1),
    Case("5.15", [F1, F2, OPEN_ORPHAN, frame(TEXT, HELLO)], [HI], 1002),
    Case("5.16", [OPEN_ORPHAN, F1, F2, OPEN_ORPHAN, F1, F2], code=1002),
    Case("5.17", [ORPHAN, F1, F2, ORPHAN, F1, F2], code=1002),
    Case("5.18", [F1, frame(TEXT, OTHER)], code=1002),
    Case("5.19", [*PART1, None, *PART2, close()], [b"1!", b"2!", HI]),
    Case("5.20", [*PART1, None, *PART2, close()], [b"1!", b"2!", HI], apart=True),
    Case("5 binary amid text", [F1, frame(BINARY, OTHER)], code=1002),
    Case("5 fragmented binary", [frame(BINARY, b"a", fin=False), frame(CONT, b"b")], code=1003),
    Case("5 fragmented Close", [frame(CLOSE, b"\x03\xe8", fin=False)], code=1002),
    Case("5 a pong amid", [F1, frame(PONG, b"pong"), F2, close()], [HI]),
    Case(
        "5 two messages, each in pieces",
        [_fragments(HELLO, 1), frame(PING, b"p"), _fragments(HELLO, 2), close()],
        [HI, b"p", HI],
    ),
    Case("5 unmasked continuation", [F1, frame(CONT, OTHER, mask=None)], code=1002),
    Case("5 a text nobody ends", [F1, close()]),
]


# 6: UTF-8. What is valid comes back as an id; what is not goes alone, so that nothing hides its end.
def _utf8(id: str, text: bytes, *, valid: bool) -> Iterator[Case]:
    tail: list[bytes] = []
    if not valid:
        message, heard, code = text, [], 1007
    elif text < b" ":
        message, heard, code = text, [], 4000  # valid, but JSON knows no bare control characters
        tail = [close()]
    else:
        tag = text.decode()
        message, heard, code = ask(tag), [tag], 1000
        tail = [close()]
    yield Case(id, [frame(TEXT, message), *tail], heard, code)
    yield Case(f"{id} chopped", [frame(TEXT, message), *tail], heard, code, chop=1)
    yield Case(f"{id} in fragments", [_fragments(message, 1), *tail], heard, code)


SMILE = "Hello-µ@ßöäüàá-UTF-8!!".encode()
GOOD, BAD, REST = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", b"\xf4\x90\x80\x80", b"edited"
UTF = [
    Case("6.1.1", [frame(TEXT), close()], code=4000),
    Case(
        "6.1.2",
        [frame(TEXT, fin=False), frame(CONT, fin=False), frame(CONT), close()],
        code=4000,
    ),
    Case(
        "6.1.3",
        [frame(TEXT, fin=False), frame(CONT, HELLO, fin=False), frame(CONT), close()],
        [HI],
    ),
    Case("6.2.1", [frame(TEXT, ask(SMILE.decode())), close()], [SMILE.decode()]),
    *(
        Case(
            f"6.2.{n}",
            [_fragments(ask(SMILE.decode()), size), close()],
            [SMILE.decode()],
            chop=chop,
        )
        for n, size, chop in ((2, 29, 0), (3, 1, 0), (4, 1, 1))
    ),
    Case("6.3.1", [frame(TEXT, GOOD + b"\xed\xa0\x80" + REST)], code=1007),
    Case("6.3.2", [_fragments(GOOD + b"\xed\xa0\x80" + REST, 1)], code=1007),
    # The third fragment is never sent: the second is what is judged.
    Case("6.4.1", [frame(TEXT, GOOD, fin=False), frame(CONT, BAD, fin=False)], code=1007),
    Case(
        "6.4.2",
        [frame(TEXT, GOOD + BAD[:1], fin=False), frame(CONT, BAD[1:2], fin=False)],
        code=1007,
    ),
    # One frame in three chops: judged once it is whole ("non-strict" to Autobahn).
    Case("6.4.3", [frame(TEXT, GOOD + BAD + REST)], code=1007, chop=len(GOOD) + 6),
    Case("6.4.4", [frame(TEXT, GOOD + BAD + REST)], code=1007, chop=len(GOOD) + 7),
    *(case for id, text, valid in UTF8 for case in _utf8(id, text, valid=valid)),
]

# 7: the closing handshake.
VALID = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
# 1012 to 1014 were registered after the RFC, and are as good as the others.
REGISTERED = (1012, 1013, 1014)
INVALID = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999)
CLOSING = [
    Case("7.1.1", [frame(TEXT, HELLO), close()], [HI]),
    Case("7.1.2", [close(), frame(CLOSE)]),
    Case("7.1.3", [close(), frame(PING)]),
    Case("7.1.4", [close(), frame(TEXT, HELLO)]),
    Case("7.1.5", [F1, close(), F2]),
    Case(
        "7.1.6",
        [frame(TEXT, ask("large", 256 * 1024)), frame(TEXT, HELLO), close(), frame(PING)],
        ["large", HI],
    ),
    Case("7.3.1", [frame(CLOSE)], code=1005),
    Case("7.3.2", [frame(CLOSE, b"a")], code=1002),
    Case("7.3.3", [close()]),
    Case("7.3.4", [close(1000, b"Hello World!")]),
    Case("7.3.5", [close(1000, b"*" * 123)]),
    Case("7.3.6", [close(1000, b"*" * 124)], code=1002),
    Case("7.5.1", [close(1000, GOOD + b"\xed\xa0\x80" + REST)], code=1007),
    *(Case(f"7.7.{n}", [close(code)], code=code) for n, code in enumerate(VALID, start=1)),
    *(Case(f"7.7 {code}", [close(code)], code=code) for code in REGISTERED),
    *(Case(f"7.9.{n}", [close(code)], code=1002) for n, code in enumerate(INVALID, start=1)),
    Case("7.9 1015", [close(1015)], code=1002),
    Case("7.13.1", [close(5000)], code=1002),
    Case("7.13.2", [close(65535)], code=1002),
    Case("7 chopped", [frame(TEXT, HELLO), close(1001, b"bye"), frame(PING)], [HI], 1001, chop=1),
    Case("7 much after the Close", [close(), frame(TEXT, b"x" * 500_000)]),
    Case("7 no frame at all after the Close", [close(), b"\xff" * 500_000]),
    Case("7 unmasked Close", [frame(CLOSE, b"\x03\xe8", mask=None)], code=1002),
    Case("7 reason cut in a character", [close(1000, GOOD[:-1])], code=1007),
    # A fault before the peer's Close is what is answered, though both came at once.
    Case("7 malformed, then Close", [frame(TEXT, b"{}"), close()], code=4000),
    Case("7 malformed, then a fault", [frame(TEXT, b"{}"), frame(3)], code=4000),
    Case("7 not UTF-8, then Close", [frame(TEXT, b"\xff"), close()], code=1007),
    Case("7 binary, then Close", [frame(BINARY, b"\xff"), close()], code=1003),
    Case("7 malformed, then ping", [frame(TEXT, b"{}"), frame(PING, b"p"), close()], [b"p"], 4000),
]

# 9: limits. The hub's own is a setting; here it is 1 MiB.
K = 1024
SIZES = (64 * K, 256 * K, MAX)
LIMITS = [
    *(_echo(f"9.1.{n}", size) for n, size in enumerate(SIZES, start=1)),
    *(
        Case(f"9.2.{n}", [frame(BINARY, b"\0" * size)], code=1003)
        for n, size in enumerate(SIZES, start=1)
    ),
    *(
        Case(f"9.3.{n}", [_fragments(ask("many", MAX), size), close()], ["many"])
        for n, size in enumerate((64, 256, K, 4 * K, 16 * K, 64 * K, 256 * K, MAX), start=1)
    ),
    *(
        _echo(f"9.5.{n}", MAX, chop)
        for n, chop in enumerate((64, 128, 256, 512, K, 2 * K), start=1)
    ),
    *(
        Case(f"9.7.{n}", [frame(TEXT, ask("rtt", size)), None] * 100 + [close()], ["rtt"] * 100)
        for n, size in enumerate((16, 64, 256, K, 4 * K), start=2)
    ),
    # Told by the length alone: not one byte of the payload was sent.
    *(
        Case(f"9 declared {declared}", [frame(TEXT, declared=declared)], code=1009)
        for declared in (MAX + 126, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
    ),
    Case("9 one byte too many", [frame(TEXT, ask("large", MAX + 1))], code=1009),
    Case("9 one byte too many, and then more", [frame(TEXT, b" " * 2 * MAX)] * 3, code=1009),
    Case("9 too many by sum", [_fragments(ask("large", MAX + 1), 4 * K)], code=1009),
    Case(
        "9 too many by the sum of declared lengths",
        [frame(TEXT, b" " * (MAX - 10), fin=False), frame(CONT, declared=136)],
        code=1009,
    ),
    # Control frames are no part of the message: there is room for them where it fills its limit.
    Case(
        "9 a ping amid a message that is full",
        [
            frame(TEXT, ask("full", MAX), fin=False),
            frame(PING, b"p" * 125),
            frame(CONT),
            close(),
        ],
        [b"p" * 125, "full"],
    ),
]

# 10: fragmented by the sender's own rule.
AUTO = [Case("10.1.1", [_fragments(ask("auto", 65536), 1300), close()], ["auto"])]

CASES = [*FRAMING, *PINGS, *RSV, *OPCODES, *FRAGMENTS, *UTF, *CLOSING, *LIMITS, *AUTO]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_autobahn(hub: HubInside, token: str, case: Case) -> None:
    _run(hub, token, case)
