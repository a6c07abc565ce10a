"""Floor 4, the REST door: one file a resource, one registry of typed handlers.

No SQL and no rule of the schedule. ``setup`` mounts it; ``routes_of`` is the same list for whoever
documents or tests it.
"""

from __future__ import annotations

from collections import defaultdict

from aiohttp import web

from hub.rest import (
    audit,
    availability,
    board,
    bookings,
    dev,
    devices,
    docs,
    door,
    explain,
    health,
    keys,
    notifications,
    options,
    pairing,
    preferences,
    presence,
    reschedule,
    stream,
    tickets,
    users,
    weather,
    windows,
)
from hub.rest.house import House
from hub.rest.malformed import Runner
from hub.rest.registry import Route
from hub.rest.who import Keeper
from hub.schedule.fields import UUID_TEXT

__all__ = ["Runner", "routes_of", "setup"]

_RESOURCES = (
    bookings.routes,
    weather.routes,
    options.routes,
    preferences.routes,
    reschedule.routes,
    availability.routes,
    windows.routes,
    notifications.routes,
    users.routes,
    board.routes,
    keys.routes,
    devices.routes,
    pairing.routes,
    presence.routes,
    stream.routes,
    tickets.routes,
    explain.routes,
    audit.routes,
    health.routes,
)


def routes_of(house: House) -> list[Route]:
    """Every route of this house; the development ones only where it is its own issuer."""
    resources = _RESOURCES if house.issuer is None else (*_RESOURCES, dev.routes)
    return [route for resource in (*resources, _DOCS) for route in resource.all]


_DOCS = docs.routes(routes_of)


def setup(app: web.Application, house: House) -> None:
    """Mount the door: its routes, OPTIONS of each path, and the middleware for errors.

    Call it first: the middleware then answers for whatever is mounted beside it.
    """
    app.middlewares.insert(0, door.errors(house))
    keeper = Keeper(house)
    methods: defaultdict[str, list[str]] = defaultdict(list)
    for route in routes_of(house):
        if route.elsewhere:
            continue
        serve = door.serve(house, keeper, route)
        # Only what could be a row's id is one: /bookings/upcoming has no PATCH, so that is 405.
        path = route.path.replace("{id}", f"{{id:{UUID_TEXT.pattern}}}")
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            app.router.add_route(method, path, serve, expect_handler=door.expect)
            methods[path].append(method)
    for path, allowed in methods.items():
        app.router.add_route("OPTIONS", path, door.allow(allowed), expect_handler=door.expect)
