-- What is done once per database, by whichever process comes first.
CREATE TABLE rk_shop_setup (
    name        TEXT PRIMARY KEY,
    done_at     TIMESTAMPTZ,
    lease_until TIMESTAMPTZ NOT NULL,
    lease_token TEXT NOT NULL
);
