"""A school's identity provider: Cognito's endpoints on a real socket, with an RSA key of its own.

As the Cognito developer guide documents them: ``/oauth2/authorize`` and ``/login`` (managed login),
``/oauth2/token``, ``/oauth2/revoke``, ``/logout``, and the pool's keys and discovery document under its
issuer's path. Stricter where Cognito is lenient: PKCE by S256 is asked for, a code is spent by any attempt.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlencode

import jwt
import pytest
from aiohttp import web
from jwks_server import jwk, rsa_key

POOL = "/us-west-2_Standin00"
CLIENT = "7l8standin9fh2k0example"
_COOKIE = "cognito"
_FORM = web.RequestKey("form", dict[str, str])


@dataclass
class Grant:
    """What one sign-in gave: whose it is, and the refresh token that counts now."""

    sub: str
    scope: str
    auth_time: int
    nonce: str | None
    origin_jti: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class Code:
    """An authorization code: five minutes, once."""

    grant: Grant
    redirect_uri: str
    challenge: str
    made: float = field(default_factory=time.monotonic)


class Hosted:
    """The provider. Its attributes are its app client's settings; tests change them."""

    def __init__(self, people: dict[str, str]) -> None:
        #: Who can sign in: sub → e-mail address.
        self.people = people
        self.callbacks: set[str] = set()
        self.logouts: set[str] = set()
        #: Seconds for which access tokens are good, and codes.
        self.lifetime, self.code_lifetime = 3600, 300.0
        #: Refresh token rotation, and seconds for which the one that was rotated out still serves.
        self.rotates, self.grace = True, 0.0
        #: What the token endpoint answers instead of tokens, as long as it is set.
        self.failing: int | None = None
        #: What id tokens answer instead of the nonce that was asked with.
        self.nonce: str | None = None
        self.grants: dict[str, Grant] = {}
        self.codes: dict[str, Code] = {}
        self.sessions: dict[str, str] = {}
        #: Every request: method, path with query, headers, form.
        self.asked: list[tuple[str, str, dict[str, str], dict[str, str]]] = []
        self.revoked: list[str] = []
        self._key = rsa_key(7)
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def domain(self) -> str:
        """The user pool's domain. Another site than 127.0.0.1, where hubs are."""
        return f"http://localhost:{self.port}"

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}{POOL}"

    def admit(self, hub_url: str) -> None:
        """Register a hub's page, to the letter, for callbacks and after signing out."""
        self.callbacks.add(f"{hub_url}/")
        self.logouts.add(f"{hub_url}/")

    def settings(self) -> dict[str, Any]:
        """What a hub must be told of this provider."""
        return {
            "env": "prod",
            "issuer": self.issuer,
            "client_ids": (CLIENT,),
            "signin_domain": self.domain,
        }

    def count(self, grant_type: str) -> int:
        """How often the token endpoint was asked so."""
        return sum(form.get("grant_type") == grant_type for *_, form in self.asked)

    async def start(self) -> None:
        app = web.Application(middlewares=[self._note])
        app.router.add_get("/oauth2/authorize", self._authorize)
        app.router.add_get("/login", self._login_page)
        app.router.add_post("/login", self._login)
        app.router.add_post("/oauth2/token", self._token)
        app.router.add_post("/oauth2/revoke", self._revoke)
        app.router.add_get("/logout", self._logout)
        app.router.add_get("/error", self._error_page)
        app.router.add_get("/favicon.ico", self._icon)
        app.router.add_get(POOL + "/.well-known/jwks.json", self._keys)
        app.router.add_get(POOL + "/.well-known/openid-configuration", self._discovery)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        form = dict(parse_qsl(await request.text())) if request.method == "POST" else {}
        self.asked.append((request.method, request.path_qs, dict(request.headers), form))
        request[_FORM] = form
        answer: web.StreamResponse = await handler(request)
        if request.path == "/oauth2/token":
            answer.headers["Access-Control-Allow-Origin"] = "*"
        return answer

    # ── in the browser ──────────────────────────────────────────────────────────────────────────

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        asked = request.query
        if asked.get("client_id") != CLIENT or asked.get("redirect_uri") not in self.callbacks:
            wrong = {"error": "redirect_mismatch", "client_id": asked.get("client_id", "")}
            raise web.HTTPFound(f"/error?{urlencode(wrong)}")
        if asked.get("response_type") != "code":
            self._back(asked["redirect_uri"], error="unauthorized_client")
        if asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge"):
            self._back(asked["redirect_uri"], error="invalid_request")
        if not set(asked.get("scope", "openid").split()) <= {"openid", "email", "profile"}:
            self._back(asked["redirect_uri"], error="invalid_scope")
        sub = self.sessions.get(request.cookies.get(_COOKIE, ""))
        if sub is None:
            raise web.HTTPFound(f"/login?{request.query_string}")
        self._give(sub, dict(asked))

    async def _login_page(self, request: web.Request) -> web.Response:
        buttons = "".join(
            f'<button name="sub" value="{html.escape(sub)}">{html.escape(email)}</button>'
            for sub, email in self.people.items()
        )
        deny = '<button name="deny" value="yes">Cancel</button>'
        page = f'<!doctype html><title>Sign in</title><form method="post">{buttons}{deny}</form>'
        return web.Response(text=page, content_type="text/html")

    async def _login(self, request: web.Request) -> web.StreamResponse:
        asked, form = dict(request.query), request[_FORM]
        if "deny" in form:
            self._back(asked["redirect_uri"], error="access_denied", state=asked["state"])
        session = str(uuid.uuid4())
        self.sessions[session] = form["sub"]
        self._give(form["sub"], asked, cookie=session)

    def _give(self, sub: str, asked: dict[str, str], cookie: str | None = None) -> NoReturn:
        code = str(uuid.uuid4())
        scope = asked.get("scope", "openid")
        grant = Grant(sub, scope, int(time.time()), asked.get("nonce"))
        self.codes[code] = Code(grant, asked["redirect_uri"], asked["code_challenge"])
        self._back(asked["redirect_uri"], cookie=cookie, code=code, state=asked.get("state"))

    @staticmethod
    def _back(uri: str, *, cookie: str | None = None, **told: str | None) -> NoReturn:
        query = urlencode({name: value for name, value in told.items() if value is not None})
        answer = web.HTTPFound(f"{uri}?{query}")
        if cookie is not None:
            answer.set_cookie(_COOKIE, cookie, httponly=True, samesite="Lax")
        raise answer

    async def _logout(self, request: web.Request) -> web.StreamResponse:
        asked = request.query
        if asked.get("client_id") != CLIENT or asked.get("logout_uri") not in self.logouts:
            raise web.HTTPFound("/error?error=invalid_request")
        self.sessions.pop(request.cookies.get(_COOKIE, ""), None)
        answer = web.HTTPFound(asked["logout_uri"])
        answer.del_cookie(_COOKIE)
        raise answer

    async def _error_page(self, request: web.Request) -> web.Response:
        return web.Response(status=400, text=f"An error was encountered: {request.query_string}")

    async def _icon(self, _: web.Request) -> web.Response:
        return web.Response(status=204)

    # ── by scripts ──────────────────────────────────────────────────────────────────────────────

    async def _token(self, request: web.Request) -> web.Response:
        form = request[_FORM]
        if self.failing is not None:
            return _refuse("internal_error", self.failing)
        if form.get("client_id") != CLIENT:
            return _refuse("invalid_client")
        if form.get("grant_type") == "authorization_code":
            return self._redeem(form)
        if form.get("grant_type") != "refresh_token":
            return _refuse("unsupported_grant_type")
        if "refresh_token" not in form:
            return _refuse("invalid_request")
        grant = self.grants.get(form["refresh_token"])
        if grant is None:
            return _refuse("invalid_grant")
        if not self.rotates:
            return self._tokens(grant, None)
        rotated_out = asyncio.get_running_loop().call_later
        rotated_out(self.grace, self.grants.pop, form["refresh_token"], None)
        return self._tokens(grant, self._refresh(grant))

    def _redeem(self, form: dict[str, str]) -> web.Response:
        code = self.codes.pop(form.get("code", ""), None)
        if code is None or time.monotonic() - code.made > self.code_lifetime:
            return _refuse("invalid_grant")
        if form.get("redirect_uri") != code.redirect_uri:
            return _refuse("unauthorized_client")
        verifier = form.get("code_verifier", "")
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not 43 <= len(verifier) <= 128 or challenge != code.challenge:
            return _refuse("invalid_grant")
        return self._tokens(code.grant, self._refresh(code.grant), self.nonce or code.grant.nonce)

    def _refresh(self, grant: Grant) -> str:
        token = f"refresh-{uuid.uuid4()}"
        self.grants[token] = grant
        return token

    def _tokens(self, grant: Grant, refresh: str | None, nonce: str | None = None) -> web.Response:
        now = int(time.time())
        email = self.people[grant.sub]
        common = {
            "sub": grant.sub,
            "iss": self.issuer,
            "auth_time": grant.auth_time,
            "iat": now,
            "exp": now + self.lifetime,
            "origin_jti": grant.origin_jti,
        }
        access = {
            "token_use": "access",
            "client_id": CLIENT,
            "username": grant.sub,
            "scope": grant.scope,
            "version": 2,
            "jti": str(uuid.uuid4()),
        }
        told = {
            "token_use": "id",
            "aud": CLIENT,
            "cognito:username": grant.sub,
            "email": email,
            "name": email.partition("@")[0],
            "jti": str(uuid.uuid4()),
        }
        if nonce is not None:
            told["nonce"] = nonce
        answer: dict[str, Any] = {
            "id_token": self._sign(common | told),
            "access_token": self._sign(common | access),
            "expires_in": self.lifetime,
            "token_type": "Bearer",
        }
        if refresh is not None:
            answer["refresh_token"] = refresh
        return web.json_response(answer, headers={"Cache-Control": "no-store"})

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": "standin"})

    async def _revoke(self, request: web.Request) -> web.Response:
        form = request[_FORM]
        if "token" not in form:
            return _refuse("invalid_request")
        if form.get("client_id") != CLIENT:
            return _refuse("invalid_client", 401)
        self.revoked.append(form["token"])
        self.grants.pop(form["token"], None)
        return web.Response()

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [jwk("standin", self._key)]})

    async def _discovery(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.issuer,
                "jwks_uri": f"{self.issuer}/.well-known/jwks.json",
                "authorization_endpoint": f"{self.domain}/oauth2/authorize",
                "token_endpoint": f"{self.domain}/oauth2/token",
                "revocation_endpoint": f"{self.domain}/oauth2/revoke",
                "end_session_endpoint": f"{self.domain}/logout",
                "response_types_supported": ["code", "token"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", "email", "phone", "profile"],
                "subject_types_supported": ["public"],
            }
        )


def _refuse(error: str, status: int = 400) -> web.Response:
    return web.json_response({"error": error}, status=status, content_type="application/json")


@pytest.fixture
async def hosted() -> AsyncIterator[Hosted]:
    """A provider in whose pool nobody is yet."""
    provider = Hosted({})
    await provider.start()
    yield provider
    await provider.stop()
