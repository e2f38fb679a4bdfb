-- What is done once per database, by whichever process comes first.
CREATE TABLE rk_shop_setup (
    name        TEXT NOT NULL PRIMARY KEY,
    done_at     INTEGER,
    lease_until INTEGER NOT NULL,
    lease_token TEXT NOT NULL
);

-- One row: what the tables of all stores are, and the oldest binary that may
-- work on them.
CREATE TABLE rk_shop_schema (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    number     INTEGER NOT NULL,
    min_binary INTEGER NOT NULL
);

-- What health probes write: a row for each process.
CREATE TABLE rk_shop_health (
    process    TEXT NOT NULL PRIMARY KEY,
    payload    BLOB NOT NULL,
    checked_at INTEGER NOT NULL
);
