"""Tokens: what a Cognito JWT must be before the hub believes a word of it.

No key is fetched here (``keys`` does) and no role is read from a token (the user's row
has it). Invariants: a claim is looked at only after the signature held; RS256 is the only
way to verify, so a header's ``alg`` is compared and never selects anything; only
Unauthenticated (or Unavailable, where keys are missing) comes out, whatever comes in; no
part of a token reaches a message, a log or an exception that travels on.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal, NoReturn, TypeGuard
from urllib.parse import urlsplit

import aiohttp
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import RSAAlgorithm

from hub.errors import Misconfigured, Unauthenticated
from hub.identity.issuer import DEV_CLIENT_ID, DEV_ISSUER, is_own_issuer
from hub.identity.keys import Keys
from hub.settings import Settings

TokenUse = Literal["access", "id"]

#: Characters of the longest token looked at. Cognito's stay below 3,000.
MAX_TOKEN = 8 * 1024
#: ``Unauthenticated.code`` of a genuine token whose time is over: renew it and come again.
EXPIRED = "token-expired"

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
#: OpenID Connect Core section 2: at most 255 ASCII characters; and no control character.
_SUBJECT = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")
#: The year 10000: later moments have no RFC 3339 form.
_END_OF_TIME = 253_402_300_800
_RS256 = RSAAlgorithm(SHA256)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says. From ``expires`` (unix seconds) on it is refused."""

    sub: str
    expires: float
    token_use: TokenUse
    client_id: str
    kid: str


@dataclass(frozen=True, slots=True, repr=False)
class _Envelope:
    """A token taken apart, nothing of it believed yet."""

    kid: str
    signed: bytes
    payload: bytes
    signature: bytes


