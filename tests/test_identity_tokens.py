"""Tokens: Cognito's own are believed, every forgery is refused, and nothing leaks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import traceback
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jwks_server import Clock, Publisher, jwk, rsa_key
from structlog.testing import capture_logs

from hub.errors import Misconfigured, Unauthenticated, Unavailable
from hub.identity.issuer import DEV_CLIENT_ID, DEV_ISSUER
from hub.identity.keys import Keys
from hub.identity.tokens import EXPIRED, MAX_TOKEN, Claims, Verifier, verifier_for
from hub.settings import Settings

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Example"
CLIENT = "7exampleclient"
SUB = "0a1b2c3d-secret-subject"
NOW = 1_800_000_000
KID = "pool-key-1"

Fields = dict[str, Any]
Sign = Callable[[bytes], bytes]


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    publisher = Publisher()
    publisher.publish(jwk(KID, rsa_key(1)), jwk("pool-key-2", rsa_key(2)))
    await publisher.start()
    yield publisher
    await publisher.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def cold(publisher: Publisher, session: aiohttp.ClientSession) -> AsyncIterator[Verifier]:
    """A verifier that has read no key yet."""
    verifier = Verifier(
        Keys(publisher.url, session), ISSUER, (CLIENT, "another-client"), clock=Clock(NOW)
    )
    yield verifier
    await verifier.close()


@pytest.fixture
async def verifier(cold: Verifier) -> Verifier:
    """A verifier that knows the issuer's keys."""
    await cold.keys.find(KID)
    return cold


# What issuers and forgers do.


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def rs256(key: rsa.RSAPrivateKey) -> Sign:
    return lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def header(**more: Any) -> Fields:
    return {"kid": KID, "alg": "RS256"} | more


def access(**more: Any) -> Fields:
    """The claims of a Cognito access token."""
    return {
        "sub": SUB,
        "iss": ISSUER,
        "client_id": CLIENT,
        "origin_jti": "aaaaaaaa-bbbb",
        "token_use": "access",
        "scope": "aws.cognito.signin.user.admin",
        "auth_time": NOW - 60,
        "iat": NOW - 60,
        "exp": NOW + 3540,
        "jti": "cccccccc-dddd",
        "username": "secret-username",
    } | more


def identity(**more: Any) -> Fields:
    """The claims of a Cognito id token."""
    claims = access(**{"token_use": "id", "aud": CLIENT, "email": "secret@example.com"} | more)
    del claims["client_id"]
    return claims


def without(fields: Fields, *names: str) -> Fields:
    return {name: value for name, value in fields.items() if name not in names}


def token(
    head: Fields | bytes | None = None,
    claims: Fields | bytes | None = None,
    sign: Sign | None = None,
) -> str:
    head = header() if head is None else head
    claims = access() if claims is None else claims
    parts = (
        part if isinstance(part, bytes) else json.dumps(part).encode() for part in (head, claims)
    )
    signed = ".".join(b64(part) for part in parts)
    return f"{signed}.{b64((sign or rs256(rsa_key(1)))(signed.encode()))}"


async def refused(verifier: Verifier, text: Any) -> Unauthenticated:
    """That both ways of asking refuse, alike, telling nothing of the token."""
    with capture_logs() as logs, pytest.raises(Unauthenticated) as caught:
        await verifier.verify(text)
    error = caught.value
    told = "".join(traceback.format_exception(error)) + repr(error) + repr(logs)
    for secret in ("secret", KID, "pool-key", ISSUER, CLIENT, "evil", "example.com"):
        assert secret not in error.detail + repr(logs)
    if isinstance(text, str):
        for part in text.split("."):
            assert len(part) < 12 or part not in told
    assert error.__context__ is None
    assert error.__cause__ is None
    try:
        now: object = verifier.verify_now(text)
    except Unauthenticated as again:
        now = again.detail
    # None: only where no key is known, so that it would have to be asked for.
    assert now == (None if "does not publish" in error.detail else error.detail)
    return error


