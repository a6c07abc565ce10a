-- Integrations: a key each, of which only a digest is kept. Safe to run again.
--
-- The digest is a plain SHA-256. A slow hash (bcrypt, Argon2) exists to make guessing a person's
-- password dear; a key is 256 bits from the system's random source, which nobody guesses at any
-- speed, and a slow hash would only make each request dear.

CREATE TABLE IF NOT EXISTS api_keys (
    id           uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    name         varchar(100) NOT NULL,
    prefix       varchar(16) NOT NULL,      -- how the key begins, for people to tell keys apart
    hash         bytea NOT NULL CONSTRAINT api_keys_hash_key UNIQUE,
    scopes       text[] NOT NULL,
    created_by   uuid REFERENCES users (id) ON DELETE CASCADE,   -- null: made by the system
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,               -- to the minute
    revoked_at   timestamptz
);

ALTER TABLE api_keys
    DROP CONSTRAINT IF EXISTS api_keys_name_check,
    DROP CONSTRAINT IF EXISTS api_keys_hash_check,
    DROP CONSTRAINT IF EXISTS api_keys_scopes_check,
    ADD CONSTRAINT api_keys_name_check CHECK (name <> ''),
    ADD CONSTRAINT api_keys_hash_check CHECK (octet_length(hash) = 32),
    ADD CONSTRAINT api_keys_scopes_check CHECK (
        cardinality(scopes) >= 1 AND scopes <@ ARRAY[
            'bookings:read', 'bookings:write', 'users:read', 'users:write', 'weather:write', 'options:write',
            'preferences:read', 'notifications:write', 'availability:read', 'audit:read']);

CREATE INDEX IF NOT EXISTS idx_api_keys_created_at ON api_keys (created_at, id);

COMMENT ON TABLE api_keys IS 'Keys of integrations: digests only, with what each may do.';

-- Nodes remember whose a digest is and are told of no other change to it, so it never changes.
CREATE OR REPLACE FUNCTION refuse_api_key_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'a key keeps its secret and its id: make another and revoke this one'
        USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = 'api_keys_are_final';
END
$$;

CREATE OR REPLACE TRIGGER api_keys_are_final
    BEFORE UPDATE OF id, hash ON api_keys
    FOR EACH ROW WHEN (OLD.hash <> NEW.hash OR OLD.id <> NEW.id)
    EXECUTE FUNCTION refuse_api_key_change();

ALTER TABLE api_keys ENABLE ALWAYS TRIGGER api_keys_are_final;
