"""Availability over HTTP: patterns and overrides kept, windows and slots computed from them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from offers import waiting
from pydantic import ValidationError
from resthouse import ID, Rest, Said, opened

from hub.errors import Forbidden, NotFound
from hub.model import AvailabilityOverride, AvailabilityPattern
from hub.rest.windows import Slots, Windows
from hub.rules.access import Principal
from hub.rules.cursor import parse_cursor
from hub.schedule import availability, windows
from hub.settings import Settings

PATH = "/api/v1/availability"
PATTERNS, OVERRIDES = f"{PATH}/patterns", f"{PATH}/overrides"
ZONE = "America/Los_Angeles"
#: A Monday.
DAY = date(2031, 5, 5)


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path, timezone=ZONE) as door:
        yield door


def pattern(**more: Any) -> dict[str, Any]:
    """Mondays from eight to noon."""
    return {"day_of_week": 1, "start_time": "08:00", "end_time": "12:00"} | more


def override(**more: Any) -> dict[str, Any]:
    """The whole of a Monday blocked."""
    return {"override_date": str(DAY)} | more


DRAFTS = [(PATTERNS, pattern), (OVERRIDES, override)]


async def said(door: Rest, path: str, body: dict[str, Any], who: str = "sam") -> dict[str, Any]:
    """Say something; the row."""
    made = await door.ask(who, "POST", path, body)
    assert made.status == 201, made.body
    return dict(made.json)


async def windows_of(door: Rest, whose: str, query: str, who: str | None = None) -> list[str]:
    """Somebody's windows, each as one text; ``query`` may leave out the week of DAY."""
    if "from=" not in query:
        query = f"from=2031-05-04T00:00:00Z&to=2031-05-11T00:00:00Z&{query}"
    found = await door.ask(who or whose, "GET", f"{PATH}/{ID[whose]}?{query}")
    assert found.status == 200, found.body
    Windows.model_validate_json(found.body)
    assert (found.json["timezone"], found.json["user_id"]) == (ZONE, ID[whose])
    return [f"{window['from']} {window['to']}" for window in found.json["windows"]]


async def test_what_is_said_is_read_changed_and_deleted(door: Rest) -> None:
    for path, draft, patch, model in (
        (PATTERNS, pattern(), {"end_time": "24:00", "is_active": False}, AvailabilityPattern),
        (OVERRIDES, override(reason="Exam"),
         {"start_time": "00:00", "end_time": "24:00", "is_blocked": False, "reason": None},
         AvailabilityOverride),
    ):  # fmt: skip
        made = await door.ask("sam", "POST", path, draft)
        assert made.status == 201, made.body
        row = made.json
        model.model_validate_json(made.body)
        assert list(row) == list(model.model_fields)
        assert row == row | draft | {"user_id": ID["sam"]}
        assert "Hub-Transaction" in made.headers
        where = made.headers["Location"]
        assert where == f"{path}/{row['id']}"

        got = await door.ask("sam", "GET", where)
        assert (got.status, got.body) == (200, made.body)
        assert got.headers["ETag"] == made.headers["ETag"]
        assert parse_cursor(got.headers["Hub-Cursor"]).epoch == door.hub.house.feed.epoch
        listed = await door.ask("admin", "GET", f"{path}?user_id={ID['sam']}")
        assert listed.json["items"] == [row]
        assert "Hub-Cursor" in listed.headers

        changed = await door.ask("sam", "PATCH", where, patch, headers={"If-Match": "*"})
        assert changed.status == 200, changed.body
        assert changed.json == row | patch | (
            {"updated_at": changed.json["updated_at"]} if "updated_at" in row else {}
        )
        again = await door.ask("sam", "PATCH", where, patch)
        assert (again.status, again.body) == (200, changed.body)
        assert "Hub-Transaction" not in again.headers
        assert "Hub-Transaction" in changed.headers

        for method in ("PATCH", "DELETE"):
            body = {} if method == "PATCH" else None
            stale = {"If-Match": made.headers["ETag"]}
            assert (await door.ask("sam", method, where, body, headers=stale)).code == "stale"
        seen = {"If-Match": changed.headers["ETag"]}
        gone = await door.ask("sam", "DELETE", where, headers=seen)
        assert (gone.status, gone.body) == (204, b"")
        assert "Hub-Transaction" in gone.headers
        for method in ("GET", "PATCH", "DELETE"):
            body = {} if method == "PATCH" else None
            assert (await door.ask("sam", method, where, body)).code == "not-found"


