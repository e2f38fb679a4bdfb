-- Where events are sent to.
CREATE TABLE rk_webhook_endpoints (
    id              TEXT NOT NULL PRIMARY KEY,
    url             TEXT NOT NULL,
    types           TEXT NOT NULL, -- the public types that are wanted
    secret          BLOB       NOT NULL, -- sealed
    old_secret      BLOB, -- sealed; signs too until old_until
    old_until       INTEGER,
    created_at      INTEGER NOT NULL,
    disabled_at     INTEGER, -- NULL: events are sent
    disabled_why    TEXT NOT NULL,
    replay_since    INTEGER, -- NULL: there is no replay
    replay_began    INTEGER,
    replay_places   TEXT NOT NULL -- by stream: how far it is
);

-- An event for an endpoint.
CREATE TABLE rk_webhook_deliveries (
    endpoint_id  TEXT NOT NULL REFERENCES rk_webhook_endpoints (id) ON DELETE CASCADE,
    event_id     TEXT NOT NULL,
    stream       TEXT NOT NULL, -- empty for a test
    aggregate_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    type         TEXT NOT NULL, -- the public one
    event_at     INTEGER NOT NULL,
    created_at   INTEGER NOT NULL, -- retries end three days later
    next_at      INTEGER NOT NULL,
    attempts INTEGER NOT NULL CONSTRAINT rk_webhook_deliveries_attempts CHECK (attempts >= 0),
    lease_until  INTEGER,
    lease_token  TEXT NOT NULL,
    last_at      INTEGER, -- of the last attempt
    last_status INTEGER NOT NULL, -- 0: there was no answer
    last_answer  TEXT NOT NULL, -- its beginning
    last_error   TEXT NOT NULL,
    delivered_at INTEGER,
    dead_at      INTEGER, -- given up
    PRIMARY KEY (endpoint_id, event_id)
);
CREATE INDEX rk_webhook_deliveries_due ON rk_webhook_deliveries (endpoint_id, next_at)
    WHERE delivered_at IS NULL AND dead_at IS NULL;
CREATE INDEX rk_webhook_deliveries_dead ON rk_webhook_deliveries (endpoint_id, created_at)
    WHERE dead_at IS NOT NULL;
CREATE INDEX rk_webhook_deliveries_newest ON rk_webhook_deliveries (endpoint_id, created_at, event_id);
CREATE INDEX rk_webhook_deliveries_ended ON rk_webhook_deliveries (created_at)
    WHERE delivered_at IS NOT NULL OR dead_at IS NOT NULL;
