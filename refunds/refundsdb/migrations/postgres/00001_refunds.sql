-- What each payment can still give back: seeded on first use. Whoever opens or
-- changes a refund locks the rows of its order first, in order of payment_id.
CREATE TABLE rk_refund_balance (
    payment_id     TEXT COLLATE "C" PRIMARY KEY,
    order_id       TEXT COLLATE "C" NOT NULL,
    currency       TEXT NOT NULL,
    captured_minor BIGINT NOT NULL CONSTRAINT rk_refund_balance_captured_check CHECK (captured_minor >= 0),
    reserved_minor BIGINT NOT NULL CONSTRAINT rk_refund_balance_reserved_check CHECK (reserved_minor >= 0),
    refunded_minor BIGINT NOT NULL CONSTRAINT rk_refund_balance_refunded_check CHECK (refunded_minor >= 0),
    -- Given back by others. It is booked also where it exceeds what was captured.
    outside_minor  BIGINT NOT NULL DEFAULT 0 CONSTRAINT rk_refund_balance_outside_check CHECK (outside_minor >= 0),
    -- What keeps a payment's money from going back: its holds, released ones too.
    holds JSONB NOT NULL DEFAULT 'null',
    CONSTRAINT rk_refund_balance_check CHECK (reserved_minor + refunded_minor <= captured_minor)
) WITH (fillfactor = 80);
CREATE INDEX rk_refund_balance_order ON rk_refund_balance (order_id, payment_id);

CREATE TABLE rk_refunds (
    id           TEXT COLLATE "C" PRIMARY KEY,
    -- The decision that it is of, and its place among the refunds of the reference.
    intent_id    TEXT COLLATE "C" NOT NULL,
    leg          INTEGER NOT NULL CONSTRAINT rk_refunds_leg_check CHECK (leg >= 0),
    reference    TEXT COLLATE "C" NOT NULL,
    order_id     TEXT COLLATE "C" NOT NULL,
    payment_id   TEXT COLLATE "C" NOT NULL REFERENCES rk_refund_balance (payment_id),
    customer_id  TEXT NOT NULL,
    method       TEXT NOT NULL CONSTRAINT rk_refunds_method_check CHECK (method NOT IN ('', 'original_method')),
    currency     TEXT NOT NULL,
    amount_minor BIGINT NOT NULL CONSTRAINT rk_refunds_amount_check CHECK (amount_minor >= 0),
    -- What all payments of the order give back with it; 0 where it is no part of more.
    whole_minor  BIGINT NOT NULL CONSTRAINT rk_refunds_whole_check CHECK (whole_minor >= 0),
    -- What the provider could not carry, and the next refund of the payment gives.
    carried_minor BIGINT NOT NULL,
    request      JSONB NOT NULL,
    quote        JSONB NOT NULL,
    status       TEXT COLLATE "C" NOT NULL CONSTRAINT rk_refunds_status_check CHECK (status IN
        ('created', 'submitted', 'pending', 'requires_action', 'unknown', 'succeeded', 'failed', 'reversed')),
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    version      BIGINT NOT NULL,
    next_at      TIMESTAMPTZ,
    attempts     INTEGER NOT NULL,
    lease_until  TIMESTAMPTZ,
    lease_token  TEXT NOT NULL,
    last_error   TEXT NOT NULL,
    needs_review      BOOLEAN NOT NULL,
    -- What keeps a refund from being sent; empty: nothing does.
    hold_ref TEXT NOT NULL DEFAULT '',
    CONSTRAINT rk_refunds_work_check CHECK (status NOT IN ('succeeded', 'failed', 'reversed')
        OR (next_at IS NULL AND lease_token = '' AND NOT needs_review))
) WITH (fillfactor = 80);
-- At most one for each payment that is not reversed. The second index keeps two orders
-- from refunding one reference at once.
CREATE UNIQUE INDEX rk_refunds_reference_key ON rk_refunds (reference, payment_id) WHERE status <> 'reversed';
CREATE UNIQUE INDEX rk_refunds_leg_key ON rk_refunds (reference, leg) WHERE status <> 'reversed';
CREATE INDEX rk_refunds_owed_parts ON rk_refunds (reference)
    WHERE status IN ('failed', 'reversed') AND whole_minor > 0;
CREATE INDEX rk_refunds_carried ON rk_refunds (payment_id) WHERE carried_minor <> 0;
CREATE INDEX rk_refunds_by_reference ON rk_refunds (reference);
CREATE INDEX rk_refunds_by_order ON rk_refunds (order_id, created_at DESC, id DESC);
CREATE INDEX rk_refunds_newest ON rk_refunds (created_at DESC, id DESC);
CREATE INDEX rk_refunds_by_status ON rk_refunds (status, created_at DESC, id DESC);
CREATE INDEX rk_refunds_needs_review ON rk_refunds (created_at DESC, id DESC) WHERE needs_review;
CREATE INDEX rk_refunds_due ON rk_refunds (next_at, id) WHERE next_at IS NOT NULL;

