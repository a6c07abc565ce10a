"""Pages of configured origins can use the door, refusals and all; pages of others are told nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError
from resthouse import Rest, Said, draft, opened

from hub.rest.refusals import HEADERS
from hub.settings import Settings

PATH = "/api/v1/bookings"
OURS, LOCAL = "https://school.example", "http://localhost:5173"
FOREIGN = (
    "https://evil.example", "http://school.example", "https://school.example:8443", "null", "*",
    "https://school.example.evil.example", "https://SCHOOL.example", f"{OURS}/", f"{OURS},{LOCAL}",
)  # fmt: skip


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path, origins=(OURS, LOCAL)) as door:
        yield door


def cors(said: Said) -> set[str]:
    return {name for name in said.headers if name.lower().startswith("access-control-")}


def listed(headers: Mapping[str, str], name: str) -> set[str]:
    return set(headers[name].split(", "))


async def preflight(door: Rest, origin: str, path: str = PATH) -> Said:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    return await door.ask(None, "OPTIONS", path, headers=asked)


async def test_a_browser_is_told_what_a_page_may_send(door: Rest) -> None:
    for origin in (OURS, LOCAL):
        said = await preflight(door, origin)
        assert (said.status, said.body) == (204, b"")
        assert said.headers["Access-Control-Allow-Origin"] == origin
        assert listed(said.headers, "Access-Control-Allow-Methods") >= {"GET", "HEAD", "POST"}
        assert listed(said.headers, "Access-Control-Allow-Headers") >= {
            "Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key",
        }  # fmt: skip
        assert int(said.headers["Access-Control-Max-Age"]) > 0
        assert "Origin" in listed(said.headers, "Vary")
        assert "Access-Control-Allow-Credentials" not in said.headers
    booking = await door.booking()
    said = await preflight(door, OURS, f"{PATH}/{booking['id']}")
    assert "PATCH" in listed(said.headers, "Access-Control-Allow-Methods")
    # No address, no leave; but the page may read that.
    said = await preflight(door, OURS, "/api/v1/nope")
    assert said.code == "not-found"
    assert cors(said) == {"Access-Control-Allow-Origin"}


async def test_a_page_may_read_answers_and_refusals(door: Rest) -> None:
    made = await door.ask("admin", "POST", PATH, draft(), headers={"Origin": OURS})
    tag = made.headers["ETag"]
    one = f"{PATH}/{made.json['id']}"
    shown = await door.ask("sam", "GET", one, headers={"Origin": OURS})
    told = [
        (made, 201),
        (shown, 200),
        (await door.ask("sam", "HEAD", one, headers={"Origin": OURS}), 200),
        (await door.ask("sam", "OPTIONS", one, headers={"Origin": OURS}), 204),
        (await door.ask(None, "GET", "/healthz", headers={"Origin": OURS}), 200),
        (await door.ask("sam", "GET", one, headers={"Origin": OURS, "If-None-Match": tag}), 304),
        (await door.ask("admin", "POST", PATH, headers={"Origin": OURS}, data=b"{"), 415),
        (await door.ask("admin", "POST", PATH, {}, headers={"Origin": OURS}), 422),
        (await door.ask(None, "GET", PATH, headers={"Origin": OURS}), 401),
        (await door.ask("sue", "GET", one, headers={"Origin": OURS}), 404),
        (await door.ask("admin", "GET", "/nope", headers={"Origin": OURS}), 404),
        (await door.ask("admin", "PUT", PATH, headers={"Origin": OURS}), 405),
    ]
    await door.conn.execute("ALTER TABLE notifications RENAME TO elsewhere")
    path = "/api/v1/notifications?read=false"
    told.append((await door.ask("sam", "GET", path, headers={"Origin": OURS}), 500))
    for said, status in told:
        assert said.status == status
        assert cors(said) == {"Access-Control-Allow-Origin", "Access-Control-Expose-Headers"}
        assert said.headers["Access-Control-Allow-Origin"] == OURS
        # Everything that the document tells of, a page can read.
        assert listed(said.headers, "Access-Control-Expose-Headers") >= set(HEADERS)
        assert "Origin" in listed(said.headers, "Vary")
    assert listed(shown.headers, "Vary") == {
        "Authorization",
        "Accept-Encoding",
        "Origin",
    }


async def test_other_origins_are_told_nothing(door: Rest) -> None:
    for origin in FOREIGN:
        assert not cors(said := await preflight(door, origin))
        assert "Origin" in listed(said.headers, "Vary")
        said = await door.ask("admin", "GET", PATH, headers={"Origin": origin})
        assert (said.status, cors(said)) == (200, set())
    said = await door.ask("admin", "GET", PATH)
    assert not cors(said)
    assert "Origin" in listed(said.headers, "Vary"), "a cache would show this to a page"


async def test_without_origins_nobody_is(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as door:
        assert not cors(await preflight(door, OURS))
        said = await door.ask("admin", "GET", PATH, headers={"Origin": OURS})
        assert (cors(said), said.headers["Vary"]) == (
            set(),
            "Authorization, Accept-Encoding",
        )


def test_an_origin_that_no_browser_would_say_is_refused_at_start() -> None:
    for good in (OURS, LOCAL, "http://[::1]:8080", "app://page", "http://10.0.0.1"):
        assert Settings(origins=(good,)).origins == (good,)
    for bad in ("*", "null", "school.example", f"{OURS}/", f"{OURS}/page", "https://SCHOOL.example",
                f"{OURS}:443", "http://x:80", "https://*.example", "https://u@x", ""):  # fmt: skip
        with pytest.raises(ValidationError, match="is no origin"):
            Settings(origins=(bad,))