async def test_what_makes_no_hours(door: Rest) -> None:
    for path, body, where in (
        (PATTERNS, {}, ["/day_of_week", "/end_time", "/start_time"]),
        (PATTERNS, pattern(day_of_week=7, start_time="8:00", end_time="24:01"),
         ["/day_of_week", "/end_time", "/start_time"]),
        (PATTERNS, pattern(start_time="12:00"), ["/end_time"]),
        (PATTERNS, pattern(end_time="00:00"), ["/end_time"]),
        (PATTERNS, pattern(start_time="24:00", end_time="24:00"), ["/start_time"]),
        (PATTERNS, pattern(start_time="08:00:00", is_active=1), ["/is_active", "/start_time"]),
        (PATTERNS, pattern(day_of_week=True, id=ID["sam"]), ["/day_of_week", "/id"]),
        (PATTERNS, pattern(day_of_week=1.5, end_time=None), ["/day_of_week", "/end_time"]),
        (OVERRIDES, override(start_time="08:00"), ["/end_time"]),
        (OVERRIDES, override(end_time="08:00", reason=""), ["/end_time", "/reason"]),
        (OVERRIDES, override(start_time="08:00", end_time="08:00"), ["/end_time"]),
        (OVERRIDES, override(reason="x" * 256, is_blocked=None), ["/is_blocked", "/reason"]),
        (OVERRIDES, override(override_date="2031-02-29"), ["/override_date"]),
        (OVERRIDES, override(override_date="20310505"), ["/override_date"]),
        (OVERRIDES, override(override_date="1999-12-31"), ["/override_date"]),
        (OVERRIDES, override(override_date=20310505), ["/override_date"]),
    ):  # fmt: skip
        found = await door.ask("sam", "POST", path, body)
        assert (found.status, found.where) == (422, where), (body, found.body)
    row = await said(door, PATTERNS, pattern(day_of_week=1.0))
    for patch, where in (
        ({"end_time": "08:00"}, ["/end_time"]),
        ({"start_time": "12:00"}, ["/end_time"]),
        ({"start_time": None, "day_of_week": None}, ["/day_of_week", "/start_time"]),
        ({"user_id": ID["sam"]}, ["/user_id"]),
    ):
        found = await door.ask("sam", "PATCH", f"{PATTERNS}/{row['id']}", patch)
        assert (found.status, found.where) == (422, where), patch
    row = await said(door, OVERRIDES, override(start_time="08:00", end_time="09:00"))
    for patch in ({"start_time": None}, {"end_time": None}, {"end_time": "08:00"}):
        found = await door.ask("sam", "PATCH", f"{OVERRIDES}/{row['id']}", patch)
        assert (found.status, found.where) == (422, ["/end_time"]), patch
    whole = {"start_time": None, "end_time": None}
    found = await door.ask("sam", "PATCH", f"{OVERRIDES}/{row['id']}", whole)
    assert found.json == row | whole


async def test_what_is_there_already(door: Rest) -> None:
    await said(door, PATTERNS, pattern())
    other = await said(door, PATTERNS, pattern(start_time="09:00"))
    for found in (
        await door.ask("sam", "POST", PATTERNS, pattern(is_active=False)),
        await door.ask("sam", "PATCH", f"{PATTERNS}/{other['id']}", {"start_time": "08:00"}),
    ):
        assert (found.code, found.where) == ("duplicate", ["/day_of_week"])
    await said(door, PATTERNS, pattern(), "sue")

    # However the whole day is written.
    await said(door, OVERRIDES, override())
    for more in ({}, {"start_time": "00:00", "end_time": "24:00"}, {"is_blocked": False}):
        found = await door.ask("sam", "POST", OVERRIDES, override(**more))
        assert (found.code, found.where) == ("duplicate", ["/override_date"])

    raced = await asyncio.gather(
        *(door.ask("sam", "POST", PATTERNS, pattern(day_of_week=2)) for _ in range(5))
    )
    assert sorted(answer.status for answer in raced) == [201] + [409] * 4


