-- name: clock_leads$
-- Whether this transaction is, for as long as it lasts, the one that does what time has brought.
SELECT pg_try_advisory_xact_lock(7527030299283516527);

-- name: clock_look(ahead)^
-- What time it is; every offer of new times that is open, with what is awaited of each of the
-- booking's two; when the next flight is over, of those that depart until :ahead from now.
SELECT to_jsonb(statement_timestamp()) #>> '{}' AS now,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'booking_id', b.id, 'deadline', p.deadline,
                   'submitted', p.submitted_at IS NOT NULL, 'reminded', p.reminded_at IS NOT NULL)), '[]')::text
          FROM bookings AS b
          JOIN preference_rankings AS p ON p.booking_id = b.id AND p.user_id IN (b.student_id, b.instructor_id)
         WHERE b.status = 'RESCHEDULING'
           AND NOT EXISTS (SELECT FROM preference_rankings AS e
                            WHERE e.booking_id = b.id AND e.escalated_at IS NOT NULL)) AS offers,
       (SELECT to_jsonb(min(scheduled_datetime + duration_minutes * interval '1 minute')) #>> '{}'
          FROM bookings
         WHERE status = 'CONFIRMED' AND scheduled_datetime < statement_timestamp() + :ahead::interval) AS lands;

-- name: clock_complete(most)$
-- Flights that are over, but for those that somebody is changing; answers how many. Only what was
-- CONFIRMED has surely flown: of a flight that was left AT_RISK nobody knows but the people.
WITH landed AS (
    SELECT id FROM bookings
     WHERE status = 'CONFIRMED' AND scheduled_datetime < statement_timestamp()
       AND scheduled_datetime + duration_minutes * interval '1 minute' <= statement_timestamp()
     ORDER BY scheduled_datetime, id
     LIMIT :most::int
       FOR NO KEY UPDATE SKIP LOCKED
), completed AS (
    UPDATE bookings AS b SET status = 'COMPLETED' FROM landed WHERE b.id = landed.id RETURNING b.id
)
SELECT count(*) FROM completed;

-- name: day_last$
SELECT max(day) FROM days;

-- name: day_begin(day)!
-- Days of a clock that went wrong go; so do those that nobody's cursor can be from any more.
WITH wrong AS (
    DELETE FROM days WHERE day > :day::date OR day < :day::date - 30
)
INSERT INTO days (day) VALUES (:day::date) ON CONFLICT (day) DO NOTHING;
