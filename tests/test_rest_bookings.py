"""Bookings over HTTP: made, read, changed and deleted; conditions, pages, overlaps, races."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from offers import offer
from resthouse import ID, Rest, Said, at, draft, opened
from running import Client

from hub.db.together import together
from hub.model import Booking
from hub.rules.cursor import parse_cursor
from hub.schedule.statements import text_and_parameters

PATH = "/api/v1/bookings"


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        yield door


async def events(door: Rest) -> int:
    """How many changes of bookings were recorded so far."""
    found: int = await door.conn.fetchval("SELECT count(*) FROM events WHERE entity = 'bookings'")
    return found


async def xid(door: Rest) -> str:
    """The transaction of the last change."""
    found: str = await door.conn.fetchval("SELECT xid::text FROM events ORDER BY lsn DESC LIMIT 1")
    return found


async def test_a_booking_is_made_read_changed_and_deleted(door: Rest) -> None:
    made = await door.ask("ina", "POST", PATH, draft())
    assert made.status == 201
    row = made.json
    Booking.model_validate_json(made.body)
    assert list(row) == list(Booking.model_fields)
    assert row["student_name"] == "Sam Tester"
    assert row["training_level"] == "STUDENT_PILOT"
    assert (row["status"], row["duration_minutes"]) == ("CONFIRMED", 60)
    assert row["scheduled_datetime"] == at(10)
    assert made.headers["Location"] == f"{PATH}/{row['id']}"
    assert made.headers["Hub-Transaction"] == await xid(door)

    got = await door.ask("sam", "GET", made.headers["Location"])
    assert (got.status, got.body) == (200, made.body)
    assert got.headers["ETag"] == made.headers["ETag"]
    assert parse_cursor(got.headers["Hub-Cursor"]).epoch == door.hub.house.feed.epoch

    patch = {"aircraft_id": None, "status": "AT_RISK", "scheduled_datetime": at(11.5)}
    changed = await door.ask("ina", "PATCH", made.headers["Location"], patch)
    assert changed.status == 200
    assert changed.json == {**row, **patch, "updated_at": changed.json["updated_at"]}
    assert changed.json["updated_at"] > row["updated_at"]
    assert changed.headers["Hub-Transaction"] == await xid(door)
    assert changed.headers["ETag"] != made.headers["ETag"]

    gone = await door.ask("admin", "DELETE", made.headers["Location"])
    assert (gone.status, gone.body) == (204, b"")
    assert gone.headers["Hub-Transaction"] == await xid(door)
    assert (await door.ask("admin", "DELETE", made.headers["Location"])).code == "not-found"


async def test_a_rescheduled_booking_names_its_kin(door: Rest) -> None:
    first = (await door.ask("ina", "POST", PATH, draft())).json["id"]
    second = (await door.ask("ina", "POST", PATH, draft(scheduled_datetime=at(30)))).json["id"]
    assert "Link" not in (await door.ask("sam", "GET", f"{PATH}/{first}")).headers
    await door.conn.execute(
        "UPDATE bookings SET original_booking_id = $1 WHERE id = $2", first, second
    )
    of = (await door.ask("sam", "GET", f"{PATH}/{first}")).headers["Link"]
    assert of == f'<{PATH}/{second}>; rel="successor-version"'
    of = (await door.ask("sam", "GET", f"{PATH}/{second}")).headers["Link"]
    assert of == f'<{PATH}/{first}>; rel="predecessor-version"'
    # Whom the other is not shown to is not told that it is there.
    await door.conn.execute(
        """UPDATE bookings SET student_id = (SELECT id FROM users WHERE role = 'STUDENT'
             AND id <> student_id LIMIT 1) WHERE id = $1""",
        second,
    )
    assert "Link" not in (await door.ask("sam", "GET", f"{PATH}/{first}")).headers
    assert "Link" in (await door.ask("ina", "GET", f"{PATH}/{first}")).headers


async def test_offsets_come_in_and_z_goes_out(door: Rest) -> None:
    local = at(10).replace("T10:00:00Z", "T05:30:00.25-04:30")
    said = await door.ask("admin", "POST", PATH, draft(scheduled_datetime=local))
    assert said.json["scheduled_datetime"] == at(10).replace("Z", ".25Z")


async def test_who_may_fly_with_whom(door: Rest) -> None:
    for more, where in (
        ({"student_id": ID["ivo"]}, ["/student_id"]),
        ({"instructor_id": ID["sue"]}, ["/instructor_id"]),
        ({"student_id": ID["ina"], "instructor_id": ID["ina"]}, ["/student_id"]),
        ({"student_id": "00000000-0000-4000-8000-000000000000", "instructor_id": ID["admin"]},
         ["/instructor_id", "/student_id"]),
        ({"student_id": ID["sid"]}, ["/training_level"]),
    ):  # fmt: skip
        said = await door.ask("admin", "POST", PATH, draft(**more))
        assert (said.status, said.where) == (422, where), more
    booking = await door.booking()
    for more, where in (
        ({"student_id": ID["ivo"]}, ["/student_id"]),
        ({"instructor_id": ID["sue"]}, ["/instructor_id"]),
    ):
        said = await door.ask("admin", "PATCH", f"{PATH}/{booking['id']}", more)
        assert (said.status, said.where) == (422, where), more
    given = draft(student_id=ID["sid"], training_level="PRIVATE_PILOT", scheduled_datetime=at(20))
    assert (await door.ask("admin", "POST", PATH, given)).json["training_level"] == "PRIVATE_PILOT"
    assert (
        await door.ask("admin", "PATCH", f"{PATH}/{booking['id']}", {"student_id": ID["sue"]})
    ).json["student_name"] == "Sue Tester"


async def test_another_student_flies_at_their_own_level(door: Rest) -> None:
    booking = await door.booking()
    path = f"{PATH}/{booking['id']}"

    async def level(**patch: Any) -> Any:
        said = await door.ask("admin", "PATCH", path, patch)
        return said.json["training_level"] if said.status == 200 else (said.status, said.where)

    assert await level(student_id=ID["sue"]) == "PRIVATE_PILOT"
    # Sid has none on record, so it must be said; and what is said is taken.
    assert await level(student_id=ID["sid"]) == (422, ["/training_level"])
    assert (
        await level(student_id=ID["sid"], training_level="INSTRUMENT_RATED") == "INSTRUMENT_RATED"
    )
    # It is copied with the student, not with every change.
    assert await level(student_id=ID["sid"], instructor_id=ID["ivo"]) == "INSTRUMENT_RATED"
    assert await level(duration_minutes=45) == "INSTRUMENT_RATED"
    assert await level(student_id=ID["sam"]) == "STUDENT_PILOT"
    assert await level(student_id=ID["ivo"]) == (422, ["/student_id"])


async def test_what_cannot_be_written_is_unknown(door: Rest) -> None:
    booking = await door.booking()
    for field in ("id", "created_at", "student_name", "original_booking_id", "nonsense"):
        for method, path, body in (
            ("POST", PATH, draft(scheduled_datetime=at(20), **{field: None})),
            ("PATCH", f"{PATH}/{booking['id']}", {field: None}),
        ):
            said = await door.ask("admin", method, path, body)
            assert (said.status, said.where) == (422, [f"/{field}"])
    cleared = dict.fromkeys(set(draft()) - {"aircraft_id"})
    said = await door.ask("admin", "PATCH", f"{PATH}/{booking['id']}", cleared)
    assert said.where == sorted(f"/{name}" for name in cleared)


async def test_statuses_move_as_they_may(door: Rest) -> None:
    booking = await door.booking()
    path = f"{PATH}/{booking['id']}"
    for status in ("AT_RISK", "CONFIRMED", "RESCHEDULING", "CANCELLED"):
        assert (await door.ask("ina", "PATCH", path, {"status": status})).status == 200
    said = await door.ask("admin", "PATCH", path, {"status": "CONFIRMED", "duration_minutes": 30})
    assert said.code == "illegal-move"
    assert said.where == ["/status"]
    now = await door.ask("admin", "GET", path)
    assert (now.json["status"], now.json["duration_minutes"]) == ("CANCELLED", 60)


async def test_a_patch_that_changes_nothing_writes_nothing(door: Rest) -> None:
    booking = await door.booking(departure_latitude=37.4)
    before = await events(door)
    path = f"{PATH}/{booking['id']}"
    etag = (await door.ask("ina", "GET", path)).headers["ETag"]
    same = {"scheduled_datetime": at(10).replace("T10:00:00Z", "T12:00:00+02:00")}
    for patch in ({}, same, {"departure_latitude": 37.4000000001, "duration_minutes": 60.0}):
        said = await door.ask("ina", "PATCH", path, patch)
        assert (said.status, said.json, said.headers["ETag"]) == (200, booking, etag)
        assert "Hub-Transaction" not in said.headers
    assert await events(door) == before


async def test_only_the_version_one_has_seen_is_changed(door: Rest) -> None:
    booking = await door.booking()
    path = f"{PATH}/{booking['id']}"
    seen = (await door.ask("ina", "GET", path)).headers["ETag"]
    first = await door.ask(
        "ina", "PATCH", path, {"duration_minutes": 90}, headers={"If-Match": seen}
    )
    assert first.status == 200
    for method, body in (("PATCH", {"duration_minutes": 30}), ("DELETE", None)):
        for sent in (seen, f'"x", {seen}', f"W/{first.headers['ETag']}", '""'):
            said = await door.ask("admin", method, path, body, headers={"If-Match": sent})
            assert said.code == "stale", sent
    for sent in ("x", '"', '"a" "b"', "W/x"):
        said = await door.ask("admin", "DELETE", path, headers={"If-Match": sent})
        assert said.status == 400, sent
    for sent in ("*", f'"x",{first.headers["ETag"]} , "y"'):
        said = await door.ask("admin", "PATCH", path, {}, headers={"If-Match": sent})
        assert said.status == 200, sent
    # A name is part of what is shown, so of the version.
    await door.conn.execute("UPDATE users SET first_name = 'Inge' WHERE id = $1", ID["ina"])
    said = await door.ask("admin", "DELETE", path, headers={"If-Match": first.headers["ETag"]})
    assert said.code == "stale"
    now = (await door.ask("admin", "GET", path)).headers["ETag"]
    assert (await door.ask("admin", "DELETE", path, headers={"If-Match": now})).status == 204


async def test_of_writers_with_one_version_one_wins(door: Rest) -> None:
    booking = await door.booking()
    path = f"{PATH}/{booking['id']}"
    seen = (await door.ask("ina", "GET", path)).headers["ETag"]
    said = await asyncio.gather(
        *(
            door.ask("ina", "PATCH", path, {"duration_minutes": n}, headers={"If-Match": seen})
            for n in range(61, 69)
        )
    )
    assert sorted(answer.status for answer in said) == [200] + [412] * 7
    [won] = [answer for answer in said if answer.status == 200]
    assert (await door.ask("ina", "GET", path)).body == won.body


async def test_a_row_that_changes_hands_while_one_waits(door: Rest) -> None:
    """The lock waits for whoever holds the row, and what is judged is what it finds then."""
    booking = await door.booking()
    path = f"{PATH}/{booking['id']}"
    async with door.conn.transaction():
        await door.conn.execute(
            "UPDATE bookings SET instructor_id = $1 WHERE id = $2", ID["ivo"], booking["id"]
        )
        mine = asyncio.create_task(door.ask("ina", "PATCH", path, {"duration_minutes": 30}))
        admins = asyncio.create_task(door.ask("admin", "PATCH", path, {"duration_minutes": 45}))
        await _waiting(door, 2)
    assert (await mine).code == "not-found"
    assert ((await admins).status, (await admins).json["instructor_name"]) == (200, "Ivo Tester")


async def _waiting(door: Rest, how_many: int) -> None:
    waiting = 0
    for _ in range(1000):
        waiting = await door.conn.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
        if waiting == how_many:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"{waiting} wait, not {how_many}")


async def test_what_is_known_is_not_sent_again(door: Rest) -> None:
    booking = await door.booking()
    for path in (PATH, f"{PATH}/{booking['id']}", "/api/v1/me", "/api/v1/notifications"):
        got = await door.ask("ina", "GET", path)
        etag = got.headers["ETag"]
        for sent in (etag, f'"x", W/{etag}', "*"):
            said = await door.ask("ina", "GET", path, headers={"If-None-Match": sent})
            assert (said.status, said.body) == (304, b"")
            assert said.headers["ETag"] == etag
            assert "Hub-Cursor" in said.headers
        assert (await door.ask("ina", "GET", path, headers={"If-None-Match": '"x"'})).status == 200


async def test_an_overlap_names_times_and_nobody(door: Rest) -> None:
    taken = await door.booking(student_id=ID["sue"], instructor_id=ID["ivo"])
    said = await door.ask("ina", "POST", PATH, draft(scheduled_datetime=at(10.5)))
    assert said.code == "overlap"
    assert said.where == ["/aircraft_id"]
    assert said.json["errors"][0]["detail"] == f"is taken from {at(10)} to {at(11)}"
    for person in ("sue", "ivo"):
        assert ID[person] not in said.body.decode()
    assert "Tester" not in said.body.decode()
    assert taken["id"] not in said.body.decode()

    mine = await door.ask("ina", "POST", PATH, draft(scheduled_datetime=at(11)))
    assert mine.status == 201, "back to back is fine"
    path = mine.headers["Location"]
    said = await door.ask("ina", "PATCH", path, {"scheduled_datetime": at(9.75)})
    assert (said.code, said.where) == ("overlap", ["/aircraft_id"])
    moved = {"scheduled_datetime": at(9.75), "aircraft_id": "N2"}
    assert (await door.ask("ina", "PATCH", path, moved)).status == 200
    said = await door.ask("admin", "POST", PATH, draft(aircraft_id=None, duration_minutes=15))
    assert (said.code, said.where) == ("overlap", ["/instructor_id", "/student_id"])
    await door.ask("ina", "PATCH", path, {"status": "CANCELLED"})
    assert (await door.ask("admin", "POST", PATH, draft(aircraft_id=None))).status == 201


async def test_of_those_who_race_for_a_slot_one_gets_it(door: Rest) -> None:
    said = await asyncio.gather(*(door.ask("ina", "POST", PATH, draft()) for _ in range(6)))
    assert sorted(answer.status for answer in said) == [201] + [409] * 5
    assert {answer.code for answer in said if answer.status == 409} == {"overlap"}


async def test_whoever_loses_a_deadlock_is_tried_again(door: Rest) -> None:
    """The hub holds a row and waits for a slot; the slot's taker waits for the row."""
    booking = await door.booking()
    patch = {"scheduled_datetime": at(14)}
    async with door.conn.transaction():
        await door.conn.execute("SET LOCAL deadlock_timeout = '1min'")
        await door.conn.execute(
            "INSERT INTO bookings (SELECT n.* FROM bookings AS b, jsonb_populate_record(b, $1::jsonb) AS n)",
            orjson.dumps({**patch, "id": ID["sid"]}).decode(),
        )
        moving = asyncio.create_task(door.ask("ina", "PATCH", f"{PATH}/{booking['id']}", patch))
        await _waiting(door, 1)
        await door.conn.execute(
            "UPDATE bookings SET duration_minutes = 61 WHERE id = $1", booking["id"]
        )
    assert (await moving).code == "overlap"


