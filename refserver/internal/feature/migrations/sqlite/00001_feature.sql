-- Switches that somebody has set; what has no row is on.
CREATE TABLE rk_feature_switches (
    name       TEXT NOT NULL PRIMARY KEY,
    version    INTEGER NOT NULL,
    mode       TEXT NOT NULL CONSTRAINT rk_feature_switches_mode CHECK (mode IN ('on', 'off', 'rollout')),
    percentage INTEGER NOT NULL CONSTRAINT rk_feature_switches_percentage CHECK (percentage BETWEEN 0 AND 100),
    users      TEXT NOT NULL, -- for whom it is on whatever the percentage
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL
);

-- Every change of a switch.
CREATE TABLE rk_feature_changes (
    name       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    mode       TEXT NOT NULL,
    percentage INTEGER NOT NULL,
    users      TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (name, version)
);