class Verifier:
    """Verifies tokens of one issuer for some of its app clients.

    ``leeway`` (seconds) forgives an issuer whose clock is ahead of ours: a token may say it
    was made that far in the future. Its end is exact, so that a session ends at the moment
    it was told. ``clock`` gives unix seconds.
    """

    def __init__(
        self,
        keys: Keys,
        issuer: str,
        client_ids: Collection[str],
        *,
        leeway: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.keys = keys
        self.issuer = issuer
        self.client_ids = frozenset(client_ids)
        self._leeway = leeway
        self._clock = clock

    async def verify(self, token: str) -> Claims:
        """Verify, reading the issuer's keys where they are not at hand.

        Raises Unauthenticated (its ``code`` is EXPIRED when that is all that is wrong), or
        Unavailable when the keys cannot be had.
        """
        envelope = _open(token)
        return self._judge(envelope, await self.keys.find(envelope.kid))

    def verify_now(self, token: str) -> Claims | None:
        """The same without waiting: None means the keys must be read first, by ``verify``.

        Call it from the event loop. Raises Unauthenticated.
        """
        envelope = _open(token)
        key = self.keys.known(envelope.kid)
        return None if key is None else self._judge(envelope, key)

    async def close(self) -> None:
        """Stop reading keys."""
        await self.keys.close()

    def _judge(self, envelope: _Envelope, key: RSAPublicKey) -> Claims:
        if not _RS256.verify(envelope.signed, key, envelope.signature):
            _refuse("The token's signature does not hold.")
        said = _object(envelope.payload)
        if said is None:
            _refuse("The token's claims are not a JSON object.")
        if said.get("iss") != self.issuer:
            _refuse("The token is from another issuer.")

        use = said.get("token_use")
        if use == "access":
            client_id = said.get("client_id")
        elif use == "id":
            client_id = said.get("aud")
        else:
            _refuse("The token is neither an access nor an id token.")
        if not isinstance(client_id, str) or client_id not in self.client_ids:
            _refuse("The token is for another app client.")

        sub = said.get("sub")
        if not isinstance(sub, str) or not _SUBJECT.fullmatch(sub):
            _refuse("The token names no subject.")

        now = self._clock()
        expires, since, issued = said.get("exp"), said.get("nbf", 0), said.get("iat", 0)
        if not (_is_moment(expires) and _is_moment(since) and _is_moment(issued)):
            _refuse("The token's times are not times.")
        if max(since, issued) > now + self._leeway:
            _refuse("The token is not valid yet.")
        if expires <= issued:
            _refuse("The token ends before it begins.")
        if expires <= now:
            _refuse("The token has expired.", code=EXPIRED)
        return Claims(sub, float(expires), use, client_id, envelope.kid)


def verifier_for(
    settings: Settings, *, own_jwks_url: str | None, session: aiohttp.ClientSession
) -> Verifier:
    """The verifier that the settings ask for.

    With HUB_ISSUER: that issuer, for HUB_CLIENT_IDS, keys from HUB_JWKS_URL or the issuer's
    ``/.well-known/jwks.json``. Without it, and only in dev: the hub's own issuer, whose keys
    are fetched from ``own_jwks_url`` like anyone's. Raises Misconfigured naming the variable.
    """
    if is_own_issuer(settings):
        if settings.jwks_url:
            raise Misconfigured("HUB_JWKS_URL is set but HUB_ISSUER is not.")
        if own_jwks_url is None:
            raise Misconfigured("HUB_ISSUER is not set and this hub serves no keys of its own.")
        return Verifier(Keys(own_jwks_url, session), DEV_ISSUER, (DEV_CLIENT_ID,))
    if not settings.issuer:
        raise Misconfigured(
            "HUB_ISSUER is not set: say whose tokens to believe; for a trial set HUB_ENV=dev"
        )
    if not settings.client_ids:
        raise Misconfigured("HUB_CLIENT_IDS is not set: tokens for which app clients?")
    url = settings.jwks_url or settings.issuer.rstrip("/") + "/.well-known/jwks.json"
    if not _is_safe(url, plain=settings.env == "dev"):
        variable = "HUB_JWKS_URL" if settings.jwks_url else "HUB_ISSUER"
        raise Misconfigured(f"{variable} must be an https URL (http: this machine, or dev).")
    return Verifier(Keys(url, session), settings.issuer, settings.client_ids)


def _open(token: str) -> _Envelope:
    """Take a token apart. The header is judged here, since it costs nothing to forge."""
    if not isinstance(token, str) or len(token) > MAX_TOKEN:
        _refuse("The token is not a JWT.")
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        _refuse("The token is not a JWT.")
    raw, payload, signature = (_decode(part) for part in parts.groups())
    if raw is None or payload is None or signature is None:
        _refuse("The token is not a JWT.")
    header = _object(raw)
    if header is None:
        _refuse("The token's header is not a JSON object.")
    if header.get("alg") != "RS256":
        _refuse("The token is not signed with RS256.")
    # RFC 7515: what `crit` names must be understood, and we understand no extension. `b64`
    # (RFC 7797) would change what is signed. An embedded jwk, jku, x5c or x5u is not read.
    if "crit" in header or "b64" in header:
        _refuse("The token's header asks for an extension.")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        _refuse("The token does not say which key signed it.")
    return _Envelope(kid, token[: parts.end(2)].encode(), payload, signature)


def _decode(part: str) -> bytes | None:
    """Unpadded base64url, in its one canonical form; None for anything else."""
    if len(part) % 4 == 1:
        return None
    decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != part.encode():
        return None
    return decoded


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member occurs twice")
    return found


def _constant(_: str) -> NoReturn:
    raise ValueError("not JSON")


#: Strict where two readers could differ: members occur once, no NaN or Infinity.
_JSON = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant)


def _object(raw: bytes) -> dict[str, Any] | None:
    """A JSON object; None for anything else.

    None rather than an exception, because a JSON error carries the text it failed on.
    """
    try:
        value = _JSON.decode(raw.decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_moment(value: object) -> TypeGuard[float]:
    """A NumericDate (RFC 7519) that can be shown as a date."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < _END_OF_TIME


def _is_safe(url: str, *, plain: bool) -> bool:
    """Whether keys may be read from there: by http only where ``plain``, or on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        if not host or parts.scheme not in ("http", "https"):
            return False
        if parts.scheme == "https" or plain or host == "localhost":
            return True
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse(why: str, *, code: str | None = None) -> NoReturn:
    raise Unauthenticated(why, code=code)
