-- name: notifications_page(person, read, type, booking_id, after_time, after_id, most)^
-- One page of somebody's notifications, the newest first.
SELECT pg_current_snapshot()::text AS snapshot, ARRAY(
       SELECT to_jsonb(n)::text
         FROM (SELECT * FROM notifications AS n
                WHERE n.user_id = :person::uuid
                  AND n.read = ANY (CASE WHEN :read::boolean IS NULL THEN '{f,t}'::boolean[] ELSE ARRAY[:read] END)
                  AND (:type::text IS NULL OR n.type = :type)
                  AND (:booking_id::uuid IS NULL OR n.booking_id = :booking_id)
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

-- name: notification(id, person)^
SELECT pg_current_snapshot()::text AS snapshot,
       (SELECT to_jsonb(n)::text FROM notifications AS n
         WHERE n.id = :id::uuid AND n.user_id = :person::uuid) AS row;

-- name: notifications_unread(person)^
SELECT pg_current_snapshot()::text AS snapshot,
       (SELECT count(*) FROM notifications AS n WHERE n.user_id = :person::uuid AND n.read = false) AS unread;

-- name: notifications_read_all(person, until)$
-- Marks one's own unread ones read, or those of up to a moment; answers how many.
WITH marked AS (
    UPDATE notifications SET read = true
     WHERE user_id = :person::uuid AND read = false
       AND (:until::timestamptz IS NULL OR created_at <= :until)
    RETURNING 1
)
SELECT count(*) FROM marked;

-- name: notification_create(user_id, booking_id, type, title, message)$
INSERT INTO notifications AS n (user_id, booking_id, type, title, message)
VALUES (:user_id::uuid, :booking_id::uuid, :type::text, :title::text, :message::text)
RETURNING to_jsonb(n)::text;
