-- What hangs on the wall.

-- name: board_page(since, until, screen, airport, status, after_time, after_id, most)^
-- One page of the board, in order of time; "screen" is the one airport that the reader's kiosk hangs at.
SELECT pg_current_snapshot()::text AS snapshot, ARRAY(
       SELECT (to_jsonb(b) || jsonb_build_object(
                  'student', jsonb_build_array(s.first_name, s.last_name),
                  'instructor', jsonb_build_array(i.first_name, i.last_name)))::text
         FROM (SELECT id, scheduled_datetime, duration_minutes, aircraft_id, departure_airport, arrival_airport,
                      status, rescheduled_to_datetime, student_id, instructor_id
                 FROM bookings AS b
                WHERE b.scheduled_datetime >= coalesce(:since::timestamptz, '-infinity')
                  AND (:until::timestamptz IS NULL OR b.scheduled_datetime < :until)
                  AND (b.scheduled_datetime, b.id) > (:after_time::text::timestamptz, :after_id::uuid)
                  AND (:status::text[] IS NULL OR b.status = ANY (:status))
                  AND (:screen::text IS NULL OR :screen IN (b.departure_airport, b.arrival_airport))
                  AND (:airport::text IS NULL OR :airport IN (b.departure_airport, b.arrival_airport))
                ORDER BY b.scheduled_datetime, b.id
                LIMIT :most::int) AS b
         JOIN users AS s ON s.id = b.student_id
         JOIN users AS i ON i.id = b.instructor_id
        ORDER BY b.scheduled_datetime, b.id) AS rows;
