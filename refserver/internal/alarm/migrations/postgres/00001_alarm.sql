-- What the shop and its payment provider say differently of the same money.
CREATE TABLE rk_money_alarms (
    id         TEXT PRIMARY KEY, -- of what raised it, so that it is raised once
    kind       TEXT NOT NULL,
    message    TEXT NOT NULL,
    refund_id  TEXT NOT NULL,
    order_id   TEXT NOT NULL,
    reference  TEXT NOT NULL,
    raised_at  TIMESTAMPTZ NOT NULL,
    closed_at  TIMESTAMPTZ,
    closed_by  TEXT NOT NULL,
    note       TEXT NOT NULL
);
CREATE INDEX rk_money_alarms_open ON rk_money_alarms (raised_at) WHERE closed_at IS NULL;
