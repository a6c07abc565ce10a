"""The routes, as data: what each takes, answers and refuses, and who may ask.

One list serves two masters: the door mounts it, and the OpenAPI document is to be drawn from it.
Nothing is handled here. Invariant: a handler's models in this list are the ones its requests are
read with, so the document cannot drift from the code.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict
from yarl import URL

from hub.errors import Forbidden, NotFound
from hub.model import Role, Scope
from hub.rest.house import House
from hub.rest.limits import Share
from hub.rules.access import Principal
from hub.schedule.fields import UUID_TEXT
from hub.schedule.once import Key
from hub.schedule.version import ANY, Expected


class Nothing(BaseModel):
    """No parameters; or no body."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B", bound=BaseModel)

#: Whoever is signed in.
ANYBODY: frozenset[Role] = frozenset({"STUDENT", "INSTRUCTOR", "ADMIN"})
#: Whoever asks, signed in or not.
PUBLIC: frozenset[Role] | None = None
#: ``Forbidden.code`` of a key that may not do this.
NO_SCOPE = "insufficient-scope"


@dataclass(slots=True)
class Ask(Generic[Q, B]):
    """One request, read and found whole. ``who`` may be asked for where a route is not public."""

    house: House
    url: URL
    values: Mapping[str, str]
    query: Q
    body: B
    principal: Principal | None = None
    expected: Expected = ANY
    key: Key | None = None
    #: Where people find this hub: an origin (RFC 6454).
    site: str = ""

    @property
    def who(self) -> Principal:
        """Who is asking."""
        assert self.principal is not None, "a public route asked who is asking"
        return self.principal

    @property
    def id(self) -> str:
        """The path's ``{id}``. Raises NotFound for what is no UUID, as no row has it."""
        text = self.values["id"]
        if UUID_TEXT.fullmatch(text) is None:
            raise NotFound("There is nothing here, or nothing for you.")
        return text.lower()


@dataclass(slots=True)
class Answer:
    """What a handler answers. ``body`` is JSON; ``snapshot`` makes Hub-Cursor."""

    body: bytes | None = None
    status: int = 200
    snapshot: str | None = None
    transaction: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    #: Whether the body is one version of one row, to be named by an ETag. Every GET's answer is.
    tagged: bool = False


Handler = Callable[[Ask[Q, B]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path. ``answers`` and ``refusals`` are all the statuses it may have."""

    method: str
    path: str
    tag: str
    handler: Handler[Any, Any]
    query: type[BaseModel]
    body: type[BaseModel]
    #: Media types of the body.
    types: tuple[str, ...]
    #: Query parameters that may be given more than once.
    many: frozenset[str]
    #: Success statuses, and the shape of each one's body.
    answers: Mapping[int, type[Any] | None]
    refusals: frozenset[int]
    #: Roles that may call it at all; None is everybody.
    who: frozenset[Role] | None
    #: Whether If-Match is heeded.
    conditional: bool
    #: Whether an Idempotency-Key is heeded.
    once: bool
    #: The scope with which an integration may call it; None is never, unless all may.
    scope: Scope | None = None
    #: Whether how often it is asked is counted. What balancers and the hub itself ask is not.
    limited: bool = True
    #: Headers that its answers may have besides those that every such route's may.
    headers: tuple[str, ...] = ()
    #: Whether a device may call it.
    device: bool = False
    #: What may be asked of it, where that is less than of all.
    share: Share | None = None
    #: Whether every integration may call it, whatever its key's scopes.
    any_key: bool = False
    #: Whether its answers show rows, with versions and cursors.
    of_rows: bool = True
    #: The media type of its answers.
    media: str = "application/json"
    #: Whether another door serves it, and it is only described here.
    elsewhere: bool = False

    def judge(self, who: Principal) -> None:
        """Whether ``who`` may call it at all. Raises Forbidden."""
        if who.kind == "integration":
            if self.any_key:
                return
            if self.scope is None:
                raise Forbidden("This is not for an integration to do.")
            if self.scope not in who.scopes:
                raise Forbidden(f"This key lacks the scope {self.scope}.", code=NO_SCOPE)
        elif who.kind == "device":
            if not self.device:
                raise Forbidden("This is not for a device to do.")
        elif self.who is not None and who.role not in self.who:
            raise Forbidden("This is not for your role to do.")

    @property
    def name(self) -> str:
        """The handler's own name: the operation's id."""
        return cast(str, getattr(self.handler, "__name__"))  # noqa: B009

    @property
    def told(self) -> str:
        """The handler's docstring: what it does, for people."""
        return inspect.getdoc(self.handler) or ""


class Routes:
    """The routes of one resource, in the order of its file."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.all: list[Route] = []

    def add(
        self,
        method: str,
        path: str,
        query: type[Q],
        body: type[B],
        *,
        answers: Mapping[int, type[Any] | None],
        who: frozenset[Role] | None,
        types: tuple[str, ...] = ("application/json",),
        many: frozenset[str] = frozenset(),
        refusals: frozenset[int] = frozenset(),
        conditional: bool = False,
        once: bool = False,
        scope: Scope | None = None,
        limited: bool = True,
        headers: tuple[str, ...] = (),
        device: bool = False,
        share: Share | None = None,
        any_key: bool = False,
        of_rows: bool = True,
        media: str = "application/json",
        elsewhere: bool = False,
    ) -> Callable[[Handler[Q, B]], Handler[Q, B]]:
        """Register the decorated handler. Statuses every such route has need not be named.

        ``who`` are the roles that may call it; with ``scope``, an integration may that holds it, with
        ``any_key`` any may; with ``device``, a device may.
        """
        assert who is not PUBLIC or scope is None, "a public route is everybody's"
        assert who is PUBLIC or limited, "who signs in is counted"
        refusals |= {400, 422, 500, 503}
        if who is not PUBLIC:
            refusals |= {401, 403}
        if limited:
            refusals |= {429}
        if "{id}" in path:
            refusals |= {404}
        if body is not Nothing:
            refusals |= {408, 413, 415}
        if method != "GET":
            refusals |= {412}  # If-Match
        if conditional:
            refusals |= {428}
        refusals -= answers.keys()
        for status in refusals | answers.keys():
            HTTPStatus(status)  # ValueError for what is none

        def register(handler: Handler[Q, B]) -> Handler[Q, B]:
            self.all.append(
                Route(method, path, self.tag, handler, query, body, types, many, answers,
                      refusals, who, conditional, once, scope, limited, headers, device, share,
                      any_key, of_rows, media, elsewhere)
            )  # fmt: skip
            return handler

        return register
