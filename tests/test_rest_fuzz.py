"""Whatever is sent, the hub does not fail: no 5xx, and nothing in the log at error level.

``HUB_TEST_EXAMPLES`` says how many cases each property gets.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from resthouse import ID, Rest, Said, at, draft, opened

from hub.rest.problem import MEDIA_TYPE

PATH = "/api/v1/bookings"
PROFILE = settings(
    max_examples=int(os.environ.get("HUB_TEST_EXAMPLES", "60")),
    derandomize="HUB_TEST_EXAMPLES" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
Ask = Callable[..., Said]


@pytest.fixture
def ask(dsn: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Ask]:
    """Ask a hub that runs in a loop of its own, as Hypothesis is not asynchronous."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    ready: Future[Rest] = Future()

    async def live() -> None:
        try:
            async with opened(dsn, tmp_path) as door:
                await door.booking()
                ready.set_result(door)
                await stop.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise

    thread = threading.Thread(target=loop.run_until_complete, args=(live(),))
    thread.start()
    try:
        door = ready.result(30)

        def ask(*args: Any, **kwargs: Any) -> Said:
            said = asyncio.run_coroutine_threadsafe(door.ask(*args, **kwargs), loop).result(30)
            assert said.status < 500, said
            if said.status >= 400:
                assert said.headers["Content-Type"] == MEDIA_TYPE, said
                assert said.code, said
            return said

        with structlog.testing.capture_logs() as logs, caplog.at_level(logging.ERROR):
            yield ask
        assert not [line for line in logs if line["log_level"] in ("error", "critical")]
        assert not caplog.records
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


TEXT = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "\0", "KPAO", "N512SP", "null", "' OR 1=1 --", "%s", "\u202e", "a" * 300, "💥",
         "2030-01-31T15:00:00Z", "2030-02-30T15:00:00Z", "9999-12-31T23:59:60-23:59",
         "0001-01-01T00:00:00+23:59", "infinity", at(3), *ID.values()]
    ),
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 1e308, 5e-324, 2**63, 90.00000000001, 60.0, 2**31, -(2**63) - 1]),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXT)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from([*draft(), "training_level", "duration_minutes", "status", "id"])
#: A good draft with some fields gone wrong, or right in another way.
DRAFTS = st.builds(
    lambda changes, gone: {k: v for k, v in {**draft(), **changes}.items() if k not in gone},
    st.dictionaries(FIELDS, VALUES, max_size=3),
    st.sets(FIELDS, max_size=1),
)
METHOD = st.sampled_from(["POST", "PATCH"])


def dumps(value: Any) -> bytes:
    """As JSON, integers beyond 64 bits included."""
    return json.dumps(value).encode()


@PROFILE
@given(METHOD, st.one_of(VALUES, DRAFTS, st.dictionaries(FIELDS, VALUES, max_size=5)))
def test_any_json(ask: Ask, method: str, body: Any) -> None:
    path = PATH if method == "POST" else f"{PATH}/{_first(ask)}"
    said = ask(
        "admin", method, path, data=dumps(body), headers={"Content-Type": "application/json"}
    )
    assert said.status in (200, 201, 400, 409, 422)


def _first(ask: Ask) -> str:
    id: str = ask("admin", "GET", f"{PATH}?limit=1").json["items"][0]["id"]
    return id


@PROFILE
@given(
    METHOD,
    st.one_of(st.binary(max_size=60), st.binary(max_size=8).map(lambda b: dumps(draft())[:-1] + b)),
)
def test_any_bytes(ask: Ask, method: str, body: bytes) -> None:
    path = PATH if method == "POST" else f"{PATH}/{ID['sam']}"
    for encoding in ("identity", "gzip"):
        headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
        said = ask("admin", method, path, data=body, headers=headers)
        assert said.status in (400, 404, 422)


NAMES = st.one_of(
    st.sampled_from(
        ["from", "to", "student_id", "aircraft_id", "airport", "status", "limit", "after", "read"]
    ),
    st.text(max_size=5),
)
WORDS = st.one_of(TEXT.map(lambda text: text.encode(errors="surrogatepass")), st.binary(max_size=9),
                  st.sampled_from([b"AT_RISK,CONFIRMED", b"true", b"100", b"1e2"]))  # fmt: skip


@PROFILE
@given(st.sampled_from([PATH, "/api/v1/notifications", "/api/v1/me", "/healthz"]),
       st.sampled_from(["admin", "sam"]), st.lists(st.tuples(NAMES, WORDS), max_size=4))  # fmt: skip
def test_any_query(ask: Ask, path: str, who: str, query: list[tuple[str, bytes]]) -> None:
    text = "&".join(
        f"{quote_from_bytes(name.encode(errors='surrogatepass'))}={quote_from_bytes(word)}"
        for name, word in query
    )
    ask(who, "GET", f"{path}?{text}")


@PROFILE
@given(st.binary(max_size=20), st.sampled_from(["GET", "PATCH", "DELETE", "POST", "PUT"]))
def test_any_path(ask: Ask, path: bytes, method: str) -> None:
    for below in ("/", PATH + "/", "/api/v1/notifications/"):
        ask("sam", method, below + quote_from_bytes(path, safe="/"))


HEADERS = st.sampled_from(
    ["If-Match", "If-None-Match", "Idempotency-Key", "X-Request-Id", "Authorization", "Content-Type",
     "Accept", "Range", "Prefer"]
)  # fmt: skip


@PROFILE
@given(
    st.dictionaries(
        HEADERS,
        st.text(
            st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"),
            max_size=20,
        ),
        max_size=3,
    )
)
def test_any_header(ask: Ask, headers: dict[str, str]) -> None:
    for method, path, body in (
        ("GET", PATH, None),
        ("POST", PATH, {"student_id": ID["sam"]}),
        ("DELETE", f"{PATH}/{ID['sam']}", None),
    ):
        ask("admin", method, path, body, headers=headers)
