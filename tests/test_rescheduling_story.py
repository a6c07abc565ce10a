"""The whole story, over HTTP and sockets at once: how a flight gets a new time, and how it does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from offers import (
    PATH,
    move_deadline,
    offer,
    rank,
    ranking,
    successors,
    times,
    told,
    until,
    waiting,
)
from resthouse import ID, Rest, at, opened
from running import Client
from school import broken

Dial = Callable[..., Awaitable[Client]]


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        await door.key("weather:write", "bookings:read", name="monitor")
        await door.key("options:write", name="ai")
        yield door


#: What somebody's screen was told: by watch, then by transaction, the items.
Told = dict[str, dict[str, list[dict[str, Any]]]]


class Screen:
    """One person's screen: their flights and what they are told; ``search``: what is on offer, too."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @classmethod
    async def of(cls, dial: Dial, door: Rest, who: str, *, search: bool = False) -> Screen:
        client = await dial(door.hub, door.tokens[who])
        await client.watch("flights", "bookings")
        await client.watch("notes", "notifications")
        if search:
            await client.watch("search", "reschedule")
        return cls(client)

    async def hears(self, *watches: str) -> dict[str, list[dict[str, Any]]]:
        """The items of the next transaction, by watch: a frame each, and no more than one."""
        found: dict[str, list[dict[str, Any]]] = {}
        numbers = set()
        views = {view: id for id, view in self.client.views.items()}
        while found.keys() != set(watches):
            change = await self.client.until("change")
            self.client.follow(change)
            [transaction] = change["transactions"]
            numbers.add(transaction["tx"])
            assert views[change["view"]] not in found, "one frame of a view for one transaction"
            found[views[change["view"]]] = transaction["items"]
        assert len(numbers) == 1, "all of it is one transaction"
        return found

    async def hears_of(self, status: str, kind: str) -> None:
        """One flight's new status and one notification, together."""
        heard = await self.hears("flights", "notes")
        assert [item["row"]["status"] for item in heard["flights"]] == [status]
        assert [item["row"]["type"] for item in heard["notes"]] == [kind]

    async def hears_out(self, last: str, *watches: str) -> Told:
        """All that is told until these watches have told the transaction ``last``, and then nothing.

        Those who race may come in one frame, but each in one only, whole, and once in each watch.
        """
        told: Told = {id: {} for id in self.client.views}
        views = {view: id for id, view in self.client.views.items()}
        while not all(last in told[watch] for watch in watches):
            change = await self.client.until("change")
            self.client.follow(change)
            for transaction in change["transactions"]:
                heard = told[views[change["view"]]]
                assert transaction["tx"] not in heard, "told twice"
                heard[transaction["tx"]] = transaction["items"]
        assert await self.client.silent()
        return told

    async def shows_what_is_so(self, door: Rest, who: str) -> None:
        """What it has by now is what a reader gets."""
        for watch, path in (("flights", PATH), ("notes", "/api/v1/notifications?limit=100")):
            read = await door.ask(who, "GET", path)
            assert self.client.rows[watch] == {row["id"]: row for row in read.json["items"]}


async def test_a_flight_gets_a_new_time(door: Rest, connect: Dial) -> None:
    flight = await door.booking()
    path = f"{PATH}/{flight['id']}"
    sam, ina = [await Screen.of(connect, door, who) for who in ("sam", "ina")]
    office = await Screen.of(connect, door, "admin")
    bystander = await Screen.of(connect, door, "sue")

    # The weather monitor looks ahead and finds a conflict.
    found = await door.ask("monitor", "GET", f"{PATH}/upcoming?hours=336")
    assert found.json["items"] == []  # it is further off than that
    said = await door.ask(
        "monitor", "PUT", f"{path}/weather-conflict", {"detail": "Ceiling 600 ft."}
    )
    assert (said.status, said.json["status"]) == (200, "AT_RISK")
    for screen in (sam, ina):
        await screen.hears_of("AT_RISK", "WEATHER_ALERT")
    await office.hears("flights")
    [note] = sam.client.rows["notes"].values()
    assert note["message"] == "Ceiling 600 ft. We are watching it."

    # The AI offers three times; both are asked.
    said = await door.ask("ai", "PUT", f"{path}/options", times(9, 12, 15, scores=(0.5, 0.9)))
    assert said.status == 200
    for screen in (sam, ina):
        await screen.hears_of("RESCHEDULING", "OPTIONS_AVAILABLE")
    await office.hears("flights")
    offered = (await door.ask("sam", "GET", f"{path}/options")).json
    assert [one["ai_confidence_score"] for one in offered["items"]] == [0.9, 0.5, None]
    noon, nine, three = (one["id"] for one in offered["items"])
    assert offered["submitted"] == {"student": False, "instructor": False}
    assert offered["mine"]["submitted_at"] is None

    # Sam likes nine best, then noon; Ina noon, then three. Nine is impossible for her.
    assert (await door.ask("sam", "PUT", f"{path}/preferences", ranking(nine, noon))).status == 200
    hers = await door.ask("ina", "GET", f"{path}/options")
    assert hers.json["submitted"] == {"student": True, "instructor": False}
    assert hers.json["mine"]["user_id"] == ID["ina"]
    assert hers.json["mine"]["option1_id"] is None
    said = await door.ask("ina", "PUT", f"{path}/preferences", ranking(noon, three, never=(nine,)))
    assert said.status == 200

    # One transaction, one frame: the old flight given up, the new one made.
    for screen in (sam, ina, office):
        watches = ("flights",) if screen is office else ("flights", "notes")
        heard = await screen.hears(*watches)
        old, new = heard["flights"]
        assert (old["key"], old["row"]["status"]) == (flight["id"], "CANCELLED")
        assert old["row"]["rescheduled_to_datetime"] == at(12, day=1)
        assert (new["row"]["status"], new["row"]["scheduled_datetime"]) == ("CONFIRMED", at(12, 1))
        assert new["row"]["original_booking_id"] == flight["id"]
        if screen is not office:
            [note] = [item["row"] for item in heard["notes"]]
            assert (note["type"], note["booking_id"]) == ("CONFIRMATION", new["key"])
    transaction = screen.client.heard[-1]["transactions"][0]["tx"]
    assert said.headers["Hub-Transaction"] == transaction

    assert await bystander.client.silent()
    for who, screen in (("sam", sam), ("ina", ina), ("admin", office)):
        read = await door.ask(who, "GET", PATH)
        rows = {row["id"]: row for row in read.json["items"]}
        assert screen.client.rows["flights"] == rows
    again = await door.ask("sam", "PUT", f"{path}/preferences", ranking(noon))
    assert again.code == "not-rescheduling"
    assert await broken(door.conn) == {}


