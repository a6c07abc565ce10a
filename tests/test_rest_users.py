"""Users over REST: made, found, changed, deleted unless they have acted; and who is shown what."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from offers import offer, waiting
from resthouse import ID, PEOPLE, Rest, Said, at, opened
from running import Client

PATH = "/api/v1/users"
NEW = {
    "cognito_user_id": "sub-nora",
    "email": "nora@example.com",
    "first_name": "Nora",
    "last_name": "New",
    "role": "STUDENT",
    "training_level": "PRIVATE_PILOT",
}


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path) as door:
        yield door


async def add(door: Rest, who: str = "admin", **more: Any) -> Said:
    return await door.ask(who, "POST", PATH, NEW | more)


async def test_a_user_s_life(door: Rest) -> None:
    made = await add(door)
    assert made.status == 201, made.body
    assert {name: made.json[name] for name in NEW} == NEW
    assert made.json["phone_number"] is None
    path = made.headers["Location"]
    got = await door.ask("admin", "GET", path)
    assert (got.json, got.headers["ETag"]) == (made.json, made.headers["ETag"])

    door.tokens["nora"] = door.hub.token("sub-nora")
    assert (await door.ask("nora", "GET", "/api/v1/me")).json == made.json
    assert (await door.ask("nora", "GET", path)).json == made.json

    changed = await door.ask(
        "admin",
        "PATCH",
        path,
        {"phone_number": "+1 (512) 555-0142", "training_level": None},
        headers={"If-Match": made.headers["ETag"]},
    )
    assert changed.status == 200
    assert changed.json["phone_number"] == "+1 (512) 555-0142"
    assert changed.json["training_level"] is None
    assert changed.json["updated_at"] > made.json["updated_at"]
    late = await door.ask(
        "admin", "PATCH", path, {"role": "ADMIN"}, headers={"If-Match": made.headers["ETag"]}
    )
    assert late.code == "stale"
    same = await door.ask("admin", "PATCH", path, {"first_name": "Nora"})
    assert (same.status, same.json) == (200, changed.json)
    assert "Hub-Transaction" not in same.headers

    gone = await door.ask("admin", "DELETE", path)
    assert gone.status == 204
    assert "Hub-Transaction" in gone.headers
    assert (await door.ask("admin", "GET", path)).code == "not-found"
    await door.hub.house.feed.turned()
    assert (await door.ask("nora", "GET", "/api/v1/me")).code == "unknown-user"


async def test_what_is_no_user_is_not_made(door: Rest) -> None:
    for wrong, where in (
        ({"role": "PILOT", "email": "x"}, ["/email", "/role"]),
        ({"email": "a b@example.com"}, ["/email"]),
        ({"email": f"{'x' * 250}@a.com"}, ["/email"]),
        ({"first_name": ""}, ["/first_name"]),
        ({"last_name": "x" * 101}, ["/last_name"]),
        ({"last_name": "Line\nbreak"}, ["/last_name"]),
        ({"last_name": "Line\u2028break"}, ["/last_name"]),
        ({"first_name": "\u202eemanruS"}, ["/first_name"]),
        ({"first_name": "Ada\u0085"}, ["/first_name"]),
        ({"phone_number": "call me"}, ["/phone_number"]),
        ({"phone_number": "1" * 21}, ["/phone_number"]),
        ({"cognito_user_id": " x"}, ["/cognito_user_id"]),
        ({"training_level": "ACE"}, ["/training_level"]),
        ({"id": ID["sam"]}, ["/id"]),
        ({"created_at": at(1)}, ["/created_at"]),
    ):
        said = await add(door, **wrong)
        assert (said.status, said.where) == (422, where), wrong
    for name in ("cognito_user_id", "email", "first_name", "last_name", "role"):
        said = await door.ask("admin", "PATCH", f"{PATH}/{ID['sam']}", {name: None})
        assert (said.status, said.where) == (422, [f"/{name}"])


async def test_what_somebody_has_is_taken(door: Rest) -> None:
    for field, taken in (("email", "sam@example.com"), ("cognito_user_id", "sub-sam")):
        said = await add(door, **{field: taken})
        assert (said.code, said.where) == ("duplicate", [f"/{field}"])
        said = await door.ask("admin", "PATCH", f"{PATH}/{ID['sue']}", {field: taken})
        assert (said.code, said.where) == ("duplicate", [f"/{field}"])
    # All at once, though the database stops at the first; one's own is not taken.
    both = {"email": "sam@example.com", "cognito_user_id": "sub-ina"}
    for said in (
        await add(door, **both),
        await door.ask("admin", "PATCH", f"{PATH}/{ID['sue']}", both),
    ):
        assert (said.code, said.where) == ("duplicate", ["/cognito_user_id", "/email"])
    said = await door.ask("admin", "PATCH", f"{PATH}/{ID['sam']}", both)
    assert (said.code, said.where) == ("duplicate", ["/cognito_user_id"])


async def test_with_a_key_they_are_made_once(door: Rest) -> None:
    said = await asyncio.gather(
        *(door.ask("admin", "POST", PATH, NEW, headers={"Idempotency-Key": "k"}) for _ in range(4))
    )
    assert {answer.status for answer in said} == {201}
    assert len({answer.body for answer in said}) == 1


async def test_whoever_has_acted_stays(door: Rest) -> None:
    booking = await door.booking()
    await door.ask("ina", "PATCH", f"/api/v1/bookings/{booking['id']}", {"duration_minutes": 30})
    said = await door.ask("admin", "DELETE", f"{PATH}/{ID['ina']}")
    assert (said.status, said.code) == (409, "has-acted")
    assert "audit log" in said.json["detail"]
    # Sam never acted: he goes, and his booking with him.
    assert (await door.ask("admin", "DELETE", f"{PATH}/{ID['sam']}")).status == 204
    assert await door.conn.fetchval("SELECT count(*) FROM bookings") == 0
    last = await door.conn.fetchrow(
        "SELECT entity_type, action, user_id::text FROM audit_log WHERE entity_id = $1"
        " ORDER BY created_at DESC LIMIT 1",
        ID["sam"],
    )
    assert tuple(last) == ("user", "delete", ID["admin"])


async def test_a_flight_that_became_others_stays(door: Rest) -> None:
    """Sam's flight got a new time and then other people: it is theirs, and does not go with him."""
    flight = await door.booking()
    option, *_ = await offer(door, flight)
    path = f"/api/v1/bookings/{flight['id']}/reschedule"
    new = (await door.ask("admin", "POST", path, {"option_id": option})).json["id"]
    people = {"student_id": ID["sue"], "instructor_id": ID["ivo"]}
    assert (await door.ask("admin", "PATCH", f"/api/v1/bookings/{new}", people)).status == 200
    for who in ("sam", "ina"):
        said = await door.ask("admin", "DELETE", f"{PATH}/{ID[who]}")
        assert (said.status, said.code) == (409, "has-successor")
        assert [new in fault["detail"] for fault in said.json["errors"]] == [True]
    assert (await door.ask("admin", "GET", f"/api/v1/bookings/{new}")).status == 200
    # Sue's own goes with her, and then there is nothing in Sam's way.
    assert (await door.ask("admin", "DELETE", f"{PATH}/{ID['sue']}")).status == 204
    assert (await door.ask("admin", "DELETE", f"{PATH}/{ID['sam']}")).status == 204
    assert await door.conn.fetchval("SELECT count(*) FROM bookings") == 0


