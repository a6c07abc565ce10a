-- Development bookings: a school in the middle of its day, whenever you look. Never run in production.
--
-- A cast of 49 bookings around *now* (yesterday, today, the next three days), in every status, with their
-- options, preferences and notifications. Times are minutes from the last quarter of an hour, not times
-- of day: the school is lively at any hour, and no clock change can push two flights together.
--
-- Run again within 12 hours it changes nothing. Later, the day is over: the cast, and only the cast, is
-- put on anew around the new now, so that the next morning's `hub up` shows a lively day again. The cast
-- has fixed ids (b0000000-0000-4000-8000-0000000000NN); bookings made by you or by `hub simulate` stay,
-- and a cast booking that would overlap one of them is left out. When the cast was last put on is the
-- latest created_at among it: booking 47 is always the one "just booked".

DO $$
BEGIN
    IF current_setting('hub.env', true) IS DISTINCT FROM 'dev' THEN
        RAISE EXCEPTION 'seeds are for development only'
            USING HINT = 'Run "HUB_ENV=dev hub seed", or psql with PGOPTIONS="-c hub.env=dev".';
    END IF;
END
$$;

DO $$
DECLARE
    -- hub.seed_now lets a test choose the moment.
    moment  timestamptz := coalesce(nullif(current_setting('hub.seed_now', true), '')::timestamptz, now());
    quarter timestamptz := date_bin('15 minutes', moment, 'epoch');
    minute  interval    := '1 minute';  -- never days: a day is not always 24 hours
    cast_id   text := 'b0000000-0000-4000-8000-';
    option_id text := '0b000000-0000-4000-8000-';
    cast_on timestamptz;
