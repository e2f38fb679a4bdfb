-- What the shop and its payment provider say differently of the same money.
CREATE TABLE rk_discrepancies (
    id          TEXT PRIMARY KEY, -- of its cause, so that it is recorded once
    kind        TEXT NOT NULL,
    message     TEXT NOT NULL,
    refund_id   TEXT NOT NULL,
    order_id    TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    raised_at   TIMESTAMPTZ NOT NULL,
    closed_at   TIMESTAMPTZ,
    closed_by   TEXT NOT NULL,
    note        TEXT NOT NULL
);
CREATE INDEX rk_discrepancies_open ON rk_discrepancies (raised_at) WHERE closed_at IS NULL;
