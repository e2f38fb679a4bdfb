-- The nightly comparison of our refunds with the provider's list.
CREATE TABLE rk_reconciliations (
    night       TEXT PRIMARY KEY, -- the day it ended before, such as 2026-11-24
    from_at     TIMESTAMPTZ NOT NULL,
    to_at       TIMESTAMPTZ NOT NULL,
    lease_until TIMESTAMPTZ,
    lease_token TEXT NOT NULL,
    tries       INTEGER NOT NULL,
    last_error  TEXT NOT NULL,
    done_at     TIMESTAMPTZ, -- NULL until it has succeeded
    differences INTEGER NOT NULL,
    report      JSONB NOT NULL
);
