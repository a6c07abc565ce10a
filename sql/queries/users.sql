-- name: user(id)^
SELECT pg_current_snapshot()::text AS snapshot,
       (SELECT to_jsonb(u)::text FROM users AS u WHERE u.id = :id::uuid) AS row;

-- name: users_to_sign_in(most)^
-- Development only: whom one may sign in as.
SELECT pg_current_snapshot()::text AS snapshot, ARRAY(
       SELECT to_jsonb(u)::text FROM users AS u
        ORDER BY u.role, u.last_name, u.first_name, u.id LIMIT :most::int) AS rows;

-- name: user_sub_by_email(email)$
-- Development only: the token's subject for an address.
SELECT cognito_user_id FROM users WHERE email = :email;