async def test_with_a_key_it_is_made_once(door: Rest) -> None:
    for path, draft in DRAFTS:
        key = {"Idempotency-Key": f"retry {path}"}
        body = draft()
        made = await asyncio.gather(
            *(door.ask("sam", "POST", path, body, headers=key) for _ in range(4))
        )
        assert {answer.status for answer in made} == {201}
        assert len({answer.body for answer in made}) == 1
        assert sum("Idempotency-Replayed" in answer.headers for answer in made) == 3
        await door.ask("sam", "DELETE", made[0].headers["Location"])
        later = await door.ask("sam", "POST", path, body, headers=key)
        assert (later.status, later.body) == (201, made[0].body)
        other = await door.ask("sam", "POST", path, draft(user_id=ID["sam"]), headers=key)
        assert other.code == "key-reused"


async def test_a_day_has_room_for_so_many(door: Rest) -> None:
    for path, draft, day in (
        (PATTERNS, pattern, "day_of_week"),
        (OVERRIDES, override, "override_date"),
    ):
        for hour in range(availability.MOST_A_DAY):
            times = {"start_time": f"{hour:02}:00", "end_time": f"{hour:02}:30"}
            row = await said(door, path, draft(**times))
        full = draft(start_time="00:45", end_time="01:00")
        found = await door.ask("sam", "POST", path, full)
        assert (found.code, found.where) == ("too-many", [f"/{day}"])
        another = {"day_of_week": 2} if path == PATTERNS else {"override_date": "2031-05-06"}
        elsewhere = await said(door, path, full | another)
        moved = await door.ask("sam", "PATCH", f"{path}/{elsewhere['id']}", {day: full[day]})
        assert moved.code == "too-many"
        assert (await door.ask("sam", "GET", f"{path}/{elsewhere['id']}")).json == elsewhere
        changed = await door.ask("sam", "PATCH", f"{path}/{row['id']}", {"end_time": "23:45"})
        assert changed.status == 200, "one that is there stays there"
        await said(door, path, full, "sue")


async def test_everybody_s_hours_are_their_own(door: Rest) -> None:
    for path, draft in DRAFTS:
        row = await said(door, path, draft(user_id=ID["sam"]))
        mine = f"{path}/{row['id']}"
        # Ina teaches Sam: his hours are his all the same.
        await door.conn.execute("DELETE FROM bookings")
        await door.booking()
        for who in ("sue", "ina", "ivo"):
            for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
                assert (await door.ask(who, method, mine, body)).code == "not-found"
            listed = await door.ask(who, "GET", f"{path}?user_id={ID['sam']}")
            assert (listed.code, listed.where) == ("forbidden", ["user_id"])
            made = await door.ask(who, "POST", path, draft(user_id=ID["sam"]))
            assert (made.code, made.where) == ("forbidden", ["/user_id"])
            assert (await door.ask(who, "GET", path)).json["items"] == []
            both = await door.ask(who, "GET", f"{PATH}?user_id={ID['sam']}")
            assert (both.code, both.where) == ("forbidden", ["user_id"])
            both = await door.ask(who, "GET", PATH)
            assert both.json[path.rpartition("/")[2]] == []
        assert (await door.ask("sam", "GET", f"{path}?user_id={ID['sam']}")).json["items"] == [row]

        assert (await door.ask("admin", "GET", mine)).json == row
        made = await door.ask("admin", "POST", path, draft(user_id=ID["sue"]))
        assert (made.status, made.json["user_id"]) == (201, ID["sue"])
        own = await said(door, path, draft(), "admin")
        assert own["user_id"] == ID["admin"]
        assert (await door.ask("admin", "GET", path)).json["items"] == [own]
        nobody = draft(user_id="00000000-0000-4000-8000-000000000000")
        made = await door.ask("admin", "POST", path, nobody)
        assert (made.status, made.where) == (422, ["/user_id"])
        assert (await door.ask("admin", "DELETE", mine)).status == 204


