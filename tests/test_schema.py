"""The catalog equals the document: every fact of SCHEMA.md about the eight tables, and no other.

The facts stand here as one readable table, in the document's words, and the catalog is rendered in
the same words. What the hub adds to them (marked ``+``) is decided in the design, section 7.
"""

# ruff: noqa: E501 - a fact a line
from __future__ import annotations

import re

import asyncpg

Connection = asyncpg.Connection

STAMP = "TIMESTAMP WITH TIME ZONE"

COLUMNS = f"""
users
    id UUID NOT NULL DEFAULT uuid_generate_v4()
    cognito_user_id VARCHAR(255) NOT NULL
    email VARCHAR(255) NOT NULL
    first_name VARCHAR(100) NOT NULL
    last_name VARCHAR(100) NOT NULL
    phone_number VARCHAR(20)
    role VARCHAR(20) NOT NULL
    training_level VARCHAR(20)
    created_at {STAMP} DEFAULT now()
    updated_at {STAMP} DEFAULT now()

bookings
    id UUID NOT NULL DEFAULT uuid_generate_v4()
    student_id UUID NOT NULL
    instructor_id UUID NOT NULL
    aircraft_id VARCHAR(50)
    departure_airport VARCHAR(10) NOT NULL
    arrival_airport VARCHAR(10) NOT NULL
    departure_latitude DECIMAL(10, 8) NOT NULL
    departure_longitude DECIMAL(11, 8) NOT NULL
    arrival_latitude DECIMAL(10, 8) NOT NULL
    arrival_longitude DECIMAL(11, 8) NOT NULL
    scheduled_datetime {STAMP} NOT NULL
    status VARCHAR(20) NOT NULL DEFAULT 'CONFIRMED'
    training_level VARCHAR(20) NOT NULL
    duration_minutes INTEGER NOT NULL DEFAULT 60
    original_booking_id UUID
    rescheduled_to_datetime {STAMP}
    created_at {STAMP} DEFAULT now()
    updated_at {STAMP} DEFAULT now()

availability_patterns
    id UUID NOT NULL DEFAULT uuid_generate_v4()
    user_id UUID NOT NULL
    day_of_week INTEGER NOT NULL
    start_time TIME NOT NULL
    end_time TIME NOT NULL
    is_active BOOLEAN NOT NULL DEFAULT true
    created_at {STAMP} DEFAULT now()
    updated_at {STAMP} DEFAULT now()

availability_overrides
    id UUID NOT NULL DEFAULT uuid_generate_v4()
    user_id UUID NOT NULL
    override_date DATE NOT NULL
    start_time TIME
    end_time TIME
    is_blocked BOOLEAN NOT NULL DEFAULT true
    reason VARCHAR(255)
    created_at {STAMP} DEFAULT now()

reschedule_options
    id UUID NOT NULL DEFAULT uuid_generate_v4()
    booking_id UUID NOT NULL
    suggested_datetime {STAMP} NOT NULL
    weather_forecast JSONB
    ai_confidence_score DECIMAL(3, 2)
    created_at {STAMP} DEFAULT now()

preference_rankings
    id UUID NOT NULL DEFAULT uuid_generate_v4()
    booking_id UUID NOT NULL
    user_id UUID NOT NULL
    option1_id UUID
    option2_id UUID
    option3_id UUID
    unavailable_option_ids UUID[]
    deadline {STAMP} NOT NULL
    submitted_at {STAMP}
    created_at {STAMP} DEFAULT now()
    + reminded_at {STAMP}
    + escalated_at {STAMP}

notifications
    id UUID NOT NULL DEFAULT uuid_generate_v4()
    user_id UUID NOT NULL
    booking_id UUID
    type VARCHAR(50) NOT NULL
    title VARCHAR(255) NOT NULL
    message TEXT NOT NULL
    read BOOLEAN NOT NULL DEFAULT false
    created_at {STAMP} DEFAULT now()

audit_log
    id UUID NOT NULL DEFAULT uuid_generate_v4()
    entity_type VARCHAR(50) NOT NULL
    entity_id UUID NOT NULL
    action VARCHAR(100) NOT NULL
    user_id UUID
    metadata JSONB
    created_at {STAMP} DEFAULT now()
"""

