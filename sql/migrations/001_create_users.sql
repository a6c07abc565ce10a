-- Users, and the two functions every later table leans on. Safe to run again.

-- uuid_generate_v4(): from the extension where it can be had; else ours, over the built-in generator.
DO $$
BEGIN
    IF to_regprocedure('uuid_generate_v4()') IS NULL THEN
        BEGIN
            CREATE EXTENSION IF NOT EXISTS "uuid-ossp";
        EXCEPTION
            -- Not on this machine (58P01 up to PostgreSQL 14, 0A000 since), or not for this user.
            WHEN undefined_file OR feature_not_supported OR insufficient_privilege THEN NULL;
        END;
    END IF;
    -- Asked again: the extension may sit in a schema that is not on the search path.
    IF to_regprocedure('uuid_generate_v4()') IS NULL THEN
        CREATE FUNCTION uuid_generate_v4() RETURNS uuid
            LANGUAGE sql VOLATILE PARALLEL SAFE
            AS 'SELECT pg_catalog.gen_random_uuid()';
    END IF;
END
$$;

-- The clock's time, not the transaction's: of two writers in turn the later one's stamp is later,
-- even if its transaction began first.
CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.updated_at = clock_timestamp();
    RETURN NEW;
END
$$;

CREATE TABLE IF NOT EXISTS users (
    id              uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    cognito_user_id varchar(255) NOT NULL UNIQUE,
    email           varchar(255) NOT NULL UNIQUE,
    first_name      varchar(100) NOT NULL,
    last_name       varchar(100) NOT NULL,
    phone_number    varchar(20),
    role            varchar(20) NOT NULL
        CHECK (role IN ('STUDENT', 'INSTRUCTOR', 'ADMIN')),
    training_level  varchar(20)
        CHECK (training_level IN ('STUDENT_PILOT', 'PRIVATE_PILOT', 'INSTRUMENT_RATED')),
    created_at      timestamptz DEFAULT now(),
    updated_at      timestamptz DEFAULT now()
);

CREATE INDEX IF NOT EXISTS idx_users_role ON users (role);

CREATE OR REPLACE TRIGGER update_users_updated_at
    BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