async def test_who_did_it_is_the_transaction_s_actor(door: Rest) -> None:
    """What the audit's triggers read."""
    await door.conn.execute(
        "CREATE TABLE seen (actor text);"
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO seen VALUES (current_setting('hub.actor')); RETURN NULL; END $$;"
        "CREATE TRIGGER see AFTER INSERT OR UPDATE OR DELETE ON availability_patterns"
        " FOR EACH ROW EXECUTE FUNCTION see()"
    )
    row = await said(door, PATTERNS, pattern(user_id=ID["sam"]), "admin")
    await door.ask("sam", "PATCH", f"{PATTERNS}/{row['id']}", {"end_time": "13:00"})
    await door.ask("admin", "DELETE", f"{PATTERNS}/{row['id']}")
    seen = await door.conn.fetch("SELECT actor FROM seen")
    assert [row["actor"] for row in seen] == [ID["admin"], ID["sam"], ID["admin"]]


async def test_lists_are_in_order_of_time(door: Rest) -> None:
    for weekday, start in ((6, "08:00"), (0, "10:00"), (0, "09:00"), (3, "08:00")):
        await said(door, PATTERNS, pattern(day_of_week=weekday, start_time=start))
    rows = (await door.ask("sam", "GET", PATTERNS)).json["items"]
    assert [(row["day_of_week"], row["start_time"]) for row in rows] == [
        (0, "09:00"), (0, "10:00"), (3, "08:00"), (6, "08:00"),
    ]  # fmt: skip

    days = [date(2031, 5, day) for day in (4, 5, 6)]
    for day in days:
        for start, end in (
            (None, None),
            ("00:00", "01:00"),
            ("08:00", "24:00"),
            ("08:00", "09:00"),
        ):
            body = override(override_date=str(day), start_time=start, end_time=end)
            await said(door, OVERRIDES, body)
    # What another program may have written.
    await door.conn.execute(
        "INSERT INTO availability_overrides (user_id, override_date, start_time, end_time)"
        " VALUES ($1, '2031-05-06', '23:00:00.5', '23:59:59'), ($1, 'infinity', '08:00', '09:00'),"
        " ($1, '0044-03-15 BC', '12:00', '13:00'), ($1, '-infinity', NULL, NULL)",
        ID["sam"],
    )
    whole = (await door.ask("sam", "GET", f"{OVERRIDES}?limit=100")).json
    assert (len(whole["items"]), whole["next"]) == (16, None)
    assert whole["items"][-2]["start_time"] == "23:00:00.5"
    for limit in (1, 3, 15):
        rows, path = [], f"{OVERRIDES}?limit={limit}"
        while path:
            found = await door.ask("sam", "GET", path)
            assert found.status == 200, found.body
            rows += found.json["items"]
            path = found.headers.get("Link", "").removesuffix('; rel="next"').strip("<>")
        assert rows == whole["items"], limit
    for query, expected in (
        ("from=2031-05-05&to=2031-05-06", {"2031-05-05"}),
        ("from=2031-05-06&limit=5", {"2031-05-06"}),
        ("from=2000-01-01&to=2031-05-05", {"2031-05-04"}),
    ):
        rows = (await door.ask("sam", "GET", f"{OVERRIDES}?{query}")).json["items"]
        assert {row["override_date"] for row in rows} == expected, query
    for query in ("from=2031-05-05T00:00:00Z", "to=tomorrow", "first=2031-05-05", "user_id=sam"):
        assert (await door.ask("sam", "GET", f"{OVERRIDES}?{query}")).status == 422


