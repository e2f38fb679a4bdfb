-- Everything that changes who may do what, what is sold for how much, and under
-- which rules. Entries form one chain; seq restarts with each day.
CREATE TABLE rk_audit_entries (
    day          TEXT NOT NULL, -- UTC, such as 2026-01-31
    seq          BIGINT NOT NULL CHECK (seq > 0),
    at           TIMESTAMPTZ NOT NULL,
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

-- The newest entry. Its row is locked while the next one is added.
CREATE TABLE rk_audit_head (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    day  TEXT NOT NULL,
    seq  BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO rk_audit_head (id, day, seq, hash) VALUES (1, '', 0, '');

CREATE FUNCTION rk_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER rk_audit_entries_append_only BEFORE UPDATE OR DELETE ON rk_audit_entries
    FOR EACH ROW EXECUTE FUNCTION rk_audit_is_append_only();
CREATE TRIGGER rk_audit_entries_no_truncate BEFORE TRUNCATE ON rk_audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION rk_audit_is_append_only();
CREATE TRIGGER rk_audit_head_stays BEFORE DELETE ON rk_audit_head
    FOR EACH ROW EXECUTE FUNCTION rk_audit_is_append_only();
CREATE TRIGGER rk_audit_head_no_truncate BEFORE TRUNCATE ON rk_audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION rk_audit_is_append_only();
-- The newest entry is followed by newer ones alone, or the end of the chain could be cut off unseen.
CREATE TRIGGER rk_audit_head_goes_on BEFORE UPDATE ON rk_audit_head
    FOR EACH ROW WHEN (NEW.day < OLD.day OR NEW.day = OLD.day AND NEW.seq <= OLD.seq)
    EXECUTE FUNCTION rk_audit_is_append_only();
