CREATE TABLE STEM_events (
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
    from_address TEXT        NOT NULL DEFAULT '',
    from_request TEXT        NOT NULL DEFAULT '',
    CONSTRAINT STEM_events_aggregate_id_seq_key UNIQUE (aggregate_id, seq),
    CONSTRAINT STEM_events_seq_check CHECK (seq >= 1),
    CONSTRAINT STEM_events_data_check CHECK (json_valid(data))
);
CREATE INDEX STEM_events_fan_out_idx ON STEM_events (at, aggregate_id, seq) WHERE fanned_out = FALSE;
CREATE INDEX STEM_events_newest_idx ON STEM_events (at, aggregate_id, seq);
CREATE INDEX STEM_events_actor_idx ON STEM_events (actor_id, at);
CREATE INDEX STEM_events_from_address_idx ON STEM_events (from_address, at) WHERE from_address <> '';
CREATE INDEX STEM_events_from_request_idx ON STEM_events (from_request) WHERE from_request <> '';

CREATE TABLE STEM_deliveries (
    event_id     TEXT        NOT NULL REFERENCES STEM_events (id),
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
    CONSTRAINT STEM_deliveries_attempts_check CHECK (attempts >= 0)
);
CREATE INDEX STEM_deliveries_due_idx ON STEM_deliveries (subscriber, next_at) WHERE delivered_at IS NULL;
CREATE INDEX STEM_deliveries_order_idx ON STEM_deliveries (aggregate_id, subscriber, seq)
    WHERE delivered_at IS NULL;
