-- name: feed_identity^
-- Which server this is, and whether the history recorded here is its own. A copied feed row disagrees
-- with its own xmin; a restored, cloned or promoted server disagrees with the identifiers.
SELECT s.system_identifier, s.timeline, s.database, f.number::text AS number,
       coalesce(f.xmin = f.written::xid AND f.system_identifier = s.system_identifier
                AND f.timeline = s.timeline AND f.database = s.database, false) AS ours
  FROM (SELECT (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
               ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int AS timeline,
               (SELECT oid FROM pg_database WHERE datname = current_database()) AS database) AS s
  LEFT JOIN feed AS f ON true;

-- name: feed_standby$
SELECT pg_is_in_recovery();

-- name: feed_recorded$
-- In the middle of a restore the tables are there already and the triggers are not.
SELECT bool_and((SELECT count(*) FROM pg_trigger
                  WHERE tgrelid = to_regclass(watched) AND tgenabled <> 'D'
                    AND tgname IN ('hub_insert', 'hub_update', 'hub_delete', 'hub_truncate')) = 4)
  FROM unnest(ARRAY['users', 'bookings', 'notifications', 'reschedule_options',
                    'preference_rankings', 'api_keys', 'devices', 'reschedulings', 'days']) AS watched;

-- name: feed_two_phase$
-- A transaction that has called NOTIFY cannot be prepared (manual, PREPARE TRANSACTION).
SELECT current_setting('max_prepared_transactions')::int > 0;

-- name: feed_founding_lock!
SELECT pg_advisory_xact_lock(7527030299283516525);

-- name: feed_clear!
DELETE FROM events;

-- name: feed_found!
INSERT INTO feed AS f (system_identifier, timeline, database, number, pruned_below, written)
VALUES (:system_identifier, :timeline, :database, pg_current_xact_id(), '0', pg_current_xact_id())
ON CONFLICT (one) DO UPDATE
   SET system_identifier = excluded.system_identifier, timeline = excluded.timeline, database = excluded.database,
       number = excluded.number, pruned_below = excluded.pruned_below, written = excluded.written;

-- name: feed_snapshot$
SELECT pg_current_snapshot()::text;

-- name: feed_plan!
-- For the feed's own connection. Its reads take a handful of rows from the end of a long table, which a
-- generic plan cannot know: it expects a third of the table, scans all of it, twice, and may compile
-- that first.
SET enable_seqscan = off; SET max_parallel_workers_per_gather = 0; SET jit = off;
SET plan_cache_mode = force_generic_plan;

-- name: feed_read
-- Everything that became visible after the snapshot, and the cursor to use next: one statement, so
-- all of it sees one snapshot. Invisible to a snapshot is: from its xmax on, or in its list.
SELECT pg_current_snapshot()::text AS cursor, f.ours, f.pruned_below, e.*
  FROM (SELECT) AS one
  LEFT JOIN (SELECT number::text = :number AND xmin = written::xid AS ours,
                    pruned_below::text AS pruned_below FROM feed) AS f ON true
  LEFT JOIN (
       SELECT n.lsn, n.xid::text AS xid, n.entity, n.op, n.key::text AS key, n.row::text AS row, n.was::text AS was,
              to_char(n.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at
         FROM (SELECT * FROM events WHERE xid >= pg_snapshot_xmax(:after::text::pg_snapshot)
               UNION ALL
               SELECT * FROM events WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip(:after::text::pg_snapshot)))) AS n
        LIMIT :most::int) AS e ON true
 ORDER BY e.lsn;

-- name: feed_backfill
-- What became visible between two snapshots: for those who come back with a cursor older than this
-- node's history.
SELECT f.ours, f.pruned_below, e.*
  FROM (SELECT) AS one
  LEFT JOIN (SELECT number::text = :number AND xmin = written::xid AS ours,
                    pruned_below::text AS pruned_below FROM feed) AS f ON true
  LEFT JOIN (
       SELECT n.lsn, n.xid::text AS xid, n.entity, n.op, n.key::text AS key, n.row::text AS row, n.was::text AS was,
              to_char(n.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at
         FROM (SELECT * FROM events WHERE xid >= pg_snapshot_xmax(:after::text::pg_snapshot)
               UNION ALL
               SELECT * FROM events WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip(:after::text::pg_snapshot)))) AS n
        WHERE pg_visible_in_snapshot(n.xid, :upto::text::pg_snapshot)
        LIMIT :most::int) AS e ON true
 ORDER BY e.lsn;

