"""The development issuer: one key a state folder, believed only through the front door."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import aiohttp
import jwt
import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwks_server import Clock, Publisher, rsa_key

import hub
from hub.errors import Misconfigured, Unauthenticated
from hub.identity.issuer import (
    DEV_CLIENT_ID,
    DEV_ISSUER,
    JWKS_PATH,
    Issuer,
    is_own_issuer,
    own_jwks_url,
    thumbprint,
)
from hub.identity.keys import Keys
from hub.identity.tokens import EXPIRED, Verifier, verifier_for
from hub.settings import Settings


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(rsa_key(1))


@pytest.fixture
async def publisher(issuer: Issuer) -> AsyncIterator[Publisher]:
    """The hub's own route, as another hub of the same key would serve it."""
    publisher = Publisher()
    publisher.body = orjson.dumps(issuer.jwks())
    await publisher.start()
    yield publisher
    await publisher.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


# The key's file.


def test_the_key_is_made_once_and_its_owners_alone(tmp_path: Path) -> None:
    state = tmp_path / "deep" / ".hub"
    before = os.umask(0)
    try:
        first = Issuer.load(state)
    finally:
        os.umask(before)
    path = state / "issuer.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in state.iterdir()] == ["issuer.pem"]
    made = path.stat().st_mtime_ns
    assert Issuer.load(state).kid == first.kid
    assert path.stat().st_mtime_ns == made
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    assert key.key_size == 2048


def test_two_folders_have_two_keys(tmp_path: Path) -> None:
    assert Issuer.load(tmp_path / "a").kid != Issuer.load(tmp_path / "b").kid


RACER = """
import sys
from pathlib import Path
from hub.identity.issuer import Issuer
print("ready", flush=True)
sys.stdin.readline()
print(Issuer.load(Path(sys.argv[1])).kid, flush=True)
"""


def test_processes_that_race_agree_on_one_key(tmp_path: Path) -> None:
    root = Path(hub.__file__).parents[1]
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path / "state")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(root)},
        )
        for _ in range(6)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    kids = {racer.communicate(timeout=60)[0].strip() for racer in racers}
    assert [racer.returncode for racer in racers] == [0] * 6
    assert kids == {Issuer.load(tmp_path / "state").kid}
    assert [entry.name for entry in (tmp_path / "state").iterdir()] == ["issuer.pem"]


