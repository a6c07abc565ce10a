"""The AsyncAPI document is valid, complete and true, and people can read it offline."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import aiohttp
import jsonschema
from playwright.async_api import expect
from pydantic import BaseModel, TypeAdapter
from running import Hub
from visiting import PATIENCE, Visit, browser, visit  # noqa: F401  (fixtures)

from hub.model import BoardFlight, Booking, Notification, Rescheduling, ShownDevice
from hub.rest import docs
from hub.rest.asyncapi import document
from hub.rules import frames, wire
from hub.rules.closing import MEANINGS, Code
from hub.rules.limits import LIMITS
from hub.rules.topics import TOPICS
from hub.settings import Settings

SPECIFICATION = json.loads((Path(__file__).parent / "asyncapi" / "3.0.0.json").read_text())
DOCUMENT = document(Settings())
SOURCE = Path(__file__).parents[1] / "hub"
#: What each topic's rows are.
ROWS: dict[str, type[BaseModel]] = {
    "bookings": Booking,
    "notifications": Notification,
    "reschedule": Rescheduling,
    "board": BoardFlight,
    "devices": ShownDevice,
}


def models(union: Any) -> tuple[type[BaseModel], ...]:
    """The models of a discriminated union."""
    return get_args(get_args(union)[0])


def frame(model: type[BaseModel]) -> str:
    return str(get_args(model.model_fields["type"].annotation)[0])


def check(schema: dict[str, Any], value: Any) -> None:
    """Raise unless the value is of the schema, formats included."""
    jsonschema.Draft7Validator(
        {**schema, "components": DOCUMENT["components"]},
        format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER,
    ).validate(value)


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [one for inner in value.values() for one in references(inner)]
    return [one for inner in value for one in references(inner)] if isinstance(value, list) else []


def test_the_document_is_valid() -> None:
    errors = list(jsonschema.Draft7Validator(SPECIFICATION).iter_errors(DOCUMENT))
    assert [(list(error.absolute_path), error.message[:200]) for error in errors] == []
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft7Validator.check_schema(schema)


def test_a_broken_document_is_not() -> None:
    broken = json.loads(json.dumps(DOCUMENT))
    broken["operations"]["watch"]["action"] = "hear"
    assert not jsonschema.Draft7Validator(SPECIFICATION).is_valid(broken)


def test_its_references_lead_somewhere_and_all_is_referred_to() -> None:
    found = set(references(DOCUMENT))
    for reference in found:
        at: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]
    for kind in ("schemas", "messages"):
        held = {f"#/components/{kind}/{name}" for name in DOCUMENT["components"][kind]}
        assert held <= found


def test_every_frame_is_told_and_said_over_its_channels() -> None:
    said, told = models(wire.Incoming), models(frames.Outgoing)
    every = {frame(model) for model in (*said, *told)}
    assert set(DOCUMENT["components"]["messages"]) == every
    assert set(DOCUMENT["channels"]["socket"]["messages"]) == every
    assert set(DOCUMENT["channels"]["stream"]["messages"]) == {frame(model) for model in told}
    heard, sent = set(), set()
    for operation in DOCUMENT["operations"].values():
        names = {one["$ref"].rpartition("/")[2] for one in operation["messages"]}
        names_back = references(operation.get("reply", {}).get("messages", []))
        (heard if operation["action"] == "receive" else sent).update(names)
        sent.update(name.rpartition("/")[2] for name in names_back)
    assert heard == {frame(model) for model in said}
    assert sent == {frame(model) for model in told}


def test_every_example_is_one() -> None:
    incoming: TypeAdapter[Any] = TypeAdapter(wire.Incoming)
    outgoing: TypeAdapter[Any] = TypeAdapter(frames.Outgoing)
    said = {frame(model) for model in models(wire.Incoming)}
    for name, message in DOCUMENT["components"]["messages"].items():
        [example] = message["examples"]
        check(message["payload"], example["payload"])
        text = json.dumps(example["payload"])
        (incoming if name in said else outgoing).validate_json(text, strict=True)


def test_topics_filters_close_codes_and_limits_are_the_code_s() -> None:
    assert list(DOCUMENT["x-hub-topics"]) == list(TOPICS)
    assert [one["code"] for one in DOCUMENT["x-hub-close-codes"]] == [int(code) for code in Code]
    assert set(MEANINGS) == set(Code)
    verdicts = {one["code"] // 100: one["verdict"] for one in DOCUMENT["x-hub-close-codes"]}
    assert verdicts == {40: "stop", 41: "back off", 42: "reconnect now"}
    assert document(Settings(max_watches=7))["x-hub-limits"] != DOCUMENT["x-hub-limits"]
    # Every setting of a session is told, but what says only where it listens.
    block = re.search(r"# Sessions\.\n(.*?)\n\n", (SOURCE / "settings.py").read_text(), re.DOTALL)
    assert block is not None
    settings = set(re.findall(r"^    (\w+):", block[1], re.MULTILINE))
    assert settings <= {limit.setting for limit in LIMITS}, "add it to hub/rules/limits.py"


def test_a_member_that_may_be_missing_is_never_null() -> None:
    for model in models(frames.Outgoing):
        schema = DOCUMENT["components"]["schemas"][model.__name__]
        for name, member in schema["properties"].items():
            is_needed = name in schema["required"]
            assert is_needed or {"type": "null"} not in member.get("anyOf", ()), (model, name)


def test_topics_show_what_their_models_say() -> None:
    """Of a row with every column, a topic shows exactly its model's members, in their order."""

    class Row(dict[str, Any]):
        def __missing__(self, column: str) -> Any:
            return [] if column == "options" else None

    assert set(ROWS) == set(TOPICS)
    for name, model in ROWS.items():
        members = [field.alias or own for own, field in model.model_fields.items()]
        row = Row(scheduled_datetime="2031-05-06T15:00:00+00:00")
        assert list(TOPICS[name].show(row)) == members, name


