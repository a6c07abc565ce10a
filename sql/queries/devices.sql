-- Paired kiosks and their pairing. No query shows a digest but the two that nodes verify with.

-- name: devices_live
-- Every device that is good, with its digest: what a node verifies with.
SELECT id::text AS id, name, airport, hash FROM devices WHERE revoked_at IS NULL AND hash IS NOT NULL;

-- name: device_digests
-- The digests of devices that the feed has just told of.
SELECT id::text AS id, hash FROM devices WHERE id = ANY (:ids::uuid[]) AND hash IS NOT NULL;

-- name: devices_seen!
-- At most one write a minute and device, however many nodes see it.
UPDATE devices SET last_seen_at = now()
 WHERE id = ANY (:ids::uuid[]) AND (last_seen_at IS NULL OR last_seen_at < now() - interval '55 seconds');

-- name: device(id)^
SELECT pg_current_snapshot()::text AS snapshot,
       (SELECT (to_jsonb(d) - 'hash')::text FROM devices AS d WHERE d.id = :id::uuid) AS row;

-- name: devices_page(revoked, after_time, after_id, most)^
-- One page of all devices, the newest first.
SELECT pg_current_snapshot()::text AS snapshot, ARRAY(
       SELECT (to_jsonb(d) - 'hash')::text
         FROM (SELECT * FROM devices AS d
                WHERE (:revoked::boolean IS NULL OR (d.revoked_at IS NOT NULL) = :revoked)
                  AND (d.created_at, d.id) < (:after_time::text::timestamptz, :after_id::uuid)
                ORDER BY d.created_at DESC, d.id DESC
                LIMIT :most::int) AS d
        ORDER BY d.created_at DESC, d.id DESC) AS rows;

-- name: device_locked(id)$
SELECT (to_jsonb(d) - 'hash')::text FROM devices AS d WHERE d.id = :id::uuid FOR UPDATE;

-- name: device_change(id, name, airport)$
-- No row where nothing would change.
UPDATE devices SET name = :name::text, airport = :airport::text
 WHERE id = :id::uuid AND (name, airport) IS DISTINCT FROM (:name::text, :airport::text)
RETURNING (to_jsonb(devices) - 'hash')::text;

-- name: device_revoke(id)^
-- Revokes a device; one that is revoked already is not written again. No row: there is none.
WITH revoked AS (
    UPDATE devices SET revoked_at = now() WHERE id = :id::uuid AND revoked_at IS NULL RETURNING id
)
SELECT d.id, EXISTS (SELECT FROM revoked) AS written FROM devices AS d WHERE d.id = :id;

-- name: device_identify(id)$
-- Two in one moment are two all the same: the time always moves on.
UPDATE devices SET identify_at = greatest(clock_timestamp(), identify_at + interval '1 microsecond')
 WHERE id = :id::uuid RETURNING revoked_at IS NULL;

-- name: device_reload(id)$
UPDATE devices SET reload_at = greatest(clock_timestamp(), reload_at + interval '1 microsecond')
 WHERE id = :id::uuid RETURNING revoked_at IS NULL;

-- name: pairing_open(hash, user_code, seconds, most)^
-- Opens a pairing, unless there are too many or the code is another's. Those who race here may go
-- over the mark by as many as there are connections.
WITH opened AS (
    INSERT INTO pairing_codes (hash, user_code, expires_at)
    SELECT :hash::bytea, :user_code::text, now() + make_interval(secs => :seconds::float8)
     WHERE (SELECT count(*) FROM pairing_codes WHERE expires_at > now()) < :most::bigint
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT EXISTS (SELECT FROM opened) AS opened,
       (SELECT count(*) FROM pairing_codes WHERE expires_at > now()) >= :most AS full;

-- name: pairing_approve(user_code, name, airport, created_by)$
-- Makes the device that waits behind a code. No row: no such code, or it was used, or its time is up.
WITH code AS (
    SELECT hash FROM pairing_codes
     WHERE user_code = :user_code::text AND device_id IS NULL AND expires_at > now() FOR UPDATE
), device AS (
    INSERT INTO devices (name, airport, created_by)
    SELECT :name::text, :airport::text, :created_by::uuid FROM code
    RETURNING *
), approved AS (
    UPDATE pairing_codes AS p SET device_id = device.id FROM code, device WHERE p.hash = code.hash
)
SELECT (to_jsonb(device) - 'hash')::text FROM device;

-- name: pairing_claim(hash, credential)^
-- Gives an approved device the credential and forgets the code, so of two claims one finds it.
-- Otherwise: whether the code still waits for an admin.
WITH used AS (
    DELETE FROM pairing_codes
     WHERE hash = :hash::bytea AND device_id IS NOT NULL AND expires_at > now()
    RETURNING device_id
), paired AS (
    UPDATE devices AS d SET hash = :credential::bytea, paired_at = now()
      FROM used
     WHERE d.id = used.device_id AND d.hash IS NULL AND d.revoked_at IS NULL
    RETURNING d.*
)
SELECT (SELECT (to_jsonb(paired) - 'hash')::text FROM paired) AS row,
       EXISTS (SELECT FROM pairing_codes
                WHERE hash = :hash AND device_id IS NULL AND expires_at > now()) AS waits;

-- name: pairings_prune$
WITH gone AS (DELETE FROM pairing_codes WHERE expires_at <= now() RETURNING 1) SELECT count(*) FROM gone;
