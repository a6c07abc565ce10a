-- The audit trail: rows are added and never changed, by whatever program. Safe to run again.

CREATE TABLE IF NOT EXISTS audit_log (
    id          uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    entity_type varchar(50) NOT NULL,
    entity_id   uuid NOT NULL,
    action      varchar(100) NOT NULL,
    user_id     uuid REFERENCES users (id) ON DELETE CASCADE,
    metadata    jsonb,
    created_at  timestamptz DEFAULT now()
);

CREATE INDEX IF NOT EXISTS idx_audit_log_entity_timestamp
    ON audit_log (entity_type, entity_id, created_at);
CREATE INDEX IF NOT EXISTS idx_audit_log_created_at ON audit_log (created_at);
CREATE INDEX IF NOT EXISTS idx_audit_log_action ON audit_log (action);

CREATE OR REPLACE FUNCTION refuse_audit_log_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is immutable: % is refused', TG_OP
        USING ERRCODE = 'restrict_violation',
              TABLE = TG_TABLE_NAME,
              CONSTRAINT = 'audit_log_immutable',
              HINT = 'A user whom the audit log names cannot be deleted either.';
END
$$;

-- By row: the cascade from users runs a DELETE even for a user who never acted, and a statement
-- that touches no row must pass.
CREATE OR REPLACE TRIGGER audit_log_immutable
    BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_log_change();
CREATE OR REPLACE TRIGGER audit_log_no_truncate
    BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_log_change();

-- In sessions that switch triggers off (session_replication_role) too.
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_immutable;
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_no_truncate;
