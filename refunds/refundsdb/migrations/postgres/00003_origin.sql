-- +goose Up
ALTER TABLE refunds_events ADD COLUMN from_address TEXT NOT NULL DEFAULT '';
ALTER TABLE refunds_events ADD COLUMN from_request TEXT NOT NULL DEFAULT '';
CREATE INDEX refunds_events_from_address_idx ON refunds_events (from_address, at) WHERE from_address <> '';
CREATE INDEX refunds_events_from_request_idx ON refunds_events (from_request) WHERE from_request <> '';

-- +goose Down
DROP INDEX refunds_events_from_request_idx;
DROP INDEX refunds_events_from_address_idx;
ALTER TABLE refunds_events DROP COLUMN from_request;
ALTER TABLE refunds_events DROP COLUMN from_address;
