"""The OpenAPI document is valid and complete, what it shows is true, and people can read it offline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import aiohttp
import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from playwright.async_api import expect
from pydantic import TypeAdapter
from running import Hub
from test_rest_registry import ROUTES
from visiting import PATIENCE, Visit, browser, visit  # noqa: F401  (fixtures)

from hub import rest
from hub.rest import docs, examples, refusals
from hub.rest.openapi import document
from hub.rest.registry import Nothing, Route
from hub.rules.status import MOVES

DOCUMENT = document(ROUTES)
#: Of JSON Schema 2020-12, what the document uses; a word that is none would be silently ignored.
KEYWORDS = {
    "$ref", "type", "format", "enum", "const", "default", "description", "title", "examples",
    "properties", "required", "additionalProperties", "minProperties", "maxProperties",
    "items", "minItems", "maxItems", "uniqueItems", "anyOf", "oneOf",
    "pattern", "minLength", "maxLength",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
}  # fmt: skip


def operations() -> Iterator[tuple[Route, dict[str, Any]]]:
    """Each route with its operation."""
    for route in ROUTES:
        yield route, DOCUMENT["paths"][route.path][route.method.lower()]


def schemas() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of the document, with where it is."""
    left: list[tuple[str, Any]] = list(DOCUMENT["components"]["schemas"].items())
    for route, told in operations():
        left += [
            (f"{route.name} {one['name']}", one["schema"])
            for one in told["parameters"]
            if "$ref" not in one
        ]
    while left:
        where, schema = left.pop()
        if not isinstance(schema, dict):
            continue
        yield where, schema
        left += [(f"{where}.{k}", v) for k, v in schema.get("properties", {}).items()]
        for word in ("items", "additionalProperties"):
            left.append((f"{where} {word}", schema.get(word)))
        for word in ("anyOf", "oneOf"):
            left += [(f"{where} {word}", one) for one in schema.get(word, ())]


def resolved(parameter: dict[str, Any]) -> dict[str, Any]:
    """A parameter, itself or by reference."""
    name = parameter.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["parameters"][name] if name else parameter


def check(schema: dict[str, Any], value: Any) -> None:
    """Raise unless the value is of the schema, formats included."""
    jsonschema.Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]},
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    ).validate(value)


class _Theirs:
    """A house whose tokens are another issuer's."""

    issuer = None


@pytest.mark.parametrize("routes", [ROUTES, rest.routes_of(_Theirs())], ids=["dev", "prod"])  # type: ignore[arg-type]
def test_the_document_is_valid(routes: list[Route]) -> None:
    assert list(OpenAPIV31SpecValidator(document(routes)).iter_errors()) == []


def test_every_route_is_told_with_every_status() -> None:
    told = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert told == {(route.method, route.path) for route in ROUTES}
    for route, operation in operations():
        assert operation["operationId"] == route.name
        statuses = {int(status) for status in operation["responses"]}
        assert statuses == route.answers.keys() | route.refusals, route.name
        assert operation["summary"], route.name
        assert (operation["security"] == []) == (route.who is None)
        assert ("requestBody" in operation) == (route.body is not Nothing)


def test_a_status_without_words_is_not_passed_over() -> None:
    [route] = [route for route in ROUTES if route.name == "get_booking"]
    odd = Route(
        *[
            frozenset({418}) if name == "refusals" else getattr(route, name)
            for name in Route.__dataclass_fields__
        ]
    )
    with pytest.raises(KeyError):
        document([odd])


def test_models_have_names_of_their_own() -> None:
    odd = [name for name in DOCUMENT["components"]["schemas"] if "__" in name or "-" in name]
    assert odd == [], "two models of one name, or one that is read otherwise than it is written"


def test_schemas_hold_no_word_that_json_schema_does_not_know() -> None:
    for where, schema in schemas():
        assert schema.keys() <= KEYWORDS, where
        jsonschema.Draft202012Validator.check_schema(schema)
        for number in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
            assert number not in schema or schema["type"] in ("integer", "number"), where
        for size in ("minLength", "maxLength", "pattern"):
            assert size not in schema or schema["type"] == "string", where


