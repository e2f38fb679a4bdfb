-- +goose Up

-- Times are microseconds since 1970, UTC.

CREATE TABLE products (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    name              TEXT NOT NULL,
    category          TEXT NOT NULL,
    price_minor       INTEGER NOT NULL CONSTRAINT products_price_check CHECK (price_minor >= 0),
    currency          TEXT NOT NULL,
    stock             INTEGER NOT NULL CONSTRAINT products_stock_check CHECK (stock >= 0),
    final_sale        BOOLEAN NOT NULL,
    discount_bp       INTEGER NOT NULL CONSTRAINT products_discount_check CHECK (discount_bp BETWEEN 0 AND 10000),
    shipping_weight   INTEGER NOT NULL CONSTRAINT products_weight_check CHECK (shipping_weight >= 0),
    country_of_origin TEXT NOT NULL,
    requires_shipping BOOLEAN NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
);

-- What changed the stock but orders: stock = sum(quantity) - units of orders
-- that are not cancelled.
CREATE TABLE stock_movements (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    product_id INTEGER NOT NULL REFERENCES products (id),
    kind       TEXT NOT NULL CONSTRAINT stock_movements_kind_check CHECK (kind IN ('initial', 'adjustment', 'restock')),
    quantity   INTEGER NOT NULL CONSTRAINT stock_movements_quantity_check CHECK (quantity <> 0 AND (kind = 'adjustment' OR quantity > 0)),
    ref        TEXT NOT NULL CONSTRAINT stock_movements_ref_check CHECK ((ref <> '') = (kind = 'restock')),
    at         INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id   TEXT NOT NULL,
    actor_name TEXT NOT NULL
);
CREATE UNIQUE INDEX stock_movements_ref_key ON stock_movements (ref) WHERE ref <> '';

CREATE TABLE carts (
    id          TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL,
    order_id    TEXT, -- NULL while open
    updated_at  INTEGER
);
CREATE UNIQUE INDEX carts_customer_id_key ON carts (customer_id) WHERE order_id IS NULL;

CREATE TABLE cart_items (
    cart_id    TEXT NOT NULL REFERENCES carts (id) ON DELETE CASCADE,
    product_id INTEGER NOT NULL REFERENCES products (id),
    position   INTEGER NOT NULL,
    quantity   INTEGER NOT NULL CONSTRAINT cart_items_quantity_check CHECK (quantity > 0),
    PRIMARY KEY (cart_id, product_id)
);

CREATE TABLE orders (
    id              TEXT PRIMARY KEY,
    number          TEXT NOT NULL,
    customer_id     TEXT NOT NULL,
    cart_id         TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    terms_id        TEXT NOT NULL,
    source          TEXT NOT NULL,
    currency        TEXT NOT NULL,
    status          TEXT NOT NULL CONSTRAINT orders_status_check CHECK (status IN ('submitted', 'queued', 'completed', 'cancelled')),
    placed_at       INTEGER NOT NULL,
    completed_at    INTEGER,
    cancelled_at    INTEGER,
    cancel_reason   TEXT NOT NULL,
    delivered_at    INTEGER,
    updated_at      INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    search          TEXT NOT NULL, -- number and product names, in lower case
    CONSTRAINT orders_number_key UNIQUE (number),
    CONSTRAINT orders_completed_check CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
    CONSTRAINT orders_cancelled_check CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
    CONSTRAINT orders_delivered_check CHECK (delivered_at IS NULL OR status = 'completed')
);
CREATE UNIQUE INDEX orders_cart_id_key ON orders (cart_id) WHERE status <> 'cancelled';
CREATE UNIQUE INDEX orders_customer_id_idempotency_key_key ON orders (customer_id, idempotency_key) WHERE idempotency_key <> '';
CREATE INDEX orders_history ON orders (customer_id, placed_at DESC, id DESC);
CREATE INDEX orders_newest ON orders (placed_at DESC, id DESC);
CREATE INDEX orders_open ON orders (placed_at DESC, id DESC) WHERE completed_at IS NULL AND cancelled_at IS NULL;

CREATE TABLE order_lines (
    id                  TEXT PRIMARY KEY,
    order_id            TEXT NOT NULL REFERENCES orders (id),
    position            INTEGER NOT NULL,
    product_id          INTEGER NOT NULL REFERENCES products (id),
    name                TEXT NOT NULL,
    category            TEXT NOT NULL,
    final_sale          BOOLEAN NOT NULL,
    quantity            INTEGER NOT NULL CONSTRAINT order_lines_quantity_check CHECK (quantity > 0),
    unit_list_minor     INTEGER NOT NULL,
    unit_discount_minor INTEGER NOT NULL CONSTRAINT order_lines_discount_check CHECK (unit_discount_minor BETWEEN 0 AND unit_list_minor),
    price_minor         INTEGER NOT NULL,
    duty_minor          INTEGER NOT NULL,
    shipping_minor      INTEGER NOT NULL,
    CONSTRAINT order_lines_order_id_position_key UNIQUE (order_id, position),
    CONSTRAINT order_lines_paid_check CHECK (price_minor >= 0 AND duty_minor >= 0 AND shipping_minor >= 0)
);

CREATE TABLE payments (
    id            TEXT PRIMARY KEY,
    order_id      TEXT NOT NULL REFERENCES orders (id),
    method        TEXT NOT NULL CONSTRAINT payments_method_check CHECK (method NOT IN ('', 'store_credit', 'original_method')),
    amount_minor  INTEGER NOT NULL CONSTRAINT payments_amount_check CHECK (amount_minor >= 0),
    status        TEXT NOT NULL CONSTRAINT payments_status_check CHECK (status IN ('pending', 'unknown', 'captured', 'declined', 'cancelled')),
    token         TEXT NOT NULL,
    key           TEXT NOT NULL,
    key_round     INTEGER NOT NULL,
    reference     TEXT NOT NULL,
    first_sent_at INTEGER,
    captured_at   INTEGER,
    decline_code  TEXT NOT NULL,
    next_at       INTEGER,
    attempts      INTEGER NOT NULL,
    lease_until   INTEGER,
    lease_token   TEXT NOT NULL,
    last_error    TEXT NOT NULL,
    gave_up       BOOLEAN NOT NULL,
    CONSTRAINT payments_order_id_key UNIQUE (order_id),
    CONSTRAINT payments_captured_check CHECK ((status = 'captured') = (captured_at IS NOT NULL)),
    CONSTRAINT payments_unknown_check CHECK (status <> 'unknown' OR reference <> '')
);
-- Ids are UUIDv7, so the order of ids is the order of arrival.
CREATE INDEX payments_due ON payments (id) WHERE next_at IS NOT NULL AND NOT gave_up;
CREATE INDEX payments_for_a_person ON payments (order_id) WHERE gave_up;

-- +goose Down
DROP TABLE payments;
DROP TABLE order_lines;
DROP TABLE orders;
DROP TABLE cart_items;
DROP TABLE carts;
DROP TABLE stock_movements;
DROP TABLE products;
