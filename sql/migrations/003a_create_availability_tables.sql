-- Availability, the old schema: the weekly hours of instructors and of students in a table each.
-- 003b turns both into availability_patterns and drops them. Safe to run again: where the new
-- table exists, the old two are history and stay so.

DO $$
BEGIN
    IF to_regclass('availability_patterns') IS NOT NULL THEN
        RETURN;
    END IF;

    CREATE TABLE IF NOT EXISTS instructor_availability (
        id            uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
        instructor_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        day_of_week   integer NOT NULL CHECK (day_of_week BETWEEN 0 AND 6),
        start_time    time NOT NULL,
        end_time      time NOT NULL,
        created_at    timestamptz DEFAULT now(),
        updated_at    timestamptz DEFAULT now(),
        UNIQUE (instructor_id, day_of_week, start_time, end_time)
    );

    CREATE TABLE IF NOT EXISTS student_availability (
        id          uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
        student_id  uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        day_of_week integer NOT NULL CHECK (day_of_week BETWEEN 0 AND 6),
        start_time  time NOT NULL,
        end_time    time NOT NULL,
        created_at  timestamptz DEFAULT now(),
        updated_at  timestamptz DEFAULT now(),
        UNIQUE (student_id, day_of_week, start_time, end_time)
    );

    CREATE OR REPLACE TRIGGER update_instructor_availability_updated_at
        BEFORE UPDATE ON instructor_availability
        FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
    CREATE OR REPLACE TRIGGER update_student_availability_updated_at
        BEFORE UPDATE ON student_availability
        FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
END
$$;

-- The same in both schemas; 003b adds what the old one did not hold to.
CREATE TABLE IF NOT EXISTS availability_overrides (
    id            uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id       uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    override_date date NOT NULL,
    start_time    time,
    end_time      time,
    is_blocked    boolean NOT NULL DEFAULT true,
    reason        varchar(255),
    created_at    timestamptz DEFAULT now(),
    CONSTRAINT availability_overrides_unique UNIQUE (user_id, override_date, start_time, end_time)
);
