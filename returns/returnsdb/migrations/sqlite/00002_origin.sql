-- +goose Up
ALTER TABLE returns_events ADD COLUMN from_address TEXT NOT NULL DEFAULT '';
ALTER TABLE returns_events ADD COLUMN from_request TEXT NOT NULL DEFAULT '';
CREATE INDEX returns_events_from_address_idx ON returns_events (from_address, at) WHERE from_address <> '';
CREATE INDEX returns_events_from_request_idx ON returns_events (from_request) WHERE from_request <> '';

-- +goose Down
DROP INDEX returns_events_from_request_idx;
DROP INDEX returns_events_from_address_idx;
ALTER TABLE returns_events DROP COLUMN from_request;
ALTER TABLE returns_events DROP COLUMN from_address;
