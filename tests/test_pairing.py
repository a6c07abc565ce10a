"""Pairing a kiosk: a code to show, an admin's approval, one credential, and nothing to guess or flood."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import pytest
import structlog
from resthouse import ID, Rest, Said, opened

from hub.identity import devices
from hub.schedule import pairing

DEVICES = "/api/v1/devices"
PAIRINGS = "/api/v1/pairings"
CLAIM = f"{PAIRINGS}/claim"


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        yield door


async def begin(door: Rest) -> dict[str, Any]:
    """What a kiosk is told when it begins."""
    said = await door.ask(None, "POST", PAIRINGS)
    assert said.status == 201, said.body
    return dict(said.json)


async def approve(door: Rest, code: str, **more: Any) -> Said:
    return await door.ask("admin", "POST", DEVICES, {"user_code": code, "name": "Lobby", **more})


async def claim(door: Rest, told: dict[str, Any]) -> Said:
    return await door.ask(None, "POST", CLAIM, {"device_code": told["device_code"]})


async def later(door: Rest, minutes: float) -> None:
    """The clock is moved on, as far as pairings can tell."""
    await door.conn.execute(
        "UPDATE pairing_codes SET expires_at = expires_at - make_interval(secs => $1)", minutes * 60
    )


async def test_a_kiosk_is_paired(door: Rest) -> None:
    said = await door.ask(None, "POST", PAIRINGS)
    assert said.headers["Cache-Control"] == "no-store"
    told = said.json
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", told["user_code"])
    assert len(told["device_code"]) == 43
    assert (told["expires_in"], told["interval"]) == (600, 5)
    assert told["verification_uri"] == f"{door.hub.url}/#devices"

    waits = await claim(door, told)
    assert (waits.status, waits.json) == (202, {"pending": True, "interval": 5})

    made = await approve(door, told["user_code"], airport="KPAO")
    assert made.status == 201
    assert "Hub-Transaction" in made.headers
    device = made.json
    assert made.headers["Location"] == f"{DEVICES}/{device['id']}"
    assert (device["name"], device["airport"], device["created_by"]) == (
        "Lobby",
        "KPAO",
        ID["admin"],
    )
    assert (device["paired_at"], device["revoked_at"]) == (None, None)

    got = await claim(door, told)
    assert got.status == 200
    assert got.headers["Cache-Control"] == "no-store"
    assert "Hub-Transaction" in got.headers
    assert re.fullmatch(r"hubd_[A-Za-z0-9_-]{43}", got.json["token"])
    own = got.json["device"]
    assert own["id"] == device["id"]
    assert own["paired_at"] is not None
    assert "created_by" not in own
    door.tokens["kiosk"] = got.json["token"]
    me = await door.ask("kiosk", "GET", f"{DEVICES}/me")
    assert (me.status, me.json) == (200, own)

    # What is good once is over; and a code that was never there is answered alike.
    again = await claim(door, told)
    never = await door.ask(None, "POST", CLAIM, {"device_code": token_urlsafe(32)})
    assert {(said.status, said.code) for said in (again, never)} == {(410, "pairing-over")}
    assert await door.conn.fetchval("SELECT count(*) FROM pairing_codes") == 0


async def test_where_people_find_the_hub(dsn: str, tmp_path: Path) -> None:
    """Its own address as it was asked for; behind a proxy's TLS, the origin the settings name."""
    async with opened(dsn, tmp_path, origins=("https://hub.example",)) as door:
        for host, site in (("hub.example", "https://hub.example"), ("b.test:1", "http://b.test:1")):
            said = await door.ask(None, "POST", PAIRINGS, headers={"Host": host})
            assert said.json["verification_uri"] == f"{site}/#devices"


