-- Devices: kiosks that an admin has paired, each with a credential of which only a digest is kept;
-- and the codes by which they are paired. Safe to run again.
--
-- Digests are plain SHA-256, as of keys (011), and for the same reason: what is digested is 256 bits
-- from the system's random source.

CREATE TABLE IF NOT EXISTS devices (
    id           uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    name         varchar(100) NOT NULL,
    airport      varchar(10),               -- whose departures it shows; null: every airport's
    hash         bytea CONSTRAINT devices_hash_key UNIQUE,      -- null until it has fetched its credential
    created_by   uuid REFERENCES users (id) ON DELETE CASCADE,  -- the admin who approved it
    created_at   timestamptz NOT NULL DEFAULT now(),
    paired_at    timestamptz,               -- when it fetched its credential
    last_seen_at timestamptz,               -- to the minute
    identify_at  timestamptz,               -- when it was last asked to show itself
    reload_at    timestamptz,               -- when it was last asked to load its page anew
    revoked_at   timestamptz
);

ALTER TABLE devices
    DROP CONSTRAINT IF EXISTS devices_name_check,
    DROP CONSTRAINT IF EXISTS devices_airport_check,
    DROP CONSTRAINT IF EXISTS devices_hash_check,
    DROP CONSTRAINT IF EXISTS devices_paired_check,
    ADD CONSTRAINT devices_name_check CHECK (name <> ''),
    ADD CONSTRAINT devices_airport_check CHECK (airport <> ''),
    ADD CONSTRAINT devices_hash_check CHECK (octet_length(hash) = 32),
    -- The feed does not tell of a digest; it tells of paired_at, and nodes then read the digest.
    ADD CONSTRAINT devices_paired_check CHECK ((hash IS NULL) = (paired_at IS NULL));

CREATE INDEX IF NOT EXISTS idx_devices_created_at ON devices (created_at, id);

COMMENT ON TABLE devices IS 'Paired kiosks: digests of their credentials only.';

-- A code is there from when a kiosk asks for it until the kiosk has fetched its credential or time
-- is up. An admin types in user_code, which the kiosk shows; device_id is the device that this made.
-- Only the kiosk knows what hash is of, and fetches the credential with it.
CREATE TABLE IF NOT EXISTS pairing_codes (
    hash       bytea PRIMARY KEY,
    user_code  varchar(8) NOT NULL CONSTRAINT pairing_codes_user_code_key UNIQUE,
    device_id  uuid CONSTRAINT pairing_codes_device_id_key UNIQUE REFERENCES devices (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

ALTER TABLE pairing_codes
    DROP CONSTRAINT IF EXISTS pairing_codes_hash_check,
    DROP CONSTRAINT IF EXISTS pairing_codes_user_code_check,
    ADD CONSTRAINT pairing_codes_hash_check CHECK (octet_length(hash) = 32),
    ADD CONSTRAINT pairing_codes_user_code_check CHECK (user_code ~ '^[BCDFGHJKLMNPQRSTVWXZ]{8}$');

COMMENT ON TABLE pairing_codes IS 'Kiosks that wait for an admin''s approval, for ten minutes.';

-- As of keys: nodes remember whose a digest is, so it never changes once it is there.
CREATE OR REPLACE FUNCTION refuse_device_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'a device keeps its credential and its id: pair it anew and revoke this one'
        USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = 'devices_are_final';
END
$$;

CREATE OR REPLACE TRIGGER devices_are_final
    BEFORE UPDATE OF id, hash ON devices
    FOR EACH ROW WHEN (OLD.id <> NEW.id OR (OLD.hash IS NOT NULL AND OLD.hash IS DISTINCT FROM NEW.hash))
    EXECUTE FUNCTION refuse_device_change();

ALTER TABLE devices ENABLE ALWAYS TRIGGER devices_are_final;

-- A digest is nobody's business, and neither is each minute in which a device was there.
SELECT hub_watch('devices', 'device', '{}', '{hash,last_seen_at}');
