-- name: clock_leads$
-- Whether this transaction is, for as long as it lasts, the one that does what time has brought.
SELECT pg_try_advisory_xact_lock(7527030299283516527);

-- name: clock_look(ahead, reminder)^
-- What time it is; every open offer of new times for which there may be something to do until :ahead
-- from now, with what is awaited of each of the booking's two; when the next flight is over, of those
-- that depart until then. An offer may be due since a deadline is near (they are found by deadline, and
-- most offers are hours from theirs) or has come, since both have submitted, or since the flight changed
-- hands: a ranking is of one who flies no more, and one of the two has none. Whoever has none, for
-- whatever reason, is awaited as long as the offer lasts, and is not to be reminded.
SELECT to_jsonb(statement_timestamp()) #>> '{}' AS now,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'booking_id', b.id, 'handed_over', o.handed_over,
                   'awaited', ARRAY(
                       SELECT jsonb_build_object(
                                  'deadline', coalesce(p.deadline, o.deadline),
                                  'submitted', p.submitted_at IS NOT NULL,
                                  'reminded', p.id IS NULL OR p.reminded_at IS NOT NULL)
                         FROM (VALUES (b.student_id), (b.instructor_id)) AS who (id)
                         LEFT JOIN preference_rankings AS p ON p.booking_id = b.id AND p.user_id = who.id))), '[]')::text
          FROM bookings AS b
         CROSS JOIN LATERAL (
               SELECT min(n.deadline) AS deadline,
                      bool_or(n.escalated_at IS NOT NULL) AS escalated,
                      bool_or(n.deadline <= statement_timestamp()) AS late,
                      count(*) FILTER (WHERE n.submitted_at IS NOT NULL
                                         AND n.user_id IN (b.student_id, b.instructor_id)) = 2 AS complete,
                      bool_or(n.user_id NOT IN (b.student_id, b.instructor_id))
                          AND count(*) FILTER (WHERE n.user_id IN (b.student_id, b.instructor_id)) < 2 AS handed_over
                 FROM preference_rankings AS n WHERE n.booking_id = b.id) AS o
         WHERE b.status = 'RESCHEDULING'
           AND (o.handed_over
                OR NOT o.escalated
                   AND (o.late OR o.complete
                        OR b.id IN (SELECT n.booking_id FROM preference_rankings AS n
                                     WHERE n.deadline > statement_timestamp()
                                       AND n.deadline <= statement_timestamp() + :ahead::interval + :reminder::interval)))) AS offers,
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

-- name: day_last^
-- The last day that has begun, long ago if there is none; and the clock by which days begin, if one is kept.
SELECT least(greatest(max(day), '0001-01-01'), '9999-12-31') AS day, (SELECT timezone FROM school) AS timezone
  FROM days;

-- name: day_begin(day)!
-- Days of a clock that went wrong go; so do those that nobody's cursor can be from any more.
WITH wrong AS (
    DELETE FROM days WHERE day > :day::date OR day < :day::date - 30
)
INSERT INTO days (day) VALUES (:day::date) ON CONFLICT (day) DO NOTHING;
