-- What `hub simulate` writes, as other programs would: the weather monitor, the rescheduling AI, students
-- and instructors, dispatch. Every change names the status it expects to find, so that whoever else
-- writes meanwhile (you, in psql) wins. Lists are in a fixed order: the same seed, the same day.

-- name: simulate_people()
SELECT id, role, training_level, first_name || ' ' || last_name AS name FROM users ORDER BY role, id;

-- name: simulate_airports()
-- Where the school's latest flights went.
SELECT DISTINCT ON (code) code, latitude, longitude
  FROM (SELECT * FROM bookings ORDER BY scheduled_datetime DESC, id LIMIT 500) AS b
 CROSS JOIN LATERAL (VALUES (departure_airport, departure_latitude, departure_longitude),
                            (arrival_airport, arrival_latitude, arrival_longitude)) AS a (code, latitude, longitude)
 ORDER BY code, latitude, longitude;

-- name: simulate_fleet()
-- Which aircraft flew from where.
SELECT DISTINCT aircraft_id AS aircraft, departure_airport AS base
  FROM (SELECT * FROM bookings ORDER BY scheduled_datetime DESC, id LIMIT 500) AS b
 WHERE aircraft_id IS NOT NULL
 ORDER BY aircraft, base;

-- name: simulate_clock()
-- The database's time, the school's zone, and how many flights are still to come.
SELECT now() AS now, coalesce((SELECT timezone FROM school), 'UTC') AS zone, count(*) AS to_come,
       count(*) FILTER (WHERE status = 'AT_RISK') AS at_risk,
       count(*) FILTER (WHERE status = 'RESCHEDULING') AS rescheduling
  FROM bookings
 WHERE status IN ('CONFIRMED', 'AT_RISK', 'RESCHEDULING') AND scheduled_datetime > now();

-- name: simulate_flights(statuses, since, until)
-- Flights in one of the statuses that depart between two spans from now.
SELECT b.*, s.first_name || ' ' || s.last_name AS student, i.first_name || ' ' || i.last_name AS instructor
  FROM bookings b
  JOIN users s ON s.id = b.student_id
  JOIN users i ON i.id = b.instructor_id
 WHERE b.status = ANY (:statuses::text[])
   AND b.scheduled_datetime > now() + :since::interval AND b.scheduled_datetime < now() + :until::interval
 ORDER BY b.scheduled_datetime, b.id
 LIMIT 100;

-- name: simulate_free(times, minutes, zone, student_id, instructor_id, aircraft_id)
-- Of these times, those at which nobody and nothing involved is in another live booking; and whether they suit
-- both people by what they said of their hours, as far as one row of it says so.
SELECT t AS at,
       NOT EXISTS (
       SELECT FROM unnest(ARRAY[:student_id::uuid, :instructor_id::uuid]) AS person
        WHERE NOT EXISTS (
              SELECT FROM availability_patterns p
               WHERE p.user_id = person AND p.is_active AND p.day_of_week = extract(dow FROM flown.begins)
                 AND p.start_time <= flown.begins::time AND flown.ends::time <= p.end_time)
          AND NOT EXISTS (
              SELECT FROM availability_overrides o
               WHERE o.user_id = person AND NOT o.is_blocked AND o.override_date = flown.begins::date
                 AND coalesce(o.start_time, '00:00') <= flown.begins::time AND flown.ends::time <= coalesce(o.end_time, '24:00'))
           OR EXISTS (
              SELECT FROM availability_overrides o
               WHERE o.user_id = person AND o.is_blocked AND o.override_date = flown.begins::date
                 AND coalesce(o.start_time, '00:00') < flown.ends::time AND flown.begins::time < coalesce(o.end_time, '24:00'))
       ) AND flown.begins::date = flown.ends::date AS suits
  FROM unnest(:times::timestamptz[]) AS t
 CROSS JOIN LATERAL (
       SELECT t AT TIME ZONE :zone::text AS begins,
              (t + :minutes::integer * interval '1 minute') AT TIME ZONE :zone::text AS ends) AS flown
 WHERE NOT EXISTS (
       SELECT FROM bookings b
        WHERE b.status IN ('CONFIRMED', 'AT_RISK', 'RESCHEDULING')
          AND (b.student_id = :student_id OR b.instructor_id = :instructor_id OR b.aircraft_id = :aircraft_id::text)
          AND b.scheduled_datetime < t + :minutes::integer * interval '1 minute'
          AND b.scheduled_datetime + b.duration_minutes * interval '1 minute' > t)
 ORDER BY t;