async def test_all_that_one_said_is_read_at_once(door: Rest) -> None:
    week = [
        await said(door, PATTERNS, pattern()),
        await said(door, PATTERNS, pattern(day_of_week=3, is_active=False)),
    ]
    dates = [f"2031-05-0{day}" for day in range(1, 8)]
    dated = [await said(door, OVERRIDES, override(override_date=day)) for day in dates]
    for who, whose in (("sam", ""), ("admin", f"&user_id={ID['sam']}")):
        found = await door.ask(who, "GET", f"{PATH}?from=2031-05-02&to=2031-05-07&limit=2{whose}")
        assert found.status == 200, found.body
        assert found.json["patterns"] == week
        assert parse_cursor(found.headers["Hub-Cursor"]).epoch == door.hub.house.feed.epoch
        rows, after = found.json["overrides"], found.json["next"]
        assert [row["override_date"] for row in rows] == dates[1:3]
        # The rest by the list of overrides, as the link says, and as ``next`` does.
        path = found.headers["Link"].removesuffix('; rel="next"').strip("<>")
        assert path.startswith(f"{OVERRIDES}?")
        assert f"after={after.replace('=', '%3D')}" in path or f"after={after}" in path
        while path:
            more = await door.ask(who, "GET", path)
            rows += more.json["items"]
            path = more.headers.get("Link", "").removesuffix('; rel="next"').strip("<>")
        assert rows == dated[1:6]
    seen = await door.ask("sam", "GET", PATH)
    assert seen.json == {"patterns": week, "overrides": dated, "next": None}
    assert "Link" not in seen.headers
    same = await door.ask("sam", "GET", PATH, headers={"If-None-Match": seen.headers["ETag"]})
    assert same.status == 304
    for query in ("after=x", "limit=0", "from=2031-05-05T00:00:00Z", "user_id=sam"):
        assert (await door.ask("sam", "GET", f"{PATH}?{query}")).status == 422, query


async def test_windows(door: Rest) -> None:
    assert await windows_of(door, "sam", "") == []
    await said(door, PATTERNS, pattern())
    await said(door, PATTERNS, pattern(day_of_week=2, start_time="20:00", end_time="24:00"))
    await said(door, PATTERNS, pattern(day_of_week=3, start_time="00:00", end_time="01:00"))
    await said(door, PATTERNS, pattern(day_of_week=4, is_active=False))
    week = [
        "2031-05-05T15:00:00Z 2031-05-05T19:00:00Z",
        "2031-05-07T03:00:00Z 2031-05-07T08:00:00Z",
    ]
    assert await windows_of(door, "sam", "") == week
    # The range cuts, wherever it is.
    assert await windows_of(
        door, "sam", "from=2031-05-05T16:00:00.5Z&to=2031-05-05T09:30:00-07:00"
    ) == ["2031-05-05T16:00:00.500000Z 2031-05-05T16:30:00Z"]

    block = await said(door, OVERRIDES, override(start_time="09:00", end_time="10:00"))
    await said(
        door,
        OVERRIDES,
        override(start_time="09:30", end_time="14:00", is_blocked=False),
    )
    monday = [
        "2031-05-05T15:00:00Z 2031-05-05T16:00:00Z",
        "2031-05-05T17:00:00Z 2031-05-05T21:00:00Z",
    ]
    assert await windows_of(door, "sam", "") == [*monday, week[1]]
    whole = {"start_time": None, "end_time": None}
    await door.ask("sam", "PATCH", f"{OVERRIDES}/{block['id']}", whole)
    assert await windows_of(door, "sam", "") == [week[1]]
    await said(door, OVERRIDES, override(override_date="2031-05-10", is_blocked=False))
    saturday = "2031-05-10T07:00:00Z 2031-05-11T00:00:00Z"
    assert await windows_of(door, "sam", "") == [week[1], saturday]
    assert await windows_of(door, "sam", "", who="admin") == [week[1], saturday]


async def test_windows_of_the_night_the_clock_is_changed(door: Rest) -> None:
    await said(door, PATTERNS, pattern(day_of_week=0, start_time="00:00", end_time="04:00"))
    assert await windows_of(door, "sam", "from=2031-03-09T00:00:00Z&to=2031-03-10T00:00:00Z") == [
        "2031-03-09T08:00:00Z 2031-03-09T11:00:00Z"
    ]
    assert await windows_of(door, "sam", "from=2031-11-02T00:00:00Z&to=2031-11-03T00:00:00Z") == [
        "2031-11-02T07:00:00Z 2031-11-02T12:00:00Z"
    ]