async def test_a_code_is_typed_as_people_type(door: Rest) -> None:
    for spell in (
        str.lower,
        lambda code: code.replace("-", ""),
        lambda code: code.replace("-", " "),
    ):
        told = await begin(door)
        assert (await approve(door, spell(told["user_code"]))).status == 201
    for wrong in ("", "BCDF", "BCDF-GHJA", "BCDF-GHJ1", "BCDF-GHJKL", 12345678, None, "é" * 8):
        said = await door.ask("admin", "POST", DEVICES, {"user_code": wrong, "name": "x"})
        assert (said.status, said.where) == (422, ["/user_code"]), wrong
    said = await door.ask("admin", "POST", DEVICES, {"user_code": "x", "name": "", "airport": "k"})
    assert (said.status, said.where) == (422, ["/airport", "/name", "/user_code"])
    for body in ({}, {"device_code": "x"}, {"device_code": "é" * 43}, {"device_code": None}):
        said = await door.ask(None, "POST", CLAIM, body)
        assert (said.status, said.where) == (422, ["/device_code"])


async def test_of_two_claims_one_gets_the_credential(door: Rest) -> None:
    told = await begin(door)
    await approve(door, told["user_code"])
    said = await asyncio.gather(*(claim(door, told) for _ in range(12)))
    assert Counter(answer.status for answer in said) == {200: 1, 410: 11}
    [got] = [answer for answer in said if answer.status == 200]
    door.tokens["kiosk"] = got.json["token"]
    assert (await door.ask("kiosk", "GET", f"{DEVICES}/me")).status == 200


async def test_a_claim_that_waits_for_another_gets_nothing(door: Rest) -> None:
    """The second comes while the first has deleted the code and not committed yet."""
    told = await begin(door)
    await approve(door, told["user_code"])
    first = door.conn.transaction()
    await first.start()
    await door.conn.execute("DELETE FROM pairing_codes")
    second = asyncio.create_task(claim(door, told))
    await asyncio.sleep(0.1)
    assert not second.done()
    await first.commit()
    assert (await second).status == 410


async def test_a_code_is_approved_once(door: Rest) -> None:
    told = await begin(door)
    said = await asyncio.gather(*(approve(door, told["user_code"]) for _ in range(5)))
    assert Counter(answer.status for answer in said) == {201: 1, 422: 4}
    assert await door.conn.fetchval("SELECT count(*) FROM devices") == 1
    [wrong] = {(answer.code, *answer.where) for answer in said if answer.status == 422}
    assert wrong == ("unknown-code", "/user_code")
    # Unless it is the same request again, whose answer was lost.
    told = await begin(door)
    same = {"headers": {"Idempotency-Key": "k"}}
    body = {"user_code": told["user_code"], "name": "Twice"}
    first = await door.ask("admin", "POST", DEVICES, body, **same)
    again = await door.ask("admin", "POST", DEVICES, body, **same)
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_time_is_up_after_ten_minutes(door: Rest) -> None:
    shown, approved = await begin(door), await begin(door)
    await approve(door, approved["user_code"])
    await later(door, 9.9)
    assert (await claim(door, shown)).status == 202
    await later(door, 0.2)
    said = await approve(door, shown["user_code"])
    assert (said.status, said.code, said.where) == (422, "unknown-code", ["/user_code"])
    assert {(await claim(door, told)).status for told in (shown, approved)} == {410}
    fresh = await begin(door)
    assert await pairing.prune(door.hub.house.pool) == 2
    assert (await claim(door, fresh)).status == 202
    # A device that nobody became is the admin's to revoke.
    [left] = (await door.ask("admin", "GET", DEVICES)).json["items"]
    assert (left["paired_at"], left["last_seen_at"]) == (None, None)


async def test_pairings_are_pruned_by_the_clock(door: Rest) -> None:
    await begin(door)
    await later(door, 10)
    assert await door.hub.house.clock._chores["pairing codes"]() == 1


async def test_what_is_revoked_before_it_was_fetched_is_not_fetched(door: Rest) -> None:
    told = await begin(door)
    made = await approve(door, told["user_code"])
    await door.ask("admin", "DELETE", f"{DEVICES}/{made.json['id']}")
    assert (await claim(door, told)).code == "pairing-over"
    told = await begin(door)
    made = await approve(door, told["user_code"])
    await door.conn.execute("DELETE FROM devices")
    assert (await claim(door, told)).code == "pairing-over"


