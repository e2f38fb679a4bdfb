-- Times are microseconds since 1970, UTC.

-- How many units of each order line returns claim: seeded on first use. Whoever
-- files or changes a return locks the rows of its order first, in order of id. A
-- line id is unique within its order only.
CREATE TABLE rk_return_units (
    order_id      TEXT NOT NULL,
    order_line_id TEXT NOT NULL,
    bought        INTEGER NOT NULL CONSTRAINT rk_return_units_bought_check CHECK (bought > 0),
    claimed       INTEGER NOT NULL CONSTRAINT rk_return_units_claimed_check CHECK (claimed >= 0),
    CONSTRAINT rk_return_units_check CHECK (claimed <= bought),
    PRIMARY KEY (order_id, order_line_id)
);

-- Published versions of the policy.
CREATE TABLE rk_terms (
    id           TEXT PRIMARY KEY,
    version      INTEGER NOT NULL CONSTRAINT rk_terms_version_check CHECK (version >= 1),
    policy       TEXT NOT NULL,
    published_at INTEGER NOT NULL,
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
    evidence     TEXT NOT NULL,
    shipment     TEXT NOT NULL,
    receipts     TEXT NOT NULL,
    inspection   TEXT NOT NULL,
    overrides    TEXT NOT NULL,
    tasks        TEXT NOT NULL,
    open_tasks   INTEGER NOT NULL CONSTRAINT rk_returns_open_tasks_check CHECK (open_tasks >= 0),
    decision     TEXT NOT NULL,
    verdict      TEXT NOT NULL,
    filed_kind   TEXT NOT NULL,
    filed_id     TEXT NOT NULL,
    filed_name   TEXT NOT NULL,
    refund_id    TEXT NOT NULL,
    refunds      TEXT NOT NULL,
    early_refund BOOLEAN NOT NULL,
    restocked    BOOLEAN NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    closed_at    INTEGER,
    version      INTEGER NOT NULL,
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
    quantity      INTEGER NOT NULL CONSTRAINT rk_return_lines_quantity_check CHECK (quantity > 0),
    received      INTEGER NOT NULL CONSTRAINT rk_return_lines_received_check CHECK (received >= 0),
    accepted      INTEGER NOT NULL CONSTRAINT rk_return_lines_accepted_check
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
    n    INTEGER NOT NULL
);

-- Orders are bound to a version for good.
CREATE TRIGGER rk_terms_are_not_changed BEFORE UPDATE ON rk_terms
BEGIN
    SELECT RAISE(ABORT, 'published terms are never changed or deleted');
END;
CREATE TRIGGER rk_terms_are_not_deleted BEFORE DELETE ON rk_terms
BEGIN
    SELECT RAISE(ABORT, 'published terms are never changed or deleted');
END;
-- INSERT OR REPLACE removes a row without asking the trigger before DELETE.
CREATE TRIGGER rk_terms_are_not_replaced BEFORE INSERT ON rk_terms
    WHEN EXISTS (SELECT 1 FROM rk_terms WHERE id = NEW.id OR version = NEW.version)
BEGIN
    SELECT RAISE(ABORT, 'published terms are never changed or deleted');
END;

CREATE TABLE rk_returns_events (
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
    CONSTRAINT rk_returns_events_aggregate_id_seq_key UNIQUE (aggregate_id, seq),
    CONSTRAINT rk_returns_events_seq_check CHECK (seq >= 1),
    CONSTRAINT rk_returns_events_data_check CHECK (json_valid(data))
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
    event_at     INTEGER     NOT NULL,
    next_at      INTEGER     NOT NULL,
    attempts     INTEGER     NOT NULL,
    lease_until  INTEGER,
    lease_token  TEXT        NOT NULL,
    last_error   TEXT        NOT NULL,
    delivered_at INTEGER,
    PRIMARY KEY (event_id, subscriber),
    CONSTRAINT rk_returns_deliveries_attempts_check CHECK (attempts >= 0)
);
CREATE INDEX rk_returns_deliveries_due_idx ON rk_returns_deliveries (subscriber, next_at) WHERE delivered_at IS NULL;
CREATE INDEX rk_returns_deliveries_order_idx ON rk_returns_deliveries (aggregate_id, subscriber, seq)
    WHERE delivered_at IS NULL;

-- What happened is never rewritten: the trail shows it to who looks for what staff did.
CREATE TRIGGER rk_returns_events_are_not_changed BEFORE UPDATE OF
    id, aggregate_id, seq, type, at, actor_id, actor_kind, actor_name, data, from_address, from_request
    ON rk_returns_events
BEGIN
    SELECT RAISE(ABORT, 'the history of returns is append-only');
END;
CREATE TRIGGER rk_returns_events_are_not_deleted BEFORE DELETE ON rk_returns_events
BEGIN
    SELECT RAISE(ABORT, 'the history of returns is append-only');
END;
-- INSERT OR REPLACE removes a row without asking the trigger before DELETE.
CREATE TRIGGER rk_returns_events_are_not_replaced BEFORE INSERT ON rk_returns_events
    WHEN EXISTS (SELECT 1 FROM rk_returns_events WHERE id = NEW.id)
        OR EXISTS (SELECT 1 FROM rk_returns_events WHERE aggregate_id = NEW.aggregate_id AND seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'the history of returns is append-only');
END;