async def test_a_flight_gets_none_and_the_school_settles_it(door: Rest, connect: Dial) -> None:
    flight = await door.booking()
    path = f"{PATH}/{flight['id']}"
    await door.ask("monitor", "PUT", f"{path}/weather-conflict", {})
    said = await door.ask("ai", "PUT", f"{path}/options", times(9, 12, 15))
    nine, noon, three = (one["id"] for one in said.json["items"])
    sam, ina, office = [await Screen.of(connect, door, who) for who in ("sam", "ina", "admin")]

    await door.ask("sam", "PUT", f"{path}/preferences", ranking(nine, never=(noon, three)))
    said = await door.ask("ina", "PUT", f"{path}/preferences", ranking(noon, never=(nine,)))
    assert said.status == 200
    for screen in (sam, ina, office):
        heard = await screen.hears("notes")
        assert [item["row"]["type"] for item in heard["notes"]] == ["ESCALATION"]
    read = await door.ask("sam", "GET", f"{path}/options")
    assert read.json["escalated"] is True
    assert (await door.ask("sam", "GET", path)).json["status"] == "RESCHEDULING"

    # Somebody looks at it, and picks a time that neither had ruled out for good.
    said = await door.ask("admin", "POST", f"{path}/reschedule", {"option_id": three})
    assert said.status == 201
    new = said.json
    assert said.headers["Location"] == f"{PATH}/{new['id']}"
    assert (new["status"], new["scheduled_datetime"]) == ("CONFIRMED", at(15, 1))
    for screen in (sam, ina):
        heard = await screen.hears("flights", "notes")
        assert [item["row"]["status"] for item in heard["flights"]] == ["CANCELLED", "CONFIRMED"]
        assert [item["row"]["type"] for item in heard["notes"]] == ["CONFIRMATION"]
    heard = await office.hears("flights")
    assert [item["key"] for item in heard["flights"]] == [flight["id"], new["id"]]
    assert await broken(door.conn) == {}


async def test_the_deadline_comes_on_every_screen(door: Rest, connect: Dial) -> None:
    flight = await door.booking()
    a, *_ = await offer(door, flight)
    await rank(door, "sam", flight, ranking(a))
    people = ("sam", "ina", "admin")
    screens = {who: await Screen.of(connect, door, who, search=True) for who in people}
    bystander = await Screen.of(connect, door, "sue", search=True)

    await move_deadline(door, flight, timedelta(milliseconds=300))
    await until(lambda: told(door, "ESCALATION", flight), ["Admin", "Ina", "Sam"])
    moved, over = await transactions(door, "reschedulings", 2)
    for who, screen in screens.items():
        heard = await screen.hears_out(over, "search", "notes")
        # Two transactions: the clock is moved, and what it brings. The flight itself does not change.
        assert [*heard["search"]] == [moved, over]
        assert ([*heard["notes"]], heard["flights"]) == ([over], {})
        [item] = heard["search"][over]
        assert (item["key"], item["changed"]) == (flight["id"], ["escalated_at"])
        [item] = heard["notes"][over]
        assert (item["row"]["type"], item["row"]["booking_id"]) == ("ESCALATION", flight["id"])
        [row] = screen.client.rows["search"].values()
        assert (row["student_submitted"], row["instructor_submitted"]) == (True, False)
        await screen.shows_what_is_so(door, who)
    assert await bystander.client.silent()


