-- Times are microseconds since 1970, UTC.

CREATE TABLE rk_products (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    name              TEXT NOT NULL,
    category          TEXT NOT NULL,
    price_minor       INTEGER NOT NULL CONSTRAINT rk_products_price_check CHECK (price_minor >= 0),
    currency          TEXT NOT NULL,
    stock             INTEGER NOT NULL CONSTRAINT rk_products_stock_check CHECK (stock >= 0),
    final_sale        BOOLEAN NOT NULL,
    discount_bp       INTEGER NOT NULL CONSTRAINT rk_products_discount_check CHECK (discount_bp BETWEEN 0 AND 10000),
    shipping_weight   INTEGER NOT NULL CONSTRAINT rk_products_weight_check CHECK (shipping_weight >= 0),
    country_of_origin TEXT NOT NULL,
    requires_shipping BOOLEAN NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    -- True while the product has flash sales that are not closed. Checkout reads
    -- it with the product, so that other products cost no statement more.
    on_sale BOOLEAN NOT NULL DEFAULT FALSE,
    search  TEXT NOT NULL -- name and category, in lower case
);

-- What changed the stock but orders: stock = sum(quantity) - units of orders
-- that are not cancelled.
CREATE TABLE rk_stock_movements (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    product_id INTEGER NOT NULL REFERENCES rk_products (id),
    kind       TEXT NOT NULL
        CONSTRAINT rk_stock_movements_kind_check CHECK (kind IN ('initial', 'adjustment', 'restock')),
    quantity   INTEGER NOT NULL
        CONSTRAINT rk_stock_movements_quantity_check CHECK (quantity <> 0 AND (kind = 'adjustment' OR quantity > 0)),
    ref        TEXT NOT NULL CONSTRAINT rk_stock_movements_ref_check CHECK ((ref <> '') = (kind = 'restock')),
    at         INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id   TEXT NOT NULL,
    actor_name TEXT NOT NULL
);
CREATE UNIQUE INDEX rk_stock_movements_ref_key ON rk_stock_movements (ref) WHERE ref <> '';

CREATE TABLE rk_carts (
    id          TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL,
    order_id    TEXT, -- NULL while open
    updated_at  INTEGER
);
CREATE UNIQUE INDEX rk_carts_customer_id_key ON rk_carts (customer_id) WHERE order_id IS NULL;

CREATE TABLE rk_cart_items (
    cart_id    TEXT NOT NULL REFERENCES rk_carts (id) ON DELETE CASCADE,
    product_id INTEGER NOT NULL REFERENCES rk_products (id),
    position   INTEGER NOT NULL,
    quantity   INTEGER NOT NULL CONSTRAINT rk_cart_items_quantity_check CHECK (quantity > 0),
    PRIMARY KEY (cart_id, product_id)
);

CREATE TABLE rk_orders (
    id              TEXT PRIMARY KEY,
    number          TEXT NOT NULL,
    customer_id     TEXT NOT NULL,
    cart_id         TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    terms_id        TEXT NOT NULL,
    source          TEXT NOT NULL,
    currency        TEXT NOT NULL,
    status          TEXT NOT NULL
        CONSTRAINT rk_orders_status_check CHECK (status IN ('submitted', 'queued', 'completed', 'cancelled')),
    placed_at       INTEGER NOT NULL,
    completed_at    INTEGER,
    cancelled_at    INTEGER,
    cancel_reason   TEXT NOT NULL,
    delivered_at    INTEGER,
    updated_at      INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    search          TEXT NOT NULL, -- number and product names, in lower case
    -- What store credit pays, before the row of rk_payments pays the rest.
    credit_payment_id TEXT NOT NULL DEFAULT '',
    credit_minor      INTEGER NOT NULL DEFAULT 0
        CONSTRAINT rk_orders_credit_check CHECK (credit_minor >= 0 AND (credit_minor > 0) = (credit_payment_id <> '')),
    CONSTRAINT rk_orders_number_key UNIQUE (number),
    CONSTRAINT rk_orders_completed_check CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
    CONSTRAINT rk_orders_cancelled_check CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
    CONSTRAINT rk_orders_delivered_check CHECK (delivered_at IS NULL OR status = 'completed')
);
CREATE UNIQUE INDEX rk_orders_cart_id_key ON rk_orders (cart_id) WHERE status <> 'cancelled';
CREATE UNIQUE INDEX rk_orders_customer_id_idempotency_key_key ON rk_orders (customer_id, idempotency_key)
    WHERE idempotency_key <> '';
CREATE INDEX rk_orders_history ON rk_orders (customer_id, placed_at DESC, id DESC);
CREATE INDEX rk_orders_newest ON rk_orders (placed_at DESC, id DESC);
CREATE INDEX rk_orders_open ON rk_orders (placed_at DESC, id DESC) WHERE completed_at IS NULL AND cancelled_at IS NULL;

