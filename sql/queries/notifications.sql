-- name: notifications_page(person, read, after_time, after_id, most)^
-- One page of somebody's notifications, the newest first.
SELECT pg_current_snapshot()::text AS snapshot, ARRAY(
       SELECT to_jsonb(n)::text
         FROM (SELECT * FROM notifications AS n
                WHERE n.user_id = :person::uuid
                  AND n.read = ANY (CASE WHEN :read::boolean IS NULL THEN '{f,t}'::boolean[] ELSE ARRAY[:read] END)
                  AND (n.created_at, n.id) < (:after_time::text::timestamptz, :after_id::uuid)
                ORDER BY n.created_at DESC, n.id DESC
                LIMIT :most::int) AS n
        ORDER BY n.created_at DESC, n.id DESC) AS rows;

-- name: notification_read(id, person)^
-- Marks one's own notification read; one that is read already is not written again. The second half
-- sees the row as it was before, hence the member set by hand.
WITH marked AS (
    UPDATE notifications SET read = true
     WHERE id = :id::uuid AND user_id = :person::uuid AND NOT read
    RETURNING *
)
SELECT to_jsonb(m)::text AS row, true AS written FROM marked AS m
 UNION ALL
SELECT (to_jsonb(n) || '{"read": true}')::text, false FROM notifications AS n
 WHERE n.id = :id AND n.user_id = :person AND NOT EXISTS (SELECT FROM marked);
