-- name: bookings_upcoming(hours, after_time, after_id, most)^
-- One page of what the weather monitor watches: flights of the next hours that the weather may still
-- change. Each status by itself, so that idx_bookings_upcoming gives its rows in order of time.
SELECT pg_current_snapshot()::text AS snapshot, ARRAY(
       SELECT row_to_json(shown)::text
         FROM (
       SELECT b.id, b.student_id, s.first_name || ' ' || s.last_name AS student_name,
              b.instructor_id, i.first_name || ' ' || i.last_name AS instructor_name,
              b.aircraft_id, b.departure_airport, b.arrival_airport,
              b.departure_latitude::float8, b.departure_longitude::float8,
              b.arrival_latitude::float8, b.arrival_longitude::float8,
              b.scheduled_datetime, b.status, b.training_level, b.duration_minutes,
              b.original_booking_id, b.rescheduled_to_datetime, b.created_at, b.updated_at
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
        ORDER BY b.scheduled_datetime, b.id) AS shown) AS rows;
