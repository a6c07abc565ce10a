-- Rescheduling: the times on offer for a booking, and each party's ranking. Safe to run again.

CREATE TABLE IF NOT EXISTS reschedule_options (
    id                  uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    booking_id          uuid NOT NULL REFERENCES bookings (id) ON DELETE CASCADE,
    suggested_datetime  timestamptz NOT NULL,
    weather_forecast    jsonb,
    ai_confidence_score numeric(3, 2),
    created_at          timestamptz DEFAULT now()
);

ALTER TABLE reschedule_options
    DROP CONSTRAINT IF EXISTS reschedule_options_weather_forecast_check,
    DROP CONSTRAINT IF EXISTS reschedule_options_ai_confidence_score_check,
    -- A program that encodes its JSON twice stores a string; here it learns so at once.
    ADD CONSTRAINT reschedule_options_weather_forecast_check
        CHECK (jsonb_typeof(weather_forecast) = 'object'),
    ADD CONSTRAINT reschedule_options_ai_confidence_score_check
        CHECK (ai_confidence_score BETWEEN 0 AND 1);

CREATE INDEX IF NOT EXISTS idx_reschedule_options_booking ON reschedule_options (booking_id);
CREATE INDEX IF NOT EXISTS idx_reschedule_options_suggested_time
    ON reschedule_options (suggested_datetime);

CREATE TABLE IF NOT EXISTS preference_rankings (
    id                     uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    booking_id             uuid NOT NULL REFERENCES bookings (id) ON DELETE CASCADE,
    user_id                uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    option1_id             uuid REFERENCES reschedule_options (id) ON DELETE CASCADE,
    option2_id             uuid REFERENCES reschedule_options (id) ON DELETE CASCADE,
    option3_id             uuid REFERENCES reschedule_options (id) ON DELETE CASCADE,
    unavailable_option_ids uuid[],
    deadline               timestamptz NOT NULL,
    submitted_at           timestamptz,
    created_at             timestamptz DEFAULT now(),
    CONSTRAINT preference_rankings_unique UNIQUE (booking_id, user_id)
);

-- "At least one option must be ranked" can only hold once something was submitted: the row is
-- made with its deadline, before anyone has chosen.
ALTER TABLE preference_rankings
    DROP CONSTRAINT IF EXISTS preference_rankings_ranked_check,
    ADD CONSTRAINT preference_rankings_ranked_check
        CHECK (submitted_at IS NULL OR num_nonnulls(option1_id, option2_id, option3_id) >= 1);

CREATE INDEX IF NOT EXISTS idx_preference_rankings_booking ON preference_rankings (booking_id, user_id);
CREATE INDEX IF NOT EXISTS idx_preference_rankings_deadline ON preference_rankings (deadline);
