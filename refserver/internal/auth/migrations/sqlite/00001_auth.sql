CREATE TABLE rk_auth_users (
    id            TEXT NOT NULL PRIMARY KEY,
    username      TEXT NOT NULL,
    username_key  TEXT NOT NULL, -- lower case: two names that differ in case alone are one
    email         TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    role          TEXT NOT NULL,
    super         BOOLEAN NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    UNIQUE (username_key),
    CONSTRAINT rk_auth_users_role_known CHECK (
        role IN ('customer', 'support', 'warehouse', 'finance', 'admin', 'auditor')
    ),
    CONSTRAINT rk_auth_users_super_is_admin CHECK (NOT super OR role = 'admin')
);

CREATE TABLE rk_auth_sessions (
    token_hash TEXT NOT NULL PRIMARY KEY,
    user_id    TEXT REFERENCES rk_auth_users (id) ON DELETE CASCADE, -- NULL: nobody signed in
    data       BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
);
CREATE INDEX rk_auth_sessions_user_id ON rk_auth_sessions (user_id);
CREATE INDEX rk_auth_sessions_expires_at ON rk_auth_sessions (expires_at);
CREATE INDEX rk_auth_sessions_seen_at ON rk_auth_sessions (seen_at);
