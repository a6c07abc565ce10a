-- What a booking was rescheduled to; and the look the cascade takes when a booking is deleted.
CREATE INDEX IF NOT EXISTS idx_bookings_original ON bookings (original_booking_id)
    WHERE original_booking_id IS NOT NULL;
