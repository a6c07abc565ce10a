-- Bookings: who flies with whom, from where to where, when. Safe to run again.

CREATE TABLE IF NOT EXISTS bookings (
    id                      uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    student_id              uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    instructor_id           uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    aircraft_id             varchar(50),
    departure_airport       varchar(10) NOT NULL,
    arrival_airport         varchar(10) NOT NULL,
    departure_latitude      numeric(10, 8) NOT NULL,
    departure_longitude     numeric(11, 8) NOT NULL,
    arrival_latitude        numeric(10, 8) NOT NULL,
    arrival_longitude       numeric(11, 8) NOT NULL,
    scheduled_datetime      timestamptz NOT NULL,
    status                  varchar(20) NOT NULL DEFAULT 'CONFIRMED'
        CHECK (status IN ('CONFIRMED', 'AT_RISK', 'RESCHEDULING', 'CANCELLED', 'COMPLETED')),
    training_level          varchar(20) NOT NULL
        CHECK (training_level IN ('STUDENT_PILOT', 'PRIVATE_PILOT', 'INSTRUMENT_RATED')),
    duration_minutes        integer NOT NULL DEFAULT 60,
    original_booking_id     uuid REFERENCES bookings (id) ON DELETE CASCADE,
    rescheduled_to_datetime timestamptz,
    created_at              timestamptz DEFAULT now(),
    updated_at              timestamptz DEFAULT now()
);

-- What the types imply, beyond the document. In statements of their own, so that a table which an
-- older migration made gets them too.
ALTER TABLE bookings
    DROP CONSTRAINT IF EXISTS bookings_departure_latitude_check,
    DROP CONSTRAINT IF EXISTS bookings_departure_longitude_check,
    DROP CONSTRAINT IF EXISTS bookings_arrival_latitude_check,
    DROP CONSTRAINT IF EXISTS bookings_arrival_longitude_check,
    DROP CONSTRAINT IF EXISTS bookings_duration_minutes_check,
    DROP CONSTRAINT IF EXISTS bookings_two_people_check,
    ADD CONSTRAINT bookings_departure_latitude_check CHECK (departure_latitude BETWEEN -90 AND 90),
    ADD CONSTRAINT bookings_departure_longitude_check CHECK (departure_longitude BETWEEN -180 AND 180),
    ADD CONSTRAINT bookings_arrival_latitude_check CHECK (arrival_latitude BETWEEN -90 AND 90),
    ADD CONSTRAINT bookings_arrival_longitude_check CHECK (arrival_longitude BETWEEN -180 AND 180),
    ADD CONSTRAINT bookings_duration_minutes_check CHECK (duration_minutes > 0),
    ADD CONSTRAINT bookings_two_people_check CHECK (student_id <> instructor_id);

CREATE INDEX IF NOT EXISTS idx_bookings_student ON bookings (student_id);
CREATE INDEX IF NOT EXISTS idx_bookings_instructor ON bookings (instructor_id);
CREATE INDEX IF NOT EXISTS idx_bookings_scheduled_time ON bookings (scheduled_datetime);
CREATE INDEX IF NOT EXISTS idx_bookings_status ON bookings (status);
CREATE INDEX IF NOT EXISTS idx_bookings_status_scheduled_time ON bookings (status, scheduled_datetime);
CREATE INDEX IF NOT EXISTS idx_bookings_student_status ON bookings (student_id, status);
CREATE INDEX IF NOT EXISTS idx_bookings_instructor_status ON bookings (instructor_id, status);
CREATE INDEX IF NOT EXISTS idx_bookings_upcoming ON bookings (status, scheduled_datetime)
    WHERE status IN ('CONFIRMED', 'AT_RISK');

CREATE OR REPLACE TRIGGER update_bookings_updated_at
    BEFORE UPDATE ON bookings
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
