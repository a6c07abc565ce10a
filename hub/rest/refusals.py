"""What every answer may carry besides its body, as the OpenAPI document tells it: headers, problems.

Words only; what is really answered is made in ``door`` and ``problem``, and a test holds the two
together. Invariant: a status that a route may refuse with has its words here, or there is no
document.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from hub.errors import Fault
from hub.rest.problem import MEDIA_TYPE, render

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_SECONDS: Json = {"type": "integer", "minimum": 0}
_TAG: Json = {"type": "string", "pattern": '^"[\\x21\\x23-\\x7e]*"$'}

HEADERS: dict[str, tuple[Json, str]] = {
    "X-Request-Id": (
        _TEXT,
        "This request's id, as the log has it. Yours, if you sent one of up to 64 letters, digits, "
        "`.`, `_` and `-`.",
    ),
    "Hub-Cursor": (
        _TEXT,
        "The snapshot these rows were read in: a watch on the WebSocket that begins here is told "
        "exactly what changed since.",
    ),
    "Hub-Transaction": (
        {"type": "string", "pattern": "^[0-9]+$"},
        "The transaction that wrote it, as changes name it. Absent when nothing had to be written.",
    ),
    "ETag": (_TAG, "The version of what is shown, for If-Match and If-None-Match."),
    "Content-Encoding": ({"const": "gzip"}, "Of a long answer, for whoever takes it."),
    "Link": (
        _TEXT,
        'Of a list: the next page, `rel="next"`; absent on the last. Of a booking: what it was '
        'rescheduled from, `rel="predecessor-version"`, and to, `rel="successor-version"`.',
    ),
    "Location": ({"type": "string", "format": "uri-reference"}, "Where the new row is."),
    "Content-Location": (
        {"type": "string", "format": "uri-reference"},
        "Where what is shown can be read, if that is elsewhere.",
    ),
    "Idempotency-Replayed": (
        {"const": "true"},
        "This is the answer to an earlier request with the same Idempotency-Key; nothing was done "
        "now.",
    ),
    "WWW-Authenticate": (_TEXT, "RFC 6750: how to sign in, and what was wrong with the token."),
    "Retry-After": (_SECONDS, "After how many seconds it is worth asking again."),
    "RateLimit-Policy": (
        {"type": "string", "pattern": '^"[a-z]+";q=[0-9]+;w=[0-9]+$'},
        "Your share, or a route's own that is used up: so many requests at once (`q`), which come back "
        "within so many seconds (`w`).",
    ),
    "RateLimit": (
        {"type": "string", "pattern": '^"[a-z]+";r=[0-9]+;t=[0-9]+$'},
        "What is left of it: requests (`r`), and seconds until there is one more (`t`).",
    ),
    "Accept": (_TEXT, "The media types that can be sent here."),
    "Accept-Patch": (_TEXT, "The media types of a patch that can be sent here."),
    "Accept-Encoding": (_TEXT, "The Content-Encodings that are understood."),
}

#: Of every answer, if its requests are counted.
EVERY = ("X-Request-Id", "RateLimit-Policy", "RateLimit")


class Refusal(NamedTuple):
    """One status of refusal: its component's name, what it means, and one that could be met."""

    name: str
    meaning: str
    code: str
    detail: str
    headers: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


