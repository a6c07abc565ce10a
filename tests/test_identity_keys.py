"""The issuer's keys: fetched once, kept well, replaced only by better."""

from __future__ import annotations

import asyncio
import base64
import gzip
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jwks_server import Clock, Publisher, jwk, rsa_key, until
from structlog.testing import capture_logs

from hub.errors import Unauthenticated, Unavailable
from hub.identity.keys import Keys, public_keys


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    publisher = Publisher()
    publisher.publish(jwk("one", rsa_key(1)))
    await publisher.start()
    yield publisher
    publisher.open.set()
    await publisher.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000.0)


@pytest.fixture
async def keys(
    publisher: Publisher, session: aiohttp.ClientSession, clock: Clock
) -> AsyncIterator[Keys]:
    keys = Keys(publisher.url, session, clock=clock)
    yield keys
    await keys.close()


PUBLIC_ONE = rsa_key(1).public_key()
PUBLIC_TWO = rsa_key(2).public_key()


async def test_a_key_is_fetched_once_and_then_known(keys: Keys, publisher: Publisher) -> None:
    assert keys.known("one") is None
    assert await keys.find("one") == PUBLIC_ONE
    assert keys.known("one") == PUBLIC_ONE
    assert await keys.find("one") == PUBLIC_ONE
    assert publisher.hits == 1


async def test_everyone_shares_one_fetch(keys: Keys, publisher: Publisher) -> None:
    publisher.open.clear()
    waiting = [asyncio.ensure_future(keys.find("one")) for _ in range(500)]
    await until(lambda: publisher.hits == 1)
    publisher.open.set()
    assert await asyncio.gather(*waiting) == [PUBLIC_ONE] * 500
    assert publisher.hits == 1


