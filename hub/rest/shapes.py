"""Models as JSON Schema 2020-12, in its own words, as the OpenAPI document shows them.

Pure. Invariant: what is drawn of a model is what pydantic says of it; only names of keywords that
pydantic made up, and what a place of the document cannot mean, are put right.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from hub.rest.registry import Nothing
from hub.schedule.drafts import Patch

Json = dict[str, Any]
Mode = Literal["validation", "serialization"]

_REF = "#/components/schemas/{model}"
#: How pydantic writes a bound that stands behind a validator, and what JSON Schema calls it.
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
_LENGTHS = {"minLength": "minItems", "maxLength": "maxItems"}


class _Schemas(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        """A member's name says it."""
        return False


def drawn(
    models: Iterable[tuple[Any, Mode]],
) -> tuple[dict[tuple[Any, Mode], Json], dict[str, Json]]:
    """A schema for each model, and the shared ones they refer to, by name."""
    inputs = [(model, mode, TypeAdapter(model)) for model, mode in models]
    found, shared = TypeAdapter.json_schemas(inputs, ref_template=_REF, schema_generator=_Schemas)
    schemas = {name: _mended(schema) for name, schema in shared["$defs"].items()}
    for model, _, _ in inputs:
        if inspect.isclass(model) and issubclass(model, Patch):
            # What a patch does not give stays as it is, so nothing has a default.
            for member in schemas[model.__name__]["properties"].values():
                member.pop("default", None)
    return found, schemas


def parameters(model: type[BaseModel]) -> Json:
    """A query's model. Null is a body's value: a parameter is given or it is not."""
    schema = _mended(model.model_json_schema(schema_generator=_Schemas))
    assert "$defs" not in schema, "a parameter is a text, a number or a list of them"
    for name, member in schema.get("properties", {}).items():
        some = [one for one in member.pop("anyOf", ()) if one.get("type") != "null"]
        if member.get("default", 0) is None:
            del member["default"]
        more = some[0] if len(some) == 1 else {"anyOf": some} if some else {}
        schema["properties"][name] = {**more, **member}
    return schema  # type: ignore[no-any-return]


def told(model: Any) -> str:
    """What a model's docstring says."""
    if model is None or model is Nothing:
        return ""
    return markdown(inspect.getdoc(model) or "")


def markdown(text: str) -> str:
    """A docstring as Markdown: its double backquotes single."""
    return text.replace("``", "`")


def _mended(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_mended(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    names = _BOUNDS | (_LENGTHS if schema.get("type") == "array" else {})
    found = {names.get(name, name): _mended(value) for name, value in schema.items()}
    if isinstance(said := found.get("description"), str):
        found["description"] = markdown(said)
    return found
