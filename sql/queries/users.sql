-- name: user(id)^
SELECT pg_current_snapshot()::text AS snapshot,
       (SELECT to_jsonb(u)::text FROM users AS u WHERE u.id = :id::uuid) AS row;

-- name: user_and_whether_taught(id, person)^
-- A user, and whether that is a student of the instructor :person: whether they have a booking together.
SELECT pg_current_snapshot()::text AS snapshot,
       (SELECT to_jsonb(u)::text FROM users AS u WHERE u.id = :id::uuid) AS row,
       EXISTS (SELECT FROM bookings WHERE student_id = :id AND instructor_id = :person::uuid) AS taught;

-- name: users_page(taught_by, role, q, after_last, after_first, after_id, most)^
-- One page of users by name: all, or the students who have a booking with :taught_by. :q is found in a
-- name or an address, whatever the case.
SELECT pg_current_snapshot()::text AS snapshot, ARRAY(
       SELECT to_jsonb(u)::text
         FROM (SELECT * FROM users AS u
                WHERE (:taught_by::uuid IS NULL
                       OR u.id IN (SELECT student_id FROM bookings WHERE instructor_id = :taught_by))
                  AND (:role::text IS NULL OR u.role = :role)
                  AND (:q::text IS NULL
                       OR strpos(lower(u.first_name || ' ' || u.last_name), lower(:q)) > 0
                       OR (:taught_by IS NULL AND strpos(lower(u.email), lower(:q)) > 0))
                  AND (u.last_name, u.first_name, u.id) > (:after_last::text, :after_first::text, :after_id::uuid)
                ORDER BY u.last_name, u.first_name, u.id
                LIMIT :most::int) AS u
        ORDER BY u.last_name, u.first_name, u.id) AS rows;

-- name: user_create(draft)$
INSERT INTO users AS u (cognito_user_id, email, first_name, last_name, phone_number, role, training_level)
SELECT n.cognito_user_id, n.email, n.first_name, n.last_name, n.phone_number, n.role, n.training_level
  FROM jsonb_populate_record(NULL::users, :draft::jsonb) AS n
RETURNING to_jsonb(u)::text;

-- name: user_taken(email, cognito_user_id, id)$
-- Which of these somebody else than :id has.
SELECT array_remove(ARRAY[
           CASE WHEN EXISTS (SELECT FROM users WHERE email = :email::text AND id IS DISTINCT FROM :id::uuid)
                THEN 'email' END,
           CASE WHEN EXISTS (SELECT FROM users WHERE cognito_user_id = :cognito_user_id::text AND id IS DISTINCT FROM :id)
                THEN 'cognito_user_id' END], NULL);

-- name: user_locked(id)$
SELECT to_jsonb(u)::text FROM users AS u WHERE u.id = :id::uuid FOR UPDATE OF u;

-- name: user_change(patch, id)$
-- RFC 7396 for a flat row. No row comes back when nothing would change.
UPDATE users AS u
   SET (cognito_user_id, email, first_name, last_name, phone_number, role, training_level) = (
       SELECT n.cognito_user_id, n.email, n.first_name, n.last_name, n.phone_number, n.role, n.training_level
         FROM jsonb_populate_record(u, :patch::jsonb) AS n)
 WHERE u.id = :id::uuid
   AND jsonb_populate_record(u, :patch) IS DISTINCT FROM u
RETURNING to_jsonb(u)::text;

-- name: user_flights_held(id)$
-- Nobody hands over a flight of theirs while it is looked what goes with them.
SELECT count(*)
  FROM (SELECT FROM bookings WHERE student_id = :id::uuid OR instructor_id = :id ORDER BY id FOR UPDATE) AS held;

-- name: user_successors(id)$
-- What bookings of theirs were rescheduled to, where that is others' by now.
SELECT coalesce(jsonb_agg(jsonb_build_object('id', n.id, 'scheduled_datetime', n.scheduled_datetime, 'status', n.status)
                          ORDER BY n.scheduled_datetime, n.id), '[]')::text
  FROM bookings AS b
  JOIN bookings AS n ON n.original_booking_id = b.id
 WHERE (b.student_id = :id::uuid OR b.instructor_id = :id)
   AND :id NOT IN (n.student_id, n.instructor_id);

-- name: user_delete(id)$
DELETE FROM users WHERE id = :id::uuid RETURNING id::text;

-- name: users_to_sign_in(most)^
-- Development only: whom one may sign in as.
SELECT pg_current_snapshot()::text AS snapshot, ARRAY(
       SELECT to_jsonb(u)::text FROM users AS u
        ORDER BY u.role, u.last_name, u.first_name, u.id LIMIT :most::int) AS rows;

-- name: user_sub_by_email(email)$
-- Development only: the token's subject for an address.
SELECT cognito_user_id FROM users WHERE email = :email;
