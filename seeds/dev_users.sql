-- Development people: an admin, 3 instructors, 8 students. Never run in production.
--
-- Their ids and Cognito ids never change, so that tokens, bookmarks and examples keep working. Running
-- it again adds whoever is missing and changes nobody: a name or a role you edited stays edited.
-- Everybody lives at example.com; sign in with `hub token ada.okafor@example.com`, or on the page.

DO $$
BEGIN
    IF current_setting('hub.env', true) IS DISTINCT FROM 'dev' THEN
        RAISE EXCEPTION 'seeds are for development only'
            USING HINT = 'Run "HUB_ENV=dev hub seed", or psql with PGOPTIONS="-c hub.env=dev".';
    END IF;
END
$$;

INSERT INTO users (id, cognito_user_id, email, first_name, last_name, phone_number, role, training_level, created_at) VALUES
    ('ad000000-0000-4000-8000-000000000001', '6f1d2c3a-8b54-4e0e-9a7f-0c5e1b7d9a01', 'admin@example.com',            'Grace',   'Holloway',  '+1 650 555 0100', 'ADMIN',      NULL,               '2024-01-08T17:00:00Z'),

    ('cf100000-0000-4000-8000-000000000001', '2b9e4a71-3c0d-4d6b-8f15-7a2e9c4b6d01', 'maya.lindqvist@example.com',   'Maya',    'Lindqvist', '+1 650 555 0111', 'INSTRUCTOR', NULL,               '2024-01-15T17:00:00Z'),
    ('cf100000-0000-4000-8000-000000000002', '2b9e4a71-3c0d-4d6b-8f15-7a2e9c4b6d02', 'tomas.herrera@example.com',    'Tomás',   'Herrera',   '+1 650 555 0112', 'INSTRUCTOR', NULL,               '2024-01-15T17:30:00Z'),
    ('cf100000-0000-4000-8000-000000000003', '2b9e4a71-3c0d-4d6b-8f15-7a2e9c4b6d03', 'kenji.watanabe@example.com',   'Kenji',   'Watanabe',  '+1 510 555 0113', 'INSTRUCTOR', NULL,               '2024-03-04T18:00:00Z'),

    ('5d000000-0000-4000-8000-000000000001', 'c4a86e12-5f7b-4b39-9d20-1e8f3a6c5b01', 'ada.okafor@example.com',       'Ada',     'Okafor',    '+1 650 555 0121', 'STUDENT',    'STUDENT_PILOT',    '2024-05-02T16:00:00Z'),
    ('5d000000-0000-4000-8000-000000000002', 'c4a86e12-5f7b-4b39-9d20-1e8f3a6c5b02', 'priya.raman@example.com',      'Priya',   'Raman',     '+1 408 555 0122', 'STUDENT',    'PRIVATE_PILOT',    '2024-02-11T16:00:00Z'),
    ('5d000000-0000-4000-8000-000000000003', 'c4a86e12-5f7b-4b39-9d20-1e8f3a6c5b03', 'lucas.moreau@example.com',     'Lucas',   'Moreau',    '+1 650 555 0123', 'STUDENT',    'STUDENT_PILOT',    '2024-06-20T16:00:00Z'),
    ('5d000000-0000-4000-8000-000000000004', 'c4a86e12-5f7b-4b39-9d20-1e8f3a6c5b04', 'noor.haddad@example.com',      'Noor',    'Haddad',    NULL,              'STUDENT',    'STUDENT_PILOT',    '2024-07-09T16:00:00Z'),
    ('5d000000-0000-4000-8000-000000000005', 'c4a86e12-5f7b-4b39-9d20-1e8f3a6c5b05', 'sofia.kowalczyk@example.com',  'Sofia',   'Kowalczyk', '+1 415 555 0125', 'STUDENT',    'INSTRUMENT_RATED', '2024-01-29T16:00:00Z'),
    ('5d000000-0000-4000-8000-000000000006', 'c4a86e12-5f7b-4b39-9d20-1e8f3a6c5b06', 'wei.chen@example.com',         'Wei',     'Chen',      '+1 408 555 0126', 'STUDENT',    'PRIVATE_PILOT',    '2024-04-17T16:00:00Z'),
    ('5d000000-0000-4000-8000-000000000007', 'c4a86e12-5f7b-4b39-9d20-1e8f3a6c5b07', 'jonah.bright@example.com',     'Jonah',   'Bright',    NULL,              'STUDENT',    'STUDENT_PILOT',    '2024-08-01T16:00:00Z'),
    ('5d000000-0000-4000-8000-000000000008', 'c4a86e12-5f7b-4b39-9d20-1e8f3a6c5b08', 'leilani.kahale@example.com',   'Leilani', 'Kahale',    '+1 831 555 0128', 'STUDENT',    'PRIVATE_PILOT',    '2024-03-22T16:00:00Z')
ON CONFLICT DO NOTHING;
