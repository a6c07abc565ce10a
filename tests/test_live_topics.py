"""The topics beside bookings and notifications, on sockets: board, reschedule, devices, days that slide."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import orjson
import pytest
from running import Client, Hub
from test_window_rules import midnight_in

from hub.settings import Settings

Connect = Callable[..., Awaitable[Client]]
Start = Callable[..., Awaitable[Hub]]
ADMIN = "admin@example.com"


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(15):
        while not await is_so():
            await asyncio.sleep(0.02)


@pytest.fixture
async def sql(hub: Hub) -> Any:
    """Another program with a connection to the schedule."""
    conn = await asyncpg.connect(hub.dsn)
    yield conn
    await conn.close()


async def _people(sql: Any, role: str) -> list[Any]:
    return list(
        await sql.fetch(
            "SELECT id::text, email, first_name, last_name FROM users WHERE role = $1 ORDER BY id",
            role,
        )
    )


async def _booking(sql: Any, **more: Any) -> str:
    """A new booking, of the first student with the first instructor, 100 days ahead."""
    students, instructors = await _people(sql, "STUDENT"), await _people(sql, "INSTRUCTOR")
    given = {
        "student": students[0]["id"],
        "instructor": instructors[0]["id"],
        "at": datetime.now(UTC) + timedelta(days=100),
        "status": "CONFIRMED",
        "airport": "KPAO",
    } | more
    return str(
        await sql.fetchval(
            """INSERT INTO bookings (student_id, instructor_id, departure_airport, arrival_airport,
                 departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
                 scheduled_datetime, training_level, status, aircraft_id)
               VALUES ($1::text::uuid, $2::text::uuid, $5, 'KSQL', 37.4, -122.1, 37.5, -122.2, $3,
                 'STUDENT_PILOT', $4, 'N7') RETURNING id::text""",
            given["student"],
            given["instructor"],
            given["at"],
            given["status"],
            given["airport"],
        )
    )


async def _open(sql: Any) -> str:
    """A booking for which two times are on offer and both its people are asked."""
    async with sql.transaction():
        id = await _booking(sql, status="RESCHEDULING")
        await sql.execute(
            """INSERT INTO reschedule_options (booking_id, suggested_datetime, ai_confidence_score)
               SELECT $1::text::uuid, now() + n * interval '1 day', n * 0.3
                 FROM generate_series(1, 2) AS n""",
            id,
        )
        await sql.execute(
            """INSERT INTO preference_rankings (booking_id, user_id, deadline)
               SELECT id, unnest(ARRAY[student_id, instructor_id]), now() + interval '5 hours'
                 FROM bookings WHERE id = $1::text::uuid""",
            id,
        )
    return id


_ANSWER = """UPDATE preference_rankings AS p SET submitted_at = now(),
    option1_id = (SELECT id FROM reschedule_options WHERE booking_id = p.booking_id LIMIT 1)
     FROM bookings AS b WHERE b.id = p.booking_id AND b.id = $1::text::uuid AND p.user_id = b.{}_id"""


# The board.


async def test_the_board_holds_no_surname_no_persons_id_and_no_address(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    heard: list[str] = []
    receive = client.ws.receive

    async def listening(**more: Any) -> Any:
        message = await receive(**more)
        heard.append(str(message.data))
        return message

    client.ws.receive = listening  # type: ignore[method-assign]
    await client.watch("b", "board")
    heard.clear()  # the admin's own welcome
    await client.say(type="unwatch", id="b")
    await client.watch("b", "board")
    assert client.rows["b"]
    key = await _booking(sql)
    await client.until("change")
    await sql.execute("UPDATE bookings SET status = 'AT_RISK' WHERE id = $1::text::uuid", key)
    (item,) = (await client.until("change"))["transactions"][0]["items"]
    student, *others = await _people(sql, "STUDENT")
    instructor = (await _people(sql, "INSTRUCTOR"))[0]
    assert item["changed"] == ["status"]
    assert item["row"]["pilot"] == f"{student['first_name']} {student['last_name'][0]}."
    assert item["row"]["instructor"] == f"{instructor['first_name']} {instructor['last_name'][0]}."
    assert set(item["row"]) == {
        *("id", "departs", "minutes", "tail", "from", "to", "status"),
        *("pilot", "instructor", "rescheduled_to"),
    }
    # A new name and another pilot are told; what is not shown is not even mentioned.
    await sql.execute(
        "UPDATE users SET first_name = 'Zoe' WHERE id = $1::text::uuid", student["id"]
    )
    renamed = await client.until("change")
    assert {i["row"]["pilot"] for i in renamed["transactions"][0]["items"]} == {
        f"Zoe {student['last_name'][0]}."
    }
    await sql.execute(
        "UPDATE bookings SET training_level = 'PRIVATE_PILOT' WHERE id = $1::text::uuid", key
    )
    await sql.execute(
        "UPDATE bookings SET student_id = $2::text::uuid WHERE id = $1::text::uuid",
        key,
        others[0]["id"],
    )
    (item,) = (await client.until("change"))["transactions"][0]["items"]
    assert item["changed"] == ["pilot"]
    text = "\n".join(heard)
    assert key in text
    everyone = await sql.fetch("SELECT id::text, last_name, email FROM users")
    for person in everyone:
        for secret in person:
            assert secret not in text


async def test_the_board_is_for_admins_and_screens(hub: Hub, connect: Connect, sql: Any) -> None:
    for role in ("STUDENT", "INSTRUCTOR"):
        client = await connect(hub, await hub.token_of((await _people(sql, role))[0]["email"]))
        for topic in ("board", "devices"):
            await client.say(type="watch", id=topic, topic=topic)
            assert (await client.until("error"))["code"] == "forbidden"


# Rescheduling.


async def test_both_see_the_offer_and_who_has_answered_and_nobody_else_does(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    students, instructors = await _people(sql, "STUDENT"), await _people(sql, "INSTRUCTOR")
    watching = {}
    for who in (students[0], instructors[0], students[1], instructors[1]):
        client = watching[who["id"]] = await connect(hub, await hub.token_of(who["email"]))
        await client.watch("r", "reschedule")
    student, instructor, stranger, next_instructor = watching.values()
    before = len(student.rows["r"])
    key = await _open(sql)
    for client in (student, instructor):
        change = await client.until("change")
        client.follow(change)
        # One transaction, one row, one item: nothing of the steps in between.
        (told,) = change["transactions"]
        (item,) = told["items"]
        assert item["op"] == "upsert"
        row = item["row"]
        assert row["id"] == key
        assert (row["student_submitted"], row["instructor_submitted"]) == (False, False)
        assert [o["ai_confidence_score"] for o in row["options"]] == [0.6, 0.3]
        assert row["options"][0]["suggested_datetime"].endswith("Z")
        assert row["deadline"].endswith("Z")

    # Their names are shown, and follow them.
    await sql.execute(
        "UPDATE users SET first_name = 'Zoe' WHERE id = $1::text::uuid", students[0]["id"]
    )
    for client in (student, instructor):
        items = (await client.until("change"))["transactions"][0]["items"]
        (item,) = [item for item in items if item["key"] == key]
        assert item["changed"] == ["student_name"]
        assert item["row"]["student_name"] == f"Zoe {students[0]['last_name']}"

    await sql.execute(_ANSWER.format("student"), key)
    for client in (student, instructor):
        (item,) = (await client.until("change"))["transactions"][0]["items"]
        assert item["changed"] == ["student_submitted"]
        assert "option1_id" not in orjson.dumps(item).decode()

    # Another instructor takes over: the one loses it, the other has it, by one commit.
    await sql.execute(
        "UPDATE bookings SET instructor_id = $2::text::uuid WHERE id = $1::text::uuid",
        key,
        instructors[1]["id"],
    )
    assert (await instructor.until("change"))["transactions"][0]["items"] == [
        {"op": "remove", "key": key}
    ]
    (item,) = (await next_instructor.until("change"))["transactions"][0]["items"]
    assert item["row"]["student_submitted"] is True
    await student.until("change")

    await sql.execute("UPDATE bookings SET status = 'CONFIRMED' WHERE id = $1::text::uuid", key)
    for client in (student, next_instructor):
        assert (await client.until("change"))["transactions"][0]["items"] == [
            {"op": "remove", "key": key}
        ]
    assert await stranger.silent()
    fresh = await connect(hub, await hub.token_of(students[0]["email"]))
    await fresh.watch("r", "reschedule")
    assert len(fresh.rows["r"]) == before


async def test_two_who_answer_at_once_are_both_seen(hub: Hub, sql: Any) -> None:
    key = await _open(sql)
    other = await asyncpg.connect(hub.dsn)
    try:
        async with sql.transaction():
            await sql.execute(_ANSWER.format("student"), key)
            async with other.transaction():
                await other.execute(_ANSWER.format("instructor"), key)
        row = await sql.fetchrow("SELECT * FROM reschedulings WHERE id = $1::text::uuid", key)
    finally:
        await other.close()
    assert (row["student_submitted"], row["instructor_submitted"]) == (True, True)


async def test_the_later_of_two_commits_waits_for_the_earlier(hub: Hub, sql: Any) -> None:
    """Both have answered and are committing: the lock makes the second see the first."""
    key = await _open(sql)
    other = await asyncpg.connect(hub.dsn)
    try:
        one, two = sql.transaction(), other.transaction()
        await one.start()
        await two.start()
        await sql.execute(_ANSWER.format("student"), key)
        await other.execute(_ANSWER.format("instructor"), key)
        # The deferred triggers of the first run, and it does not commit yet.
        await sql.execute("SET CONSTRAINTS ALL IMMEDIATE")
        late = asyncio.create_task(two.commit())
        await asyncio.sleep(0.05)
        assert not late.done()
        await one.commit()
        await late
        row = await sql.fetchrow("SELECT * FROM reschedulings WHERE id = $1::text::uuid", key)
    finally:
        await other.close()
    assert (row["student_submitted"], row["instructor_submitted"]) == (True, True)


async def test_truncated_options_are_gone_from_what_is_watched(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    key = await _open(sql)
    await client.watch("r", "reschedule", filter={"booking_id": key})
    assert len(client.rows["r"][key]["options"]) == 2
    await sql.execute("TRUNCATE reschedule_options CASCADE")
    (item,) = (await client.until("change"))["transactions"][0]["items"]
    assert item["row"]["options"] == []
    assert item["row"]["deadline"] is None


async def test_an_admin_watches_what_is_escalated(hub: Hub, connect: Connect, sql: Any) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("r", "reschedule", filter={"escalated": True})
    key = await _open(sql)
    await sql.execute(
        "UPDATE preference_rankings SET escalated_at = now() WHERE booking_id = $1::text::uuid", key
    )
    item: dict[str, Any] = {"key": None}
    while item["key"] != key:  # the hub's clock may escalate another meanwhile
        (item,) = (await client.until("change"))["transactions"][0]["items"]
    assert item["row"]["escalated_at"] is not None


# Days that slide.


async def _midnight(sql: Any, day: date) -> None:
    await sql.execute("INSERT INTO days (day) VALUES ($1) ON CONFLICT DO NOTHING", day)


async def _today(sql: Any) -> date:
    """The school's today, once the hub's clock has written it."""

    async def last() -> bool:
        return await sql.fetchval("SELECT max(day) FROM days") is not None

    await until(last)
    day: date = await sql.fetchval("SELECT max(day) FROM days")
    return day


async def test_at_midnight_rows_leave_and_enter_without_a_reconnect(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    today = await _today(sql)
    await sql.execute("DELETE FROM bookings")
    noon = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    now = await _booking(sql, at=noon)
    later = await _booking(sql, at=noon + timedelta(days=1))
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("d", "bookings", filter={"from": "today", "to": "tomorrow"})
    await client.watch("w", "board", filter={"from": "yesterday", "to": "today+7"})
    assert now in client.rows["d"]
    assert later not in client.rows["d"]
    yesterday = client.cursors["d"]

    await _midnight(sql, today + timedelta(days=1))
    rows: dict[str, dict[str, Any]] = {"d": {}, "w": {}}
    reset, live = set(), set()
    while live != {"d", "w"}:
        told = await client.hear()
        if told["type"] == "reset":
            assert told["reason"] == "window"
            reset.add(told["id"])
        elif told["type"] == "rows":
            rows[told["id"]] |= {row["id"]: row for row in told["rows"]}
        elif told["type"] == "live":
            live.add(told["id"])
            client.cursors[told["id"]] = told["cursor"]
    assert reset == {"d", "w"}
    assert later in rows["d"]
    assert now not in rows["d"]
    assert now in rows["w"]

    # Judged by the new day, live and over a reconnect; a cursor from before midnight begins anew.
    await sql.execute("UPDATE bookings SET status = 'AT_RISK' WHERE id = $1::text::uuid", now)
    (item,) = (await client.until("change"))["transactions"][0]["items"]
    assert item["row"]["id"] == now
    assert "pilot" in item["row"]  # the board's: yesterday is in its week
    again = await connect(hub, await hub.token_of(ADMIN))
    within = {"from": "today", "to": "tomorrow"}
    resumed = await again.watch("d", "bookings", filter=within, cursor=client.cursors["d"])
    assert resumed["resumed"] is True
    begun = await again.watch("y", "bookings", filter=within, cursor=yesterday)
    assert begun["resumed"] is False
    assert {"type": "reset", "id": "y", "reason": "window"} in again.heard
    assert set(again.rows["y"]) == set(rows["d"])


async def test_a_midnight_slept_through_by_the_hub_is_told_to_who_comes_back(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    today = await _today(sql)
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("d", "bookings", filter={"from": "today"})
    await client.watch("all", "bookings")
    await hub.stop()
    await _midnight(sql, today + timedelta(days=1))
    await hub.start()
    again = await connect(hub, await hub.token_of(ADMIN))
    live = await again.watch("d", "bookings", filter={"from": "today"}, cursor=client.cursors["d"])
    assert live["resumed"] is False
    assert {"type": "reset", "id": "d", "reason": "window"} in again.heard
    assert (await again.watch("all", "bookings", cursor=client.cursors["all"]))["resumed"] is True


async def _no_day_yet(dsn: str) -> None:
    """The seeds' days are UTC's, and so is the clock kept with them."""
    conn = await asyncpg.connect(dsn)
    await conn.execute("DELETE FROM days; DELETE FROM school")
    await conn.close()


async def test_today_is_the_schools_and_neither_utcs_nor_the_databases(
    start_hub: Start, seeded_dsn: str, connect: Connect
) -> None:
    """In pictures, in what is told of changes, and for who comes back: from midnight to midnight."""
    # Wherever it is near midnight now, it is near noon at the other.
    zone = max(
        ("America/St_Johns", "Pacific/Chatham"),
        key=lambda name: -abs(datetime.now(ZoneInfo(name)).hour - 12),
    )
    await _no_day_yet(seeded_dsn)
    hub = await start_hub(seeded_dsn, timezone=zone)
    sql = await asyncpg.connect(hub.dsn)
    try:
        today = await _today(sql)
        assert today == datetime.now(ZoneInfo(zone)).date()
        midnight, end = (
            datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
            for day in (today, today + timedelta(days=1))
        )
        instant = timedelta(microseconds=1)
        await sql.execute("DELETE FROM bookings")
        moments = {
            "before": midnight - instant,
            "first": midnight,
            "last": end - instant,
            "after": end,
        }
        keys = {
            name: await _booking(sql, at=at, status="COMPLETED") for name, at in moments.items()
        }
        within = {"from": "today", "to": "tomorrow"}
        client = await connect(hub, await hub.token_of(ADMIN))
        await client.watch("d", "bookings", filter=within)
        await client.watch("w", "board", filter=within)
        for id in ("d", "w"):
            assert client.rows[id].keys() == {keys["first"], keys["last"]}, id

        # One is put off by an instant and leaves; one is brought forward by as much and comes in.
        move = "UPDATE bookings SET scheduled_datetime = $2 WHERE id = $1::text::uuid"
        async with sql.transaction():
            await sql.execute(move, keys["last"], end)
            await sql.execute(move, keys["after"], end - instant)
            await sql.execute(move, keys["before"], midnight - 2 * instant)
        told = [await client.until("change") for _ in range(2)]
        assert {change["view"] for change in told} == set(client.views.values())
        for change in told:
            ops = {
                item["key"]: item["op"] for one in change["transactions"] for item in one["items"]
            }
            assert ops == {keys["last"]: "remove", keys["after"]: "upsert"}
            client.follow(change)
        for id in ("d", "w"):
            assert client.rows[id].keys() == {keys["first"], keys["after"]}, id
    finally:
        await sql.close()


async def test_at_the_schools_midnight_every_screen_turns_by_itself(
    start_hub: Start, seeded_dsn: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The house's own clock is all there is to bring it: nobody writes."""
    await _no_day_yet(seeded_dsn)
    zone, tomorrow = midnight_in(8)
    monkeypatch.setattr(Settings, "zone", property(lambda _: zone))
    hub = await start_hub(seeded_dsn)
    sql = await asyncpg.connect(hub.dsn)
    try:
        assert await _today(sql) == tomorrow - timedelta(days=1)
        await sql.execute("DELETE FROM bookings")
        begins = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone)
        key = await _booking(sql, at=begins + timedelta(hours=1))
        client = await connect(hub, await hub.token_of(ADMIN))
        await client.watch("d", "bookings", filter={"from": "today", "to": "tomorrow"})
        assert client.rows["d"] == {}
        assert await client.until("reset") == {"type": "reset", "id": "d", "reason": "window"}
        assert datetime.now(UTC) >= begins
        assert [row["id"] for row in (await client.until("rows"))["rows"]] == [key]
        await client.until("live")
    finally:
        await sql.close()


