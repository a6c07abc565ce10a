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
from resthouse import Rest, at, draft, opened

from hub.errors import HubError
from hub.rest import asked, strict
from hub.schedule.keys import KeyDraft

PATH = "/api/v1/bookings"


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
    flight = await door.booking()
    key, device = await door.key("bookings:read"), await door.device()
    conflict = f"{PATH}/{flight['id']}/weather-conflict"
    for method, path, body in (
        ("POST", PATH, draft(aircraft_id="N2")),
        ("DELETE", f"/api/v1/keys/{key}", None),
        ("PUT", conflict, {}),
        ("DELETE", conflict, None),
    ):
        said = await door.ask("admin", method, path, body, headers={"If-Match": '"x"'})
        assert (said.status, said.code) == (412, "stale"), (method, path)
    assert (await door.ask("robot", "GET", PATH)).status == 200
    assert await door.conn.fetchval("SELECT count(*) FROM bookings") == 1
    assert await door.conn.fetchval("SELECT status FROM bookings") == "CONFIRMED"
    # Any will do, says *: so there is nothing to refuse.
    for path in (f"/api/v1/keys/{key}", f"/api/v1/devices/{device}"):
        said = await door.ask("admin", "DELETE", path, headers={"If-Match": "*"})
        assert said.status == 204, path


async def test_a_school_may_demand_if_match(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, require_if_match=True) as door:
        path = f"{PATH}/{(await door.booking())['id']}"
        for method, where, body in (
            ("PATCH", path, {"duration_minutes": 90}),
            ("DELETE", path, None),
            ("PUT", f"{path}/options", times(9)),
        ):
            said = await door.ask("admin", method, where, body)
            assert (said.status, said.code) == (428, "precondition-required"), where
        seen = (await door.ask("admin", "GET", path)).headers["ETag"]
        for tag in (seen, "*"):
            change = {"duration_minutes": 90 if tag == seen else 95}
            said = await door.ask("admin", "PATCH", path, change, headers={"If-Match": tag})
            assert said.status == 200, tag


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
    assert took(lambda: strict.loads(sent)) < 8 * plain
    assert took(lambda: KeyDraft.model_validate(orjson.loads(sent))) < 8 * plain


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


# What the house itself cleans up.


async def test_the_house_s_clock_prunes_what_it_says(door: Rest) -> None:
    conn = door.conn
    await door.ask("admin", "POST", PATH, draft(), headers={"Idempotency-Key": "old"})
    await door.ask(None, "POST", "/api/v1/pairings", {})
    kept = {"events": "at", "idempotency_keys": "created_at", "pairing_codes": "expires_at"}
    for table, column in kept.items():
        assert await conn.fetchval(f"SELECT count(*) FROM {table}"), table
        await conn.execute(f"UPDATE {table} SET {column} = now() - interval '90 days'")
    await door.hub.house.clock._clean()
    for table in kept:
        assert not await conn.fetchval(
            f"SELECT count(*) FROM {table} WHERE {kept[table]} < now() - interval '89 days'"
        ), table
