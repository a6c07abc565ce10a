-- What was done about a deadline is a fact of the ranking it was done for: each is marked in the
-- transaction that does it, so it is done once, whatever restarts in between. Safe to run again.

ALTER TABLE preference_rankings
    ADD COLUMN IF NOT EXISTS reminded_at  timestamptz,  -- DEADLINE_REMINDER went out, by whatever program
    ADD COLUMN IF NOT EXISTS escalated_at timestamptz;  -- ESCALATION went out for the offer this ranking is of

-- "Was this person told of this booking?", and the cascade from bookings, which read every row before.
CREATE INDEX IF NOT EXISTS idx_notifications_booking ON notifications (booking_id);
