-- name: options_of(id, person)^
-- A booking's options as one reader sees them, the AI's favourite first; the reader's own ranking and
-- never another's, but whether the two have answered. :person is the reader where they are one of
-- the two; null for one who sees every booking.
SELECT pg_current_snapshot()::text AS snapshot,
       (SELECT jsonb_build_object(
                  'booking_id', b.id,
                  'deadline', (SELECT min(deadline) FROM preference_rankings WHERE booking_id = b.id),
                  'escalated', EXISTS (SELECT FROM preference_rankings
                                        WHERE booking_id = b.id AND escalated_at IS NOT NULL),
                  'submitted', jsonb_build_object(
                      'student', EXISTS (SELECT FROM preference_rankings AS p
                                          WHERE p.booking_id = b.id AND p.user_id = b.student_id
                                            AND (p.submitted_at IS NOT NULL
                                                 OR cardinality(p.unavailable_option_ids) > 0)),
                      'instructor', EXISTS (SELECT FROM preference_rankings AS p
                                             WHERE p.booking_id = b.id AND p.user_id = b.instructor_id
                                               AND (p.submitted_at IS NOT NULL
                                                    OR cardinality(p.unavailable_option_ids) > 0))),
                  'mine', (SELECT to_jsonb(p) || jsonb_build_object(
                                      'unavailable_option_ids', coalesce(p.unavailable_option_ids, '{}'),
                                      'none_work', p.submitted_at IS NULL
                                                   AND coalesce(cardinality(p.unavailable_option_ids), 0) > 0)
                             FROM preference_rankings AS p
                            WHERE p.booking_id = b.id AND p.user_id = :person::uuid),
                  'items', ARRAY(SELECT to_jsonb(o) FROM reschedule_options AS o
                                  WHERE o.booking_id = b.id
                                  ORDER BY o.ai_confidence_score DESC NULLS LAST, o.suggested_datetime, o.id))::text
          FROM bookings AS b
         WHERE b.id = :id::uuid AND (:person IS NULL OR :person IN (b.student_id, b.instructor_id))) AS row;

-- name: options_not_to_come(times)$
-- Which of these times, counted from 0, are not in the future.
SELECT coalesce(array_agg(t.n - 1 ORDER BY t.n), '{}')
  FROM unnest(:times::timestamptz[]) WITH ORDINALITY AS t (at, n)
 WHERE t.at <= statement_timestamp();

-- name: options_forget_rankings(id)!
-- Before the options they rank: a cascade would take the rows in another order than who submits does.
DELETE FROM preference_rankings WHERE booking_id = :id::uuid;

-- name: options_forget(id)!
DELETE FROM reschedule_options WHERE booking_id = :id::uuid;

-- name: options_make(id, times, forecasts, scores)!
INSERT INTO reschedule_options (booking_id, suggested_datetime, weather_forecast, ai_confidence_score)
SELECT :id::uuid, o.at, o.forecast::jsonb, o.score
  FROM unnest(:times::timestamptz[], :forecasts::text[], :scores::float8[]) AS o (at, forecast, score);

-- name: options_ask(id, before_departure, after_notification)^
-- A ranking to come from each of the two, and by when: as of this statement, since the flight is held by
-- now, and what was told of the options of before was told earlier than that. The notification is to be
-- dated the same.
WITH asked AS (
    INSERT INTO preference_rankings (booking_id, user_id, created_at, deadline)
    SELECT b.id, p.id, statement_timestamp(),
           least(b.scheduled_datetime - :before_departure::interval, statement_timestamp() + :after_notification::interval)
      FROM bookings AS b
     CROSS JOIN LATERAL (VALUES (b.student_id), (b.instructor_id)) AS p (id)
     WHERE b.id = :id::uuid
    RETURNING deadline
)
SELECT to_jsonb(min(deadline)) #>> '{}' AS deadline, min(deadline) <= statement_timestamp() AS past,
       statement_timestamp() AS at
  FROM asked;