async def test_bookings_are_subtracted_on_request(door: Rest) -> None:
    await said(door, PATTERNS, pattern())
    free = ["2031-05-05T15:00:00Z 2031-05-05T19:00:00Z"]
    left = [
        "2031-05-05T15:30:00Z 2031-05-05T16:00:00Z",
        "2031-05-05T17:00:00Z 2031-05-05T18:00:00Z",
    ]
    for at, minutes, status in (
        ("2031-05-05T14:30:00Z", 60, "CONFIRMED"),
        ("2031-05-05T16:00:00Z", 60, "AT_RISK"),
        ("2031-05-05T18:00:00Z", 120, "RESCHEDULING"),
        ("2031-05-05T17:00:00Z", 60, "CANCELLED"),
        ("2031-05-05T15:30:00Z", 30, "COMPLETED"),
    ):
        await door.booking(scheduled_datetime=at, duration_minutes=minutes, status=status)
    assert await windows_of(door, "sam", "") == free
    assert await windows_of(door, "sam", "subtract=bookings") == left
    await said(door, PATTERNS, pattern(), "ina")
    assert await windows_of(door, "ina", "subtract=bookings") == left, "an instructor's as well"
    # One that flies on for longer than any clock can show.
    await door.booking(
        scheduled_datetime="2031-05-05T17:30:00Z", student_id=ID["sue"], instructor_id=ID["ivo"],
        aircraft_id=None, duration_minutes=2**31 - 1,
    )  # fmt: skip
    await said(door, PATTERNS, pattern(), "sue")
    assert await windows_of(door, "sue", "subtract=bookings") == [
        "2031-05-05T15:00:00Z 2031-05-05T17:30:00Z"
    ]


async def test_ranges_that_are_none(door: Rest) -> None:
    at = "2031-05-05T00:00:00Z"
    for query, where in (
        ("", ["from", "to"]),
        (f"from={at}", ["to"]),
        (f"from={at}&to={at}", ["to"]),
        (f"from={at}&to=2031-05-04T00:00:00Z", ["to"]),
        (f"from={at}&to=2031-08-05T00:00:00.001Z", ["to"]),
        ("from=2031-05-05&to=2031-05-06", ["from", "to"]),
        (f"from=1999-12-31T23:59:59Z&to={at}", ["from"]),
        (f"from={at}&to=9999-12-31T23:59:59Z", ["to"]),
        (f"from={at}&to=2031-05-06T00:00:00Z&subtract=everything", ["subtract"]),
    ):
        found = await door.ask("sam", "GET", f"{PATH}/{ID['sam']}?{query}")
        assert (found.status, found.where) == (422, where), query
    longest = f"from={at}&to=2031-08-05T00:00:00Z"
    assert (await door.ask("sam", "GET", f"{PATH}/{ID['sam']}?{longest}")).status == 200
    ends = "from=2199-12-31T00:00:00Z&to=2199-12-31T23:59:59.999999Z"
    assert (await door.ask("sam", "GET", f"{PATH}/{ID['sam'].upper()}?{ends}")).status == 200


@pytest.mark.parametrize("name", ["Mars/Olympus", "America", "../UTC", "/etc/passwd", "", "\0"])
def test_a_clock_that_nobody_has(name: str) -> None:
    with pytest.raises(ValidationError, match=r"timezone\n.*such as America/Los_Angeles"):
        Settings(timezone=name)


async def test_whose_windows_are_whose_to_see(door: Rest) -> None:
    await door.booking()
    query = "from=2031-05-05T00:00:00Z&to=2031-05-06T00:00:00Z"
    for who, whose, status in (
        ("sam", "sam", 200), ("ina", "ina", 200), ("admin", "sam", 200), ("admin", "ina", 200),
        # Though they fly together: "common" is for that.
        ("ina", "sam", 404), ("sam", "ina", 404), ("sue", "sam", 404), ("ivo", "sam", 404),
    ):  # fmt: skip
        found = await door.ask(who, "GET", f"{PATH}/{ID[whose]}?{query}")
        assert found.status == status, (who, whose)
    absent = "00000000-0000-4000-8000-000000000000"
    for id in (absent, "sam"):
        for who in ("admin", "sam"):
            assert (await door.ask(who, "GET", f"{PATH}/{id}?{query}")).code == "not-found"


