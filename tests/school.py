"""The schedule's rules as queries that find whoever breaks them: for any database with bookings.

Every rule is true of the seeds at any hour and of whatever the simulation wrote since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from hub.rules.status import MOVES

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

_SHARE = "(a.aircraft_id = b.aircraft_id OR a.instructor_id = b.instructor_id OR a.student_id = b.student_id)"
_LIVE = "status IN ('CONFIRMED', 'AT_RISK', 'RESCHEDULING')"

RULES = {
    "an aircraft, an instructor or a student is in one live booking at a time": f"""
        SELECT a.id, b.id FROM bookings a JOIN bookings b ON a.id < b.id
         WHERE a.{_LIVE} AND b.{_LIVE}
           AND {_SHARE}
           AND a.scheduled_datetime < b.scheduled_datetime + b.duration_minutes * interval '1 minute'
           AND b.scheduled_datetime < a.scheduled_datetime + a.duration_minutes * interval '1 minute'""",
    "students are students, instructors are instructors, levels are the student's": """
        SELECT b.id FROM bookings b JOIN users s ON s.id = b.student_id JOIN users i ON i.id = b.instructor_id
         WHERE (s.role, i.role) <> ('STUDENT', 'INSTRUCTOR') OR b.training_level <> s.training_level""",
    "only what has departed is COMPLETED": """
        SELECT id FROM bookings WHERE status = 'COMPLETED' AND scheduled_datetime > :now""",
    "both people of a flight at risk were told": """
        SELECT b.id FROM bookings b WHERE status = 'AT_RISK'
           AND (SELECT count(DISTINCT user_id) FROM notifications n
                 WHERE n.booking_id = b.id AND type = 'WEATHER_ALERT') < 2""",
    "RESCHEDULING has three options to come and a ranking of each party's": """
        SELECT b.id FROM bookings b WHERE status = 'RESCHEDULING' AND (
           (SELECT count(DISTINCT suggested_datetime) FROM reschedule_options WHERE booking_id = b.id) <> 3
           OR (SELECT array_agg(user_id ORDER BY user_id) FROM preference_rankings WHERE booking_id = b.id)
              IS DISTINCT FROM
              ARRAY[least(student_id, instructor_id), greatest(student_id, instructor_id)])""",
    "the deadline is 30 minutes before departure or 12 hours after the notification": """
        SELECT p.id FROM preference_rankings p JOIN bookings b ON b.id = p.booking_id
          LEFT JOIN notifications n ON n.booking_id = b.id AND n.user_id = p.user_id
                AND n.type = 'OPTIONS_AVAILABLE' AND n.created_at = p.created_at
         WHERE p.deadline IS DISTINCT FROM
               least(b.scheduled_datetime - interval '30 minutes', n.created_at + interval '12 hours')""",
    "a ranking is of the booking's own options, each once, and was given in time": """
        SELECT p.id FROM preference_rankings p
         CROSS JOIN LATERAL (SELECT array_remove(ARRAY[option1_id, option2_id, option3_id], NULL)
                                    || coalesce(unavailable_option_ids, '{}') AS named) AS n
         WHERE cardinality(named) <> (SELECT count(DISTINCT x) FROM unnest(named) AS x)
            OR EXISTS (SELECT FROM unnest(named) AS x WHERE x NOT IN (
                       SELECT id FROM reschedule_options o WHERE o.booking_id = p.booking_id))
            OR p.submitted_at NOT BETWEEN p.created_at AND p.deadline
            OR (p.submitted_at IS NULL) <> (num_nonnulls(option1_id, option2_id, option3_id) = 0)""",
    "an option is at a time that was free for both and the aircraft, if nobody changed since": f"""
        SELECT o.id FROM reschedule_options o JOIN bookings a ON a.id = o.booking_id
          JOIN bookings b ON b.{_LIVE} AND {_SHARE}
           AND b.scheduled_datetime < o.suggested_datetime + a.duration_minutes * interval '1 minute'
           AND o.suggested_datetime < b.scheduled_datetime + b.duration_minutes * interval '1 minute'
         WHERE a.status = 'RESCHEDULING' AND b.updated_at < o.created_at""",
    "whoever was rescheduled has one successor, and whoever succeeds one was rescheduled": """
        SELECT o.id FROM bookings o LEFT JOIN bookings n ON n.original_booking_id = o.id
         WHERE o.rescheduled_to_datetime IS NOT NULL OR n.id IS NOT NULL
         GROUP BY o.id
        HAVING count(n.id) <> 1 OR o.status <> 'CANCELLED' OR o.rescheduled_to_datetime IS NULL""",
    "a flight moves to a time that was offered": """
        SELECT b.id FROM bookings b WHERE rescheduled_to_datetime IS NOT NULL AND NOT EXISTS (
               SELECT FROM reschedule_options o
                WHERE o.booking_id = b.id AND o.suggested_datetime = b.rescheduled_to_datetime)""",
    "a successor and only a successor is confirmed, to two people": """
        SELECT b.id FROM bookings b
          LEFT JOIN notifications n ON n.booking_id = b.id AND n.type = 'CONFIRMATION'
         GROUP BY b.id HAVING count(n.id) <> CASE WHEN b.original_booking_id IS NULL THEN 0 ELSE 2 END
                           OR count(DISTINCT n.user_id) <> count(n.id)""",
    "a reminder goes out once a ranking, an escalation once an offer and person": """
        SELECT user_id, booking_id, type FROM notifications
         WHERE type IN ('DEADLINE_REMINDER', 'ESCALATION')
         GROUP BY 1, 2, 3 HAVING count(*) > (
               SELECT count(*) FROM notifications o WHERE o.type = 'OPTIONS_AVAILABLE'
                  AND o.booking_id = notifications.booking_id) / 2""",
    "nothing is dated after now": """
        SELECT id FROM bookings WHERE greatest(created_at, updated_at) > :now
         UNION ALL SELECT id FROM notifications WHERE created_at > :now
         UNION ALL SELECT id FROM reschedule_options WHERE created_at > :now
         UNION ALL SELECT id FROM preference_rankings WHERE greatest(created_at, submitted_at) > :now""",
}

_MOVES = """
    SELECT DISTINCT was ->> 'status' AS before, row ->> 'status' AS after FROM events
     WHERE entity = 'bookings' AND op = 'U' AND was ? 'status'"""


async def broken(
    conn: Connection, now: str = "clock_timestamp()"
) -> dict[str, list[asyncpg.Record]]:
    """The rules that are broken as of ``now`` (SQL), each with the rows that break it."""
    found = {rule: await conn.fetch(sql.replace(":now", now)) for rule, sql in RULES.items()}
    moves = await conn.fetch(_MOVES)
    found["a status moves as it may"] = [m for m in moves if m["after"] not in MOVES[m["before"]]]
    return {rule: rows for rule, rows in found.items() if rows}
