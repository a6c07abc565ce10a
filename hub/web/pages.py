"""The pages and their modules, served from memory: ``/``, ``/api/v1/docs`` and ``/client/…``.

May not: read a file named by a request (paths are looked up in a fixed shelf, so no request can
leave it), set a cookie, or render anything about a person. Invariants: every answer carries the
strict policy below (no inline script or style, no foreign host), and a strong validator that
changes with every byte, so that a browser revalidates and never mixes two releases for long.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aiohttp import web

STATIC = Path(__file__).parent / "static"

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".webmanifest": "application/manifest+json; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",
    ".png": "image/png",
}

#: `connect-src 'self'` covers the page's own ws:// or wss:// (CSP 3), so no other scheme is named.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)

_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}


class House(Protocol):
    """What the pages ask of the house: whether the hub is its own issuer (development only)."""

    @property
    def issuer(self) -> object | None: ...


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent: its bytes plain and gzipped, and a strong validator for each."""

    content_type: str
    plain: bytes
    plain_tag: str
    packed: bytes
    packed_tag: str

    @classmethod
    def of(cls, name: str, content: bytes) -> Asset:
        digest = hashlib.sha256(content).hexdigest()[:24]
        packed = gzip.compress(content, 9, mtime=0)
        return cls(_TYPES[Path(name).suffix], content, digest, packed, f"{digest}-gz")


def assets(root: Path, *, development_sign_in: bool) -> Iterator[tuple[str, Asset]]:
    """Every file under ``root`` as (path under ``/client/``, asset).

    ``index.html`` learns here how people sign in, so that the page need not probe for it.
    Raises KeyError for a file whose type is not one of ours: nothing is served by accident.
    """
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            content = path.read_bytes()
            if path.suffix == ".html":
                sign_in = b"development" if development_sign_in else b"provider"
                content = content.replace(b"{{sign-in}}", sign_in)
            name = path.relative_to(root).as_posix()
            yield name, Asset.of(name, content)


def respond(request: web.Request, asset: Asset) -> web.Response:
    """The asset, or 304 when the browser holds these very bytes."""
    packed = "gzip" in request.headers.get("Accept-Encoding", "").lower()
    tag = asset.packed_tag if packed else asset.plain_tag
    headers = {**_HEADERS, "ETag": f'"{tag}"'}
    held = request.if_none_match or ()
    if any(one.value in (tag, "*") for one in held):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = asset.content_type
    if packed:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=asset.packed if packed else asset.plain, headers=headers)


def setup(app: web.Application, house: House) -> None:
    """Add ``GET /``, ``GET /api/v1/docs`` and ``GET /client/{path}`` to the application.

    Every file is read here, once: a request touches neither the disk nor the database, and a page
    still loads (to say honestly what is wrong) while PostgreSQL is away.
    """
    shelf = dict(assets(STATIC, development_sign_in=house.issuer is not None))

    async def index(request: web.Request) -> web.Response:
        return respond(request, shelf["index.html"])

    async def docs(request: web.Request) -> web.Response:
        return respond(request, shelf["docs/index.html"])

    async def client(request: web.Request) -> web.Response:
        asset = shelf.get(request.match_info["path"])
        if asset is None:
            raise web.HTTPNotFound
        return respond(request, asset)

    app.router.add_get("/", index)
    app.router.add_get("/api/v1/docs", docs)
    app.router.add_get("/client/{path:.+}", client)