async def test_wrong_codes_are_counted(door: Rest) -> None:
    """By admin and by address; what was right, or is no code at all, is not counted."""
    for _ in range(12):
        assert (await approve(door, (await begin(door))["user_code"])).status == 201
        assert (await approve(door, "none")).status == 422
    for _ in range(10):
        assert (await approve(door, "BCDF-BCDF")).code == "unknown-code"
    told = await begin(door)
    said = await approve(door, told["user_code"])
    assert (said.status, said.code) == (429, "too-many-requests")
    assert 0 < int(said.headers["Retry-After"]) <= 60
    assert said.headers["RateLimit"].startswith('"codes";r=0;t=')
    await door.conn.execute("UPDATE users SET role = 'ADMIN' WHERE id = $1", ID["ivo"])
    await door.hub.house.feed.turned()
    other = await door.ask("ivo", "POST", DEVICES, {"user_code": "BCDF-BCDF", "name": "x"})
    assert other.status == 429, "another admin at the same address"
    assert (await door.ask("admin", "GET", DEVICES)).status == 200, "and nothing else is limited"


async def test_wrong_codes_that_come_at_once_are_counted(door: Rest) -> None:
    said = await asyncio.gather(*(approve(door, "BCDF-BCDF") for _ in range(30)))
    assert Counter(answer.status for answer in said) == {422: 10, 429: 20}


async def test_an_address_begins_so_many(door: Rest) -> None:
    said = [await door.ask(None, "POST", PAIRINGS) for _ in range(22)]
    assert Counter(answer.status for answer in said) == {201: 20, 429: 2}
    assert int(said[-1].headers["Retry-After"]) <= 30
    assert len({answer.json["user_code"] for answer in said[:20]}) == 20


async def test_nobody_fills_the_table(door: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "MOST_OPEN", 3)
    for _ in range(3):
        await begin(door)
    said = await door.ask(None, "POST", PAIRINGS)
    assert (said.status, said.code) == (503, "pairings-full")
    assert "Retry-After" in said.headers
    await later(door, 10)
    await begin(door)


async def test_a_code_that_another_kiosk_shows_is_not_given(
    door: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = iter(["BBBBBBBB", "BBBBBBBB", "CCCCCCCC"])
    monkeypatch.setattr(devices, "user_code", lambda: next(codes))
    assert (await begin(door))["user_code"] == "BBBB-BBBB"
    assert (await begin(door))["user_code"] == "CCCC-CCCC"


async def test_secrets_are_nowhere(door: Rest, caplog: pytest.LogCaptureFixture) -> None:
    """In no row, no event, no entry of the audit, no kept answer and no line of the log."""
    with structlog.testing.capture_logs() as logs, caplog.at_level(logging.DEBUG, "hub"):
        told = await begin(door)
        body = {"user_code": told["user_code"], "name": "Lobby"}
        made = await door.ask("admin", "POST", DEVICES, body, headers={"Idempotency-Key": "k"})
        kept = await everything(door)
        got = await claim(door, told)
        await claim(door, told)
        door.tokens["kiosk"] = got.json["token"]
        await door.ask("kiosk", "GET", f"{DEVICES}/me")
        door.tokens["guess"] = f"hubd_{token_urlsafe(32)}"
        assert (await door.ask("guess", "POST", DEVICES, body)).code == "unknown-device"
    kept += await everything(door)
    said = f"{logs} {caplog.text}"
    for secret in (told["device_code"], got.json["token"][5:], door.tokens["guess"][5:]):
        assert secret not in kept
        assert secret not in said
    assert made.json["id"] in kept
    told_of = await door.conn.fetch("SELECT row::text AS row FROM events WHERE entity = 'devices'")
    assert len(told_of) == 2, "made, and paired"
    assert not [row for row in told_of if "hash" in row["row"]]
    audit = (await door.ask("admin", "GET", f"/api/v1/audit?entity_id={made.json['id']}")).json
    assert [(entry["action"], entry["user_id"]) for entry in audit["items"]] == [
        ("update", None),
        ("create", ID["admin"]),
    ]
    assert set(audit["items"][0]["metadata"]["changed"]) == {"paired_at"}


async def everything(door: Rest) -> str:
    """Every row of every table that pairing could write to, as text."""
    found = ""
    for table in ("devices", "pairing_codes", "events", "audit_log", "idempotency_keys"):
        found += str(await door.conn.fetchval(f"SELECT string_agg(t::text, ' ') FROM {table} AS t"))
    return found
