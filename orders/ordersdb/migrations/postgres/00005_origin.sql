-- +goose Up
ALTER TABLE orders_events ADD COLUMN from_address TEXT NOT NULL DEFAULT '';
ALTER TABLE orders_events ADD COLUMN from_request TEXT NOT NULL DEFAULT '';
CREATE INDEX orders_events_from_address_idx ON orders_events (from_address, at) WHERE from_address <> '';
CREATE INDEX orders_events_from_request_idx ON orders_events (from_request) WHERE from_request <> '';

-- +goose Down
DROP INDEX orders_events_from_request_idx;
DROP INDEX orders_events_from_address_idx;
ALTER TABLE orders_events DROP COLUMN from_request;
ALTER TABLE orders_events DROP COLUMN from_address;
