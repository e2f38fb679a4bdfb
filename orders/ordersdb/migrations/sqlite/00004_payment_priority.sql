-- +goose Up

-- Queued payments are charged by priority, then in order of arrival.
ALTER TABLE payments ADD COLUMN priority INTEGER NOT NULL DEFAULT 0 CONSTRAINT payments_priority_check CHECK (priority BETWEEN 0 AND 9);
DROP INDEX payments_due;
CREATE INDEX payments_due ON payments (priority DESC, id) WHERE next_at IS NOT NULL AND NOT gave_up;

-- +goose Down
DROP INDEX payments_due;
CREATE INDEX payments_due ON payments (id) WHERE next_at IS NOT NULL AND NOT gave_up;
ALTER TABLE payments DROP COLUMN priority;
