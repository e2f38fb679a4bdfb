-- How many units of each order line returns claim: seeded on first use. Whoever
-- files or changes a return locks the rows of its order first, in order of id. A
-- line id is unique within its order only.
CREATE TABLE rk_return_units (
    order_id      TEXT NOT NULL,
    order_line_id TEXT NOT NULL,
    bought        BIGINT NOT NULL CONSTRAINT rk_return_units_bought_check CHECK (bought > 0),
    claimed       BIGINT NOT NULL CONSTRAINT rk_return_units_claimed_check CHECK (claimed >= 0),
    CONSTRAINT rk_return_units_check CHECK (claimed <= bought),
    PRIMARY KEY (order_id, order_line_id)
);

-- Published versions of the policy.
CREATE TABLE rk_terms (
    id           TEXT PRIMARY KEY,
    version      BIGINT NOT NULL CONSTRAINT rk_terms_version_check CHECK (version >= 1),
    policy       JSONB NOT NULL,
    published_at TIMESTAMPTZ NOT NULL,
    by_kind      TEXT NOT NULL,
    by_id        TEXT NOT NULL,
    by_name      TEXT NOT NULL,
    note         TEXT NOT NULL,
    CONSTRAINT rk_terms_version_key UNIQUE (version)
);

CREATE TABLE rk_returns (
    id           TEXT PRIMARY KEY,
    rma          TEXT CONSTRAINT rk_returns_rma_key UNIQUE,
    order_id     TEXT NOT NULL,
    customer_id  TEXT NOT NULL,
    terms_id     TEXT NOT NULL REFERENCES rk_terms (id),
    status       TEXT NOT NULL CONSTRAINT rk_returns_status_check CHECK (status IN
        ('pending_customer_info', 'pending_authorization', 'authorized', 'in_transit', 'received',
         'under_inspection', 'approved', 'refunded', 'rejected', 'cancelled')),
    reason       TEXT NOT NULL,
    details      TEXT NOT NULL,
    evidence     JSONB NOT NULL,
    shipment     JSONB NOT NULL,
    receipts     JSONB NOT NULL,
    inspection   JSONB NOT NULL,
    overrides    JSONB NOT NULL,
    tasks        JSONB NOT NULL,
    open_tasks   INTEGER NOT NULL CONSTRAINT rk_returns_open_tasks_check CHECK (open_tasks >= 0),
    decision     TEXT NOT NULL,
    verdict      JSONB NOT NULL,
    filed_kind   TEXT NOT NULL,
    filed_id     TEXT NOT NULL,
    filed_name   TEXT NOT NULL,
    refund_id    TEXT NOT NULL,
    refunds      JSONB NOT NULL,
    early_refund BOOLEAN NOT NULL,
    restocked    BOOLEAN NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    closed_at    TIMESTAMPTZ,
    version      BIGINT NOT NULL,
    search       TEXT NOT NULL,
    CONSTRAINT rk_returns_authorized_check CHECK (rma IS NOT NULL
        OR status IN ('pending_customer_info', 'pending_authorization', 'rejected', 'cancelled')),
    CONSTRAINT rk_returns_closed_check
        CHECK ((closed_at IS NOT NULL) = (status IN ('refunded', 'rejected', 'cancelled'))),
    CONSTRAINT rk_returns_refunded_check CHECK (status <> 'refunded' OR refund_id <> ''),
    CONSTRAINT rk_returns_restocked_check CHECK (NOT restocked OR status IN ('approved', 'refunded'))
);
CREATE INDEX rk_returns_newest ON rk_returns (created_at DESC, id DESC);
CREATE INDEX rk_returns_by_status ON rk_returns (status, created_at DESC, id DESC);
CREATE INDEX rk_returns_by_customer ON rk_returns (customer_id, created_at DESC, id DESC);
CREATE INDEX rk_returns_by_order ON rk_returns (order_id, created_at DESC, id DESC);
CREATE INDEX rk_returns_with_tasks ON rk_returns (created_at DESC, id DESC) WHERE open_tasks > 0;

