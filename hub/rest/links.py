"""What can be done next with an answer: OpenAPI's links, found by the paths alone.

Pure. Invariant: a link's target is a route of the same registry, and what it passes on is in the
answer it stands at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from hub.rest.registry import Route


def links(routes: Sequence[Route], route: Route, model: Any) -> dict[str, Any]:
    """The links of a route's answer of this model: to its row, what hangs on it, and the next page."""
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return {}
    fields = model.model_fields
    if "id" in fields:
        shown, where, tagged = model, "$response.body#/id", True
    elif "items" in fields and (found_in := _items(fields["items"].annotation)) is not None:
        shown, where, tagged = found_in, "$response.body#/items/0/id", False
    else:
        return {}
    nested = "{id}" in route.path
    row = route.path[: route.path.index("{id}") + 4] if nested else f"{route.path}/{{id}}"
    of_row = [one.answers.get(200) for one in routes if (one.method, one.path) == ("GET", row)]
    # What hangs on a row has ids of its own, which are not that row's.
    if not all(issubclass(shown, one) for one in of_row if one) or (nested and not of_row):
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


def _items(annotation: Any) -> type[BaseModel] | None:
    """The rows' model of ``list[Model]``, if they have ids."""
    for model in getattr(annotation, "__args__", ()):
        if isinstance(model, type) and issubclass(model, BaseModel) and "id" in model.model_fields:
            return model
    return None
