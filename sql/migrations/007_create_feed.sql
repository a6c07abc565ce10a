-- The feed: every committed change of a watched table becomes a row of events, and a doorbell rings
-- when, and only when, a node is asleep.
--
-- Invariant: events.xid is the transaction that made the change, so "what changed since the
-- snapshot S" is exactly "the events whose xid S did not see" (PostgreSQL manual, 9.27.7
-- Transaction ID and Snapshot Information Functions).

CREATE TABLE IF NOT EXISTS events (
    xid    xid8        NOT NULL DEFAULT pg_current_xact_id(),
    -- Where the write-ahead log stood. It orders changes of one row, since whoever changes a row later
    -- writes later; unlike a sequence, it cannot be set back (a dump's setval would), so it stays true.
    lsn    pg_lsn      NOT NULL DEFAULT pg_current_wal_insert_lsn(),
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    entity text        NOT NULL,
    op     text        NOT NULL CHECK (op IN ('I', 'U', 'D', 'T')),
    key    uuid,                    -- null for a TRUNCATE
    row    jsonb,                   -- the new row; null for DELETE and TRUNCATE
    was    jsonb,                   -- UPDATE: the changed columns' old values; DELETE: the old row
    PRIMARY KEY (xid, lsn)
);

COMMENT ON TABLE events IS 'Recorded row changes, kept for HUB_RETENTION_HOURS; written by triggers only.';

-- psql < backup.sql into a database that has its schema already: the rows come in and are recorded as
-- written now; the events that come with them are of another past, whose transactions have other
-- numbers here, or have none yet and would be read for ever.
CREATE OR REPLACE FUNCTION hub_pass_over() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER hub_foreign BEFORE INSERT ON events
    FOR EACH ROW WHEN (NEW.xid <> pg_current_xact_id()) EXECUTE FUNCTION hub_pass_over();
ALTER TABLE events ENABLE ALWAYS TRIGGER hub_foreign;

-- One row: which history this is, and how far retention has pruned it.
CREATE TABLE IF NOT EXISTS feed (
    one               boolean PRIMARY KEY DEFAULT true CHECK (one),
    system_identifier bigint  NOT NULL,
    timeline          integer NOT NULL,
    database          oid     NOT NULL,
    number            xid8    NOT NULL,   -- the transaction that founded this history: unique in its cluster, and rising
    pruned_below      xid8    NOT NULL,   -- cursors whose xmin is older may miss events
    written           xid8    NOT NULL    -- the transaction that wrote this row: a row copied here by a restore disagrees with its own xmin
);

COMMENT ON TABLE feed IS 'The history of events: its identity and its retention. One row, kept by the hub.';

-- Statement-level, with transition tables: one call a statement, however many rows it changes.
-- Arguments: columns that are nobody's business and stay out of events.
-- A node that sleeps holds the advisory lock 'hub-bell' shared. Getting it exclusively means that
-- nobody sleeps, so no NOTIFY, whose commits queue behind one cluster-wide lock. The event comes
-- first: the transaction has its xid before it looks, which is what a node going to sleep relies on.
-- (012 records for the audit in the same go, row by row. Where it has been, this half is history.)
DO $guard$
BEGIN
    IF to_regprocedure('hub_record_row()') IS NOT NULL THEN
        RETURN;
    END IF;

CREATE OR REPLACE FUNCTION hub_record() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    hidden text[] := coalesce(TG_ARGV::text[], '{}');
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO events (entity, op, key, row, was)
        SELECT TG_TABLE_NAME,
               CASE WHEN n.id IS NULL THEN 'D' WHEN o.id IS NULL THEN 'I' ELSE 'U' END,
               coalesce(n.id, o.id), n.row,
               CASE WHEN n.id IS NULL THEN o.row ELSE d.was END
          FROM (SELECT r.id, to_jsonb(r) - hidden AS row FROM new_rows r) AS n
          FULL JOIN (SELECT r.id, to_jsonb(r) - hidden AS row FROM old_rows r) AS o ON o.id = n.id
          CROSS JOIN LATERAL (
               SELECT jsonb_object_agg(c.key, c.value) AS was
                 FROM jsonb_each(o.row) AS c
                WHERE c.value <> (n.row -> c.key) AND c.key <> 'updated_at') AS d
         WHERE d.was IS NOT NULL OR n.id IS NULL OR o.id IS NULL;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO events (entity, op, key, row)
        SELECT TG_TABLE_NAME, 'I', r.id, to_jsonb(r) - hidden FROM new_rows r;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO events (entity, op, key, was)
        SELECT TG_TABLE_NAME, 'D', r.id, to_jsonb(r) - hidden FROM old_rows r;
    ELSE
        INSERT INTO events (entity, op) VALUES (TG_TABLE_NAME, 'T');
    END IF;
    -- Where transactions can be prepared no node sleeps, and a writer who met another at the lock must
    -- not ring for nothing: a transaction that has called NOTIFY cannot be prepared.
    IF FOUND AND current_setting('max_prepared_transactions') = '0' THEN
        -- Tried and released in one expression: between two statements a cancelled query would leave
        -- the lock, which is the session's, held for as long as the session lasts.
        IF NOT (CASE WHEN pg_try_advisory_lock(7527030299283516524)
                     THEN pg_advisory_unlock(7527030299283516524) ELSE false END) THEN
            NOTIFY hub;
        END IF;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION hub_record() IS 'Records a statement''s row changes in events and rings the doorbell if a node sleeps.';
END
$guard$;

-- ENABLE ALWAYS: a session in replica role (logical replication, some restores) is recorded too.
DO $$
DECLARE
    t      text;
    hidden text;
BEGIN
    IF to_regprocedure('hub_record_row()') IS NOT NULL THEN
        RETURN;
    END IF;
    FOREACH t IN ARRAY ARRAY['users', 'bookings', 'notifications', 'reschedule_options', 'preference_rankings'] LOOP
        -- Of a user only the name, the role and the sub concern anybody's screen.
        hidden := CASE t WHEN 'users'
            THEN '''email'', ''phone_number'', ''training_level'', ''created_at'', ''updated_at''' ELSE '' END;
        EXECUTE format('CREATE OR REPLACE TRIGGER hub_insert AFTER INSERT ON %I
            REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION hub_record(%s)', t, hidden);
        EXECUTE format('CREATE OR REPLACE TRIGGER hub_update AFTER UPDATE ON %I
            REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION hub_record(%s)', t, hidden);
        EXECUTE format('CREATE OR REPLACE TRIGGER hub_delete AFTER DELETE ON %I
            REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION hub_record(%s)', t, hidden);
        EXECUTE format('CREATE OR REPLACE TRIGGER hub_truncate AFTER TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION hub_record()', t);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER hub_insert, ENABLE ALWAYS TRIGGER hub_update,
            ENABLE ALWAYS TRIGGER hub_delete, ENABLE ALWAYS TRIGGER hub_truncate', t);
    END LOOP;
END
$$;