async def test_a_flight_that_is_becoming_others_stays(door: Rest) -> None:
    """Somebody hands it over at this moment; the deletion waits for how that ends."""
    flight = await door.booking()
    option, *_ = await offer(door, flight)
    path = f"/api/v1/bookings/{flight['id']}/reschedule"
    new = (await door.ask("admin", "POST", path, {"option_id": option})).json["id"]
    async with door.conn.transaction():
        await door.conn.execute("UPDATE bookings SET student_id = $2 WHERE id = $1", new, ID["sue"])
        gone = asyncio.create_task(door.ask("admin", "DELETE", f"{PATH}/{ID['sam']}"))
        await waiting(door, 1)
    assert (await gone).code == "has-successor"


@pytest.mark.parametrize(("method", "expected"), [("POST", 409), ("PATCH", 409), ("DELETE", 204)])
async def test_whoever_loses_a_deadlock_is_tried_again(
    door: Rest, method: str, expected: int
) -> None:
    """The hub holds one row and waits for another; who holds that wants the first."""
    flight = await door.booking()
    sam = f"{PATH}/{ID['sam']}"
    add_one = (
        "INSERT INTO users (cognito_user_id, email, first_name, last_name, role)"
        " VALUES ($1, $2, 'A', 'B', 'STUDENT')"
    )
    change_sam = ("UPDATE users SET last_name = last_name || 'x' WHERE id = $1", ID["sam"])
    change_flight = ("UPDATE bookings SET duration_minutes = 61 WHERE id = $1", flight["id"])
    path, body, theirs, ours = {
        "POST": (PATH, NEW, (add_one, "sub-x", NEW["email"]), (add_one, "sub-nora", "y@x.com")),
        "PATCH": (sam, {"email": "x@x.com"}, (add_one, "sub-x", "x@x.com"), change_sam),
        "DELETE": (sam, None, change_flight, change_sam),
    }[method]
    async with door.conn.transaction():
        await door.conn.execute("SET LOCAL deadlock_timeout = '1min'")
        await door.conn.execute(*theirs)
        asked = asyncio.create_task(door.ask("admin", method, path, body))
        await waiting(door, 1)
        await door.conn.execute(*ours)
    said = await asked
    assert said.status == expected, said.body