CREATE TABLE rk_order_lines (
    id                  TEXT PRIMARY KEY,
    order_id            TEXT NOT NULL REFERENCES rk_orders (id),
    position            INTEGER NOT NULL,
    product_id          INTEGER NOT NULL REFERENCES rk_products (id),
    name                TEXT NOT NULL,
    category            TEXT NOT NULL,
    final_sale          BOOLEAN NOT NULL,
    quantity            INTEGER NOT NULL CONSTRAINT rk_order_lines_quantity_check CHECK (quantity > 0),
    unit_list_minor     INTEGER NOT NULL,
    unit_discount_minor INTEGER NOT NULL
        CONSTRAINT rk_order_lines_discount_check CHECK (unit_discount_minor BETWEEN 0 AND unit_list_minor),
    price_minor         INTEGER NOT NULL,
    duty_minor          INTEGER NOT NULL,
    shipping_minor      INTEGER NOT NULL,
    sale_id TEXT NOT NULL DEFAULT '',
    CONSTRAINT rk_order_lines_order_id_position_key UNIQUE (order_id, position),
    CONSTRAINT rk_order_lines_paid_check CHECK (price_minor >= 0 AND duty_minor >= 0 AND shipping_minor >= 0)
);

CREATE TABLE rk_payments (
    id            TEXT PRIMARY KEY,
    order_id      TEXT NOT NULL REFERENCES rk_orders (id),
    method        TEXT NOT NULL
        CONSTRAINT rk_payments_method_check CHECK (method NOT IN ('', 'original_method')),
    amount_minor  INTEGER NOT NULL CONSTRAINT rk_payments_amount_check CHECK (amount_minor >= 0),
    status        TEXT NOT NULL
        CONSTRAINT rk_payments_status_check
        CHECK (status IN ('pending', 'unknown', 'captured', 'declined', 'cancelled')),
    token         TEXT NOT NULL,
    key           TEXT NOT NULL,
    key_round     INTEGER NOT NULL,
    reference     TEXT NOT NULL,
    first_sent_at INTEGER,
    captured_at   INTEGER,
    decline_code  TEXT NOT NULL,
    failure       TEXT NOT NULL DEFAULT '',
    failure_limit INTEGER NOT NULL DEFAULT 0 CONSTRAINT rk_payments_failure_limit_check CHECK (failure_limit >= 0),
    next_at       INTEGER,
    attempts      INTEGER NOT NULL,
    lease_until   INTEGER,
    lease_token   TEXT NOT NULL,
    last_error    TEXT NOT NULL,
    needs_review       BOOLEAN NOT NULL,
    -- Queued payments are charged by priority, then in order of arrival.
    priority INTEGER NOT NULL DEFAULT 0 CONSTRAINT rk_payments_priority_check CHECK (priority BETWEEN 0 AND 9),
    -- The page of the provider's on which the customer pays; no page_expires_at where
    -- the shop charges.
    page_id         TEXT NOT NULL DEFAULT '',
    page_url        TEXT NOT NULL DEFAULT '',
    page_expires_at INTEGER,
    CONSTRAINT rk_payments_credit_check CHECK (method <> 'store_credit' OR amount_minor = 0),
    CONSTRAINT rk_payments_order_id_key UNIQUE (order_id),
    CONSTRAINT rk_payments_captured_check CHECK ((status = 'captured') = (captured_at IS NOT NULL)),
    CONSTRAINT rk_payments_unknown_check CHECK (status <> 'unknown' OR reference <> '' OR page_id <> ''),
    CONSTRAINT rk_payments_page_check CHECK (page_expires_at IS NOT NULL OR page_id = '' AND page_url = '')
);
CREATE INDEX rk_payments_needs_review ON rk_payments (order_id) WHERE needs_review;

CREATE TABLE rk_flash_sales (
    id               TEXT PRIMARY KEY,
    product_id       INTEGER NOT NULL REFERENCES rk_products (id),
    starts           INTEGER NOT NULL,
    ends             INTEGER NOT NULL,
    percent_bp       INTEGER NOT NULL CONSTRAINT rk_flash_sales_percent_check CHECK (percent_bp BETWEEN 1 AND 10000),
    cap              INTEGER NOT NULL,
    cap_per_customer INTEGER NOT NULL,
    sold             INTEGER NOT NULL,
    held             INTEGER NOT NULL,
    closed           BOOLEAN NOT NULL, -- over, and holds no units
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    CONSTRAINT rk_flash_sales_time_check CHECK (starts <= ends),
    CONSTRAINT rk_flash_sales_units_check CHECK (sold >= 0 AND held >= 0),
    CONSTRAINT rk_flash_sales_cap_check CHECK (cap >= 0 AND cap_per_customer >= 0 AND (cap = 0 OR sold + held <= cap))
);
CREATE INDEX rk_flash_sales_open ON rk_flash_sales (product_id) WHERE NOT closed;
CREATE INDEX rk_flash_sales_product ON rk_flash_sales (product_id, starts);
CREATE INDEX rk_flash_sales_newest ON rk_flash_sales (starts DESC, id DESC);
CREATE INDEX rk_flash_sales_ends ON rk_flash_sales (ends);
CREATE INDEX rk_flash_sales_over ON rk_flash_sales (ends) WHERE NOT closed;