async def test_a_delete_that_loses_a_deadlock_is_tried_again(door: Rest) -> None:
    """The hub holds the booking and waits for what hangs on it; who holds that wants the booking."""
    booking = await door.booking()
    await door.conn.execute(
        "INSERT INTO notifications (user_id, booking_id, type, title, message)"
        " VALUES ($1, $2, 'WEATHER_ALERT', 't', 'm')",
        ID["sam"],
        booking["id"],
    )
    async with door.conn.transaction():
        await door.conn.execute("SET LOCAL deadlock_timeout = '1min'")
        await door.conn.execute("UPDATE notifications SET read = true")
        gone = asyncio.create_task(door.ask("admin", "DELETE", f"{PATH}/{booking['id']}"))
        await _waiting(door, 1)
        await door.conn.execute("UPDATE bookings SET duration_minutes = 61")
    assert (await gone).status == 204


async def test_what_a_booking_became_is_not_deleted_with_it(door: Rest) -> None:
    """The database would: its keys cascade."""
    old = await door.booking()
    option, *_ = await offer(door, old)
    made = await door.ask("admin", "POST", f"{PATH}/{old['id']}/reschedule", {"option_id": option})
    new = made.json
    for status in ("CONFIRMED", "AT_RISK", "CANCELLED"):
        await door.conn.execute("UPDATE bookings SET status = $2 WHERE id = $1", new["id"], status)
        said = await door.ask("admin", "DELETE", f"{PATH}/{old['id']}")
        assert (said.status, said.code) == (409, "has-successor")
        [fault] = said.json["errors"]
        assert fault["detail"] == (
            f"was rescheduled to {new['id']}, which departs {at(9, day=1)} and is {status}"
        )
        assert await door.conn.fetchval("SELECT count(*) FROM bookings") == 2
    assert (await door.ask("ina", "DELETE", f"{PATH}/{old['id']}")).code == "forbidden"
    for one in (new, old):
        assert (await door.ask("admin", "DELETE", f"{PATH}/{one['id']}")).status == 204


