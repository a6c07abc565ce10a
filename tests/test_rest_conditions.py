"""If-Match is heeded or refused, never ignored; and what one request may cost to be refused is bounded."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import process_time
from typing import Any

import orjson
import pytest
from offers import offer, rank, ranking, times
from pydantic import ValidationError
from resthouse import Rest, at, opened
from test_rest_access import (
    ABSENT,
    BODIES,
    MATRIX,
    WHO,
    afresh,
    generic,
    row,
    rows,
)
from test_rest_registry import ROUTES

from hub.errors import HubError
from hub.rest import asked, strict
from hub.schedule.keys import KeyDraft

PATH = "/api/v1/bookings"
NOTES = "/api/v1/notifications/read-all"


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        yield door


# If-Match.


async def test_of_two_sets_of_options_for_one_version_one_is_made(door: Rest) -> None:
    flight = await door.booking()
    path = f"{PATH}/{flight['id']}/options"
    seen = (await door.ask("admin", "GET", path)).headers["ETag"]
    said = await asyncio.gather(
        *(
            door.ask("admin", "PUT", path, times(hour), headers={"If-Match": seen})
            for hour in range(8, 14)
        )
    )
    assert sorted(answer.status for answer in said) == [200] + [412] * 5
    [won] = [answer for answer in said if answer.status == 200]
    now = await door.ask("admin", "GET", path)
    assert (now.body, now.headers["ETag"]) == (won.body, won.headers["ETag"])


async def test_an_answer_meanwhile_makes_the_options_another_version(door: Rest) -> None:
    flight = await door.booking()
    path = f"{PATH}/{flight['id']}/options"
    first, *_ = await offer(door, flight)
    seen = (await door.ask("admin", "GET", path)).headers["ETag"]
    await rank(door, "sam", flight, ranking(first))
    said = await door.ask("admin", "PUT", path, times(9), headers={"If-Match": seen})
    assert (said.status, said.code) == (412, "stale")
    assert (await door.ask("sam", "GET", path)).json["mine"]["option1_id"] == first


async def test_where_nothing_can_be_matched_if_match_is_refused(door: Rest) -> None:
    await door.booking()
    for route in ROUTES:
        if route.method == "GET" or route.conditional:
            continue
        who = None if route.who is None else "admin"
        path = route.path.replace("{id}", ABSENT)
        body = BODIES.get((route.method, route.path))
        said = await door.ask(who, route.method, path, body, headers={"If-Match": '"x"'})
        assert (said.status, said.code) == (412, "stale"), (route.method, path)
        assert "send the request without" in said.json["detail"]
    assert await door.conn.fetchval("SELECT count(*) FROM bookings") == 1
    assert not await door.conn.fetchval("SELECT count(*) FROM pairing_codes")
    # Any will do, says *: so there is nothing to refuse.
    said = await door.ask("admin", "POST", NOTES, headers={"If-Match": "*"})
    assert said.status == 200


async def _changes(door: Rest) -> AsyncIterator[tuple[str, str, str, Any]]:
    """Each change that takes If-Match, of a row that is there: by whom, how, where, with what body."""
    for route in ROUTES:
        if not route.conditional:
            continue
        await afresh(door)
        who, path = next(
            (who, path)
            for (method, path), expected in MATRIX.items()
            for who in ("admin", "sam")
            if (method, generic(path)) == (route.method, route.path)
            and expected[WHO.index(who)] < 300
        )
        real = path.format(**{name: await row(door, name, path) for name in rows(path)})
        yield who, route.method, real, BODIES.get((route.method, route.path))


async def test_another_version_is_never_written_over(door: Rest) -> None:
    tried = set()
    async for who, method, path, body in _changes(door):
        before = await door.ask(who, "GET", path)
        said = await door.ask(who, method, path, body, headers={"If-Match": '"x"'})
        assert (said.status, said.code) == (412, "stale"), (method, path)
        seen = await door.ask(who, "GET", path)
        assert seen.body == before.body, (method, path)
        said = await door.ask(
            who, method, path, body, headers={"If-Match": f'"x", {seen.headers["ETag"]}'}
        )
        assert said.status in (200, 204), (method, path, said.body)
        tried.add(f"{method} {path.split('/')[3]}")
    assert {"DELETE keys", "DELETE devices", "DELETE users", "PUT bookings"} <= tried


async def test_a_school_may_demand_if_match(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, require_if_match=True) as door:
        async for who, method, path, body in _changes(door):
            said = await door.ask(who, method, path, body)
            assert (said.status, said.code) == (428, "precondition-required"), (method, path)
            assert "If-Match" in said.json["detail"]
            seen = (await door.ask(who, "GET", path)).headers["ETag"]
            said = await door.ask(who, method, path, body, headers={"If-Match": seen})
            assert said.status in (200, 204), (method, path, said.body)
        async for who, method, path, body in _changes(door):
            said = await door.ask(who, method, path, body, headers={"If-Match": "*"})
            assert said.status in (200, 204), (method, path, said.body)
        # What has no version is not asked for one.
        flight = await door.booking(scheduled_datetime=at(3))
        conflict = f"{PATH}/{flight['id']}/weather-conflict"
        assert (await door.ask("admin", "PUT", conflict, {"detail": "Gusts."})).status == 200
        assert (await door.ask("sam", "POST", NOTES)).status == 200


# What it costs to be refused.


#: As large as a body may be, and each of another kind of much.
MUCH = {
    "unknown": orjson.dumps({f"x{n}": 1 for n in range(24_800)}),
    "texts": b'["' + b'\\u0000","' * 29_000 + b'"]',
    "names": orjson.dumps({f"\0{n}": 1 for n in range(16_000)}),
    "scopes": orjson.dumps({"name": "x", "scopes": ["x"] * 65_000}),
    "numbers": b'{"options":[' + b"1," * 120_000 + b"1]}",
    "empty": b"[" + b"{}," * 80_000 + b"{}]",
    "deep": b"[" + b"[[[[[[[[{}]]]]]]]]," * 13_000 + b"{}]",
}


@pytest.mark.parametrize("much", MUCH)
async def test_an_answer_does_not_outgrow_what_was_asked(door: Rest, much: str) -> None:
    sent = MUCH[much]
    assert asked.MAX_BODY * 0.7 < len(sent) <= asked.MAX_BODY
    for path in (PATH, "/api/v1/keys"):
        said = await door.ask(
            "admin", "POST", path, data=gzip.compress(sent),
            headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
        )  # fmt: skip
        assert said.code in ("unparsable", "invalid")
        assert len(said.body) < 20_000
        assert len(said.json.get("errors", [])) <= strict.MOST_FAULTS
        if len(said.json.get("errors", [])) == strict.MOST_FAULTS:
            assert "more faults than the 100" in said.json["detail"]


@pytest.mark.parametrize("much", MUCH)
def test_no_body_holds_up_the_others_for_long(much: str) -> None:
    """Measured by what Python's own reader takes for so much, on whatever machine."""

    def took(read: Callable[[], object]) -> float:
        spent = []
        for _ in range(5):
            began = process_time()
            with contextlib.suppress(HubError, ValidationError):
                read()
            spent.append(process_time() - began)
        return min(spent)

    sent = MUCH[much]
    plain = took(lambda: json.loads(MUCH["numbers"], parse_int=float))
    assert took(lambda: strict.loads(sent)) < 80 * plain
    assert took(lambda: KeyDraft.model_validate(orjson.loads(sent))) < 80 * plain


async def test_a_full_set_of_options_with_long_forecasts_is_none_of_that(door: Rest) -> None:
    """Twenty options, each with the weather of a hundred hours, of six figures each."""
    flight = await door.booking()
    hours = [dict.fromkeys(("t", "wind", "gust", "vis", "ceil", "qnh"), n) for n in range(100)]
    options = [
        {"suggested_datetime": at(n, 2), "weather_forecast": {"hours": hours}} for n in range(20)
    ]
    said = await door.ask("admin", "PUT", f"{PATH}/{flight['id']}/options", {"options": options})
    assert said.status == 200, said.body


async def test_a_stranger_may_send_little(door: Rest) -> None:
    body: dict[str, Any] = {"code": "x" * asked.SMALL_BODY}
    said = await door.ask(None, "POST", "/api/v1/pairings/claim", body)
    assert (said.status, said.code) == (413, "too-large")
    said = await door.ask(
        None, "POST", "/api/v1/pairings/claim", data=gzip.compress(orjson.dumps(body)),
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
    )  # fmt: skip
    assert said.status == 413
