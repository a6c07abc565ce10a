"""Races for a slot: whoever takes up somebody's time waits for a turn first, in one order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import orjson
import pytest
from hypothesis import strategies as st
from offers import offer, rank, ranking, waiting
from pgserver import Server
from resthouse import ID, Rest, Said, at, draft, opened

from hub.db.pool import connect
from hub.schedule import anew, slots
from hub.schedule.statements import text_and_parameters
from hub.settings import Settings

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

PATH = "/api/v1/bookings"
#: Whoever looks whether a slot is free has these to look through: rows that came and went, which an
#: older snapshot keeps from being passed over. So every race for it is as close as on a starved machine.
GONE = """
    INSERT INTO bookings (
        SELECT n.* FROM generate_series(1, 1000) AS g,
               jsonb_populate_record(NULL::bookings, $1 || jsonb_build_object(
                   'id', md5(g::text)::uuid, 'status', 'CONFIRMED', 'duration_minutes', 60,
                   'arrival_airport', 'GONE')) AS n)
"""


@pytest.fixture
async def door(dsn: str, tmp_path: Path) -> AsyncIterator[Rest]:
    async with opened(dsn, tmp_path, pool_size=8) as door:
        yield door


@pytest.fixture
async def psql(dsn: str) -> AsyncIterator[Connection]:
    """Another program."""
    conn = await connect(dsn, settings=Settings())
    yield conn
    conn.terminate()


@contextlib.asynccontextmanager
async def crowded(door: Rest, psql: Connection, *rows: dict[str, Any]) -> AsyncIterator[None]:
    """The slots of these rows are slow to look at."""
    async with psql.transaction(isolation="repeatable_read"):
        await psql.fetchval("SELECT count(*) FROM bookings")
        for row in rows:
            async with door.conn.transaction():
                await door.conn.execute("SET CONSTRAINTS ALL DEFERRED")
                await door.conn.execute(
                    GONE, orjson.dumps({"training_level": "STUDENT_PILOT", **row}).decode()
                )
                await door.conn.execute("DELETE FROM bookings WHERE arrival_airport = 'GONE'")
        yield


async def test_a_race_for_a_slot_is_none_for_the_database_to_part(
    door: Rest, psql: Connection, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One gets it, the others are told that it is taken, and nobody was broken off and begun anew."""
    monkeypatch.setattr(anew, "_TRIES", 1)
    movers = [
        await door.booking(scheduled_datetime=at(9 + 2 * n, day=1), student_id=ID[name])
        for n, name in enumerate(("sam", "sue", "sam"))
    ]
    said_before = len(server.log)
    async with crowded(door, psql, draft()):
        for _ in range(12):
            said = await asyncio.gather(
                *(door.ask("ina", "POST", PATH, draft()) for _ in range(3)),
                *(
                    door.ask("ina", "PATCH", f"{PATH}/{row['id']}", {"scheduled_datetime": at(10)})
                    for row in movers
                ),
            )
            assert sorted(answer.status // 100 for answer in said) == [2] + [4] * 5
            assert {answer.code for answer in said if answer.status > 300} == {"overlap"}
            await door.conn.execute(
                "DELETE FROM bookings WHERE id <> ALL ($1)", [row["id"] for row in movers]
            )
            for row in movers:
                await door.conn.execute(
                    "UPDATE bookings SET scheduled_datetime = $2 WHERE id = $1",
                    row["id"],
                    datetime.fromisoformat(row["scheduled_datetime"]),
                )
    assert "deadlock detected" not in server.log[said_before:]


async def test_two_who_want_what_the_other_gives_up_are_told_so(
    door: Rest, psql: Connection, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would find the row that the other is moving away, and wait for it."""
    monkeypatch.setattr(anew, "_TRIES", 1)
    one = await door.booking()
    two = await door.booking(student_id=ID["sue"], instructor_id=ID["ivo"], aircraft_id="N2")
    said_before = len(server.log)
    async with crowded(door, psql, one, two):
        for _ in range(16):
            said = await asyncio.gather(
                door.ask("admin", "PATCH", f"{PATH}/{one['id']}", {"aircraft_id": "N2"}),
                door.ask("admin", "PATCH", f"{PATH}/{two['id']}", {"aircraft_id": "N512SP"}),
            )
            assert [answer.code for answer in said] == ["overlap"] * 2
    assert "deadlock detected" not in server.log[said_before:]


#: A way into a slot: what is asked, and the row that it writes there.
Way = tuple[Callable[[], Awaitable[Said]], dict[str, Any]]


async def _post(door: Rest, flight: dict[str, Any]) -> Way:
    row = draft(duration_minutes=60)
    return lambda: door.ask("ina", "POST", PATH, draft()), row


async def _patch(door: Rest, flight: dict[str, Any]) -> Way:
    then = {"scheduled_datetime": at(10)}
    return lambda: door.ask("admin", "PATCH", f"{PATH}/{flight['id']}", then), flight | then


async def _away(door: Rest, flight: dict[str, Any]) -> Way:
    then = {"scheduled_datetime": at(10)}
    return lambda: door.ask("admin", "PATCH", f"{PATH}/{flight['id']}", then), flight


async def _hand_over(door: Rest, flight: dict[str, Any]) -> Way:
    then = {"instructor_id": ID["ivo"]}
    return lambda: door.ask("admin", "PATCH", f"{PATH}/{flight['id']}", then), flight


async def _weather(door: Rest, flight: dict[str, Any]) -> Way:
    return lambda: door.ask("admin", "PUT", f"{PATH}/{flight['id']}/weather-conflict", {}), flight


async def _offer(door: Rest, flight: dict[str, Any]) -> Way:
    body = {"options": [{"suggested_datetime": at(9, day=3)}]}
    return lambda: door.ask("admin", "PUT", f"{PATH}/{flight['id']}/options", body), flight


async def _offered(door: Rest, flight: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Options for the flight, and the row that the second one would make."""
    options = await offer(door, flight)
    then = await door.conn.fetchval(
        "SELECT suggested_datetime FROM reschedule_options WHERE id = $1", options[1]
    )
    return options, flight | {"scheduled_datetime": then}


async def _choose(door: Rest, flight: dict[str, Any]) -> Way:
    options, then = await _offered(door, flight)
    path = f"{PATH}/{flight['id']}/reschedule"
    return lambda: door.ask("admin", "POST", path, {"option_id": options[1]}), then


async def _settle(door: Rest, flight: dict[str, Any]) -> Way:
    """The second choice's time, which is waited for along with the first's."""
    options, then = await _offered(door, flight)
    await rank(door, "sam", flight, ranking(*options))
    return lambda: rank(door, "ina", flight, ranking(*options)), then


@pytest.mark.parametrize(
    "way", [_post, _patch, _away, _hand_over, _weather, _offer, _choose, _settle]
)
@pytest.mark.parametrize("taken", ["aircraft_id", "instructor_id", "student_id"])
async def test_every_way_into_a_slot_waits_for_its_turn(
    door: Rest, psql: Connection, taken: str, way: Callable[..., Any]
) -> None:
    """And until then it has written nothing, nor do others wait for it: not the feed, not a key's check."""
    flight = await door.booking(scheduled_datetime=at(9, day=2))
    ask, row = await way(door, flight)
    hold, _ = text_and_parameters("slots_held")
    async with psql.transaction():
        await psql.execute(hold, [turn for turn in slots.turns(row) if turn.startswith(taken)])
        asked = asyncio.create_task(ask())
        await waiting(door, 1)
        before = await door.conn.fetchval("SELECT count(*) FROM events")
        await door.conn.execute(
            "INSERT INTO notifications (user_id, booking_id, type, title, message)"
            " SELECT id, $1, 'CONFIRMATION', 't', 'm' FROM users",
            None if way in (_patch, _away, _hand_over) else flight["id"],
        )
        await door.conn.execute("UPDATE users SET first_name = first_name || '!'")
        assert await door.conn.fetchval("SELECT count(*) FROM events") == before + 2 * len(ID)
        async with asyncio.timeout(5):
            await door.hub.house.feed.turned()
        assert not asked.done()
    assert (await asked).status in (200, 201)


async def test_who_cannot_meet_waits_for_nothing(door: Rest, psql: Connection) -> None:
    """Another hour of the same people is another turn, whatever hangs there."""
    hold, _ = text_and_parameters("slots_held")
    async with psql.transaction():
        await psql.execute(hold, list(slots.turns(draft(duration_minutes=60))))
        async with asyncio.timeout(5):
            said = await door.ask("ina", "POST", PATH, draft(scheduled_datetime=at(11)))
        assert said.status == 201


@hypothesis.given(
    st.datetimes(timezones=st.just(UTC)),
    st.integers(1, 24 * 60),
    st.integers(-3000, 3000),
    st.integers(1, 24 * 60),
)
def test_flights_that_meet_have_a_turn_in_common(
    departs: datetime, minutes: int, later: int, long: int
) -> None:
    try:
        other = departs + timedelta(minutes=later)
        _ = [departs + timedelta(days=1), other + timedelta(days=1)]
    except OverflowError:
        return
    one = draft(scheduled_datetime=departs, duration_minutes=minutes)
    two = draft(scheduled_datetime=other.isoformat(), duration_minutes=long)
    if -long < later < minutes:
        assert set(slots.turns(one)) & set(slots.turns(two))
    assert len(set(slots.turns(one))) <= 3 * (minutes // 60 + 2)


def test_a_flight_of_any_length_has_a_bounded_number_of_turns() -> None:
    for text in ("infinity", "-infinity", at(10), "0044-03-15T12:00:00+00:00 BC"):
        assert (
            1
            <= len(list(slots.turns(draft(scheduled_datetime=text, duration_minutes=2**31))))
            < 200
        )


async def test_turns_are_taken_in_one_order_whoever_names_them(
    door: Rest, psql: Connection
) -> None:
    """Whatever one waits for is behind what it has: so no two ever wait for each other."""
    names = [f"student_id {n}" for n in range(12)]
    hold, _ = text_and_parameters("slots_held")
    numbers = await psql.fetch(
        "SELECT name, hashtext(name) AS number FROM unnest($1::text[]) AS name ORDER BY 2", names
    )
    ordered = [row["name"] for row in numbers]
    for given in (names, names[::-1], ordered, ordered[::-1], [*names, *names]):
        async with psql.transaction():
            await psql.execute(hold, [ordered[6]])
            async with door.conn.transaction():
                asked = asyncio.create_task(door.conn.fetch(hold, given))
                while not await psql.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    await asyncio.sleep(0.01)
                held = await psql.fetch(
                    "SELECT objid::bigint AS number, granted FROM pg_locks WHERE locktype = 'advisory'"
                    " AND objsubid = 2 AND pid <> pg_backend_pid() AND database ="
                    " (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
                found = {(row["number"], row["granted"]) for row in held}
                unsigned = [row["number"] % 2**32 for row in numbers]
                assert found == {(n, True) for n in unsigned[:6]} | {(unsigned[6], False)}
                await psql.execute("ROLLBACK; BEGIN")
                assert [tuple(row.values()) for row in await asked] == [(12,)]