-- What each customer bought in a sale, in orders that are not cancelled.
CREATE TABLE rk_flash_sale_buyers (
    sale_id     TEXT NOT NULL REFERENCES rk_flash_sales (id),
    customer_id TEXT NOT NULL,
    bought      INTEGER NOT NULL CONSTRAINT rk_flash_sale_buyers_bought_check CHECK (bought >= 0),
    PRIMARY KEY (sale_id, customer_id)
);

CREATE TABLE rk_stock_reservations (
    id          TEXT PRIMARY KEY,
    sale_id     TEXT NOT NULL REFERENCES rk_flash_sales (id),
    product_id  INTEGER NOT NULL REFERENCES rk_products (id),
    customer_id TEXT NOT NULL,
    quantity    INTEGER NOT NULL CONSTRAINT rk_stock_reservations_quantity_check CHECK (quantity > 0),
    status      TEXT NOT NULL
        CONSTRAINT rk_stock_reservations_status_check CHECK (status IN ('held', 'used', 'expired')),
    order_id    TEXT NOT NULL,
    expires_at  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    CONSTRAINT rk_stock_reservations_used_check CHECK ((status = 'used') = (order_id <> ''))
);

-- A customer holds units of a sale once.
CREATE UNIQUE INDEX rk_stock_reservations_sale_id_customer_id_key ON rk_stock_reservations (sale_id, customer_id)
    WHERE status = 'held';
CREATE INDEX rk_stock_reservations_due ON rk_stock_reservations (expires_at) WHERE status = 'held';
CREATE INDEX rk_payments_due ON rk_payments (priority DESC, id) WHERE next_at IS NOT NULL AND NOT needs_review;

CREATE TABLE rk_orders_events (
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
    CONSTRAINT rk_orders_events_aggregate_id_seq_key UNIQUE (aggregate_id, seq),
    CONSTRAINT rk_orders_events_seq_check CHECK (seq >= 1),
    CONSTRAINT rk_orders_events_data_check CHECK (json_valid(data))
);
CREATE INDEX rk_orders_events_fan_out_idx ON rk_orders_events (at, aggregate_id, seq) WHERE fanned_out = FALSE;
CREATE INDEX rk_orders_events_newest_idx ON rk_orders_events (at, aggregate_id, seq);
CREATE INDEX rk_orders_events_actor_idx ON rk_orders_events (actor_id, at);
CREATE INDEX rk_orders_events_from_address_idx ON rk_orders_events (from_address, at) WHERE from_address <> '';
CREATE INDEX rk_orders_events_from_request_idx ON rk_orders_events (from_request) WHERE from_request <> '';

CREATE TABLE rk_orders_deliveries (
    event_id     TEXT        NOT NULL REFERENCES rk_orders_events (id),
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
    CONSTRAINT rk_orders_deliveries_attempts_check CHECK (attempts >= 0)
);
CREATE INDEX rk_orders_deliveries_due_idx ON rk_orders_deliveries (subscriber, next_at) WHERE delivered_at IS NULL;
CREATE INDEX rk_orders_deliveries_order_idx ON rk_orders_deliveries (aggregate_id, subscriber, seq)
    WHERE delivered_at IS NULL;

-- What happened is never rewritten: the trail shows it to who looks for what staff did.
CREATE TRIGGER rk_orders_events_are_not_changed BEFORE UPDATE OF
    id, aggregate_id, seq, type, at, actor_id, actor_kind, actor_name, data, from_address, from_request
    ON rk_orders_events
BEGIN
    SELECT RAISE(ABORT, 'the history of orders is append-only');
END;
CREATE TRIGGER rk_orders_events_are_not_deleted BEFORE DELETE ON rk_orders_events
BEGIN
    SELECT RAISE(ABORT, 'the history of orders is append-only');
END;
-- INSERT OR REPLACE removes a row without asking the trigger before DELETE.
CREATE TRIGGER rk_orders_events_are_not_replaced BEFORE INSERT ON rk_orders_events
    WHEN EXISTS (SELECT 1 FROM rk_orders_events WHERE id = NEW.id)
        OR EXISTS (SELECT 1 FROM rk_orders_events WHERE aggregate_id = NEW.aggregate_id AND seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'the history of orders is append-only');
END;