REFUSALS: dict[int, Refusal] = {
    400: Refusal(
        "Unparsable",
        "It cannot be read at all: not JSON, a member named twice, a query that is not UTF-8, a "
        "header that is no list of entity tags.",
        "unparsable",
        "The body names a member twice.",
    ),
    401: Refusal(
        "Unauthenticated",
        "Nobody, or nobody the hub can verify, is asking. Codes: `no-token`, `unauthenticated`, "
        "`token-expired`, `unknown-key`, `unknown-device`.",
        "no-token",
        "Send Authorization: Bearer and a token.",
        ("WWW-Authenticate",),
    ),
    403: Refusal(
        "Forbidden",
        "You may know of it but not do it. Codes: `forbidden`, `unknown-user`, "
        "`insufficient-scope`, and `deadline-passed` for what comes too late.",
        "forbidden",
        "This is not for your role to do.",
    ),
    404: Refusal(
        "NotFound",
        "There is no such row, or none that you may know of.",
        "not-found",
        "There is nothing here, or nothing for you.",
    ),
    408: Refusal(
        "TooSlow",
        "The body did not arrive within 15 s.",
        "request-timeout",
        "The body did not arrive in time.",
    ),
    409: Refusal(
        "Conflict",
        "The schedule, as it is, does not allow it. The operation names its codes; `overlap`, "
        "`duplicate` and `illegal-move` are among them.",
        "overlap",
        "Another booking holds that time.",
    ),
    410: Refusal(
        "Gone",
        "What was good for a while is so no more, or was used up. Code: `pairing-over`.",
        "pairing-over",
        "This pairing is over; begin another.",
    ),
    412: Refusal(
        "Stale",
        "The row is no longer the version that If-Match names, or nothing here has one: read it again.",
        "stale",
        "The row has changed since you read it; read it again.",
    ),
    413: Refusal(
        "TooLarge",
        "A body may have 256 KiB, decompressed; that of somebody not signed in, 4.",
        "too-large",
        "A body may have 262144 bytes.",
    ),
    415: Refusal(
        "UnsupportedMediaType",
        "The body is of another type, charset or encoding than can be read here.",
        "unsupported-media-type",
        "Send application/json, in UTF-8.",
        ("Accept", "Accept-Patch", "Accept-Encoding"),
    ),
    422: Refusal(
        "Invalid",
        "It can be read but means nothing that can be: every fault is told at once (of more than a "
        "hundred the first hundred), a body's by JSON Pointer. `key-reused`: this Idempotency-Key stood "
        "for another request.",
        "invalid",
        "The body asks for what cannot be.",
        (),
        (Fault("/departure_airport", "is needed"),),
    ),
    428: Refusal(
        "PreconditionRequired",
        "This school's hub wants to know which version of the row a change is for: send If-Match.",
        "precondition-required",
        "Read the row and send its ETag as If-Match, or * to write over whatever is there.",
    ),
    429: Refusal(
        "TooManyRequests",
        "You ask faster than your share: nothing was done, and asking cost nothing.",
        "too-many-requests",
        "You ask faster than your share; wait a moment.",
        ("Retry-After",),
    ),
    500: Refusal(
        "Internal",
        "The hub failed, and its log has it under the request's id.",
        "internal",
        "The hub failed; its log has it.",
    ),
    503: Refusal(
        "Unavailable",
        "The hub cannot answer just now; asking again will help. `unknown-outcome`: the database "
        "was lost while it confirmed a write; look whether it took place.",
        "unavailable",
        "The database cannot be reached just now.",
        ("Retry-After",),
    ),
}

#: RFC 9457, and what the hub adds to it.
PROBLEM: Json = {
    "type": "object",
    "description": "Why it was refused (RFC 9457). Branch on `code`; `detail` is for people.",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "`/problems/` and the code.",
        },
        "title": {"type": "string", "description": "The status's own phrase."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "pattern": "^[a-z]+(-[a-z]+)*$", "description": "Stable."},
        "detail": {"type": "string", "description": "For people."},
        "request_id": {"type": "string", "description": "As in X-Request-Id and the log."},
        "errors": {
            "type": "array",
            "minItems": 1,
            "description": "Each thing that is wrong, and where.",
            "items": {"$ref": "#/components/schemas/Fault"},
        },
    },
    "additionalProperties": True,
}
FAULT: Json = {
    "type": "object",
    "description": "Where: a JSON Pointer (RFC 6901) into the body, a query parameter, or a header.",
    "required": ["detail"],
    "properties": {
        "detail": {"type": "string"},
        "pointer": {"type": "string", "pattern": "^(/([^~/]|~[01])*)*$"},
        "parameter": {"type": "string"},
        "header": {"type": "string"},
    },
    "minProperties": 2,
    "maxProperties": 2,
    "additionalProperties": False,
}  # fmt: skip


def header_references(names: Iterable[str]) -> Json:
    """Headers of a response, by name."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def header_components() -> Json:
    """Every header, once."""
    return {
        name: {"description": said, "schema": schema} for name, (schema, said) in HEADERS.items()
    }


def response_components(statuses: Iterable[int]) -> Json:
    """The problems of these statuses. Raises KeyError for one that has no words here."""
    return {REFUSALS[status].name: _response(status) for status in sorted(statuses)}


def response_reference(status: int) -> Json:
    """A route's answer with this status."""
    return {"$ref": f"#/components/responses/{REFUSALS[status].name}"}


def _response(status: int) -> Json:
    _, meaning, code, detail, headers, faults = REFUSALS[status]
    example = render(status, code, detail, "8f0c6b1e2d3a4f56-1f", faults).body
    assert isinstance(example, bytes)
    return {
        "description": meaning,
        "headers": header_references((*EVERY, *headers)),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": orjson.loads(example),
            }
        },
    }
