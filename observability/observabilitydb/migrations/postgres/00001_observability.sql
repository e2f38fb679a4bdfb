-- What happened in each UTC quarter of an hour (seconds since 1970 / 900).
CREATE TABLE rk_kpi_quarters (
    quarter           BIGINT PRIMARY KEY,
    orders            BIGINT NOT NULL,
    orders_completed  BIGINT NOT NULL,
    orders_queued     BIGINT NOT NULL,
    orders_cancelled  BIGINT NOT NULL,
    returns           BIGINT NOT NULL,
    rmas              BIGINT NOT NULL,
    returns_approved  BIGINT NOT NULL,
    returns_rejected  BIGINT NOT NULL,
    returns_cancelled BIGINT NOT NULL,
    returns_refunded  BIGINT NOT NULL,
    refunds_paid      BIGINT NOT NULL,
    refunds_failed    BIGINT NOT NULL,
    refunds_reversed  BIGINT NOT NULL
);

-- The same by name: reasons, dispositions of accepted units, money by method
-- and currency, leakage by currency.
CREATE TABLE rk_kpi_shares (
    quarter BIGINT NOT NULL,
    kind    TEXT COLLATE "C" NOT NULL
        CONSTRAINT rk_kpi_shares_kind_check CHECK (kind IN ('reason', 'disposition', 'refund', 'reversed', 'leakage')),
    name    TEXT COLLATE "C" NOT NULL,
    n       BIGINT NOT NULL,
    amount  BIGINT NOT NULL, -- minor units
    PRIMARY KEY (quarter, kind, name)
);

-- When a closed return reached each stage. It is written once: closed is final.
CREATE TABLE rk_kpi_cases (
    return_id     TEXT COLLATE "C" PRIMARY KEY,
    requested_at  TIMESTAMPTZ NOT NULL,
    authorized_at TIMESTAMPTZ,
    received_at   TIMESTAMPTZ,
    decided_at    TIMESTAMPTZ,
    closed_at     TIMESTAMPTZ NOT NULL
);

-- It holds all that is read of a range.
CREATE INDEX rk_kpi_cases_closed ON rk_kpi_cases (closed_at)
    INCLUDE (requested_at, authorized_at, received_at, decided_at);

-- The quarters that have to be counted again.
CREATE TABLE rk_kpi_dirty (
    quarter BIGINT PRIMARY KEY
);

-- Up to when events were looked for; one row.
CREATE TABLE rk_kpi_swept (
    id INTEGER PRIMARY KEY CONSTRAINT rk_kpi_swept_one CHECK (id = 1),
    at TIMESTAMPTZ NOT NULL
);

-- What each process saw in ten seconds (slot: seconds since 1970 / 10).
-- b0 to b13 count accepted orders by latency, each up to its bound.
CREATE TABLE rk_slo_deltas (
    slot      BIGINT NOT NULL,
    process   TEXT COLLATE "C" NOT NULL,
    submitted BIGINT NOT NULL,
    accepted  BIGINT NOT NULL,
    failed    BIGINT NOT NULL,
    b0 BIGINT NOT NULL, b1 BIGINT NOT NULL, b2 BIGINT NOT NULL, b3 BIGINT NOT NULL, b4 BIGINT NOT NULL,
    b5 BIGINT NOT NULL, b6 BIGINT NOT NULL, b7 BIGINT NOT NULL, b8 BIGINT NOT NULL, b9 BIGINT NOT NULL,
    b10 BIGINT NOT NULL, b11 BIGINT NOT NULL, b12 BIGINT NOT NULL, b13 BIGINT NOT NULL,
    PRIMARY KEY (slot, process),
    CONSTRAINT rk_slo_deltas_sum_check CHECK (submitted = accepted + failed)
);

CREATE TABLE rk_slo_outages (
    process  TEXT COLLATE "C" NOT NULL,
    started  TIMESTAMPTZ NOT NULL,
    ended    TIMESTAMPTZ,
    repaired BOOLEAN NOT NULL,
    cause    TEXT NOT NULL,
    openings BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    seen_at  TIMESTAMPTZ NOT NULL, -- when the process last told of it
    PRIMARY KEY (started, process)
);

-- How often something was counted on each UTC day (days since 1970): who has
-- read the rows of a day needs them again only when this has changed.
CREATE TABLE rk_kpi_days (
    day     BIGINT PRIMARY KEY,
    version BIGINT NOT NULL
);