-- name: feed_backfill_weight^
-- How many events those are and how large, without carrying them over.
SELECT count(*) AS events,
       coalesce(sum(coalesce(pg_column_size(n.row), 0) + coalesce(pg_column_size(n.was), 0)), 0)::bigint AS bytes
  FROM (SELECT row, was FROM events
         WHERE xid >= pg_snapshot_xmax(:after::text::pg_snapshot)
           AND pg_visible_in_snapshot(xid, :upto::text::pg_snapshot)
         LIMIT :most::int) AS n;

-- name: feed_renamed
-- The rows that show a renamed person, as they stand in the reader's snapshot.
SELECT n.entity, n.key::text AS key, n.student_id::text AS student_id, n.instructor_id::text AS instructor_id,
       n.row::text AS row
  FROM (SELECT 'bookings' AS entity, b.id AS key, b.student_id, b.instructor_id, b.scheduled_datetime, to_jsonb(b) AS row
          FROM bookings AS b
         WHERE b.student_id = ANY (:people::uuid[]) OR b.instructor_id = ANY (:people::uuid[])
         UNION ALL
        SELECT 'reschedulings', r.id, r.student_id, r.instructor_id, r.scheduled_datetime, to_jsonb(r)
          FROM reschedulings AS r
         WHERE r.student_id = ANY (:people::uuid[]) OR r.instructor_id = ANY (:people::uuid[])) AS n
 ORDER BY n.scheduled_datetime, n.key, n.entity
 LIMIT :most::int;

-- name: feed_fall_asleep!
SELECT pg_advisory_lock_shared(7527030299283516524);

-- name: feed_wake!
SELECT pg_advisory_unlock_shared(7527030299283516524);

-- name: feed_own_xid$
SELECT pg_current_xact_id()::text;

-- name: feed_prune$
-- Only events that every snapshot from now on has seen may go; the bound moves no further than what went.
-- A slice of rows at a time, whole transactions, so that a backlog never outlasts the statement timeout.
WITH slice AS (
    SELECT CASE WHEN o.xid > f.xid THEN o.xid
                WHEN o.xid = f.xid THEN (SELECT xid FROM events WHERE xid > f.xid ORDER BY xid LIMIT 1) END AS xid
      FROM (SELECT (SELECT xid FROM events ORDER BY xid LIMIT 1)) AS f (xid),
           (SELECT (SELECT xid FROM events ORDER BY xid OFFSET :slice::int LIMIT 1)) AS o (xid)
), bound AS (
    SELECT least(pg_snapshot_xmin(pg_current_snapshot()), (SELECT xid FROM slice),
                 (SELECT xid FROM events WHERE at >= now() - make_interval(secs => :keep::float8) ORDER BY xid LIMIT 1)) AS xid
), gone AS (
    DELETE FROM events USING bound WHERE events.xid < bound.xid RETURNING events.xid
), moved AS (
    UPDATE feed SET written = pg_current_xact_id(),
           pruned_below = greatest(pruned_below, (SELECT (max(xid::text::numeric) + 1)::text::xid8 FROM gone))
     WHERE EXISTS (SELECT FROM gone) AND xmin = written::xid
)
SELECT count(*) FROM gone;

-- name: feed_leader$
SELECT pg_try_advisory_xact_lock(7527030299283516526);

-- name: directory_people
SELECT id::text AS id, cognito_user_id, role, first_name, last_name FROM users;

-- name: days
-- Days of no calendar that a program can hold are its first or last.
SELECT id::text AS id, least(greatest(day, '0001-01-01'), '9999-12-31') AS day FROM days;
