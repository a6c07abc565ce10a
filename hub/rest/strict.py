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
#: Values and members: reading them holds up everybody, and nothing the hub takes has a tenth of it.
MAX_COMMAS, MAX_MEMBERS = 20_000, 4_000


def pointer(*path: str | int) -> str:
    """The JSON Pointer (RFC 6901) of a path."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def loads(data: bytes) -> Any:
    """Read one JSON document. Raises Unparsable, or Invalid for a text with a NUL in it."""
    if data.count(b",") > MAX_COMMAS or data.count(b":") > MAX_COMMAS:
        raise Unparsable("The body holds more values than anything here has.")
    try:
        # Refuses bytes that are not UTF-8, lone surrogates, NaN, infinite numbers, trailing junk.
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Unparsable(f"The body is not JSON: {error}.") from None
    if isinstance(value, dict | list):
        _check(value)
        json.loads(data, object_pairs_hook=_once, parse_int=float)
    return value


def _check(value: Any) -> None:
    faults = []
    members_left = MAX_MEMBERS
    left: list[tuple[Any, tuple[str | int, ...]]] = [(value, ())]
    while left:
        item, path = left.pop()
        if isinstance(item, str):
            if "\0" in item:
                faults.append(Fault(pointer(*path), "holds a NUL character"))
        elif isinstance(item, dict | list):
            if len(path) >= MAX_DEPTH:
                raise Unparsable(f"The body is nested deeper than {MAX_DEPTH} levels.")
            if isinstance(item, dict):
                members_left -= len(item)
                if members_left < 0:
                    raise Unparsable("The body holds more members than anything here has.")
            members = list(item.items() if isinstance(item, dict) else enumerate(item))
            left.extend((member, (*path, name)) for name, member in members)
            faults += [
                Fault(pointer(*path, name), "has a name with a NUL character in it")
                for name, _ in members
                if isinstance(name, str) and "\0" in name
            ]
    if faults:
        raise Invalid("The body holds text that cannot be kept.", faults=faults)


def _once(members: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in members]
    if len(set(names)) != len(names):
        raise Unparsable("The body names a member twice.")
