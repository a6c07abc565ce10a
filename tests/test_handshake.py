"""The opening handshake: RFC 6455 section 4.2 and RFC 9112, header by header, and peers that vanish in it.

Whatever comes, the answer is a 101 or a problem; an honest session beside goes on hearing its changes,
and the log holds nothing a person should look at.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from pgserver import Server
from rawsocket import (
    LOOPS,
    PATH,
    PING,
    TEXT,
    Honest,
    HubInside,
    Peer,
    ask,
    close,
    frame,
    host,
    upgrade,
)


@pytest.fixture(scope="module", params=LOOPS)
def hub(
    request: pytest.FixtureRequest,
    server: Server,
    seeded_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[HubInside]:
    state: Path = tmp_path_factory.mktemp("state")
    yield from host(request, server, seeded_template, state, origins=("https://school.example",))


@pytest.fixture(scope="module")
def honest(hub: HubInside) -> Iterator[Honest]:
    beside = Honest(hub)
    yield beside
    beside.hears()
    beside.close()
    hub.until(lambda: not hub.sessions, "no session is left")


@dataclass(frozen=True)
class Case:
    """A request, the status of its answer, headers that stand in it (None: must not)."""

    id: str
    request: bytes
    status: int
    head: tuple[tuple[str, str | None], ...] = ()
    chop: int = 0


def _but(old: str, new: str, **more: str) -> bytes:
    """A good request, with one thing in its text put otherwise."""
    good = upgrade(**more)
    assert good.count(old.encode()) == 1, old
    return good.replace(old.encode(), new.encode("latin-1"))


KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
VERSION = "Sec-WebSocket-Version: 13\r\n"
LINE = f"GET {PATH} HTTP/1.1\r\n"
UPGRADE = (("Upgrade", "websocket"), ("Connection", "upgrade"))
ONLY_13 = (("Sec-WebSocket-Version", "13"), *UPGRADE)
# RFC 6455, section 1.3: the very example.
ACCEPT = ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
PLAIN = (ACCEPT, ("Sec-WebSocket-Protocol", None), ("Sec-WebSocket-Extensions", None), *UPGRADE)
SPOKEN = (ACCEPT, ("Sec-WebSocket-Protocol", "hub.v1"), ("Sec-WebSocket-Extensions", None))
DEFLATE = "permessage-deflate; client_max_window_bits"

CASES = [
    Case("as the RFC shows it", upgrade(), 101, PLAIN),
    Case("byte by byte", upgrade(), 101, PLAIN, chop=1),
    # 4.2.1, 3 and 4: Upgrade and Connection, as tokens in lists, in any case.
    *(
        Case(f"Upgrade: {value}", upgrade(Upgrade=value), status, UPGRADE if status != 400 else ())
        for value, status in (
            ("WebSocket", 101),
            ("WEBSOCKET", 101),
            ("", 426),
            ("h2c", 426),
            ("websockets", 426),
            ("web socket", 400),
            ("websocket, websocket", 426),
        )
    ),
    *(
        Case(f"Connection: {value}", upgrade(Connection=value), status)
        for value, status in (
            ("upgrade", 101),
            ("UPGRADE", 101),
            ("keep-alive, Upgrade", 101),
            ("Upgrade,keep-alive", 101),
            (" , Upgrade ,", 101),
            ("", 426),
            ("keep-alive", 426),
            ("close", 426),
            ("Upgraded", 426),
        )
    ),
    Case("two Connections", _but("Connection: ", "Connection: keep-alive\r\nConnection: "), 101),
    Case("two Upgrades", _but("Upgrade: ", "Upgrade: h2c\r\nUpgrade: "), 426),
    # 4.2.1, 5: the key, 16 bytes in base64.
    *(
        Case(f"Key: {value}", upgrade(Sec_WebSocket_Key=value), 400)
        for value in (
            "",
            "short",
            "dGhlIHNhbXBsZSBub25jZ",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZWFh",
            "dGhlIHNhbXBsZSBub25jZWE=",
            "dGhlIHNhbXBsZSBub25jZ!==",
            "dGhlIHNhbXBsZ SBub25jZQ==",
            "====",
            "A" * 5000,
        )
    ),
    Case("two Keys", _but(KEY, KEY * 2), 400),
    # 4.2.1, 6 and 4.4: the version, and which one there is instead.
    *(
        Case(f"Version: {value}", upgrade(Sec_WebSocket_Version=value), 426, ONLY_13)
        for value in ("", "0", "7", "8", "12", "14", "130", "013", "+13", "13, 8", "thirteen", "²")
        if value.isascii()
    ),
    Case("two Versions", _but(VERSION, VERSION * 2), 400),
    Case("two Versions that differ", _but(VERSION, VERSION + VERSION.replace("13", "8")), 400),
    # 4.2.2, 5: the subprotocol.
    *(
        Case(f"Protocol: {value}", upgrade(Sec_WebSocket_Protocol=value), 101, SPOKEN)
        for value in ("hub.v1", "chat, hub.v1", "hub.v1,chat", "hub.v1, hub.v1", " hub.v1 ,")
    ),
    *(
        Case(f"Protocol: {value}", upgrade(Sec_WebSocket_Protocol=value), 400)
        for value in ("chat", "HUB.V1", "hub.v2, chat", "hub.v1 chat", ",", '"hub.v1"')
    ),
    Case("an empty Protocol", _but(KEY, KEY + "Sec-WebSocket-Protocol:\r\n"), 400),
    Case(
        "Protocols in two lines",
        _but(KEY, f"{KEY}Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: hub.v1\r\n"),
        101,
        SPOKEN,
    ),
    # 4.2.2, 5 and RFC 7692: extensions are declined by silence.
    *(
        Case(f"Extensions: {value}", upgrade(Sec_WebSocket_Extensions=value), 101, PLAIN)
        for value in (
            DEFLATE,
            f"{DEFLATE}, x-webkit-deflate-frame",
            "foo; bar=1",
            "permessage-bzip2",
        )
    ),
    # 10.2: Origin.
    *(
        Case(f"Origin: {value}", upgrade(Origin=value), status)
        for value, status in (
            ("http://hub.test", 101),
            ("https://hub.test", 101),
            ("http://HUB.TEST", 101),
            ("https://school.example", 101),
            ("https://school.example:8443", 403),
            ("http://school.example", 403),
            ("http://hub.test:8080", 403),
            ("https://evil.example", 403),
            ("https://hub.test.evil.example", 403),
            ("https://evil.example/hub.test", 403),
            ("null", 403),
            ("hub.test", 403),
            ("http://hub.test http://evil.example", 403),
        )
    ),
    Case("Origin with its port", upgrade(Host="hub.test:81", Origin="http://hub.test:81"), 101),
    Case("Origin without its port", upgrade(Host="hub.test:81", Origin="http://hub.test"), 403),
    Case(
        "two Origins",
        _but(KEY, f"{KEY}Origin: http://hub.test\r\nOrigin: https://evil.example\r\n"),
        403,
    ),
    Case(
        "two Origins, the worse first",
        _but(KEY, f"{KEY}Origin: https://evil.example\r\nOrigin: http://hub.test\r\n"),
        403,
    ),
    # RFC 9112, section 3: the request line, and what it names.
    Case("HTTP/1.0", _but("HTTP/1.1", "HTTP/1.0"), 505),
    Case("HTTP/0.9", f"GET {PATH}\r\n\r\n".encode(), 505),
    Case("HTTP/1.2", _but("HTTP/1.1", "HTTP/1.2"), 400),
    Case("HTTP/2.0", _but("HTTP/1.1", "HTTP/2.0"), 505),
    Case("http/1.1", _but("HTTP/1.1", "http/1.1"), 400),
    Case("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    Case("POST", _but("GET", "POST"), 405, (("Allow", "GET"),)),
    Case("PUT", _but("GET", "PUT"), 405, (("Allow", "GET"),)),
    Case("get", _but("GET", "get"), 400),
    Case("G\u00cbT", _but("GET", "G\u00cbT"), 400),
    Case("absolute form", _but(f"GET {PATH}", f"GET http://hub.test{PATH}"), 101, PLAIN),
    Case("absolute form, elsewhere", _but(f"GET {PATH}", "GET http://hub.test/nowhere"), 404),
    Case("authority form", _but(f"GET {PATH}", "GET hub.test:80"), 400),
    Case("asterisk form", _but(f"GET {PATH}", "GET *"), 400),
    Case("a query", _but(PATH, f"{PATH}?a=1"), 101, PLAIN),
    # RFC 9112, section 3: a server may part the line at any white space.
    Case("two spaces", _but(f"GET {PATH}", f"GET  {PATH}"), 101, PLAIN),
    Case("no target", _but(f"GET {PATH} ", "GET "), 400),
    Case("a fragment of a URI", _but(PATH, f"{PATH}#x"), 400),
    Case("elsewhere", _but(PATH, "/api/v1/wss"), 404),
    Case("a slash more", _but(PATH, f"{PATH}/"), 404),
    Case("an empty line before", b"\r\n" + upgrade(), 101, PLAIN),
    # RFC 9112, section 3.2: Host, once.
    Case("no Host", upgrade(Host=""), 400),
    Case("two Hosts", _but("Host: hub.test\r\n", "Host: hub.test\r\nHost: hub.test\r\n"), 400),
    Case("an empty Host", _but("Host: hub.test", "Host:"), 101, PLAIN),
    Case("Host with a path", _but("Host: hub.test", "Host: hub.test/x"), 400),
    # Section 5: fields.
    Case("a space before the colon", _but("Upgrade: ", "Upgrade : "), 400),
    Case("a folded field", _but("Sec-WebSocket-Key: ", "Sec-WebSocket-Key:\r\n "), 400),
    Case("a folded stranger", _but(KEY, f"{KEY}X: a\r\n b\r\n"), 400),
    Case("a line that begins with a space", _but(LINE, f"{LINE} X: a\r\n"), 400),
    Case("no colon", _but(KEY, f"{KEY}nonsense\r\n"), 400),
    Case("no name", _but(KEY, f"{KEY}: x\r\n"), 400),
    Case("NUL in a value", _but(KEY, f"{KEY}X: a\0b\r\n"), 400),
    Case("CR in a value", _but(KEY, f"{KEY}X: a\rb\r\n"), 400),
    Case("a control character in a value", _but(KEY, f"{KEY}X: a\x01b\r\n"), 400),
    Case("bytes above ASCII in a value", _but(KEY, f"{KEY}X: \xff\xfe\r\n"), 101, PLAIN),
    Case("a cookie in UTF-8", upgrade(Cookie="a=żółw"), 101, PLAIN),
    *(
        Case(
            f"bytes above ASCII in {name}", _but(KEY, KEY + f"{name}: {value}\xff\xe9\r\n"), status
        )
        for name, value, status in (
            ("Sec-WebSocket-Protocol", "hub.v1, ", 400),
            ("Sec-WebSocket-Extensions", "a, ", 400),
            ("Connection", "keep-alive, ", 400),
            ("Upgrade", "h2c, ", 400),
            ("Origin", "http://", 403),
            ("Authorization", "Basic ", 101),
        )
    ),
    Case(
        "bytes above ASCII in the Key",
        _but("dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25j\xe9\xff"),
        400,
    ),
    Case("bytes above ASCII in the Version", _but("Version: 13", "Version: 13\xff"), 400),
    Case("a Version above ASCII", upgrade(Sec_WebSocket_Version="١٣"), 400),
    Case("bytes above ASCII in Host", _but("Host: hub.test", "Host: h\xfcb.test"), 400),
    Case("bytes above ASCII in the target", _but(PATH, f"{PATH}?\xff"), 400),
    Case("bytes above ASCII in a name", _but(KEY, f"{KEY}X\xff: a\r\n"), 400),
    Case("brackets in a name", _but(KEY, f"{KEY}X(y): a\r\n"), 400),
    Case("LF alone", upgrade().replace(b"\r\n", b"\n"), 400),
    Case("LF alone, in one line", _but(KEY, KEY.replace("\r\n", "\n")), 400),
    Case("a tab after the colon", _but("Upgrade: ", "Upgrade:\t"), 101, PLAIN),
    Case("no space after the colon", _but("Upgrade: ", "Upgrade:"), 101, PLAIN),
    Case(
        "names in small letters",
        upgrade()
        .lower()
        .replace(KEY.lower().encode(), KEY.lower()[:19].encode() + KEY[19:].encode())
        .replace(LINE.lower().encode(), LINE.encode()),
        101,
        PLAIN,
    ),
    Case("a long field", _but(KEY, f"{KEY}X: {'x' * 7000}\r\n"), 101, PLAIN),
    Case("too long a field", _but(KEY, f"{KEY}X: {'x' * 9000}\r\n"), 400),
    Case("too long a name", _but(KEY, f"{KEY}{'x' * 9000}: x\r\n"), 400),
    Case("too long a target", _but(PATH, f"{PATH}?{'x' * 9000}"), 400),
    Case("many fields", _but(KEY, KEY + "".join(f"X-{n}: x\r\n" for n in range(60))), 101, PLAIN),
    Case("too many fields", _but(KEY, KEY + "".join(f"X-{n}: x\r\n" for n in range(9000))), 400),
    # Section 6: an upgrade has no body.
    Case("a body", upgrade(Content_Length="2") + b"{}", 400),
    Case("a body of nothing", upgrade(Content_Length="0"), 101, PLAIN),
    Case("a body in chunks", upgrade(Transfer_Encoding="chunked") + b"2\r\n{}\r\n0\r\n\r\n", 400),
    Case("no chunks", upgrade(Transfer_Encoding="chunked") + b"0\r\n\r\n", 400),
    Case("a body that is never sent", upgrade(Content_Length="5"), 400),
    Case("two lengths", upgrade(Content_Length="2, 3") + b"{}", 400),
    Case("a length below nothing", upgrade(Content_Length="-1"), 400),
    Case(
        "both lengths", upgrade(Content_Length="2", Transfer_Encoding="chunked") + b"0\r\n\r\n", 400
    ),
    # What is no HTTP at all.
    Case("a TLS hello", bytes.fromhex("16030100c8010000c40303") + bytes(range(200)), 400),
    Case("noise", bytes(range(256)) + b"\r\n\r\n", 400),
    Case("a frame", frame(TEXT, ask("x")) + b"\r\n\r\n", 400),
]


def _head(answer: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = answer.decode("latin-1").split("\r\n")
    assert re.fullmatch(r"HTTP/[012]\.[019] [1-5][0-9]{2} [ -~]+", first), first
    names = [line.partition(":")[0].lower() for line in lines]
    assert len(names) == len(set(names)), "a doubled header"
    return int(first.split()[1]), {
        name: line.partition(":")[2].strip() for name, line in zip(names, lines, strict=True)
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_handshake(hub: HubInside, honest: Honest, case: Case) -> None:
    with Peer(hub.port) as peer:
        with suppress(ConnectionError):  # answered, and closed, before all was sent
            peer.send(case.request, case.chop)
        status, head = _head(peer.head())
        assert status == case.status, (status, peer._held[-160:])
        for name, value in case.head:
            found = head.get(name.lower())
            if status == 101 and name == "Connection":
                assert found is not None
                assert found.lower() == "upgrade"
            else:
                assert found is None if value is None else found is not None
                assert value is None or found.lower() == value.lower()  # type: ignore[union-attr]
        if status == 101:
            assert "content-length" not in head
            assert "transfer-encoding" not in head
            peer.send(frame(PING, b"p") + close())
            assert peer.verdict() == ([b"p"], 1000)
        else:
            assert head["content-type"] == "application/problem+json"
            told = orjson.loads(peer._take(int(head["content-length"])))
            assert told["status"] == status
            assert told["detail"]
    hub.quiet()


def test_expect_with_an_upgrade(hub: HubInside, honest: Honest) -> None:
    """RFC 9110, section 7.8: first 100, then 101."""
    with Peer(hub.port) as peer:
        peer.send(upgrade(Expect="100-continue"))
        assert peer.head().startswith(b"HTTP/1.1 100 ")
        assert peer.head().startswith(b"HTTP/1.1 101 ")
        peer.send(close())
        assert peer.verdict() == ([], 1000)
    hub.quiet()


@pytest.mark.parametrize("chop", [0, 1, 7])
def test_frames_that_come_with_the_request(hub: HubInside, honest: Honest, chop: int) -> None:
    token = hub.token()
    with Peer(hub.port) as peer:
        hello = orjson.dumps({"type": "hello", "token": token})
        early = [frame(TEXT, hello), frame(PING, b"p"), *[frame(TEXT, ask("early"))] * 3]
        peer.send(upgrade() + b"".join(early), chop)
        assert peer.head().startswith(b"HTTP/1.1 101 ")
        said = [peer.hear() for _ in range(5)]
        # A ping is answered at once, a token once it was judged: whichever is first.
        assert said.count(b"p") == 1
        kinds = [told["type"] for told in said if isinstance(told, dict)]
        assert kinds == ["welcome", "error", "error", "error"]
        peer.send(close())
        assert peer.verdict() == ([], 1000)
    hub.quiet()


def test_frames_that_come_with_a_request_that_is_refused(hub: HubInside, honest: Honest) -> None:
    with Peer(hub.port) as peer:
        peer.send(upgrade(Sec_WebSocket_Version="8") + frame(TEXT, ask("x")) + close())
        status, head = _head(peer.head())
        assert status == 426
        peer._take(int(head["content-length"]))
        # To HTTP they are a request that is none.
        status, head = _head(peer.head())
        assert status == 400
        assert peer.rest()
    hub.quiet()


def test_a_refused_one_may_ask_again_on_the_same_connection(hub: HubInside, honest: Honest) -> None:
    with Peer(hub.port) as peer:
        for good in (False, True):
            peer.send(upgrade(Sec_WebSocket_Version="13" if good else "8"))
            status, head = _head(peer.head())
            assert status == (101 if good else 426)
            if not good:
                peer._take(int(head["content-length"]))
        peer.send(close())
        assert peer.verdict() == ([], 1000)
    hub.quiet()


@pytest.mark.parametrize("how", ["FIN", "RST", "half-closed"])
def test_a_peer_that_vanishes_at_each_byte(hub: HubInside, honest: Honest, how: str) -> None:
    """Of the request, and of a first frame that comes behind it."""
    hub.until(lambda: hub.sessions == 1, "the others are gone")
    tasks = hub.tasks()
    whole = upgrade(Authorization=f"Bearer {hub.token()}")
    cuts = [*range(0, 200, 3), *range(200, len(whole), 41)]
    whole += frame(TEXT, ask("last"))
    for size in (*cuts, *range(len(whole) - 60, len(whole) + 1)):
        with Peer(hub.port) as peer:
            peer.send(whole[:size])
            if how == "RST":
                peer.reset()
            elif how == "half-closed":
                peer.sock.shutdown(socket.SHUT_WR)
                with suppress(ConnectionError):
                    peer.rest()
    hub.until(lambda: hub.sessions == 1, "the vanished are gone")
    hub.until(lambda: hub.tasks() <= tasks, "no task is left")
    honest.hears()
    hub.quiet()