# Genuine tokens.


async def test_an_access_token_is_believed(verifier: Verifier) -> None:
    expected = Claims(SUB, float(NOW + 3540), "access", CLIENT, KID)
    assert await verifier.verify(token()) == expected
    assert verifier.verify_now(token()) == expected


async def test_an_id_token_is_believed(verifier: Verifier) -> None:
    claims = await verifier.verify(token(claims=identity()))
    assert claims == Claims(SUB, float(NOW + 3540), "id", CLIENT, KID)


async def test_either_key_of_the_pool_and_either_client_will_do(verifier: Verifier) -> None:
    second = token(header(kid="pool-key-2"), access(client_id="another-client"), rs256(rsa_key(2)))
    claims = await verifier.verify(second)
    assert (claims.kid, claims.client_id) == ("pool-key-2", "another-client")


async def test_without_waiting_only_where_the_key_is_at_hand(
    cold: Verifier, publisher: Publisher
) -> None:
    assert cold.verify_now(token()) is None
    assert publisher.hits == 0
    assert await cold.verify(token()) == cold.verify_now(token())
    assert publisher.hits == 1


async def test_rotation_is_followed(publisher: Publisher, session: aiohttp.ClientSession) -> None:
    clock = Clock(0.0)
    keys = Keys(publisher.url, session, clock=clock)
    verifier = Verifier(keys, ISSUER, (CLIENT,), clock=Clock(NOW))
    assert (await verifier.verify(token())).kid == KID
    clock.now += 11
    publisher.publish(jwk("pool-key-3", rsa_key(3)))
    fresh = token(header(kid="pool-key-3"), sign=rs256(rsa_key(3)))
    assert (await verifier.verify(fresh)).kid == "pool-key-3"
    await refused(verifier, token())
    await verifier.close()


async def test_without_keys_nobody_is_called_a_forger(cold: Verifier, publisher: Publisher) -> None:
    await publisher.stop()
    with pytest.raises(Unavailable) as caught:
        await cold.verify(token())
    assert caught.value.retry_after >= 1
    # What no key could save is refused all the same, and nothing is fetched for it.
    await refused(cold, token(header(alg="none")))
    await refused(cold, token(header(kid="")))


@pytest.mark.parametrize(
    "claims",
    [
        access(exp=NOW + 0.5),
        access(exp=NOW + 1),
        access(iat=NOW + 10, exp=NOW + 20),
        access(nbf=NOW + 10),
        access(nbf=NOW - 10.5),
        without(access(), "iat"),
        access(aud="https://a-resource-server.example.com"),
        access(sub="x"),
        access(sub="x" * 255),
        access(sub="auth0|with spaces & signs"),
        access(exp=253_402_300_799),
        access(role="ADMIN", **{"cognito:groups": ["admin"]}),
    ],
)
async def test_claims_that_will_do(verifier: Verifier, claims: Fields) -> None:
    believed = await verifier.verify(token(claims=claims))
    assert believed == Claims(claims["sub"], float(claims["exp"]), "access", CLIENT, KID)


@pytest.mark.parametrize("typ", ["JWT", "at+jwt"])
async def test_a_typ_does_not_matter(verifier: Verifier, typ: str) -> None:
    assert await verifier.verify(token(header(typ=typ)))


# Forged signatures.


async def test_another_key_under_a_known_kid(verifier: Verifier) -> None:
    await refused(verifier, token(sign=rs256(rsa_key(9))))
    await refused(verifier, token(sign=rs256(rsa_key(2))))
    await refused(verifier, token(header(kid="pool-key-2")))


async def test_a_signature_over_something_else(verifier: Verifier) -> None:
    head, claims, signature = token().split(".")
    other = token(claims=access(sub="someone-else")).split(".")
    await refused(verifier, f"{head}.{other[1]}.{signature}")
    await refused(verifier, f"{b64(json.dumps(header(typ='JWT')).encode())}.{claims}.{signature}")
    await refused(verifier, f"{head}.{claims}.{b64(bytes(256))}")
    await refused(verifier, f"{head}.{claims}.{b64(b'x')}")
    await refused(verifier, f"{head}.{claims}.{b64(bytes(range(256)) * 2)}")


