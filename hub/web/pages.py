"""The pages and their files, served from memory: ``/``, ``/kiosk``, the docs, and what they load.

May not: read a file named by a request (paths are looked up in a fixed shelf, so no request can
leave it), set a cookie, or render anything about a person. Invariants: every document carries the
strict policy below (no inline script or style, no foreign host). What a page loads lies under
``/static/RELEASE/``, where RELEASE is the hash of all files: it never changes, is kept for ever,
and two releases never mix, whatever node answers. ``/client/`` is the browser client for others:
its files as written, under lasting names, with and without its version.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson
from aiohttp import web

from hub.settings import Settings
from hub.web.preload import links
from hub.web.signin import SignIn, placeholders, sign_in
from hub.web.slim import slim

STATIC = Path(__file__).parent / "static"
#: Each page's address, and its file.
PAGES = {"/": "index.html", "/kiosk": "kiosk/index.html", "/api/v1/docs": "docs/index.html"}
#: Keeps the kiosk's page while the hub is away; at the root, since it may serve nothing above itself.
WORKER = ("/kiosk-worker.js", "kiosk/worker.js")
#: The browser client's folder, and where programs of others find it.
CLIENT = "client"

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    # A module or a worker is UTF-8 whatever is said, and boot.js as its page is: on each it is weight.
    ".js": "text/javascript",
    ".svg": "image/svg+xml; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".webmanifest": "application/manifest+json; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
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

#: A worker can only be named through a policy of trusted types: the kiosk has one, for its own.
_KIOSK_POLICY = _POLICY.replace("trusted-types 'none'", "trusted-types kiosk")

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Accept-Encoding",
}
#: For what a browser may show by itself. On each script they would only be weight.
_DOCUMENT = {
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_SHOWN = ("text/html", "image/svg+xml")
_ASK_AGAIN = "no-cache"
_FOR_EVER = "max-age=31536000, immutable"


class House(Protocol):
    """What the pages ask of the house: whether the hub is its own issuer (development only), and
    its settings, for where else people sign in and for the school's clock."""

    @property
    def issuer(self) -> object | None: ...
    @property
    def settings(self) -> Settings: ...


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent: its bytes plain and gzipped, and a strong validator for each."""

    content_type: str
    plain: bytes
    plain_tag: str
    packed: bytes
    packed_tag: str
    policy: str

    @classmethod
    def of(cls, name: str, content: bytes, provider: SignIn | None = None) -> Asset:
        digest = hashlib.sha256(content).hexdigest()[:24]
        packed = gzip.compress(content, 9, mtime=0)
        policy = _KIOSK_POLICY if name == PAGES["/kiosk"] else _POLICY
        if provider is not None and name == PAGES["/"]:
            policy = provider.policy(policy)
        return cls(_TYPES[Path(name).suffix], content, digest, packed, f"{digest}-gz", policy)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Every file by its path under ``root``, and the release: the hash of them all.

    ``client`` are the browser client's files as written, by their path in its folder.
    """

    release: str
    files: dict[str, Asset]
    version: str
    client: dict[str, Asset]

    @classmethod
    def of(
        cls,
        root: Path,
        *,
        development_sign_in: bool,
        zone: str = "UTC",
        provider: SignIn | None = None,
    ) -> Shelf:
        """Read every file under ``root``.

        Pages learn here where their files lie (``{{static}}``), which modules to fetch along with
        the first (``{{preload MODULE}}``), the release (``{{release}}``), how people sign in
        (``{{sign-in}}``, ``{{sign-in-…}}``) and the school's clock (``{{zone}}``), so that none of it
        need be probed for. Raises KeyError for a file whose type is not one of ours: nothing is
        served by accident.
        """
        paths = sorted(p for p in root.rglob("*") if p.is_file() and not p.name.startswith("."))
        found = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
        whole = hashlib.sha256()
        for name, content in found.items():
            whole.update(b"%s\0%d\0%s" % (name.encode(), len(content), content))
        release = whole.hexdigest()[:12]
        words = {
            "{{static}}": f"/static/{release}",
            "{{release}}": release,
            "{{sign-in}}": "development" if development_sign_in else "provider",
            "{{zone}}": zone,
            **placeholders(provider),
        }
        files = {}
        for name, written in found.items():
            content = slim(name, written)
            if name.endswith(".html"):
                text = links(content.decode(), found)
                for word, value in words.items():
                    text = text.replace(word, value)
                content = text.encode()
            files[name] = Asset.of(name, content, provider)
        client = {
            name.removeprefix(f"{CLIENT}/"): Asset.of(name, written)
            for name, written in found.items()
            if name.startswith(f"{CLIENT}/")
        }
        version: str = orjson.loads(found[f"{CLIENT}/package.json"])["version"]
        return cls(release, files, version, client)


def respond(request: web.Request, asset: Asset, keep: str = _ASK_AGAIN) -> web.Response:
    """The asset, or 304 when the browser holds these very bytes. What is kept for ever (RFC 8246) is
    never asked for again: a validator would be weight on each of fifty files."""
    packed = "gzip" in request.headers.get("Accept-Encoding", "").lower()
    tag = asset.packed_tag if packed else asset.plain_tag
    headers = {**_HEADERS, "Cache-Control": keep}
    if keep == _ASK_AGAIN:
        headers["ETag"] = f'"{tag}"'
    if asset.content_type.startswith(_SHOWN):
        headers |= _DOCUMENT | {"Content-Security-Policy": asset.policy}
    held = request.if_none_match or ()
    if any(one.value in (tag, "*") for one in held):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = asset.content_type
    if packed:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=asset.packed if packed else asset.plain, headers=headers)


def setup(app: web.Application, house: House) -> None:
    """Add the pages, ``GET /static/RELEASE/{path}`` and ``GET /client/{path}`` to the application.

    Every file is read here, once: a request touches neither the disk nor the database, and a page
    still loads (to say honestly what is wrong) while PostgreSQL is away.
    """
    shelf = Shelf.of(
        STATIC,
        development_sign_in=house.issuer is not None,
        zone=str(house.settings.zone),
        provider=sign_in(house.settings),
    )

    def page(asset: Asset) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            return respond(request, asset)

        return answer

    async def static(request: web.Request) -> web.Response:
        asset = shelf.files.get(request.match_info["path"])
        # Another release's: whoever asks reloads, rather than getting half of each.
        if asset is None or request.match_info["release"] != shelf.release:
            raise web.HTTPNotFound
        return respond(request, asset, _FOR_EVER)

    async def client(request: web.Request) -> web.Response:
        first, _, rest = request.match_info["path"].partition("/")
        asset = shelf.client.get(rest if first == shelf.version else request.match_info["path"])
        if asset is None:
            raise web.HTTPNotFound
        return respond(request, asset)

    for path, name in PAGES.items():
        if name in shelf.files:
            app.router.add_get(path, page(shelf.files[name]))
    app.router.add_get("/boot.js", page(shelf.files["boot.js"]))
    app.router.add_get(WORKER[0], page(shelf.files[WORKER[1]]))
    app.router.add_get("/static/{release}/{path:.+}", static)
    app.router.add_get("/client/{path:.+}", client)
