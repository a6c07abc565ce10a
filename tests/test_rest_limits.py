"""How fast one may ask, and how much one may send in how little."""

from __future__ import annotations

import asyncio
import gzip
import re
import time
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import orjson
import pytest
from resthouse import Rest, Said, at, draft, opened

from hub.rest import codings
from hub.rest.address import whence
from hub.rest.asked import MAX_BODY
from hub.rest.limits import Buckets, Left

PATH, ME = "/api/v1/bookings", "/api/v1/me"
BURST = 5


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        yield door


@pytest.fixture
async def slow(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    """Five requests at once, and then hardly any: no machine is so slow as to earn another."""
    limits = {"requests_per_second": 0.001, "requests_burst": BURST}
    async with opened(dsn, tmp_path, origins=("https://school.example",), **limits) as door:
        yield door


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_holds_a_burst_and_fills_again() -> None:
    clock = Clock()
    buckets = Buckets(20, 100, clock)
    assert [buckets.take("a").requests for _ in range(100)] == list(range(99, -1, -1))
    assert buckets.take("a") == Left(False, 0, 1)
    assert buckets.take("b") == Left(True, 99, 1)
    clock.now += 0.05
    assert buckets.take("a") == Left(True, 0, 1)
    assert not buckets.take("a").enough
    for _ in range(1000):  # refusals cost nothing
        buckets.take("a")
    clock.now += 2.5
    assert sum(buckets.take("a").enough for _ in range(100)) == 50
    clock.now += 1e6
    assert sum(buckets.take("a").enough for _ in range(200)) == 100


def test_the_wait_that_is_told_is_enough() -> None:
    for rate, burst in ((0.3, 1), (0.1, 3), (3, 7), (20, 100), (7.7, 2)):
        clock = Clock()
        buckets = Buckets(rate, burst, clock)
        for _ in range(200):
            left = buckets.take("a")
            clock.now += 0.0123
            if not left.enough:
                assert left.requests == 0
                assert left.seconds <= 1 / rate + 1
                clock.now += left.seconds - 0.0123
                assert buckets.take("a").enough


def test_buckets_are_bounded_and_forgotten() -> None:
    clock = Clock()
    buckets = Buckets(1, 2, clock, most=50)
    for number in range(1000):
        buckets.take(str(number))
    assert len(buckets) <= 50
    for _ in range(3):
        buckets.take("busy")
    clock.now += 1.5
    assert not [buckets.take("busy") for _ in range(2)][1].enough
    clock.now += 100
    for _ in range(60):
        buckets.take("busy")
    assert len(buckets) == 1


def test_an_address_is_a_subscriber() -> None:
    assert whence("10.1.2.3") == whence("::ffff:10.1.2.3") == "10.1.2.3"
    assert whence("2001:db8::1") == whence("2001:db8::ffff:1") != whence("2001:db8:0:1::1")
    assert whence(None) == whence("") == ""


def left(said: Said) -> int:
    assert said.headers["RateLimit-Policy"] == f'"default";q={BURST};w=5000'
    told = re.fullmatch(r'"default";r=(\d+);t=(\d+)', said.headers["RateLimit"])
    assert told is not None
    assert 0 < int(told[2]) <= 1000
    return int(told[1])


async def test_each_principal_has_its_own_share(slow: Rest) -> None:
    told = [await slow.ask("sam", "GET", ME) for _ in range(BURST)]
    assert [(said.status, left(said)) for said in told] == [
        (200, number) for number in range(BURST - 1, -1, -1)
    ]
    said = await slow.ask("sam", "GET", ME, headers={"Origin": "https://school.example"})
    assert (said.status, said.code, left(said)) == (429, "too-many-requests", 0)
    assert said.headers["RateLimit"].endswith(f"t={said.headers['Retry-After']}")
    assert said.headers["Access-Control-Allow-Origin"] == "https://school.example"
    # Nothing is done any more, whatever it is and whatever token he has; others are not touched.
    slow.tokens["sam"] = slow.hub.token("sub-sam", ttl=600)
    assert (await slow.ask("sam", "POST", PATH, draft())).status == 429
    assert not await slow.conn.fetchval("SELECT count(*) FROM bookings")
    assert (await slow.ask("sue", "GET", ME)).status == 200
    await slow.key("bookings:read")
    said = await slow.ask("robot", "GET", PATH)
    assert left(said) == BURST - 1
    # A refusal is counted like an answer.
    assert [(await slow.ask("ina", "POST", PATH, {})).status for _ in range(BURST + 1)] == [
        *[422] * BURST, 429,
    ]  # fmt: skip


async def test_whoever_is_not_known_shares_an_address(slow: Rest) -> None:
    sent = [{}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer hub_{'A' * 43}"}]
    told = [await slow.ask(None, "GET", ME, headers=headers) for headers in sent]
    assert [(said.status, left(said)) for said in told] == [(401, 4), (401, 3), (401, 2)]
    said = await slow.ask(None, "GET", "/api/v1/openapi.json")
    assert (said.status, left(said)) == (200, 1)
    said = await slow.ask(None, "POST", "/dev/token", {"email": "sam@example.com"})
    assert (said.status, left(said)) == (200, 0)
    for headers in sent:
        assert (await slow.ask(None, "GET", ME, headers=headers)).status == 429
    # Strangers do not use up what a member of the same address has.
    assert left(await slow.ask("sam", "GET", ME)) == BURST - 1


async def test_what_must_always_answer_is_not_counted(slow: Rest) -> None:
    page = {"Origin": "https://school.example", "Access-Control-Request-Method": "GET"}
    for _ in range(2 * BURST):
        for path in ("/healthz", "/readyz", "/", "/dev/.well-known/jwks.json"):
            said = await slow.ask(None, "GET", path)
            # A machine that is short of processor may be told so by /readyz.
            assert said.status in ((200, 503) if path == "/readyz" else (200,)), path
            assert "RateLimit" not in said.headers
        assert (await slow.ask(None, "OPTIONS", PATH, headers=page)).status == 204
    assert left(await slow.ask(None, "GET", ME)) == BURST - 1


async def test_a_share_comes_back(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, requests_per_second=2.0, requests_burst=2) as door:
        async with asyncio.timeout(10):
            while (said := await door.ask("sam", "GET", ME)).status == 200:
                pass
        await asyncio.sleep(int(said.headers["Retry-After"]))
        assert (await door.ask("sam", "GET", ME)).status == 200


async def post(door: Rest, data: bytes, *codings: str) -> Said:
    headers = [("Content-Type", "application/json")]
    headers += [("Authorization", f"Bearer {door.tokens['admin']}")]
    headers += [("Content-Encoding", coding) for coding in codings]
    async with door.http.post(
        door.hub.url + PATH, data=data, headers=headers, skip_auto_headers=["Content-Encoding"]
    ) as said:
        return Said(said.status, said.headers.copy(), await said.read())


def raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress, "X-GZIP": gzip.compress, "deflate": zlib.compress, "Deflate": raw,
    "identity": bytes, "identity, gzip": gzip.compress,
}  # fmt: skip


async def test_encoded_bodies_are_read(door: Rest) -> None:
    for hour, (coding, pack) in enumerate(PACKED.items()):
        one = draft(scheduled_datetime=at(2 * hour), duration_minutes=60)
        said = await post(door, pack(orjson.dumps(one)), coding)
        assert said.status == 201, (coding, said.body)


async def test_encodings_that_are_not_understood_are_named(door: Rest) -> None:
    body = gzip.compress(orjson.dumps(draft()))
    for sent in (("br",), ("zstd",), ("compress",), ("snappy",), ("gzip, gzip",), ("gzip", "gzip"),
                 ("gzip", "br"), ("é",)):  # fmt: skip
        said = await post(door, body, *sent)
        assert (said.status, said.code) == (415, "unsupported-media-type"), sent
        assert said.headers["Accept-Encoding"] == codings.ACCEPTED
        assert "Accept" not in said.headers, "the type was not at fault (RFC 9110, 15.5.16)"
    assert not await door.conn.fetchval("SELECT count(*) FROM bookings")


async def test_bodies_are_bounded_when_decoded(door: Rest) -> None:
    one = orjson.dumps(draft())
    for pack, coding in ((gzip.compress, "gzip"), (zlib.compress, "deflate"), (raw, "deflate")):
        most = one + b" " * (MAX_BODY - len(one))
        assert (await post(door, pack(most + b" "), coding)).code == "too-large"
        said = await post(door, pack(most), coding)
        assert said.status in (201, 409), "exactly what is allowed"
        for broken in (pack(one)[:-6], pack(one) + b"x", pack(one) * 2, b"no such thing", b""):
            said = await post(door, broken, coding)
            assert (said.status, said.code) == (400, "unparsable"), (coding, broken[:20])


async def test_a_bomb_costs_nothing(door: Rest) -> None:
    """A quarter of a gigabyte of blanks in what may be sent, twenty times over."""
    bomb = gzip.compress(b" " * (MAX_BODY * 1000))
    assert len(bomb) < MAX_BODY
    began = time.process_time()
    for _ in range(20):
        assert (await post(door, bomb, "gzip")).code == "too-large"
    assert time.process_time() - began < 2
    assert codings.decoded(bomb, "gzip", MAX_BODY) is None
    # One that is too large even packed is not looked into.
    assert (await post(door, bomb + b"\0" * MAX_BODY, "gzip")).code == "too-large"


async def test_head_is_get_without_its_body(door: Rest) -> None:
    booking = await door.booking()
    for path in (f"{PATH}/{booking['id']}", PATH, ME, "/healthz", "/nope", f"{PATH}?limit=0"):
        for who in ("sam", None):
            got = await door.ask(who, "GET", path)
            head = await door.ask(who, "HEAD", path)
            assert (head.status, head.body) == (got.status, b"")
            same = got.headers.keys() - {"Date", "X-Request-Id", "RateLimit", "Hub-Cursor"}
            assert head.headers.keys() == got.headers.keys()
            for name in same - {"Content-Length"} if got.status >= 400 else same:
                assert head.headers[name] == got.headers[name], name
