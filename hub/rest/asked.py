"""Reading a request: its query, its body and its conditions, each faulted as a whole.

No rights, no database. Invariants: only the hub's errors come out, whatever comes in; all faults
of a query, and all of a body, are told at once; nothing that was sent is repeated in a message.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar
from urllib.parse import unquote_plus

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError
from pydantic import BaseModel, ValidationError

from hub.errors import Fault, Unparsable
from hub.rest import codings, strict
from hub.rest.problem import Refused
from hub.schedule.fields import MISFITS

M = TypeVar("M", bound=BaseModel)

MAX_BODY = 256 * 1024
#: What a stranger may send: a code, a name.
SMALL_BODY = 4 * 1024
#: Seconds for a whole body to arrive.
BODY_TIMEOUT = 15.0
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"

_ENTITY_TAG = re.compile(r'\s*(?:(W/)?"([\x21\x23-\x7e\x80-\xff]*)")?\s*(?:,|$)')
_SAID = {
    "missing": "is needed",
    "extra_forbidden": "is not known here",
    "model_type": "is not an object",
    "float_parsing": "is not a number",
    "float_type": "is not a number",
    "int_parsing": "is not a whole number",
    "int_type": "is not a whole number",
}
_MISFITS = {f"String should match pattern '{one}'": said for one, said in MISFITS.items()}
#: What pydantic's sentences begin with, where a fault's begins with the field's name.
_SUBJECT = re.compile(r"^\w+ (?=should )")


def query(model: type[M], request: web.Request, many: Collection[str] = ()) -> M:
    """The query as ``model``; parameters named in ``many`` may repeat, or list with commas."""
    given: dict[str, Any] = {}
    faults: list[Fault] = []
    raw = request.rel_url.raw_query_string
    for part in raw.split("&") if raw else ():
        if not part:
            continue
        name, _, text = part.partition("=")
        try:
            name, text = (unquote_plus(half, errors="strict") for half in (name, text))
        except UnicodeError:
            raise Unparsable("The query is not UTF-8.") from None
        if name in many:
            given.setdefault(name, []).extend(text.split(","))
        elif name in given:
            faults.append(Fault(f"?{name}", "is given twice"))
        elif "\0" in text:
            faults.append(Fault(f"?{name}", "holds a NUL character"))
        else:
            given[name] = text
    try:
        found = model.model_validate(given)
    except ValidationError as error:
        faults += _faults(error, lambda loc: f"?{loc[0]}" if loc else "?")
    if faults:
        raise strict.invalid("The query asks for what cannot be.", faults)
    return found


async def body(
    model: type[M], request: web.Request, types: Collection[str], most: int = MAX_BODY
) -> M:
    """The body as ``model``, of ``most`` bytes. Raises Refused (408, 413, 415), Unparsable, Invalid."""
    coding = codings.coding(request)
    _check_type(request, types)
    sent = codings.decoded(await _bytes(request, most), coding, most)
    if sent is None:
        raise too_large(most)
    value = strict.loads(sent)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = _faults(error, lambda loc: strict.pointer(*loc))
    raise strict.invalid("The body asks for what cannot be.", faults)


def tags(request: web.Request, header: str, *, weak: bool = False) -> frozenset[str] | None:
    """The entity tags of ``If-Match`` or ``If-None-Match``; None if absent, {"*"} for any.

    Weak tags count only where ``weak`` (RFC 9110 section 13.1): If-Match compares strongly.
    Raises Unparsable.
    """
    lines = request.headers.getall(header, [])
    if not lines:
        return None
    text = ",".join(lines).strip()
    if text == "*":
        return frozenset("*")
    found, at = set(), 0
    while at < len(text):
        if (tag := _ENTITY_TAG.match(text, at)) is None or tag.end() == at:
            raise Unparsable(f"{header} is not a list of entity tags.")
        if tag[2] is not None and (weak or not tag[1]):
            found.add(tag[2].removesuffix(codings.TAGGED))
        at = tag.end()
    return frozenset(found)


def _check_type(request: web.Request, types: Collection[str]) -> None:
    charset = (request.charset or "utf-8").lower()
    if (
        hdrs.CONTENT_TYPE not in request.headers
        or request.content_type not in types
        or (charset not in ("utf-8", "utf8"))
    ):
        said = " or ".join(types)
        header = "Accept-Patch" if request.method == "PATCH" else "Accept"
        raise Refused(415, f"Send {said}, in UTF-8.", headers={header: ", ".join(types)})


async def _bytes(request: web.Request, most: int) -> bytes:
    if (request.content_length or 0) > most:
        raise too_large(most)
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for chunk in request.content.iter_any():
                found += chunk
                if len(found) > most:
                    raise too_large(most)
    except TimeoutError:
        raise _over(request, 408, "The body did not arrive in time.") from None
    except (RequestPayloadError, HttpProcessingError):
        why = "The body does not follow its own framing or encoding."
        raise _over(request, 400, why, code=Unparsable.code) from None
    return bytes(found)


def _over(request: web.Request, status: int, detail: str, code: str | None = None) -> Refused:
    """Nothing more of this body is to be waited for: the connection ends with the answer."""
    request.content.feed_eof()
    return Refused(status, detail, code=code, headers={"Connection": "close"})


def too_large(most: int = MAX_BODY) -> Refused:
    """A body over ``most`` bytes."""
    return Refused(413, f"A body may have {most} bytes.", code="too-large")


def _faults(error: ValidationError, where: Callable[[tuple[str | int, ...]], str]) -> list[Fault]:
    # Without what they are about, which is the dear part of them.
    told = error.errors(include_url=False, include_input=False, include_context=False)
    return [Fault(where(one["loc"]), _said(one)) for one in told[: strict.MOST_FAULTS + 1]]


def _said(told: Mapping[str, Any]) -> str:
    if told["type"] in _SAID:
        return _SAID[told["type"]]
    said = str(told["msg"])
    if told["type"] == "value_error":
        return said.removeprefix("Value error, ")  # the rest is a validator's own
    said = _MISFITS.get(said, said)
    return _SUBJECT.sub("", said[:1].lower() + said[1:])
