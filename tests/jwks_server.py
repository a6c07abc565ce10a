"""A real HTTP server on a real socket that publishes a JWKS, well or badly; and RSA keys."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import orjson
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


@cache
def rsa_key(number: int, bits: int = 2048) -> rsa.RSAPrivateKey:
    """One of a few keys, each made once a run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def jwk(kid: str, key: rsa.RSAPrivateKey, **more: Any) -> dict[str, Any]:
    """The public half, as Cognito publishes it."""
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    shown = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid}
    return shown | {"n": public["n"], "e": public["e"]} | more


class Clock:
    """A clock that moves when told."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Publisher:
    """Serves ``body`` with ``status``, or whatever ``answer`` does, and counts requests."""

    def __init__(self) -> None:
        self.hits = 0
        self.status = 200
        self.body = b""
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = self._plain
        #: Cleared: requests wait.
        self.open = asyncio.Event()
        self.open.set()
        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/.well-known/jwks.json"

    def publish(self, *keys: dict[str, Any]) -> None:
        self.body = orjson.dumps({"keys": keys})

    async def start(self) -> None:
        """Listen; a second time on the same port."""
        app = web.Application()
        app.router.add_get("/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.hits += 1
        await self.open.wait()
        return await self.answer(request)

    async def _plain(self, _: web.Request) -> web.StreamResponse:
        return web.Response(status=self.status, body=self.body, content_type="application/json")


async def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition, polling; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come"
        await asyncio.sleep(0.005)
