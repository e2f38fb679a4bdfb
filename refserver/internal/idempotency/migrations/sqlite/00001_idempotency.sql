-- What was answered under each Idempotency-Key of a caller.
CREATE TABLE rk_idempotency_keys (
    caller       TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash TEXT NOT NULL, -- keyed: what was sent may hold a card number
    lease_until  INTEGER,   -- while it is carried out
    lease_token  TEXT NOT NULL,
    status       INTEGER NOT NULL, -- of the answer; 0 before
    header       TEXT NOT NULL,
    body         BLOB,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX rk_idempotency_keys_age ON rk_idempotency_keys (created_at);
