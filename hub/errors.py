"""What can go wrong, in the hub's own words.

This room holds the exceptions every floor may raise. It knows nothing of HTTP or
WebSocket: a door turns each class into its own status or close code, in one place.
Invariant: ``code`` is stable text that clients may branch on; ``detail`` is for people
and never holds a token, a key or another person's data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: an RFC 6901 JSON Pointer and a sentence.

    ``pointer`` is ``"/status"`` for a body's member, ``"?from"`` for a query parameter.
    """

    pointer: str
    detail: str


class HubError(Exception):
    """Base of everything the hub refuses on purpose."""

    code = "refused"

    def __init__(
        self, detail: str, *, faults: Sequence[Fault] = (), code: str | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)
        if code is not None:
            self.code = code


class Invalid(HubError):
    """The input can be read but means nothing the schedule allows (HTTP 422)."""

    code = "invalid"


class Unparsable(HubError):
    """The input cannot be read at all (HTTP 400)."""

    code = "unparsable"


class Unauthenticated(HubError):
    """Nobody, or nobody we can verify, is asking (HTTP 401, close 4001)."""

    code = "unauthenticated"


class Forbidden(HubError):
    """The asker may see it but not do it (HTTP 403, close 4003)."""

    code = "forbidden"


class NotFound(HubError):
    """There is no such row, or the asker may not know of it (HTTP 404)."""

    code = "not-found"


class Conflict(HubError):
    """The schedule's present state refuses the change (HTTP 409)."""

    code = "conflict"


class Stale(HubError):
    """The row is no longer the version the asker named (HTTP 412)."""

    code = "stale"


class Unavailable(HubError):
    """The hub cannot answer just now; asking again will help (HTTP 503, ``Retry-After``)."""

    code = "unavailable"

    def __init__(self, detail: str, *, retry_after: float = 1.0, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after = retry_after


class Misconfigured(HubError):
    """A setting or the machine prevents the hub from running; told in one line, exit 1."""

    code = "misconfigured"
