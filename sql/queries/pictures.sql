-- The first pictures of many views at once: one statement, one snapshot, a row for each row of each view.
-- The parameters are columns of equal length, one element a view; n is its place. Infinite bounds stand
-- for "no bound", so that the indexes on time can be used. Every view costs at most :most rows.

-- name: picture_bookings
SELECT pg_current_snapshot()::text AS cursor, v.n, b.row
  FROM unnest(:people::uuid[], :since::timestamptz[], :until::timestamptz[], :students::uuid[],
              :instructors::uuid[], :aircraft::text[], :airports::text[], :statuses::text[]) WITH ORDINALITY
       AS v (person, since, until, student, instructor, aircraft, airport, statuses, n)
  LEFT JOIN LATERAL (
       SELECT (to_jsonb(p) || jsonb_build_object('student_name', s.first_name || ' ' || s.last_name,
                                                 'instructor_name', i.first_name || ' ' || i.last_name))::text AS row
         FROM (SELECT * FROM bookings
                WHERE v.person IS NOT NULL AND (student_id = v.person OR instructor_id = v.person)
                UNION ALL
               SELECT * FROM bookings
                WHERE v.person IS NULL AND scheduled_datetime >= v.since
                  AND (scheduled_datetime < v.until OR (v.until = 'infinity' AND scheduled_datetime = v.until))) AS p
         JOIN users AS s ON s.id = p.student_id
         JOIN users AS i ON i.id = p.instructor_id
        WHERE p.scheduled_datetime >= v.since AND (p.scheduled_datetime < v.until OR v.until = 'infinity')
          AND (v.student IS NULL OR p.student_id = v.student)
          AND (v.instructor IS NULL OR p.instructor_id = v.instructor)
          AND (v.aircraft IS NULL OR p.aircraft_id = v.aircraft)
          AND (v.airport IS NULL OR v.airport IN (p.departure_airport, p.arrival_airport))
          AND (v.statuses IS NULL OR p.status = ANY (string_to_array(v.statuses, ',')))
        ORDER BY p.scheduled_datetime, p.id
        LIMIT :most::int) AS b ON true
 ORDER BY v.n;

-- name: picture_notifications
SELECT pg_current_snapshot()::text AS cursor, v.n, b.row
  FROM unnest(:people::uuid[], :read::boolean[]) WITH ORDINALITY AS v (person, read, n)
  LEFT JOIN LATERAL (
       SELECT to_jsonb(p)::text AS row
         FROM notifications AS p
        WHERE p.user_id = v.person AND (v.read IS NULL OR p.read = v.read)
        ORDER BY p.created_at DESC, p.id
        LIMIT :most::int) AS b ON true
 ORDER BY v.n;

-- name: picture_board
-- Masked: no surname, no person's id. "screen" is the one airport that the reader's kiosk hangs at.
SELECT pg_current_snapshot()::text AS cursor, v.n, b.row
  FROM unnest(:since::timestamptz[], :until::timestamptz[], :screens::text[], :airports::text[], :statuses::text[])
       WITH ORDINALITY AS v (since, until, screen, airport, statuses, n)
  LEFT JOIN LATERAL (
       SELECT jsonb_build_object(
                  'id', p.id, 'scheduled_datetime', p.scheduled_datetime, 'duration_minutes', p.duration_minutes,
                  'aircraft_id', p.aircraft_id, 'departure_airport', p.departure_airport,
                  'arrival_airport', p.arrival_airport, 'status', p.status,
                  'rescheduled_to_datetime', p.rescheduled_to_datetime,
                  'pilot', CASE WHEN s.last_name = '' THEN s.first_name
                                ELSE trim(s.first_name || ' ' || left(s.last_name, 1) || '.') END,
                  'instructor', CASE WHEN i.last_name = '' THEN i.first_name
                                     ELSE trim(i.first_name || ' ' || left(i.last_name, 1) || '.') END)::text AS row
         FROM bookings AS p
         JOIN users AS s ON s.id = p.student_id
         JOIN users AS i ON i.id = p.instructor_id
        WHERE p.scheduled_datetime >= v.since AND (p.scheduled_datetime < v.until OR v.until = 'infinity')
          AND (v.screen IS NULL OR v.screen IN (p.departure_airport, p.arrival_airport))
          AND (v.airport IS NULL OR v.airport IN (p.departure_airport, p.arrival_airport))
          AND (v.statuses IS NULL OR p.status = ANY (string_to_array(v.statuses, ',')))
        ORDER BY p.scheduled_datetime, p.id
        LIMIT :most::int) AS b ON true
 ORDER BY v.n;

-- name: picture_reschedule
SELECT pg_current_snapshot()::text AS cursor, v.n, b.row
  FROM unnest(:people::uuid[], :bookings::uuid[], :escalated::boolean[]) WITH ORDINALITY
       AS v (person, booking, escalated, n)
  LEFT JOIN LATERAL (
       SELECT (to_jsonb(p) || jsonb_build_object('student_name', s.first_name || ' ' || s.last_name,
                                                 'instructor_name', i.first_name || ' ' || i.last_name))::text AS row
         FROM reschedulings AS p
         JOIN users AS s ON s.id = p.student_id
         JOIN users AS i ON i.id = p.instructor_id
        WHERE (v.person IS NULL OR p.student_id = v.person OR p.instructor_id = v.person)
          AND (v.booking IS NULL OR p.id = v.booking)
          AND (v.escalated IS NULL OR (p.escalated_at IS NOT NULL) = v.escalated)
        ORDER BY p.deadline, p.id
        LIMIT :most::int) AS b ON true
 ORDER BY v.n;

-- name: picture_devices
SELECT pg_current_snapshot()::text AS cursor, v.n, b.row
  FROM unnest(:people::uuid[], :revoked::boolean[]) WITH ORDINALITY AS v (own, revoked, n)
  LEFT JOIN LATERAL (
       SELECT (to_jsonb(p) - 'hash')::text AS row
         FROM devices AS p
        WHERE (v.own IS NULL OR p.id = v.own)
          AND (v.revoked IS NULL OR (p.revoked_at IS NOT NULL) = v.revoked)
        ORDER BY p.created_at, p.id
        LIMIT :most::int) AS b ON true
 ORDER BY v.n;