async def test_the_clock_writes_each_day_once_and_mends_a_day_too_far_ahead(
    hub: Hub, sql: Any
) -> None:
    today = await _today(sql)
    assert today == (await sql.fetchval("SELECT now() AT TIME ZONE 'UTC'")).date()
    await _midnight(sql, today + timedelta(days=9))

    async def mended() -> bool:
        return bool(await sql.fetchval("SELECT max(day) = $1 FROM days", today))

    await sql.execute("DELETE FROM days WHERE day = $1", today)
    await until(mended)
    await sql.execute("TRUNCATE days")
    await until(mended)
    assert await sql.fetchval("SELECT count(*) FROM days") == 1


@pytest.mark.parametrize(
    "within",
    [
        {"from": "tomorrow", "to": "today"},
        {"from": "today", "to": "today"},
        {"from": "noon"},
        {"from": "today+1000"},
        {"from": "today + 1"},
        {"to": "Today"},
    ],
)
async def test_a_day_that_is_none_is_a_bad_filter(
    hub: Hub, connect: Connect, within: dict[str, str]
) -> None:
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.say(type="watch", id="1", topic="bookings", filter=within)
    told = await client.until("error")
    assert told["code"] == "bad_filter"
    assert "/filter" in told["message"]


# Coming back after long.