async def test_a_cancelled_caller_leaves_the_fetch_to_the_others(
    keys: Keys, publisher: Publisher
) -> None:
    publisher.open.clear()
    first, second = (asyncio.ensure_future(keys.find("one")) for _ in range(2))
    await until(lambda: publisher.hits == 1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    publisher.open.set()
    assert await second == PUBLIC_ONE
    assert publisher.hits == 1


async def test_a_fetch_outlives_its_only_caller(keys: Keys, publisher: Publisher) -> None:
    publisher.open.clear()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(keys.find("one"), 0.05)
    publisher.open.set()
    await until(lambda: keys.known("one") is not None)
    assert publisher.hits == 1


async def test_invented_kids_cause_one_fetch_a_cooldown(
    keys: Keys, publisher: Publisher, clock: Clock
) -> None:
    await keys.find("one")

    async def flood() -> None:
        tried = await asyncio.gather(
            *(keys.find(f"invented-{n}") for n in range(200)), return_exceptions=True
        )
        assert {type(outcome) for outcome in tried} == {Unauthenticated}

    await flood()
    assert publisher.hits == 1
    clock.now += 9.9
    await flood()
    assert publisher.hits == 1
    clock.now += 0.2
    await flood()
    await flood()
    assert publisher.hits == 2
    assert keys.known("one") == PUBLIC_ONE


async def test_a_new_key_is_found_and_a_withdrawn_one_forgotten(
    keys: Keys, publisher: Publisher, clock: Clock
) -> None:
    await keys.find("one")
    clock.now += 11
    publisher.publish(jwk("two", rsa_key(2)))
    assert await keys.find("two") == PUBLIC_TWO
    assert keys.known("one") is None
    with pytest.raises(Unauthenticated):
        await keys.find("one")


async def test_a_set_is_refreshed_in_the_background(
    keys: Keys, publisher: Publisher, clock: Clock
) -> None:
    await keys.find("one")
    clock.now += 1_799
    assert keys.known("one") == PUBLIC_ONE
    await asyncio.sleep(0.02)
    assert publisher.hits == 1
    clock.now += 1
    publisher.publish(jwk("two", rsa_key(2)))
    publisher.open.clear()
    assert keys.known("one") == PUBLIC_ONE  # at once, though the answer is still to come
    await until(lambda: publisher.hits == 2)
    publisher.open.set()
    await until(lambda: keys.known("two") is not None)
    assert keys.known("one") is None
    assert publisher.hits == 2


async def test_a_set_past_its_age_is_not_used_before_it_was_read_again(
    keys: Keys, publisher: Publisher, clock: Clock
) -> None:
    await keys.find("one")
    publisher.publish(jwk("two", rsa_key(2)))
    clock.now += 3_600
    assert keys.known("one") is None
    with pytest.raises(Unauthenticated):
        await keys.find("one")
    assert publisher.hits == 2


async def test_known_keys_serve_through_an_outage(
    keys: Keys, publisher: Publisher, clock: Clock
) -> None:
    await keys.find("one")
    await publisher.stop()
    for _ in range(5):
        clock.now += 3_600
        assert await keys.find("one") == PUBLIC_ONE
        assert keys.known("one") == PUBLIC_ONE
    # Of an unknown kid nothing can be said meanwhile: not "no", but "not now".
    clock.now += 100
    with pytest.raises(Unavailable) as refused:
        await keys.find("two")
    assert 1 <= refused.value.retry_after <= 60

    publisher.publish(jwk("two", rsa_key(2)))
    await publisher.start()
    clock.now += 60
    assert await keys.find("two") == PUBLIC_TWO
    assert keys.known("one") is None
    # And it is over: a no is a no again, and age counts again.
    with pytest.raises(Unauthenticated):
        await keys.find("one")
    clock.now += 3_600
    assert keys.known("two") is None


async def test_without_any_key_nobody_is_refused_for_good(
    keys: Keys, publisher: Publisher, clock: Clock
) -> None:
    publisher.status = 500
    pauses = []
    for attempt in range(1, 10):
        with pytest.raises(Unavailable) as refused:
            await keys.find("one")
        pauses.append(refused.value.retry_after)
        clock.now += refused.value.retry_after - 0.01
        with pytest.raises(Unavailable):
            await keys.find("one")
        assert publisher.hits == attempt, "it asked again before the pause was over"
        clock.now += 0.02
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    publisher.status = 200
    assert await keys.find("one") == PUBLIC_ONE


async def test_an_endpoint_that_does_not_answer_is_given_up(
    publisher: Publisher, session: aiohttp.ClientSession
) -> None:
    publisher.open.clear()
    keys = Keys(publisher.url, session, timeout=0.1)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(keys.find("one"), 10)
    await keys.close()


async def test_an_endpoint_that_dribbles_is_given_up(
    publisher: Publisher, session: aiohttp.ClientSession
) -> None:
    async def dribble(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    publisher.answer = dribble
    keys = Keys(publisher.url, session, timeout=0.3)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(keys.find("one"), 10)
    await keys.close()


async def test_an_endless_answer_is_not_read_to_its_end(keys: Keys, publisher: Publisher) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 16_384)
            sent += 16_384

    publisher.answer = endless
    with pytest.raises(Unavailable):
        await keys.find("one")
    assert sent < 32 * 1024 * 1024  # what the sockets' buffers took


async def test_a_long_answer_is_refused_even_if_it_is_good(
    keys: Keys, publisher: Publisher
) -> None:
    publisher.body += b" " * (64 * 1024)
    with pytest.raises(Unavailable):
        await keys.find("one")


async def test_an_answer_of_just_the_bound_is_read(keys: Keys, publisher: Publisher) -> None:
    publisher.body = publisher.body.ljust(64 * 1024)
    assert await keys.find("one") == PUBLIC_ONE


async def test_a_compressed_bomb_is_refused(keys: Keys, publisher: Publisher) -> None:
    async def bomb(_: web.Request) -> web.StreamResponse:
        body = gzip.compress(publisher.body + b" " * (20 * 1024 * 1024))
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    publisher.answer = bomb
    with pytest.raises(Unavailable):
        await keys.find("one")


async def test_a_redirect_is_not_followed(keys: Keys, publisher: Publisher) -> None:
    async def away(request: web.Request) -> web.StreamResponse:
        if request.path == "/elsewhere":
            return web.Response(body=publisher.body)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    publisher.answer = away
    with pytest.raises(Unavailable):
        await keys.find("one")
    assert publisher.hits == 1


MALFORMED = [
    b"",
    b"\xff\xfe",
    b"<html>down for maintenance</html>",
    b"null",
    b"[]",
    b"{}",
    b'{"keys":{}}',
    b'{"keys":null}',
    b'{"keys":[]}',
    b'{"keys":[null,1,"x",[]]}',
    b'{"keys":[{"kty":"oct","kid":"one","k":"c2VjcmV0"}]}',
    b"[" * 60_000,
]


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
async def test_a_malformed_set_does_not_replace_good_keys(
    keys: Keys, publisher: Publisher, clock: Clock, body: bytes
) -> None:
    await keys.find("one")
    publisher.body = body
    clock.now += 4_000
    assert await keys.find("one") == PUBLIC_ONE
    assert publisher.hits == 2
    assert keys.known("one") == PUBLIC_ONE
    with pytest.raises(ValueError):  # noqa: PT011 - json's own words
        public_keys(body)


async def test_closing_ends_the_fetch_and_answers_who_waits(
    keys: Keys, publisher: Publisher
) -> None:
    publisher.open.clear()
    waiting = [asyncio.ensure_future(keys.find("one")) for _ in range(3)]
    await until(lambda: publisher.hits == 1)
    await keys.close()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    with pytest.raises(Unavailable):
        await keys.find("one")
    assert publisher.hits == 1


async def test_closing_is_no_verdict_on_an_unknown_kid(
    keys: Keys, publisher: Publisher, clock: Clock
) -> None:
    await keys.find("one")
    clock.now += 11
    publisher.open.clear()
    waiting = asyncio.ensure_future(keys.find("two"))
    await until(lambda: publisher.hits == 2)
    await keys.close()
    with pytest.raises(Unavailable):
        await waiting


async def test_closing_before_the_fetch_has_begun(keys: Keys, publisher: Publisher) -> None:
    waiting = asyncio.ensure_future(keys.find("one"))
    await asyncio.sleep(0)
    await keys.close()
    with pytest.raises(Unavailable):
        await waiting


async def test_a_closed_session_is_an_outage(publisher: Publisher) -> None:
    session = aiohttp.ClientSession()
    await session.close()
    keys = Keys(publisher.url, session)
    with capture_logs() as logs, pytest.raises(Unavailable):
        await keys.find("one")
    assert [entry["event"] for entry in logs] == ["jwks.failed"]


async def test_the_log_tells_of_the_outage_but_no_kid_and_no_query(
    publisher: Publisher, session: aiohttp.ClientSession
) -> None:
    publisher.status = 503
    keys = Keys(publisher.url + "?secret=query", session)
    with capture_logs() as logs, pytest.raises(Unavailable) as refused:
        await keys.find("kid-of-an-attacker")
    assert [entry["event"] for entry in logs] == ["jwks.failed"]
    told = repr(logs) + str(refused.value)
    assert "503" in told
    assert "127.0.0.1" in told
    assert "attacker" not in told
    assert "secret" not in told


# The document, without a network.


def read(*members: object) -> set[str]:
    try:
        return set(public_keys(orjson.dumps({"keys": members})))
    except ValueError:
        return set()


def test_a_key_may_leave_its_use_and_algorithm_unsaid() -> None:
    bare = jwk("bare", rsa_key(1))
    del bare["use"], bare["alg"]
    assert read(bare, jwk("with", rsa_key(2), key_ops=["verify"])) == {"bare", "with"}


def test_what_is_not_ours_is_passed_over() -> None:
    good = jwk("good", rsa_key(1))
    n = good["n"]
    private = rsa_key(2).private_numbers().d
    shorter = (rsa_key(1).public_key().public_numbers().n >> 1) | 1
    short = base64.urlsafe_b64encode(shorter.to_bytes(256, "big")).rstrip(b"=").decode()
    ec = {"kty": "EC", "crv": "P-256", "x": n, "y": n}
    bad: list[Any] = [
        jwk("enc", rsa_key(2), use="enc"),
        jwk("null use", rsa_key(2), use=None),
        jwk("rs512", rsa_key(2), alg="RS512"),
        jwk("ps256", rsa_key(2), alg="PS256"),
        jwk("hs256", rsa_key(2), alg="HS256"),
        jwk("sign only", rsa_key(2), key_ops=["sign"]),
        jwk("ops", rsa_key(2), key_ops="verify"),
        jwk("weak", rsa_key(1, 1024)),
        jwk("2047 bits", rsa_key(1), n=short),
        jwk("enormous", rsa_key(1), n="_" * 2_000),
        jwk("private", rsa_key(2), d=str(private)),
        jwk("e is 1", rsa_key(2), e="AQ"),
        jwk("e is even", rsa_key(2), e="BA"),
        jwk("e is 0", rsa_key(2), e="AA"),
        jwk("e is enormous", rsa_key(2), e="EAAAAAAAAAAAAAAAAQ"),
        jwk("padded", rsa_key(2), n=n + "=="),
        jwk("not base64url", rsa_key(2), n="!" + n[1:]),
        jwk("newline", rsa_key(2), n=n + "\n"),
        jwk("impossible length", rsa_key(2), n=n + "AAA"),
        jwk("n is a number", rsa_key(2), n=65537),
        jwk("n is null", rsa_key(2), n=None),
        jwk("oct", rsa_key(2), kty="oct", k="c2VjcmV0"),
        jwk("ec", rsa_key(2)) | ec,
        jwk("", rsa_key(2)),
        jwk("x", rsa_key(2)) | {"kid": 7},
        jwk("x", rsa_key(2)) | {"kid": None},
        jwk("x", rsa_key(2)) | {"kid": ["x"]},
        {key: value for key, value in jwk("x", rsa_key(2)).items() if key != "kid"},
        {key: value for key, value in jwk("no n", rsa_key(2)).items() if key != "n"},
        None,
        [],
        "x",
    ]
    for member in bad:
        assert read(member, good) == {"good"}, member
    assert read(*bad, good, *bad) == {"good"}


def test_a_kid_of_two_different_keys_is_nobodys() -> None:
    one, other = jwk("same", rsa_key(1)), jwk("same", rsa_key(2))
    assert read(one, one) == {"same"}
    assert read(one, other) == set()
    assert read(one, other, one, jwk("good", rsa_key(2))) == {"good"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**60) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kty", "kid", "n", "e", "use", "alg", "key_ops", "d"])
            | st.text(max_size=5),
            inner,
            max_size=8,
        )
    ),
    max_leaves=12,
)


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80) | JSON.map(orjson.dumps))
def test_any_document_is_a_value_error_at_most(document: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's own words
        public_keys(document)


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries(
        {"kty": st.just("RSA"), "kid": JSON},
        optional={
            "n": JSON | st.text("AQgw_-", max_size=400),
            "e": JSON | st.text("AQgw_-", max_size=8),
            "use": JSON,
            "alg": JSON,
            "key_ops": JSON,
        },
    )
)
def test_any_member_leaves_the_good_one(member: dict[str, Any]) -> None:
    assert "the good one" in read(member, jwk("the good one", rsa_key(1)))
