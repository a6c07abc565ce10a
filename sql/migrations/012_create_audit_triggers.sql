-- The audit trail writes itself: every insert, update and delete of a table that matters becomes a
-- row of audit_log, with who did it and what changed from what to what. Safe to run again.
--
-- One function records for the feed (events) and for the audit. Each needs both rows as jsonb and
-- their difference, which costs more than either insert, so it is done once, and both inserts are one
-- statement. It is called row by row: a statement's trigger has its rows copied and joined first,
-- which costs a one-row write, by far the most common, more than all the rest; and the apply worker
-- of a logical replication calls triggers of rows only (manual, 29.8).

CREATE INDEX IF NOT EXISTS idx_audit_log_user ON audit_log (user_id, created_at)
    WHERE user_id IS NOT NULL;      -- its entries; and the look the cascade takes when a user is deleted
CREATE INDEX IF NOT EXISTS idx_audit_log_actor ON audit_log ((metadata ->> 'actor'), created_at)
    WHERE metadata ? 'actor';       -- the entries of integrations

-- Arguments: what the audit calls such a row ('': it is not audited); columns the feed does not tell
-- ('all': it tells nothing); columns that neither has.
--
-- The actor is the setting hub.actor: a user's id is user_id; whatever else it says, such as the id of
-- an integration's key, is metadata's "actor"; unset or empty it is the system. A user who does not
-- exist (any more) is no foreign key, so that is told in words too.
--
-- The doorbell is 007's: the event comes first, then the look whether a node sleeps.
CREATE OR REPLACE FUNCTION hub_record_row() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    word    text   := TG_ARGV[0];
    fed     boolean := TG_ARGV[1] <> 'all';
    hidden  text[] := CASE WHEN fed THEN TG_ARGV[1] ELSE '{}' END;
    secret  text[] := TG_ARGV[2];
    entity  uuid;
    before  jsonb;
    after   jsonb;
    was     jsonb;
    said    jsonb;
    action  text;
    actor   text   := current_setting('hub.actor', true);
    who     uuid;
    moved   boolean := false;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        action := 'update';
        entity := OLD.id;
        moved := OLD.id <> NEW.id;
        before := to_jsonb(OLD) - secret;
        after := to_jsonb(NEW) - secret;
        SELECT jsonb_object_agg(c.key, c.value),
               jsonb_build_object('changed',
                   jsonb_object_agg(c.key, jsonb_build_array(c.value, after -> c.key)))
          INTO was, said
          FROM jsonb_each(before) AS c
         WHERE c.value <> (after -> c.key) AND c.key <> 'updated_at';
        IF was IS NULL THEN
            RETURN NULL;
        END IF;
        was := was - hidden;
    ELSIF TG_OP = 'INSERT' THEN
        action := 'create';
        entity := NEW.id;
        after := to_jsonb(NEW) - secret;
        said := jsonb_build_object('row', after);
    ELSIF TG_OP = 'DELETE' THEN
        action := 'delete';
        entity := OLD.id;
        was := to_jsonb(OLD) - secret;
        said := jsonb_build_object('row', was);
        was := was - hidden;
    ELSE
        action := 'truncate';
        entity := '00000000-0000-0000-0000-000000000000';
        said := '{}';
    END IF;
    after := after - hidden;
    -- Not if nothing has changed that the feed tells.
    fed := fed AND was IS DISTINCT FROM '{}';

    IF word <> '' AND actor <> '' THEN
        SELECT u.id INTO who FROM users AS u
         WHERE u.id = CASE WHEN actor ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN actor::uuid END;
        IF who IS NULL THEN
            said := said || jsonb_build_object('actor', left(actor, 100));
        END IF;
    END IF;

    IF moved THEN
        -- To the feed, which knows a row by its key, one row is gone and another is there.
        IF word <> '' THEN
            INSERT INTO audit_log (entity_type, entity_id, action, user_id, metadata, created_at)
            VALUES (word, entity, action, who, said, clock_timestamp());
        END IF;
        IF fed THEN
            INSERT INTO events (entity, op, key, was) VALUES (TG_TABLE_NAME, 'D', OLD.id, before - hidden);
            INSERT INTO events (entity, op, key, row) VALUES (TG_TABLE_NAME, 'I', NEW.id, after);
        END IF;
    ELSIF fed AND word <> '' THEN
        WITH audited AS (
            INSERT INTO audit_log (entity_type, entity_id, action, user_id, metadata, created_at)
            VALUES (word, entity, action, who, said, clock_timestamp())
        )
        INSERT INTO events (entity, op, key, row, was)
        VALUES (TG_TABLE_NAME, left(TG_OP, 1), CASE WHEN action <> 'truncate' THEN entity END, after, was);
    ELSIF fed THEN
        INSERT INTO events (entity, op, key, row, was)
        VALUES (TG_TABLE_NAME, left(TG_OP, 1), CASE WHEN action <> 'truncate' THEN entity END, after, was);
    ELSIF word <> '' THEN
        INSERT INTO audit_log (entity_type, entity_id, action, user_id, metadata, created_at)
        VALUES (word, entity, action, who, said, clock_timestamp());
    END IF;

    IF fed AND current_setting('max_prepared_transactions') = '0' THEN
        IF NOT (CASE WHEN pg_try_advisory_lock(7527030299283516524)
                     THEN pg_advisory_unlock(7527030299283516524) ELSE false END) THEN
            NOTIFY hub;
        END IF;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION hub_record_row() IS 'Records a row''s change in events and in audit_log, and rings the doorbell if a node sleeps.';

-- For a table with a uuid "id"; the arguments are hub_record_row's. A later migration calls it for a
-- table of its own.
CREATE OR REPLACE FUNCTION hub_watch(watched regclass, word text, hidden text, secret text) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    op text;
BEGIN
    FOREACH op IN ARRAY ARRAY['insert', 'update', 'delete'] LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER hub_%s AFTER %s ON %s
            FOR EACH ROW EXECUTE FUNCTION hub_record_row(%L, %L, %L)', op, op, watched, word, hidden, secret);
    END LOOP;
    EXECUTE format('CREATE OR REPLACE TRIGGER hub_truncate AFTER TRUNCATE ON %s
        FOR EACH STATEMENT EXECUTE FUNCTION hub_record_row(%L, %L, %L)', watched, word, hidden, secret);
    -- ENABLE ALWAYS: a session in replica role (logical replication, some restores) is recorded too.
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER hub_insert, ENABLE ALWAYS TRIGGER hub_update,
        ENABLE ALWAYS TRIGGER hub_delete, ENABLE ALWAYS TRIGGER hub_truncate', watched);
END
$$;

-- Of a user only the name, the role and the sub concern anybody's screen.
SELECT hub_watch('users', 'user', '{email,phone_number,training_level,created_at,updated_at}', '{}');
SELECT hub_watch('bookings', 'booking', '{}', '{}');
SELECT hub_watch('notifications', '', '{}', '{}');
SELECT hub_watch('reschedule_options', 'reschedule_option', '{}', '{}');
SELECT hub_watch('preference_rankings', 'preference_ranking', '{}', '{}');
SELECT hub_watch('availability_patterns', 'availability_pattern', 'all', '{}');
SELECT hub_watch('availability_overrides', 'availability_override', 'all', '{}');
-- Watched, so that a revoked key is out on every node within one turn of the feed. A digest is
-- nobody's business, and neither is each minute in which a key was used.
SELECT hub_watch('api_keys', 'api_key', '{}', '{hash,last_used_at}');

-- 007's, which did the feed's half statement by statement.
DROP FUNCTION IF EXISTS hub_record();
