"""The door itself: every refusal is a problem, and what cannot be read strictly is refused."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
import pytest
import structlog
from resthouse import ID, Rest, Said, at, draft, opened

from hub.rest.asked import MAX_BODY
from hub.rest.strict import MAX_DEPTH

PATH = "/api/v1/bookings"


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        yield door


async def post(door: Rest, data: bytes, type: str | None = "application/json", **more: str) -> Said:
    headers = more if type is None else {"Content-Type": type, **more}
    return await door.ask("admin", "POST", PATH, data=data, headers=headers)


async def raw(door: Rest, *parts: bytes) -> bytes:
    """What a hub says to bytes that no client library would send: its first word to each part."""
    port = int(door.hub.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    try:
        async with asyncio.timeout(10):
            for part in parts:
                writer.write(part)
                said += await reader.read(65536)
    finally:
        writer.close()
        await writer.wait_closed()
    return said


READ = [
    (b"", 400),
    (b"{", 400),
    (b"{} {}", 400),
    (b'{"a":NaN}', 400),
    (b'{"a":Infinity}', 400),
    (b'{"a":1e999}', 400),
    (b'{"a":"\\ud800"}', 400),
    (b'{"a":"\xff"}', 400),
    (b"\xef\xbb\xbf{}", 400),
    (b'{"a":1,"a":1}', 400),
    (b'{"a":{"b":1,"b":2}}', 400),
    (b'{"a":[{"b":1,"\\u0062":2}]}', 400),
    (b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", 400),
    (b"[" * 100_000, 400),
    (b'{"aircraft_id":"\\u0000"}', 422),
    (b'{"a\\u0000b":1}', 422),
    (b'{"duration_minutes":' + b"9" * 300 + b"}", 422),
    (b"[]", 422),
    (b"null", 422),
    (b'"text"', 422),
    (b"{}", 422),
    (b" " * (MAX_BODY + 1), 413),
]


async def test_json_is_read_strictly(door: Rest) -> None:
    for data, status in READ:
        said = await post(door, data)
        assert said.status == status, (data[:40], said.body)
        assert said.code == {400: "unparsable", 413: "too-large", 422: "invalid"}[status]
    assert not await door.conn.fetchval("SELECT count(*) FROM bookings")


async def test_what_is_too_large_is_not_waited_for(door: Rest) -> None:
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {door.tokens['admin']}\r\n"
        "Content-Type: application/json\r\nConnection: close\r\n"
    )
    length = f"Content-Length: {MAX_BODY + 1}\r\n\r\n"
    assert b" 413 " in (await raw(door, (head + length).encode(), b" " * (MAX_BODY + 1)))[:16]
    length = "Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n"
    said = await raw(door, (head + length).encode())
    assert b" 413 " in said[:16]
    assert b"application/problem+json" in said
    length = f"Content-Length: {MAX_BODY}\r\nExpect: 100-continue\r\n\r\n"
    said = await raw(door, (head + length).encode(), b"{" * MAX_BODY)
    assert said.startswith(b"HTTP/1.1 100 Continue")
    assert b"HTTP/1.1 400 " in said
    said = await raw(door, (head + "Expect: a-miracle\r\n\r\n").encode())
    assert b" 417 " in said[:16]
    assert b"\r\nX-Request-Id: " in said


async def test_compressed_bodies_are_bounded(door: Rest) -> None:
    good = gzip.compress(orjson.dumps(draft()))
    assert (await post(door, good, **{"Content-Encoding": "gzip"})).status == 201
    bomb = gzip.compress(b" " * 50_000_000)
    assert (await post(door, bomb, **{"Content-Encoding": "gzip"})).status == 413
    for broken in (good[:-20], b"\x1f\x8b" + good[10:], b"not gzip at all"):
        assert (await post(door, broken, **{"Content-Encoding": "gzip"})).status == 400
    assert (await post(door, good, **{"Content-Encoding": "snappy"})).status == 415


async def test_a_broken_chunk_is_refused(door: Rest) -> None:
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {door.tokens['admin']}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    assert b" 400 " in (await raw(door, head.encode() + b"zz\r\n{}\r\n0\r\n\r\n"))[:16]


async def test_other_types_are_refused(door: Rest) -> None:
    for type in (
        "text/plain", "application/json; charset=latin-1", "application/x-www-form-urlencoded",
        "application/merge-patch+json", ";;;", "application/problem+json", None,
    ):  # fmt: skip
        said = await door.ask(
            "admin", "POST", PATH, data=orjson.dumps(draft()), skip_auto_headers=["Content-Type"],
            headers={} if type is None else {"Content-Type": type},
        )  # fmt: skip
        assert (said.status, said.headers["Accept"]) == (415, "application/json"), type
    booking = await door.booking()
    said = await door.ask(
        "admin", "PATCH", f"{PATH}/{booking['id']}", data=b"{}", headers={"Content-Type": "a/b"}
    )
    assert said.status == 415
    assert said.headers["Accept-Patch"] == "application/merge-patch+json, application/json"


async def test_all_faults_are_told_at_once(door: Rest) -> None:
    wrong = draft(
        student_id="sam",
        departure_latitude=91,
        duration_minutes=True,
        scheduled_datetime="2030-01-01T10:00:00",
        status="COMPLETED",
        **{"a/b~c": 1},
    )
    del wrong["arrival_airport"]
    said = await door.ask("admin", "POST", PATH, wrong)
    assert said.code == "invalid"
    assert said.where == [
        "/arrival_airport", "/a~1b~0c", "/departure_latitude", "/duration_minutes",
        "/scheduled_datetime", "/status", "/student_id",
    ]  # fmt: skip
    query = "from=2030-01-01T00:00:00&to=1700000000&status=LATE&limit=0&after=x&x=1&airport=%00"
    said = await door.ask("admin", "GET", f"{PATH}?{query}&airport=a&airport=b")
    assert said.code == "invalid"
    assert set(said.where) == {"after", "airport", "from", "limit", "status", "to", "x"}
    assert (await door.ask("admin", "GET", "/api/v1/me?x=1")).where == ["x"]
    said = await door.ask(None, "POST", "/dev/token", {"email": "a\0b"})
    assert (said.code, said.where) == ("invalid", ["/email"])


async def test_a_query_is_not_guessed_at(door: Rest) -> None:
    for path, name, good, bad in (
        ("/api/v1/bookings", "limit", ("5", "05"), ("5_0", "+5", " 5", "5.0", "5e0", "٣", "", "-1", "101")),
        ("/api/v1/board", "limit", ("5", "05", "1000"), ("5_0", "+5", " 5", "5.0", "", "0", "1001")),
        ("/api/v1/bookings/upcoming", "hours", ("48",), ("4_8", "48.0", "")),
        ("/api/v1/notifications", "read", ("true", "false"), ("yes", "1", "TRUE", "t", "off", "", "null")),
        ("/api/v1/keys", "revoked", ("true",), ("on",)),
    ):  # fmt: skip
        for texts, status in ((good, 200), (bad, 422)):
            for text in texts:
                said = await door.ask("admin", "GET", f"{path}?{name}={quote(text)}")
                assert said.status == status, (path, text)
                assert status == 200 or said.where == [name]


async def test_a_time_that_ends_before_it_begins_is_told_beside_all_else(door: Rest) -> None:
    late, early = "2031-01-01T00:00:00Z", "2030-01-01T00:00:00Z"
    people = f"student={ID['sam']}&instructor={ID['ina']}"
    for path in (
        f"{PATH}?", "/api/v1/board?", "/api/v1/audit?", f"/api/v1/availability/{ID['sam']}?",
        f"/api/v1/availability/common?{people}&duration=60&",
    ):  # fmt: skip
        for until in (early, late):
            said = await door.ask("admin", "GET", f"{path}from={late}&to={until}&nonsense=1")
            assert (said.status, said.where) == (422, ["nonsense", "to"]), path
        said = await door.ask("admin", "GET", f"{path}from={early}&to=never&nonsense=1")
        assert said.where == ["nonsense", "to"], path


async def test_a_query_is_utf_8(door: Rest) -> None:
    for query in ("airport=%ff", "%ff=1", "airport=%ed%a0%80"):
        assert (await door.ask("admin", "GET", f"{PATH}?{query}")).status == 400


async def test_who_is_not_known_is_challenged(door: Rest) -> None:
    good, expired = door.tokens["admin"], door.hub.token("sub-admin", ttl=-1)
    for sent in (
        "", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", f"Bearer {good}x",
        f"Bearer {good} x", f"Token {good}", f"Bearer {expired}",
    ):  # fmt: skip
        said = await door.ask(None, "GET", "/api/v1/me", headers={"Authorization": sent})
        assert said.status == 401, sent
        challenge = said.headers["WWW-Authenticate"]
        assert challenge.startswith('Bearer realm="hub", error="invalid_token"')
        assert said.code
        assert good not in said.body.decode()
        assert expired not in said.body.decode()
    nobody = await door.ask(None, "GET", "/api/v1/me")
    assert nobody.headers["WWW-Authenticate"] == 'Bearer realm="hub"'


async def test_an_expired_token_is_not_remembered_as_good(door: Rest) -> None:
    door.tokens["brief"] = door.hub.token("sub-admin", ttl=4)
    assert (await door.ask("brief", "GET", "/api/v1/me")).status == 200
    await asyncio.sleep(4.1)
    assert (await door.ask("brief", "GET", "/api/v1/me")).status == 401


async def test_addresses_and_methods(door: Rest) -> None:
    for path in ("/nope", "/api/v1", "/api/v1/bookings/", "/api/v1/bookings/x/y"):
        assert (await door.ask("admin", "GET", path)).code == "not-found"
    said = await door.ask("admin", "PUT", PATH, {})
    assert said.code == "method-not-allowed"
    assert set(said.headers["Allow"].replace(" ", "").split(",")) == {
        "GET", "HEAD", "POST", "OPTIONS",
    }  # fmt: skip
    said = await door.ask(None, "OPTIONS", PATH)
    assert (said.status, said.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    booking = await door.booking()
    got = await door.ask("sam", "GET", f"{PATH}/{booking['id']}")
    head = await door.ask("sam", "HEAD", f"{PATH}/{booking['id']}")
    assert (head.status, head.body) == (200, b"")
    for name in ("ETag", "Content-Length", "Content-Type", "Cache-Control"):
        assert head.headers[name] == got.headers[name]
    assert "Hub-Cursor" in head.headers
    for id in ("x", "1", booking["id"][:-1], "{" + booking["id"] + "}", "%00", "%ff"):
        assert (await door.ask("sam", "GET", f"{PATH}/{id}")).code == "not-found"
    assert (await door.ask("sam", "GET", f"{PATH}/{booking['id'].upper()}")).status == 200


async def test_each_answer_has_its_request_s_id(door: Rest) -> None:
    first, second = [await door.ask(None, "GET", "/healthz") for _ in range(2)]
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    for given, kept in (("abc-1.2_3", True), ("a b", False), ("x" * 65, False), ("é", False)):
        said = await door.ask(None, "GET", "/nope", headers={"X-Request-Id": given})
        assert (said.headers["X-Request-Id"] == given) is kept
        assert said.json["request_id"] == said.headers["X-Request-Id"]
        assert said.headers["Cache-Control"] == "no-store", "no cache keeps a refusal"


async def test_the_log_has_what_was_refused_and_what_was_written_by_the_answer_s_id(
    door: Rest,
) -> None:
    booking = await door.booking()
    one = f"{PATH}/{booking['id']}"
    mine = {"X-Request-Id": "mine-1"}
    large = {"Expect": "100-continue", "Content-Length": str(2**20)}
    written: list[tuple[Any, ...]] = [
        ("admin", "POST", PATH, draft(scheduled_datetime=at(15)), 201, {}),
        ("ina", "PATCH", one, {"duration_minutes": 90}, 200, mine),
        ("admin", "DELETE", one, None, 204, {}),
        ("admin", "DELETE", one, None, 404, {}),
        ("admin", "POST", PATH, draft(scheduled_datetime=at(15)), 409, {}),
        ("admin", "POST", f"{PATH}?secret=x", {"secret": "y"}, 422, mine),
        ("admin", "PUT", PATH, None, 405, {}),
        (None, "POST", PATH, {"secret": "y"}, 401, {}),
        ("sam", "GET", "/api/v1/keys?secret=x", None, 403, {}),
        (None, "GET", "/nope?secret=x", None, 404, {}),
        ("admin", "POST", PATH, None, 413, large),
        ("admin", "POST", PATH, None, 413, large | mine),
    ]  # fmt: skip
    for who, method, path, body, status, headers in written:
        with structlog.testing.capture_logs() as logs:
            said = await door.ask(who, method, path, body, headers=headers)
        assert said.status == status, (method, path)
        id = said.headers["X-Request-Id"]
        assert (id == "mine-1") is ("X-Request-Id" in headers), (method, path, status)
        [line] = [line for line in logs if line.get("request_id") == id]
        assert (line["event"], line["log_level"], line["status"]) == ("request", "info", status)
        assert (line["method"], line["path"]) == (method, path.partition("?")[0])
        if status not in (405, 413):  # refused before anybody asked who it is
            assert line["who"] == (who and ID[who])
        assert "secret" not in str(logs)
        assert not [token for token in door.tokens.values() if token in str(logs)]


async def test_a_fault_of_ours_is_logged_and_not_shown(
    door: Rest, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is mocked: the table is gone, which no hub expects."""
    await door.conn.execute("ALTER TABLE notifications RENAME TO elsewhere")
    with structlog.testing.capture_logs() as logs:
        said = await door.ask("sam", "GET", "/api/v1/notifications?read=false")
    assert said.code == "internal"
    assert "elsewhere" not in said.body.decode()
    assert "notifications" not in said.body.decode()
    [failure] = [line for line in logs if line["log_level"] == "error"]
    assert failure["request_id"] == said.headers["X-Request-Id"]
    assert failure["path"] == "/api/v1/notifications"
    assert ID["sam"] == failure["who"]
    assert door.tokens["sam"] not in str(logs)


