-- Integrations' keys. No query shows a digest but the two that nodes verify with.

-- name: keys_live
-- Every key that is good, with its digest: what a node verifies with.
SELECT id::text AS id, name, scopes, hash FROM api_keys WHERE revoked_at IS NULL;

-- name: key_digests
-- The digests of keys that the feed has just told of.
SELECT id::text AS id, hash FROM api_keys WHERE id = ANY (:ids::uuid[]);

-- name: keys_used!
-- At most one write a minute and key, however many nodes see it used.
UPDATE api_keys SET last_used_at = now()
 WHERE id = ANY (:ids::uuid[]) AND (last_used_at IS NULL OR last_used_at < now() - interval '55 seconds');

-- name: key_create(name, prefix, hash, scopes, created_by)$
INSERT INTO api_keys (name, prefix, hash, scopes, created_by)
VALUES (:name::text, :prefix::text, :hash::bytea, :scopes::text[], :created_by::uuid)
RETURNING (to_jsonb(api_keys) - 'hash')::text;

-- name: key(id)^
SELECT pg_current_snapshot()::text AS snapshot,
       (SELECT (to_jsonb(k) - 'hash')::text FROM api_keys AS k WHERE k.id = :id::uuid) AS row;

-- name: keys_page(revoked, after_time, after_id, most)^
-- One page of all keys, the newest first.
SELECT pg_current_snapshot()::text AS snapshot, ARRAY(
       SELECT (to_jsonb(k) - 'hash')::text
         FROM (SELECT * FROM api_keys AS k
                WHERE (:revoked::boolean IS NULL OR (k.revoked_at IS NOT NULL) = :revoked)
                  AND (k.created_at, k.id) < (:after_time::text::timestamptz, :after_id::uuid)
                ORDER BY k.created_at DESC, k.id DESC
                LIMIT :most::int) AS k
        ORDER BY k.created_at DESC, k.id DESC) AS rows;

-- name: key_locked(id)$
SELECT (to_jsonb(k) - 'hash')::text FROM api_keys AS k WHERE k.id = :id::uuid FOR UPDATE;

-- name: key_revoke(id)^
-- Revokes a key; one that is revoked already is not written again. No row: there is none.
WITH revoked AS (
    UPDATE api_keys SET revoked_at = now() WHERE id = :id::uuid AND revoked_at IS NULL RETURNING id
)
SELECT k.id, EXISTS (SELECT FROM revoked) AS written FROM api_keys AS k WHERE k.id = :id;