async def common(door: Rest, who: str = "admin", **more: Any) -> Said:
    """Ask when Sam and Ina can fly on that Monday, an hour unless said otherwise."""
    asked = {
        "student": ID["sam"],
        "instructor": ID["ina"],
        "duration": 60,
        "from": "2031-05-05T00:00:00Z",
        "to": "2031-05-06T12:00:00Z",
    } | more
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    return await door.ask(who, "GET", f"{PATH}/common?{query}")


def hours(found: Said) -> list[str]:
    """The slots, each as its two times of day in UTC."""
    assert found.status == 200, found.body
    Slots.model_validate_json(found.body)
    assert parse_cursor(found.headers["Hub-Cursor"])
    return [f"{slot['from'][11:16]}-{slot['to'][11:16]}" for slot in found.json["slots"]]


async def test_common_slots(door: Rest) -> None:
    assert hours(await common(door)) == []
    await said(door, PATTERNS, pattern(end_time="18:00"))
    assert hours(await common(door)) == []
    await said(door, PATTERNS, pattern(start_time="06:00", end_time="14:00"), "ina")
    await said(
        door, OVERRIDES, override(start_time="16:00", end_time="17:30", is_blocked=False), "ina"
    )
    assert hours(await common(door)) == ["15:00-21:00", "23:00-00:30"]
    assert hours(await common(door, duration=90)) == ["15:00-21:00", "23:00-00:30"]
    assert hours(await common(door, duration=91)) == ["15:00-21:00"]
    assert hours(await common(door, duration=361)) == []

    # Sam flies with Ivo, Ina with Sue, and Sid with Ivo in the aircraft that is asked for.
    other = {"instructor_id": ID["ivo"], "aircraft_id": "N1"}
    await door.booking(scheduled_datetime="2031-05-05T15:00:00Z", **other)
    sue = {"student_id": ID["sue"], "aircraft_id": "N2"}
    await door.booking(scheduled_datetime="2031-05-05T17:00:00Z", **sue)
    sid = {"student_id": ID["sid"], "instructor_id": ID["ivo"], "aircraft_id": "N512SP"}
    await door.booking(scheduled_datetime="2031-05-05T19:00:00Z", status="AT_RISK", **sid)
    await door.booking(scheduled_datetime="2031-05-05T20:30:00Z", status="CANCELLED", **sid)
    assert hours(await common(door)) == ["16:00-17:00", "18:00-21:00", "23:00-00:30"]
    assert hours(await common(door, aircraft_id="N512SP")) == [
        "16:00-17:00", "18:00-19:00", "20:00-21:00", "23:00-00:30",
    ]  # fmt: skip
    assert hours(await common(door, aircraft_id="N512SP", duration=61)) == ["23:00-00:30"]

    # A slot that is told can be booked.
    at = (await common(door, aircraft_id="N512SP")).json["slots"][1]["from"]
    await door.booking(scheduled_datetime=at)
    assert hours(await common(door, aircraft_id="N512SP")) == [
        "16:00-17:00", "20:00-21:00", "23:00-00:30",
    ]  # fmt: skip


async def test_who_may_ask_what_two_have_in_common(door: Rest) -> None:
    for who, status in (("sam", 200), ("ina", 200), ("admin", 200), ("sue", 403), ("ivo", 403)):
        assert (await common(door, who)).status == status, who
    # Naming yourself is not enough: the other must be what you say.
    for more, where in (
        ({"instructor": ID["sue"]}, ["instructor"]),
        ({"instructor": ID["sam"]}, ["instructor"]),
        ({"instructor": ID["admin"]}, ["instructor"]),
        ({"instructor": "00000000-0000-4000-8000-000000000000"}, ["instructor"]),
        ({"student": ID["ina"], "instructor": ID["sam"]}, ["instructor", "student"]),
        ({"duration": 0}, ["duration"]),
        ({"duration": 1441}, ["duration"]),
        ({"student": "sam", "aircraft_id": "?", "to": "2031-05-05T00:00:00Z"},
         ["aircraft_id", "student", "to"]),
    ):  # fmt: skip
        found = await common(door, "sam", **more)
        assert (found.status, found.where) == (422, where), more