async def test_padding_that_is_not_sha256(verifier: Verifier) -> None:
    """RS256 in the header, another padding or digest by the very key."""
    key = rsa_key(1)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    for sign in (
        lambda data: key.sign(data, pss, hashes.SHA256()),
        lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA384()),
        lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA1()),
    ):
        await refused(verifier, token(sign=sign))


async def test_the_public_key_as_an_hmac_secret(verifier: Verifier) -> None:
    public = rsa_key(1).public_key()
    der = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    pem = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    old = serialization.Encoding.PEM, serialization.PublicFormat.PKCS1
    secrets = [public.public_bytes(*form) for form in (der, pem, old)]
    secrets += [secrets[1].strip(), jwk(KID, rsa_key(1))["n"].encode(), b""]
    for secret in secrets:

        def sign(data: bytes, secret: bytes = secret) -> bytes:
            return hmac.digest(secret, data, hashlib.sha256)

        await refused(verifier, token(header(alg="HS256"), sign=sign))
        await refused(verifier, token(header(), sign=sign))


ALGORITHMS: list[Any] = [
    "none",
    "None",
    "nOnE",
    "NONE",
    "",
    "HS256",
    "HS384",
    "HS512",
    "RS384",
    "RS512",
    "PS256",
    "ES256",
    "EdDSA",
    "rs256",
    "RS256 ",
    " RS256",
    "RS256\0",
    "RS256\n",
    "ЯS256",
    "RS2５6",
    None,
    True,
    256,
    ["RS256"],
    {"RS256": 1},
]


@pytest.mark.parametrize("alg", ALGORITHMS, ids=range(len(ALGORITHMS)))
async def test_any_other_algorithm_even_well_signed(verifier: Verifier, alg: object) -> None:
    await refused(verifier, token(header(alg=alg)))
    signed = token(header(alg=alg)).rsplit(".", 1)[0]
    await refused(verifier, signed + ".")
    await refused(verifier, signed)


async def test_other_algorithms_done_properly(verifier: Verifier) -> None:
    key = rsa_key(1)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    proper: dict[str, Sign] = {
        "RS384": lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA384()),
        "RS512": lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA512()),
        "PS256": lambda data: key.sign(data, pss, hashes.SHA256()),
    }
    for alg, sign in proper.items():
        await refused(verifier, token(header(alg=alg), sign=sign))


# Forged headers.


async def test_a_key_that_the_token_brings_along_is_not_looked_at(
    verifier: Verifier, session: aiohttp.ClientSession
) -> None:
    evil = Publisher()
    evil.publish(jwk("evil", rsa_key(9)), jwk(KID, rsa_key(9)))
    await evil.start()
    mine = jwk("evil", rsa_key(9))
    brought: list[Fields] = [
        {"jwk": mine},
        {"jku": evil.url},
        {"x5u": evil.url},
        {"x5c": [base64.b64encode(b"not even a certificate").decode()]},
        {"jwk": mine, "jku": evil.url, "x5u": evil.url, "x5t": "evil", "x5t#S256": "evil"},
    ]
    for more in brought:
        for kid in (KID, "evil", evil.url):
            await refused(verifier, token(header(**more) | {"kid": kid}, sign=rs256(rsa_key(9))))
        # Signed by the pool it stays what it is: the extra is ignored, not obeyed.
        assert await verifier.verify(token(header(**more)))
    assert evil.hits == 0
    await evil.stop()


KIDS: list[Any] = [
    "",
    "../../../../../dev/null",
    "/etc/passwd",
    "file:///dev/null",
    "http://evil.example.com/",
    "x' UNION SELECT 'key' --",
    "pool-key-1\0",
    "pool-key-1 ",
    "POOL-KEY-1",
    "pool-key",
    "__class__",
    "\ud800",
    "é",
    "ｐool-key-1",
    "%70ool-key-1",
    "k" * 4000,
    "a\r\nX-Header: evil",
    "keys",
    "0",
    None,
    0,
    1.5,
    True,
    [KID],
    {"kid": KID},
    [],
]


