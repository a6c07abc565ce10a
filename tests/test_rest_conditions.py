"""If-Match is heeded or refused, never ignored; and what one request may cost to be refused is bounded."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson
import pytest
from offers import offer, rank, ranking, times
from resthouse import Rest, draft, opened

from hub.errors import Unparsable
from hub.rest import asked, strict

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


async def test_a_hundred_faults_are_told(door: Rest) -> None:
    said = await door.ask("admin", "POST", PATH, {f"x{n}": 1 for n in range(3000)})
    assert said.status == 422
    assert len(said.json["errors"]) == asked.MOST_FAULTS
    assert "the first 100 are told" in said.json["detail"]


async def test_a_body_of_countless_values_is_refused_at_once(door: Rest) -> None:
    for body in (
        b"[" + b"1," * 100_000 + b"1]",
        b'{"options":'
        + orjson.dumps([{f"{n}": 1 for n in range(i, i + 900)} for i in range(9)])
        + b"}",
        orjson.dumps({f"x{n}": 1 for n in range(21_000)}),
    ):
        began = perf_counter()
        with pytest.raises(Unparsable):
            strict.loads(body)
        assert perf_counter() - began < 0.1
        said = await door.ask(
            "admin", "POST", PATH, data=gzip.compress(body),
            headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
        )  # fmt: skip
        assert (said.status, said.code) == (400, "unparsable")


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
