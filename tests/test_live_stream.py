"""Streams against a real hub: the same frames as the socket, and what HTTP adds."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from secrets import token_urlsafe
from typing import Any

import aiohttp
import asyncpg
import orjson
import pytest
import structlog
from rows import booking, person
from running import Client, Hub
from streaming import PATH, Open, Parser, Source

from hub.live import blocks
from hub.live.closing import Code

Connect = Callable[..., Awaitable[Client]]
Start = Callable[..., Awaitable[Hub]]
ADMIN = "admin@example.com"
ALL = {"topic": "bookings"}


@pytest.fixture
async def sql(seeded_dsn: str) -> AsyncIterator[Any]:
    """Another program with a connection to the schedule."""
    conn = await asyncpg.connect(seeded_dsn)
    yield conn
    await conn.close()


def _watches(*watches: dict[str, Any]) -> list[tuple[str, str]]:
    return [("watch", orjson.dumps(watch).decode()) for watch in watches]


async def _key(sql: Any, *scopes: str) -> str:
    secret = f"hub_{token_urlsafe(32)}"
    await sql.execute(
        "INSERT INTO api_keys (name, prefix, hash, scopes) VALUES ('robot', $1, sha256($2), $3)",
        secret[:10],
        secret.encode(),
        list(scopes),
    )
    return secret


async def _ask(hub: Hub, method: str, query: str, **more: Any) -> tuple[int, Any, Any]:
    """An answer that has an end: status, headers, and the problem's JSON or None."""
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, f"{hub.url}{PATH}?{query}", **more) as answer,
    ):
        return answer.status, answer.headers, orjson.loads(await answer.read() or b"null")


async def _student(sql: Any) -> str:
    """The e-mail of one who has bookings."""
    return str(
        await sql.fetchval(
            "SELECT email FROM users JOIN bookings ON student_id = users.id ORDER BY 1 LIMIT 1"
        )
    )


async def _bearer(hub: Hub, email: str = ADMIN) -> dict[str, str]:
    return {"Authorization": f"Bearer {await hub.token_of(email)}"}


# The same as over the socket.


async def test_the_same_items_as_the_websocket_beside_it(
    hub: Hub, connect: Connect, open_stream: Open, sql: Any
) -> None:
    """Every frame of a story of changes: the same text, in the same order."""
    token = await hub.token_of(ADMIN)
    within = {"status": ["AT_RISK", "CONFIRMED"], "airport": "KJFK"}
    client = await connect(hub, token)
    await client.watch("1", "bookings", filter=within)
    query = [
        ("topic", "bookings"),
        ("status", "AT_RISK"),
        ("status", "CONFIRMED"),
        ("airport", "KJFK"),
    ]
    stream = await open_stream(hub, token, query)
    live = await stream.until("live")
    assert [event.type for event in stream.heard] == ["welcome", "rows", "live"]
    assert stream.heard[0].told.keys() == client.heard[0].keys()
    assert (live["view"], stream.rows["1"]) == (client.views["1"], client.rows["1"])

    student = await person(sql)
    first = await booking(sql, student_id=student)
    await sql.execute("UPDATE bookings SET status = 'AT_RISK' WHERE id = $1", first)
    await sql.execute("UPDATE bookings SET status = 'CANCELLED' WHERE id = $1", first)
    await sql.execute(
        "UPDATE bookings SET aircraft_id = 'N9' WHERE id = $1", first
    )  # seen by nobody
    await sql.execute("UPDATE bookings SET status = 'AT_RISK' WHERE id = $1", first)
    async with sql.transaction():
        await booking(sql, aircraft_id="N2")
        await booking(sql, aircraft_id="N3")
        await sql.execute("DELETE FROM bookings WHERE id = $1", first)
    last = await booking(sql, student_id=student, aircraft_id="N4")
    await sql.execute("UPDATE users SET first_name = 'Renamed' WHERE id = $1", student)
    await sql.execute("UPDATE bookings SET departure_airport = 'KAUS' WHERE id = $1", last)

    heard: list[dict[str, Any]] = []
    while not any(f'"op":"remove","key":"{last}"' in event.data for event in stream.heard):
        await stream.hear()
    while len(heard) < len(stream.heard) - 3:
        told = await client.until("change")
        client.follow(told)
        heard.append(told)
    assert [event.told for event in stream.heard[3:]] == heard
    assert stream.rows == client.rows
    assert stream.last_id == heard[-1]["cursor"]
    # Every one of them moved the id: it is the only watch.
    assert [event.id for event in stream.heard[3:]] == [told["cursor"] for told in heard]
    assert await client.silent(0.2)