async def test_a_client_that_leaves_is_no_error(
    door: Rest, caplog: pytest.LogCaptureFixture
) -> None:
    port = int(door.hub.url.rpartition(":")[2])
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {door.tokens['admin']}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    with structlog.testing.capture_logs() as logs, caplog.at_level(logging.ERROR):
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head.encode())
            await writer.drain()
            writer.transport.abort()
        await asyncio.sleep(0.2)
        assert (await door.ask(None, "GET", "/healthz")).status == 200
    assert not [line for line in logs if line["log_level"] == "error"]
    assert not caplog.records


async def _list(door: Rest, accept: str, **more: str) -> tuple[int, Any, bytes]:
    """A list of bookings as the wire has it."""
    headers = {"Authorization": f"Bearer {door.tokens['admin']}", "Accept-Encoding": accept} | more
    async with (
        aiohttp.ClientSession(auto_decompress=False) as http,
        http.get(f"{door.hub.url}{PATH}", headers=headers) as said,
    ):
        return said.status, said.headers, await said.read()


async def test_a_long_answer_is_gzipped_for_who_takes_it(door: Rest) -> None:
    for hour in range(12):
        said = await door.ask("admin", "POST", PATH, draft() | {"scheduled_datetime": at(2 * hour)})
        assert said.status == 201, said.body
    _, plain, body = await _list(door, "identity")
    assert "Content-Encoding" not in plain
    assert len(body) > 4096
    status, packed, data = await _list(door, "br, gzip;q=0.5")
    assert (status, packed["Content-Encoding"]) == (200, "gzip")
    assert gzip.decompress(data) == body
    assert len(data) < len(body) / 3
    assert int(packed["Content-Length"]) == len(data)
    assert "Accept-Encoding" in plain["Vary"]
    # Other bytes, another strong tag (RFC 9110, 8.8.3.3); either names the version.
    assert packed["ETag"] != plain["ETag"]
    for tag in (packed["ETag"], plain["ETag"]):
        for accept in ("gzip", "identity"):
            status, headers, data = await _list(door, accept, **{"If-None-Match": tag})
            assert (status, data) == (304, b"")
    for accept in ("gzip;q=0", "gzip; q=0.000", "deflate", "", "notgzip", "*;q=0"):
        _, headers, data = await _list(door, accept)
        assert "Content-Encoding" not in headers, accept
        assert data == body
    short = await door.ask("admin", "GET", f"{PATH}/{orjson.loads(body)['items'][0]['id']}")
    assert "Content-Encoding" not in short.headers
