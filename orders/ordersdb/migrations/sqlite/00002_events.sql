-- +goose Up
CREATE TABLE orders_events (
    id           TEXT        NOT NULL PRIMARY KEY,
    aggregate_id TEXT        NOT NULL,
    seq          INTEGER     NOT NULL,
    type         TEXT        NOT NULL,
    at           INTEGER     NOT NULL,
    actor_id     TEXT        NOT NULL,
    actor_kind   TEXT        NOT NULL,
    actor_name   TEXT        NOT NULL,
    data         TEXT        NOT NULL,
    fanned_out   BOOLEAN     NOT NULL,
    CONSTRAINT orders_events_aggregate_id_seq_key UNIQUE (aggregate_id, seq),
    CONSTRAINT orders_events_seq_check CHECK (seq >= 1),
    CONSTRAINT orders_events_data_check CHECK (json_valid(data))
);
CREATE INDEX orders_events_fan_out_idx ON orders_events (at, aggregate_id, seq) WHERE fanned_out = FALSE;
CREATE INDEX orders_events_newest_idx ON orders_events (at, aggregate_id, seq);
CREATE INDEX orders_events_actor_idx ON orders_events (actor_id, at);

CREATE TABLE orders_deliveries (
    event_id     TEXT        NOT NULL REFERENCES orders_events (id),
    subscriber   TEXT        NOT NULL,
    aggregate_id TEXT        NOT NULL,
    seq          INTEGER     NOT NULL,
    event_at     INTEGER     NOT NULL,
    next_at      INTEGER     NOT NULL,
    attempts     INTEGER     NOT NULL,
    lease_until  INTEGER,
    lease_token  TEXT        NOT NULL,
    last_error   TEXT        NOT NULL,
    delivered_at INTEGER,
    PRIMARY KEY (event_id, subscriber),
    CONSTRAINT orders_deliveries_attempts_check CHECK (attempts >= 0)
);
CREATE INDEX orders_deliveries_due_idx ON orders_deliveries (subscriber, next_at) WHERE delivered_at IS NULL;
CREATE INDEX orders_deliveries_order_idx ON orders_deliveries (aggregate_id, subscriber, seq) WHERE delivered_at IS NULL;

-- +goose Down
DROP TABLE orders_deliveries;
DROP TABLE orders_events;
