-- Writes that were asked for under an Idempotency-Key.

-- name: once_claim(principal, key, fingerprint)$
-- Takes the key for this transaction; while another transaction holds it, waits for its end. No row:
-- the key was used before.
INSERT INTO idempotency_keys (principal, key, fingerprint)
VALUES (:principal, :key, :fingerprint)
ON CONFLICT (principal, key) DO NOTHING
RETURNING true;

-- name: once_earlier(principal, key)^
SELECT fingerprint, answer, transaction::text AS transaction
  FROM idempotency_keys WHERE principal = :principal AND key = :key;

-- name: once_keep(answer, principal, key)!
UPDATE idempotency_keys SET answer = :answer WHERE principal = :principal AND key = :key;

-- name: once_prune(keep)$
-- Forgets keys older than :keep seconds; answers how many.
WITH gone AS (
    DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(secs => :keep::float8) RETURNING 1
)
SELECT count(*) FROM gone;
