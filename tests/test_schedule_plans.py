"""Which index each question uses, asked of PostgreSQL itself over some years of a school.

``DOCUMENTED`` holds, for each index that docs/schema.md names, the question it is documented for and all
the indexes of PostgreSQL's plan for it: no more, no fewer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from resthouse import ID, people

from hub.rules.deadline import REMINDER
from hub.schedule.reading import FIRST, NEWEST
from hub.schedule.statements import text_and_parameters

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

NOW = datetime.now(UTC)
WEEK = {"since": NOW - timedelta(days=7), "until": NOW}
PLACE = {"after_time": FIRST.time, "after_id": FIRST.id, "most": 51}
LATEST = {"after_time": NEWEST.time, "after_id": NEWEST.id, "most": 51}
WHOLE = {"since": None, "until": None} | PLACE
NARROWED = WHOLE | {"status": None, "aircraft_id": None, "airport": None}
OF = NARROWED | {"student_id": None, "instructor_id": None}
AUDIT = dict.fromkeys(("entity_type", "entity_id", "action", "actor", "since", "until")) | LATEST
NOTES = LATEST | {"person": ID["sam"], "type": None, "booking_id": None}
LIVE = ["CONFIRMED", "AT_RISK", "RESCHEDULING"]
SCHEMA = (Path(__file__).parents[1] / "docs" / "schema.md").read_text()


@dataclass(frozen=True)
class Asked:
    """A named query, or SQL; what it is asked with; every index of its plan."""

    query: str
    given: Mapping[str, Any] = field(default_factory=dict)
    used: frozenset[str] = frozenset()
    #: Others that serve as well or better, which PostgreSQL may prefer: ``used`` is without them.
    rivals: frozenset[str] = frozenset()


def asked(query: str, *used: str, rivals: tuple[str, ...] = (), **given: Any) -> Asked:
    return Asked(query, given, frozenset(used), frozenset(rivals))


#: An index, and the question that docs/schema.md says it is for; those that only keep rows unique apart.
DOCUMENTED: dict[str, Asked] = {
    # Filtering by role.
    "idx_users_role": asked(
        "users_page", "idx_users_role",
        taught_by=None, role="ADMIN", q=None, after_last="", after_first="", after_id=FIRST.id, most=51,
    ),
    # Student queries; instructor queries.
    "idx_bookings_student": asked(
        "bookings_page_of", "idx_bookings_student", "idx_bookings_instructor",
        **OF | {"person": ID["sam"]},
    ),
    "idx_bookings_instructor": asked(
        "bookings_page_of", "idx_bookings_student", "idx_bookings_instructor",
        **OF | {"person": ID["ina"]},
    ),
    # Date range queries.
    "idx_bookings_scheduled_time": asked(
        "bookings_page", "idx_bookings_scheduled_time", **WHOLE | WEEK
    ),
    # Status filtering.
    "idx_bookings_status": asked(
        "bookings_page_narrowed", "idx_bookings_status", **NARROWED | {"status": ["RESCHEDULING"]}
    ),
    # The weather monitor's: of two that both begin with its statuses the partial one is a tenth as large.
    "idx_bookings_upcoming": asked(
        "bookings_upcoming", "idx_bookings_upcoming", hours=48, **PLACE
    ),
    "idx_bookings_status_scheduled_time": asked(
        "bookings_upcoming", "idx_bookings_status_scheduled_time",
        rivals=("idx_bookings_upcoming",), hours=48, **PLACE,
    ),
    # The dashboards': what refuses overlaps holds the live ones alone, and is that much smaller.
    "idx_bookings_student_status": asked(
        "SELECT * FROM bookings WHERE student_id = $1 AND status = ANY ($2) ORDER BY scheduled_datetime",
        "idx_bookings_student_status", rivals=("bookings_student_overlap",),
        student_id=ID["sam"], status=LIVE,
    ),
    "idx_bookings_instructor_status": asked(
        "SELECT * FROM bookings WHERE instructor_id = $1 AND status = ANY ($2) ORDER BY scheduled_datetime",
        "idx_bookings_instructor_status", rivals=("bookings_instructor_overlap",),
        instructor_id=ID["ina"], status=LIVE,
    ),
    "idx_bookings_original": asked("booking_successors", "idx_bookings_original", id=ID["sam"]),
    "idx_availability_patterns_active": asked(
        "SELECT * FROM availability_patterns WHERE is_active", "idx_availability_patterns_active"
    ),
    "idx_availability_patterns_user_day": asked(
        "SELECT * FROM availability_patterns WHERE user_id = $1 AND is_active = true",
        "idx_availability_patterns_user_day", user_id=ID["sam"],
    ),
    # Date range queries, of everybody; user queries; and, of both, the availability's.
    "idx_availability_overrides_date": asked(
        "SELECT * FROM availability_overrides WHERE override_date BETWEEN $1 AND $2",
        "idx_availability_overrides_date", first=NOW, last=NOW + timedelta(days=7),
    ),
    "idx_availability_overrides_user": asked(
        "overrides_page", "idx_availability_overrides_user",
        user_id=ID["sam"], first=None, before=None, **PLACE,
    ),
    # Two others begin with the same columns, since they keep them unique.
    "idx_availability_overrides_user_date": asked(
        "SELECT * FROM availability_overrides WHERE user_id = $1 AND override_date BETWEEN $2 AND $3",
        "idx_availability_overrides_user_date",
        rivals=("idx_availability_overrides_span", "availability_overrides_unique"),
        user_id=ID["sam"], first=NOW, last=NOW + timedelta(days=7),
    ),
    "idx_reschedule_options_booking": asked(
        "offer_options", "idx_reschedule_options_booking", id=ID["sam"]
    ),
    "idx_reschedule_options_suggested_time": asked(
        "SELECT * FROM reschedule_options WHERE suggested_datetime BETWEEN $1 AND $2",
        "idx_reschedule_options_suggested_time", first=NOW, last=NOW + timedelta(days=1),
    ),
    # The constraint's own index has the same columns.
    "idx_preference_rankings_booking": asked(
        "SELECT * FROM preference_rankings WHERE booking_id = $1 AND user_id = $2",
        "idx_preference_rankings_booking",
        rivals=("preference_rankings_unique",), id=ID["sam"], person=ID["sam"],
    ),
    # The clock's question, without what it asks of each offer (test_rescheduling_plans has it whole).
    "idx_preference_rankings_deadline": asked(
        "SELECT booking_id FROM preference_rankings WHERE deadline > $1 AND deadline <= $2",
        "idx_preference_rankings_deadline", now=NOW, then=NOW + timedelta(minutes=10) + REMINDER,
    ),
    "idx_notifications_user_read": asked(
        "notifications_page", "idx_notifications_user_read", **NOTES | {"read": False}
    ),
    # Sorting, of everybody's.
    "idx_notifications_created_at": asked(
        "SELECT * FROM notifications ORDER BY created_at DESC LIMIT 20", "idx_notifications_created_at"
    ),
    "idx_notifications_booking": asked(
        "offer_told", "idx_notifications_booking", "idx_preference_rankings_booking",
        rivals=("preference_rankings_unique",), id=ID["sam"], type="ESCALATION",
    ),
    # Entity history; by time; by action, of what is rarely done; by who did it.
    "idx_audit_log_entity_timestamp": asked(
        "audit_page", "idx_audit_log_entity_timestamp",
        **AUDIT | {"entity_type": "booking", "entity_id": ID["sam"]},
    ),
    "idx_audit_log_created_at": asked(
        "audit_page", "idx_audit_log_created_at", **AUDIT | WEEK
    ),
    "idx_audit_log_action": asked(
        "audit_page", "idx_audit_log_action", **AUDIT | {"action": "truncate"}
    ),
    "idx_audit_log_user": asked(
        "audit_page", "idx_audit_log_user", "idx_audit_log_actor", **AUDIT | {"actor": ID["sam"]}
    ),
    "idx_audit_log_actor": asked(
        "audit_page", "idx_audit_log_user", "idx_audit_log_actor", **AUDIT | {"actor": ID["sue"]}
    ),
    "idx_idempotency_keys_created_at": asked(
        "once_prune", "idx_idempotency_keys_created_at", keep=24 * 3600.0
    ),
    "idx_api_keys_created_at": asked(
        "keys_page", "idx_api_keys_created_at", revoked=None, **LATEST
    ),
    "idx_devices_created_at": asked(
        "devices_page", "idx_devices_created_at", revoked=None, **LATEST
    ),
    "idx_reschedulings_student": asked(
        "SELECT * FROM reschedulings WHERE student_id = $1 OR instructor_id = $1",
        "idx_reschedulings_student", "idx_reschedulings_instructor", person=ID["sam"],
    ),
    "idx_reschedulings_instructor": asked(
        "SELECT * FROM reschedulings WHERE student_id = $1 OR instructor_id = $1",
        "idx_reschedulings_student", "idx_reschedulings_instructor", person=ID["ina"],
    ),
}  # fmt: skip
#: Other questions that a school asks all day.
ALSO = (
    asked("bookings_page", "idx_bookings_scheduled_time", **WHOLE),
    # From PostgreSQL 18 on an index can be entered at each status.
    asked(
        "bookings_page", "idx_bookings_scheduled_time",
        rivals=("idx_bookings_status_scheduled_time",),
        **WHOLE | {"since": NOW, "until": NOW + timedelta(days=1)},
    ),
    asked(
        "bookings_page_narrowed", "idx_bookings_scheduled_time",
        rivals=("idx_bookings_status_scheduled_time",),
        **NARROWED | {"since": NOW, "until": NOW + timedelta(days=1)},
    ),
    asked("bookings_page_narrowed", "idx_bookings_status", **NARROWED | {"status": ["AT_RISK"]}),
    # The live ones are few and have indexes of their own, those that refuse overlaps.
    asked(
        "bookings_page_of", "bookings_student_overlap", "bookings_instructor_overlap",
        **OF | {"person": ID["sam"], "status": LIVE},
    ),
    asked("bookings_each", "bookings_pkey", "idx_bookings_original", id=[ID["sam"]], person=[ID["sam"]]),
    asked("booking_locked", "bookings_pkey", id=ID["sam"], person=None),
    asked(
        "booking_clashes",
        "bookings_aircraft_overlap", "bookings_instructor_overlap", "bookings_student_overlap",
        id=None, aircraft_id="N1", student_id=ID["sam"], instructor_id=ID["ina"], starts=NOW,
        duration_minutes=60,
    ),
    asked("notifications_page", "idx_notifications_user_read", **NOTES | {"read": None}),
    asked("notifications_unread", "idx_notifications_user_read", person=ID["sam"]),
    asked("notifications_read_all", "idx_notifications_user_read", person=ID["sam"], until=None),
    asked("patterns_of", "idx_availability_patterns_user_day", user_id=ID["sam"]),
    asked(
        "availability_said",
        "idx_availability_patterns_user_day", "idx_availability_overrides_user",
        user_id=ID["sam"], first=NOW, before=None, most=51,
    ),
    asked(
        "free_and_taken",
        "idx_availability_patterns_user_day", "idx_availability_overrides_user_date",
        "bookings_student_overlap", "bookings_aircraft_overlap",
        rivals=("idx_availability_overrides_span", "availability_overrides_unique"),
        people=[ID["sam"], ID["ina"]], aircraft_id="N1", busy=True, since=NOW,
        until=NOW + timedelta(days=92), first=NOW, last=NOW + timedelta(days=92),
    ),
)  # fmt: skip


@pytest.fixture
async def many(conn: Connection) -> Connection:
    """A school of two thousand: 20,000 flights flown, 400 to come, and all that goes with them."""
    await people(conn)
    watched = await conn.fetch(
        "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgname ~ '^hub_'"
    )
    for (table,) in watched:
        await conn.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    # So many rows are not to be held against one another, nor to be done in the usual time.
    await conn.execute("SET session_replication_role = replica; SET statement_timeout = '60s'")
    await conn.execute(
        """
        INSERT INTO users (cognito_user_id, email, first_name, last_name, role, training_level)
        SELECT 'sub-' || n, n || '@example.com', 'A', 'B',
               CASE n % 10 WHEN 0 THEN 'INSTRUCTOR' ELSE 'STUDENT' END, 'STUDENT_PILOT'
          FROM generate_series(1, 2000) AS n;
        INSERT INTO bookings (student_id, instructor_id, departure_airport, arrival_airport,
                              departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
                              scheduled_datetime, training_level, status)
        SELECT s.id, i.id, 'A1', 'B1', 1, 2, 3, 4, now() + n * interval '1 hour', 'STUDENT_PILOT',
               CASE WHEN n < 0 THEN CASE n % 25 WHEN 0 THEN 'CANCELLED' ELSE 'COMPLETED' END
                    WHEN n % 40 = 0 THEN 'RESCHEDULING' WHEN n % 7 = 0 THEN 'AT_RISK' ELSE 'CONFIRMED' END
          FROM generate_series(-20000, 400) AS n
          JOIN (SELECT id, row_number() OVER () AS k FROM users WHERE role = 'STUDENT') AS s
            ON s.k = abs(n) % 1800 + 1
          JOIN (SELECT id, row_number() OVER () AS k FROM users WHERE role = 'INSTRUCTOR') AS i
            ON i.k = abs(n) % 200 + 1;
        -- Of four terms of weekly hours one is this.
        INSERT INTO availability_patterns (user_id, day_of_week, start_time, end_time, is_active)
        SELECT id, day, '08:00'::time + term * interval '1 minute', '12:00', term = 0
          FROM users, generate_series(1, 5) AS day, generate_series(0, 3) AS term;
        INSERT INTO availability_overrides (user_id, override_date)
        SELECT id, current_date + day FROM users, generate_series(0, 390, 60) AS day;
        INSERT INTO reschedule_options (booking_id, suggested_datetime, ai_confidence_score)
        SELECT id, scheduled_datetime + n * interval '1 day', 0.5
          FROM bookings, generate_series(1, 3) AS n WHERE status IN ('CANCELLED', 'RESCHEDULING');
        INSERT INTO preference_rankings (booking_id, user_id, deadline)
        SELECT b.id, p.id, b.scheduled_datetime - interval '30 minutes'
          FROM bookings AS b CROSS JOIN LATERAL (VALUES (b.student_id), (b.instructor_id)) AS p (id)
         WHERE b.status IN ('CANCELLED', 'RESCHEDULING');
        INSERT INTO reschedulings (id, student_id, instructor_id, scheduled_datetime, student_submitted,
                                   instructor_submitted, options)
        SELECT id, student_id, instructor_id, scheduled_datetime, false, false, '[]'
          FROM bookings WHERE status IN ('CANCELLED', 'RESCHEDULING');
        INSERT INTO notifications (user_id, type, title, message, created_at)
        SELECT id, 'CONFIRMATION', 't', 'm', now() - n * interval '1 hour'
          FROM users, generate_series(1, 10) AS n;
        INSERT INTO audit_log (entity_type, entity_id, action, user_id, metadata, created_at)
        SELECT 'booking', b.id, 'update', CASE n WHEN 1 THEN b.student_id END,
               CASE n WHEN 2 THEN jsonb_build_object('actor', b.instructor_id) END,
               b.scheduled_datetime - n * interval '3 hours'
          FROM bookings AS b, generate_series(1, 2) AS n;
        INSERT INTO idempotency_keys (principal, key, fingerprint, created_at)
        SELECT 'user:' || n, n, 'f', now() - n * interval '18 seconds' FROM generate_series(1, 5000) AS n;
        INSERT INTO api_keys (name, prefix, hash, scopes, created_at)
        SELECT n, 'hub_', sha256(n::text::bytea), '{bookings:read}', now() - n * interval '1 hour'
          FROM generate_series(1, 2000) AS n;
        INSERT INTO devices (name, created_at)
        SELECT n, now() - n * interval '1 hour' FROM generate_series(1, 2000) AS n;
        SET session_replication_role = origin;
        ANALYZE;
        """,
        timeout=60,
    )
    return conn


async def plan(conn: Connection, query: str, **given: Any) -> set[str]:
    """The indexes (and ``Seq Scan on x``) of the plan of a named query, or of SQL, for these values."""
    text, values = query, list(given.values())
    if " " not in query:
        text, parameters = text_and_parameters(query)
        values = [given[name] for name in parameters]
    found = await conn.fetchval("EXPLAIN (FORMAT JSON) " + text.rstrip(";"), *values)
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


async def without(conn: Connection, question: Asked) -> set[str]:
    """The same of a question, were there none of its rivals."""
    gone = conn.transaction()
    await gone.start()
    for rival in question.rivals:
        table = await conn.fetchval(
            "SELECT conrelid::regclass::text FROM pg_constraint WHERE conname = $1", rival
        )
        await conn.execute(
            f"ALTER TABLE {table} DROP CONSTRAINT {rival}" if table else f"DROP INDEX {rival}"
        )
    used = await plan(conn, question.query, **question.given)
    await gone.rollback()
    return used


def test_every_documented_index_is_asked_for() -> None:
    told = re.findall(r"^- (?:Composite index|Partial index|Index) `(\w+)`", SCHEMA, re.MULTILINE)
    assert sorted(DOCUMENTED) == sorted(told)
    assert all(index in question.used for index, question in DOCUMENTED.items())


async def test_every_question_uses_its_indexes(many: Connection) -> None:
    wrong = []
    for question in (*DOCUMENTED.values(), *ALSO):
        before = await plan(many, question.query, **question.given)
        used = await without(many, question) if question.rivals else before
        if not (used == question.used and before <= used | question.rivals):
            wrong.append(f"{question.query}: {sorted(before)}, {sorted(used)}")
    assert not wrong, "\n".join(wrong)


async def test_what_everyone_asks_is_planned_once(many: Connection) -> None:
    text, parameters = text_and_parameters("bookings_page")
    asked = await many.prepare(text)
    for n in range(20):
        since = NOW - timedelta(days=20 * n)
        given = WHOLE | {"since": since, "until": since + timedelta(days=n) if n % 2 else None}
        await asked.fetchrow(*[given[name] for name in parameters])
    planned = await many.fetchrow(
        "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1", text
    )
    assert planned["custom_plans"] == 5, planned  # PostgreSQL tries as many before it decides
