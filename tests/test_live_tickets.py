"""Tickets: one session each, soon, for whoever made them; never twice, never another's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import Page
from resthouse import ID, Rest, opened
from running import Client, Hub
from streaming import Open
from visiting import PATIENCE, Visit, browser, visit  # noqa: F401  (fixtures)

from hub.errors import Unauthenticated, Unavailable
from hub.live import tickets as room
from hub.live.closing import Code
from hub.live.tickets import LIFE, MOST_EACH, Tickets
from hub.rules.access import Principal

Connect = Callable[..., Awaitable[Client]]
PATH = "/api/v1/tickets"
STREAM = "/api/v1/stream"


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        await door.key("bookings:read")
        yield door


async def _ticket(door: Rest, who: str = "admin") -> str:
    said = await door.ask(who, "POST", PATH)
    assert said.status == 201
    return str(said.json["ticket"])


# The store.


def _who(id: str = "a", kind: Any = "user") -> Principal:
    return Principal(kind, id, "STUDENT", "Ada", "sub")


def test_a_ticket_is_good_once_and_for_half_a_minute() -> None:
    now = 0.0
    tickets = Tickets(lambda: now)
    one, other = tickets.make(_who("a")), tickets.make(_who("b"))
    assert one != other
    assert len(one) == len("hubt_") + 43  # 256 bits
    assert tickets.look(one).id == "a"
    assert tickets.spend(one).id == "a"
    for gone in (one, "hubt_", "", other[:-1], other + "x", "\ud800"):
        with pytest.raises(Unauthenticated):
            tickets.spend(gone)
    now = LIFE - 0.001
    assert tickets.look(other).id == "b"
    now = LIFE
    with pytest.raises(Unauthenticated):
        tickets.spend(other)
    assert len(tickets) == 0


def test_they_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST", MOST_EACH + 2)
    now = 0.0
    tickets = Tickets(lambda: now)
    greedy = [tickets.make(_who("greedy")) for _ in range(3 * MOST_EACH)]
    assert len(tickets) == MOST_EACH
    with pytest.raises(Unauthenticated):
        tickets.look(greedy[0])
    assert tickets.look(greedy[-1]).id == "greedy"
    # One's own are not another's, even of the same id in another table.
    tickets.make(_who("greedy", "device"))
    tickets.make(_who("other"))
    with pytest.raises(Unavailable):
        tickets.make(_who("third"))
    tickets.make(_who("greedy"))
    now = LIFE
    tickets.make(_who("third"))
    assert len(tickets) == 1
    assert not any(ticket.encode() in repr(vars(tickets)).encode() for ticket in greedy)


@given(st.lists(st.tuples(st.sampled_from("ms+"), st.integers(0, 3)), max_size=60))
def test_nothing_is_left_behind(steps: list[tuple[str, int]]) -> None:
    now = 0.0
    tickets = Tickets(lambda: now)
    made: list[tuple[str, str, float]] = []
    for step, number in steps:
        if step == "m":
            made.append((tickets.make(_who(str(number))), str(number), now + LIFE))
        elif step == "+":
            now += 7.0 * number
        elif made:
            ticket, owner, until = made.pop(number % len(made))
            if now < until:
                assert tickets.spend(ticket).id == owner
            else:
                with pytest.raises(Unauthenticated):
                    tickets.spend(ticket)
    now += LIFE
    tickets.make(_who("last"))
    assert (len(tickets), len(tickets._of)) == (1, 1)


# Over HTTP.


async def test_anybody_signed_in_gets_one_that_nobody_caches(door: Rest) -> None:
    for who in ("sam", "ina", "admin", "robot"):
        said = await door.ask(who, "POST", PATH)
        assert (said.status, said.json.keys()) == (201, {"ticket", "expires_in"})
        assert said.json["expires_in"] == LIFE
        assert said.headers["Cache-Control"] == "no-store"
        assert not {"Location", "ETag", "Hub-Transaction"} & said.headers.keys()
    assert (await door.ask(None, "POST", PATH)).code == "no-token"
    # A ticket is no token: it makes no other, and reads nothing.
    door.tokens["ticket"] = await _ticket(door)
    assert (await door.ask("ticket", "POST", PATH)).status == 401
    assert (await door.ask("ticket", "GET", "/api/v1/me")).status == 401


async def test_a_stream_by_ticket_is_its_maker_s(door: Rest, open_stream: Open) -> None:
    mine = await door.booking()
    await door.booking(student_id=ID["sue"], instructor_id=ID["ivo"], aircraft_id="N2")
    ticket = await _ticket(door, "sam")
    # Looking is not using.
    for _ in range(2):
        said = await door.ask(None, "HEAD", f"{STREAM}?topic=bookings&ticket={ticket}")
        assert said.status == 200
    with structlog.testing.capture_logs() as logs:
        stream = await open_stream(door.hub, None, {"topic": "bookings", "ticket": ticket})
        welcome = await stream.until("welcome")
        await stream.until("live")
        again = await door.ask(None, "GET", f"{STREAM}?topic=bookings&ticket={ticket}")
    assert (again.status, again.code) == (401, "ticket")
    assert ticket not in str(logs) + again.body.decode()
    assert (welcome["principal"]["id"], welcome["principal"]["role"]) == (ID["sam"], "STUDENT")
    assert list(stream.rows["1"]) == [mine["id"]]
    # It ends when the token would have.
    client = await _client(door.hub, door.tokens["sam"])
    assert welcome["expires"] == client["expires"]


async def _client(hub: Hub, token: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as http, http.ws_connect(hub.ws) as ws:
        return await Client(ws).hello(token)


async def test_the_socket_takes_one_in_place_of_a_token(door: Rest, connect: Connect) -> None:
    ticket = await _ticket(door, "sam")
    client = await connect(door.hub)
    await client.say(type="hello", ticket=ticket)
    welcome = await client.until("welcome")
    assert welcome["principal"]["id"] == ID["sam"]
    # Renewed like any other.
    await client.say(type="auth", token=door.tokens["sam"])
    assert (await client.until("renewed"))["expires"]
    for message, code in (
        ({"ticket": ticket}, Code.BAD_TOKEN),
        ({"ticket": "hubt_made-up"}, Code.BAD_TOKEN),
        ({"ticket": ticket, "token": door.tokens["sam"]}, Code.MALFORMED),
        ({}, Code.MALFORMED),
        ({"ticket": ""}, Code.MALFORMED),
        ({"ticket": 5}, Code.MALFORMED),
    ):
        other = await connect(door.hub)
        await other.say(type="hello", **message)
        assert (await other.until("bye"))["code"] == code, message


async def test_many_who_come_with_one_ticket_are_one(door: Rest) -> None:
    ticket = await _ticket(door)
    asked = [door.ask(None, "GET", f"{STREAM}?topic=bookings&ticket={ticket}") for _ in range(20)]
    told = sorted(said.status for said in await asyncio.gather(*asked))
    assert told == [200] + [401] * 19


async def test_rights_are_those_of_the_day_it_is_used(door: Rest, open_stream: Open) -> None:
    made = {who: await _ticket(door, who) for who in ("sam", "sue", "robot")}
    feed = door.hub.house.feed
    await door.conn.execute("UPDATE users SET role = 'ADMIN' WHERE id = $1", ID["sam"])
    await door.conn.execute("DELETE FROM users WHERE id = $1", ID["sue"])
    await door.conn.execute("UPDATE api_keys SET revoked_at = now()")
    await feed.turned()
    stream = await open_stream(door.hub, None, {"topic": "bookings", "ticket": made["sam"]})
    assert (await stream.until("welcome"))["principal"]["role"] == "ADMIN"
    for who in ("sue", "robot"):
        said = await door.ask(None, "GET", f"{STREAM}?topic=bookings&ticket={made[who]}")
        assert (said.status, said.code) == (403, "forbidden")


async def test_a_ticket_outlives_no_token(door: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    door.tokens["brief"] = door.hub.token("sub-sam", ttl=60)
    ticket = await _ticket(door, "brief")
    gate = door.hub.house.gate
    later = gate.clock() + 61
    monkeypatch.setattr(gate, "clock", lambda: later)
    said = await door.ask(None, "GET", f"{STREAM}?topic=bookings&ticket={ticket}")
    assert (said.status, said.code) == (401, "token-expired")


# In a browser.

_OPEN = """async ([token, query]) => {
  const answer = await fetch("/api/v1/tickets", {
    method: "POST", headers: { Authorization: `Bearer ${token}` },
  });
  const { ticket } = await answer.json();
  window.heard = [];
  window.source = new EventSource(`/api/v1/stream?${query}&ticket=${ticket}`);
  for (const type of ["welcome", "rows", "live", "change", "bye"])
    source.addEventListener(type, (e) => heard.push([type, e.lastEventId, JSON.parse(e.data)]));
}"""


async def _until(page: Page, expression: str, given: Any = None) -> Any:
    """What an expression gives once it gives something. (Playwright's own waiting needs ``eval``.)"""
    async with asyncio.timeout(PATIENCE / 1000):
        while not (found := await page.evaluate(expression, given)):
            await asyncio.sleep(0.05)
    return found


async def _heard(page: Page, type: str) -> Any:
    return await _until(page, "type => heard.findLast((one) => one[0] === type)", type)


async def test_an_event_source_in_chromium(hub: Hub, visit: Visit) -> None:  # noqa: F811
    """What the browser's own client does with a stream: events, ids, and stopping."""
    page = visit.page
    token = await hub.token_of("admin@example.com")
    await page.goto(f"{hub.url}/api/v1/docs")
    await page.evaluate(_OPEN, [token, "topic=bookings&status=AT_RISK"])
    assert (await _heard(page, "welcome"))[2]["principal"]["role"] == "ADMIN"
    _, id, live = await _heard(page, "live")
    assert id == live["cursor"]
    sql = await asyncpg.connect(hub.dsn)
    key = await sql.fetchval(
        "UPDATE bookings SET status = 'AT_RISK' WHERE id ="
        " (SELECT id FROM bookings WHERE status = 'CONFIRMED' LIMIT 1) RETURNING id::text"
    )
    _, id, change = await _heard(page, "change")
    assert id == change["cursor"]
    assert change["transactions"][0]["items"][0]["key"] == key

    # The hub goes and comes; the browser comes back by itself, is told that the hub is not ready or
    # its ticket used, and stops.
    visit.hub_is_away = True
    stopping = asyncio.create_task(hub.stop())
    assert (await _heard(page, "bye"))[2]["code"] == Code.DRAINING
    await stopping
    await sql.execute("UPDATE bookings SET status = 'CONFIRMED' WHERE id = $1", key)
    await sql.close()
    await hub.start()
    await _until(page, "source.readyState === EventSource.CLOSED")
    # With another ticket it goes on where it was.
    await page.evaluate(_OPEN, [token, f"topic=bookings&status=AT_RISK&last_event_id={id}"])
    assert (await _heard(page, "live"))[2]["resumed"] is True
    _, _, change = await _heard(page, "change")
    assert change["transactions"][0]["items"] == [{"op": "remove", "key": key}]
    await page.evaluate("source.close()")
    refused = ("status of 401", "status of 503")
    visit.complaints[:] = [
        said for said in visit.complaints if not any(status in said for status in refused)
    ]
    assert not any(token in address for address in visit.addresses)
