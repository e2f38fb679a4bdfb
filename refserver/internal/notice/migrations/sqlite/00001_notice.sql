-- Events that notices are still to be made of.
CREATE TABLE rk_notice_events (
    event_id     TEXT NOT NULL PRIMARY KEY,
    stream       TEXT NOT NULL,
    aggregate_id TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    type         TEXT NOT NULL,
    at           INTEGER NOT NULL,
    next_at      INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    lease_until  INTEGER,
    lease_token  TEXT NOT NULL,
    last_error   TEXT NOT NULL
);
CREATE INDEX rk_notice_events_due ON rk_notice_events (next_at);

-- What somebody is notified of.
CREATE TABLE rk_notices (
    id         TEXT NOT NULL PRIMARY KEY,
    user_id    TEXT NOT NULL,
    event_id   TEXT NOT NULL,
    kind       TEXT NOT NULL,
    title      TEXT NOT NULL,
    body       TEXT NOT NULL,
    href       TEXT NOT NULL, -- the page of the shop that it is about
    at         INTEGER NOT NULL, -- of the event
    read_at    INTEGER, -- NULL: unread
    changed_at INTEGER NOT NULL,
    CONSTRAINT rk_notices_user_id_event_id_key UNIQUE (user_id, event_id)
);
CREATE INDEX rk_notices_newest ON rk_notices (user_id, at, id);
CREATE INDEX rk_notices_unread ON rk_notices (user_id, at, id) WHERE read_at IS NULL;
CREATE INDEX rk_notices_changed ON rk_notices (changed_at);
CREATE INDEX rk_notices_at ON rk_notices (at);

-- Products that are low on stock, and that staff were notified of.
CREATE TABLE rk_notice_stock (
    product_id INTEGER NOT NULL PRIMARY KEY,
    since      INTEGER NOT NULL
);