async def test_nobody_saws_off_their_own_branch(door: Rest) -> None:
    mine = f"{PATH}/{ID['admin']}"
    said = await door.ask("admin", "PATCH", mine, {"role": "STUDENT"})
    assert (said.status, said.where) == (403, ["/role"])
    assert (await door.ask("admin", "DELETE", mine)).code == "forbidden"
    assert (await door.ask("admin", "PATCH", mine, {"role": "ADMIN"})).status == 200
    assert (await door.ask("admin", "PATCH", mine, {"first_name": "Ada"})).status == 200


async def test_an_integration_makes_no_admins(door: Rest) -> None:
    await door.key("users:write")
    assert (await add(door, "robot")).status == 201
    assert (await add(door, "robot", role="ADMIN")).code == "forbidden"
    assert (
        await add(door, "admin", role="ADMIN", email="b@x.org", cognito_user_id="b")
    ).status == 201
    for path, body in ((ID["sam"], {"role": "ADMIN"}), (ID["admin"], {"cognito_user_id": "mine"})):
        said = await door.ask("robot", "PATCH", f"{PATH}/{path}", body)
        assert said.code == "forbidden", body
    assert (await door.ask("robot", "DELETE", f"{PATH}/{ID['admin']}")).code == "forbidden"
    assert (
        await door.ask("robot", "PATCH", f"{PATH}/{ID['sam']}", {"role": "INSTRUCTOR"})
    ).status == 200
    assert (await door.ask("robot", "DELETE", f"{PATH}/{ID['sid']}")).status == 204


async def names(door: Rest, who: str, query: str = "") -> list[str]:
    said = await door.ask(who, "GET", f"{PATH}?{query}")
    assert said.status == 200, said.body
    assert "Hub-Cursor" in said.headers
    return [row["first_name"].lower() for row in said.json["items"]]