-- name: simulate_move(ids, before, after)
-- From one status to another, those that still are in the first.
WITH found AS (
    SELECT id FROM bookings WHERE id = ANY (:ids::uuid[]) AND status = :before ORDER BY id FOR UPDATE
)
UPDATE bookings b SET status = :after FROM found WHERE b.id = found.id RETURNING b.id;

-- name: simulate_notify(ids, users, bookings, type, titles, messages)!
INSERT INTO notifications (id, user_id, booking_id, type, title, message)
SELECT n.id, n.user_id, n.booking_id, :type::text, n.title, n.message
  FROM unnest(:ids::uuid[], :users::uuid[], :bookings::uuid[], :titles::text[], :messages::text[])
       AS n (id, user_id, booking_id, title, message);

-- name: simulate_book(id, student_id, instructor_id, aircraft_id, origin, destination, origin_latitude, origin_longitude, destination_latitude, destination_longitude, at, minutes, level)!
INSERT INTO bookings (id, student_id, instructor_id, aircraft_id, departure_airport, arrival_airport,
                      departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
                      scheduled_datetime, duration_minutes, training_level)
VALUES (:id, :student_id, :instructor_id, :aircraft_id, :origin, :destination,
        :origin_latitude, :origin_longitude, :destination_latitude, :destination_longitude,
        :at, :minutes, :level);

-- name: simulate_withdraw(id)
DELETE FROM bookings WHERE id = :id AND status = 'CONFIRMED' RETURNING id;

-- name: simulate_shift(id, at)
UPDATE bookings SET scheduled_datetime = :at WHERE id = :id AND status = 'CONFIRMED' RETURNING id;

-- name: simulate_reassign(id, instructor_id)
UPDATE bookings SET instructor_id = :instructor_id WHERE id = :id AND status IN ('CONFIRMED', 'AT_RISK') RETURNING id;

-- name: simulate_trade(ids, students, levels)
-- Each booking gets its new student: one statement, since nobody may hold two places on the way.
UPDATE bookings b SET student_id = t.student_id, training_level = t.level
  FROM unnest(:ids::uuid[], :students::uuid[], :levels::text[]) AS t (id, student_id, level)
 WHERE b.id = t.id AND b.status = 'CONFIRMED'
RETURNING b.id;

-- name: simulate_begin_offer(id)$
-- Takes the booking for a new set of options. Those it had, and the rankings of them, are gone.
WITH taken AS (
    UPDATE bookings SET status = 'RESCHEDULING'
     WHERE id = :id AND status IN ('AT_RISK', 'RESCHEDULING') AND scheduled_datetime > now() + interval '45 minutes'
    RETURNING id
), forgotten AS (
    DELETE FROM preference_rankings USING taken WHERE booking_id = taken.id
)
SELECT id FROM taken;

-- name: simulate_clear_options(id)!
DELETE FROM reschedule_options WHERE booking_id = :id;

-- name: simulate_offer(booking, ids, times, forecasts, scores)!
INSERT INTO reschedule_options (id, booking_id, suggested_datetime, weather_forecast, ai_confidence_score)
SELECT o.id, :booking::uuid, o.at, o.forecast::jsonb, o.score
  FROM unnest(:ids::uuid[], :times::timestamptz[], :forecasts::text[], :scores::numeric[]) AS o (id, at, forecast, score);