@pytest.mark.parametrize("kid", KIDS, ids=range(len(KIDS)))
async def test_kids_that_are_no_key(verifier: Verifier, publisher: Publisher, kid: object) -> None:
    await refused(verifier, token(header(kid=kid)))
    await refused(
        verifier, token(header(kid=kid), sign=lambda data: hmac.digest(b"", data, "sha256"))
    )
    assert publisher.hits == 1


async def test_a_kid_is_required_even_of_a_lone_key(verifier: Verifier) -> None:
    await refused(verifier, token(without(header(), "kid")))
    await refused(verifier, token({}))


@pytest.mark.parametrize(
    "more",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"crit": None},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"b64": True},
    ],
)
async def test_extensions_are_refused(verifier: Verifier, more: Fields) -> None:
    await refused(verifier, token(header(**more)))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"alg":"none","alg":"RS256","kid":"pool-key-1"}',
        b'{"alg":"RS256","alg":"none","kid":"pool-key-1"}',
        b'{"alg":"RS256","kid":"evil","kid":"pool-key-1"}',
        b'{"alg":"RS256","kid":"pool-key-1","\\u006bid":"pool-key-1"}',
        b'{"alg":"RS256","kid":"pool-key-1","x":{"a":1,"a":2}}',
        b'{"alg":"RS256","kid":"pool-key-1","x":NaN}',
        b'{"alg":"RS256","kid":"pool-key-1","x":-Infinity}',
        b'{"alg":"RS256","kid":"pool-key-1"',
        b'{"alg":"RS256","kid":"pool-key-1"}{}',
        b'{"alg":"RS256","kid":"pool-key-1"}\0',
        b"{'alg':'RS256','kid':'pool-key-1'}",
        b'\xef\xbb\xbf{"alg":"RS256","kid":"pool-key-1"}',
        '{"alg":"RS256","kid":"pool-key-1"}'.encode("utf-16"),
        '{"alg":"RS256","kid":"pool-key-1"}'.encode("utf-32-le"),
        b'{"alg":"RS256","kid":"pool-key-1","x":"\xff"}',
        b'{"alg":"RS256","kid":"pool-key-1","x":' + b"9" * 5000 + b"}",
        b"[" * 5000,
        b'{"x":' * 1100,
        b'["RS256","pool-key-1"]',
        b'"RS256"',
        b"null",
        b"7",
    ],
)
async def test_headers_that_are_not_plain_json(verifier: Verifier, raw: bytes) -> None:
    await refused(verifier, token(raw))


# Claims, well signed, that will not do.


