"""What can be done next with an answer: OpenAPI's links, found by the paths alone.

Pure. Invariant: a link's target is a route of the same registry, and what it passes on is in the
answer it stands at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, RootModel

from hub.rest.registry import Route


def links(routes: Sequence[Route], route: Route, model: Any) -> dict[str, Any]:
    """The links of a route's answer of this model: to its row, what hangs on it, and the next page."""
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return {}
    fields = model.model_fields
    if _has_id(model):
        shown, where, tagged = model, "$response.body#/id", True
    elif "items" in fields and (found_in := _items(fields["items"].annotation)):
        shown, where, tagged = found_in, "$response.body#/items/0/id", False
    else:
        return {}
    nested = "{id}" in route.path
    row = route.path[: route.path.index("{id}") + 4] if nested else f"{route.path}/{{id}}"
    of_row = [one.answers.get(200) for one in routes if (one.method, one.path) == ("GET", row)]
    # What hangs on a row has ids of its own, which are not that row's.
    if nested and not any(one and issubclass(shown, one) for one in of_row):
        return {}
    found: dict[str, Any] = {}
    for other in routes:
        if other is route or not (other.path == row or other.path.startswith(f"{row}/")):
            continue
        if not tagged and of_row and (other.method, other.path) != ("GET", row):
            continue  # from a list one goes to the row, and on from there
        given = {"id": where}
        if tagged and other.conditional and other.path == row:
            given["header.If-Match"] = "$response.header.ETag"
        found[other.name] = {"operationId": other.name, "parameters": given}
    if "next" in fields:
        found["next_page"] = {
            "operationId": route.name,
            "parameters": {"query.after": "$response.body#/next"},
            "description": "The next page; there is none if `next` is null.",
        }
    return found


def _items(annotation: Any) -> Any:
    """The rows' model of ``list[Model]``, if they have ids."""
    return next((model for model in getattr(annotation, "__args__", ()) if _has_id(model)), None)


def _has_id(model: Any) -> bool:
    """Whether whatever is of this model, or of one of several, has an id."""
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return False
    if issubclass(model, RootModel):
        return all(
            map(_has_id, getattr(model.model_fields["root"].annotation, "__args__", (None,)))
        )
    return "id" in model.model_fields
