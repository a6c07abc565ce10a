-- Whoever changes a flight that is at risk or being rescheduled holds its row first, then the
-- rankings in order of id. NO KEY: a notification about the flight, written by whatever program,
-- refers to the row and need not wait.

-- name: flight_held(id, person)$
-- The row as it is once nobody else is changing it, for one who sees it. The names are looked up, not
-- joined, as in booking_locked.
SELECT (to_jsonb(b) || jsonb_build_object(
           'student_name', (SELECT first_name || ' ' || last_name FROM users WHERE id = b.student_id),
           'instructor_name', (SELECT first_name || ' ' || last_name FROM users WHERE id = b.instructor_id)))::text
  FROM bookings AS b
 WHERE b.id = :id::uuid
   AND (:person::uuid IS NULL OR :person IN (b.student_id, b.instructor_id))
   FOR NO KEY UPDATE OF b;

-- name: flight_held_if_free(id)$
-- The same, unless somebody is changing it.
SELECT (to_jsonb(b) || jsonb_build_object(
           'student_name', (SELECT first_name || ' ' || last_name FROM users WHERE id = b.student_id),
           'instructor_name', (SELECT first_name || ' ' || last_name FROM users WHERE id = b.instructor_id)))::text
  FROM bookings AS b
 WHERE b.id = :id::uuid
   FOR NO KEY UPDATE OF b SKIP LOCKED;

-- name: flight_status(id, status)$
UPDATE bookings AS b SET status = :status::text
 WHERE b.id = :id::uuid
RETURNING (to_jsonb(b) || jsonb_build_object(
              'student_name', (SELECT first_name || ' ' || last_name FROM users WHERE id = b.student_id),
              'instructor_name', (SELECT first_name || ' ' || last_name FROM users WHERE id = b.instructor_id)))::text;

-- name: offer_rankings
-- What was said of the options so far, held until the end of the transaction: a row for each ranking
-- there is. One that is not theirs, the booking's two, is of somebody who flew when the options were made.
SELECT p.user_id::text AS user_id, ARRAY[p.option1_id, p.option2_id, p.option3_id]::text[] AS choices,
       coalesce(p.unavailable_option_ids, '{}')::text[] AS unavailable,
       to_jsonb(p.deadline) #>> '{}' AS deadline, p.submitted_at IS NOT NULL AS submitted,
       p.reminded_at IS NOT NULL AS reminded, p.escalated_at IS NOT NULL AS escalated,
       p.user_id IN (b.student_id, b.instructor_id) AS theirs
  FROM preference_rankings AS p
  JOIN bookings AS b ON b.id = p.booking_id
 WHERE p.booking_id = :id::uuid
 ORDER BY p.id
   FOR NO KEY UPDATE OF p;

-- name: offer_options(id)^
-- What time it is, and the options of a booking as JSON; to_come says whether one's time still is.
SELECT to_jsonb(statement_timestamp()) #>> '{}' AS now,
       coalesce(jsonb_agg(jsonb_build_object(
           'id', o.id, 'at', o.suggested_datetime, 'score', o.ai_confidence_score,
           'to_come', o.suggested_datetime > statement_timestamp())), '[]')::text AS options
  FROM reschedule_options AS o
 WHERE o.booking_id = :id::uuid;

-- name: flight_released(id, option)$
-- The old booking gives up its time for an option's, if there still is that option.
UPDATE bookings AS b SET status = 'CANCELLED', rescheduled_to_datetime = o.suggested_datetime
  FROM reschedule_options AS o
 WHERE b.id = :id::uuid AND b.status = 'RESCHEDULING' AND o.id = :option::uuid AND o.booking_id = b.id
RETURNING b.id::text;

-- name: flight_succeeded(id)$
-- The new booking: the old one at its new time.
INSERT INTO bookings AS b (student_id, instructor_id, aircraft_id, departure_airport, arrival_airport,
                           departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
                           scheduled_datetime, duration_minutes, training_level, original_booking_id)
SELECT student_id, instructor_id, aircraft_id, departure_airport, arrival_airport,
       departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
       rescheduled_to_datetime, duration_minutes, training_level, id
  FROM bookings WHERE id = :id::uuid
