"""The front door whole: passkeys and trusted devices; hand-offs, and sessions that notice an expired password."""

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

-- Expired passwords. When a session is to be decided about again though no policy has changed: the instant at which the
-- password it was proven with expires. Sessions from before are asked once; NULL is never.
ALTER TABLE sessions ADD COLUMN decide_at BIGINT DEFAULT 0;

-- Hand-offs: from an app whose own attempt waits for something to the browser in which it is done (D26).
CREATE TABLE hand_offs (
    hash BYTEA PRIMARY KEY NOT NULL,
    purpose TEXT NOT NULL,
    attempt_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts,
    epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    opened_attempt_id TEXT
);
CREATE INDEX hand_offs_by_attempt ON hand_offs (attempt_id);
CREATE UNIQUE INDEX hand_offs_by_opened_attempt ON hand_offs (opened_attempt_id);
CREATE INDEX hand_offs_by_account ON hand_offs (account_id);
CREATE INDEX hand_offs_by_expiry ON hand_offs (expires_at);

-- Which key seals an authenticator app's secret: its name follows the version byte (docs/decisions/0023).
CREATE INDEX credentials_totp_by_key ON credentials (SUBSTR(secret, 2, 4), id) WHERE kind = 'totp';

-- The freeze that "This was not me" begins: second factors that were set up since then may be a thief's. Of a freeze
-- from before this was kept, 72 hours before its end.
ALTER TABLE accounts ADD COLUMN frozen_since BIGINT;
UPDATE accounts SET frozen_since = frozen_until - 259200000000 WHERE frozen_until IS NOT NULL;
"""


def upgrade() -> None:
    """From the release before."""
    for statement in list_statements(SCRIPT, op.get_context().dialect.name):
        op.execute(statement)