@pytest.mark.parametrize(
    "claims",
    [
        without(access(), "iss"),
        access(iss=ISSUER + "/"),
        access(iss=ISSUER.upper()),
        access(iss=ISSUER[:-1]),
        access(iss=[ISSUER]),
        access(iss=None),
        access(iss=DEV_ISSUER),
        without(access(), "token_use"),
        access(token_use="refresh"),
        access(token_use="ACCESS"),
        access(token_use=["access"]),
        access(token_use=None),
        without(access(), "client_id"),
        access(client_id="evil-client"),
        access(client_id=""),
        access(client_id=[CLIENT]),
        access(client_id={"x": 1}),
        access(client_id=None),
        # An id token's audience is no access token's client, nor the other way round.
        without(access(aud=CLIENT), "client_id"),
        access(aud=CLIENT, client_id="evil-client"),
        identity(aud="evil-client"),
        identity(aud="evil-client", client_id=CLIENT) | {"client_id": CLIENT},
        identity(aud=[CLIENT]),
        identity(aud=[CLIENT, "evil-client"]),
        identity(aud=None),
        without(identity(), "aud") | {"client_id": CLIENT},
        without(access(), "sub"),
        access(sub=""),
        access(sub=" "),
        access(sub=" x"),
        access(sub="x\n"),
        access(sub="x\0"),
        access(sub="\ud800"),
        access(sub="é"),
        access(sub="x" * 256),
        access(sub=7),
        access(sub=None),
        access(sub=[SUB]),
        without(access(), "exp"),
        access(exp=None),
        access(exp=str(NOW + 60)),
        access(exp=True),
        access(exp=-1),
        access(exp=10**400),
        access(exp=253_402_300_800),
        access(exp=[NOW + 60]),
        access(iat=NOW + 11, exp=NOW + 60),
        access(iat="x"),
        access(iat=None),
        access(iat=-1),
        access(iat=NOW, exp=NOW),
        access(nbf=NOW + 11),
        access(nbf="x"),
        access(nbf=None),
        access(nbf=False),
    ],
)
async def test_claims_that_will_not_do(verifier: Verifier, claims: Fields) -> None:
    error = await refused(verifier, token(claims=claims))
    assert error.code == "unauthenticated"


@pytest.mark.parametrize("ago", [0, 1, 3600, NOW - 1])
async def test_an_expired_token_says_that_it_is_that(verifier: Verifier, ago: int) -> None:
    claims = without(access(exp=NOW - ago), "iat")
    assert (await refused(verifier, token(claims=claims))).code == EXPIRED
    # Only of a genuine one: a forger learns nothing.
    forged = await refused(verifier, token(claims=claims, sign=rs256(rsa_key(9))))
    assert forged.code == "unauthenticated"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"\xff",
        json.dumps(access()).encode("utf-16"),
        json.dumps(access()).encode()[:-1] + b',"sub":"secret-other"}',
        json.dumps(access()).encode()[:-1] + b',"x":Infinity}',
        json.dumps(access()).encode()[:-1] + b',"x":' + b"[" * 4000 + b"]" * 4000 + b"}",
        json.dumps(without(access(), "exp")).encode()[:-1] + b',"exp":1e400}',
        json.dumps(without(access(), "exp")).encode()[:-1] + b',"exp":NaN}',
    ],
)
async def test_payloads_that_are_not_plain_json(verifier: Verifier, raw: bytes) -> None:
    await refused(verifier, token(claims=raw))


# The text itself.


TEXTS: list[Any] = [
    "",
    ".",
    "..",
    "...",
    "a",
    "a.b",
    "a.b.c",
    "a.b.c.d.e",
    "Bearer x.y.z",
    "\0",
    "é.é.é",
    "\ud800.\ud800.\ud800",
    "٣.٣.٣",
    "{}",
    "null",
    "=.=.=",
    "-.-.-",
    "A" * MAX_TOKEN,
    "A" * (MAX_TOKEN + 1),
    "." * MAX_TOKEN,
    "A." * 4000,
    "😀" * 5000,
    "A" * 5_000_000,
    None,
    7,
    b"a.b.c",
    ["a.b.c"],
    {"token": "a.b.c"},
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_what_is_no_token_at_all(cold: Verifier, publisher: Publisher, text: object) -> None:
    await refused(cold, text)
    assert publisher.hits == 0


async def test_the_right_token_written_otherwise(verifier: Verifier) -> None:
    good = token()
    head, claims, signature = good.split(".")
    loose = signature[:-1] + chr(ord(signature[-1]) + 1)  # the same bytes, were we lenient
    assert base64.urlsafe_b64decode(loose + "==") == base64.urlsafe_b64decode(signature + "==")
    for text in (
        good + "\n",
        " " + good,
        good + "=",
        good + "==",
        good + ".",
        "." + good,
        good + ".x",
        good.replace(".", ". "),
        good.encode().decode("utf-16-le", "replace"),
        f"{head}..{signature}",
        f"{head}.{claims}.{loose}",
        f"{head}\u200b.{claims}.{signature}",
        good[:-1] + "é",
        good[:-1] + "\ud800",
        "Bearer " + good,
    ):
        await refused(verifier, text)


async def test_every_truncation_and_every_changed_character(
    verifier: Verifier, publisher: Publisher
) -> None:
    good = token()
    for n in range(len(good)):
        changed = good[:n] + ("B" if good[n] == "A" else "A") + good[n + 1 :]
        for text in (good[:n], good[n + 1 :], good[:n] + good[n + 1 :], changed):
            with pytest.raises(Unauthenticated):
                await verifier.verify(text)
    assert publisher.hits == 1


async def test_the_longest_token_that_is_looked_at(verifier: Verifier) -> None:
    def padded(length: int) -> str:
        return token(claims=access(pad="x" * length))

    length = MAX_TOKEN - len(padded(0))
    while len(padded(length)) != MAX_TOKEN:
        length -= 1
    assert await verifier.verify(padded(length))
    await refused(verifier, padded(length + 3))


# Whatever comes in, only Unauthenticated comes out.

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from([ISSUER, CLIENT, SUB, KID, "RS256", "access", "id", NOW, NOW + 100])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=4,
)