#: Beside those that PRIMARY KEY, UNIQUE and EXCLUDE make. ``*``: the document gives the name.
INDEXES = """
users
    idx_users_role (role)

bookings
    idx_bookings_student (student_id)
    idx_bookings_instructor (instructor_id)
    * idx_bookings_scheduled_time (scheduled_datetime)
    * idx_bookings_status (status)
    * idx_bookings_status_scheduled_time (status, scheduled_datetime)
    * idx_bookings_student_status (student_id, status)
    * idx_bookings_instructor_status (instructor_id, status)
    * idx_bookings_upcoming (status, scheduled_datetime) WHERE status IN ('CONFIRMED', 'AT_RISK')
    + idx_bookings_original (original_booking_id) WHERE original_booking_id IS NOT NULL

availability_patterns
    * idx_availability_patterns_user_day (user_id, day_of_week)
    * idx_availability_patterns_active (is_active)

availability_overrides
    idx_availability_overrides_user (user_id)
    idx_availability_overrides_date (override_date)
    idx_availability_overrides_user_date (user_id, override_date)
    + UNIQUE idx_availability_overrides_span (user_id, override_date, COALESCE(start_time, '00:00:00'), COALESCE(end_time, '24:00:00'))

reschedule_options
    * idx_reschedule_options_booking (booking_id)
    idx_reschedule_options_suggested_time (suggested_datetime)

preference_rankings
    * idx_preference_rankings_booking (booking_id, user_id)
    idx_preference_rankings_deadline (deadline)

notifications
    * idx_notifications_user_read (user_id, read)
    idx_notifications_created_at (created_at)
    + idx_notifications_booking (booking_id)

audit_log
    * idx_audit_log_entity_timestamp (entity_type, entity_id, created_at)
    idx_audit_log_created_at (created_at)
    idx_audit_log_action (action)
    + idx_audit_log_user (user_id, created_at) WHERE user_id IS NOT NULL
    + idx_audit_log_actor (metadata ->> 'actor', created_at) WHERE metadata ? 'actor'
"""

LEVELS = "'STUDENT_PILOT', 'PRIVATE_PILOT', 'INSTRUMENT_RATED'"
SPAN = (
    "tsrange(scheduled_datetime AT TIME ZONE 'UTC', scheduled_datetime AT TIME ZONE 'UTC'"
    " + duration_minutes * '00:01:00') WITH && WHERE status IN ('CONFIRMED', 'AT_RISK',"
    " 'RESCHEDULING') DEFERRABLE"
)

