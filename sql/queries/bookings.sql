-- Whose: :person is the reader who sees only the rows that name them, null for one who sees all.
-- Reads give one row, whatever they find: the snapshot they saw and, as JSON text, what is shown. A page
-- is many rows, so PostgreSQL writes each as it is shown, its members in the model's order, but for Z.

-- name: bookings_page(since, after_time, until, after_id, most)^
-- One page of the whole schedule, in order of time. Planned once: PostgreSQL keeps a plan for all values if
-- that seems no dearer than one for each, and an unknown number of rows would seem much dearer. So the
-- most a page can have is said as well: planning anew took as long as reading.
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
         FROM (SELECT * FROM (
               SELECT * FROM bookings AS b
                WHERE b.scheduled_datetime >= greatest(:since::timestamptz, :after_time::text::timestamptz)
                  AND b.scheduled_datetime <= coalesce(:until::timestamptz, 'infinity')
                  AND b.scheduled_datetime IS DISTINCT FROM :until
                  AND NOT (b.scheduled_datetime = :after_time::text::timestamptz AND b.id <= :after_id::uuid)
                ORDER BY b.scheduled_datetime, b.id
                LIMIT 101) AS b
                LIMIT :most::int) AS b
         JOIN users AS s ON s.id = b.student_id
         JOIN users AS i ON i.id = b.instructor_id
        ORDER BY b.scheduled_datetime, b.id) AS shown) AS rows;

-- name: bookings_page_narrowed(since, until, after_time, after_id, status, aircraft_id, airport, most)^
-- The same, narrowed by more than time. Apart from bookings_page, since its plan depends on what is given.
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
         FROM (SELECT * FROM bookings AS b
                WHERE b.scheduled_datetime >= coalesce(:since::timestamptz, '-infinity')
                  AND (:until::timestamptz IS NULL OR b.scheduled_datetime < :until)
                  AND (b.scheduled_datetime, b.id) > (:after_time::text::timestamptz, :after_id::uuid)
                  AND (:status::text[] IS NULL OR b.status = ANY (:status))
                  AND (:aircraft_id::text IS NULL OR b.aircraft_id = :aircraft_id)
                  AND (:airport::text IS NULL OR :airport IN (b.departure_airport, b.arrival_airport))
                ORDER BY b.scheduled_datetime, b.id
                LIMIT :most::int) AS b
         JOIN users AS s ON s.id = b.student_id
         JOIN users AS i ON i.id = b.instructor_id
        ORDER BY b.scheduled_datetime, b.id) AS shown) AS rows;

-- name: bookings_page_of(person, status, since, until, after_time, after_id, student_id, instructor_id, aircraft_id, airport, most)^
-- One page of the bookings that name somebody. Apart from bookings_page, since its plan starts from
-- the person: both (student_id, status) and (instructor_id, status) are indexed.
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
         FROM (SELECT * FROM bookings AS b
                WHERE (b.student_id = :person::uuid OR b.instructor_id = :person)
                  AND b.status = ANY (coalesce(:status::text[],
                          '{CONFIRMED,AT_RISK,RESCHEDULING,CANCELLED,COMPLETED}'))
                  AND b.scheduled_datetime >= coalesce(:since::timestamptz, '-infinity')
                  AND (:until::timestamptz IS NULL OR b.scheduled_datetime < :until)
                  AND (b.scheduled_datetime, b.id) > (:after_time::text::timestamptz, :after_id::uuid)
                  AND (:student_id::uuid IS NULL OR b.student_id = :student_id)
                  AND (:instructor_id::uuid IS NULL OR b.instructor_id = :instructor_id)
                  AND (:aircraft_id::text IS NULL OR b.aircraft_id = :aircraft_id)
                  AND (:airport::text IS NULL OR :airport IN (b.departure_airport, b.arrival_airport))
                ORDER BY b.scheduled_datetime, b.id
                LIMIT :most::int) AS b
         JOIN users AS s ON s.id = b.student_id
         JOIN users AS i ON i.id = b.instructor_id
        ORDER BY b.scheduled_datetime, b.id) AS shown) AS rows;