async def test_what_was_missed_for_days_comes_conflated_in_pages_and_whole_transactions(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    admin = await sql.fetchrow("SELECT id::text, email FROM users WHERE role = 'ADMIN' LIMIT 1")
    client = await connect(hub, await hub.token_of(admin["email"]))
    await client.watch("n", "notifications")
    old = client.cursors["n"]
    await client.ws.close()
    for batch in range(30):  # 30 transactions of 100 rows, each row written three times
        async with sql.transaction():
            await sql.execute(
                """INSERT INTO notifications (user_id, type, title, message)
                   SELECT $1::text::uuid, 'CONFIRMATION', $2 || '-' || n, 'm'
                     FROM generate_series(1, 100) AS n""",
                admin["id"],
                str(batch),
            )
        for word in ("again", "last"):
            await sql.execute(
                "UPDATE notifications SET message = $2 WHERE title LIKE $1", f"{batch}-%", word
            )
    await sql.execute("DELETE FROM notifications WHERE title LIKE '7-%'")
    await hub.restart()  # it holds nothing of that any more

    again = await connect(hub, await hub.token_of(admin["email"]))
    again.rows["n"] = dict(client.rows["n"])
    await again.say(type="watch", id="n", topic="notifications", cursor=old)
    pages = []
    while (told := await again.hear())["type"] == "change":
        pages.append(told)
        for transaction in told["transactions"]:
            for item in transaction["items"]:
                if item["op"] == "remove":
                    again.rows["n"].pop(item["key"], None)
                else:
                    again.rows["n"][item["key"]] = item["row"]
    assert (told["type"], told["resumed"]) == ("live", True)
    assert len(pages) >= 3
    assert [page.get("more") for page in pages] == [True] * (len(pages) - 1) + [None]
    assert {page["cursor"] for page in pages[:-1]} == {old}
    seen = [t["tx"] for page in pages for t in page["transactions"]]
    assert len(seen) == len(set(seen)), "a transaction was split"
    items = [item for p in pages for t in p["transactions"] for item in t["items"]]
    assert len(items) == 2900, "conflated: each row once, and what came and went not at all"
    fresh = await connect(hub, await hub.token_of(admin["email"]))
    await fresh.watch("n", "notifications")
    assert again.rows["n"] == fresh.rows["n"]


@pytest.mark.parametrize("day", ["infinity", "-infinity", "9999-12-31", "10000-01-01"])
async def test_a_day_of_no_calendar_is_survived_and_taken_back(
    hub: Hub, connect: Connect, sql: Any, day: str
) -> None:
    today = await _today(sql)
    noon = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    key = await _booking(sql, at=noon, status="CANCELLED")
    client = await connect(hub, await hub.token_of(ADMIN))
    await client.watch("d", "bookings", filter={"from": "today-1", "to": "today+999"})
    assert key in client.rows["d"]
    await sql.execute(f"INSERT INTO days (day) VALUES ('{day}')")
    await hub.house.feed.turned()
    other = await connect(hub, await hub.token_of(ADMIN))
    await other.watch("o", "board", filter={"from": "today-999", "to": "tomorrow+999"})
    await hub.restart()
    await sql.execute(f"DELETE FROM days WHERE day = '{day}'")
    await hub.house.feed.turned()
    last = await connect(hub, await hub.token_of(ADMIN))
    await last.watch("d", "bookings", filter={"from": "today-1", "to": "today+999"})
    assert key in last.rows["d"]
    while (await client.hear())["type"] != "closed":
        pass
    assert not any(told.get("reason") == "fault" for told in client.heard + other.heard)


async def test_an_odd_name_reads_the_same_in_a_picture_and_in_a_change(
    hub: Hub, connect: Connect, sql: Any
) -> None:
    student = (await _people(sql, "STUDENT"))[0]["id"]
    await sql.execute(
        "UPDATE users SET first_name = E' \u00a0Ann', last_name = '' WHERE id::text = $1", student
    )
    key = await _booking(sql)
    await hub.house.feed.turned()
    client = await connect(hub, await hub.token_of(ADMIN))
    for minutes, last_name in enumerate(("", " ", "\u0301x", "\U0001f6e9y"), 61):
        await client.watch("b", "board")
        await sql.execute("UPDATE users SET last_name = $2 WHERE id::text = $1", student, last_name)
        await sql.execute(
            "UPDATE bookings SET duration_minutes = $2 WHERE id::text = $1", key, minutes
        )
        while client.rows["b"][key]["minutes"] != minutes:
            client.follow(await client.until("change"))
        # Another filter each time: none of these is a picture that is kept.
        since = f"2020-01-01T00:00:{minutes - 10}Z"
        await client.watch("again", "board", filter={"from": since})
        assert client.rows["again"][key] == client.rows["b"][key]
        await client.say(type="unwatch", id="b")
        await client.say(type="unwatch", id="again")