async def test_a_change_is_converted_once_for_all(
    hub: Hub, open_stream: Open, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await hub.token_of(ADMIN)
    two = _watches({"id": "b", "topic": "bookings"}, {"id": "n", "topic": "notifications"})
    streams = [await open_stream(hub, token, two if n % 2 else ALL) for n in range(12)]
    for stream in streams:
        while stream.last_id in ("", "-"):
            await stream.hear()
    converted = []

    def counted(frames: bytes, *, whole: bool) -> bytes:
        converted.append(frames)
        return real(frames, whole=whole)

    real = blocks.blocks
    monkeypatch.setattr(blocks, "blocks", counted)
    admin = await sql.fetchval("SELECT id FROM users WHERE email = $1", ADMIN)
    async with sql.transaction():
        await booking(sql)
        await sql.execute(
            "INSERT INTO notifications (user_id, type, title, message)"
            " VALUES ($1, 'CONFIRMATION', 't', 'm')",
            admin,
        )
    for stream in streams:
        await stream.until("change")
    for stream in streams[1::2]:
        await stream.until("change")
    # One for those with one watch, one for those with two.
    assert len([frames for frames in converted if b'"change"' in frames[:40]]) == 2


async def test_the_id_waits_for_every_watch(
    hub: Hub, open_stream: Open, sql: Any, seeded_dsn: str
) -> None:
    other = await asyncpg.connect(seeded_dsn)
    held = other.transaction()
    await held.start()
    await other.execute("LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE")
    two = _watches({"id": "b", "topic": "bookings"}, {"id": "n", "topic": "notifications"})
    stream = await open_stream(hub, await hub.token_of(ADMIN), two)
    assert (await stream.until("live"))["id"] == "b"
    await booking(sql)
    await stream.until("change")
    # Notifications have no picture yet: who comes back now must begin anew.
    assert [event.id for event in stream.heard] == [None, "-", None, "-"]
    await held.rollback()
    await other.close()
    live = await stream.until("live")
    assert (live["id"], stream.last_id) == ("n", live["cursor"])

    admin = await sql.fetchval("SELECT id FROM users WHERE email = $1", ADMIN)
    async with sql.transaction():
        await booking(sql, aircraft_id="N2")
        await sql.execute(
            "INSERT INTO notifications (user_id, type, title, message)"
            " VALUES ($1, 'CONFIRMATION', 't', 'm')",
            admin,
        )
    await stream.until("change")
    await stream.until("change")
    one, another = stream.heard[-2:]
    assert one.told["cursor"] == another.told["cursor"]
    assert (one.id, another.id) == ("-", another.told["cursor"])

    # A watch that is read anew takes the id away until it is good again.
    await sql.execute("TRUNCATE notifications CASCADE")
    await stream.until("reset")
    assert stream.last_id == "-"
    live = await stream.until("live")
    assert (live["id"], stream.last_id) == ("n", live["cursor"])


async def test_who_is_cut_off_between_two_watches_keeps_no_row_that_went_meanwhile(
    hub: Hub, open_stream: Open, sql: Any
) -> None:
    token = await hub.token_of(ADMIN)
    two = _watches({"id": "b", "topic": "bookings"}, {"id": "n", "topic": "notifications"})
    stream = await open_stream(hub, token, two)
    await stream.until("live")
    await stream.until("live")
    held, last = stream.rows["b"], stream.last_id
    stream.answer.close()
    key = str(await booking(sql))
    await hub.house.feed.turned()
    # The first watch has its change, the second has nothing yet: the connection ends there.
    stream = await open_stream(hub, token, two, last=last)
    stream.parser.last_id, stream.rows["b"] = last, held
    await stream.until("change")
    assert key in stream.rows["b"]
    last = next((one.id for one in reversed(stream.heard) if one.id is not None), last)
    stream.answer.close()
    await sql.execute("DELETE FROM bookings WHERE id::text = $1", key)
    await hub.house.feed.turned()
    again = await open_stream(hub, token, two, last=last)
    again.rows["b"] = held
    await again.until("live")
    await again.until("live")
    assert key not in again.rows["b"]


@pytest.mark.parametrize("by", ["header", "parameter"])
async def test_it_resumes_across_a_restart(hub: Hub, open_stream: Open, sql: Any, by: str) -> None:
    token = await hub.token_of(ADMIN)
    two = _watches({"id": "b", "topic": "bookings"}, {"id": "n", "topic": "notifications"})
    stream = await open_stream(hub, token, two)
    key = await booking(sql)
    gone = await booking(sql, aircraft_id="N2")
    while not {str(key), str(gone)} <= stream.rows.get("b", {}).keys() or "n" not in stream.views:
        await stream.hear()
    while stream.last_id == "-":
        await stream.hear()
    ended = asyncio.create_task(stream.ended())
    await hub.stop()
    bye = await ended
    assert bye["code"] == Code.DRAINING
    assert stream.parser.retry == round(bye["retry_after"] * 1000)

    for aircraft in ("N5", "N6", "N7"):
        await sql.execute("UPDATE bookings SET aircraft_id = $2 WHERE id = $1", key, aircraft)
    await sql.execute("DELETE FROM bookings WHERE id = $1", gone)
    await hub.start()
    query = two if by == "header" else [*two, ("last_event_id", stream.last_id)]
    again = await open_stream(hub, token, query, last=stream.last_id if by == "header" else None)
    again.rows = stream.rows
    lives = [await again.until("live"), await again.until("live")]
    assert {(live["id"], live["resumed"]) for live in lives} == {("b", True), ("n", True)}
    # Only what changed, conflated, and no picture.
    assert sorted(event.type for event in again.heard) == ["change", "live", "live", "welcome"]
    assert again.last_id == lives[-1]["cursor"]
    fresh = await open_stream(hub, token, two)
    while len(fresh.views) < 2:
        await fresh.until("live")
    assert again.rows == fresh.rows
    assert again.rows["b"][str(key)]["aircraft_id"] == "N7"


async def test_an_id_that_cannot_be_honoured(hub: Hub, open_stream: Open) -> None:
    for last, reason in (
        ("nonsense", "malformed"),
        ("-", "malformed"),
        ("0123456789ab.5:5:", "epoch"),
    ):
        stream = await open_stream(hub, await hub.token_of(ADMIN), ALL, last=last)
        live = await stream.until("live")
        assert live["resumed"] is False
        assert [(event.type, event.id) for event in stream.heard] == [
            ("welcome", None),
            ("reset", "-"),
            ("rows", "-"),
            ("live", live["cursor"]),
        ]
        assert stream.heard[1].told["reason"] == reason


async def test_a_watch_has_a_cursor_of_its_own_until_there_is_an_id(
    hub: Hub, open_stream: Open, sql: Any
) -> None:
    token = await hub.token_of(ADMIN)
    first = await open_stream(hub, token, ALL)
    cursor = (await first.until("live"))["cursor"]
    key = await booking(sql)
    await hub.house.feed.turned()
    watch = _watches({"id": "x", "topic": "bookings", "cursor": cursor})
    stream = await open_stream(hub, token, watch)
    assert (await stream.until("live"))["resumed"] is True
    assert list(stream.rows["x"]) == [str(key)]
    # The id is newer than what the URL says.
    stream = await open_stream(hub, token, watch, last=stream.last_id)
    await stream.until("live")
    assert [event.type for event in stream.heard] == ["welcome", "live"]


# Time, rights, limits.


async def test_pings_move_the_id_and_need_no_answer(start_hub: Start, seeded_dsn: str) -> None:
    hub = await start_hub(seeded_dsn, ping_every=1, pong_timeout=0.3)
    parser, pings = Parser(), []
    async with (
        aiohttp.ClientSession() as http,
        http.get(hub.url + PATH, params=ALL, headers=await _bearer(hub)) as answer,
    ):
        async with asyncio.timeout(20):
            while len(pings) < 4:
                events = parser.feed(await answer.content.readany())
                pings += [event for event in events if event.type == "ping"]
                assert not any(event.type == "bye" for event in events)
    assert all(ping.id == ping.told["cursor"] for ping in pings)
    assert pings[0].told["sent"] == 0
    assert pings[0].told["fresh_until"]


async def test_a_token_that_ends(hub: Hub, open_stream: Open) -> None:
    stream = await open_stream(hub, await hub.token_of(ADMIN, ttl=3), ALL)
    assert (await stream.until("expiring", timeout=20))["in"] <= 3
    assert (await stream.ended(timeout=20))["code"] == Code.TOKEN_EXPIRED


async def test_a_revoked_key_ends_the_stream_and_a_role_resets_it(
    hub: Hub, open_stream: Open, sql: Any
) -> None:
    robot = await open_stream(hub, await _key(sql, "bookings:read"), ALL)
    await robot.until("live")
    email = await _student(sql)
    person = await open_stream(hub, await hub.token_of(email), ALL)
    await person.until("live")
    mine = len(person.rows["1"])
    await sql.execute("UPDATE users SET role = 'ADMIN' WHERE email = $1", email)
    assert (await person.until("reset"))["reason"] == "rights"
    assert person.last_id == "-"
    await person.until("live")
    assert len(person.rows["1"]) > mine
    await sql.execute("UPDATE api_keys SET revoked_at = now()")
    assert (await robot.ended())["code"] == Code.FORBIDDEN
    await sql.execute("UPDATE users SET cognito_user_id = 'another' WHERE email = $1", email)
    assert (await person.ended())["code"] == Code.FORBIDDEN


async def test_a_watch_lost_with_its_rights_is_the_end_if_it_was_the_only_one(
    hub: Hub, open_stream: Open, sql: Any
) -> None:
    key = await _key(sql, "bookings:read", "preferences:read")
    both = _watches({"id": "b", "topic": "bookings"}, {"id": "r", "topic": "reschedule"})
    stream = await open_stream(hub, key, both)
    for _ in both:
        await stream.until("live")
    await sql.execute("UPDATE api_keys SET scopes = '{bookings:read}'")
    told = await stream.until("error")
    assert (told["id"], told["code"]) == ("r", "forbidden")
    await booking(sql)
    await stream.until("change")
    # The other goes on, but nobody could resume both: there is no id any more.
    assert stream.last_id == "-"
    await sql.execute("UPDATE api_keys SET scopes = '{users:read}'")
    assert (await stream.ended())["code"] == Code.FORBIDDEN


async def test_a_picture_that_cannot_be_had_sends_the_client_away_for_a_while(
    start_hub: Start, seeded_dsn: str, open_stream: Open
) -> None:
    hub = await start_hub(seeded_dsn, statement_timeout=0.3)
    other = await asyncpg.connect(seeded_dsn)
    async with other.transaction():
        await other.execute("LOCK TABLE bookings IN ACCESS EXCLUSIVE MODE")
        stream = await open_stream(hub, await hub.token_of(ADMIN), ALL)
        bye = await stream.ended(timeout=30)
    await other.close()
    assert stream.heard[-2].told["temporary"] is True
    assert (bye["code"], stream.parser.retry) == (Code.OVERLOADED, round(bye["retry_after"] * 1000))


async def test_limits_and_draining_are_told_before_the_head(
    start_hub: Start, seeded_dsn: str, open_stream: Open, sql: Any
) -> None:
    hub = await start_hub(seeded_dsn, max_sockets=3, max_sockets_per_principal=2)
    token = await hub.token_of(ADMIN)
    kept = [await open_stream(hub, token, ALL) for _ in range(2)]
    for stream in kept:
        await stream.until("live")
    assert (await (await open_stream(hub, token, ALL)).ended())["code"] == Code.TOO_MANY
    other = await open_stream(hub, await hub.token_of(await _student(sql)), ALL)
    await other.until("live")
    status, headers, _ = await _ask(hub, "GET", "topic=bookings", headers=await _bearer(hub))
    assert (status, headers["Retry-After"]) == (503, "10")
    hub.house.gate.draining = True
    status, headers, told = await _ask(hub, "GET", "topic=bookings", headers=await _bearer(hub))
    assert (status, headers["Retry-After"], told["code"]) == (503, "2", "unavailable")


@asynccontextmanager
async def _raw(
    hub: Hub, head: str, *, window: int | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection of one's own on which a request was sent."""
    host, _, port = hub.url.removeprefix("http://").partition(":")
    sock = socket.socket()
    if window is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=sock, limit=window or 2**16)
    writer.write(head.replace("\n", "\r\n").encode())
    try:
        yield reader, writer
    finally:
        writer.close()


async def test_who_does_not_read_catches_up_or_is_let_go(
    start_hub: Start, seeded_dsn: str, connect: Connect, sql: Any
) -> None:
    hub = await start_hub(seeded_dsn, slow_timeout=3, slow_after_bytes=16384)
    token = await hub.token_of(ADMIN)
    brisk = await connect(hub, token)
    await brisk.watch("1", "bookings")
    head = f"GET {PATH}?topic=bookings HTTP/1.1\nHost: x\nAuthorization: Bearer {token}\n\n"
    async with _raw(hub, head, window=4096) as (slow, _), _raw(hub, head, window=4096) as (deaf, _):
        while len(hub.house.gate.sessions) < 3:
            await asyncio.sleep(0.01)
        streams = [s for s in hub.house.gate.sessions if not s.socket.answers]
        seen = b""
        while b"event: live" not in seen:
            seen += await slow.read(4096)
        number = 0
        async with asyncio.timeout(40):
            while not all(stream.behind for stream in streams):
                number += 1
                await sql.execute(
                    "UPDATE bookings SET aircraft_id = $1 || right(id::text, 12)", f"N{number}/"
                )
        while f"N{number}/" not in str(brisk.heard[-1]):
            brisk.follow(await brisk.until("change"))
        # What it reads now is little, and ends where the brisk one is.
        parser, source = Parser(), Source(None)  # type: ignore[arg-type]
        parser.feed(seen.partition(b"\r\n\r\n")[2])
        source.views["1"] = brisk.views["1"]
        async with asyncio.timeout(20):
            while source.rows.get("1") != {
                key: row for key, row in brisk.rows["1"].items() if key in source.rows.get("1", {})
            } or len(source.rows.get("1", {})) < len(brisk.rows["1"]):
                for event in parser.feed(await slow.read(65536)):
                    source._follow(event.told)
        assert parser.last_id not in ("", "-")
        # The other has read nothing at all: it is told so, and gone.
        while len(hub.house.gate.sessions) > 2:
            await asyncio.sleep(0.05)
        rest = await deaf.read(-1)
        assert b"event: bye" not in rest or b"4101" in rest


async def test_it_ends_when_its_client_does(hub: Hub, open_stream: Open) -> None:
    stream = await open_stream(hub, await hub.token_of(ADMIN), ALL)
    await stream.until("live")
    [session] = hub.house.gate.sessions
    raw = session.socket.transport.get_extra_info("socket")  # type: ignore[attr-defined]
    assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
    stream.answer.close()
    async with asyncio.timeout(10):
        while hub.house.gate.sessions:
            await asyncio.sleep(0.01)
    assert len(hub.house.gate.views) == 0


# What HTTP says.


#: What is asked, and which parameters are at fault.
FAULTS = [
    ("", 422, ["topic"]),
    ("topic=weather", 422, ["topic"]),
    ("topic=bookings&topic=bookings", 422, ["topic"]),
    ("topic=bookings&status=MAYBE&colour=red&airport=", 422, ["airport", "colour", "status"]),
    ("topic=bookings&from=2030-01-01T00:00:00", 422, ["from"]),
    ("topic=bookings&from=2030-01-02T00:00:00Z&to=2030-01-01T00:00:00Z", 422, ["to"]),
    ("topic=bookings&airport=KAUS&airport=KHYI", 422, ["airport"]),
    ("topic=notifications&status=AT_RISK", 422, ["status"]),
    ("topic=notifications&read=perhaps", 422, ["read"]),
    ("topic=bookings&token=secret", 422, ["token"]),
    ("topic=bookings&Access_Token=secret&Token=x", 422, ["Access_Token", "Token"]),
    ("topic=bookings&ticket=hubt_secret", 422, ["ticket"]),
    ("topic=bookings&watch={}", 422, ["topic", "watch"]),
    ("watch=%7B", 400, ["watch"]),
    ("topic=%FF", 400, []),
    ("watch=[]", 422, ["watch"]),
    ('watch={"topic":"bookings"}', 422, ["watch"]),
    ('watch={"id":"1","topic":"weather"}', 422, ["watch"]),
    ('watch={"id":"1","topic":"bookings","filter":{"status":["X"]}}', 422, ["watch"]),
    ('watch={"id":"1","topic":"bookings","colour":1}&airport=KAUS', 422, ["airport", "watch"]),
    ('watch={"id":"1","topic":"bookings"}&watch={"id":"1","topic":"board"}', 422, ["watch"]),
    ("&".join(['watch={"id":"1","topic":"bookings"}'] * 33), 422, ["watch"]),
]


async def test_every_fault_is_named(hub: Hub) -> None:
    headers = await _bearer(hub)
    for query, status, where in FAULTS:
        with structlog.testing.capture_logs() as logs:
            said, answered, told = await _ask(hub, "GET", query, headers=headers)
        assert (said, answered["Content-Type"]) == (status, "application/problem+json"), query
        assert sorted(fault["parameter"] for fault in told.get("errors", [])) == where, told
        assert "secret" not in str(logs) + str(told)
    assert hub.house.gate.sessions == set()


async def test_who_may_not_is_told_before_the_head(hub: Hub, sql: Any) -> None:
    robot = {"Authorization": f"Bearer {await _key(sql, 'users:read')}"}
    student = await _bearer(hub, await _student(sql))
    for headers, query, status, code in (
        ({}, "topic=bookings", 401, "no-token"),
        ({"Authorization": "Bearer nonsense"}, "topic=bookings", 401, "unauthenticated"),
        ({"Authorization": "Basic eA=="}, "topic=bookings", 401, "unauthenticated"),
        ({}, "topic=bookings&ticket=hubt_no", 401, "ticket"),
        (robot, "topic=bookings", 403, "forbidden"),
        (student, "topic=devices", 403, "forbidden"),
        (student, 'watch={"id":"1","topic":"board"}', 403, "forbidden"),
        (student | {"Origin": "https://evil.example"}, "topic=bookings", 403, "origin"),
    ):
        for method in ("GET", "HEAD"):
            said, answered, told = await _ask(hub, method, query, headers=headers)
            assert said == status
            assert ("WWW-Authenticate" in answered) == (status == 401)
            assert method == "HEAD" or told["code"] == code


async def test_head_options_and_other_origins(start_hub: Start, seeded_dsn: str) -> None:
    ours = "https://school.example"
    hub = await start_hub(seeded_dsn, origins=(ours,))
    headers = await _bearer(hub) | {"Origin": ours}
    async with aiohttp.ClientSession() as http:
        async with http.get(hub.url + PATH, params=ALL, headers=headers) as answer:
            got = answer.headers
            assert answer.status == 200
        async with http.head(hub.url + PATH, params=ALL, headers=headers) as answer:
            assert answer.status == 200
            varying = {"X-Request-ID", "X-Request-Id", "Date"}
            assert {k: v for k, v in answer.headers.items() if k not in varying} == {
                k: v for k, v in got.items() if k not in varying
            }
    assert got["Content-Type"] == "text/event-stream"
    assert got["Cache-Control"] == "no-store"
    assert got["X-Accel-Buffering"] == "no"
    assert got["Access-Control-Allow-Origin"] == ours
    assert "X-Request-Id" in got
    asked = {
        "Origin": ours,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization,last-event-id",
    }
    status, answered, _ = await _ask(hub, "OPTIONS", "", headers=asked)
    assert (status, answered["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert {"Authorization", "Last-Event-ID"} <= set(
        answered["Access-Control-Allow-Headers"].split(", ")
    )
    status, answered, _ = await _ask(hub, "POST", "topic=bookings", headers=headers)
    assert (status, answered["Allow"]) == (405, "GET,HEAD,OPTIONS")


async def test_a_client_of_http_1_0_gets_the_same(hub: Hub) -> None:
    token = await hub.token_of(ADMIN)
    head = f"GET {PATH}?topic=bookings HTTP/1.0\nAuthorization: Bearer {token}\n\n"
    async with _raw(hub, head) as (reader, writer):
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert answer.startswith("HTTP/1.1 200 OK\r\n")
        # The body ends with the connection: no framing that 1.0 does not know.
        assert "Connection: close" in answer
        assert "Transfer-Encoding" not in answer
        await asyncio.wait_for(reader.readuntil(b"event: live\n"), 10)
        # It has nothing to say, and what it says is not heeded.
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.gather(hub.stop(), asyncio.wait_for(reader.readuntil(b"event: bye\n"), 10))
        assert b"HTTP/" not in await reader.read()


async def test_who_talks_without_end_is_let_go(hub: Hub) -> None:
    token = await hub.token_of(ADMIN)
    head = f"GET {PATH}?topic=bookings HTTP/1.1\nHost: x\nAuthorization: Bearer {token}\n\n"
    async with _raw(hub, head) as (reader, writer):
        await asyncio.wait_for(reader.readuntil(b"event: live\n"), 10)

        async def talk() -> None:
            while True:
                writer.write(b"x" * 100_000)
                await writer.drain()

        talking = asyncio.create_task(talk())
        told = await asyncio.wait_for(reader.read(), 20)
        assert b'"code":4103' in told
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)


async def test_curl_with_a_key(hub: Hub, sql: Any) -> None:
    """What the README says: ``curl -N`` shows a change the moment it is committed."""
    secret = await _key(sql, "bookings:read")
    curl = await asyncio.create_subprocess_exec(
        "curl", "-sN", "-H", f"Authorization: Bearer {secret}",
        f"{hub.url}{PATH}?topic=bookings&status=AT_RISK",
        stdout=subprocess.PIPE, limit=2**20,
    )  # fmt: skip
    assert curl.stdout is not None
    try:
        async with asyncio.timeout(20):
            await curl.stdout.readuntil(b"event: live\n")
            key = await booking(sql, status="AT_RISK")
            await curl.stdout.readuntil(b"event: change\n")
            line = await curl.stdout.readline()
            assert str(key) in line.decode()
            assert (await curl.stdout.readline()).startswith(b"id: ")
            await asyncio.gather(hub.stop(), curl.stdout.readuntil(b"event: bye\n"))
            await curl.stdout.read()
            # A body in good order: curl has nothing to complain of.
            assert await curl.wait() == 0
    finally:
        if curl.returncode is None:
            curl.kill()
            await curl.wait()