-- name: bookings_each(id, person)
-- One booking for each of many who ask, and what it was rescheduled from and to: :id and :person are
-- columns, and every row is judged for its own reader. The sub-selects hide them from the planner, which
-- would believe that a plan for so many rows is worth making, each time anew.
SELECT pg_current_snapshot()::text AS snapshot, row_to_json(shown)::text AS row, o.id::text AS original,
       ARRAY(SELECT n.id::text
               FROM bookings AS n
              WHERE n.original_booking_id = asked.id
                AND (asked.person IS NULL OR asked.person IN (n.student_id, n.instructor_id))
              ORDER BY n.created_at, n.id) AS successors
  FROM unnest((SELECT :id::uuid[]), (SELECT :person::uuid[])) WITH ORDINALITY AS asked (id, person, place)
  LEFT JOIN (SELECT b.*, s.first_name || ' ' || s.last_name AS student_name,
                    i.first_name || ' ' || i.last_name AS instructor_name
               FROM bookings AS b
               JOIN users AS s ON s.id = b.student_id
               JOIN users AS i ON i.id = b.instructor_id) AS shown
         ON shown.id = asked.id
        AND (asked.person IS NULL OR asked.person IN (shown.student_id, shown.instructor_id))
  LEFT JOIN bookings AS o
         ON o.id = shown.original_booking_id
        AND (asked.person IS NULL OR asked.person IN (o.student_id, o.instructor_id))
 ORDER BY asked.place;

-- name: booking_locked(id, person)$
-- The row as it is once nobody else is changing it. The names are looked up, not joined: a row that
-- changed hands while we waited would fall out of the join, but not out of this.
SELECT (to_jsonb(b) || jsonb_build_object(
           'student_name', (SELECT first_name || ' ' || last_name FROM users WHERE id = b.student_id),
           'instructor_name', (SELECT first_name || ' ' || last_name FROM users WHERE id = b.instructor_id)))::text
  FROM bookings AS b
 WHERE b.id = :id::uuid
   AND (:person::uuid IS NULL OR :person IN (b.student_id, b.instructor_id))
   FOR UPDATE OF b;

-- name: booking_people(student_id, instructor_id)^
-- What two people are, for a booking that will name them.
SELECT (SELECT role FROM users WHERE id = :student_id::uuid) AS student_role,
       (SELECT training_level FROM users WHERE id = :student_id) AS training_level,
       (SELECT role FROM users WHERE id = :instructor_id::uuid) AS instructor_role;

-- name: slots_held(taken)^
-- Waits for the turn of each, in one order whoever asks: that of the locks' own numbers, since two
-- names may share one. Counted, so that one row says that all are held.
SELECT count(*)
  FROM (SELECT pg_advisory_xact_lock(1752523635, turn.number)
          FROM (SELECT DISTINCT hashtext(name) AS number FROM unnest(:taken::text[]) AS name ORDER BY number) AS turn) AS held;

-- name: booking_create(student_id, instructor_id, training_level, aircraft_id, departure_airport, arrival_airport, departure_latitude, departure_longitude, arrival_latitude, arrival_longitude, scheduled_datetime, duration_minutes)^
-- Nothing is made unless the student is one, the instructor is one, and a training level is known;
-- the answer says what the two people are.
WITH people AS (
    SELECT (SELECT role FROM users WHERE id = :student_id::uuid) AS student_role,
           (SELECT role FROM users WHERE id = :instructor_id::uuid) AS instructor_role,
           coalesce(:training_level::text, (SELECT training_level FROM users WHERE id = :student_id)) AS training_level
), made AS (
    INSERT INTO bookings (student_id, instructor_id, aircraft_id, departure_airport, arrival_airport,
                          departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
                          scheduled_datetime, training_level, duration_minutes)
    SELECT :student_id, :instructor_id, :aircraft_id::text, :departure_airport::text, :arrival_airport::text,
           :departure_latitude::float8, :departure_longitude::float8, :arrival_latitude::float8, :arrival_longitude::float8,
           :scheduled_datetime::timestamptz, p.training_level, :duration_minutes::int
      FROM people AS p
     WHERE p.student_role = 'STUDENT' AND p.instructor_role = 'INSTRUCTOR' AND p.training_level IS NOT NULL
    RETURNING *
)
SELECT p.*,
       (SELECT (to_jsonb(b) || jsonb_build_object(
                   'student_name', s.first_name || ' ' || s.last_name,
                   'instructor_name', i.first_name || ' ' || i.last_name))::text
          FROM made AS b
          JOIN users AS s ON s.id = b.student_id
          JOIN users AS i ON i.id = b.instructor_id) AS row
  FROM people AS p;