async def test_a_delete_waits_for_what_the_booking_is_about_to_become(door: Rest) -> None:
    old = await door.booking()
    async with door.conn.transaction():
        await door.conn.execute(
            "INSERT INTO bookings (SELECT n.* FROM bookings AS b, jsonb_populate_record(b, $1::jsonb) AS n)",
            orjson.dumps(
                {"id": ID["sid"], "original_booking_id": old["id"], "scheduled_datetime": at(30)}
            ).decode(),
        )
        gone = asyncio.create_task(door.ask("admin", "DELETE", f"{PATH}/{old['id']}"))
        await _waiting(door, 1)
    assert (await gone).code == "has-successor"


async def test_what_goes_with_a_booking_is_told_and_kept_in_the_audit(
    door: Rest, connect: Callable[..., Awaitable[Client]]
) -> None:
    """Its options, rankings, notifications; and by SQL, which no rule here holds back, its successor."""
    flight = await door.booking()
    await offer(door, flight, 9, 12)
    successor = await door.booking(
        original_booking_id=flight["id"], scheduled_datetime=at(30), aircraft_id="N2"
    )
    screens = [await connect(door.hub, door.tokens[who]) for who in ("sam", "ina")]
    for screen in screens:
        for topic in ("bookings", "notifications", "reschedule"):
            await screen.watch(topic, topic)
    await door.conn.execute("DELETE FROM bookings WHERE id = $1", flight["id"])
    went = await xid(door)
    rows = await door.conn.fetch(
        "SELECT entity, count(*) FROM events WHERE xid = $1::text::xid8 AND op = 'D' GROUP BY 1",
        went,
    )
    assert {row["entity"]: row["count"] for row in rows} == {
        "bookings": 2,
        "reschedule_options": 2,
        "preference_rankings": 2,
        "notifications": 2,
        "reschedulings": 1,
    }
    rows = await door.conn.fetch(
        "SELECT entity_type, count(*) FROM audit_log WHERE action = 'delete' GROUP BY 1"
    )
    assert {row["entity_type"]: row["count"] for row in rows} == {
        "booking": 2,
        "reschedule_option": 2,
        "preference_ranking": 2,
    }
    kept = await door.conn.fetchval(
        "SELECT metadata -> 'row' ->> 'original_booking_id' FROM audit_log"
        " WHERE action = 'delete' AND entity_id = $1",
        successor["id"],
    )
    assert kept == flight["id"]
    for screen in screens:
        for _ in range(3):
            change = await screen.until("change")
            screen.follow(change)
            [transaction] = change["transactions"]
            assert transaction["tx"] == went
            assert {item["op"] for item in transaction["items"]} == {"remove"}
        assert screen.rows == {"bookings": {}, "notifications": {}, "reschedule": {}}
        assert await screen.silent()


