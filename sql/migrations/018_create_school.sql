-- The school's clock is kept with the school: whichever node reads weekly hours, overrides and midnights,
-- and however it was started, reads them by this one. Nobody watches it: a node that runs goes on by the
-- clock it began with, and says so when the two part. Safe to run again.

CREATE TABLE IF NOT EXISTS school (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    timezone text    NOT NULL   -- a name of the tz database
);

COMMENT ON TABLE school IS 'What holds for the whole school. One row, kept by the hub; none before a node was given a HUB_TIMEZONE.';
COMMENT ON COLUMN school.timezone IS 'Whose clock weekly patterns, overrides and days mean: the last HUB_TIMEZONE that a node was started with.';
