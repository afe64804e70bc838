"""Accounts, whole: sign-up, profile, pictures, address changes, security links, deletion and import."""

from alembic import op

from portico.database.migrations.statements import list_statements

revision = "0002"
down_revision = "0001"

SCRIPT = """
ALTER TABLE accounts ADD COLUMN handle_changed_at BIGINT;
ALTER TABLE accounts ADD COLUMN time_zone TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN picture TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN terms TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN terms_accepted_at BIGINT;
ALTER TABLE accounts ADD COLUMN frozen_until BIGINT;
ALTER TABLE accounts ADD COLUMN delete_at BIGINT;
CREATE INDEX accounts_by_deletion ON accounts (delete_at) WHERE delete_at IS NOT NULL;

-- Portico IDs that were given up, as hashes: none is ever given to somebody else.
CREATE TABLE retired_handles (
    hash BYTEA PRIMARY KEY NOT NULL,
    retired_at BIGINT NOT NULL
);

-- Profile pictures, as we encoded them anew; the account names the one it has by its digest.
CREATE TABLE pictures (
    account_id TEXT PRIMARY KEY NOT NULL REFERENCES accounts,
    digest TEXT NOT NULL,
    image BYTEA NOT NULL,
    changed_at BIGINT NOT NULL
);

-- Who held an attempt before a mailed link was opened in another browser.
ALTER TABLE attempts ADD COLUMN former_holder_hash BYTEA;

-- What a request for mail is about, where it is about more than an identifier.
ALTER TABLE mail_requests ADD COLUMN subject_id TEXT;

-- The newest code and link mailed for an attempt; both are empty until the job has mailed them.
CREATE TABLE mailed_codes (
    attempt_id TEXT PRIMARY KEY NOT NULL,
    code_mac BYTEA,
    link_hash BYTEA UNIQUE,
    tries_left BIGINT NOT NULL,
    requested_at BIGINT NOT NULL,
    code_expires_at BIGINT NOT NULL,
    link_expires_at BIGINT NOT NULL,
    spent_at BIGINT
);
CREATE INDEX mailed_codes_by_expiry ON mailed_codes (link_expires_at);

-- A change of address on its way: confirmed at both addresses, or proven otherwise and waiting.
CREATE TABLE address_changes (
    id TEXT PRIMARY KEY NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts,
    epoch BIGINT NOT NULL,
    state TEXT NOT NULL,
    old_address TEXT NOT NULL,
    new_address TEXT NOT NULL,
    new_address_key TEXT NOT NULL,
    old_code_mac BYTEA,
    new_code_mac BYTEA,
    old_confirmed_at BIGINT,
    new_confirmed_at BIGINT,
    tries_left BIGINT NOT NULL,
    without_mailbox BIGINT NOT NULL,
    device TEXT NOT NULL,
    effective_at BIGINT,
    requested_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    settled_at BIGINT
);
CREATE INDEX address_changes_by_account ON address_changes (account_id, state);
CREATE INDEX address_changes_by_state ON address_changes (state, effective_at);

-- The "This was not me" links of security mails; restores names the address such a link brings back.
CREATE TABLE security_links (
    hash BYTEA PRIMARY KEY NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts,
    event TEXT NOT NULL,
    restores TEXT,
    restores_key TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    spent_at BIGINT
);
CREATE INDEX security_links_by_account ON security_links (account_id);
CREATE INDEX security_links_by_expiry ON security_links (expires_at);

-- What the mail server said of a mail after it had taken it.
ALTER TABLE outbox ADD COLUMN bounced_at BIGINT;
ALTER TABLE outbox ADD COLUMN bounce TEXT;
CREATE INDEX outbox_by_account ON outbox (account_id);
CREATE INDEX outbox_by_recipient ON outbox (recipient);

-- How far an import of people has come, so that it can be resumed.
CREATE TABLE imports (
    digest TEXT PRIMARY KEY NOT NULL,
    bytes_done BIGINT NOT NULL,
    lines_done BIGINT NOT NULL,
    added BIGINT NOT NULL,
    present BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    finished_at BIGINT
);

CREATE INDEX sessions_by_device ON sessions (device_id);
"""


def upgrade() -> None:
    """From the release before."""
    for statement in list_statements(SCRIPT, op.get_context().dialect.name):
        op.execute(statement)
