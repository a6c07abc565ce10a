-- In-app notifications. Safe to run again.

CREATE TABLE IF NOT EXISTS notifications (
    id         uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    booking_id uuid REFERENCES bookings (id) ON DELETE CASCADE,
    type       varchar(50) NOT NULL,
    title      varchar(255) NOT NULL,
    message    text NOT NULL,
    read       boolean NOT NULL DEFAULT false,
    created_at timestamptz DEFAULT now()
);

-- The document lists the types but gives them no constraint; readers take the list as closed.
ALTER TABLE notifications
    DROP CONSTRAINT IF EXISTS notifications_type_check,
    ADD CONSTRAINT notifications_type_check
        CHECK (type IN ('WEATHER_ALERT', 'OPTIONS_AVAILABLE', 'DEADLINE_REMINDER', 'CONFIRMATION',
                        'ESCALATION'));

CREATE INDEX IF NOT EXISTS idx_notifications_user_read ON notifications (user_id, read);
CREATE INDEX IF NOT EXISTS idx_notifications_created_at ON notifications (created_at);