CREATE TABLE rk_return_lines (
    id            TEXT PRIMARY KEY,
    return_id     TEXT NOT NULL REFERENCES rk_returns (id),
    position      INTEGER NOT NULL,
    order_id      TEXT NOT NULL,
    order_line_id TEXT NOT NULL,
    product_id    TEXT NOT NULL,
    name          TEXT NOT NULL,
    category      TEXT NOT NULL,
    quantity      BIGINT NOT NULL CONSTRAINT rk_return_lines_quantity_check CHECK (quantity > 0),
    received      BIGINT NOT NULL CONSTRAINT rk_return_lines_received_check CHECK (received >= 0),
    accepted      BIGINT NOT NULL CONSTRAINT rk_return_lines_accepted_check
        CHECK (accepted >= 0 AND accepted <= quantity AND accepted <= received),
    acceptance    TEXT NOT NULL CONSTRAINT rk_return_lines_acceptance_check
        CHECK (acceptance IN ('pending', 'accepted', 'rejected', 'manual')),
    disposition   TEXT NOT NULL CONSTRAINT rk_return_lines_disposition_check CHECK (disposition IN
        ('', 'restock', 'quarantine', 'refurbish', 'scrap', 'return_to_customer', 'missing')),
    condition     TEXT NOT NULL,
    note          TEXT NOT NULL,
    CONSTRAINT rk_return_lines_once_key UNIQUE (return_id, order_line_id),
    CONSTRAINT rk_return_lines_units_fkey FOREIGN KEY (order_id, order_line_id)
        REFERENCES rk_return_units (order_id, order_line_id)
);

-- Numbers that are given once and without gaps: of the terms, and of the RMAs of a UTC day.
CREATE TABLE rk_returns_counters (
    name TEXT PRIMARY KEY,
    n    BIGINT NOT NULL
);

-- Orders are bound to a version for good.
CREATE FUNCTION rk_terms_are_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'published terms are never changed or deleted' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER rk_terms_are_final BEFORE UPDATE OR DELETE ON rk_terms
    FOR EACH ROW EXECUTE FUNCTION rk_terms_are_final();

CREATE TABLE rk_returns_events (
    id           TEXT        NOT NULL PRIMARY KEY,
    aggregate_id TEXT        NOT NULL,
    seq          INTEGER     NOT NULL,
    type         TEXT        NOT NULL,
    at           TIMESTAMPTZ NOT NULL,
    actor_id     TEXT        NOT NULL,
    actor_kind   TEXT        NOT NULL,
    actor_name   TEXT        NOT NULL,
    data         JSON        NOT NULL,
    fanned_out   BOOLEAN     NOT NULL,
    from_address TEXT        NOT NULL DEFAULT '',
    from_request TEXT        NOT NULL DEFAULT '',
    CONSTRAINT rk_returns_events_aggregate_id_seq_key UNIQUE (aggregate_id, seq),
    CONSTRAINT rk_returns_events_seq_check CHECK (seq >= 1)
);
CREATE INDEX rk_returns_events_fan_out_idx ON rk_returns_events (at, aggregate_id, seq) WHERE fanned_out = FALSE;
CREATE INDEX rk_returns_events_newest_idx ON rk_returns_events (at, aggregate_id, seq);
CREATE INDEX rk_returns_events_actor_idx ON rk_returns_events (actor_id, at);
CREATE INDEX rk_returns_events_from_address_idx ON rk_returns_events (from_address, at) WHERE from_address <> '';
CREATE INDEX rk_returns_events_from_request_idx ON rk_returns_events (from_request) WHERE from_request <> '';

CREATE TABLE rk_returns_deliveries (
    event_id     TEXT        NOT NULL REFERENCES rk_returns_events (id),
    subscriber   TEXT        NOT NULL,
    aggregate_id TEXT        NOT NULL,
    seq          INTEGER     NOT NULL,
    event_at     TIMESTAMPTZ NOT NULL,
    next_at      TIMESTAMPTZ NOT NULL,
    attempts     INTEGER     NOT NULL,
    lease_until  TIMESTAMPTZ,
    lease_token  TEXT        NOT NULL,
    last_error   TEXT        NOT NULL,
    delivered_at TIMESTAMPTZ,
    PRIMARY KEY (event_id, subscriber),
    CONSTRAINT rk_returns_deliveries_attempts_check CHECK (attempts >= 0)
);
CREATE INDEX rk_returns_deliveries_due_idx ON rk_returns_deliveries (subscriber, next_at) WHERE delivered_at IS NULL;
CREATE INDEX rk_returns_deliveries_order_idx ON rk_returns_deliveries (aggregate_id, subscriber, seq)
    WHERE delivered_at IS NULL;

-- What happened is never rewritten: the trail shows it to who looks for what staff did.
CREATE FUNCTION rk_returns_events_are_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of returns is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER rk_returns_events_are_not_changed BEFORE UPDATE OF
    id, aggregate_id, seq, type, at, actor_id, actor_kind, actor_name, data, from_address, from_request
    ON rk_returns_events
    FOR EACH ROW EXECUTE FUNCTION rk_returns_events_are_final();
CREATE TRIGGER rk_returns_events_are_not_deleted BEFORE DELETE ON rk_returns_events
    FOR EACH ROW EXECUTE FUNCTION rk_returns_events_are_final();
CREATE TRIGGER rk_returns_events_are_not_truncated BEFORE TRUNCATE ON rk_returns_events
    FOR EACH STATEMENT EXECUTE FUNCTION rk_returns_events_are_final();
