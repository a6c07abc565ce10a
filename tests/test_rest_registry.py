"""The registry holds all that a document of the surface needs, and it is true."""

from __future__ import annotations

from pydantic import TypeAdapter

from hub import rest
from hub.rest.registry import Nothing, Route


class _Own:
    """A house that is its own issuer, as far as the registry looks."""

    issuer = object()


ROUTES: list[Route] = rest.routes_of(_Own())  # type: ignore[arg-type]


def test_every_route_can_be_documented() -> None:
    for route in ROUTES:
        assert route.told.endswith("."), f"{route.name} has no docstring"
        for model in (route.query, route.body, *route.answers.values()):
            if model is not None and model is not Nothing:
                assert TypeAdapter(model).json_schema()
        assert not route.answers.keys() & route.refusals
    assert len({route.name for route in ROUTES}) == len(ROUTES)
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_development_routes_are_only_mounted_in_development() -> None:
    class Theirs:
        issuer = None

    paths = {route.path for route in rest.routes_of(Theirs())}  # type: ignore[arg-type]
    assert not [path for path in paths if path.startswith("/dev")]
    assert paths == {route.path for route in ROUTES if not route.path.startswith("/dev")}


def test_queries_are_named_as_they_are_asked() -> None:
    [route] = [route for route in ROUTES if route.name == "list_bookings"]
    assert set(route.query.model_json_schema()["properties"]) == {
        "from", "to", "student_id", "instructor_id", "aircraft_id", "airport", "status", "limit",
        "after",
    }  # fmt: skip