def test_who_comes_second_takes_the_key_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race's narrow moment, made certain: another's key appears while ours is made."""
    first = Issuer.load(tmp_path)
    real, asked = Path.exists, []

    def not_yet(path: Path) -> bool:
        asked.append(path)
        return False if len(asked) == 1 else real(path)

    monkeypatch.setattr(Path, "exists", not_yet)
    assert Issuer.load(tmp_path).kid == first.kid
    assert asked == [tmp_path / "issuer.pem"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["issuer.pem"]


def test_a_file_open_to_others_is_closed(tmp_path: Path) -> None:
    kid = Issuer.load(tmp_path).kid
    path = tmp_path / "issuer.pem"
    path.chmod(0o644)
    assert Issuer.load(tmp_path).kid == kid
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def pem(key: RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


@pytest.mark.parametrize("what", ["empty", "garbage", "half", "public", "weak", "ec", "locked"])
def test_a_file_without_our_key_is_named_not_shown(tmp_path: Path, what: str) -> None:
    whole = pem(rsa_key(1))
    public = rsa_key(1).public_key()
    contents = {
        "empty": b"",
        "garbage": b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
        "half": whole[: len(whole) // 2],
        "public": public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        "weak": pem(rsa_key(1, 1024)),
        "ec": pem(ec.generate_private_key(ec.SECP256R1())),
        "locked": pem(rsa_key(1), b"password"),
    }
    path = tmp_path / "issuer.pem"
    path.write_bytes(contents[what])
    with pytest.raises(Misconfigured) as caught:
        Issuer.load(tmp_path)
    assert str(path) in caught.value.detail
    assert "c2VjcmV0" not in caught.value.detail
    assert "\n" not in caught.value.detail
    assert path.read_bytes() == contents[what]  # not ours to replace


def test_a_folder_that_cannot_be_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "issuer.pem").mkdir()
    (tmp_path / "dangling").mkdir()
    (tmp_path / "dangling" / "issuer.pem").symlink_to(tmp_path / "nowhere")
    for state in (tmp_path / "file", tmp_path, tmp_path / "dangling"):
        with pytest.raises(Misconfigured, match=r"issuer\.pem cannot be used: [\w ]+\.$"):
            Issuer.load(state)


# What is published.


def test_the_kid_is_the_thumbprint_of_rfc_7638() -> None:
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP"
        "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY"
        "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f"
        "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    example = {"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(example) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_only_the_public_half_is_published(issuer: Issuer) -> None:
    (key,) = issuer.jwks()["keys"]
    assert set(key) == {"kty", "n", "e", "alg", "use", "kid"}
    assert key["kid"] == issuer.kid == thumbprint(key)


def test_a_token_has_cognitos_shape() -> None:
    issuer = Issuer(rsa_key(1), clock=Clock(1_800_000_000.9))
    text = issuer.issue("some-sub", ttl=60)
    assert jwt.get_unverified_header(text) == {"alg": "RS256", "typ": "JWT", "kid": issuer.kid}
    claims = jwt.decode(text, options={"verify_signature": False})
    jti = claims.pop("jti")
    assert claims == {
        "sub": "some-sub",
        "iss": "http://localhost/dev",
        "client_id": "hub-dev",
        "token_use": "access",
        "auth_time": 1_800_000_000,
        "iat": 1_800_000_000,
        "exp": 1_800_000_060,
    }
    other = jwt.decode(issuer.issue("some-sub", "id"), options={"verify_signature": False})
    assert other["aud"] == "hub-dev"
    assert "client_id" not in other
    assert other["exp"] == 1_800_003_600
    assert other["jti"] != jti


# Through the front door.


@pytest.mark.parametrize("use", ["access", "id"])
async def test_the_hub_believes_its_own_tokens_over_http(
    issuer: Issuer,
    publisher: Publisher,
    session: aiohttp.ClientSession,
    use: Literal["access", "id"],
) -> None:
    settings = Settings(env="dev")
    assert is_own_issuer(settings)
    verifier = verifier_for(settings, own_jwks_url=publisher.url, session=session)
    text = issuer.issue("some-sub", use)
    assert verifier.verify_now(text) is None
    claims = await verifier.verify(text)
    assert (claims.sub, claims.token_use, claims.client_id) == ("some-sub", use, DEV_CLIENT_ID)
    assert claims.kid == issuer.kid
    assert publisher.hits == 1
    await verifier.close()


async def test_its_own_tokens_are_held_to_the_same_rules(
    issuer: Issuer, publisher: Publisher, session: aiohttp.ClientSession
) -> None:
    clock = Clock(1_800_000_000.0)
    issuer = Issuer(rsa_key(1), clock=clock)
    keys = Keys(publisher.url, session)
    verifier = Verifier(keys, DEV_ISSUER, (DEV_CLIENT_ID,), clock=clock)
    text = issuer.issue("some-sub", ttl=60)
    assert (await verifier.verify(text)).expires == 1_800_000_060

    for bad in (
        issuer.issue("some-sub", client_id="another-client"),
        issuer.issue(""),
        issuer.issue("some-sub", ttl=0),
        Issuer(rsa_key(2), clock=clock).issue("some-sub"),
    ):
        with pytest.raises(Unauthenticated):
            await verifier.verify(bad)
    clock.now += 60
    with pytest.raises(Unauthenticated) as caught:
        await verifier.verify(text)
    assert caught.value.code == EXPIRED
    await verifier.close()


async def test_another_issuer_named_shuts_out_the_own_one(
    issuer: Issuer, publisher: Publisher, session: aiohttp.ClientSession
) -> None:
    for env in ("dev", "prod"):
        settings = Settings(
            env=env,
            issuer="https://issuer.example.com",
            jwks_url=publisher.url,
            client_ids=(DEV_CLIENT_ID,),
        )
        assert not is_own_issuer(settings)
        verifier = verifier_for(settings, own_jwks_url=publisher.url, session=session)
        with pytest.raises(Unauthenticated):
            await verifier.verify(issuer.issue("some-sub"))
        await verifier.close()
    assert not is_own_issuer(Settings(env="prod"))


def test_where_a_hub_finds_its_own_keys() -> None:
    assert own_jwks_url(8080) == "http://127.0.0.1:8080/dev/.well-known/jwks.json"
    assert JWKS_PATH == "/dev/.well-known/jwks.json"


async def test_a_reconnecting_crowd_is_verified_by_one_fetch(
    issuer: Issuer, publisher: Publisher, session: aiohttp.ClientSession
) -> None:
    verifier = verifier_for(Settings(env="dev"), own_jwks_url=publisher.url, session=session)
    texts = [issuer.issue(f"sub-{n}") for n in range(100)]
    everyone = await asyncio.gather(*(verifier.verify(text) for text in texts))
    assert [claims.sub for claims in everyone] == [f"sub-{n}" for n in range(100)]
    assert [verifier.verify_now(text) for text in texts] == everyone
    assert publisher.hits == 1
    await verifier.close()
