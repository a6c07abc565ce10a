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
