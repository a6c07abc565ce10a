-- name: explain_booking^
-- A booking, its open rescheduling and the last that was recorded of it, in one snapshot. Transaction ids
-- are not the order of a row's changes: an older transaction may have changed it later. So all its events
-- are looked at; for an admin's question no writer shall keep an index.
SELECT pg_current_snapshot()::text AS snapshot,
       (SELECT to_jsonb(b)::text FROM bookings AS b WHERE b.id = :booking::uuid) AS booking,
       (SELECT to_jsonb(r)::text FROM reschedulings AS r WHERE r.id = :booking::uuid) AS rescheduling,
       e.xid::text AS xid, e.op, e.row::text AS row, e.was::text AS was,
       to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at
  FROM (SELECT) AS one
  LEFT JOIN (SELECT * FROM events
              WHERE entity = 'bookings' AND key = :booking::uuid
              ORDER BY lsn DESC
              LIMIT 1) AS e ON true;