CONSTRAINTS = f"""
users
    users_pkey PRIMARY KEY (id)
    users_cognito_user_id_key UNIQUE (cognito_user_id)
    users_email_key UNIQUE (email)
    users_role_check CHECK role IN ('STUDENT', 'INSTRUCTOR', 'ADMIN')
    users_training_level_check CHECK training_level IN ({LEVELS})

bookings
    bookings_pkey PRIMARY KEY (id)
    bookings_student_id_fkey FOREIGN KEY (student_id) REFERENCES users(id) ON DELETE CASCADE
    bookings_instructor_id_fkey FOREIGN KEY (instructor_id) REFERENCES users(id) ON DELETE CASCADE
    bookings_original_booking_id_fkey FOREIGN KEY (original_booking_id) REFERENCES bookings(id) ON DELETE CASCADE
    bookings_status_check CHECK status IN ('CONFIRMED', 'AT_RISK', 'RESCHEDULING', 'CANCELLED', 'COMPLETED')
    bookings_training_level_check CHECK training_level IN ({LEVELS})
    + bookings_departure_latitude_check CHECK departure_latitude >= -90 AND departure_latitude <= 90
    + bookings_departure_longitude_check CHECK departure_longitude >= -180 AND departure_longitude <= 180
    + bookings_arrival_latitude_check CHECK arrival_latitude >= -90 AND arrival_latitude <= 90
    + bookings_arrival_longitude_check CHECK arrival_longitude >= -180 AND arrival_longitude <= 180
    + bookings_duration_minutes_check CHECK duration_minutes > 0
    + bookings_two_people_check CHECK student_id <> instructor_id
    + bookings_aircraft_overlap EXCLUDE USING gist aircraft_id WITH =, {SPAN}
    + bookings_instructor_overlap EXCLUDE USING gist instructor_id WITH =, {SPAN}
    + bookings_student_overlap EXCLUDE USING gist student_id WITH =, {SPAN}

availability_patterns
    availability_patterns_pkey PRIMARY KEY (id)
    availability_patterns_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
    availability_patterns_day_of_week_check CHECK day_of_week >= 0 AND day_of_week <= 6
    availability_patterns_end_time_check CHECK end_time > start_time
    availability_patterns_unique UNIQUE (user_id, day_of_week, start_time, end_time)

availability_overrides
    availability_overrides_pkey PRIMARY KEY (id)
    availability_overrides_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
    availability_overrides_unique UNIQUE (user_id, override_date, start_time, end_time)
    + availability_overrides_both_times_check CHECK start_time IS NULL = end_time IS NULL
    + availability_overrides_end_time_check CHECK end_time > start_time

reschedule_options
    reschedule_options_pkey PRIMARY KEY (id)
    reschedule_options_booking_id_fkey FOREIGN KEY (booking_id) REFERENCES bookings(id) ON DELETE CASCADE
    + reschedule_options_weather_forecast_check CHECK jsonb_typeof(weather_forecast) = 'object'
    + reschedule_options_weather_forecast_readable_check CHECK NOT weather_forecast @? '$.**{{32}}'::jsonpath AND NOT weather_forecast @? '$.**?@.type == "number" && @ > 1000000000000000 || @ < -1000000000000000'::jsonpath
    + reschedule_options_ai_confidence_score_check CHECK ai_confidence_score >= 0 AND ai_confidence_score <= 1

preference_rankings
    preference_rankings_pkey PRIMARY KEY (id)
    preference_rankings_booking_id_fkey FOREIGN KEY (booking_id) REFERENCES bookings(id) ON DELETE CASCADE
    preference_rankings_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
    preference_rankings_option1_id_fkey FOREIGN KEY (option1_id) REFERENCES reschedule_options(id) ON DELETE CASCADE
    preference_rankings_option2_id_fkey FOREIGN KEY (option2_id) REFERENCES reschedule_options(id) ON DELETE CASCADE
    preference_rankings_option3_id_fkey FOREIGN KEY (option3_id) REFERENCES reschedule_options(id) ON DELETE CASCADE
    preference_rankings_unique UNIQUE (booking_id, user_id)
    preference_rankings_ranked_check CHECK submitted_at IS NULL OR num_nonnulls(option1_id, option2_id, option3_id) >= 1

notifications
    notifications_pkey PRIMARY KEY (id)
    notifications_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
    notifications_booking_id_fkey FOREIGN KEY (booking_id) REFERENCES bookings(id) ON DELETE CASCADE
    + notifications_type_check CHECK type IN ('WEATHER_ALERT', 'OPTIONS_AVAILABLE', 'DEADLINE_REMINDER', 'CONFIRMATION', 'ESCALATION')

audit_log
    audit_log_pkey PRIMARY KEY (id)
    audit_log_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
"""

#: Those of the feed (``hub_...``) are its own tests' business.
TRIGGERS = """
users
    update_users_updated_at BEFORE UPDATE FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()

bookings
    update_bookings_updated_at BEFORE UPDATE FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()

availability_patterns
    update_availability_patterns_updated_at BEFORE UPDATE FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()

audit_log
    + audit_log_immutable BEFORE DELETE OR UPDATE FOR EACH ROW EXECUTE FUNCTION refuse_audit_log_change() ALWAYS
    + audit_log_no_truncate BEFORE TRUNCATE FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_log_change() ALWAYS
"""

TABLES = [line for line in COLUMNS.splitlines() if line and not line.startswith(" ")]

#: PostgreSQL's words for a type, and the document's.
WORDS = (
    (r"character varying\((\d+)\)", r"VARCHAR(\1)"),
    (r"numeric\((\d+),(\d+)\)", r"DECIMAL(\1, \2)"),
    (r"timestamp with time zone", STAMP.lower()),
    (r"time without time zone", "time"),
)
CASTS = re.compile(
    r"::(character varying|text|numeric|integer|double precision|interval|time without time zone)"
    r"(\[\])?"
)


