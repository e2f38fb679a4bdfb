-- +goose Up

-- True while the product has flash sales that are not closed. Checkout reads
-- it with the product, so that other products cost no statement more.
ALTER TABLE products ADD COLUMN on_sale BOOLEAN NOT NULL DEFAULT FALSE;

CREATE TABLE flash_sales (
    id               TEXT PRIMARY KEY,
    product_id       INTEGER NOT NULL REFERENCES products (id),
    starts           INTEGER NOT NULL,
    ends             INTEGER NOT NULL,
    percent_bp       INTEGER NOT NULL CONSTRAINT flash_sales_percent_check CHECK (percent_bp BETWEEN 1 AND 10000),
    cap              INTEGER NOT NULL,
    cap_per_customer INTEGER NOT NULL,
    sold             INTEGER NOT NULL,
    held             INTEGER NOT NULL,
    closed           BOOLEAN NOT NULL, -- over, and holds no units
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    CONSTRAINT flash_sales_time_check CHECK (starts <= ends),
    CONSTRAINT flash_sales_units_check CHECK (sold >= 0 AND held >= 0),
    CONSTRAINT flash_sales_cap_check CHECK (cap >= 0 AND cap_per_customer >= 0 AND (cap = 0 OR sold + held <= cap))
);
CREATE INDEX flash_sales_open ON flash_sales (product_id) WHERE NOT closed;
CREATE INDEX flash_sales_product ON flash_sales (product_id, starts);
CREATE INDEX flash_sales_newest ON flash_sales (starts DESC, id DESC);
CREATE INDEX flash_sales_ends ON flash_sales (ends);
CREATE INDEX flash_sales_over ON flash_sales (ends) WHERE NOT closed;

-- What each customer bought in a sale, in orders that are not cancelled.
CREATE TABLE flash_sale_buyers (
    sale_id     TEXT NOT NULL REFERENCES flash_sales (id),
    customer_id TEXT NOT NULL,
    bought      INTEGER NOT NULL CONSTRAINT flash_sale_buyers_bought_check CHECK (bought >= 0),
    PRIMARY KEY (sale_id, customer_id)
);

CREATE TABLE stock_reservations (
    id          TEXT PRIMARY KEY,
    sale_id     TEXT NOT NULL REFERENCES flash_sales (id),
    product_id  INTEGER NOT NULL REFERENCES products (id),
    customer_id TEXT NOT NULL,
    quantity    INTEGER NOT NULL CONSTRAINT stock_reservations_quantity_check CHECK (quantity > 0),
    status      TEXT NOT NULL CONSTRAINT stock_reservations_status_check CHECK (status IN ('held', 'used', 'expired')),
    order_id    TEXT NOT NULL,
    expires_at  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    CONSTRAINT stock_reservations_used_check CHECK ((status = 'used') = (order_id <> ''))
);
-- A customer holds units of a sale once.
CREATE UNIQUE INDEX stock_reservations_sale_id_customer_id_key ON stock_reservations (sale_id, customer_id) WHERE status = 'held';
CREATE INDEX stock_reservations_due ON stock_reservations (expires_at) WHERE status = 'held';

ALTER TABLE order_lines ADD COLUMN sale_id TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE order_lines DROP COLUMN sale_id;
DROP TABLE stock_reservations;
DROP TABLE flash_sale_buyers;
DROP TABLE flash_sales;
ALTER TABLE products DROP COLUMN on_sale;
