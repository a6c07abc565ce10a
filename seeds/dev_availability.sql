-- Development availability: when the people of dev_users.sql can usually fly, and the exceptions.
-- Never run in production.
--
-- Patterns are weekly and in the school's own time (day 0 is Sunday); their ids are fixed, and running
-- it again adds only what is missing. Overrides are for days to come, beyond the seeded bookings: those
-- whose day has passed are put on again. A user who no longer exists is passed over.

DO $$
BEGIN
    IF current_setting('hub.env', true) IS DISTINCT FROM 'dev' THEN
        RAISE EXCEPTION 'seeds are for development only'
            USING HINT = 'Run "HUB_ENV=dev hub seed", or psql with PGOPTIONS="-c hub.env=dev".';
    END IF;
END
$$;

-- Where the school is, if nobody has said yet: these hours are on its clock, whoever serves them.
INSERT INTO school (timezone)
VALUES (coalesce(nullif(current_setting('hub.timezone', true), ''), 'America/Los_Angeles'))
ON CONFLICT DO NOTHING;

-- One line a weekly window, repeated for the days listed. The id is made of the line and the day.
INSERT INTO availability_patterns (id, user_id, day_of_week, start_time, end_time, is_active)
SELECT ('a7000000-0000-4000-8000-' || lpad((p.line * 10 + day)::text, 12, '0'))::uuid,
       u.id, day, p.start_time::time, p.end_time::time, p.is_active
  FROM (VALUES
    ( 1, 'cf100000-0000-4000-8000-000000000001', '{1,2,3,4,5}', '07:00', '12:00', true),
    ( 2, 'cf100000-0000-4000-8000-000000000001', '{1,2,3,4,5}', '13:00', '18:30', true),
    ( 3, 'cf100000-0000-4000-8000-000000000002', '{2,3,4,5,6}', '09:00', '19:00', true),
    ( 4, 'cf100000-0000-4000-8000-000000000003', '{0,1,3,5,6}', '08:00', '17:00', true),
    ( 5, 'cf100000-0000-4000-8000-000000000003', '{1,3}',       '18:00', '21:00', false),
    ( 6, '5d000000-0000-4000-8000-000000000001', '{1,3,5}',     '08:00', '12:00', true),
    ( 7, '5d000000-0000-4000-8000-000000000001', '{6}',         '09:00', '17:00', true),
    ( 8, '5d000000-0000-4000-8000-000000000002', '{2,4}',       '16:00', '20:00', true),
    ( 9, '5d000000-0000-4000-8000-000000000002', '{0,6}',       '08:00', '18:00', true),
    (10, '5d000000-0000-4000-8000-000000000003', '{1,2,3,4,5}', '09:30', '15:00', true),
    (11, '5d000000-0000-4000-8000-000000000004', '{1,2,4}',     '13:00', '19:00', true),
    (12, '5d000000-0000-4000-8000-000000000005', '{0,3,6}',     '07:30', '16:00', true),
    (13, '5d000000-0000-4000-8000-000000000006', '{2,4,5}',     '10:00', '14:30', true),
    (14, '5d000000-0000-4000-8000-000000000007', '{1,2,3,4,5}', '06:30', '09:30', true),
    (15, '5d000000-0000-4000-8000-000000000007', '{0}',         '10:00', '16:00', false),
    (16, '5d000000-0000-4000-8000-000000000008', '{3,4,5,6}',   '11:00', '18:00', true)
  ) AS p (line, user_id, days, start_time, end_time, is_active)
  JOIN users u ON u.id = p.user_id::uuid
 CROSS JOIN LATERAL unnest(p.days::integer[]) AS day
ON CONFLICT DO NOTHING;

-- The exceptions, in days from today at the school. No times: the whole day.
DO $$
DECLARE
    -- hub.seed_now lets a test choose the moment.
    today date := (coalesce(nullif(current_setting('hub.seed_now', true), '')::timestamptz, now())
                   AT TIME ZONE 'America/Los_Angeles')::date;
BEGIN
    DELETE FROM availability_overrides
     WHERE id::text LIKE 'a0e00000-0000-4000-8000-%' AND override_date < today;

    INSERT INTO availability_overrides (id, user_id, override_date, start_time, end_time, is_blocked, reason)
    SELECT ('a0e00000-0000-4000-8000-' || lpad(o.line::text, 12, '0'))::uuid,
           u.id, today + o.day, o.start_time::time, o.end_time::time, o.is_blocked, o.reason
      FROM (VALUES
        (1, 'cf100000-0000-4000-8000-000000000001',  6, NULL,    NULL,    true,  'Away: CFI renewal clinic'),
        (2, 'cf100000-0000-4000-8000-000000000001', 12, '08:00', '13:00', false, 'Extra morning'),
        (3, 'cf100000-0000-4000-8000-000000000002',  7, '09:00', '12:00', true,  'Stage check with another student'),
        (4, 'cf100000-0000-4000-8000-000000000003',  9, NULL,    NULL,    true,  'N5214R in for its 100-hour inspection'),
        (5, '5d000000-0000-4000-8000-000000000001',  5, '08:00', '12:00', true,  'Exam'),
        (6, '5d000000-0000-4000-8000-000000000003',  8, NULL,    NULL,    true,  'Travelling'),
        (7, '5d000000-0000-4000-8000-000000000003',  9, NULL,    NULL,    true,  'Travelling'),
        (8, '5d000000-0000-4000-8000-000000000006', 10, '15:00', '19:00', false, 'Free afternoon'),
        (9, '5d000000-0000-4000-8000-000000000008',  6, '11:00', '14:00', true,  NULL)
      ) AS o (line, user_id, day, start_time, end_time, is_blocked, reason)
      JOIN users u ON u.id = o.user_id::uuid
    ON CONFLICT DO NOTHING;
END
$$;
