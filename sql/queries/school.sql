-- The school's clock, one for all nodes.

-- name: school_timezone$
-- No row: no node was ever given one.
SELECT timezone FROM school;

-- name: school_keep(timezone)!
INSERT INTO school (timezone) VALUES (:timezone)
ON CONFLICT (one) DO UPDATE SET timezone = excluded.timezone;
