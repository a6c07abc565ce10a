-- name: bookings_upcoming(hours, after_time, after_id, most)^
-- One page of what the weather monitor watches: flights of the next hours that the weather may still
-- change. Each status by itself, so that idx_bookings_upcoming gives its rows in order of time.
SELECT pg_current_snapshot()::text AS snapshot, ARRAY(
       SELECT (to_jsonb(b) || jsonb_build_object(
                  'student_name', s.first_name || ' ' || s.last_name,
                  'instructor_name', i.first_name || ' ' || i.last_name))::text
         FROM (SELECT f.*
                 FROM unnest('{CONFIRMED,AT_RISK}'::text[]) AS watched (status)
                CROSS JOIN LATERAL (
                      SELECT * FROM bookings AS b
                       WHERE b.status IN ('CONFIRMED', 'AT_RISK')
                         AND b.status = watched.status
                         AND b.scheduled_datetime >= statement_timestamp()
                         AND b.scheduled_datetime < statement_timestamp() + make_interval(hours => :hours::int)
                         AND (b.scheduled_datetime, b.id) > (:after_time::text::timestamptz, :after_id::uuid)
                       ORDER BY b.scheduled_datetime, b.id
                       LIMIT :most::int) AS f
                ORDER BY f.scheduled_datetime, f.id
                LIMIT :most) AS b
         JOIN users AS s ON s.id = b.student_id
         JOIN users AS i ON i.id = b.instructor_id
        ORDER BY b.scheduled_datetime, b.id) AS rows;
