-- Times are microseconds since 1970, UTC.

-- What happened in each UTC quarter of an hour (seconds since 1970 / 900).
CREATE TABLE rk_kpi_quarters (
    quarter           INTEGER PRIMARY KEY,
    orders            INTEGER NOT NULL,
    orders_completed  INTEGER NOT NULL,
    orders_queued     INTEGER NOT NULL,
    orders_cancelled  INTEGER NOT NULL,
    returns           INTEGER NOT NULL,
    rmas              INTEGER NOT NULL,
    returns_approved  INTEGER NOT NULL,
    returns_rejected  INTEGER NOT NULL,
    returns_cancelled INTEGER NOT NULL,
    returns_refunded  INTEGER NOT NULL,
    refunds_paid      INTEGER NOT NULL,
    refunds_failed    INTEGER NOT NULL,
    refunds_reversed  INTEGER NOT NULL
);

-- The same by name: reasons, dispositions of accepted units, money by method
-- and currency, leakage by currency.
CREATE TABLE rk_kpi_shares (
    quarter INTEGER NOT NULL,
    kind    TEXT NOT NULL
        CONSTRAINT rk_kpi_shares_kind_check CHECK (kind IN ('reason', 'disposition', 'refund', 'reversed', 'leakage')),
    name    TEXT NOT NULL,
    n       INTEGER NOT NULL,
    amount  INTEGER NOT NULL, -- minor units
    PRIMARY KEY (quarter, kind, name)
) WITHOUT ROWID;

-- When a closed return reached each stage. It is written once: closed is final.
CREATE TABLE rk_kpi_cases (
    return_id     TEXT PRIMARY KEY,
    requested_at  INTEGER NOT NULL,
    authorized_at INTEGER,
    received_at   INTEGER,
    decided_at    INTEGER,
    closed_at     INTEGER NOT NULL
);

-- It holds all that is read of a range.
CREATE INDEX rk_kpi_cases_closed ON rk_kpi_cases (closed_at, requested_at, authorized_at, received_at, decided_at);

-- The quarters that have to be counted again.
CREATE TABLE rk_kpi_dirty (
    quarter INTEGER PRIMARY KEY
);

-- Up to when events were looked for; one row.
CREATE TABLE rk_kpi_swept (
    id INTEGER PRIMARY KEY CONSTRAINT rk_kpi_swept_one CHECK (id = 1),
    at INTEGER NOT NULL
);

-- What each process saw in ten seconds (slot: seconds since 1970 / 10).
-- b0 to b13 count accepted orders by latency, each up to its bound.
CREATE TABLE rk_slo_deltas (
    slot      INTEGER NOT NULL,
    process   TEXT NOT NULL,
    submitted INTEGER NOT NULL,
    accepted  INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    b0 INTEGER NOT NULL, b1 INTEGER NOT NULL, b2 INTEGER NOT NULL, b3 INTEGER NOT NULL, b4 INTEGER NOT NULL,
    b5 INTEGER NOT NULL, b6 INTEGER NOT NULL, b7 INTEGER NOT NULL, b8 INTEGER NOT NULL, b9 INTEGER NOT NULL,
    b10 INTEGER NOT NULL, b11 INTEGER NOT NULL, b12 INTEGER NOT NULL, b13 INTEGER NOT NULL,
    PRIMARY KEY (slot, process),
    CONSTRAINT rk_slo_deltas_sum_check CHECK (submitted = accepted + failed)
) WITHOUT ROWID;

CREATE TABLE rk_slo_outages (
    process  TEXT NOT NULL,
    started  INTEGER NOT NULL,
    ended    INTEGER,
    repaired BOOLEAN NOT NULL,
    cause    TEXT NOT NULL,
    openings INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    seen_at  INTEGER NOT NULL, -- when the process last told of it
    PRIMARY KEY (started, process)
);

-- How often something was counted on each UTC day (days since 1970): who has
-- read the rows of a day needs them again only when this has changed.
CREATE TABLE rk_kpi_days (
    day     INTEGER PRIMARY KEY,
    version INTEGER NOT NULL
);
