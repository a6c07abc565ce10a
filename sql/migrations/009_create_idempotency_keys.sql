-- What was answered under an Idempotency-Key, kept in the write's own transaction: the row and the
-- key are there together or not at all. Safe to run again.

CREATE TABLE IF NOT EXISTS idempotency_keys (
    principal   text        NOT NULL,               -- who asked; another's key is another key
    key         text        NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint text        NOT NULL,               -- of what was asked: the same key must mean the same
    answer      text,                               -- what was shown, to the byte
    transaction xid8        NOT NULL DEFAULT pg_current_xact_id(),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, key)
);

CREATE INDEX IF NOT EXISTS idx_idempotency_keys_created_at ON idempotency_keys (created_at);

COMMENT ON TABLE idempotency_keys IS 'Answers to writes asked for under an Idempotency-Key, for a day.';
