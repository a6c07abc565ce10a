"""Pages of other origins: which of them a browser lets read what the door answers.

No request is allowed or refused here; that is the bearer token's business, and no cookie is ever
looked at, so credentials are never allowed and `*` is never said. Invariants: an origin that is
not configured is told nothing; a configured one may read every answer, refusals included; what a
cache keeps for one origin it does not show to another.
"""

from __future__ import annotations

from collections.abc import Collection

from aiohttp import hdrs, web

#: What a page may read of an answer besides what the Fetch standard lets every page read.
EXPOSED = (
    "Accept", "Accept-Encoding", "Accept-Patch", "Allow", "Content-Encoding", "Content-Location", "ETag",
    "Hub-Cursor", "Hub-Transaction", "Idempotency-Replayed", "Link", "Location", "RateLimit",
    "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Request-Id",
)  # fmt: skip
#: What a page may send besides what every page may.
SENT = (
    "Authorization", "Content-Encoding", "Content-Type", "Idempotency-Key", "If-Match",
    "If-None-Match", "Last-Event-ID", "X-Request-Id",
)  # fmt: skip
#: Seconds for which a browser need not ask again whether it may; more than this none believes.
MAX_AGE = 7200

_EXPOSED, _SENT = ", ".join(EXPOSED), ", ".join(SENT)


def dress(origins: Collection[str], request: web.Request, answer: web.StreamResponse) -> None:
    """Tell a configured origin's page what it may read, and on OPTIONS what it may send."""
    if not origins:
        return
    headers = answer.headers
    varies = headers.get(hdrs.VARY)
    headers[hdrs.VARY] = f"{varies}, Origin" if varies else "Origin"
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None or origin not in origins:
        return
    headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
    if request.method != "OPTIONS" or hdrs.ACCESS_CONTROL_REQUEST_METHOD not in request.headers:
        headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED
    elif answer.status == 204:
        headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = headers[hdrs.ALLOW]
        headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = _SENT
        headers[hdrs.ACCESS_CONTROL_MAX_AGE] = str(MAX_AGE)
