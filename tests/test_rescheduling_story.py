"""The whole story, over HTTP and sockets at once: how a flight gets a new time, and how it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from offers import PATH, ranking, times
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


class Screen:
    """One person's screen: their flights and what they are told."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @classmethod
    async def of(cls, dial: Dial, door: Rest, who: str) -> Screen:
        client = await dial(door.hub, door.tokens[who])
        await client.watch("flights", "bookings")
        await client.watch("notes", "notifications")
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
