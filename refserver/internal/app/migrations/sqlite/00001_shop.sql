-- What is done once per database, by whichever process comes first.
CREATE TABLE rk_shop_setup (
    name        TEXT NOT NULL PRIMARY KEY,
    done_at     INTEGER,
    lease_until INTEGER NOT NULL,
    lease_token TEXT NOT NULL
);
