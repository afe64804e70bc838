"""The door stands: accounts, credentials, attempts, sessions and devices, throttle, outbox and audit."""

from alembic import op

from portico.database.migrations.statements import list_statements

revision = "0001"
down_revision = None

SCRIPT = """
-- What this deployment remembers about itself: one row per name.
CREATE TABLE deployment (
    name TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

CREATE TABLE accounts (
    id TEXT PRIMARY KEY NOT NULL,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL UNIQUE,
    handle TEXT NOT NULL,
    handle_key TEXT NOT NULL UNIQUE,
    normaliser BIGINT NOT NULL,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    language TEXT NOT NULL,
    state TEXT NOT NULL,
    is_operator BIGINT NOT NULL,
    address_confirmed_at BIGINT,
    epoch BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- What a person proves with: the kind says which factor reads the secret and the properties.
CREATE TABLE credentials (
    id TEXT PRIMARY KEY NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts,
    kind TEXT NOT NULL,
    secret BYTEA NOT NULL,
    properties TEXT NOT NULL,
    version BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX credentials_by_account ON credentials (account_id, kind);
-- Of two who give an account its first password at once, one does.
CREATE UNIQUE INDEX credentials_one_password ON credentials (account_id) WHERE kind = 'password';

-- One row per try to sign in, step up, renew, reset or accept; never part of a session.
CREATE TABLE attempts (
    id TEXT PRIMARY KEY NOT NULL,
    purpose TEXT NOT NULL,
    client_kind TEXT NOT NULL,
    holder_hash BYTEA NOT NULL,
    device_hash BYTEA,
    identifier TEXT NOT NULL,
    account_id TEXT,
    epoch BIGINT,
    proofs TEXT NOT NULL,
    marks TEXT NOT NULL,
    demands TEXT NOT NULL,
    return_to TEXT NOT NULL,
    persistent BIGINT NOT NULL,
    failure TEXT,
    session_id TEXT,
    state TEXT NOT NULL,
    version BIGINT NOT NULL,
    language TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX attempts_by_expiry ON attempts (expires_at);

-- Single-use things that have no row of their own: whoever inserts the hash first has used it up.
CREATE TABLE spent (
    hash BYTEA PRIMARY KEY NOT NULL,
    leads_to TEXT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX spent_by_expiry ON spent (expires_at);

CREATE TABLE devices (
    id TEXT PRIMARY KEY NOT NULL,
    secret_hash BYTEA NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL
);

-- Who has signed in on which device.
CREATE TABLE device_accounts (
    device_id TEXT NOT NULL REFERENCES devices,
    account_id TEXT NOT NULL REFERENCES accounts,
    epoch BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    first_signed_in_at BIGINT NOT NULL,
    last_signed_in_at BIGINT NOT NULL,
    PRIMARY KEY (device_id, account_id)
);
CREATE INDEX device_accounts_by_account ON device_accounts (account_id);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts,
    device_id TEXT NOT NULL REFERENCES devices,
    client_kind TEXT NOT NULL,
    token_hash BYTEA UNIQUE,
    proofs TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    persistent BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    idle_span BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX sessions_by_account ON sessions (account_id, ended_at);

CREATE TABLE access_tokens (
    hash BYTEA PRIMARY KEY NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions,
    expires_at BIGINT NOT NULL
);
CREATE INDEX access_tokens_by_expiry ON access_tokens (expires_at);
CREATE INDEX access_tokens_by_session ON access_tokens (session_id);

CREATE TABLE refresh_tokens (
    hash BYTEA PRIMARY KEY NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

-- Rates: when the bucket under a key will have room for everything again.
CREATE TABLE throttle (
    key BYTEA PRIMARY KEY NOT NULL,
    full_at BIGINT NOT NULL,
    failures BIGINT NOT NULL
);
CREATE INDEX throttle_by_full ON throttle (full_at);

CREATE TABLE throttle_networks (
    network BYTEA NOT NULL,
    identifier BYTEA NOT NULL,
    failed_at BIGINT,
    succeeded_at BIGINT,
    PRIMARY KEY (network, identifier)
);

-- Mail somebody asked for by typing an identifier; who it belongs to, if anyone, is found out later.
CREATE TABLE mail_requests (
    id TEXT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    identifier_key TEXT NOT NULL,
    language TEXT NOT NULL,
    requested_at BIGINT NOT NULL
);

CREATE TABLE reset_links (
    hash BYTEA PRIMARY KEY NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts,
    epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    spent_at BIGINT
);
CREATE INDEX reset_links_by_account ON reset_links (account_id);

-- Mail to be sent: kind and parameters, never a rendered body; what opens something is sealed.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    language TEXT NOT NULL,
    params TEXT NOT NULL,
    sealed BYTEA,
    account_id TEXT,
    created_at BIGINT NOT NULL,
    useless_at BIGINT,
    status TEXT NOT NULL,
    tries BIGINT NOT NULL,
    next_try_at BIGINT NOT NULL,
    settled_at BIGINT,
    last_error TEXT
);
CREATE INDEX outbox_by_status ON outbox (status, next_try_at);

CREATE TABLE audit_events (
    id TEXT PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject_id TEXT,
    actor_id TEXT,
    session_id TEXT,
    details TEXT NOT NULL
);
CREATE INDEX audit_events_by_subject ON audit_events (subject_id, at);
"""


def upgrade() -> None:
    """From nothing."""
    for statement in list_statements(SCRIPT, op.get_context().dialect.name):
        op.execute(statement)
