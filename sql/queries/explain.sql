-- name: explain_booking^
-- A booking, its open rescheduling and the last that was recorded of it, in one snapshot. The events are
-- walked backwards (OFFSET 0: nothing of the outside is looked for first), so that a booking that changed
-- lately is found at once; for an admin's question no writer shall keep an index.
SELECT pg_current_snapshot()::text AS snapshot,
       (SELECT to_jsonb(b)::text FROM bookings AS b WHERE b.id = :booking::uuid) AS booking,
       (SELECT to_jsonb(r)::text FROM reschedulings AS r WHERE r.id = :booking::uuid) AS rescheduling,
       e.xid::text AS xid, e.op, e.row::text AS row, e.was::text AS was,
       to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at
  FROM (SELECT) AS one
  LEFT JOIN (SELECT n.* FROM (SELECT * FROM events ORDER BY xid DESC, lsn DESC OFFSET 0) AS n
              WHERE n.entity = 'bookings' AND n.key = :booking::uuid
              LIMIT 1) AS e ON true;
