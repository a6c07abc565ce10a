-- Times of day travel as text both ways: 24:00, which a time may be, is beyond what asyncpg can read.
-- Whose: :person is the user whose rows alone are found, null for everybody's.

-- name: patterns_of(user_id)^
-- Somebody's week, all of it.
SELECT pg_current_snapshot()::text AS snapshot, ARRAY(
       SELECT to_jsonb(p)::text FROM availability_patterns AS p
        WHERE p.user_id = :user_id::uuid
        ORDER BY p.day_of_week, p.start_time, p.end_time, p.id) AS rows;

-- name: overrides_page(user_id, first, before, after_time, after_id, most)^
-- One page of somebody's overrides, in order of time; a whole day begins at its midnight.
SELECT pg_current_snapshot()::text AS snapshot, ARRAY(
       SELECT to_jsonb(o)::text FROM availability_overrides AS o
        WHERE o.user_id = :user_id::uuid
          AND o.override_date >= coalesce(:first::date, '-infinity')
          AND (:before::date IS NULL OR o.override_date < :before)
          AND (o.override_date, coalesce(o.start_time, '00:00'), o.id)
            > (:after_time::text::timestamptz::date, coalesce(:after_time::timestamptz::time, '00:00'), :after_id::uuid)
        ORDER BY o.override_date, coalesce(o.start_time, '00:00'), o.id
        LIMIT :most::int) AS rows;

-- name: availability_said(user_id, first, before, most)^
-- Somebody's week and the first page of their overrides: both, of one snapshot.
SELECT pg_current_snapshot()::text AS snapshot, ARRAY(
       SELECT to_jsonb(p)::text FROM availability_patterns AS p
        WHERE p.user_id = :user_id::uuid
        ORDER BY p.day_of_week, p.start_time, p.end_time, p.id) AS patterns, ARRAY(
       SELECT to_jsonb(o)::text FROM availability_overrides AS o
        WHERE o.user_id = :user_id::uuid
          AND o.override_date >= coalesce(:first::date, '-infinity')
          AND (:before::date IS NULL OR o.override_date < :before)
        ORDER BY o.override_date, coalesce(o.start_time, '00:00'), o.id
        LIMIT :most::int) AS overrides;

-- name: pattern(id, person)^
SELECT pg_current_snapshot()::text AS snapshot,
       (SELECT to_jsonb(p)::text FROM availability_patterns AS p
         WHERE p.id = :id::uuid AND (:person::uuid IS NULL OR p.user_id = :person)) AS row;

-- name: override(id, person)^
SELECT pg_current_snapshot()::text AS snapshot,
       (SELECT to_jsonb(o)::text FROM availability_overrides AS o
         WHERE o.id = :id::uuid AND (:person::uuid IS NULL OR o.user_id = :person)) AS row;

-- name: pattern_locked(id, person)$
SELECT to_jsonb(p)::text FROM availability_patterns AS p
 WHERE p.id = :id::uuid AND (:person::uuid IS NULL OR p.user_id = :person)
   FOR UPDATE OF p;

-- name: override_locked(id, person)$
SELECT to_jsonb(o)::text FROM availability_overrides AS o
 WHERE o.id = :id::uuid AND (:person::uuid IS NULL OR o.user_id = :person)
   FOR UPDATE OF o;

-- name: pattern_create(user_id, draft)^
-- The row, and how many others its user has on that weekday.
INSERT INTO availability_patterns AS p (user_id, day_of_week, start_time, end_time, is_active)
SELECT :user_id::uuid, n.day_of_week, n.start_time, n.end_time, n.is_active
  FROM jsonb_populate_record(NULL::availability_patterns, :draft::jsonb) AS n
RETURNING to_jsonb(p)::text AS row,
          (SELECT count(*) FROM availability_patterns AS q
            WHERE q.user_id = p.user_id AND q.day_of_week = p.day_of_week) AS others;

-- name: override_create(user_id, draft)^
-- The row, and how many others its user has on that date.
INSERT INTO availability_overrides AS o (user_id, override_date, start_time, end_time, is_blocked, reason)
SELECT :user_id::uuid, n.override_date, n.start_time, n.end_time, n.is_blocked, n.reason
  FROM jsonb_populate_record(NULL::availability_overrides, :draft::jsonb) AS n
