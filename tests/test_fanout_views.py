"""Views: what matches in memory is what the picture reads in SQL, and an event finds its views by index."""

from __future__ import annotations

from itertools import product
from typing import Any

import asyncpg
import orjson
import pytest

from hub.db.pool import open_pool
from hub.errors import Invalid
from hub.fanout import pictures as room
from hub.fanout.delivery import Delivery
from hub.fanout.pictures import Pictures
from hub.fanout.views import View, Views
from hub.identity.directory import Directory
from hub.rules.access import At, Audience, Everyone, Person
from hub.rules.cursor import Cursor, Snapshot, parse
from hub.rules.event import Batch, Event
from hub.rules.filters import BookingFilter, NotificationFilter
from hub.rules.rows import present
from hub.rules.topics import TOPICS, read_filter
from hub.settings import Settings

BOOKINGS, NOTIFICATIONS = TOPICS["bookings"], TOPICS["notifications"]


class Sink:
    """Counts what it is handed."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def push(self, frames: bytes, changes: int) -> None:
        self.frames.append(frames)

    def restart(self, views: Any, reason: str) -> None:
        raise AssertionError(reason)

    def rejudge(self) -> None:
        raise AssertionError


@pytest.fixture
async def seeded(seeded_dsn: str) -> Any:
    pool = await open_pool(seeded_dsn, settings=Settings())
    yield pool
    pool.terminate()


async def _rows(pool: Any, table: str) -> list[dict[str, Any]]:
    async with pool.acquire() as conn:
        return [
            orjson.loads(r[0]) for r in await conn.fetch(f"SELECT to_jsonb(t)::text FROM {table} t")
        ]


async def test_a_picture_is_what_matches(seeded: asyncpg.Pool) -> None:
    rows = await _rows(seeded, "bookings")
    middle = sorted(row["scheduled_datetime"] for row in rows)[len(rows) // 2]
    some = rows[3]
    people: list[Audience] = [Everyone(), Person(some["student_id"]), Person(some["instructor_id"])]
    parts: list[dict[str, Any]] = [
        {},
        {"from": middle},
        {"to": middle},
        {"from": middle, "to": "2100-01-01T00:00:00Z", "status": ["CONFIRMED", "AT_RISK"]},
        {"status": "CANCELLED"},
        {"student_id": some["student_id"]},
        {"instructor_id": some["instructor_id"], "airport": some["arrival_airport"]},
        {"aircraft_id": some["aircraft_id"]},
        {"airport": some["departure_airport"]},
        {"airport": "KXXX"},
    ]
    views = Views()
    pictures = Pictures(seeded)
    every = [
        views.join(BOOKINGS, audience, read_filter(BOOKINGS, part))
        for audience, part in product(people, parts)
    ]
    got = [await pictures.read(view) for view in every]
    assert len({view.id for view in every}) == len(every)
    sizes = set()
    for view, picture in zip(every, got, strict=True):
        shown = [row for page in picture.pages for row in orjson.loads(page)]
        assert [row["id"] for row in shown] == [
            row["id"]
            for row in sorted(rows, key=lambda row: (row["scheduled_datetime"], row["id"]))
            if view.matches(row)
        ]
        sizes.add(len(shown))
        for row in shown:
            before = next(r for r in rows if r["id"] == row["id"])
            names = {"student_name": row["student_name"], "instructor_name": row["instructor_name"]}
            assert row == present("bookings", before | names)
    assert len(sizes) > 5, "the filters hardly differ"


async def test_notifications_are_ones_own_and_newest_first(seeded: asyncpg.Pool) -> None:
    rows = await _rows(seeded, "notifications")
    views, pictures = Views(), Pictures(seeded)
    for person in {row["user_id"] for row in rows}:
        for read in (None, True, False):
            view = views.join(NOTIFICATIONS, Person(person), NotificationFilter(read=read))
            picture = await pictures.read(view)
            shown = [row for page in picture.pages for row in orjson.loads(page)]
            assert {row["id"] for row in shown} == {r["id"] for r in rows if view.matches(r)}
            assert [r["created_at"] for r in shown] == sorted(
                (r["created_at"] for r in shown), reverse=True
            )


async def test_the_other_topics_pictures_are_what_matches_and_shows(seeded: asyncpg.Pool) -> None:
    async with seeded.acquire() as conn:
        await conn.execute("""
            INSERT INTO devices (name, airport, revoked_at)
                VALUES ('a', 'KPAO', null), ('b', null, now()), ('c', 'KSQL', null);
            UPDATE bookings SET status = 'RESCHEDULING' WHERE id IN (
                SELECT id FROM bookings WHERE status = 'CONFIRMED' LIMIT 3);
            INSERT INTO preference_rankings (booking_id, user_id, deadline, escalated_at)
            SELECT id, student_id, now(), now() FROM bookings WHERE status = 'RESCHEDULING' LIMIT 1
                ON CONFLICT (booking_id, user_id) DO UPDATE SET escalated_at = now()""")
        directory = Directory()
        await directory.load(conn)
    flights, open_ones = await _rows(seeded, "bookings"), await _rows(seeded, "reschedulings")
    devices = await _rows(seeded, "devices")
    airport, when = flights[0]["arrival_airport"], flights[0]["scheduled_datetime"]
    asked: list[tuple[str, Audience, dict[str, Any], list[dict[str, Any]]]] = [
        ("board", Everyone(), {}, flights),
        ("board", At(airport), {}, flights),
        ("board", At(airport), {"airport": flights[1]["departure_airport"], "from": when}, flights),
        ("board", Everyone(), {"to": when, "status": ["CONFIRMED", "AT_RISK"]}, flights),
        ("board", Everyone(), {"airport": airport}, flights),
        ("board", At("KXXX"), {}, flights),
        ("reschedule", Everyone(), {}, open_ones),
        ("reschedule", Person(open_ones[0]["student_id"]), {}, open_ones),
        ("reschedule", Person(open_ones[0]["instructor_id"]), {"escalated": False}, open_ones),
        ("reschedule", Everyone(), {"escalated": True}, open_ones),
        ("reschedule", Everyone(), {"booking_id": open_ones[1]["id"]}, open_ones),
        ("devices", Everyone(), {}, devices),
        ("devices", Everyone(), {"revoked": False}, devices),
        ("devices", Person(devices[1]["id"]), {}, devices),
        ("devices", Person(devices[1]["id"]), {"revoked": False}, devices),
    ]
    views, pictures, sizes = Views(), Pictures(seeded), set()
    for name, audience, part, rows in asked:
        topic = TOPICS[name]
        view = views.join(topic, audience, read_filter(topic, part))
        picture = await pictures.read(view)
        shown = {row["id"]: row for page in picture.pages for row in orjson.loads(page)}
        assert shown == {
            row["id"]: topic.show(topic.named(row, directory)) for row in rows if view.matches(row)
        }
        for row in rows:
            # Wherever it matches, the index finds it.
            if view.matches(row):
                event = Event(1, "", topic.entity, "I", row["id"], row, None)
                assert view in views.of(topic, event)
        sizes.add((name, len(shown)))
    assert len(sizes) > 9, "the filters hardly differ"


async def test_a_picture_just_read_is_shown_again_unless_it_must_have_seen_more(
    seeded: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    views, pictures = Views(), Pictures(seeded)
    view = views.join(BOOKINGS, Everyone(), BookingFilter())
    first = await pictures.read(view)
    views.leave(view)
    again = views.join(BOOKINGS, Everyone(), BookingFilter())
    assert await pictures.read(again) is first
    assert await pictures.read(again, first.snapshot) is first
    async with seeded.acquire() as conn:
        await conn.execute("UPDATE bookings SET departure_airport = 'KNEW'")
        now = parse(await conn.fetchval("SELECT pg_current_snapshot()::text"))
    second = await pictures.read(again, now)
    assert b"KNEW" in second.pages[0]
    assert await pictures.read(again) is second
    monkeypatch.setattr(room, "KEPT_FOR", 0.0)
    assert await pictures.read(again) is not second
    assert pictures.reads == 3
    # Nor is it shown in another history, whose snapshots mean other transactions.
    monkeypatch.setattr(room, "KEPT_FOR", 60.0)
    last = await pictures.read(again, epoch="e2")
    assert await pictures.read(again, first.snapshot, epoch="e2") is last
    assert await pictures.read(again, first.snapshot, epoch="e3") is not last
    assert pictures.reads == 5
    # And no more is kept than was said.
    monkeypatch.setattr(room, "KEPT_FOR", 60.0)
    monkeypatch.setattr(room, "KEPT_BYTES", second.size * 3)
    for n in range(6):
        await pictures.read(views.join(BOOKINGS, Everyone(), BookingFilter(status="COMPLETED")))
        await pictures.read(
            views.join(
                BOOKINGS, Everyone(), read_filter(BOOKINGS, {"from": f"20{n}0-01-01T00:00:00Z"})
            )
        )
    assert pictures._size <= second.size * 3
    assert pictures._size == sum(picture.size for picture in pictures._kept.values())


async def test_a_thousand_views_at_once_are_a_handful_of_queries(seeded: asyncpg.Pool) -> None:
    import asyncio

    views, pictures = Views(), Pictures(seeded)
    people = [row["id"] for row in await _rows(seeded, "users")]
    every = [
        views.join(BOOKINGS, Person(people[n % len(people)]), BookingFilter(aircraft_id=f"N{n}"))
        for n in range(1000)
    ]
    # Each is asked for three times: whoever comes while it is read shares it.
    got = await asyncio.gather(*(pictures.read(view) for view in every * 3))
    assert len(got) == 3000
    assert pictures.reads <= 1000 / room.TOGETHER + 1
    assert not pictures._readers


async def test_wide_views_do_not_keep_ones_own_waiting(seeded: asyncpg.Pool) -> None:
    import asyncio

    views, pictures = Views(), Pictures(seeded)
    wide = [views.join(BOOKINGS, Everyone(), BookingFilter(aircraft_id=f"N{n}")) for n in range(20)]
    own = views.join(BOOKINGS, Person((await _rows(seeded, "users"))[0]["id"]), BookingFilter())
    many = [asyncio.create_task(pictures.read(view)) for view in wide]
    await pictures.read(own)
    assert sum(task.done() for task in many) < len(many), "it waited for all of them"
    await asyncio.gather(*many)
    assert pictures.reads == 1 + len(wide) / room.FEW


async def test_too_large_a_picture_is_refused(
    seeded: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST", 5)
    views, pictures = Views(), Pictures(seeded)
    whole = views.join(BOOKINGS, Everyone(), BookingFilter())
    with pytest.raises(Invalid) as wrong:
        await pictures.read(whole)
    assert wrong.value.code == "too_many_rows"
    none = views.join(BOOKINGS, Everyone(), BookingFilter(airport="KXXX"))
    assert (await pictures.read(none)).pages == (b"[]",)


def _booking(key: str, **more: Any) -> dict[str, Any]:
    plain = dict.fromkeys(present("bookings", _BLANK))
    return (
        plain
        | {
            "id": key,
            "student_id": "s1",
            "instructor_id": "i1",
            "departure_airport": "KPAO",
            "arrival_airport": "KSQL",
            "scheduled_datetime": "2026-05-01T10:00:00+00:00",
            "created_at": "2026-01-01T00:00:00+00:00",
            "updated_at": "2026-01-01T00:00:00+00:00",
            "status": "CONFIRMED",
        }
        | more
    )


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> None:
        return None


_BLANK = _Blank()


def test_an_event_costs_its_own_views_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judged = 0
    real = View.matches

    def counting(self: View, row: Any) -> bool:
        nonlocal judged
        judged += 1
        return real(self, row)

    monkeypatch.setattr(View, "matches", counting)
    costs = []
    for crowd in (10, 10_000):
        views = Views()
        delivery = Delivery(views, Directory())
        watching = [Sink() for _ in range(crowd)]
        for n, sink in enumerate(watching):
            views.join(BOOKINGS, Person(f"s{n}"), BookingFilter()).live.add(sink)
        row = _booking("b1", student_id="s1", instructor_id="s2")
        event = Event(
            700, "2026-01-01T00:00:00Z", "bookings", "U", "b1", row, {"aircraft_id": "N1"}
        )
        judged = 0
        delivery.deliver(Batch(Snapshot(700, 700), Cursor("e", Snapshot(701, 701)), (event,)))
        costs.append(judged)
        assert [len(sink.frames) for sink in watching[:4]] == [0, 1, 1, 0]
        assert delivery.encoded == 2
    assert costs[0] == costs[1] <= 4


def test_one_write_a_socket_a_batch_and_one_encoding_a_view() -> None:
    views = Views()
    delivery = Delivery(views, Directory())
    crowd = [Sink() for _ in range(50)]
    for sink in crowd:
        views.join(BOOKINGS, Everyone(), BookingFilter()).live.add(sink)
        views.join(BOOKINGS, Everyone(), BookingFilter(airport="KPAO")).live.add(sink)
    events = tuple(
        Event(700 + n, "2026-01-01T00:00:00Z", "bookings", "I", f"b{n}", _booking(f"b{n}"), None)
        for n in range(20)
    )
    delivery.deliver(Batch(Snapshot(700, 700), Cursor("e", Snapshot(720, 720)), events))
    assert delivery.encoded == 2
    assert [len(sink.frames) for sink in crowd] == [1] * 50
    assert len({id(sink.frames[0]) for sink in crowd}) <= 50
    assert delivery.handed == 100


class Reader(Sink):
    """One that may be told to read anew."""

    def __init__(self) -> None:
        super().__init__()
        self.anew: list[tuple[Any, str]] = []

    def restart(self, views: Any, reason: str) -> None:
        self.anew.append((views, reason))


@pytest.mark.parametrize(("many", "judged"), [(1000, 1000), (1001, 1001), (4900, 1001)])
def test_what_is_read_anew_anyway_is_judged_no_further(
    many: int, judged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction of thousands of rows, before an admin and one whom its last row concerns."""
    views = Views()
    delivery = Delivery(views, Directory())
    admin, student = Reader(), Sink()
    wide = views.join(BOOKINGS, Everyone(), BookingFilter())
    wide.live.add(admin)
    views.join(BOOKINGS, Person("last"), BookingFilter()).live.add(student)
    counted = []
    real = View.matches
    monkeypatch.setattr(View, "matches", lambda self, row: counted.append(self) or real(self, row))
    events = tuple(
        Event(700, "2026-01-01T00:00:00Z", "bookings", "I", f"b{n}", _booking(f"b{n}", student_id=who), None)
        for n, who in enumerate(["s"] * (many - 1) + ["last"])
    )  # fmt: skip
    delivery.deliver(Batch(Snapshot(700, 700), Cursor("e", Snapshot(701, 701)), events))
    assert counted.count(wide) == judged
    assert admin.anew == ([] if many == 1000 else [((wide,), "size")])
    assert [frame.count(b'"op"') for frame in admin.frames] == ([1000] if many == 1000 else [])
    assert [frame.count(b'"op"') for frame in student.frames] == [1]


def test_views_are_shared_and_forgotten() -> None:
    views = Views()
    first = views.join(BOOKINGS, Everyone(), BookingFilter(status=("AT_RISK", "CONFIRMED")))
    again = views.join(BOOKINGS, Everyone(), BookingFilter(status=("CONFIRMED", "AT_RISK")))
    assert first is again
    assert views.join(BOOKINGS, Everyone(), first.within) is first
    views.leave(first)
    assert first.members == 2
    views.leave(first)
    views.leave(first)
    assert len(views) == 0
    assert not views._by_hook
