"""The front door whole: passkeys, trusted devices, the method somebody wants to be asked for first."""

from alembic import op

from portico.database.migrations.statements import list_statements

revision = "0004"
down_revision = "0003"

SCRIPT = """
-- Whom passkeys belong to, as authenticators know them: random, and telling nothing (Web Authentication 14.6.1).
CREATE TABLE passkey_holders (
    account_id TEXT PRIMARY KEY NOT NULL REFERENCES accounts,
    handle BYTEA NOT NULL UNIQUE
);

-- Passkeys. vouched_at: when another second factor was proven last beside it, or it was registered.
CREATE TABLE passkeys (
    id TEXT PRIMARY KEY NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts,
    credential_id BYTEA NOT NULL UNIQUE,
    public_key BYTEA NOT NULL,
    sign_count BIGINT NOT NULL,
    backup_eligible BIGINT NOT NULL,
    backed_up BIGINT NOT NULL,
    aaguid TEXT NOT NULL,
    transports TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    vouched_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX passkeys_by_account ON passkeys (account_id, created_at);

-- What somebody answered on a browser when asked whether to trust it, and the passkey that was registered there.
CREATE TABLE trusted_devices (
    account_id TEXT NOT NULL REFERENCES accounts,
    device_hash BYTEA NOT NULL,
    answer TEXT NOT NULL,
    passkey_id TEXT,
    ask_again_at BIGINT,
    answered_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, device_hash)
);

-- The second factor somebody wants to be asked for first.
CREATE TABLE preferred_factors (
    account_id TEXT PRIMARY KEY NOT NULL REFERENCES accounts,
    kind TEXT NOT NULL
);
"""


def upgrade() -> None:
    """From the release before."""
    for statement in list_statements(SCRIPT, op.get_context().dialect.name):
        op.execute(statement)
