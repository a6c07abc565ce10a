-- Flights that look for a new time, one row each for as long as the booking is RESCHEDULING: what the
-- topic "reschedule" shows. Safe to run again.
--
-- It is made from bookings, reschedule_options and preference_rankings, by triggers, in the transaction
-- that changes those, whatever program that is. So what two people watch together (which times are on
-- offer, whether the other has answered, who flies by now) has one row, one owner pair and one history
-- in the feed, like every other row; and what each of them ranked is not in it. Nothing else writes here.

CREATE TABLE IF NOT EXISTS reschedulings (
    id                   uuid PRIMARY KEY REFERENCES bookings (id) ON DELETE CASCADE,   -- the booking's
    student_id           uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    instructor_id        uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    scheduled_datetime   timestamptz NOT NULL,
    deadline             timestamptz,               -- null: nothing is on offer yet
    escalated_at         timestamptz,
    student_submitted    boolean NOT NULL,          -- has answered, be it that none of them works
    instructor_submitted boolean NOT NULL,
    options              jsonb NOT NULL             -- reschedule_options, the AI's favourite first
);

CREATE INDEX IF NOT EXISTS idx_reschedulings_student ON reschedulings (student_id);
CREATE INDEX IF NOT EXISTS idx_reschedulings_instructor ON reschedulings (instructor_id);

COMMENT ON TABLE reschedulings IS 'Made by triggers: each open rescheduling as both its people watch it.';

-- Two who answer at once each see only their own answer until the other has committed: the lock makes
-- the later one look again, after the earlier. It is taken at the end of a transaction, when all rows it
-- will ever lock are locked.
CREATE OR REPLACE FUNCTION hub_show_rescheduling(booking uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp
    SET timezone = 'UTC'
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1752523629, hashtext(booking::text));
    DELETE FROM reschedulings AS r
     WHERE r.id = booking
       AND NOT EXISTS (SELECT FROM bookings AS b WHERE b.id = booking AND b.status = 'RESCHEDULING');
    INSERT INTO reschedulings AS r
    SELECT b.id, b.student_id, b.instructor_id, b.scheduled_datetime,
           (SELECT min(p.deadline) FROM preference_rankings AS p WHERE p.booking_id = b.id),
           (SELECT max(p.escalated_at) FROM preference_rankings AS p WHERE p.booking_id = b.id),
           EXISTS (SELECT FROM preference_rankings AS p
                    WHERE p.booking_id = b.id AND p.user_id = b.student_id
                      AND (p.submitted_at IS NOT NULL OR cardinality(p.unavailable_option_ids) > 0)),
           EXISTS (SELECT FROM preference_rankings AS p
                    WHERE p.booking_id = b.id AND p.user_id = b.instructor_id
                      AND (p.submitted_at IS NOT NULL OR cardinality(p.unavailable_option_ids) > 0)),
           (SELECT coalesce(jsonb_agg(to_jsonb(o)
                       ORDER BY o.ai_confidence_score DESC NULLS LAST, o.suggested_datetime, o.id), '[]')
              FROM reschedule_options AS o WHERE o.booking_id = b.id)
      FROM bookings AS b
     WHERE b.id = booking AND b.status = 'RESCHEDULING'
    ON CONFLICT (id) DO UPDATE
       SET student_id = excluded.student_id, instructor_id = excluded.instructor_id,
           scheduled_datetime = excluded.scheduled_datetime, deadline = excluded.deadline,
           escalated_at = excluded.escalated_at, student_submitted = excluded.student_submitted,
           instructor_submitted = excluded.instructor_submitted, options = excluded.options
     WHERE r.* IS DISTINCT FROM excluded.*;
END
$$;

COMMENT ON FUNCTION hub_show_rescheduling(uuid) IS 'Makes the row of reschedulings what its booking, options and rankings say.';

CREATE OR REPLACE FUNCTION hub_rescheduling_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp
AS $$
DECLARE
    booking uuid;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        FOR booking IN SELECT id FROM reschedulings ORDER BY id LOOP
            PERFORM hub_show_rescheduling(booking);
        END LOOP;
    ELSIF TG_TABLE_NAME = 'bookings' THEN
        PERFORM hub_show_rescheduling(NEW.id);
    ELSE
        IF TG_OP <> 'INSERT' THEN
            PERFORM hub_show_rescheduling(OLD.booking_id);
        END IF;
        IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND OLD.booking_id <> NEW.booking_id) THEN
            PERFORM hub_show_rescheduling(NEW.booking_id);
        END IF;
    END IF;
    RETURN NULL;
END
$$;

-- Deferred to the end of the transaction: twenty options that are replaced are one change of what is
-- shown, and nothing of the steps in between is told. (There is no CREATE OR REPLACE for these.)
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN VALUES ('bookings'), ('reschedule_options'), ('preference_rankings') LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS hub_rescheduling ON %I', name);
        EXECUTE format('DROP TRIGGER IF EXISTS hub_rescheduling_made ON %I', name);
        EXECUTE format('DROP TRIGGER IF EXISTS hub_rescheduling_truncated ON %I', name);
    END LOOP;
END
$$;

CREATE CONSTRAINT TRIGGER hub_rescheduling_made
    AFTER INSERT ON bookings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status = 'RESCHEDULING')
    EXECUTE FUNCTION hub_rescheduling_changed();
-- The condition is looked at at once, so that other updates of bookings cost nothing here.
CREATE CONSTRAINT TRIGGER hub_rescheduling
    AFTER UPDATE ON bookings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status = 'RESCHEDULING' OR OLD.status = 'RESCHEDULING')
    EXECUTE FUNCTION hub_rescheduling_changed();
CREATE CONSTRAINT TRIGGER hub_rescheduling
    AFTER INSERT OR UPDATE OR DELETE ON reschedule_options DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION hub_rescheduling_changed();
CREATE CONSTRAINT TRIGGER hub_rescheduling
    AFTER INSERT OR UPDATE OR DELETE ON preference_rankings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION hub_rescheduling_changed();
CREATE TRIGGER hub_rescheduling_truncated AFTER TRUNCATE ON reschedule_options
    FOR EACH STATEMENT EXECUTE FUNCTION hub_rescheduling_changed();
CREATE TRIGGER hub_rescheduling_truncated AFTER TRUNCATE ON preference_rankings
    FOR EACH STATEMENT EXECUTE FUNCTION hub_rescheduling_changed();

ALTER TABLE bookings ENABLE ALWAYS TRIGGER hub_rescheduling, ENABLE ALWAYS TRIGGER hub_rescheduling_made;
ALTER TABLE reschedule_options
    ENABLE ALWAYS TRIGGER hub_rescheduling, ENABLE ALWAYS TRIGGER hub_rescheduling_truncated;
ALTER TABLE preference_rankings
    ENABLE ALWAYS TRIGGER hub_rescheduling, ENABLE ALWAYS TRIGGER hub_rescheduling_truncated;

SELECT hub_watch('reschedulings', '', '{}', '{}');

-- What was open before there was this table.
SELECT hub_show_rescheduling(id) FROM bookings WHERE status = 'RESCHEDULING' ORDER BY id;