async def test_it_is_served_to_anybody_and_kept_while_it_is_the_same(hub: Hub) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.get(hub.url + docs.SOCKET_PATH) as answer:
            assert (answer.status, answer.content_type) == (200, "application/json")
            served = await answer.json()
            tag = answer.headers["ETag"]
        assert served == json.loads(json.dumps(document(hub.house.settings)))
        async with http.get(hub.url + docs.SOCKET_PATH, headers={"If-None-Match": tag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")


async def test_people_can_browse_it(hub: Hub, visit: Visit) -> None:  # noqa: F811
    page = visit.page
    await page.goto(f"{hub.url}/api/v1/docs")
    await expect(page.locator("article").first).to_be_visible(timeout=PATIENCE)
    await page.get_by_role("link", name="Real time").click()
    change = page.locator("article#frame-change")
    await expect(change).to_be_visible(timeout=PATIENCE)
    frames_told = len(DOCUMENT["components"]["messages"])
    await expect(page.locator("article[id^=frame-]")).to_have_count(frames_told)
    await expect(change.get_by_text("transactions", exact=True).first).to_be_visible()
    # Each of the two things that an item can be has its members told.
    await expect(change.get_by_text("Upsert", exact=True)).to_have_count(1)
    await expect(change.get_by_text("Remove", exact=True)).to_have_count(1)
    assert "[object" not in await page.locator("main").inner_text()
    # Whose addresses hold a view find it, and the filter keeps what holds every word.
    await page.goto(f"{hub.url}/api/v1/docs#topic-board")
    await expect(page.locator("article#topic-board")).to_be_in_viewport(timeout=PATIENCE)
    await expect(page.get_by_text("4203", exact=True)).to_have_count(1)
    await page.keyboard.press("/")
    await page.keyboard.type("sign of life")
    await expect(page.locator("article:visible")).to_have_count(1)
    await expect(page.locator("article#frame-ping")).to_be_visible()
    assert all(address.startswith(hub.url) for address in visit.addresses)
