"""Content-Encoding (RFC 9110 section 8.4): what is decoded of requests, to what size, and encoded of answers.

aiohttp would decode as bytes come in, with whatever codecs happen to be installed, and go on with
what has been refused already; so it is told not to. Invariants: nothing is decoded beyond the limit
that is given, however much is hidden in how little; the same bytes in another coding have another
entity tag (section 8.8.3.3), and both name one version.
"""

from __future__ import annotations

import re
import zlib

from aiohttp import hdrs, web

from hub.errors import Unparsable
from hub.rest.problem import Refused

#: What is understood, as Accept-Encoding says it.
ACCEPTED = "gzip, deflate"
_GZIP, _ZLIB, _RAW = 31, 15, -15
#: Answers below this many bytes are not worth the encoding: one row, a problem.
WORTH = 4096
#: What the entity tag of a gzipped answer ends in; no version has such a character.
TAGGED = "~gz"
#: gzip as a member of Accept-Encoding (section 12.5.3), with its weight; 0 is a refusal.
_TAKES = re.compile(r"\s*(?:x-)?gzip\s*(?:;\s*q=([0-9.]+)\s*)?", re.IGNORECASE | re.ASCII)


def coding(request: web.Request) -> str:
    """The body's only coding, "identity" if none. Raises Refused (415) for another or several."""
    said = ",".join(request.headers.getall(hdrs.CONTENT_ENCODING, [])).lower()
    names = [name for part in said.split(",") if (name := part.strip()) not in ("", "identity")]
    found = "gzip" if names == ["x-gzip"] else names[0] if names else "identity"
    if len(names) > 1 or found not in ("identity", "gzip", "deflate"):
        detail = "The body's Content-Encoding is not understood; gzip is."
        raise Refused(415, detail, headers={"Accept-Encoding": ACCEPTED})
    return found


def decoded(data: bytes, coding: str, most: int) -> bytes | None:
    """``data`` without its coding; None if that has more than ``most`` bytes. Raises Unparsable."""
    if coding == "identity":
        return data if len(data) <= most else None
    # Half the world sends "deflate" without the zlib header that belongs to it.
    width = _GZIP if coding == "gzip" else _ZLIB if data[:1] and data[0] & 15 == 8 else _RAW
    decoder = zlib.decompressobj(width)
    try:
        found = decoder.decompress(data, most + 1)
    except zlib.error:
        raise _broken() from None
    if len(found) > most:
        return None
    # One stream and nothing behind it: members in a row would cost far more than they bring.
    if not decoder.eof or decoder.unused_data:
        raise _broken()
    return found


def takes_gzip(request: web.Request) -> bool:
    """Whether whoever asks says that it understands gzip."""
    said = ",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, []))
    found = map(_TAKES.fullmatch, said.split(","))
    return any(one is not None and (one[1] or "1").strip("0.") != "" for one in found)


def gzipped(body: bytes) -> bytes:
    """Encoded at the least effort: for the wire's sake, not at the cost of whoever else waits."""
    encoder = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    return encoder.compress(body) + encoder.flush()


def _broken() -> Unparsable:
    return Unparsable("The body does not follow its own encoding.")
