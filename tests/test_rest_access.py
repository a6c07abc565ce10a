"""The access matrix of these routes, as one table: who asks for what, and what they are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from resthouse import ID, Rest, Said, at, draft, opened
from test_rest_registry import ROUTES

# Of a booking: Sam flies with Ina; Sue and Ivo have nothing to do with it. 401 is nobody.
WHO = ("nobody", "sam", "sue", "ina", "ivo", "admin", "stranger")
#: What is asked for, how, and what each of WHO is told.
MATRIX: dict[tuple[str, str], tuple[int, ...]] = {
    #                                             nobody sam  sue  ina  ivo  admin stranger
    ("GET", "/api/v1/bookings"):                    (401, 200, 200, 200, 200, 200, 403),
    ("GET", "/api/v1/bookings/{booking}"):          (401, 200, 404, 200, 404, 200, 403),
    ("GET", "/api/v1/bookings/{absent}"):           (401, 404, 404, 404, 404, 404, 403),
    ("POST", "/api/v1/bookings"):                   (401, 403, 403, 201, 403, 201, 403),
    ("PATCH", "/api/v1/bookings/{booking}"):        (401, 403, 404, 200, 404, 200, 403),
    ("PATCH", "/api/v1/bookings/{absent}"):         (401, 404, 404, 404, 404, 404, 403),
    ("DELETE", "/api/v1/bookings/{booking}"):       (401, 403, 404, 403, 404, 204, 403),
    ("DELETE", "/api/v1/bookings/{absent}"):        (401, 404, 404, 404, 404, 404, 403),
    ("GET", "/api/v1/notifications"):               (401, 200, 200, 200, 200, 200, 403),
    ("POST", "/api/v1/notifications/{sams}/read"):  (401, 200, 404, 404, 404, 404, 403),
    ("POST", "/api/v1/notifications/{absent}/read"): (401, 404, 404, 404, 404, 404, 403),
    ("GET", "/api/v1/me"):                          (401, 200, 200, 200, 200, 200, 403),
    ("GET", "/healthz"):                            (200, 200, 200, 200, 200, 200, 200),
    ("GET", "/readyz"):                             (200, 200, 200, 200, 200, 200, 200),
    ("GET", "/dev/users"):                          (200, 200, 200, 200, 200, 200, 200),
    ("POST", "/dev/token"):                         (200, 200, 200, 200, 200, 200, 200),
    ("GET", "/dev/.well-known/jwks.json"):          (200, 200, 200, 200, 200, 200, 200),
}  # fmt: skip
ABSENT = "00000000-0000-4000-8000-00000000dead"
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/api/v1/bookings"): draft(scheduled_datetime=at(15)),
    ("PATCH", "/api/v1/bookings/{id}"): {"duration_minutes": 90},
    ("POST", "/dev/token"): {"email": "sam@example.com"},
}


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        door.tokens["stranger"] = door.hub.token("sub-nobody-here")
        yield door


def _generic(path: str) -> str:
    for name in ("{booking}", "{absent}", "{sams}"):
        path = path.replace(name, "{id}")
    return path


def test_every_route_is_in_the_matrix() -> None:
    mounted = {(route.method, route.path) for route in ROUTES}
    assert {(method, _generic(path)) for method, path in MATRIX} == mounted


async def test_the_matrix(door: Rest) -> None:
    routes = {(route.method, route.path): route for route in ROUTES}
    wrong = []
    for (method, path), expected in MATRIX.items():
        for who, status in zip(WHO, expected, strict=True):
            await door.conn.execute("DELETE FROM bookings")
            booking = await door.booking()
            note = await door.conn.fetchval(
                "INSERT INTO notifications (user_id, type, title, message)"
                " VALUES ($1, 'CONFIRMATION', 't', 'm') RETURNING id::text",
                ID["sam"],
            )
            real = path.format(booking=booking["id"], absent=ABSENT, sams=note)
            body = BODIES.get((method, _generic(path)))
            said = await door.ask(None if who == "nobody" else who, method, real, body)
            if said.status != status:
                wrong.append(f"{method} {path} as {who}: {said.status}, not {status}")
            route = routes[method, _generic(path)]
            if said.status not in route.answers.keys() | route.refusals:
                wrong.append(f"{method} {path}: {said.status} is not in the registry")
            if status >= 400:
                assert not _leaks(said), f"{method} {path} as {who} says {said.body!r}"
    assert not wrong, "\n".join(wrong)


def _leaks(said: Said) -> bool:
    return said.code == "internal" or b"KPAO" in said.body or b"Tester" in said.body


async def test_lists_hold_what_is_one_s_own(door: Rest) -> None:
    a = await door.booking()
    b = await door.booking(
        student_id=ID["sue"], instructor_id=ID["ivo"], aircraft_id="N2", scheduled_datetime=at(12)
    )
    c = await door.booking(
        student_id=ID["sue"], instructor_id=ID["ina"], aircraft_id="N3", scheduled_datetime=at(14)
    )
    seen = {
        who: [row["id"] for row in (await door.ask(who, "GET", "/api/v1/bookings")).json["items"]]
        for who in ("sam", "sue", "sid", "ina", "ivo", "admin")
    }
    assert seen == {
        "sam": [a["id"]],
        "sue": [b["id"], c["id"]],
        "sid": [],
        "ina": [a["id"], c["id"]],
        "ivo": [b["id"]],
        "admin": [a["id"], b["id"], c["id"]],
    }
    # A filter narrows; it never widens.
    for query in (f"student_id={ID['sam']}", f"instructor_id={ID['ivo']}"):
        found = await door.ask("sam", "GET", f"/api/v1/bookings?{query}&status=CONFIRMED")
        assert {row["id"] for row in found.json["items"]} <= {a["id"]}


async def test_rights_follow_the_row_at_once(door: Rest) -> None:
    """A role that is changed in the database is another role at the next request."""
    booking = await door.booking()
    path = f"/api/v1/bookings/{booking['id']}"
    assert (await door.ask("ivo", "GET", path)).status == 404
    await door.conn.execute("UPDATE users SET role = 'ADMIN' WHERE id = $1", ID["ivo"])
    await door.hub.house.feed.turned()
    assert (await door.ask("ivo", "GET", path)).status == 200
    await door.conn.execute("UPDATE users SET role = 'STUDENT' WHERE id = $1", ID["ivo"])
    await door.hub.house.feed.turned()
    assert (await door.ask("ivo", "GET", path)).status == 404
    await door.conn.execute("DELETE FROM users WHERE id = $1", ID["ivo"])
    await door.hub.house.feed.turned()
    assert (await door.ask("ivo", "GET", path)).code == "unknown-user"


async def test_an_instructor_changes_everything_but_whose_it_is(door: Rest) -> None:
    booking = await door.booking()
    path = f"/api/v1/bookings/{booking['id']}"
    for field, value in (("student_id", ID["sue"]), ("instructor_id", ID["ivo"])):
        said = await door.ask("ina", "PATCH", path, {field: value})
        assert (said.status, said.where) == (403, [f"/{field}"])
    unchanged = {name: booking[name] for name in ("student_id", "instructor_id")}
    assert (await door.ask("ina", "PATCH", path, unchanged)).status == 200
    said = await door.ask("admin", "PATCH", path, {"instructor_id": ID["ivo"]})
    assert (said.status, said.json["instructor_name"]) == (200, "Ivo Tester")
    # It is not Ina's any more.
    assert (await door.ask("ina", "GET", path)).status == 404
    said = await door.ask("ivo", "POST", "/api/v1/bookings", draft(aircraft_id="N9"))
    assert (said.status, said.where) == (403, ["/instructor_id"])