async def test_with_a_key_it_is_made_once(door: Rest) -> None:
    key = {"Idempotency-Key": "retry-1"}
    said = await asyncio.gather(
        *(door.ask("ina", "POST", PATH, draft(), headers=key) for _ in range(5))
    )
    assert {answer.status for answer in said} == {201}
    assert len({answer.body for answer in said}) == 1
    for name in ("Hub-Transaction", "Location", "ETag"):
        assert len({answer.headers[name] for answer in said}) == 1
    replays = [answer for answer in said if "Idempotency-Replayed" in answer.headers]
    assert len(replays) == 4
    assert await door.conn.fetchval("SELECT count(*) FROM bookings") == 1
    # Still so when the row has gone its way since.
    await door.ask("admin", "DELETE", said[0].headers["Location"])
    later = await door.ask("ina", "POST", PATH, draft(), headers=key)
    assert (later.status, later.body) == (201, said[0].body)

    other = await door.ask("ina", "POST", PATH, draft(duration_minutes=45), headers=key)
    assert other.code == "key-reused"
    another = await door.ask("admin", "POST", PATH, draft(scheduled_datetime=at(18)), headers=key)
    assert another.status == 201, "somebody else's key is another key"
    for bad in ("", "x" * 256, "é"):
        said_bad = await door.ask("ina", "POST", PATH, draft(), headers={"Idempotency-Key": bad})
        assert said_bad.status == 422, bad
    twice = [
        ("Idempotency-Key", "k"),
        ("Idempotency-Key", "l"),
        ("Content-Type", "application/json"),
    ]
    twice.append(("Authorization", f"Bearer {door.tokens['ina']}"))
    async with door.http.post(door.hub.url + PATH, json=draft(), headers=twice) as answer:
        assert answer.status == 422
        assert (await answer.json(content_type=None))["errors"] == [
            {"header": "Idempotency-Key", "detail": "is given twice"}
        ]


