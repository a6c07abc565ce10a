"""What never becomes a request: bytes that are not HTTP, answered and logged by the house's rules.

aiohttp answers those in plain text and logs them as errors of the server, the offending line, be
it a query or a token, included. This module is the only one that reaches into aiohttp for that,
and is tested against the pinned release. Invariant: a client's malformed bytes reach no log.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from hub.rest.problem import render

log = structlog.get_logger("hub.rest")

_THEIRS = (HttpProcessingError, RequestPayloadError)


class _Handler(web.RequestHandler):
    """One connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what was no request; the connection ends with it."""
        request_id = uuid4().hex
        if request.writer.output_size > 0:
            raise ConnectionError("an answer had begun already")
        if exc is None or isinstance(exc, _THEIRS):
            log.info("malformed request", request_id=request_id, status=status)
            answer = render(status, "malformed", "That is not HTTP as it should be.", request_id)
        else:
            log.error("request failed", request_id=request_id, exc_info=exc)
            answer = render(500, "internal", "The hub failed; its log has it.", request_id)
        answer.force_close()
        return answer

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """What went wrong outside of any request."""
        if isinstance(kw.get("exc_info"), _THEIRS):
            log.info("malformed request", status=400)
        else:
            super().log_exception(*args, **kw)


class _Server(web.Server):
    """Makes connections."""

    def __call__(self) -> web.RequestHandler:
        return _Handler(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """An AppRunner whose connections are ours. Takes what AppRunner takes."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        # The application makes it itself and offers no other way in; it has the same layout.
        server.__class__ = _Server
        return server
