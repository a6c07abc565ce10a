"""Reading JSON strictly: what two readers could understand differently is refused.

Bytes in, values out; no HTTP. Invariants: only Unparsable or Invalid comes out, whatever comes in;
a member occurs once, numbers are finite, texts are Unicode that PostgreSQL can hold, and nothing
is nested deeper than ``MAX_DEPTH``.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from hub.errors import Fault, Invalid, Unparsable

MAX_DEPTH = 32
#: Objects and arrays of one document. Making and looking through them holds up everybody; a full set of
#: options with a forecast for each of the next hundred hours has a tenth of that.
MOST_CONTAINERS = 20_000
#: Faults that are told of one request.
MOST_FAULTS = 100


def pointer(*path: str | int) -> str:
    """The JSON Pointer (RFC 6901) of a path."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def invalid(detail: str, faults: list[Fault]) -> Invalid:
    """What is wrong with a request, up to ``MOST_FAULTS``: an answer is not to outgrow what was asked."""
    if len(faults) > MOST_FAULTS:
        detail += f" There are more faults than the {MOST_FAULTS} that are told."
    return Invalid(detail, faults=faults[:MOST_FAULTS])


def loads(data: bytes) -> Any:
    """Read one JSON document. Raises Unparsable, or Invalid for a text with a NUL in it."""
    # Brackets in texts count as well: no text that the hub takes has thousands of them.
    if data.count(b"{") + data.count(b"[") > MOST_CONTAINERS:
        raise Unparsable(f"The body has more than {MOST_CONTAINERS} objects and arrays.")
    try:
        # Refuses bytes that are not UTF-8, lone surrogates, NaN, infinite numbers, trailing junk.
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Unparsable(f"The body is not JSON: {error}.") from None
    if isinstance(value, dict | list):
        _check_depth(value)
        # A control character is written so and in no other way.
        if b"\\u0000" in data:
            _check_texts(value)
        json.loads(data, object_pairs_hook=_once, parse_int=float)
    return value


def _check_depth(value: dict[str, Any] | list[Any]) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            member
            for item in level
            for member in (item.values() if isinstance(item, dict) else item)
            if isinstance(member, dict | list)
        ]
        if not level:
            return
    raise Unparsable(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _check_texts(value: dict[str, Any] | list[Any]) -> None:
    faults: list[Fault] = []
    left: list[tuple[Any, tuple[str | int, ...]]] = [(value, ())]
    while left and len(faults) <= MOST_FAULTS:
        item, path = left.pop()
        for name, member in item.items() if isinstance(item, dict) else enumerate(item):
            if isinstance(name, str) and "\0" in name:
                why = "has a name with a NUL character in it"
                faults.append(Fault(pointer(*path, name), why))
            if isinstance(member, str) and "\0" in member:
                faults.append(Fault(pointer(*path, name), "holds a NUL character"))
            elif isinstance(member, dict | list):
                left.append((member, (*path, name)))
            if len(faults) > MOST_FAULTS:
                break
    if faults:
        raise invalid("The body holds text that cannot be kept.", faults)


def _once(members: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in members]
    if len(set(names)) != len(names):
        raise Unparsable("The body names a member twice.")