RETURNING to_jsonb(o)::text AS row,
          (SELECT count(*) FROM availability_overrides AS q
            WHERE q.user_id = o.user_id AND q.override_date = o.override_date) AS others;

-- name: pattern_change(patch, id)^
-- RFC 7396 for a flat row. No row comes back when nothing would change.
UPDATE availability_patterns AS p
   SET (day_of_week, start_time, end_time, is_active) = (
       SELECT n.day_of_week, n.start_time, n.end_time, n.is_active
         FROM jsonb_populate_record(p, :patch::jsonb) AS n)
 WHERE p.id = :id::uuid
   AND jsonb_populate_record(p, :patch) IS DISTINCT FROM p
RETURNING to_jsonb(p)::text AS row,
          (SELECT count(*) FROM availability_patterns AS q
            WHERE q.user_id = p.user_id AND q.day_of_week = p.day_of_week AND q.id <> p.id) AS others;

-- name: override_change(patch, id)^
-- RFC 7396 for a flat row. No row comes back when nothing would change.
UPDATE availability_overrides AS o
   SET (override_date, start_time, end_time, is_blocked, reason) = (
       SELECT n.override_date, n.start_time, n.end_time, n.is_blocked, n.reason
         FROM jsonb_populate_record(o, :patch::jsonb) AS n)
 WHERE o.id = :id::uuid
   AND jsonb_populate_record(o, :patch) IS DISTINCT FROM o
RETURNING to_jsonb(o)::text AS row,
          (SELECT count(*) FROM availability_overrides AS q
            WHERE q.user_id = o.user_id AND q.override_date = o.override_date AND q.id <> o.id) AS others;

-- name: pattern_delete(id)$
DELETE FROM availability_patterns WHERE id = :id::uuid RETURNING id::text;

-- name: override_delete(id)$
DELETE FROM availability_overrides WHERE id = :id::uuid RETURNING id::text;

-- name: free_and_taken(people, first, last, busy, since, until, aircraft_id)^
-- What some people have said about when they can fly, and, if :busy, the times at which a live booking
-- holds one of them or the aircraft. Overrides of :first to :last, both included. Who does not exist
-- is not among the people.
SELECT pg_current_snapshot()::text AS snapshot,
       (SELECT coalesce(jsonb_object_agg(u.id, jsonb_build_object(
                   'role', u.role,
                   'patterns', ARRAY(
                       SELECT jsonb_build_array(p.day_of_week, p.start_time, p.end_time)
                         FROM availability_patterns AS p
                        WHERE p.user_id = u.id AND p.is_active),
                   'overrides', ARRAY(
                       SELECT jsonb_build_array(o.override_date, o.start_time, o.end_time, o.is_blocked)
                         FROM availability_overrides AS o
                        WHERE o.user_id = u.id AND o.override_date BETWEEN :first::date AND :last::date))),
               '{}')::text
          FROM users AS u WHERE u.id = ANY (:people::uuid[])) AS people,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(t.starts, t.ends)), '[]')::text
          FROM (SELECT b.scheduled_datetime AS starts,
                       b.scheduled_datetime + b.duration_minutes * interval '1 minute' AS ends
                  FROM unnest(:people) AS who (id)
                  JOIN bookings AS b ON b.student_id = who.id OR b.instructor_id = who.id
                 WHERE :busy::boolean
                   AND b.status IN ('CONFIRMED', 'AT_RISK', 'RESCHEDULING')
                   AND tsrange(b.scheduled_datetime AT TIME ZONE 'UTC',
                               (b.scheduled_datetime AT TIME ZONE 'UTC') + b.duration_minutes * interval '1 minute')
                    && tsrange(:since::timestamptz AT TIME ZONE 'UTC', :until::timestamptz AT TIME ZONE 'UTC')
                 UNION ALL
                SELECT b.scheduled_datetime,
                       b.scheduled_datetime + b.duration_minutes * interval '1 minute'
                  FROM bookings AS b
                 WHERE :busy AND b.aircraft_id = :aircraft_id::text
                   AND b.status IN ('CONFIRMED', 'AT_RISK', 'RESCHEDULING')
                   AND tsrange(b.scheduled_datetime AT TIME ZONE 'UTC',
                               (b.scheduled_datetime AT TIME ZONE 'UTC') + b.duration_minutes * interval '1 minute')
                    && tsrange(:since AT TIME ZONE 'UTC', :until AT TIME ZONE 'UTC')) AS t) AS taken;
