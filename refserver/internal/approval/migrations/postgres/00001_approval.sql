-- Refunds that wait for a second person, and what became of them.
CREATE TABLE rk_approvals (
    id           TEXT PRIMARY KEY,
    return_id    TEXT NOT NULL,
    order_id     TEXT NOT NULL,
    method       TEXT NOT NULL, -- as it was requested; empty: the original method
    amount_minor BIGINT NOT NULL CHECK (amount_minor >= 0),
    currency     TEXT NOT NULL,
    less_outside BOOLEAN NOT NULL, -- the amount is less what others gave back
    reason       TEXT NOT NULL,
    asker_id     TEXT NOT NULL,
    asker_name   TEXT NOT NULL,
    asked_at     TIMESTAMPTZ NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'paid', 'declined', 'void')),
    decider_id   TEXT NOT NULL, -- empty while it is pending
    decider_name TEXT NOT NULL,
    decided_at   TIMESTAMPTZ,
    attempted_at TIMESTAMPTZ, -- when a worker last took it up
    note         TEXT NOT NULL,
    refund_id    TEXT NOT NULL, -- empty until it is paid
    CONSTRAINT rk_approvals_second_person
        CHECK (state NOT IN ('approved', 'paid') OR decider_id <> '' AND decider_id <> asker_id)
);
CREATE UNIQUE INDEX rk_approvals_one_open ON rk_approvals (return_id) WHERE state IN ('pending', 'approved');
CREATE INDEX rk_approvals_state ON rk_approvals (state, asked_at);

-- One row for each person and day: it is locked while a refund is counted.
CREATE TABLE rk_approval_days (
    asker_id TEXT NOT NULL,
    day      TEXT NOT NULL, -- in the zone of the shop
    PRIMARY KEY (asker_id, day)
);

-- What each person refunded on a day without approval.
CREATE TABLE rk_approval_spent (
    asker_id     TEXT NOT NULL,
    day          TEXT NOT NULL,
    return_id    TEXT NOT NULL, -- or which rest of a payment
    currency     TEXT NOT NULL,
    amount_minor BIGINT NOT NULL CHECK (amount_minor >= 0),
    PRIMARY KEY (asker_id, day, return_id)
);
