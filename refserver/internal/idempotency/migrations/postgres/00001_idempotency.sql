-- What was answered under each Idempotency-Key of a caller.
CREATE TABLE rk_idempotency_keys (
    caller       TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash TEXT NOT NULL, -- keyed: what was sent may hold a card number
    lease_until  TIMESTAMPTZ,   -- while it is carried out
    lease_token  TEXT NOT NULL,
    status       INTEGER NOT NULL, -- of the answer; 0 before
    header       JSONB NOT NULL,
    body         BYTEA,
    created_at   TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX rk_idempotency_keys_age ON rk_idempotency_keys (created_at);
