"""The development issuer: the hub signs its own tokens, the way Cognito would.

Nothing here verifies: what this room signs goes through ``tokens`` and ``keys`` like any
token, the keys by HTTP. Invariants: the key is made once per state folder, whoever races;
its file is whole or absent, and its owner's alone (0600); the private half never leaves
this room but into that file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from hub.errors import Misconfigured
from hub.settings import Settings

#: ``iss`` of every token made here. Never a place to fetch from.
DEV_ISSUER = "http://localhost/dev"
#: The one app client of the development issuer.
DEV_CLIENT_ID = "hub-dev"
#: Where the hub serves ``Issuer.jwks()``.
JWKS_PATH = "/dev/.well-known/jwks.json"

_FILE = "issuer.pem"
_BITS = 2048


def is_own_issuer(settings: Settings) -> bool:
    """Whether this hub issues its own tokens: in dev, when no other issuer is named."""
    return settings.env == "dev" and not settings.issuer


def own_jwks_url(port: int) -> str:
    """Where a hub on this machine and ``port`` finds its own keys."""
    return f"http://127.0.0.1:{port}{JWKS_PATH}"


class Issuer:
    """Signs tokens with one RSA key. ``clock`` gives unix seconds."""

    def __init__(self, key: rsa.RSAPrivateKey, *, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._clock = clock
        public: dict[str, Any] = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self._public = {"kty": "RSA", "n": str(public["n"]), "e": str(public["e"])}
        self.kid = thumbprint(self._public)

    @classmethod
    def load(cls, state: Path, *, clock: Callable[[], float] = time.time) -> Issuer:
        """The issuer of a state folder, made when it has none yet.

        Blocks for the file, and for some 50 ms when a key is made. Raises Misconfigured when
        the folder cannot be written or the file read, or it holds no RSA key of 2048 bits.
        """
        path = state / _FILE
        try:
            if not path.exists():
                _create(path)
            if path.stat().st_mode & 0o077:
                path.chmod(0o600)
            pem = path.read_bytes()
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise Misconfigured(f"The issuer's key {path} cannot be used: {why}.") from None
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):  # TypeError: it wants a password
            key = None
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < _BITS:
            raise Misconfigured(f"{path} holds no RSA key of {_BITS} bits or more; delete it.")
        return cls(key, clock=clock)

    def jwks(self) -> dict[str, Any]:
        """The public key as a JWK Set (RFC 7517), to be served at ``JWKS_PATH``."""
        return {"keys": [{**self._public, "alg": "RS256", "use": "sig", "kid": self.kid}]}

    def issue(
        self,
        sub: str,
        token_use: Literal["access", "id"] = "access",
        ttl: float = 3600.0,
        client_id: str = DEV_CLIENT_ID,
    ) -> str:
        """A token for ``sub`` (``users.cognito_user_id``), good for ``ttl`` seconds from now."""
        now = int(self._clock())
        claims: dict[str, Any] = {
            "sub": sub,
            "iss": DEV_ISSUER,
            "token_use": token_use,
            "auth_time": now,
            "iat": now,
            "exp": now + int(ttl),
            "jti": str(uuid.uuid4()),
            # As Cognito has it: who it is for is `aud` in one kind, `client_id` in the other.
            "aud" if token_use == "id" else "client_id": client_id,
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self.kid})


def thumbprint(jwk: dict[str, str]) -> str:
    """The RFC 7638 SHA-256 thumbprint of an RSA JWK, base64url without padding."""
    required = {"e": jwk["e"], "kty": jwk["kty"], "n": jwk["n"]}
    canonical = json.dumps(required, separators=(",", ":"), sort_keys=True)
    digest = hashlib.sha256(canonical.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _create(path: Path) -> None:
    """Put a new key at ``path``, unless another process was first: then its key stays.

    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    # mkstemp gives 0600 whatever the umask; a link appears whole and replaces nothing.
    handle, written = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(handle)
        os.link(written, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(written)