async def test_a_key_of_what_failed_may_be_used_again(door: Rest) -> None:
    taken = await door.booking()
    key = {"Idempotency-Key": "k"}
    assert (await door.ask("ina", "POST", PATH, draft(), headers=key)).code == "overlap"
    await door.ask("admin", "DELETE", f"{PATH}/{taken['id']}")
    assert (await door.ask("ina", "POST", PATH, draft(), headers=key)).status == 201


async def every(door: Rest, who: str, query: str) -> tuple[list[dict[str, Any]], int]:
    """All rows of a list, page by page as Link says, and how many pages there were."""
    rows: list[dict[str, Any]] = []
    path, pages = f"{PATH}?{query}", 0
    while path:
        said = await door.ask(who, "GET", path)
        assert said.status == 200, said.body
        rows += said.json["items"]
        pages += 1
        assert pages < 100, "the pages do not end"
        link = said.headers.get("Link", "")
        assert bool(link) == (said.json["next"] is not None)
        path = link.removesuffix('; rel="next"').strip("<>")
    return rows, pages


async def test_pages_hold_every_row_once(door: Rest) -> None:
    # Several at one moment: the id tells them apart.
    for hour in range(5):
        for aircraft in range(3):
            await door.booking(
                scheduled_datetime=at(hour), aircraft_id=f"N{aircraft}", status="CANCELLED"
            )
    whole, pages = await every(door, "admin", "limit=100")
    assert (len(whole), pages) == (15, 1)
    assert [row["scheduled_datetime"] for row in whole] == sorted(
        row["scheduled_datetime"] for row in whole
    )
    for who in ("admin", "sam"):
        for limit in (1, 4, 5, 14, 15):
            rows, pages = await every(door, who, f"limit={limit}&status=CANCELLED")
            assert rows == whole
            assert pages == -(-15 // limit)
    # A row that comes in before the place moves nothing; one behind it is found.
    first = await door.ask("admin", "GET", f"{PATH}?limit=7")
    early = await door.booking(scheduled_datetime=at(-1), status="CANCELLED")
    late = await door.booking(scheduled_datetime=at(6), status="CANCELLED")
    rest = await door.ask("admin", "GET", f"{PATH}?limit=100&after={first.json['next']}")
    assert first.json["items"] + rest.json["items"] == [*whole, late]
    assert early not in rest.json["items"]


async def test_places_that_were_never_given(door: Rest) -> None:
    import base64

    id = ID["sam"]
    for text in ("", f"{id}", f"{id} now", f"{id} 2030-13-45T00:00:00Z", f"x {at(1)}", f"{id} \0",
                 f"{id} 2030-02-29T00:00:00Z", f"{id} 294277-01-01T00:00:00Z", f"{id} infinity BC",
                 f"{id} 0000-01-01T00:00:00Z", f"{id} 4715-01-01T00:00:00Z BC",
                 f"{id} {at(1)}'; DROP TABLE bookings"):  # fmt: skip
        after = base64.urlsafe_b64encode(text.encode()).decode()
        said = await door.ask("admin", "GET", f"{PATH}?after={after}")
        assert (said.status, said.where) == (422, ["after"]), text
    for text in ("infinity", "-infinity", "0001-01-01T00:00:00+00:00 BC", "294276-12-31T23:59:59.9Z",
                 "12032-02-29T00:00:00+00:00"):  # fmt: skip
        after = base64.urlsafe_b64encode(f"{id} {text}".encode()).decode()
        assert (await door.ask("admin", "GET", f"{PATH}?after={after}")).status == 200, text


async def test_a_row_is_shown_alike_alone_and_in_a_list(door: Rest) -> None:
    """In lists PostgreSQL writes it: the same members in the same order, whatever stands in them."""
    await door.conn.execute(
        "UPDATE users SET first_name = $2, last_name = $3 WHERE id = $1",
        ID["sam"],
        'S"\\\n+00:00","status":"',
        "+00:00",
    )
    rows = [
        await door.booking(departure_latitude=0.00000001, arrival_latitude=-37, aircraft_id=None),
        await door.booking(scheduled_datetime=at(12.5), original_booking_id=None),
        await door.booking(scheduled_datetime="2030-01-01T00:00:00.000010Z", status="AT_RISK"),
    ]
    await door.conn.execute(
        "UPDATE bookings SET rescheduled_to_datetime = $2, original_booking_id = $3 WHERE id = $1",
        rows[1]["id"],
        datetime.fromisoformat("2031-05-01T10:00:00Z"),
        rows[0]["id"],
    )
    await door.conn.execute(
        "UPDATE bookings SET created_at = '0044-03-15 BC' WHERE id = $1", rows[2]["id"]
    )
    for who in ("admin", "sam"):
        listed = (await door.ask(who, "GET", PATH)).json["items"]
        assert len(listed) == 3
        for row in listed:
            alone = (await door.ask(who, "GET", f"{PATH}/{row['id']}")).json
            assert list(row.items()) == list(alone.items())
            assert row["student_name"].endswith("+00:00")


async def test_filters_narrow(door: Rest) -> None:
    a = await door.booking(arrival_airport="KSJC")
    b = await door.booking(scheduled_datetime=at(12), status="AT_RISK", aircraft_id=None)
    c = await door.booking(
        scheduled_datetime=at(14),
        student_id=ID["sue"],
        status="COMPLETED",
        departure_airport="KSJC",
    )
    d = await door.booking(scheduled_datetime=at(16), instructor_id=ID["ivo"], aircraft_id="N9")
    name = {row["id"]: letter for row, letter in ((a, "a"), (b, "b"), (c, "c"), (d, "d"))}
    for query, expected in {
        "": "abcd",
        f"from={at(12)}": "bcd",
        f"to={at(12)}": "a",
        f"from={at(12)}&to={at(16)}": "bc",
        f"from={at(13).replace('Z', '%2B01:00')}": "bcd",
        "from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z": "abcd",
        "status=AT_RISK": "b",
        "status=AT_RISK&status=COMPLETED": "bc",
        "status=AT_RISK,COMPLETED": "bc",
        "airport=KSJC": "ac",
        "airport=ksjc": "",
        "aircraft_id=N9": "d",
        f"student_id={ID['sue']}": "c",
        f"instructor_id={ID['ivo']}": "d",
        f"student_id={ID['sam']}&instructor_id={ID['ivo']}": "d",
        f"student_id={ID['ivo']}": "",
    }.items():
        said = await door.ask("admin", "GET", f"{PATH}?{query}")
        assert said.status == 200, (query, said.body)
        assert "".join(name[row["id"]] for row in said.json["items"]) == expected, query
        assert "Hub-Cursor" in said.headers
    for query, where in {
        f"from={at(2)}&to={at(1)}": ["to"],
        "from=2030-01-01T00:00:00 01:00": ["from"],
        "since=2030-01-01T00:00:00Z": ["since"],
    }.items():
        said = await door.ask("admin", "GET", f"{PATH}?{query}")
        assert (said.status, said.where) == (422, where)


async def test_a_read_s_cursor_is_the_snapshot_of_its_rows(door: Rest) -> None:
    """Whatever is written while it is read: a row is in the answer, or its event is after the cursor."""
    stop = asyncio.Event()

    async def write() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            await door.conn.execute(
                "INSERT INTO bookings (student_id, instructor_id, departure_airport, arrival_airport,"
                " departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,"
                " scheduled_datetime, training_level, status)"
                " VALUES ($1, $2, 'A1', 'B1', 1, 2, 3, 4, now(), 'STUDENT_PILOT', 'CANCELLED')",
                ID["sam"],
                ID["ina"],
            )

    writer = asyncio.create_task(write())
    reads = [await door.ask("admin", "GET", f"{PATH}?limit=100") for _ in range(12)]
    stop.set()
    await writer
    for read in reads:
        after = read.headers["Hub-Cursor"].partition(".")[2]
        later = await door.conn.fetch(
            "SELECT key::text FROM events WHERE entity = 'bookings'"
            " AND NOT pg_visible_in_snapshot(xid, $1::text::pg_snapshot)",
            after,
        )
        earlier = await door.conn.fetch(
            "SELECT key::text FROM events WHERE entity = 'bookings'"
            " AND pg_visible_in_snapshot(xid, $1::text::pg_snapshot)",
            after,
        )
        shown = {row["id"] for row in read.json["items"]}
        assert shown <= {row["key"] for row in earlier}
        assert not shown & {row["key"] for row in later}
        assert len(shown) == min(100, len(earlier))


async def test_many_who_read_at_once_are_each_shown_what_they_may_see(door: Rest) -> None:
    first = (await door.booking())["id"]
    second = (await door.booking(scheduled_datetime=at(30), original_booking_id=first))["id"]
    theirs = {"student_id": ID["sue"], "instructor_id": ID["ivo"], "aircraft_id": None}
    third = (await door.booking(**theirs, original_booking_id=second))["id"]
    await door.key("bookings:read")
    nobody = "00000000-0000-4000-8000-000000000000"
    asked = [
        (who, f"{PATH}/{id}")
        for id in (first, second, third, nobody)
        for who in ("admin", "ina", "ivo", "sam", "sue", "robot")
    ]
    alone = [await door.ask(who, "GET", path) for who, path in asked]
    assert [said.status for said in alone] == [
        *(200, 200, 404, 200, 404, 200), *(200, 200, 404, 200, 404, 200),
        *(200, 404, 200, 404, 200, 200), *[404] * 6,
    ]  # fmt: skip
    # Kin that is not theirs to see they are not told of.
    linked = {asked[n] for n, said in enumerate(alone) if "Link" in said.headers}
    assert linked == {
        (who, f"{PATH}/{id}")
        for who, id in [(who, id) for who in ("admin", "robot") for id in (first, second, third)]
        + [(who, id) for who in ("ina", "sam") for id in (first, second)]
    }
    reads = together(door.hub.house.pool, text_and_parameters("bookings_each")[0])
    before = reads.reads
    at_once = await asyncio.gather(*(door.ask(who, "GET", path) for who, path in asked * 2))
    assert reads.reads - before < len(asked)

    def told(said: Said) -> tuple[Any, ...]:
        seen = said.body if said.status == 200 else said.code
        return said.status, seen, said.headers.get("ETag"), said.headers.get("Link")

    assert [told(said) for said in at_once] == [told(said) for said in alone] * 2


async def test_a_read_sees_what_was_written_before_it_among_many_others(
    dsn: str, tmp_path: Path
) -> None:
    async with opened(dsn, tmp_path, requests_per_second=1e5, requests_burst=100_000) as door:
        made = [await door.booking(scheduled_datetime=at(10, day)) for day in range(4)]
        paths = [f"{PATH}/{row['id']}" for row in made]
        over = asyncio.Event()

        async def crowd() -> None:
            while not over.is_set():
                await asyncio.gather(*(door.ask("admin", "GET", path) for path in paths))

        async def writer(path: str) -> None:
            for minutes in range(30, 60):
                await door.ask("ina", "PATCH", path, {"duration_minutes": minutes})
                said = await door.ask("sam", "GET", path)
                assert said.json["duration_minutes"] == minutes

        crowds = [asyncio.create_task(crowd()) for _ in range(3)]
        await asyncio.gather(*map(writer, paths))
        over.set()
        await asyncio.gather(*crowds)


async def test_who_hangs_up_takes_nothing_from_those_who_read_the_same(door: Rest) -> None:
    ids = [(await door.booking(scheduled_datetime=at(10, day)))["id"] for day in range(3)]
    async with door.conn.transaction():
        await door.conn.execute("LOCK TABLE bookings IN ACCESS EXCLUSIVE MODE")
        asked = [
            asyncio.create_task(door.ask(who, "GET", f"{PATH}/{id}"))
            for who in ("sam", "ina", "admin")
            for id in ids
        ]
        await asyncio.sleep(0.3)
        for gone in asked[::2]:
            gone.cancel()
        await asyncio.sleep(0.1)
        assert not any(task.done() for task in asked[1::2])
    said = await asyncio.gather(*asked[1::2])
    assert [one.json["id"] for one in said] == (ids * 3)[1::2]