async def test_of_two_who_confirm_at_once_every_screen_shows_one(door: Rest, connect: Dial) -> None:
    """Both submit last, and an admin chooses, while the flight is held; then all go at once."""
    flight = await door.booking()
    path = f"{PATH}/{flight['id']}"
    a, b, c = await offer(door, flight)
    people = ("sam", "ina", "admin")
    screens = {who: await Screen.of(connect, door, who, search=True) for who in people}
    bystander = await Screen.of(connect, door, "sue", search=True)
    async with door.conn.transaction():
        await door.conn.execute("SELECT FROM bookings FOR NO KEY UPDATE")
        racing = [
            asyncio.create_task(one)
            for one in (
                rank(door, "sam", flight, ranking(a, b)),
                rank(door, "ina", flight, ranking(b, a)),
                door.ask("admin", "POST", f"{path}/reschedule", {"option_id": c}),
                door.ask("admin", "POST", f"{path}/reschedule", {"option_id": a}),
            )
        ]
        await waiting(door, len(racing))
    said = await asyncio.gather(*racing)
    assert {answer.status for answer in said} <= {200, 201, 409}

    [new] = await successors(door, flight)
    [moved] = await transactions(door, "notifications", 1)
    assert moved in [answer.headers.get("Hub-Transaction") for answer in said]
    for who, screen in screens.items():
        watches = ("flights", "search") if who == "admin" else ("flights", "search", "notes")
        heard = await screen.hears_out(moved, *watches)
        assert [*heard["flights"]] == [moved]
        was, became = heard["flights"][moved]
        assert (was["key"], was["row"]["status"]) == (flight["id"], "CANCELLED")
        assert (became["key"], became["row"]["status"]) == (new["id"], "CONFIRMED")
        # Whoever answered before it was settled is told of as well, and the search is over with it.
        assert [*heard["search"]][-1] == moved
        assert heard["search"][moved] == [{"op": "remove", "key": flight["id"]}]
        assert screen.client.rows["search"] == {}
        notes = [] if who == "admin" else ["CONFIRMATION"]
        assert [item["row"]["type"] for item in heard["notes"].get(moved, [])] == notes
        assert {*heard["notes"]} <= {moved}
        await screen.shows_what_is_so(door, who)
    assert await bystander.client.silent()


@pytest.mark.parametrize("first", ["the set", "the student"])
async def test_options_regenerated_while_a_student_submits_on_every_screen(
    door: Rest, connect: Dial, first: str
) -> None:
    """Nobody ever sees a ranking of options that are gone, nor the new set as if it were ranked."""
    flight = await door.booking()
    old = await offer(door, flight)
    screens = {who: await Screen.of(connect, door, who, search=True) for who in ("sam", "ina")}
    again = partial(door.ask, "ai", "PUT", f"{PATH}/{flight['id']}/options", times(10, 13))
    submit = partial(rank, door, "sam", flight, ranking(*old))
    order = [again, submit] if first == "the set" else [submit, again]
    racing = []
    async with door.conn.transaction():
        await door.conn.execute("SELECT FROM bookings FOR NO KEY UPDATE")
        for n, begin in enumerate(order, 1):
            racing.append(asyncio.create_task(begin()))
            await waiting(door, n)
    said = dict(zip(order, await asyncio.gather(*racing), strict=True))
    assert said[again].status == 200
    assert said[submit].status == (422 if first == "the set" else 200)

    made = said[again].headers["Hub-Transaction"]
    before = [] if first == "the set" else [said[submit].headers["Hub-Transaction"]]
    new = {one["id"] for one in said[again].json["items"]}
    for who, screen in screens.items():
        heard = await screen.hears_out(made, "search", "notes")
        assert [*heard["search"]] == [*before, made]
        assert ([*heard["notes"]], heard["flights"]) == ([made], {})
        for transaction in before:
            [item] = heard["search"][transaction]
            assert item["row"]["student_submitted"] is True
            assert {one["id"] for one in item["row"]["options"]} == set(old)
        [item] = heard["search"][made]
        assert item["row"]["student_submitted"] is False
        assert {one["id"] for one in item["row"]["options"]} == new
        [item] = heard["notes"][made]
        assert item["row"]["type"] == "OPTIONS_AVAILABLE"
        assert screen.client.rows["search"][flight["id"]] == heard["search"][made][0]["row"]
        await screen.shows_what_is_so(door, who)


async def transactions(door: Rest, entity: str, how_many: int) -> list[str]:
    """The last so many that changed such rows, in order."""
    rows = await door.conn.fetch(
        "SELECT xid::text AS xid, max(lsn) FROM events WHERE entity = $1 GROUP BY xid ORDER BY 2",
        entity,
    )
    return [row["xid"] for row in rows][-how_many:]