def fields_like(genuine: Fields) -> st.SearchStrategy[Fields]:
    """A genuine one with some members replaced, some gone, some added."""
    names = st.sampled_from([*genuine, "aud", "nbf", "crit", "b64", "jwk", "x"])
    changes = st.dictionaries(names, VALUES, max_size=3)
    gone = st.sets(st.sampled_from([*genuine]), max_size=1)
    return st.builds(lambda c, g: without(genuine | c, *g), changes, gone)


fuzz = hypothesis_settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@fuzz
@given(text=st.text(max_size=60) | st.from_regex(r"\A[\w=-]{0,40}\.[\w-]{0,40}\.[\w-]{0,9}\Z"))
async def test_fuzz_any_text(verifier: Verifier, text: str) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(text)


@fuzz
@given(head=st.binary(max_size=40), claims=st.binary(max_size=40), end=st.binary(max_size=300))
async def test_fuzz_any_bytes(verifier: Verifier, head: bytes, claims: bytes, end: bytes) -> None:
    for text in (token(head, claims, lambda _: end), token(None, claims, lambda _: end)):
        with pytest.raises(Unauthenticated):
            await verifier.verify(text)


@fuzz
@given(raw=st.binary(max_size=80))
async def test_fuzz_any_payload_well_signed(verifier: Verifier, raw: bytes) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(token(claims=raw))


@fuzz
@given(head=fields_like(header()), claims=fields_like(access()) | fields_like(identity()))
async def test_fuzz_any_header_and_claims_well_signed(
    verifier: Verifier, head: Fields, claims: Fields
) -> None:
    """Believed or refused, and believed only if it is what it must be."""
    try:
        believed = await verifier.verify(token(head, claims))
    except Unauthenticated:
        return
    assert head["alg"] == "RS256"
    assert head["kid"] == KID
    assert not {"crit", "b64"} & head.keys()
    assert claims["iss"] == ISSUER
    assert claims["exp"] > NOW
    assert claims["token_use"] in ("access", "id")
    client = claims["client_id"] if claims["token_use"] == "access" else claims["aud"]
    assert believed == Claims(claims["sub"], float(claims["exp"]), claims["token_use"], client, KID)
    assert client == CLIENT
    assert isinstance(believed.sub, str)
    assert believed.sub


@fuzz
@given(data=st.data())
async def test_fuzz_a_genuine_token_damaged(verifier: Verifier, data: st.DataObject) -> None:
    good = token()
    at = data.draw(st.integers(0, len(good)))
    until = data.draw(st.integers(at, min(len(good), at + 30)))
    text = good[:at] + data.draw(st.text(max_size=8)) + good[until:]
    if text == good:
        return
    with pytest.raises(Unauthenticated):
        await verifier.verify(text)


# The verifier that the settings ask for.