-- name: booking_change(patch, id)$
-- RFC 7396 for a flat row: members given replace, null clears, the rest stays. No row comes back when
-- nothing would change.
UPDATE bookings AS b
   SET (student_id, instructor_id, aircraft_id, departure_airport, arrival_airport,
        departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
        scheduled_datetime, status, training_level, duration_minutes) = (
       SELECT n.student_id, n.instructor_id, n.aircraft_id, n.departure_airport, n.arrival_airport,
              n.departure_latitude, n.departure_longitude, n.arrival_latitude, n.arrival_longitude,
              n.scheduled_datetime, n.status, n.training_level, n.duration_minutes
         FROM jsonb_populate_record(b, :patch::jsonb) AS n)
 WHERE b.id = :id::uuid
   AND jsonb_populate_record(b, :patch) IS DISTINCT FROM b
RETURNING (to_jsonb(b) || jsonb_build_object(
              'student_name', (SELECT first_name || ' ' || last_name FROM users WHERE id = b.student_id),
              'instructor_name', (SELECT first_name || ' ' || last_name FROM users WHERE id = b.instructor_id)))::text;

-- name: booking_successors(id)$
-- What a booking was rescheduled to.
SELECT coalesce(jsonb_agg(jsonb_build_object('id', n.id, 'scheduled_datetime', n.scheduled_datetime, 'status', n.status)
                          ORDER BY n.scheduled_datetime, n.id), '[]')::text
  FROM bookings AS n
 WHERE n.original_booking_id = :id::uuid;

-- name: booking_delete(id)$
DELETE FROM bookings WHERE id = :id::uuid RETURNING id::text;

-- name: booking_clashes(aircraft_id, instructor_id, student_id, id, starts, duration_minutes)$
-- Which live bookings hold the aircraft, the instructor or the student in that time, said without
-- saying who flies: what is held, from when and until when.
SELECT coalesce(jsonb_agg(to_jsonb(c) - 'id' ORDER BY c.starts, c.id), '[]')::text
  FROM (SELECT b.id, b.scheduled_datetime AS starts,
               b.scheduled_datetime + b.duration_minutes * interval '1 minute' AS ends,
               b.aircraft_id = :aircraft_id::text AS aircraft,
               b.instructor_id = :instructor_id::uuid AS instructor,
               b.student_id = :student_id::uuid AS student
          FROM bookings AS b
         WHERE (b.aircraft_id = :aircraft_id OR b.instructor_id = :instructor_id OR b.student_id = :student_id)
           AND b.status IN ('CONFIRMED', 'AT_RISK', 'RESCHEDULING')
           AND b.id IS DISTINCT FROM :id::uuid
           AND tsrange(b.scheduled_datetime AT TIME ZONE 'UTC',
                       (b.scheduled_datetime AT TIME ZONE 'UTC') + b.duration_minutes * interval '1 minute')
            && tsrange(:starts::timestamptz AT TIME ZONE 'UTC',
                       (:starts AT TIME ZONE 'UTC') + :duration_minutes::int * interval '1 minute')
         ORDER BY b.scheduled_datetime, b.id
         LIMIT 20) AS c;
