CREATE TABLE rk_auth_users (
    id            TEXT PRIMARY KEY,
    username      TEXT NOT NULL,
    username_key  TEXT NOT NULL, -- lower case: two names that differ in case alone are one
    email         TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    role          TEXT NOT NULL,
    super         BOOLEAN NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    updated_at    TIMESTAMPTZ NOT NULL,
    locked_at     TIMESTAMPTZ, -- NULL: not locked
    deleted_at    TIMESTAMPTZ, -- NULL: there; a deleted account keeps its row, because orders name it
    factor_secret TEXT NOT NULL, -- of the second factor, encrypted; empty: none
    factor_on     BOOLEAN NOT NULL, -- a code has proved that the owner has it
    factor_step   BIGINT NOT NULL, -- of the last code, which works once
    codes_tried   INTEGER NOT NULL, -- since codes_since, and not right
    codes_since   TIMESTAMPTZ, -- NULL: never
    generation    BIGINT NOT NULL, -- grows with what ends all sessions: a session of another number is over
    role_by       TEXT NOT NULL, -- id of who gave the role; empty: nobody
    role_at       TIMESTAMPTZ, -- when; NULL: as the account was made
    CONSTRAINT rk_auth_users_username_key_key UNIQUE (username_key),
    CONSTRAINT rk_auth_users_role_known CHECK (
        role IN ('customer', 'support', 'warehouse', 'finance', 'admin', 'auditor')
    ),
    CONSTRAINT rk_auth_users_super_is_admin CHECK (NOT super OR role = 'admin'),
    CONSTRAINT rk_auth_users_super_is_there CHECK (NOT super OR locked_at IS NULL AND deleted_at IS NULL)
);

CREATE INDEX rk_auth_users_email ON rk_auth_users (LOWER(email));

CREATE TABLE rk_auth_sessions (
    token_hash TEXT PRIMARY KEY,
    user_id    TEXT REFERENCES rk_auth_users (id) ON DELETE CASCADE, -- NULL: nobody signed in
    generation BIGINT NOT NULL, -- of the user when the password was right
    data       BYTEA NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    seen_at    TIMESTAMPTZ NOT NULL
);
CREATE INDEX rk_auth_sessions_user_id ON rk_auth_sessions (user_id);
CREATE INDEX rk_auth_sessions_expires_at ON rk_auth_sessions (expires_at);
CREATE INDEX rk_auth_sessions_seen_at ON rk_auth_sessions (seen_at);

-- Requests to reset a password, as they were typed: a worker finds out whether
-- there is such an account, so that the answer takes the same time for all.
CREATE TABLE rk_auth_reset_requests (
    id         TEXT PRIMARY KEY,
    email      TEXT NOT NULL, -- lower case
    created_at TIMESTAMPTZ NOT NULL,
    next_at    TIMESTAMPTZ NOT NULL,
    attempts   INTEGER NOT NULL,
    done_at    TIMESTAMPTZ
);
CREATE INDEX rk_auth_reset_requests_email ON rk_auth_reset_requests (email, created_at);
CREATE INDEX rk_auth_reset_requests_next_at ON rk_auth_reset_requests (next_at) WHERE done_at IS NULL;

CREATE TABLE rk_auth_resets (
    token_hash TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL REFERENCES rk_auth_users (id) ON DELETE CASCADE,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at    TIMESTAMPTZ
);
CREATE INDEX rk_auth_resets_user_id ON rk_auth_resets (user_id);
CREATE INDEX rk_auth_resets_expires_at ON rk_auth_resets (expires_at);

-- Codes for who has lost the second factor, each for one sign-in.
CREATE TABLE rk_auth_recovery_codes (
    code_hash TEXT PRIMARY KEY,
    user_id   TEXT NOT NULL REFERENCES rk_auth_users (id) ON DELETE CASCADE
);
CREATE INDEX rk_auth_recovery_codes_user_id ON rk_auth_recovery_codes (user_id);
