"""Every refusal as RFC 9457 problem+json: one table from the hub's errors to HTTP.

Nothing is decided here. Invariants: ``code`` (and ``type``, made from it) is stable; a problem
holds no row, token, SQL or stack; each fault says where it is, a body's by JSON Pointer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from hub.errors import (
    Conflict,
    Fault,
    Forbidden,
    HubError,
    Invalid,
    NotFound,
    Stale,
    Unauthenticated,
    Unavailable,
    Unparsable,
)

MEDIA_TYPE = "application/problem+json"
REQUEST_ID = "X-Request-Id"

_STATUS: Mapping[type[HubError], int] = {
    Unparsable: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Stale: 412,
    Invalid: 422,
    Unavailable: 503,
}


class Refused(HubError):
    """A refusal only HTTP has a word for; the code comes from the status unless given."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail, code=code or _code(status))
        self.status = status
        self.headers = dict(headers or {})


def problem(error: HubError, request_id: str) -> web.Response:
    """The answer to ``error``."""
    headers: dict[str, str] = {}
    if isinstance(error, Refused):
        status, headers = error.status, error.headers
    else:
        status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
    if isinstance(error, Unauthenticated):
        headers = {"WWW-Authenticate": challenge(error)}
    elif isinstance(error, Unavailable):
        headers = {"Retry-After": str(math.ceil(error.retry_after))}
    return render(status, error.code, error.detail, request_id, error.faults, headers)


def render(
    status: int,
    code: str,
    detail: str,
    request_id: str,
    faults: tuple[Fault, ...] = (),
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> web.Response:
    """A problem document. ``more`` are extension members (RFC 9457 section 3.2)."""
    told: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id,
        **more,
    }
    if faults:
        told["errors"] = [_fault(fault) for fault in faults]
    # What is refused now may be so no more a moment later, and a 404 could be kept unasked.
    dressed = {"Cache-Control": "no-store", **marks(request_id), **(headers or {})}
    answer = web.Response(
        status=status, body=orjson.dumps(told), content_type=MEDIA_TYPE, headers=dressed
    )
    if answer.headers.get("Connection") == "close":
        answer.force_close()
    return answer


def marks(request_id: str) -> dict[str, str]:
    """The headers that every answer has, be it to a request or to bytes that were none."""
    return {REQUEST_ID: request_id, "X-Content-Type-Options": "nosniff", "Server": "hub"}


def from_aiohttp(error: web.HTTPException) -> Refused:
    """What aiohttp itself refuses: no such path or method, a body too large."""
    details = {
        404: "There is nothing at this address.",
        405: f"This address does not do {error.method}."
        if isinstance(error, web.HTTPMethodNotAllowed)
        else "",
    }
    kept = {name: error.headers[name] for name in ("Allow", "Retry-After") if name in error.headers}
    detail = details.get(error.status) or f"{HTTPStatus(error.status).phrase}."
    return Refused(error.status, detail, headers=kept)


def challenge(error: Unauthenticated) -> str:
    """``WWW-Authenticate`` (RFC 6750 section 3): no error attribute where nobody signed in."""
    if error.code == "no-token":
        return 'Bearer realm="hub"'
    said = re.sub(r"[^ !#-\[\]-~]", "", error.detail)
    return f'Bearer realm="hub", error="invalid_token", error_description="{said}"'


def _code(status: int) -> str:
    if status == 500:
        return "internal"
    return re.sub(r"[^a-z]+", "-", HTTPStatus(status).phrase.lower()).strip("-")


def _fault(fault: Fault) -> dict[str, str]:
    """``pointer`` for a place in the body, ``parameter`` in the query, ``header`` for a field."""
    for sign, where in (("?", "parameter"), ("#", "header")):
        if fault.pointer.startswith(sign):
            return {where: fault.pointer[1:], "detail": fault.detail}
    return {"pointer": fault.pointer, "detail": fault.detail}
