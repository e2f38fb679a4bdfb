-- +goose Up

-- What keeps a payment's money from going back: its holds, released ones too.
ALTER TABLE refund_balance ADD COLUMN holds JSONB NOT NULL DEFAULT 'null';

-- What keeps a refund from being sent; empty: nothing does.
ALTER TABLE refunds ADD COLUMN held_by TEXT NOT NULL DEFAULT '';

-- For the reconciliation with the provider.
CREATE INDEX refund_attempts_by_time ON refund_attempts (created_at, id) WHERE key <> '';

-- The provider's messages that were dealt with.
CREATE TABLE refund_provider_events (
    id         TEXT COLLATE "C" PRIMARY KEY,
    type       TEXT NOT NULL,
    handled_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX refund_provider_events_by_time ON refund_provider_events (handled_at);

-- +goose Down
DROP TABLE refund_provider_events;
DROP INDEX refund_attempts_by_time;
ALTER TABLE refunds DROP COLUMN held_by;
ALTER TABLE refund_balance DROP COLUMN holds;
