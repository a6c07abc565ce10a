"""The door: every request in, every answer out, in one place.

The middleware gives each request an id and turns whatever is raised into a problem; a route's
door reads the request, finds out who asks, calls the handler and dresses its answer. No rule of
the schedule is here. Invariants: whatever a client sends, the answer is below 500 unless the hub
itself failed, and then the log has it under the request's id; tokens, keys, query strings and
bodies reach no log.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any
from uuid import uuid4

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from hub.errors import Fault, HubError, Invalid, Stale
from hub.rest import asked, cors
from hub.rest.codings import TAGGED, WORTH, gzipped, takes_gzip
from hub.rest.house import House
from hub.rest.limits import TOLD, Share
from hub.rest.problem import REQUEST_ID, Refused, from_aiohttp, marks, problem, render
from hub.rest.registry import Answer, Ask, Nothing, Route
from hub.rest.who import Keeper
from hub.rules.access import Principal
from hub.schedule.once import Key
from hub.schedule.version import ANY, Expected, version

log = structlog.get_logger("hub.rest")

IDEMPOTENCY_KEY = "Idempotency-Key"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NOTHING = Nothing()
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: Who asks, for the log.
ASKER = web.RequestKey("hub_asker", str)


def errors(house: House) -> Middleware:
    """The middleware: it gives a request its id, and lets out nothing but answers and problems."""
    told_all = house.settings.log_level == "debug"
    begin, count = uuid4().hex[:16], itertools.count(1)

    @web.middleware
    async def errors(request: web.Request, handler: Serve) -> web.StreamResponse:
        request_id = _id_sent(request) or f"{begin}-{next(count):x}"
        began = time.perf_counter()
        try:
            answer = await handler(request)
        except HubError as error:
            answer = problem(error, request_id)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            answer = problem(from_aiohttp(error), request_id)
        except Exception as error:
            if isinstance(error, ConnectionError) and request.transport is None:
                # The client is gone: nobody failed, and nobody hears the answer.
                answer = render(400, "gone", "The request broke off.", request_id)
            else:
                log.exception("request failed", **_about(request, request_id))
                answer = render(500, "internal", "The hub failed; its log has it.", request_id)
        status = answer.status
        if not answer.prepared:
            answer.headers.update(marks(request_id))
            answer.headers.update(request.get(TOLD, {}))
            cors.dress(house.settings.origins, request, answer)
        if told_all or status >= 400 or request.method not in _SAFE:
            tell = log.warning if status >= 500 else log.info
            ms = round((time.perf_counter() - began) * 1000, 1)
            tell("request", **_about(request, request_id), status=status, ms=ms)
        return answer

    return errors


def _id_sent(request: web.Request) -> str | None:
    """The id that its client gave the request, if it is one."""
    sent = request.headers.get(REQUEST_ID, "")
    return sent if _REQUEST_ID.fullmatch(sent) else None


def _about(request: web.Request, request_id: str) -> dict[str, str | None]:
    """What a log may hold of a request: never its query, headers or body."""
    return {
        "request_id": request_id,
        "method": request.method,
        "path": request.rel_url.raw_path,
        "who": request.get(ASKER),
    }


def serve(house: House, keeper: Keeper, route: Route) -> Serve:
    """The aiohttp handler of a route."""

    async def door(request: web.Request) -> web.StreamResponse:
        principal = None
        if route.who is not None:
            principal = await keeper.admit(request)
            request[ASKER] = principal.id
            route.judge(principal)
        elif route.limited:
            keeper.count(request)
        query: Any = _NOTHING
        if request.query_string or route.query is not Nothing:
            query = asked.query(route.query, request, route.many)
        body: Any = _NOTHING
        if route.body is not Nothing:
            most = asked.MAX_BODY if route.who is not None else asked.SMALL_BODY
            body = await asked.body(route.body, request, route.types, most)
        ask: Ask[Any, Any] = Ask(
            house,
            request.rel_url,
            request.match_info,
            query,
            body,
            principal,
            _expected(house, request, route),
            _key(request, route, principal, body),
            "" if principal is not None else _site(house, request),
        )
        if route.share is None:
            answer = await route.handler(ask)
        else:
            answer = await _within(keeper, request, route, route.share, ask)
        return _dress(house, request, answer)

    return door


async def _within(
    keeper: Keeper, request: web.Request, route: Route, share: Share, ask: Ask[Any, Any]
) -> Answer:
    """Call a handler whose requests are counted. Raises Refused (429)."""
    undo = keeper.draw(request, ask.principal, share)
    wrong = False
    try:
        return await route.handler(ask)
    except Invalid:
        wrong = True
        raise
    finally:
        if share.only_faults and not wrong:
            undo()


def _site(house: House, request: web.Request) -> str:
    """This hub's origin as whoever asks knows it; a proxy's TLS shows only in the settings."""
    ends = f"://{request.host}".lower()
    known = (origin for origin in house.settings.origins if origin.endswith(ends))
    return next(known, f"http{ends}")


def _expected(house: House, request: web.Request, route: Route) -> Expected:
    """What If-Match says. Raises Unparsable, Stale, and Refused (428) where one is demanded."""
    if request.method in _SAFE:
        return ANY
    tags = asked.tags(request, hdrs.IF_MATCH)
    if tags is None:
        if route.conditional and house.settings.require_if_match:
            why = (
                "Read the row and send its ETag as If-Match, or * to write over whatever is there."
            )
            raise Refused(428, why)
        return ANY
    if "*" in tags:
        return ANY
    if not route.conditional:
        # Ignored, it would let through the very write that its sender guards against.
        raise Stale(
            "Nothing here has a version that If-Match could name; send the request without."
        )
    return Expected(tags)


def _key(request: web.Request, route: Route, principal: Principal | None, body: Any) -> Key | None:
    """The Idempotency-Key, for this principal and this very request. Raises Invalid."""
    texts = request.headers.getall(IDEMPOTENCY_KEY, [])
    if not texts or request.method in _SAFE:
        return None
    if not route.once or principal is None:
        # Ignored, it would let its sender believe that asking again is safe.
        raise _bad_key("is not heeded here: send the request without it")
    text = texts[0]
    if len(texts) > 1:
        raise _bad_key("is given twice")
    if not 1 <= len(text) <= 255 or not text.isascii() or not text.isprintable():
        raise _bad_key("is not 1 to 255 printable ASCII characters")
    to = f"{request.path}?{request.query_string}" if request.query_string else request.path
    meant = f"{route.method} {to}\n{body.model_dump_json()}"
    return Key(f"{principal.kind}:{principal.id}", text, sha256(meant.encode()).hexdigest())


def _bad_key(why: str) -> Invalid:
    return Invalid(f"{IDEMPOTENCY_KEY} {why}.", faults=[Fault(f"#{IDEMPOTENCY_KEY}", why)])


def _dress(house: House, request: web.Request, answer: Answer) -> web.Response:
    headers = answer.headers
    headers.setdefault("Cache-Control", "private, no-cache")
    headers["Vary"] = "Authorization, Accept-Encoding"
    if answer.snapshot is not None:
        headers["Hub-Cursor"] = f"{house.feed.epoch}.{answer.snapshot}"
    if answer.transaction is not None:
        headers["Hub-Transaction"] = answer.transaction
    reading = request.method in _SAFE
    body, suffix = answer.body, ""
    if body is not None and reading and len(body) >= WORTH and takes_gzip(request):
        suffix = TAGGED
    if answer.body is not None and (answer.tagged or (reading and answer.status == 200)):
        tag = version(answer.body)
        headers["ETag"] = f'"{tag}{suffix}"'
        if reading:
            known = asked.tags(request, hdrs.IF_NONE_MATCH, weak=True)
            if known is not None and (tag in known or "*" in known):
                return web.Response(status=304, headers=headers)
    if body is None:
        return web.Response(status=answer.status, headers=headers)
    headers.setdefault("Content-Type", "application/json")
    if suffix:
        headers["Content-Encoding"], body = "gzip", gzipped(body)
    return web.Response(status=answer.status, body=body, headers=headers)


def allow(methods: list[str]) -> Serve:
    """OPTIONS of a path."""
    allowed = ", ".join(sorted({*methods, "OPTIONS"}))

    async def options(request: web.Request) -> web.StreamResponse:
        return web.Response(status=204, headers={"Allow": allowed})

    return options


async def expect(request: web.Request) -> web.StreamResponse | None:
    """``Expect: 100-continue`` (RFC 9110 10.1.1): what is too large is refused before it is sent."""
    refused: Refused | None = None
    if request.headers.get(hdrs.EXPECT, "").lower() != "100-continue":
        refused = Refused(417, "Only 100-continue can be expected.")
    elif (request.content_length or 0) > asked.MAX_BODY:
        refused = asked.too_large()
    if refused is None:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
        return None
    request.content.feed_eof()
    # The middleware never sees it.
    request_id = _id_sent(request) or uuid4().hex
    answer = problem(refused, request_id)
    log.info("request", **_about(request, request_id), status=answer.status, ms=0.0)
    answer.force_close()
    return answer
