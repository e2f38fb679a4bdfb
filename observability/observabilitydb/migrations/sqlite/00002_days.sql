-- +goose Up

-- How often something was counted on each UTC day (days since 1970): who has
-- read the rows of a day needs them again only when this has changed.
CREATE TABLE kpi_days (
    day     INTEGER PRIMARY KEY,
    version INTEGER NOT NULL
);
INSERT INTO kpi_days (day, version) SELECT DISTINCT quarter / 96, 1 FROM kpi_quarters;

-- +goose Down
DROP TABLE kpi_days;