BEGIN
    -- Two hubs that start at once put the cast on one after the other, and nobody books in between.
    LOCK TABLE bookings IN SHARE ROW EXCLUSIVE MODE;

    SELECT max(created_at) INTO cast_on FROM bookings WHERE id::text LIKE cast_id || '%';
    IF cast_on > moment - interval '12 hours' THEN
        RETURN;
    END IF;

    -- What grew out of the cast (a booking rescheduled since) stays and stands by itself.
    UPDATE bookings SET original_booking_id = NULL
     WHERE original_booking_id::text LIKE cast_id || '%' AND id::text NOT LIKE cast_id || '%';
    DELETE FROM bookings WHERE id::text LIKE cast_id || '%';

    WITH airports (code, latitude, longitude) AS (VALUES
        ('KPAO', 37.46110000, -122.11500000),  -- Palo Alto
        ('KSQL', 37.51190000, -122.24950000),  -- San Carlos
        ('KHWD', 37.65890000, -122.12170000),  -- Hayward Executive
        ('KLVK', 37.69340000, -121.82040000),  -- Livermore Municipal
        ('KRHV', 37.33290000, -121.81900000),  -- Reid-Hillview, San Jose
        ('KMRY', 36.58700000, -121.84300000),  -- Monterey Regional
        ('KHAF', 37.51340000, -122.50120000),  -- Half Moon Bay
        ('KWVI', 36.93570000, -121.78960000),  -- Watsonville Municipal
        ('KCCR', 37.98970000, -122.05690000),  -- Buchanan Field, Concord
        ('KSTS', 38.50900000, -122.81280000),  -- Sonoma County, Santa Rosa
        ('KSAC', 38.51250000, -121.49350000)   -- Sacramento Executive
    ),
    -- starts: minutes from now. instructor, student: dev_users.sql, by number. Then, in minutes from now, when
    -- the weather became a conflict, when options were offered, when the new time was confirmed.
    plan (n, starts, lasts, instructor, student, aircraft, origin, destination, status, alerted, offered, settled, was) AS (VALUES
        -- Yesterday.
        ( 1, -1860, 90, 1, 1, 'N4821L', 'KPAO', 'KLVK', 'COMPLETED',    NULL::integer, NULL::integer, NULL::integer, NULL::integer),
        ( 2, -1740, 60, 1, 3, 'N4821L', 'KPAO', 'KPAO', 'COMPLETED',    NULL, NULL, NULL, NULL),
        ( 3, -1500, 90, 1, 7, 'N4821L', 'KPAO', 'KHAF', 'CANCELLED',   -1830,-1800,-1690, NULL),
        ( 4, -1650, 90, 2, 2, 'N738ZU', 'KSQL', 'KMRY', 'COMPLETED',    NULL, NULL, NULL, NULL),
        ( 5, -1380, 75, 2, 5, 'N916PA', 'KSQL', 'KSTS', 'COMPLETED',    NULL, NULL, NULL, NULL),
        ( 6, -1560, 60, 3, 4, 'N5214R', 'KHWD', 'KHWD', 'COMPLETED',    NULL, NULL, NULL, NULL),
        ( 7, -1290, 90, 3, 6, 'N5214R', 'KHWD', 'KSAC', 'CANCELLED',    NULL, NULL, NULL, NULL),
        -- Today, Maya.
        ( 8,  -540, 90, 1, 2, 'N4821L', 'KPAO', 'KMRY', 'COMPLETED',    NULL, NULL, NULL, NULL),
        ( 9,  -420, 60, 1, 1, 'N4821L', 'KPAO', 'KRHV', 'COMPLETED',    NULL, NULL, NULL, NULL),
        (10,  -330, 90, 1, 7, 'N4821L', 'KPAO', 'KHAF', 'CANCELLED',    -430, NULL, NULL, NULL),
        (11,  -195, 75, 1, 3, 'N4821L', 'KPAO', 'KPAO', 'COMPLETED',    NULL, NULL, NULL, NULL),
        (12,   -75, 90, 1, 4, 'N4821L', 'KPAO', 'KLVK', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (13,    60, 60, 1, 1, 'N4821L', 'KPAO', 'KSQL', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (14,   135, 75, 1, 8, 'N4821L', 'KPAO', 'KHAF', 'AT_RISK',       -25, NULL, NULL, NULL),
        -- Today, Tomás.
        (15,  -165, 75, 2, 5, 'N738ZU', 'KSQL', 'KSTS', 'COMPLETED',    NULL, NULL, NULL, NULL),
        (16,   -30, 75, 2, 6, 'N738ZU', 'KSQL', 'KCCR', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (17,    90, 90, 2, 3, 'N916PA', 'KSQL', 'KHAF', 'AT_RISK',       -25, NULL, NULL, NULL),
        (18,   210, 60, 2, 7, 'N738ZU', 'KSQL', 'KPAO', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (19,   300, 90, 2, 4, 'N738ZU', 'KSQL', 'KWVI', 'RESCHEDULING', -100,  -45, NULL, NULL),
        (20,   420, 75, 2, 2, 'N738ZU', 'KSQL', 'KMRY', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (28,   570, 60, 2, 6, 'N916PA', 'KSQL', 'KSQL', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        -- Today, Kenji.
        (21,  -360, 90, 3, 8, 'N5214R', 'KHWD', 'KSAC', 'COMPLETED',    NULL, NULL, NULL, NULL),
        (22,  -240, 60, 3, 4, 'N5214R', 'KHWD', 'KHWD', 'COMPLETED',    NULL, NULL, NULL, NULL),
        (23,  -135, 75, 3, 2, 'N2047S', 'KHWD', 'KLVK', 'COMPLETED',    NULL, NULL, NULL, NULL),
        (24,    15, 90, 3, 5, 'N5214R', 'KHWD', 'KMRY', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (25,   120, 75, 3, 2, 'N2047S', 'KHWD', 'KCCR', 'AT_RISK',       -70, NULL, NULL, NULL),
        (26,   225, 90, 3, 1, 'N5214R', 'KHWD', 'KSTS', 'RESCHEDULING', -720, -690, NULL, NULL),
        (27,   330, 60, 3, 6, 'N5214R', 'KHWD', 'KPAO', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (49,   180, 60, 3, 1, 'N5214R', 'KHWD', 'KHWD', 'CANCELLED',    -430, -400, -200, NULL),
        -- Tomorrow.
        (29,  1020, 90, 1, 5, 'N4821L', 'KPAO', 'KMRY', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (30,  1140, 60, 1, 3, 'N4821L', 'KPAO', 'KLVK', 'RESCHEDULING', -210, -180, NULL, NULL),
        (31,  1260, 90, 1, 7,  NULL,    'KPAO', 'KHAF', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (32,  1380, 75, 1, 1, 'N4821L', 'KPAO', 'KSQL', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (33,  1500, 90, 1, 7, 'N4821L', 'KPAO', 'KHAF', 'CONFIRMED',    NULL, NULL, NULL,  3),
        (34,  1290, 75, 2, 8, 'N738ZU', 'KSQL', 'KSTS', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (35,  1395, 90, 2, 2, 'N738ZU', 'KSQL', 'KMRY', 'AT_RISK',      -240, NULL, NULL, NULL),
        (36,  1560, 60, 2, 6, 'N916PA', 'KSQL', 'KSQL', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (37,  1110, 90, 3, 4, 'N5214R', 'KHWD', 'KSAC', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (38,  1245, 60, 3, 6, 'N5214R', 'KHWD', 'KCCR', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (39,  1410, 90, 3, 8, 'N2047S', 'KHWD', 'KWVI', 'RESCHEDULING', -810, -780, NULL, NULL),
        -- The days after.
        (40,  2460, 90, 1, 1, 'N4821L', 'KPAO', 'KMRY', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (41,  2640, 60, 1, 3, 'N4821L', 'KPAO', 'KRHV', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (42,  2760, 75, 2, 5, 'N738ZU', 'KSQL', 'KSTS', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (43,  2880, 90, 2, 2, 'N738ZU', 'KSQL', 'KMRY', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (44,  2700, 90, 3, 6, 'N5214R', 'KHWD', 'KSAC', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (45,  2850, 60, 3, 4, 'N5214R', 'KHWD', 'KLVK', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (46,  4140, 90, 1, 8, 'N4821L', 'KPAO', 'KHAF', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (47,  4260, 75, 2, 7, 'N738ZU', 'KSQL', 'KCCR', 'CONFIRMED',    NULL, NULL, NULL, NULL),
        (48,  4200, 60, 3, 1, 'N5214R', 'KHWD', 'KHWD', 'CONFIRMED',    NULL, NULL, NULL, 49)
    ),
    booked AS (
        SELECT p.*, next.starts AS moved_to,
               CASE WHEN p.n = 47 THEN moment
                    WHEN p.was IS NOT NULL THEN quarter + before.settled * minute
                    ELSE quarter - (7 * 1440 + p.n * 37) * minute END AS made
          FROM plan p
          LEFT JOIN plan before ON before.n = p.was
          LEFT JOIN plan next ON next.was = p.n
    )
    INSERT INTO bookings (
        id, student_id, instructor_id, aircraft_id, departure_airport, arrival_airport,
        departure_latitude, departure_longitude, arrival_latitude, arrival_longitude,
        scheduled_datetime, status, training_level, duration_minutes,
        original_booking_id, rescheduled_to_datetime, created_at, updated_at)
    SELECT (cast_id || lpad(b.n::text, 12, '0'))::uuid, s.id, i.id, b.aircraft, o.code, d.code,
           o.latitude, o.longitude, d.latitude, d.longitude,
           quarter + b.starts * minute, b.status, coalesce(s.training_level, 'STUDENT_PILOT'), b.lasts,
           (cast_id || lpad(b.was::text, 12, '0'))::uuid, quarter + b.moved_to * minute, b.made,
           greatest(b.made, quarter + b.alerted * minute, quarter + b.offered * minute, quarter + b.settled * minute,
                    CASE WHEN b.status = 'COMPLETED' THEN quarter + (b.starts + b.lasts) * minute END,
                    CASE WHEN b.status = 'CANCELLED' AND b.settled IS NULL THEN quarter + (b.starts - 60) * minute END)
      FROM booked b
      JOIN users s ON s.id = ('5d000000-0000-4000-8000-' || lpad(b.student::text, 12, '0'))::uuid
      JOIN users i ON i.id = ('cf100000-0000-4000-8000-' || lpad(b.instructor::text, 12, '0'))::uuid
      JOIN airports o ON o.code = b.origin
      JOIN airports d ON d.code = b.destination
     -- The refusal of double bookings is deferrable, so ON CONFLICT cannot lean on it; the lock makes this safe.
     WHERE b.status IN ('CANCELLED', 'COMPLETED') OR NOT EXISTS (
        SELECT FROM bookings other
         WHERE other.status IN ('CONFIRMED', 'AT_RISK', 'RESCHEDULING')
           AND (b.aircraft = other.aircraft_id OR i.id = other.instructor_id OR s.id = other.student_id)
           AND quarter + b.starts * minute < other.scheduled_datetime + other.duration_minutes * minute
           AND quarter + (b.starts + b.lasts) * minute > other.scheduled_datetime);

    -- Three options for each that was offered some. start: minutes from now.
    INSERT INTO reschedule_options (id, booking_id, suggested_datetime, weather_forecast, ai_confidence_score, created_at)
    SELECT (option_id || lpad((o.n * 10 + o.place)::text, 12, '0'))::uuid,
           b.id, quarter + o.starts * minute,
           jsonb_build_object(
               'station', b.arrival_airport, 'valid_at', to_char((quarter + o.starts * minute) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
               'wind', jsonb_build_object('direction_deg', o.wind_from, 'speed_kt', o.wind, 'gust_kt', o.gust),
               'visibility_sm', o.visibility, 'ceiling_ft', o.ceiling, 'temperature_c', 15 - o.place, 'dewpoint_c', 8,
               'flight_category', o.category, 'conditions', o.conditions),
           o.score, quarter + o.offered * minute
      FROM (VALUES
        ( 3, 1, -1800,   60, 310, 12, 19, 10.0, 4500, 'VFR',  'Broken at 4,500, breezy',        0.71),
        ( 3, 2, -1800, 1500, 290,  7, NULL, 10.0, NULL, 'VFR', 'Clear after the fog burns off', 0.93),
        ( 3, 3, -1800, 2520, 300,  9, NULL, 8.0, NULL, 'VFR',  'Scattered, light wind',         0.80),
        (19, 1,   -45, 3060, 320,  8, NULL, 10.0, NULL, 'VFR', 'Clear, light wind',             0.94),
        (19, 2,   -45, 4380, 300, 11, NULL, 9.0, NULL, 'VFR',  'Few clouds at 5,000',           0.82),
        (19, 3,   -45, 5580, 270, 14, 21, 7.0, 2800, 'MVFR',   'Broken at 2,800, gusty',        0.58),
        (26, 1,  -690, 3000, 330,  6, NULL, 10.0, NULL, 'VFR', 'Clear',                         0.91),
        (26, 2,  -690, 4500, 340, 10, NULL, 10.0, NULL, 'VFR', 'Few clouds at 6,000',           0.88),
        (26, 3,  -690, 5520, 160, 12, 18, 6.0, 3200, 'VFR',    'Ahead of the next front',       0.61),
        (30, 1,  -180, 3180, 250,  9, NULL, 10.0, NULL, 'VFR', 'Clear, light wind',             0.96),
        (30, 2,  -180, 4440, 260, 13, NULL, 10.0, 7000, 'VFR', 'High overcast',                 0.79),
        (30, 3,  -180, 5640, 240, 15, 22, 10.0, 4000, 'VFR',   'Breezy in the pass',            0.64),
        (39, 1,  -780, 2580, 280,  5, NULL, 10.0, NULL, 'VFR', 'Scattered at 4,000',            0.89),
        (39, 2,  -780, 4320, 290, 10, NULL, 8.0, 3000, 'MVFR', 'Marine layer lifting late',     0.67),
        (39, 3,  -780, 5700, 300,  8, NULL, 10.0, NULL, 'VFR', 'Clear',                         NULL),
        (49, 1,  -400, 2940, 350,  7, NULL, 10.0, NULL, 'VFR', 'Clear',                         0.90),
        (49, 2,  -400, 4200, 330,  8, NULL, 10.0, NULL, 'VFR', 'Few clouds at 6,500',           0.92),
        (49, 3,  -400, 5460, 310, 12, NULL, 9.0, NULL, 'VFR',  'Scattered at 4,500',            0.77)
      ) AS o (n, place, offered, starts, wind_from, wind, gust, visibility, ceiling, category, conditions, score)
      JOIN bookings b ON b.id = (cast_id || lpad(o.n::text, 12, '0'))::uuid;

    -- What each party has said so far: choice and none hold places of options. Nothing said: not yet submitted.
    -- Deadline: 30 minutes before departure or 12 hours after the offer, whichever is first.
    INSERT INTO preference_rankings (id, booking_id, user_id, option1_id, option2_id, option3_id, unavailable_option_ids, deadline, submitted_at, created_at)
    SELECT ('9e000000-0000-4000-8000-' || lpad((p.n * 10 + CASE p.party WHEN 'student' THEN 1 ELSE 2 END)::text, 12, '0'))::uuid,
           b.id, CASE p.party WHEN 'student' THEN b.student_id ELSE b.instructor_id END,
           (option_id || lpad((p.n * 10 + p.choice[1])::text, 12, '0'))::uuid,
           (option_id || lpad((p.n * 10 + p.choice[2])::text, 12, '0'))::uuid,
           (option_id || lpad((p.n * 10 + p.choice[3])::text, 12, '0'))::uuid,
           ARRAY(SELECT (option_id || lpad((p.n * 10 + place)::text, 12, '0'))::uuid FROM unnest(p.never) AS place),
           least(b.scheduled_datetime - 30 * minute, quarter + p.offered * minute + interval '12 hours'),
           quarter + p.submitted * minute, quarter + p.offered * minute
      FROM (VALUES
        ( 3, 'student',    -1800, -1750, '{2,3}'::integer[],   '{1}'::integer[]),
        ( 3, 'instructor', -1800, -1700, '{2,1,3}', '{}'),
        (19, 'student',      -45,   -20, '{1,3,2}', '{}'),
        (19, 'instructor',   -45,  NULL, '{}',      '{}'),
        (26, 'student',     -690,  NULL, '{}',      '{}'),
        (26, 'instructor',  -690,  -600, '{2,1}',   '{3}'),
        (30, 'student',     -180,  NULL, '{}',      '{}'),
        (30, 'instructor',  -180,  NULL, '{}',      '{}'),
        (39, 'student',     -780,  -500, '{3,1}',   '{2}'),
        (39, 'instructor',  -780,  NULL, '{}',      '{}'),
        (49, 'student',     -400,  -350, '{2,1,3}', '{}'),
        (49, 'instructor',  -400,  -210, '{2}',     '{1,3}')
      ) AS p (n, party, offered, submitted, choice, never)
      JOIN bookings b ON b.id = (cast_id || lpad(p.n::text, 12, '0'))::uuid;

    -- Who was told what, and when. Instructors have read what is older than 45 minutes, the others 4 hours.
    INSERT INTO notifications (id, user_id, booking_id, type, title, message, read, created_at)
    SELECT ('0a000000-0000-4000-8000-' || lpad((t.n * 100 + t.kind * 10 + who.place)::text, 12, '0'))::uuid,
           who.id, b.id, m.type, m.title, m.message,
           t.at < CASE who.party WHEN 'instructor' THEN -45 ELSE -240 END, quarter + t.at * minute
      FROM (VALUES
        -- booking, kind (1 alert, 2 options, 3 reminder, 4 confirmation, 5 escalation), minutes from now, to whom
        ( 3, 1, -1830, '{student,instructor}'::text[]), ( 3, 2, -1800, '{student,instructor}'),
        (33, 4, -1690, '{student,instructor}'),
        (10, 1,  -430, '{student,instructor}'),
        (14, 1,   -25, '{student,instructor}'),
        (17, 1,   -25, '{student,instructor}'),
        (19, 1,  -100, '{student,instructor}'), (19, 2,  -45, '{student,instructor}'),
        (25, 1,   -70, '{student,instructor}'),
        (26, 1,  -720, '{student,instructor}'), (26, 2, -690, '{student,instructor}'), (26, 3, -90, '{student}'),
        (30, 1,  -210, '{student,instructor}'), (30, 2, -180, '{student,instructor}'),
        (35, 1,  -240, '{student,instructor}'),
        (39, 1,  -810, '{student,instructor}'), (39, 2, -780, '{student,instructor}'), (39, 3, -180, '{instructor}'),
        (39, 5,   -60, '{student,instructor,admin}'),
        (49, 1,  -430, '{student,instructor}'), (49, 2, -400, '{student,instructor}'),
        (48, 4,  -200, '{student,instructor}')
      ) AS t (n, kind, at, parties)
      JOIN bookings b ON b.id = (cast_id || lpad(t.n::text, 12, '0'))::uuid
      LEFT JOIN bookings old ON old.id = b.original_booking_id
      LEFT JOIN LATERAL (SELECT min(deadline) AS deadline FROM preference_rankings WHERE booking_id = b.id) AS p ON true
     CROSS JOIN LATERAL (
        SELECT b.departure_airport || CASE b.arrival_airport WHEN b.departure_airport THEN ' local'
                                         ELSE '–' || b.arrival_airport END AS route,
               to_char(b.scheduled_datetime AT TIME ZONE 'UTC', 'Dy DD Mon HH24:MI"Z"') AS departs,
               to_char(old.scheduled_datetime AT TIME ZONE 'UTC', 'Dy DD Mon HH24:MI"Z"') AS departed,
               to_char(p.deadline AT TIME ZONE 'UTC', 'Dy DD Mon HH24:MI"Z"') AS due) AS say
     CROSS JOIN LATERAL (VALUES
        (1, 'WEATHER_ALERT',     'Weather conflict: ' || say.route,
            'Ceilings below your minimums are forecast at ' || b.arrival_airport || ' for ' || say.departs || '. We are watching it.'),
        (2, 'OPTIONS_AVAILABLE', 'New times for ' || say.route,
            'Three new times for your flight of ' || say.departs || '. Rank them by ' || say.due || '.'),
        (3, 'DEADLINE_REMINDER', 'Two hours left to choose: ' || say.route,
            'Rank the new times for ' || say.departs || ' by ' || say.due || '.'),
        (4, 'CONFIRMATION',      'Rescheduled: ' || say.route,
            'Now ' || say.departs || ', in place of ' || coalesce(say.departed, 'the time before') || '.'),
        (5, 'ESCALATION',        'To be settled by hand: ' || say.route,
            'The deadline for ' || say.departs || ' has passed without a choice from both. The school will settle it.')
        ) AS m (kind, type, title, message)
     CROSS JOIN LATERAL (
        SELECT b.student_id AS id, 'student' AS party, 1 AS place
        UNION ALL SELECT b.instructor_id, 'instructor', 2
        UNION ALL SELECT u.id, 'admin', 3 FROM users u WHERE u.id = 'ad000000-0000-4000-8000-000000000001') AS who
     WHERE m.kind = t.kind AND who.party = ANY (t.parties);
END
$$;
