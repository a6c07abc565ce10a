-- Midnight is a row: the hub's clock writes each new day of the school when it begins, so that filters
-- bound by "today" move at one place in the feed, on every node and in every client's past alike. Safe
-- to run again.

CREATE TABLE IF NOT EXISTS days (
    id       uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    day      date NOT NULL CONSTRAINT days_day_key UNIQUE,  -- by the school's clock (HUB_TIMEZONE)
    began_at timestamptz NOT NULL DEFAULT now()             -- when the hub said so
);

COMMENT ON TABLE days IS 'The school''s days, as they begin; the last one is today.';

SELECT hub_watch('days', '', '{}', '{}');
