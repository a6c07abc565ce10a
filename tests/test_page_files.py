"""What the pages' files are sent as: light, typed, strict, kept for ever, and never of two releases."""

from __future__ import annotations

import gzip
import re

import aiohttp
from running import Hub

from hub.web.pages import PAGES, STATIC, Shelf
from hub.web.preload import modules
from hub.web.slim import slim

_GZIP = {"Accept-Encoding": "gzip"}


def _shelf() -> Shelf:
    return Shelf.of(STATIC, development_sign_in=True)


async def test_files_are_typed_validated_and_strict(hub: Hub) -> None:
    shelf = _shelf()
    pages = {name: path for path, name in PAGES.items()}
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        for name, asset in shelf.files.items():
            path = pages.get(name, f"/static/{shelf.release}/{name}")
            async with http.get(hub.url + path, headers=_GZIP) as answer:
                body = await answer.read()
                assert answer.status == 200, path
                assert gzip.decompress(body) == asset.plain
                assert answer.headers["Content-Type"] == asset.content_type
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                policy = answer.headers.get("Content-Security-Policy", "")
                keep = answer.headers["Cache-Control"]
                tag = answer.headers.get("ETag")
            if name.endswith((".html", ".svg")):
                assert "default-src 'self'" in policy
                assert "unsafe" not in policy
            assert ("immutable" in keep) is (name not in pages)
            assert (tag is None) is ("immutable" in keep)
            if tag is None:
                continue
            async with http.get(hub.url + path, headers={**_GZIP, "If-None-Match": tag}) as answer:
                assert (answer.status, await answer.read()) == (304, b"")
                assert answer.headers["ETag"] == tag
            plainly = {"Accept-Encoding": "identity"}
            async with http.get(hub.url + path, headers=plainly) as answer:
                assert await answer.read() == asset.plain
                assert answer.headers["ETag"] != tag


async def test_nothing_else_is_served_and_no_other_release(hub: Hub) -> None:
    release = _shelf().release
    async with aiohttp.ClientSession() as http:
        for path in (
            f"/static/{release}/js/none.js",
            "/static/000000000000/js/app.js",
            f"/static/{release}/%2e%2e/pages.py",
            "/client/js/app.js",
            "/client/../pages.py",
        ):
            async with http.get(hub.url + path) as answer:
                assert answer.status == 404, path
                assert "immutable" not in answer.headers.get("Cache-Control", "")


def test_a_page_names_all_it_needs_and_no_module_is_an_orphan() -> None:
    shelf = _shelf()
    sources = {name: asset.plain for name, asset in shelf.files.items()}
    reached: set[str] = set()
    for name in PAGES.values():
        if name not in sources:
            continue
        page = sources[name].decode()
        assert "{{" not in page
        named = re.findall(rf'/static/{shelf.release}/([^"]+)', page)
        assert set(named) <= sources.keys()
        reached |= {one for one in named if one.endswith(".js")}
    assert "js/app.js" in reached
    for name in reached:
        assert set(modules(name, sources)) <= reached | {name}


def test_every_panel_is_fetched_ahead_by_whoever_opens_the_page_at_it() -> None:
    """boot.js takes a place's template; what it misses would be fetched one import after another."""
    shelf = _shelf()
    sources = {name: asset.plain for name, asset in shelf.files.items()}
    page = sources["index.html"].decode()
    ahead = dict(re.findall(r'<template data-ahead="([^"]+)">(.*?)</template>', page, re.DOTALL))
    panels = re.findall(r'name: "(\w+)"', sources["admin/panels.js"].decode())
    assert len(panels) > 5
    assert ahead.keys() == {"schedule", "admin", *(f"admin/{name}" for name in panels)}
    outside = re.sub("<template.*?</template>", "", page, flags=re.DOTALL)
    link = re.compile(rf'rel="modulepreload" href="/static/{shelf.release}/([^"]+)"')
    shell = link.findall(outside)
    assert "js/shell.js" in shell
    for name in panels:
        fetched = [*shell, *link.findall(ahead["admin"]), *link.findall(ahead[f"admin/{name}"])]
        assert len(fetched) == len(set(fetched))
        for needed in ("js/app.js", "js/pages/admin.js", f"admin/{name}.js"):
            assert set(modules(needed, sources)) <= set(fetched)
        assert "js/board.js" not in fetched
    for name in ("js/pages/day.js", "js/pages/mine.js"):
        assert set(modules(name, sources)) <= {*shell, *link.findall(ahead["schedule"])}


async def test_the_client_is_served_as_written_and_by_its_version(hub: Hub) -> None:
    version = _shelf().version
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{hub.url}/boot.js") as answer:
            assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")
        for path in ("/client/hub.js", f"/client/{version}/hub.js", f"/client/{version}/hub.d.ts"):
            async with http.get(hub.url + path) as answer:
                assert answer.status == 200
                told = await answer.read()
            assert told == (STATIC / "client" / path.rpartition("/")[2]).read_bytes()
        async with http.get(f"{hub.url}/client/0.0.0-none/hub.js") as answer:
            assert answer.status == 404


def test_slimming_takes_comments_and_nothing_else() -> None:
    text = """/** A room. */
const a = `kept:
// this
/* and this */
`; // and this, at a line's end
  // gone
  /*
   * gone
   */
const b = "/* kept */";
"""
    assert (
        slim("a.js", text.encode()).decode()
        == """const a = `kept:
// this
/* and this */
`; // and this, at a line's end
const b = "/* kept */";
"""
    )
    assert slim("a.svg", b"// kept\n") == b"// kept\n"


def test_the_release_changes_with_every_byte() -> None:
    shelf = _shelf()
    assert re.fullmatch("[0-9a-f]{12}", shelf.release)
    assert shelf.release == Shelf.of(STATIC, development_sign_in=False).release
