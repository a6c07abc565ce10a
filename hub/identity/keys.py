"""One issuer's public keys, fetched over HTTP and kept.

Nothing here reads a token: this room answers "which key is ``kid``?" and nothing else.
Invariants: at most one fetch is under way; nobody's cancellation ends a fetch that others
wait for; whoever invents kids causes at most one fetch per cooldown; a set once read
well is replaced only by another that was read well; a kid is only ever compared, so it
reaches no URL, no file and no log.
"""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from hub.errors import Unauthenticated, Unavailable

log = structlog.get_logger(__name__)

#: Bits of an RSA modulus and most of its exponent: below is weak, above only costs time.
MIN_BITS, MAX_BITS, MAX_EXPONENT_BITS = 2048, 8192, 64

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_BACKOFF = 60.0


class Keys:
    """The signature keys of one JWKS document, by ``kid``.

    ``url`` is read when a key is first asked for and again, in the background, once the
    set is older than ``refresh_after``. A set older than ``max_age`` is used only after an
    attempt to read it anew has failed: then what is known keeps serving until the issuer
    is back. Asking for an unknown kid reads the document again, but no sooner than
    ``cooldown`` after it was last read, or a growing pause after a failure. All durations
    are seconds by ``clock``, except ``timeout``, which bounds one whole fetch in real time.

    One event loop only. ``session`` stays the caller's to close, after ``close()``.
    """

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        *,
        refresh_after: float = 1800.0,
        max_age: float = 3600.0,
        cooldown: float = 10.0,
        timeout: float = 5.0,
        max_bytes: int = 64 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = url
        self._host = urlsplit(url).hostname  # all of the URL that a log may see
        self._session = session
        self._refresh_after = refresh_after
        self._max_age = max_age
        self._cooldown = cooldown
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._max_bytes = max_bytes
        self._clock = clock

        self._keys: Mapping[str, RSAPublicKey] = {}
        self._read_at = 0.0
        #: Attempts that failed since the last good one.
        self._failures = 0
        #: No attempt starts before this moment.
        self._not_before = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self._closed = False

    def known(self, kid: str) -> RSAPublicKey | None:
        """The key, if it can be told without waiting; else None, and ``find`` will tell.

        Call it from the event loop: it may start a refresh in the background.
        """
        key = self._keys.get(kid)
        if key is None:
            return None
        age = self._clock() - self._read_at
        if age >= self._refresh_after:
            self._fetch()
        return key if age < self._max_age or self._failures else None

    async def find(self, kid: str) -> RSAPublicKey:
        """The key, waiting for a fetch where one is due.

        Raises Unauthenticated when the issuer publishes no such key, Unavailable when that
        cannot be known now (nothing read yet, or the last attempt failed).
        """
        key = self.known(kid)
        if key is not None:
            return key
        fetching = self._fetch()
        if fetching is not None:
            # Not `await fetching`: that would hand this caller's cancellation to everyone.
            await asyncio.wait({fetching})
        key = self._keys.get(kid)
        if key is not None:
            return key
        if self._closed or self._failures or not self._keys:
            pause = self._not_before - self._clock()
            raise Unavailable(
                "The keys that tokens are verified with cannot be read just now.",
                retry_after=min(max(pause, 1.0), _LONGEST_BACKOFF),
            )
        raise Unauthenticated("The token is signed with a key that its issuer does not publish.")

    async def close(self) -> None:
        """End a fetch under way. Whoever waits for it, or asks later, gets Unavailable."""
        self._closed = True
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait({self._fetching})

    def _fetch(self) -> asyncio.Task[None] | None:
        """The fetch under way, or a new one if one may start now."""
        if self._fetching is not None:
            return self._fetching
        if self._closed or self._clock() < self._not_before:
            return None
        self._fetching = asyncio.get_running_loop().create_task(self._read(), name="jwks")
        return self._fetching

    async def _read(self) -> None:
        """One attempt. Never raises: what happened is in the state it leaves."""
        try:
            keys = public_keys(await self._download())
        except Exception as error:  # whatever the far end does, what we know must survive it
            pause = min(2.0**self._failures, _LONGEST_BACKOFF)
            self._failures += 1
            self._not_before = self._clock() + pause
            log.warning(
                "jwks.failed",
                host=self._host,
                why=str(error) or type(error).__name__,
                serving=len(self._keys),
                again_in=pause,
            )
        else:
            if self._failures or keys.keys() != self._keys.keys():
                log.info("jwks.read", host=self._host, keys=len(keys))
            self._keys = keys
            self._failures = 0
            self._read_at = self._clock()
            self._not_before = self._read_at + self._cooldown
        finally:
            self._fetching = None

    async def _download(self) -> bytes:
        async with self._session.get(
            self.url,
            timeout=self._timeout,
            # The keys come from where the operator said, or from nowhere.
            allow_redirects=False,
            raise_for_status=False,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        ) as response:
            if response.status != 200:
                raise ValueError(f"the answer is {response.status}, not 200")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > self._max_bytes:
                    raise ValueError(f"the answer is longer than {self._max_bytes} bytes")
            return bytes(body)


def public_keys(document: bytes) -> dict[str, RSAPublicKey]:
    """The RS256 signature keys of a JWK Set (RFC 7517), by kid.

    A member that is not one of ours (another type or use, weak, broken, without a kid, with
    its private half) is passed over, as section 5 asks. A kid that names two different keys
    names none. Raises ValueError when the document is no JWK Set or no key is left.
    """
    parsed = orjson.loads(document)
    members = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(members, list):
        raise ValueError("the answer is not a JWK Set")
    keys: dict[str, RSAPublicKey] = {}
    torn: set[str] = set()
    for member in members:
        if not isinstance(member, dict) or not _is_ours(member):
            continue
        key = _rsa(member)
        if key is None:
            continue
        if keys.setdefault(member["kid"], key) != key:
            torn.add(member["kid"])
    for kid in torn:
        del keys[kid]
    if not keys:
        raise ValueError("the answer holds no usable RS256 key")
    return keys


def _is_ours(member: dict[str, Any]) -> bool:
    operations = member.get("key_ops", ["verify"])
    return (
        member.get("kty") == "RSA"
        and isinstance(member.get("kid"), str)
        and member["kid"] != ""
        and member.get("use", "sig") == "sig"
        and member.get("alg", "RS256") == "RS256"
        and isinstance(operations, list)
        and "verify" in operations
        # A private half in public: anyone can sign with it.
        and "d" not in member
    )


def _rsa(member: dict[str, Any]) -> RSAPublicKey | None:
    n, e = _number(member.get("n")), _number(member.get("e"))
    if n is None or e is None:
        return None
    if not MIN_BITS <= n.bit_length() <= MAX_BITS or e.bit_length() > MAX_EXPONENT_BITS:
        return None
    try:
        return RSAPublicNumbers(e, n).public_key()
    except ValueError:
        return None


def _number(text: object) -> int | None:
    """A Base64urlUInt (RFC 7518 section 2), read strictly."""
    if not isinstance(text, str) or not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        return None
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