-- What each refund gives back of each order line, before fees. Of a line that several
-- payments give back, one has the units.
CREATE TABLE rk_refund_lines (
    refund_id      TEXT COLLATE "C" NOT NULL REFERENCES rk_refunds (id),
    order_line_id  TEXT COLLATE "C" NOT NULL,
    units          BIGINT NOT NULL CONSTRAINT rk_refund_lines_units_check CHECK (units >= 0),
    price_minor    BIGINT NOT NULL CONSTRAINT rk_refund_lines_price_check CHECK (price_minor >= 0),
    duty_minor     BIGINT NOT NULL CONSTRAINT rk_refund_lines_duty_check CHECK (duty_minor >= 0),
    shipping_minor BIGINT NOT NULL CONSTRAINT rk_refund_lines_shipping_check CHECK (shipping_minor >= 0),
    PRIMARY KEY (refund_id, order_line_id)
);

CREATE TABLE rk_refund_attempts (
    id                 TEXT COLLATE "C" PRIMARY KEY,
    refund_id          TEXT COLLATE "C" NOT NULL REFERENCES rk_refunds (id),
    number             INTEGER NOT NULL CONSTRAINT rk_refund_attempts_number_check CHECK (number >= 1),
    method             TEXT NOT NULL CONSTRAINT rk_refund_attempts_method_check
        CHECK (method NOT IN ('', 'original_method')),
    status             TEXT NOT NULL,
    amount_minor       BIGINT NOT NULL CONSTRAINT rk_refund_attempts_amount_check CHECK (amount_minor >= 0),
    key                TEXT COLLATE "C" NOT NULL CONSTRAINT rk_refund_attempts_key_check
        CHECK ((key <> '') = (method NOT IN ('cash', 'store_credit'))),
    payment_reference  TEXT NOT NULL,
    provider_reference TEXT COLLATE "C" NOT NULL,
    failure_code       TEXT NOT NULL,
    failure_reason     TEXT NOT NULL,
    sent               INTEGER NOT NULL,
    stored_error       BOOLEAN NOT NULL,
    created_at         TIMESTAMPTZ NOT NULL,
    first_sent_at      TIMESTAMPTZ,
    answered_at        TIMESTAMPTZ,
    settled_at         TIMESTAMPTZ,
    paid_by_kind       TEXT NOT NULL,
    paid_by_id         TEXT NOT NULL,
    paid_by_name       TEXT NOT NULL,
    CONSTRAINT rk_refund_attempts_refund_id_number_key UNIQUE (refund_id, number)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX rk_refund_attempts_key_key ON rk_refund_attempts (key) WHERE key <> '';
CREATE INDEX rk_refund_attempts_by_provider ON rk_refund_attempts (provider_reference) WHERE provider_reference <> '';

-- Refunds and disputes of our payments that we did not make, as the provider told
-- them last.
CREATE TABLE rk_refund_outside (
    provider_id         TEXT COLLATE "C" PRIMARY KEY,
    kind                TEXT NOT NULL,
    order_id            TEXT COLLATE "C" NOT NULL,
    payment_id          TEXT COLLATE "C" NOT NULL REFERENCES rk_refund_balance (payment_id),
    payment_provider_id TEXT NOT NULL,
    currency            TEXT NOT NULL,
    amount_minor        BIGINT NOT NULL CONSTRAINT rk_refund_outside_amount_check CHECK (amount_minor >= 0),
    counted_minor       BIGINT NOT NULL CONSTRAINT rk_refund_outside_counted_check CHECK (counted_minor >= 0),
    state               TEXT NOT NULL CONSTRAINT rk_refund_outside_state_check
        CHECK (state IN ('open', 'paid', 'returned')),
    status              TEXT NOT NULL,
    reason              TEXT NOT NULL,
    created_at          TIMESTAMPTZ NOT NULL,
    booked_at           TIMESTAMPTZ NOT NULL,
    updated_at          TIMESTAMPTZ NOT NULL,
    version             BIGINT NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX rk_refund_outside_order ON rk_refund_outside (order_id, created_at);
CREATE INDEX rk_refund_outside_payment ON rk_refund_outside (payment_id, created_at);
CREATE INDEX rk_refund_outside_open ON rk_refund_outside (created_at, provider_id) WHERE state = 'open';

-- How far the sweep of the provider's lists has come: one row.
CREATE TABLE rk_refund_sweep (
    id          INTEGER PRIMARY KEY CONSTRAINT rk_refund_sweep_id_check CHECK (id = 1),
    from_at     TIMESTAMPTZ,
    to_at       TIMESTAMPTZ,
    left_at     TIMESTAMPTZ,
    done_at     TIMESTAMPTZ,
    next_at     TIMESTAMPTZ,
    failures    INTEGER NOT NULL,
    last_error  TEXT NOT NULL,
    lease_token TEXT NOT NULL,
    lease_until TIMESTAMPTZ
);

-- The last number given to a refund by hand.
CREATE TABLE rk_refund_manual_counters (
    method TEXT PRIMARY KEY,
    last   BIGINT NOT NULL
);

CREATE TABLE rk_store_credit_balances (
    customer_id   TEXT COLLATE "C" NOT NULL,
    currency      TEXT COLLATE "C" NOT NULL,
    balance_minor BIGINT NOT NULL CONSTRAINT rk_store_credit_balances_check CHECK (balance_minor >= 0),
    PRIMARY KEY (customer_id, currency)
);

CREATE TABLE rk_store_credit_entries (
    id           TEXT COLLATE "C" PRIMARY KEY,
    customer_id  TEXT COLLATE "C" NOT NULL,
    currency     TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL CONSTRAINT rk_store_credit_entries_amount_check CHECK (amount_minor <> 0),
    ref          TEXT COLLATE "C" NOT NULL CONSTRAINT rk_store_credit_entries_ref_key UNIQUE,
    note         TEXT NOT NULL,
    at           TIMESTAMPTZ NOT NULL,
    by_kind      TEXT NOT NULL,
    by_id        TEXT NOT NULL,
    by_name      TEXT NOT NULL
);
CREATE INDEX rk_store_credit_entries_of ON rk_store_credit_entries (customer_id, at DESC, id DESC);

-- For the reconciliation with the provider.
CREATE INDEX rk_refund_attempts_by_time ON rk_refund_attempts (created_at, id) WHERE key <> '';

-- The provider's messages that were dealt with.
CREATE TABLE rk_refund_provider_events (
    id         TEXT COLLATE "C" PRIMARY KEY,
    type       TEXT NOT NULL,
    handled_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX rk_refund_provider_events_by_time ON rk_refund_provider_events (handled_at);

CREATE TABLE rk_refunds_events (
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
    CONSTRAINT rk_refunds_events_aggregate_id_seq_key UNIQUE (aggregate_id, seq),
    CONSTRAINT rk_refunds_events_seq_check CHECK (seq >= 1)
);
CREATE INDEX rk_refunds_events_fan_out_idx ON rk_refunds_events (at, aggregate_id, seq) WHERE fanned_out = FALSE;
CREATE INDEX rk_refunds_events_newest_idx ON rk_refunds_events (at, aggregate_id, seq);
CREATE INDEX rk_refunds_events_actor_idx ON rk_refunds_events (actor_id, at);
CREATE INDEX rk_refunds_events_from_address_idx ON rk_refunds_events (from_address, at) WHERE from_address <> '';
CREATE INDEX rk_refunds_events_from_request_idx ON rk_refunds_events (from_request) WHERE from_request <> '';

CREATE TABLE rk_refunds_deliveries (
    event_id     TEXT        NOT NULL REFERENCES rk_refunds_events (id),
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
    CONSTRAINT rk_refunds_deliveries_attempts_check CHECK (attempts >= 0)
);
CREATE INDEX rk_refunds_deliveries_due_idx ON rk_refunds_deliveries (subscriber, next_at) WHERE delivered_at IS NULL;
CREATE INDEX rk_refunds_deliveries_order_idx ON rk_refunds_deliveries (aggregate_id, subscriber, seq)
    WHERE delivered_at IS NULL;

-- What happened is never rewritten: the trail shows it to who looks for what staff did.
CREATE FUNCTION rk_refunds_events_are_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of refunds is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER rk_refunds_events_are_not_changed BEFORE UPDATE OF
    id, aggregate_id, seq, type, at, actor_id, actor_kind, actor_name, data, from_address, from_request
    ON rk_refunds_events
    FOR EACH ROW EXECUTE FUNCTION rk_refunds_events_are_final();
CREATE TRIGGER rk_refunds_events_are_not_deleted BEFORE DELETE ON rk_refunds_events
    FOR EACH ROW EXECUTE FUNCTION rk_refunds_events_are_final();
CREATE TRIGGER rk_refunds_events_are_not_truncated BEFORE TRUNCATE ON rk_refunds_events
    FOR EACH STATEMENT EXECUTE FUNCTION rk_refunds_events_are_final();