def facts(text: str) -> dict[str, list[str]]:
    """The facts above as data: each table's lines, without their marks."""
    found: dict[str, list[str]] = {}
    for block in text.strip().split("\n\n"):
        table, *lines = block.splitlines()
        found[table] = [re.sub(r"^[*+] ", "", line.strip()) for line in lines]
    return found


def plain(definition: str) -> str:
    """A definition without the casts and parentheses that PostgreSQL renders it with."""
    text = re.sub(r"'(-?\d+)'", r"\1", CASTS.sub("", definition))
    text = re.sub(r"[()]", "", text)
    return re.sub(r"= ANY ARRAY\[(.*?)\]", r"IN \1", text)


def shown(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Facts, or what the catalog says, in one form that can be compared and read."""
    return {table: sorted(plain(line) for line in found.get(table, [])) for table in TABLES}


async def catalog(conn: Connection, query: str) -> dict[str, list[str]]:
    """What a query says of the documented tables; it answers (table, line)."""
    found: dict[str, list[str]] = {table: [] for table in TABLES}
    for table, line in await conn.fetch(query, TABLES):
        found[table].append(line)
    return found


async def test_columns(conn: Connection) -> None:
    rows = await conn.fetch(
        """
        SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull,
               pg_get_expr(adbin, adrelid), attidentity <> '' OR attgenerated <> ''
          FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
         WHERE attrelid = ANY (SELECT to_regclass(t) FROM unnest($1::text[]) AS t)
           AND attnum > 0 AND NOT attisdropped
         ORDER BY attrelid, attnum
        """,
        TABLES,
    )
    found: dict[str, list[str]] = {table: [] for table in TABLES}
    for table, name, kind, not_null, default, odd in rows:
        for theirs, ours in WORDS:
            kind = re.sub(theirs, ours, kind)
        line = f"{name} {kind if kind[0].isupper() else kind.upper()}"
        line += " NOT NULL" * not_null + (f" DEFAULT {CASTS.sub('', default)}" if default else "")
        found[table].append(line + " GENERATED" * odd)
    assert found == facts(COLUMNS)  # in the document's order, too


async def test_indexes(conn: Connection) -> None:
    found = await catalog(
        conn,
        """
        SELECT indrelid::regclass::text,
               CASE WHEN indisunique THEN 'UNIQUE ' ELSE '' END || relname || ' '
               || regexp_replace(pg_get_indexdef(indexrelid), '^.* USING btree ', '')
               || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END
          FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
         WHERE indrelid = ANY (SELECT to_regclass(t) FROM unnest($1::text[]) AS t)
           AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = indrelid)
        """,
    )
    assert shown(found) == shown(facts(INDEXES))


async def test_constraints_and_foreign_key_actions(conn: Connection) -> None:
    found = await catalog(
        conn,
        """
        SELECT conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(oid)
          FROM pg_constraint
         WHERE conrelid = ANY (SELECT to_regclass(t) FROM unnest($1::text[]) AS t)
           AND contype NOT IN ('n', 't')  -- NOT NULL stands with the columns since PostgreSQL 18
        """,
    )
    assert shown(found) == shown(facts(CONSTRAINTS))


async def test_triggers(conn: Connection) -> None:
    found = await catalog(
        conn,
        r"""
        SELECT tgrelid::regclass::text,
               replace(regexp_replace(pg_get_triggerdef(oid), '^CREATE TRIGGER ', ''),
                       ' ON public.' || tgrelid::regclass, '')
               || CASE tgenabled WHEN 'O' THEN '' WHEN 'A' THEN ' ALWAYS' ELSE ' OFF' END
          FROM pg_trigger
         WHERE tgrelid = ANY (SELECT to_regclass(t) FROM unnest($1::text[]) AS t)
           AND NOT tgisinternal AND tgname NOT LIKE 'hub\_%'
        """,
    )
    assert shown(found) == shown(facts(TRIGGERS))


async def test_the_old_availability_is_gone(conn: Connection) -> None:
    gone = await conn.fetch(
        "SELECT relname FROM pg_class WHERE relname ~ '^(instructor|student)_availability'"
    )
    assert gone == []


def test_the_documents_twelve_index_names_are_all_here() -> None:
    assert len(re.findall(r"^ +\* ", INDEXES, re.MULTILINE)) == 12
