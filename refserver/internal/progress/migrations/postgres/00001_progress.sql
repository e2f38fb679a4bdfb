-- Operations that outlast a request: how far each is, and what it needs to be continued.
CREATE TABLE rk_operations (
    id              TEXT NOT NULL PRIMARY KEY,
    kind            TEXT NOT NULL, -- partner_feed, export, scenarios, load
    title           TEXT NOT NULL,
    owner_id        TEXT NOT NULL, -- of the user or partner who started it
    serial          TEXT, -- of the operations with the same text one runs at a time; NULL: any number
    idempotency_key TEXT, -- NULL: none
    request_hash    TEXT NOT NULL,
    params          JSONB NOT NULL, -- what was asked, as JSON
    input           BYTEA, -- what it works on; NULL when it is finished
    result          JSONB NOT NULL, -- what it has found, as JSON
    position        TEXT NOT NULL, -- where it is continued
    state           TEXT NOT NULL CONSTRAINT rk_operations_state
        CHECK (state IN ('running', 'done', 'failed', 'canceled', 'interrupted')),
    done            INTEGER NOT NULL,
    total           INTEGER NOT NULL,
    percent         INTEGER NOT NULL CONSTRAINT rk_operations_percent CHECK (percent BETWEEN 0 AND 100),
    message         TEXT NOT NULL,
    failures        INTEGER NOT NULL, -- since it last advanced
    parts           INTEGER NOT NULL, -- of its file
    started_at      TIMESTAMPTZ NOT NULL,
    begun_at        TIMESTAMPTZ, -- when a process first worked on it
    finished_at     TIMESTAMPTZ,
    lease_until     TIMESTAMPTZ NOT NULL,
    lease_token     TEXT NOT NULL,
    CONSTRAINT rk_operations_done CHECK (done >= 0 AND done <= total)
);
CREATE UNIQUE INDEX rk_operations_serial_key ON rk_operations (serial) WHERE state = 'running';
CREATE UNIQUE INDEX rk_operations_owner_id_idempotency_key_key ON rk_operations (owner_id, idempotency_key);
CREATE INDEX rk_operations_owner ON rk_operations (owner_id, started_at);
CREATE INDEX rk_operations_started ON rk_operations (started_at);
CREATE INDEX rk_operations_open ON rk_operations (kind, started_at) WHERE state = 'running';

-- Files that operations have made, in parts of compressed text.
CREATE TABLE rk_operation_parts (
    operation_id TEXT NOT NULL REFERENCES rk_operations (id),
    number       INTEGER NOT NULL,
    data         BYTEA NOT NULL,
    PRIMARY KEY (operation_id, number)
);
