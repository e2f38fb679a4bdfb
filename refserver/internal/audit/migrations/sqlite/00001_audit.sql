-- Everything that changes who may do what, what is sold for how much, and under
-- which rules. Entries form one chain; seq restarts with each day.
CREATE TABLE rk_audit_entries (
    day          TEXT NOT NULL, -- UTC, such as 2026-01-31
    seq          INTEGER NOT NULL CHECK (seq > 0),
    at           INTEGER NOT NULL,
    type         TEXT NOT NULL,
    actor_id     TEXT NOT NULL,
    actor_name   TEXT NOT NULL,
    actor_role   TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id   TEXT NOT NULL,
    subject_name TEXT NOT NULL,
    address      TEXT NOT NULL,
    request      TEXT NOT NULL,
    details      TEXT NOT NULL, -- JSON object of texts
    previous     TEXT NOT NULL, -- hash of the entry before, in hexadecimal; empty for the first of all
    hash         TEXT NOT NULL, -- of all the other columns
    PRIMARY KEY (day, seq)
);
CREATE INDEX rk_audit_entries_at ON rk_audit_entries (at);
CREATE INDEX rk_audit_entries_actor_id ON rk_audit_entries (actor_id, at);
CREATE INDEX rk_audit_entries_subject_id ON rk_audit_entries (subject_id, at);

-- The newest entry. Its row is changed in the transaction that adds the next one.
CREATE TABLE rk_audit_head (
    id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    day  TEXT NOT NULL,
    seq  INTEGER NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO rk_audit_head (id, day, seq, hash) VALUES (1, '', 0, '');

CREATE TRIGGER rk_audit_entries_not_changed BEFORE UPDATE ON rk_audit_entries
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER rk_audit_entries_not_deleted BEFORE DELETE ON rk_audit_entries
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
-- INSERT OR REPLACE removes a row without asking the triggers before DELETE.
CREATE TRIGGER rk_audit_entries_not_replaced BEFORE INSERT ON rk_audit_entries
    WHEN EXISTS (SELECT 1 FROM rk_audit_entries WHERE day = NEW.day AND seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER rk_audit_head_stays BEFORE DELETE ON rk_audit_head
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
-- The newest entry is followed by newer ones alone, or the end of the chain could be cut off unseen.
CREATE TRIGGER rk_audit_head_goes_on BEFORE UPDATE ON rk_audit_head
    WHEN NEW.day < OLD.day OR NEW.day = OLD.day AND NEW.seq <= OLD.seq
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER rk_audit_head_not_replaced BEFORE INSERT ON rk_audit_head
    WHEN EXISTS (SELECT 1 FROM rk_audit_head WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
