"""Whose a request is: the peer's address, or what a trusted proxy says, and nothing a client made up."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from hub.rest.address import whence, whose
from hub.settings import Settings

PROXIES = ("10.0.0.0/8", "fd00::/8", "127.0.0.1")


def _asked(peer: str, *headers: tuple[str, str]) -> web.BaseRequest:
    return make_mocked_request("GET", "/", headers=CIMultiDict(headers)).clone(remote=peer)


@pytest.mark.parametrize(
    ("peer", "headers", "who"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        # Nobody but a trusted proxy is believed.
        ("203.0.113.9", [("X-Forwarded-For", "198.51.100.1")], "203.0.113.9"),
        ("203.0.113.9", [("Forwarded", "for=198.51.100.1")], "203.0.113.9"),
        ("10.0.0.1", [("X-Forwarded-For", "198.51.100.1")], "198.51.100.1"),
        ("10.0.0.1", [("Forwarded", "for=198.51.100.1;proto=https")], "198.51.100.1"),
        ("::ffff:10.0.0.1", [("Forwarded", "proto=https; FOR=198.51.100.1")], "198.51.100.1"),
        # What stands left of the last untrusted hop is that hop's word, which is nothing.
        ("10.0.0.1", [("X-Forwarded-For", "1.1.1.1, 198.51.100.1")], "198.51.100.1"),
        ("10.0.0.1", [("X-Forwarded-For", "1.1.1.1, 198.51.100.1, 10.0.0.2")], "198.51.100.1"),
        (
            "10.0.0.1",
            [("Forwarded", "for=1.1.1.1, for=198.51.100.1, for=10.9.9.9")],
            "198.51.100.1",
        ),
        ("10.0.0.1", [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "2.2.2.2")], "2.2.2.2"),
        # Ports, brackets and quotes (RFC 7239, section 6).
        ("10.0.0.1", [("X-Forwarded-For", "198.51.100.1:4711")], "198.51.100.1"),
        ("10.0.0.1", [("Forwarded", 'for="198.51.100.1:4711"')], "198.51.100.1"),
        ("10.0.0.1", [("Forwarded", 'for="[2001:db8::17]:4711"')], "20010db800000000"),
        ("10.0.0.1", [("X-Forwarded-For", "2001:db8::17")], "20010db800000000"),
        ("10.0.0.1", [("Forwarded", 'for=1.1.1.1;by="a,b", for=2.2.2.2')], "2.2.2.2"),
        ("10.0.0.1", [("Forwarded", "for=_hidden")], "_hidden"),
        ("10.0.0.1", [("Forwarded", "for=1.1.1.1, proto=http")], "unknown"),
        # Everyone on the way is ours: a client of our own network.
        ("10.0.0.1", [("X-Forwarded-For", "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
        # One of the two is the client's own, and who knows which: the proxy's own share, then.
        (
            "10.0.0.1",
            [("X-Forwarded-For", "198.51.100.1"), ("Forwarded", "for=1.1.1.1")],
            "10.0.0.1",
        ),
        ("10.0.0.1", [("X-Forwarded-For", "1.1.1.1"), ("Forwarded", "for=1.1.1.1")], "1.1.1.1"),
        ("10.0.0.1", [("X-Forwarded-For", "")], "10.0.0.1"),
        ("10.0.0.1", [("X-Forwarded-For", "x" * 5000)], "x" * 64),
        ("10.0.0.1", [], "10.0.0.1"),
    ],
)
def test_an_address_is_the_peers_or_what_a_trusted_proxy_says_of_it(
    peer: str, headers: list[tuple[str, str]], who: str
) -> None:
    assert whose(_asked(peer, *headers), PROXIES) == who


def test_without_trusted_proxies_nothing_is_believed() -> None:
    assert whose(_asked("127.0.0.1", ("X-Forwarded-For", "1.1.1.1")), ()) == "127.0.0.1"


@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=100))
def test_no_header_of_a_clients_own_makes_it_another(junk: str) -> None:
    for name in ("Forwarded", "X-Forwarded-For"):
        mine = "for=192.0.2.7" if name == "Forwarded" else "192.0.2.7"
        # The proxy appends whom it saw to what the client sent; a quote left open may swallow that,
        # and then nobody but the swallower is hit.
        found = whose(_asked("10.0.0.1", (name, junk.replace('"', "")), (name, mine)), PROXIES)
        assert found == whence("192.0.2.7")


def test_a_proxy_is_an_address_or_a_network() -> None:
    assert Settings(trusted_proxies="10.0.0.0/8, ::1").trusted_proxies == ("10.0.0.0/8", "::1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no address or network"):
        Settings(trusted_proxies=("proxy.example",))
