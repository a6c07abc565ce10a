-- jsonb holds numbers and depths that JSON readers refuse (1e400, a thousand arrays in each other). A
-- forecast like that could be stored and never be shown, so it is refused where it comes in.
-- Rows that are there already stay: the constraint is left unvalidated if one of them breaks it.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'reschedule_options'::regclass
                      AND conname = 'reschedule_options_weather_forecast_readable_check') THEN
        ALTER TABLE reschedule_options ADD CONSTRAINT reschedule_options_weather_forecast_readable_check
            CHECK (NOT weather_forecast @? '$.**{32}'
                   AND NOT weather_forecast @? '$.** ? (@.type() == "number" && (@ > 1e15 || @ < -1e15))')
            NOT VALID;
        BEGIN
            ALTER TABLE reschedule_options VALIDATE CONSTRAINT reschedule_options_weather_forecast_readable_check;
        EXCEPTION WHEN check_violation THEN
            RAISE WARNING 'reschedule_options has forecasts that cannot be shown; see 013';
        END;
    END IF;
END
$$;
