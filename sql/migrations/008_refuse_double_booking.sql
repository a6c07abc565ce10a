-- An aircraft, an instructor or a student is in one live booking at a time; one may begin the
-- moment another ends. Safe to run again.

DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS btree_gist;
EXCEPTION
    WHEN undefined_file OR feature_not_supported OR insufficient_privilege THEN
        RAISE EXCEPTION 'the extension btree_gist is needed to refuse double bookings and cannot be created here (%); have an administrator run CREATE EXTENSION btree_gist in this database', SQLERRM
            USING ERRCODE = SQLSTATE;
END
$$;

DO $$
DECLARE
    what      text;
    how_many  bigint;
    shown     text;
    complaint text := '';
BEGIN
    IF (SELECT count(*) FROM pg_constraint
         WHERE conrelid = 'bookings'::regclass
           AND conname IN ('bookings_aircraft_overlap', 'bookings_instructor_overlap',
                           'bookings_student_overlap')) = 3 THEN
        RETURN;
    END IF;

    LOCK TABLE bookings IN SHARE ROW EXCLUSIVE MODE;

    FOREACH what IN ARRAY ARRAY['aircraft_id', 'instructor_id', 'student_id'] LOOP
        EXECUTE format($query$
            WITH live AS (
                SELECT id, %1$I AS who, scheduled_datetime AS starts, duration_minutes,
                       scheduled_datetime + duration_minutes * interval '1 minute' AS ends
                  FROM bookings WHERE status IN ('CONFIRMED', 'AT_RISK', 'RESCHEDULING')
            ), pairs AS (
                SELECT a.who, a.id AS one, b.id AS other, a.starts AS one_at, b.starts AS other_at
                  FROM live AS a JOIN live AS b ON a.who = b.who
                   AND (a.starts, a.id) < (b.starts, b.id) AND b.starts < a.ends
            )
            SELECT (SELECT count(*) FROM pairs),
                   (SELECT string_agg(format('%%s: %%s at %%s and %%s at %%s', who, one,
                               to_char(one_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), other,
                               to_char(other_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')), '; ')
                      FROM (SELECT * FROM pairs ORDER BY one_at, one, other LIMIT 3) AS few)
            $query$, what) INTO how_many, shown;
        IF how_many > 0 THEN
            complaint := complaint || format(' %s, %s pair(s): %s.', what, how_many, shown);
        END IF;
    END LOOP;
    IF complaint <> '' THEN
        RAISE EXCEPTION 'live bookings overlap (times in UTC); move or cancel them, then migrate again.%', complaint
            USING ERRCODE = 'exclusion_violation';
    END IF;

    -- Deferrable: judged at the end of each statement, not row by row, so that one UPDATE may swap
    -- two bookings; several statements may too, after SET CONSTRAINTS ALL DEFERRED.
    FOREACH what IN ARRAY ARRAY['aircraft', 'instructor', 'student'] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'bookings'::regclass
                                 AND conname = format('bookings_%s_overlap', what));
        EXECUTE format($query$
            ALTER TABLE bookings ADD CONSTRAINT bookings_%1$s_overlap EXCLUDE USING gist (
                %1$s_id WITH =,
                tsrange(scheduled_datetime AT TIME ZONE 'UTC',
                        (scheduled_datetime AT TIME ZONE 'UTC') + duration_minutes * interval '1 minute') WITH &&
            ) WHERE (status IN ('CONFIRMED', 'AT_RISK', 'RESCHEDULING'))
              DEFERRABLE INITIALLY IMMEDIATE
            $query$, what);
    END LOOP;
END
$$;
