ALTER TABLE PREFIX_events ADD COLUMN from_address TEXT NOT NULL DEFAULT '';
ALTER TABLE PREFIX_events ADD COLUMN from_request TEXT NOT NULL DEFAULT '';
CREATE INDEX PREFIX_events_from_address_idx ON PREFIX_events (from_address, at) WHERE from_address <> '';
CREATE INDEX PREFIX_events_from_request_idx ON PREFIX_events (from_request) WHERE from_request <> '';
