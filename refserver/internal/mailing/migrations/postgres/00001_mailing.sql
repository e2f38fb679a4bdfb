-- Mails to send. The address is that of the account when a mail is sent, unless one is given.
CREATE TABLE rk_mails (
    id          TEXT        NOT NULL PRIMARY KEY,
    key         TEXT        NOT NULL, -- what it is about: a mail is sent once for it
    user_id     TEXT        NOT NULL,
    address     TEXT        NOT NULL, -- empty: that of the account
    kind        TEXT        NOT NULL,
    content     JSONB       NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL, -- retries end two days later
    next_at     TIMESTAMPTZ NOT NULL,
    attempts    INTEGER     NOT NULL,
    lease_until TIMESTAMPTZ,
    lease_token TEXT        NOT NULL,
    last_error  TEXT        NOT NULL,
    sent_at     TIMESTAMPTZ,
    dead_at     TIMESTAMPTZ, -- given up
    CONSTRAINT rk_mails_key_key UNIQUE (key)
);
CREATE INDEX rk_mails_due ON rk_mails (next_at) WHERE sent_at IS NULL AND dead_at IS NULL;
CREATE INDEX rk_mails_dead ON rk_mails (created_at) WHERE dead_at IS NOT NULL;
CREATE INDEX rk_mails_newest ON rk_mails (created_at, id);

-- Accounts that want no mail but what security needs.
CREATE TABLE rk_mail_refusals (
    user_id TEXT        NOT NULL PRIMARY KEY,
    at      TIMESTAMPTZ NOT NULL
);
