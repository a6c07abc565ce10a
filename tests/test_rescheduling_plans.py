"""Which index each question of the rescheduling uses, over the flights and offers of some years."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
from test_schedule_plans import plan

from hub.rules.deadline import REMINDER
from hub.schedule.reading import FIRST

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


@pytest.fixture
async def years(conn: Connection) -> Connection:
    """20,000 flights flown, a third of them after an offer; 400 to come, ten of them being offered."""
    await conn.execute(
        """
        INSERT INTO users (cognito_user_id, email, first_name, last_name, role, training_level)
        SELECT 'sub-' || n, n || '@example.com', 'A', 'B',
               CASE n % 10 WHEN 0 THEN 'INSTRUCTOR' ELSE 'STUDENT' END, 'STUDENT_PILOT'
          FROM generate_series(1, 200) AS n;
        ALTER TABLE bookings DISABLE TRIGGER USER;
        ALTER TABLE reschedule_options DISABLE TRIGGER USER;
        ALTER TABLE preference_rankings DISABLE TRIGGER USER;
        ALTER TABLE notifications DISABLE TRIGGER USER;
        INSERT INTO bookings (student_id, instructor_id, departure_airport, arrival_airport,
                              departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
                              scheduled_datetime, training_level, status)
        SELECT s.id, i.id, 'A1', 'B1', 1, 2, 3, 4, now() + n * interval '1 hour', 'STUDENT_PILOT',
               CASE WHEN n < 0 THEN CASE n % 3 WHEN 0 THEN 'CANCELLED' ELSE 'COMPLETED' END
                    WHEN n % 40 = 0 THEN 'RESCHEDULING' WHEN n % 7 = 0 THEN 'AT_RISK' ELSE 'CONFIRMED' END
          FROM generate_series(-20000, 400) AS n
          JOIN (SELECT id, row_number() OVER () AS k FROM users WHERE role = 'STUDENT') AS s
            ON s.k = abs(n) % 180 + 1
          JOIN (SELECT id, row_number() OVER () AS k FROM users WHERE role = 'INSTRUCTOR') AS i
            ON i.k = abs(n) % 20 + 1;
        INSERT INTO reschedule_options (booking_id, suggested_datetime, ai_confidence_score)
        SELECT id, scheduled_datetime + n * interval '1 day', 0.5
          FROM bookings, generate_series(1, 3) AS n WHERE status IN ('CANCELLED', 'RESCHEDULING');
        INSERT INTO preference_rankings (booking_id, user_id, deadline)
        SELECT b.id, p.id, b.scheduled_datetime - interval '30 minutes'
          FROM bookings AS b CROSS JOIN LATERAL (VALUES (b.student_id), (b.instructor_id)) AS p (id)
         WHERE b.status IN ('CANCELLED', 'RESCHEDULING');
        INSERT INTO notifications (user_id, booking_id, type, title, message)
        SELECT p.user_id, p.booking_id, 'OPTIONS_AVAILABLE', 't', 'm' FROM preference_rankings AS p;
        ANALYZE;
        """
    )
    return conn


async def test_documented_indexes_serve(years: Connection) -> None:
    row = await years.fetchrow(
        "SELECT b.id, b.student_id FROM bookings AS b WHERE status = 'RESCHEDULING' LIMIT 1"
    )
    id, who = row["id"], row["student_id"]
    rankings = {"idx_preference_rankings_booking", "preference_rankings_unique"}
    options = {"idx_reschedule_options_booking"}
    flight = {"bookings_pkey"}

    for hours in (1, 48, 336):
        for most in (11, 101):
            given = {"hours": hours, "after_time": FIRST.time, "after_id": FIRST.id, "most": most}
            assert await plan(years, "bookings_upcoming", **given) == {"idx_bookings_upcoming"}

    used = await plan(years, "options_of", id=id, person=who)
    assert used >= options
    assert used <= options | rankings | flight
    assert await plan(years, "preference", id=id, person=who, whose=who) <= rankings | flight
    assert await plan(years, "offer_options", id=id) == options
    assert await plan(years, "offer_rankings", id=id) <= rankings | flight
    assert await plan(years, "offer_escalated", id=id) <= rankings
    used = await plan(years, "offer_handed_over", id=id)
    assert used <= rankings | {"preference_rankings_pkey"} | flight | options
    assert await plan(years, "options_forget_rankings", id=id) <= rankings
    assert await plan(years, "options_forget", id=id) == options
    submit = {"option1_id": None, "option2_id": None, "option3_id": None,
              "unavailable_option_ids": None, "none_work": False}  # fmt: skip
    assert await plan(years, "preference_submit", id=id, person=who, **submit) <= rankings
    assert await plan(years, "booking_successors", id=id) == {"idx_bookings_original"}
    for query in ("user_flights_held", "user_successors"):
        used = await plan(years, query, id=who)
        assert not any(name.startswith("Seq Scan") for name in used), used
    told = await plan(years, "offer_told", id=id, type="ESCALATION")
    assert told <= rankings | {"idx_notifications_booking"}
    assert "idx_notifications_booking" in told


async def test_the_clock_looks_at_what_is_open_only(years: Connection) -> None:
    used = await plan(years, "clock_look", ahead=timedelta(minutes=10), reminder=REMINDER)
    assert not any(name.startswith("Seq Scan") for name in used), used
    # Which deadlines come before it looks again.
    assert "idx_preference_rankings_deadline" in used
    used = await plan(years, "clock_complete", most=200)
    assert not any(name.startswith("Seq Scan") for name in used), used
    assert used & {"idx_bookings_upcoming", "idx_bookings_status_scheduled_time"}