PROD: Fields = {"env": "prod", "issuer": ISSUER, "client_ids": (CLIENT,)}


@pytest.mark.parametrize(
    ("given_settings", "url", "variable"),
    [
        ({"env": "prod"}, "http://127.0.0.1:1/", "HUB_ISSUER.*; for a trial set HUB_ENV=dev"),
        ({"env": "prod", "issuer": ""}, "http://127.0.0.1:1/", "HUB_ISSUER"),
        (PROD | {"client_ids": ()}, "http://127.0.0.1:1/", "HUB_CLIENT_IDS"),
        (PROD | {"env": "dev", "client_ids": ()}, "http://127.0.0.1:1/", "HUB_CLIENT_IDS"),
        (PROD | {"issuer": "http://issuer.example.com"}, None, "HUB_ISSUER"),
        (PROD | {"issuer": "issuer.example.com"}, None, "HUB_ISSUER"),
        (PROD | {"env": "dev", "issuer": "issuer.example.com"}, None, "HUB_ISSUER"),
        (PROD | {"jwks_url": "http://issuer.example.com/keys"}, None, "HUB_JWKS_URL"),
        (PROD | {"jwks_url": "http://10.0.0.1/keys"}, None, "HUB_JWKS_URL"),
        (PROD | {"jwks_url": "http://127.0.0.1.example.com/"}, None, "HUB_JWKS_URL"),
        (PROD | {"jwks_url": "http://[::1"}, None, "HUB_JWKS_URL"),
        (PROD | {"jwks_url": "file:///etc/keys.json"}, None, "HUB_JWKS_URL"),
        (PROD | {"jwks_url": "https:///keys"}, None, "HUB_JWKS_URL"),
        ({"env": "dev"}, None, "HUB_ISSUER"),
        (
            {"env": "dev", "jwks_url": "https://x.example.com/"},
            "http://127.0.0.1:1/",
            "HUB_JWKS_URL",
        ),
    ],
)
async def test_a_missing_setting_is_named(
    session: aiohttp.ClientSession, given_settings: Fields, url: str | None, variable: str
) -> None:
    with pytest.raises(Misconfigured, match=variable):
        verifier_for(Settings(**given_settings), own_jwks_url=url, session=session)


@pytest.mark.parametrize(
    ("given_settings", "expected"),
    [
        (PROD, ISSUER + "/.well-known/jwks.json"),
        (PROD | {"issuer": ISSUER + "/"}, ISSUER + "/.well-known/jwks.json"),
        (PROD | {"jwks_url": "https://keys.example.com/x"}, "https://keys.example.com/x"),
        (PROD | {"jwks_url": "http://127.0.0.1:9/x"}, "http://127.0.0.1:9/x"),
        (PROD | {"jwks_url": "http://[::1]:9/x"}, "http://[::1]:9/x"),
        (PROD | {"env": "dev", "jwks_url": "http://keycloak:8080/x"}, "http://keycloak:8080/x"),
    ],
)
async def test_where_keys_are_read(
    session: aiohttp.ClientSession, given_settings: Fields, expected: str
) -> None:
    # The hub's own keys are offered too: with an issuer named they are never an alternative.
    settings = Settings(**given_settings)
    verifier = verifier_for(settings, own_jwks_url="http://127.0.0.1:1/own", session=session)
    assert verifier.keys.url == expected
    assert verifier.issuer == settings.issuer
    assert verifier.client_ids == {CLIENT}


async def test_production_end_to_end(publisher: Publisher, session: aiohttp.ClientSession) -> None:
    settings = Settings(**PROD, jwks_url=publisher.url)
    verifier = verifier_for(settings, own_jwks_url=None, session=session)
    now = int(time.time())
    times = {"iat": now, "exp": now + 60}
    assert (await verifier.verify(token(claims=access(**times)))).sub == SUB
    dev = access(**times, iss=DEV_ISSUER, client_id=DEV_CLIENT_ID)
    await refused(verifier, token(claims=dev))
    await verifier.close()
