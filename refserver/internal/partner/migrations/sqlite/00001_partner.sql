-- Partners that send feeds of products, or have theirs fetched.
CREATE TABLE rk_partners (
    id          TEXT NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    name_key    TEXT NOT NULL, -- in lower case
    currency    TEXT NOT NULL,
    feed_url    TEXT NOT NULL, -- empty: the partner sends its feed
    feed_token  BLOB, -- sealed; the address is asked with it
    schedule    TEXT NOT NULL, -- minutes or a cron expression; empty: not by itself
    next_at     INTEGER,
    lease_until INTEGER,
    lease_token TEXT NOT NULL,
    last_error  TEXT NOT NULL,
    created_at  INTEGER NOT NULL
);
CREATE UNIQUE INDEX rk_partners_name_key_key ON rk_partners (name_key);

-- Keys of partners. The key itself is nowhere: only its hash, and the start that is shown.
CREATE TABLE rk_partner_keys (
    prefix       TEXT NOT NULL PRIMARY KEY,
    partner_id   TEXT NOT NULL REFERENCES rk_partners (id),
    hash         BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
);
CREATE INDEX rk_partner_keys_partner ON rk_partner_keys (partner_id);

-- Which product of the shop a partner's id means.
CREATE TABLE rk_partner_products (
    partner_id  TEXT NOT NULL REFERENCES rk_partners (id),
    external_id TEXT NOT NULL,
    product_id  INTEGER NOT NULL,
    PRIMARY KEY (partner_id, external_id)
);