async def test_who_is_shown_whom(door: Rest) -> None:
    await door.booking()
    await door.booking(student_id=ID["sue"], scheduled_datetime=at(12), status="CANCELLED")
    assert await names(door, "admin") == sorted(PEOPLE)
    await door.key("users:read")
    assert await names(door, "robot") == sorted(PEOPLE)
    assert await names(door, "ina") == ["sam", "sue"]
    assert await names(door, "ivo") == []
    said = await door.ask("ina", "GET", PATH)
    name = {"id": ID["sam"], "first_name": "Sam", "last_name": "Tester", "role": "STUDENT"}
    assert said.json["items"][0] == name
    assert b"@" not in said.body
    one = await door.ask("ina", "GET", f"{PATH}/{ID['sam']}")
    assert one.json == name
    for who in ("admin", "robot"):
        full = await door.ask(who, "GET", f"{PATH}/{ID['sam']}")
        assert full.json["email"] == "sam@example.com"
    assert (await door.ask("ina", "GET", f"{PATH}/{ID['ina']}")).json["email"] == "ina@example.com"
    for who, whom in (
        ("ina", "sid"),
        ("ina", "ivo"),
        ("ivo", "sam"),
        ("sam", "ina"),
        ("sam", "sue"),
    ):
        assert (await door.ask(who, "GET", f"{PATH}/{ID[whom]}")).code == "not-found"
    # An address is not to be guessed letter by letter.
    assert await names(door, "ina", "q=example.com") == []
    assert await names(door, "ina", "q=SUE") == ["sue"]


async def test_filters_narrow(door: Rest) -> None:
    for query, expected in {
        "role=INSTRUCTOR": ["ina", "ivo"],
        "role=ADMIN": ["admin"],
        "q=s": sorted(PEOPLE),
        "q=S%20TEST": [],
        "q=SaM%20tes": ["sam"],
        "q=ivo@EXAMPLE": ["ivo"],
        "q=%25": [],
        "q=_": [],
        "role=STUDENT&q=u": ["sue"],
    }.items():
        assert await names(door, "admin", query) == expected, query
    for query in ("role=PILOT", "q=", "limit=0", "after=x", "id=1"):
        assert (await door.ask("admin", "GET", f"{PATH}?{query}")).status == 422, query


async def test_pages_hold_everybody_once(door: Rest) -> None:
    await door.conn.execute(
        "INSERT INTO users (cognito_user_id, email, first_name, last_name, role)"
        " SELECT n, n, (ARRAY['Zoë', 'al', 'Ünal', 'O''Hara'])[n % 4 + 1], 'Same', 'STUDENT'"
        "   FROM generate_series(1, 13) AS n"
    )
    whole = (await door.ask("admin", "GET", f"{PATH}?limit=100")).json["items"]
    assert len(whole) == 19
    for limit in (1, 5, 18, 19):
        rows: list[Any] = []
        path: str | None = f"{PATH}?limit={limit}"
        while path:
            said = await door.ask("admin", "GET", path)
            rows += said.json["items"]
            path = said.headers.get("Link", "").removesuffix('; rel="next"').strip("<>")
        assert rows == whole
    sam = ID["sam"]
    for text in (
        "", "x", f"{sam} ", f'{sam} ["a"]', f"{sam} [1, 2]", f"{sam} {{}}", 'x ["a", "b"]',
        f'{sam} ["\\u0000", "b"]', f'{sam} ["\\ud800", "b"]',
    ):  # fmt: skip
        after = base64.urlsafe_b64encode(text.encode()).decode()
        assert (await door.ask("admin", "GET", f"{PATH}?after={after}")).status == 422, text


async def test_a_role_is_another_at_once(
    door: Rest, connect: Callable[..., Awaitable[Client]]
) -> None:
    await door.booking()
    client = await connect(door.hub, door.tokens["ivo"])
    await client.watch("b", "bookings")
    assert client.rows["b"] == {}
    said = await door.ask("admin", "PATCH", f"{PATH}/{ID['ivo']}", {"role": "ADMIN"})
    assert said.status == 200
    assert (await client.until("reset"))["reason"] == "rights"
    assert len((await client.until("rows"))["rows"]) == 1
