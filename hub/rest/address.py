"""Whose address a request comes from: where addresses have shares, this says who shares one.

The peer's, unless that is a trusted proxy: then what the proxy says (RFC 7239 ``Forwarded``, or the
older ``X-Forwarded-For``), read from the right up to the first that nobody trusted has written.
Invariant: nothing a client sends lets it pass for another, or for many.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from sys import intern

from aiohttp import web

_Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address
#: Elements of Forwarded, and the one parameter of theirs that matters; a comma may stand in quotes.
_ELEMENT = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*")+')
_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)', re.IGNORECASE)
#: An address with a port: of IPv6 in brackets.
_BRACKETS = re.compile(r"\[([^\]]*)\](?::\w+)?")
_PORT = re.compile(r"([0-9.]+):\w+")
#: A name that a proxy made up is no longer than this (section 6.3 gives no bound).
_MOST = 64


def whose(request: web.Request, trusted: tuple[str, ...]) -> str:
    """Whose request it is: equal text, one share. ``trusted``: proxies, as addresses or networks."""
    peer = request.remote
    if not trusted or not _is_ours(_read(peer or ""), trusted):
        return whence(peer)
    said = {
        _outside(hops, trusted)
        for hops in (
            list(_forwarded(",".join(request.headers.getall("Forwarded", [])))),
            _listed(",".join(request.headers.getall("X-Forwarded-For", []))),
        )
        if hops
    }
    # A proxy writes one of the two and passes the other on as the client sent it: which, nobody knows.
    return said.pop() if len(said) == 1 else whence(peer)


def whence(address: str | None) -> str:
    """Whose an address is: one of IPv4, or the /64 that a subscriber of IPv6 has for himself."""
    found = _read(address or "")
    if found is None:
        return intern((address or "")[:_MOST])
    return intern(found.packed[:8].hex() if isinstance(found, IPv6Address) else str(found))


def _read(text: str) -> _Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return found if mapped is None else mapped


@lru_cache(maxsize=8)
def _networks(trusted: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(map(ip_network, trusted))


def _is_ours(address: _Address | None, trusted: tuple[str, ...]) -> bool:
    return address is not None and any(address in network for network in _networks(trusted))


def _outside(hops: list[str], trusted: tuple[str, ...]) -> str:
    """The last that is no proxy of ours; the first of all if every one is."""
    for hop in reversed(hops):
        if not _is_ours(_read(hop), trusted):
            return whence(hop)
    return whence(hops[0])


def _forwarded(text: str) -> Iterator[str]:
    for element in _ELEMENT.findall(text):
        found = _FOR.search(element.strip())
        # An element that does not say for whom still stands for a hop: nothing left of it is believed.
        yield _bare(found[1].strip('"')) if found is not None else "unknown"


def _listed(text: str) -> list[str]:
    return [_bare(part.strip()) for part in text.split(",") if part.strip()]


def _bare(node: str) -> str:
    """Without brackets and port."""
    found = _BRACKETS.fullmatch(node) or _PORT.fullmatch(node)
    return found[1] if found is not None else node
