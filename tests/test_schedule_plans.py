"""Which index each question uses, asked of PostgreSQL itself over 20,000 bookings."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from resthouse import ID, people

from hub.schedule.reading import FIRST, NEWEST
from hub.schedule.statements import text_and_parameters

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

NOW = datetime(2030, 1, 1, tzinfo=UTC)
PLACE = {"after_time": FIRST.time, "after_id": FIRST.id, "most": 51}
WHOLE = {"since": None, "until": None, "status": None, "aircraft_id": None, "airport": None} | PLACE
OF = WHOLE | {"student_id": None, "instructor_id": None}


@pytest.fixture
async def many(conn: Connection) -> Connection:
    """Two thousand people's bookings and notifications, of whom Sam and Ina have a few."""
    await people(conn)
    await conn.execute(
        """
        INSERT INTO users (cognito_user_id, email, first_name, last_name, role, training_level)
        SELECT 'sub-' || n, n || '@example.com', 'A', 'B',
               CASE n % 10 WHEN 0 THEN 'INSTRUCTOR' ELSE 'STUDENT' END, 'STUDENT_PILOT'
          FROM generate_series(1, 2000) AS n;
        ALTER TABLE bookings DISABLE TRIGGER USER;
        INSERT INTO bookings (student_id, instructor_id, departure_airport, arrival_airport,
                              departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
                              scheduled_datetime, training_level, status)
        SELECT s.id, i.id, 'A1', 'B1', 1, 2, 3, 4,
               '2030-01-01Z'::timestamptz + n * interval '1 hour', 'STUDENT_PILOT',
               CASE WHEN n % 100 = 0 THEN 'AT_RISK' WHEN n % 100 < 5 THEN 'CANCELLED' ELSE 'COMPLETED' END
          FROM generate_series(1, 20000) AS n
          JOIN (SELECT id, row_number() OVER () AS k FROM users WHERE role = 'STUDENT') AS s
            ON s.k = n % 1800 + 1
          JOIN (SELECT id, row_number() OVER () AS k FROM users WHERE role = 'INSTRUCTOR') AS i
            ON i.k = n % 200 + 1;
        INSERT INTO notifications (user_id, type, title, message, created_at)
        SELECT id, 'CONFIRMATION', 't', 'm', now() - n * interval '1 hour'
          FROM users, generate_series(1, 10) AS n;
        ANALYZE;
        """
    )
    return conn


async def plan(conn: Connection, query: str, **given: Any) -> set[str]:
    """The indexes (and ``Seq Scan on x``) of the query's plan for these values."""
    text, parameters = text_and_parameters(query)
    found = await conn.fetchval(
        "EXPLAIN (FORMAT JSON) " + text.rstrip(";"), *[given[name] for name in parameters]
    )
    used: set[str] = set()
    left = [json.loads(found)[0]["Plan"]]
    while left:
        node = left.pop()
        if "Index Name" in node:
            used.add(node["Index Name"])
        elif node["Node Type"] == "Seq Scan":
            used.add(f"Seq Scan on {node['Relation Name']}")
        left += node.get("Plans", [])
    # How the names are joined to a page is the planner's to say.
    return used - {"users_pkey", "Seq Scan on users"}


async def test_documented_indexes_serve(many: Connection) -> None:
    of_sam = OF | {"person": ID["sam"]}
    live = {"status": ["CONFIRMED", "AT_RISK", "RESCHEDULING"]}
    mine = {"idx_bookings_student_status", "idx_bookings_instructor_status"}
    either = mine | {"idx_bookings_student", "idx_bookings_instructor"}
    day = {"since": NOW, "until": NOW + timedelta(days=1)}
    assert await plan(many, "bookings_page", **WHOLE) == {"idx_bookings_scheduled_time"}
    assert await plan(many, "bookings_page", **WHOLE | day) <= {
        "idx_bookings_scheduled_time", "idx_bookings_status_scheduled_time",
    }  # fmt: skip
    assert await plan(many, "bookings_page", **WHOLE | {"status": ["AT_RISK"]}) <= {
        "idx_bookings_status", "idx_bookings_status_scheduled_time", "idx_bookings_upcoming",
    }  # fmt: skip
    # The live ones are few and have indexes of their own, those that refuse overlaps.
    live_ones = {"bookings_student_overlap", "bookings_instructor_overlap"}
    assert await plan(many, "bookings_page_of", **of_sam | live) <= either | live_ones
    assert await plan(many, "bookings_page_of", **of_sam) <= either
    kin = {"bookings_pkey", "idx_bookings_original"}
    assert await plan(many, "booking", id=ID["sam"], person=ID["sam"]) == kin
    assert await plan(many, "booking_locked", id=ID["sam"], person=None) == {"bookings_pkey"}
    clashes = await plan(
        many, "booking_clashes", id=None, aircraft_id="N1", student_id=ID["sam"],
        instructor_id=ID["ina"], starts=NOW, duration_minutes=60,
    )  # fmt: skip
    assert not any(name.startswith("Seq Scan") for name in clashes)
    notes = {"after_time": NEWEST.time, "after_id": NEWEST.id, "most": 21, "person": ID["sam"]}
    index = {"idx_notifications_user_read"}
    for read in (None, False):
        given = notes | {"read": read, "type": None, "booking_id": None}
        assert await plan(many, "notifications_page", **given) == index
    assert await plan(many, "notifications_unread", person=ID["sam"]) == index
    assert await plan(many, "notifications_read_all", person=ID["sam"], until=None) == index


async def test_availability_is_read_by_index(many: Connection) -> None:
    await many.execute(
        """
        INSERT INTO availability_patterns (user_id, day_of_week, start_time, end_time, is_active)
        SELECT id, day, '08:00', '12:00', day < 5 FROM users, generate_series(0, 6) AS day;
        INSERT INTO availability_overrides (user_id, override_date)
        SELECT id, '2030-01-01'::date + day FROM users, generate_series(0, 390, 30) AS day;
        ANALYZE;
        """
    )
    whole = {"user_id": ID["sam"], "first": None, "before": None}
    assert await plan(many, "patterns_of", user_id=ID["sam"]) == {
        "idx_availability_patterns_user_day"
    }
    assert await plan(many, "overrides_page", **whole | PLACE) == {
        "idx_availability_overrides_user"
    }
    used = await plan(
        many, "free_and_taken", people=[ID["sam"], ID["ina"]], aircraft_id="N1", busy=True,
        since=NOW, until=NOW + timedelta(days=92), first=NOW, last=NOW + timedelta(days=92),
    )  # fmt: skip
    # Any index of overrides by user and date, and of bookings the few that are live.
    assert "idx_availability_patterns_user_day" in used
    assert used & {"idx_availability_overrides_user_date", "idx_availability_overrides_span"}
    assert not any(name.startswith("Seq Scan") for name in used)