RETURNING (to_jsonb(b) || jsonb_build_object(
              'student_name', (SELECT first_name || ' ' || last_name FROM users WHERE id = b.student_id),
              'instructor_name', (SELECT first_name || ' ' || last_name FROM users WHERE id = b.instructor_id)))::text;

-- name: offer_escalated(id)$
-- Marks the offer; answers whether it was not marked before. Which offer: the rankings there are.
WITH marked AS (
    UPDATE preference_rankings SET escalated_at = statement_timestamp()
     WHERE booking_id = :id::uuid AND escalated_at IS NULL
    RETURNING id
)
SELECT count(*) > 0
       AND NOT EXISTS (SELECT FROM preference_rankings WHERE booking_id = :id AND escalated_at IS NOT NULL)
  FROM marked;

-- name: offer_brought_forward(id, before_departure)!
-- A flight that departs sooner than when its options were made is to be ranked sooner, too.
UPDATE preference_rankings AS p SET deadline = b.scheduled_datetime - :before_departure::interval
  FROM bookings AS b
 WHERE b.id = :id::uuid AND p.booking_id = b.id
   AND p.deadline > b.scheduled_datetime - :before_departure::interval;

-- name: offer_handed_over(id)^
-- Whoever of the two has no ranking gets one, with the deadline and the mark that the offer has; those of
-- others go. Answers whom it was made for, what they are to be told, and whether people were called in.
-- Nobody, where nothing was offered. The rankings are locked in order of id, as ever.
WITH held AS MATERIALIZED (
    SELECT id, user_id, deadline, escalated_at FROM preference_rankings
     WHERE booking_id = :id::uuid ORDER BY id FOR UPDATE
), offer AS (
    SELECT min(deadline) AS deadline, max(escalated_at) AS escalated_at FROM held
), gone AS (
    DELETE FROM preference_rankings AS p USING held, bookings AS b
     WHERE p.id = held.id AND b.id = :id AND p.user_id NOT IN (b.student_id, b.instructor_id)
), made AS (
    INSERT INTO preference_rankings (booking_id, user_id, deadline, escalated_at, created_at)
    SELECT b.id, who.id, o.deadline, o.escalated_at, statement_timestamp()
      FROM offer AS o
     CROSS JOIN bookings AS b
     CROSS JOIN LATERAL (VALUES (b.student_id), (b.instructor_id)) AS who (id)
     WHERE b.id = :id AND o.deadline IS NOT NULL
       AND who.id NOT IN (SELECT user_id FROM held)
        ON CONFLICT ON CONSTRAINT preference_rankings_unique DO NOTHING
    RETURNING user_id::text
)
SELECT ARRAY(SELECT user_id FROM made) AS people,
       to_jsonb(o.deadline) #>> '{}' AS deadline, o.deadline <= statement_timestamp() AS past,
       o.escalated_at IS NOT NULL AS escalated,
       (SELECT count(*) FROM reschedule_options WHERE booking_id = :id) AS options
  FROM offer AS o;

-- name: offer_reminded(id, people)!
UPDATE preference_rankings SET reminded_at = statement_timestamp()
 WHERE booking_id = :id::uuid AND user_id = ANY (:people::uuid[]) AND reminded_at IS NULL;

-- name: offer_told(id, type)$
-- Who was told so of the booking since the present options were made, by whatever program.
SELECT coalesce(array_agg(DISTINCT n.user_id::text), '{}')
  FROM notifications AS n
 WHERE n.booking_id = :id::uuid AND n.type = :type::text
   AND n.created_at >= coalesce((SELECT min(created_at) FROM preference_rankings WHERE booking_id = :id),
                                '-infinity');

-- name: tell(booking_id, people, admins, told, type, title, message, at)!
-- A notification to each of some people, and to every admin if :admins, but for those who were :told.
-- It is dated when it is written, not when its transaction began: whoever waited for the flight to be
-- theirs comes after what they waited for.
INSERT INTO notifications (user_id, booking_id, type, title, message, created_at)
SELECT u.id, :booking_id::uuid, :type::text, :title::text, :message::text,
       coalesce(:at::timestamptz, statement_timestamp())
  FROM users AS u
 WHERE (u.id = ANY (:people::uuid[]) OR (:admins::boolean AND u.role = 'ADMIN'))
   AND u.id <> ALL (:told::uuid[])
 ORDER BY u.id;
