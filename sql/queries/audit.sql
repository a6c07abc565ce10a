-- name: audit_page(entity_type, entity_id, action, actor, since, until, after_time, after_id, most)^
-- One page of the audit log, the newest first. :actor is a user's id, or what metadata says of one who
-- is no user.
SELECT pg_current_snapshot()::text AS snapshot, ARRAY(
       SELECT to_jsonb(a)::text
         FROM (SELECT * FROM audit_log AS a
                WHERE (:entity_type::text IS NULL OR a.entity_type = :entity_type)
                  AND (:entity_id::uuid IS NULL OR a.entity_id = :entity_id)
                  AND (:action::text IS NULL OR a.action = :action)
                  AND (:actor::uuid IS NULL OR a.user_id = :actor
                       OR (a.metadata ? 'actor' AND a.metadata ->> 'actor' = :actor::text))
                  AND (:since::timestamptz IS NULL OR a.created_at >= :since)
                  AND (:until::timestamptz IS NULL OR a.created_at < :until)
                  AND (a.created_at, a.id) < (:after_time::text::timestamptz, :after_id::uuid)
                ORDER BY a.created_at DESC, a.id DESC
                LIMIT :most::int) AS a
        ORDER BY a.created_at DESC, a.id DESC) AS rows;
