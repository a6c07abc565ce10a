-- Availability, the new schema: one table of weekly patterns for everybody, and stricter overrides.
-- Fresh, over a database that only knows 003a, or run again: all end the same.

CREATE TABLE IF NOT EXISTS availability_patterns (
    id          uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id     uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    day_of_week integer NOT NULL CHECK (day_of_week BETWEEN 0 AND 6),
    start_time  time NOT NULL,
    end_time    time NOT NULL,
    is_active   boolean NOT NULL DEFAULT true,
    created_at  timestamptz DEFAULT now(),
    updated_at  timestamptz DEFAULT now(),
    CONSTRAINT availability_patterns_end_time_check CHECK (end_time > start_time),
    CONSTRAINT availability_patterns_unique UNIQUE (user_id, day_of_week, start_time, end_time)
);

CREATE INDEX IF NOT EXISTS idx_availability_patterns_user_day
    ON availability_patterns (user_id, day_of_week);
CREATE INDEX IF NOT EXISTS idx_availability_patterns_active ON availability_patterns (is_active);

CREATE OR REPLACE TRIGGER update_availability_patterns_updated_at
    BEFORE UPDATE ON availability_patterns
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

-- Move the old rows, identities and times of creation included, then drop the old tables: one
-- block, so that it happens whole or not at all.
DO $$
DECLARE
    old_table text;
    owner     text;
    offenders text;
BEGIN
    FOR old_table, owner IN VALUES ('instructor_availability', 'instructor_id'),
                                   ('student_availability', 'student_id')
    LOOP
        CONTINUE WHEN to_regclass(old_table) IS NULL;
        EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', old_table);
        EXECUTE format(
            'SELECT string_agg(format(''%%s (%%s to %%s)'', id, start_time, end_time), ''; '')
               FROM (SELECT * FROM %I WHERE end_time <= start_time ORDER BY id LIMIT 3) AS few',
            old_table) INTO offenders;
        IF offenders IS NOT NULL THEN
            RAISE EXCEPTION '% holds hours that end before they start, mend them first: %',
                old_table, offenders USING ERRCODE = 'check_violation';
        END IF;
        EXECUTE format(
            'INSERT INTO availability_patterns
                    (id, user_id, day_of_week, start_time, end_time, created_at, updated_at)
             SELECT id, %I, day_of_week, start_time, end_time, created_at, updated_at FROM %I
             ON CONFLICT DO NOTHING',
            owner, old_table);
        EXECUTE format('DROP TABLE %I', old_table);
    END LOOP;
END
$$;

-- Overrides: a missing half of a span is the day's edge; of several for one span the latest counts.
DO $$
DECLARE
    offenders text;
BEGIN
    LOCK TABLE availability_overrides IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM availability_overrides AS older
     USING availability_overrides AS newer
     WHERE older.user_id = newer.user_id
       AND older.override_date = newer.override_date
       AND coalesce(older.start_time, '00:00') = coalesce(newer.start_time, '00:00')
       AND coalesce(older.end_time, '24:00') = coalesce(newer.end_time, '24:00')
       AND (coalesce(older.created_at, '-infinity'), older.id)
         < (coalesce(newer.created_at, '-infinity'), newer.id);
    UPDATE availability_overrides
       SET start_time = coalesce(start_time, '00:00'), end_time = coalesce(end_time, '24:00')
     WHERE (start_time IS NULL) <> (end_time IS NULL);
    SELECT string_agg(format('%s (%s, %s to %s)', id, override_date, start_time, end_time), '; ')
      INTO offenders
      FROM (SELECT * FROM availability_overrides WHERE end_time <= start_time ORDER BY id LIMIT 3) AS few;
    IF offenders IS NOT NULL THEN
        RAISE EXCEPTION 'availability_overrides holds spans that end before they start, mend them first: %',
            offenders USING ERRCODE = 'check_violation';
    END IF;
END
$$;

ALTER TABLE availability_overrides
    DROP CONSTRAINT IF EXISTS availability_overrides_both_times_check,
    DROP CONSTRAINT IF EXISTS availability_overrides_end_time_check,
    ADD CONSTRAINT availability_overrides_both_times_check
        CHECK ((start_time IS NULL) = (end_time IS NULL)),
    ADD CONSTRAINT availability_overrides_end_time_check CHECK (end_time > start_time);

CREATE INDEX IF NOT EXISTS idx_availability_overrides_user ON availability_overrides (user_id);
CREATE INDEX IF NOT EXISTS idx_availability_overrides_date ON availability_overrides (override_date);
CREATE INDEX IF NOT EXISTS idx_availability_overrides_user_date
    ON availability_overrides (user_id, override_date);

-- The documented UNIQUE lets two whole days pass, since NULLs differ; NULLS NOT DISTINCT needs
-- PostgreSQL 15.
CREATE UNIQUE INDEX IF NOT EXISTS idx_availability_overrides_span
    ON availability_overrides (user_id, override_date,
                               coalesce(start_time, '00:00'::time), coalesce(end_time, '24:00'::time));