-- name: simulate_ask(booking, ids, users)$
-- A ranking to come from each party, and by when: 30 minutes before departure or 12 hours from the
-- notification of this same transaction, whichever is first.
WITH asked AS (
    INSERT INTO preference_rankings (id, booking_id, user_id, deadline)
    SELECT p.id, b.id, p.user_id, least(b.scheduled_datetime - interval '30 minutes', now() + interval '12 hours')
      FROM bookings b, unnest(:ids::uuid[], :users::uuid[]) AS p (id, user_id)
     WHERE b.id = :booking
    RETURNING deadline
)
SELECT min(deadline) FROM asked;

-- name: simulate_rankings()
-- Each party's ranking of every flight being rescheduled: given or awaited.
SELECT p.id, p.booking_id, p.user_id, p.option1_id, p.option2_id, p.option3_id,
       coalesce(p.unavailable_option_ids, '{}') AS unavailable,
       p.deadline, p.submitted_at, p.created_at, b.departure_airport, b.arrival_airport, b.scheduled_datetime,
       b.student_id, b.instructor_id, u.first_name || ' ' || u.last_name AS name,
       ARRAY(SELECT o.id FROM reschedule_options o WHERE o.booking_id = b.id ORDER BY o.suggested_datetime, o.id) AS options
  FROM bookings b
  JOIN preference_rankings p ON p.booking_id = b.id
  JOIN users u ON u.id = p.user_id
 WHERE b.status = 'RESCHEDULING'
 ORDER BY b.scheduled_datetime, b.id, p.user_id
 LIMIT 200;

-- name: simulate_submit(id, option1, option2, option3, unavailable)
UPDATE preference_rankings
   SET option1_id = :option1, option2_id = :option2, option3_id = :option3,
       unavailable_option_ids = :unavailable::uuid[], submitted_at = now()
 WHERE id = :id AND submitted_at IS NULL AND now() < deadline
RETURNING id;

-- name: simulate_options(booking)
SELECT id, suggested_datetime, ai_confidence_score FROM reschedule_options
 WHERE booking_id = :booking AND suggested_datetime > now() + interval '30 minutes'
 ORDER BY ai_confidence_score DESC NULLS LAST, suggested_datetime, id;

-- name: simulate_release(id, at)
-- The old booking gives up its time for the new one.
UPDATE bookings SET status = 'CANCELLED', rescheduled_to_datetime = :at
 WHERE id = :id AND status = 'RESCHEDULING'
RETURNING id;

-- name: simulate_succeed(id, original)!
-- The new booking: the old one at its new time.
INSERT INTO bookings (id, student_id, instructor_id, aircraft_id, departure_airport, arrival_airport,
                      departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
                      scheduled_datetime, duration_minutes, training_level, original_booking_id)
SELECT :id::uuid, student_id, instructor_id, aircraft_id, departure_airport, arrival_airport,
       departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
       rescheduled_to_datetime, duration_minutes, training_level, id
  FROM bookings WHERE id = :original;

-- name: simulate_still_awaited(ids)
-- Once they are held: what the hub's own clock has done about them shows in their marks.
SELECT id, reminded_at, escalated_at FROM preference_rankings
 WHERE id = ANY (:ids::uuid[]) AND submitted_at IS NULL ORDER BY id FOR UPDATE;

-- name: simulate_told(booking, user, type, since)
SELECT id FROM notifications
 WHERE user_id = :user AND booking_id = :booking AND type = :type AND created_at >= :since
 LIMIT 1;

-- name: simulate_unread(user)
SELECT id FROM notifications WHERE user_id = :user AND NOT read ORDER BY created_at, id LIMIT 200;

-- name: simulate_read(ids, user)
UPDATE notifications SET read = true WHERE id = ANY (:ids::uuid[]) AND user_id = :user AND NOT read RETURNING id;
