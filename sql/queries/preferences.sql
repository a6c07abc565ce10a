-- name: preference(id, person, whose)^
-- One person's ranking of a booking's options. :person is the reader, null for one who sees every
-- booking; :whose is one of the booking's two. Visible says whether the reader sees the booking.
SELECT pg_current_snapshot()::text AS snapshot, found.visible, found.row
  FROM (SELECT) AS one
  LEFT JOIN (
       SELECT true AS visible,
              (SELECT (to_jsonb(p) || jsonb_build_object(
                          'unavailable_option_ids', coalesce(p.unavailable_option_ids, '{}'),
                          'none_work', p.submitted_at IS NULL
                                       AND coalesce(cardinality(p.unavailable_option_ids), 0) > 0))::text
                 FROM preference_rankings AS p
                WHERE p.booking_id = b.id AND p.user_id = :whose::uuid
                  AND p.user_id IN (b.student_id, b.instructor_id)) AS row
         FROM bookings AS b
        WHERE b.id = :id::uuid
          AND (:person::uuid IS NULL OR :person IN (b.student_id, b.instructor_id))) AS found ON true;

-- name: preference_submit(id, person, option1_id, option2_id, option3_id, unavailable_option_ids, none_work)$
-- The deadline is judged here and nowhere else, by the moment that is written as the submission's.
UPDATE preference_rankings AS p
   SET option1_id = :option1_id::uuid, option2_id = :option2_id::uuid, option3_id = :option3_id::uuid,
       unavailable_option_ids = :unavailable_option_ids::uuid[],
       submitted_at = CASE WHEN :none_work::boolean THEN NULL ELSE statement_timestamp() END
 WHERE p.booking_id = :id::uuid AND p.user_id = :person::uuid AND p.deadline > statement_timestamp()
RETURNING (to_jsonb(p) || jsonb_build_object(
              'unavailable_option_ids', coalesce(p.unavailable_option_ids, '{}'),
              'none_work', :none_work::boolean))::text;
