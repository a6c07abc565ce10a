"""The OpenAPI 3.1 document, drawn from the registry: what the handlers themselves are made of.

Nothing of a single route stands here. Invariant: the models, statuses, scopes and words of an
operation are its route's own, so the document cannot say what the door does not do.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Sequence
from itertools import chain
from typing import Any

from pydantic import BaseModel

import hub
from hub.rest import refusals, shapes
from hub.rest.examples import example
from hub.rest.links import links
from hub.rest.refusals import Json, header_references
from hub.rest.registry import Nothing, Route
from hub.rest.words import ABOUT, PARAMETERS, TAGS

VERSION = "3.1.1"


def document(routes: Sequence[Route]) -> Json:
    """The document of these routes. Raises KeyError for a status without words."""
    drawing = _Drawing(routes)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = drawing.operation(route)
    statuses = set(chain.from_iterable(route.refusals for route in routes))
    return {
        "openapi": VERSION,
        "info": {"title": "Flight hub", "version": hub.__version__, "description": ABOUT},
        "servers": [{"url": "/", "description": "This hub"}],
        "tags": _tags(routes),
        "paths": paths,
        "components": {
            "schemas": drawing.schemas | {"Problem": refusals.PROBLEM, "Fault": refusals.FAULT},
            "responses": refusals.response_components(statuses),
            "parameters": PARAMETERS,
            "headers": refusals.header_components(),
            "securitySchemes": {
                "user": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A person: the access or id token of the school's user pool.",
                },
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "hub_…",
                    "description": "An integration: a key an admin made, good for its scopes.",
                },
                "device": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "hubd_…",
                    "description": "A kiosk that an admin has approved, for what it shows.",
                },
            },
        },
    }


class _Drawing:
    """The models of all routes as schemas, and operations that refer to them."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes
        inputs: list[tuple[Any, shapes.Mode]] = []
        for route in routes:
            inputs += [(route.body, "validation")] * (route.body is not Nothing)
            inputs += [(model, "serialization") for model in route.answers.values() if model]
        self._of, self.schemas = shapes.drawn(inputs)

    def operation(self, route: Route) -> Json:
        """One method of one path."""
        summary, _, more = shapes.markdown(route.told).partition("\n")
        description = (more.strip(), shapes.told(route.query))
        told: Json = {
            "operationId": route.name,
            "tags": [route.tag],
            "summary": summary.rstrip("."),
            "description": "\n\n".join(filter(None, description)),
            "security": _security(route),
            "parameters": self._parameters(route),
            "responses": self._responses(route),
        }
        if route.body is not Nothing:
            content = self._content(route.body, "validation")
            told["requestBody"] = {
                "required": True,
                "content": dict.fromkeys(route.types, content),
            }
        if route.who is not None:
            told["x-hub-roles"] = sorted(route.who)
        return told

    def _content(self, model: Any, mode: shapes.Mode) -> Json:
        schema = self._of[model, mode]
        return {"schema": schema, "example": example(schema, self._resolve)}

    def _resolve(self, reference: str) -> Json:
        return self.schemas[reference.rpartition("/")[2]]

    def _parameters(self, route: Route) -> list[Json]:
        found = [
            self._in_path(before, name) for before, name in re.findall(r"(\w+)/{(\w+)}", route.path)
        ]
        found += self._query(route.query, route.many)
        heeded = {
            "IfNoneMatch": 304 in route.answers,
            "IfMatch": route.conditional,
            "IdempotencyKey": route.once,
        }
        return found + [
            {"$ref": f"#/components/parameters/{name}"} for name, is_so in heeded.items() if is_so
        ]

    def _in_path(self, before: str, name: str) -> Json:
        schema: Json = {"type": "string", "format": "uuid"}
        shown = example(schema, self._resolve, f"{before.removesuffix('s')}_{name}")
        return {"name": name, "in": "path", "required": True, "schema": schema, "example": shown}

    def _query(self, model: type[BaseModel], many: frozenset[str]) -> list[Json]:
        drawn = shapes.parameters(model)
        found = []
        for name, schema in drawn.get("properties", {}).items():
            parameter: Json = {"name": name, "in": "query", "schema": schema}
            if said := schema.pop("description", None):
                parameter["description"] = said
            if name in drawn.get("required", ()):
                parameter |= {"required": True, "example": example(schema, self._resolve, name)}
            if name in many:
                parameter |= {"style": "form", "explode": True}
            found.append(parameter)
        return found

    def _responses(self, route: Route) -> Json:
        found: Json = {
            str(status): self._response(route, status, model)
            for status, model in route.answers.items()
        }
        found |= {str(status): refusals.response_reference(status) for status in route.refusals}
        return dict(sorted(found.items()))

    def _response(self, route: Route, status: int, model: Any) -> Json:
        reading = route.method == "GET"
        counted = route.limited and not route.elsewhere
        headers = list(refusals.EVERY) if counted else ["X-Request-Id"]
        headers += route.headers
        if route.of_rows and reading and status in (200, 304):
            headers += ["ETag"] + ["Hub-Cursor"] * (route.who is not None)
            headers += ["Link"] * ("after" in route.query.model_fields)
        if reading and status == 200 and not route.elsewhere:
            headers += ["Content-Encoding"]
        if route.of_rows and not reading and route.who is not None:
            headers += ["Hub-Transaction"] + ["ETag"] * (model is not None)
            headers += ["Content-Location"] * (model is not None and "{id}/" in route.path)
        if status == 201 and route.of_rows and route.who is not None:
            headers += ["Location"]
        if route.once and status < 300:
            headers += ["Idempotency-Replayed"]
        if status >= 400:
            headers += ["Retry-After"]
        if status == 304:
            return {
                "description": "Nothing has changed since the version that If-None-Match names.",
                "headers": header_references(headers),
            }
        found: Json = {
            "description": shapes.told(model) or "Done; there is nothing to show.",
            "headers": header_references(headers),
        }
        if model is not None:
            found["content"] = {route.media: self._content(model, "serialization")}
        if status < 300 and (followed := links(self._routes, route, model)):
            found["links"] = followed
        return found


def _security(route: Route) -> list[Json]:
    if route.who is None:
        return []
    found: list[Json] = [{"user": []}] * bool(route.who)
    if route.scope or route.any_key:
        found.append({"key": [route.scope] if route.scope else []})
    return found + [{"device": []}] * route.device


def _tags(routes: Sequence[Route]) -> list[Json]:
    """The resources in the order of the registry, each with its file's own first words."""
    files: dict[str, str] = {}
    for route in routes:
        files.setdefault(route.tag, route.handler.__module__)
    found = []
    for tag, name in files.items():
        told = shapes.markdown(inspect.getdoc(sys.modules[name]) or "")
        first = told.partition("\n\n")[0].replace("\n", " ")
        found.append(
            {"name": tag, "description": "\n\n".join(filter(None, (first, TAGS.get(tag))))}
        )
    return found