def test_every_example_is_one() -> None:
    shown = 0
    for route, operation in operations():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            check(content["schema"], content["example"])
            TypeAdapter(route.body).validate_python(content["example"])
            shown += 1
        for parameter in operation["parameters"]:
            if "example" in parameter:
                check(parameter["schema"], parameter["example"])
                shown += 1
        asked = [one for one in operation["parameters"] if one.get("in") == "query"]
        given = {one["name"]: one["example"] for one in asked if "example" in one}
        route.query.model_validate(given)
        for status, model in route.answers.items():
            if model is not None:
                [content] = operation["responses"][str(status)]["content"].values()
                check(content["schema"], content["example"])
                TypeAdapter(model).validate_python(content["example"])
                shown += 1
    for response in DOCUMENT["components"]["responses"].values():
        [content] = response["content"].values()
        check(content["schema"], content["example"])
        shown += 1
    assert shown > 60


def test_what_cannot_be_shown_is_not_made_up() -> None:
    with pytest.raises(LookupError, match="serial"):
        examples.example(
            {"type": "object", "properties": {"serial": {"type": "string", "pattern": "^Q{7}$"}},
             "required": ["serial"]},
            {}.__getitem__,
        )  # fmt: skip


def test_links_lead_to_operations_and_give_what_those_take() -> None:
    by_id = {operation["operationId"]: operation for _, operation in operations()}
    followed = 0
    for _, operation in operations():
        for response in operation["responses"].values():
            for link in response.get("links", {}).values():
                target = by_id[link["operationId"]]
                taken = {resolved(one)["name"] for one in target["parameters"]}
                assert {name.rpartition(".")[2] for name in link["parameters"]} <= taken
                followed += 1
    assert followed > 20


def test_every_header_is_told_once_and_used() -> None:
    text = str(DOCUMENT["paths"]) + str(DOCUMENT["components"]["responses"])
    used = set(re.findall(r"#/components/headers/([\w-]+)", text))
    assert used == set(refusals.HEADERS) == set(DOCUMENT["components"]["headers"])


def test_the_legal_moves_are_shown() -> None:
    [bookings] = [tag for tag in DOCUMENT["tags"] if tag["name"] == "bookings"]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", bookings["description"], re.MULTILINE))
    assert {before: set(re.findall(r"`(\w+)`", after)) for before, after in rows.items()} == {
        before: set(after) for before, after in MOVES.items()
    }


async def test_it_is_served_to_anybody_and_kept_while_it_is_the_same(hub: Hub) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.get(hub.url + docs.PATH) as answer:
            assert answer.status == 200
            assert answer.content_type == "application/json"
            assert await answer.json() == DOCUMENT
            tag = answer.headers["ETag"]
        async with http.get(hub.url + docs.PATH, headers={"If-None-Match": tag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
        async with http.head(hub.url + docs.PATH) as answer:
            assert (answer.status, answer.headers["ETag"]) == (200, tag)


async def test_people_can_browse_it(hub: Hub, visit: Visit) -> None:  # noqa: F811
    page = visit.page
    await page.goto(f"{hub.url}/api/v1/docs#change_booking")
    operation = page.locator("article#change_booking")
    await expect(operation).to_be_in_viewport(timeout=PATIENCE)
    await expect(page.locator("article")).to_have_count(len(ROUTES))
    await expect(operation.get_by_text("duration_minutes", exact=True).first).to_be_visible()
    # An answer opens; a problem's members are told there.
    refusal = operation.locator("details.answer").filter(has_text="412")
    await refusal.locator("summary").first.click()
    await expect(refusal.get_by_text("request_id", exact=True)).to_be_visible()
    # The filter keeps what holds every word.
    await page.keyboard.press("/")
    await page.keyboard.type("merge availability")
    kept = [route.name for route in ROUTES if route.name in ("change_pattern", "change_override")]
    await expect(page.locator("article:visible")).to_have_count(len(kept))
    for name in kept:
        await expect(page.locator(f"article#{name}")).to_be_visible()
    # Offline: every address is the hub's own.
    assert visit.addresses
    assert all(address.startswith(hub.url) for address in visit.addresses)
