"""``/api/v1/openapi.json``, ``asyncapi.json``: this hub, for programs; ``docs`` shows them to people.

Public, as it tells nothing of anybody. Invariant: what is described is what is mounted: one list
makes both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from hub.rest import asyncapi as socket
from hub.rest.house import House
from hub.rest.openapi import document
from hub.rest.registry import PUBLIC, Answer, Ask, Nothing, Route, Routes
from hub.rules.limits import LIMITS
from hub.schedule.version import encode

PATH = "/api/v1/openapi.json"
SOCKET_PATH = "/api/v1/asyncapi.json"


class OpenApi(BaseModel):
    """An OpenAPI 3.1 document."""

    openapi: str
    info: dict[str, Any]
    servers: list[dict[str, Any]]
    tags: list[dict[str, Any]]
    paths: dict[str, Any]
    components: dict[str, Any]


class AsyncApi(BaseModel):
    """An AsyncAPI 3.0 document."""

    asyncapi: str
    info: dict[str, Any]
    servers: dict[str, Any]
    channels: dict[str, Any]
    operations: dict[str, Any]
    components: dict[str, Any]


def routes(everything: Callable[[House], list[Route]]) -> Routes:
    """The routes of the description of ``everything``, themselves included."""
    docs = Routes("docs")
    drawn: dict[bool, bytes] = {}

    @docs.add("GET", PATH, Nothing, Nothing, answers={200: OpenApi, 304: None}, who=PUBLIC)
    async def openapi(ask: Ask[Nothing, Nothing]) -> Answer:
        """This document: every operation of this hub, from the models its handlers use."""
        own_issuer = ask.house.issuer is not None
        if own_issuer not in drawn:
            # A tenth of a second, once: not while others wait.
            told = await asyncio.to_thread(document, everything(ask.house))
            drawn[own_issuer] = encode(told)
        return Answer(drawn[own_issuer], headers={"Cache-Control": "no-cache"})

    told: dict[tuple[object, ...], bytes] = {}

    @docs.add("GET", SOCKET_PATH, Nothing, Nothing, answers={200: AsyncApi, 304: None}, who=PUBLIC)
    async def asyncapi(ask: Ask[Nothing, Nothing]) -> Answer:
        """The WebSocket and the stream: every frame, from the models it is read and told by.

        With the topics and their filters, the close codes, and the limits that are in force.
        """
        settings = ask.house.settings
        limits = tuple(getattr(settings, limit.setting) for limit in LIMITS)
        if limits not in told:
            told[limits] = encode(await asyncio.to_thread(socket.document, settings))
        return Answer(told[limits], headers={"Cache-Control": "no-cache"})

    return docs