async def test_an_integration_sees_when_but_not_what_was_said(door: Rest) -> None:
    pool = door.hub.house.pool
    zone = door.hub.house.settings.zone
    within = (datetime(2031, 5, 5, tzinfo=UTC), datetime(2031, 5, 6, tzinfo=UTC))
    await said(door, PATTERNS, pattern())
    key = Principal("integration", ID["sam"], None, "ai", "", scopes=frozenset({"bookings:read"}))
    with pytest.raises(NotFound):
        await windows.free(pool, key, ID["sam"], zone, within, unbooked=False)
    key = replace(key, scopes=frozenset({"availability:read"}))
    found = await windows.free(pool, key, ID["sam"], zone, within, unbooked=False)
    assert len(found.spans) == 1
    with pytest.raises(Forbidden):
        await availability.patterns(pool, key, None)


async def test_a_cursor_is_the_snapshot_of_what_was_computed(door: Rest) -> None:
    """A booking that is not subtracted yet is told after the cursor."""
    await said(door, PATTERNS, pattern())
    before = await door.ask(
        "sam", "GET", f"{PATH}/{ID['sam']}?from=2031-05-05T00:00:00Z&to=2031-05-06T00:00:00Z"
        "&subtract=bookings",
    )  # fmt: skip
    made = await door.booking(scheduled_datetime="2031-05-05T16:00:00Z")
    seen = before.headers["Hub-Cursor"].partition(".")[2]
    later = await door.conn.fetch(
        "SELECT key::text FROM events WHERE NOT pg_visible_in_snapshot(xid, $1::text::pg_snapshot)",
        seen,
    )
    assert [row["key"] for row in later] == [made["id"]]
    known = {"If-None-Match": before.headers["ETag"]}
    path = f"{PATH}/{ID['sam']}?from=2031-05-05T00:00:00Z&to=2031-05-06T00:00:00Z"
    assert (await door.ask("sam", "GET", path, headers=known)).status == 304
    changed = await door.ask("sam", "GET", f"{path}&subtract=bookings", headers=known)
    assert changed.status == 200


@pytest.mark.parametrize(("method", "expected"), [("POST", 422), ("PATCH", 409), ("DELETE", 204)])
async def test_whoever_loses_a_deadlock_is_tried_again(
    door: Rest, method: str, expected: int
) -> None:
    """The hub holds one row and waits for another; who holds that wants the first."""
    row = await said(door, PATTERNS, pattern())
    one = f"{PATTERNS}/{row['id']}"
    add_tuesday = (
        "INSERT INTO availability_patterns (user_id, day_of_week, start_time, end_time)"
        " VALUES ($1, 2, '08:00', '12:00')",
        ID["sam"],
    )
    use_key = (
        "INSERT INTO idempotency_keys (principal, key, fingerprint) VALUES ($1, 'k', 'f')",
        f"user:{ID['sam']}",
    )
    hold_sam = ("SELECT FROM users WHERE id = $1 FOR UPDATE", ID["sam"])
    change_it = ("UPDATE availability_patterns SET is_active = false WHERE id = $1", row["id"])
    path, body, theirs, ours = {
        "POST": (PATTERNS, pattern(day_of_week=2), add_tuesday, use_key),
        "PATCH": (one, {"day_of_week": 2}, add_tuesday, change_it),
        "DELETE": (one, None, hold_sam, change_it),
    }[method]
    key = {"Idempotency-Key": "k"} if method == "POST" else {}
    async with door.conn.transaction():
        await door.conn.execute("SET LOCAL deadlock_timeout = '1min'")
        await door.conn.execute(*theirs)
        asked = asyncio.create_task(door.ask("sam", method, path, body, headers=key))
        await waiting(door, 1)
        await door.conn.execute(*ours)
    answer = await asked
    assert answer.status == expected, answer.body
