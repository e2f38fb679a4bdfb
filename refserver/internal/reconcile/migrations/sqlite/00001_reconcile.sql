-- The nightly comparison of our refunds with the provider's list.
CREATE TABLE rk_reconciliations (
    night       TEXT NOT NULL PRIMARY KEY, -- the day it ended before, such as 2026-11-24
    from_at     INTEGER NOT NULL,
    to_at       INTEGER NOT NULL,
    lease_until INTEGER,
    lease_token TEXT NOT NULL,
    tries       INTEGER NOT NULL,
    last_error  TEXT NOT NULL,
    done_at     INTEGER, -- NULL until it has succeeded
    differences INTEGER NOT NULL,
    report      TEXT NOT NULL
);
