"""Organizations: memberships, domains, invitations, policies; leases of jobs; the sealed trail."""

from alembic import op

from portico.database.migrations.statements import list_statements

revision = "0003"
down_revision = "0002"

SCRIPT = """
-- An organization: who may require something of its members. Its name is shown as who asks, so no two have the same.
CREATE TABLE organizations (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    features TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Who belongs to an organization, as what, and what they may do there.
CREATE TABLE memberships (
    organization_id TEXT NOT NULL REFERENCES organizations,
    account_id TEXT NOT NULL REFERENCES accounts,
    member_type TEXT NOT NULL,
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    version BIGINT NOT NULL,
    joined_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, account_id)
);
CREATE INDEX memberships_by_account ON memberships (account_id);
CREATE INDEX memberships_by_role ON memberships (organization_id, role, state);
CREATE INDEX memberships_by_type ON memberships (organization_id, member_type, state, account_id);

-- The account's active memberships in short, kept with them in one transaction: a session check needs no second query.
ALTER TABLE accounts ADD COLUMN memberships TEXT NOT NULL DEFAULT '';
-- The organization that created the account, if one did (D19).
ALTER TABLE accounts ADD COLUMN created_by TEXT;

-- Domains an organization says are its own; a verified one is nobody else's.
CREATE TABLE organization_domains (
    organization_id TEXT NOT NULL REFERENCES organizations,
    domain TEXT NOT NULL,
    challenge TEXT NOT NULL,
    claimed_at BIGINT NOT NULL,
    verified_at BIGINT,
    PRIMARY KEY (organization_id, domain)
);
CREATE UNIQUE INDEX organization_domains_verified ON organization_domains (domain) WHERE verified_at IS NOT NULL;

-- Invitations to join; only the hash of the newest link is kept, empty until the job has mailed it.
CREATE TABLE invitations (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL REFERENCES organizations,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL,
    member_type TEXT NOT NULL,
    role TEXT NOT NULL,
    language TEXT NOT NULL,
    token_hash BYTEA UNIQUE,
    invited_by TEXT,
    mails BIGINT NOT NULL,
    mailed_at BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    accepted_at BIGINT,
    accepted_by TEXT,
    revoked_at BIGINT,
    mail_id TEXT
);
CREATE INDEX invitations_by_organization ON invitations (organization_id, id);
CREATE INDEX invitations_by_expiry ON invitations (expires_at);
CREATE UNIQUE INDEX invitations_open ON invitations (organization_id, address_key)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX invitations_by_address ON invitations (address_key);

-- Which invitation an attempt accepts.
ALTER TABLE attempts ADD COLUMN invitation_id TEXT;

-- What an organization asks of one type of member: a row for each version, none is ever changed.
CREATE TABLE policies (
    organization_id TEXT NOT NULL REFERENCES organizations,
    member_type TEXT NOT NULL,
    number BIGINT NOT NULL,
    fields TEXT NOT NULL,
    rehearsal BIGINT NOT NULL,
    enforced_from BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    reason TEXT NOT NULL,
    forced_at BIGINT,
    PRIMARY KEY (organization_id, member_type, number)
);

-- Which server does the jobs that only one may do; the fence rises with every change of hands.
CREATE TABLE job_leases (
    name TEXT PRIMARY KEY NOT NULL,
    holder TEXT NOT NULL,
    fence BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Which organizations an event concerns.
ALTER TABLE audit_events ADD COLUMN organizations TEXT NOT NULL DEFAULT '[]';

-- The sealed trail (docs/operating/audit.md). Which versions of a person's name and address an event speaks of, as
-- salted digests, and whether the event stands in its chains yet.
ALTER TABLE audit_events ADD COLUMN subject_digest BYTEA;
ALTER TABLE audit_events ADD COLUMN actor_digest BYTEA;
ALTER TABLE audit_events ADD COLUMN sealed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX audit_events_unsealed ON audit_events (id) WHERE sealed = 0;

-- Under which salt and digest the trail knows the account's present name and address.
ALTER TABLE accounts ADD COLUMN audit_salt BYTEA;
ALTER TABLE accounts ADD COLUMN audit_digest BYTEA;

-- What people were called when something happened: a row for each version, all deleted when the account is erased.
CREATE TABLE audit_names (
    digest BYTEA PRIMARY KEY NOT NULL,
    subject_id TEXT NOT NULL,
    salt BYTEA NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    known_at BIGINT NOT NULL
);
CREATE INDEX audit_names_by_subject ON audit_names (subject_id);

-- The chains: one for each organization, and one (the empty id) for what concerns none. A link is never changed.
CREATE TABLE audit_links (
    organization_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (organization_id, number)
);
CREATE UNIQUE INDEX audit_links_by_event ON audit_links (organization_id, event_id);

-- The last link of each chain, kept apart so that links cut off at the end are missed.
CREATE TABLE audit_heads (
    organization_id TEXT PRIMARY KEY NOT NULL,
    number BIGINT NOT NULL,
    hash BYTEA NOT NULL
);

-- Why somebody's admins did something to their account: free words, so beside the trail, and erased with the account.
CREATE TABLE audit_reasons (
    event_id TEXT PRIMARY KEY NOT NULL,
    subject_id TEXT NOT NULL,
    organization_id TEXT,
    reason TEXT NOT NULL
);
CREATE INDEX audit_reasons_by_subject ON audit_reasons (subject_id);

-- The passwords an account has had before, oldest first by number, while somebody asks that they are not used again.
-- Imported ones are kept until kept_until even where nobody asks yet.
CREATE TABLE password_history (
    account_id TEXT NOT NULL REFERENCES accounts,
    number BIGINT NOT NULL,
    secret BYTEA NOT NULL,
    set_at BIGINT NOT NULL,
    kept_until BIGINT,
    PRIMARY KEY (account_id, number)
);

-- Passwords by when they were set, so that those about to expire are found without looking at the others.
CREATE INDEX credentials_by_age ON credentials (changed_at, account_id) WHERE kind = 'password';

-- The ledger of reminders: one row for an account, a password (by when it was set) and a day count (D11).
CREATE TABLE password_reminders (
    id TEXT PRIMARY KEY NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts,
    password_set_at BIGINT NOT NULL,
    days BIGINT NOT NULL,
    state TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    organizations TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    mail_id TEXT
);
CREATE UNIQUE INDEX password_reminders_once ON password_reminders (account_id, password_set_at, days);
CREATE INDEX password_reminders_by_expiry ON password_reminders (expires_at);
CREATE INDEX password_reminders_by_mail ON password_reminders (mail_id);

-- Who was shown at sign-in that their password expires soon, and said "later".
CREATE TABLE password_put_offs (
    account_id TEXT PRIMARY KEY NOT NULL REFERENCES accounts,
    put_off_at BIGINT NOT NULL
);

-- Authenticator apps and recovery codes. The last step of time of which a code was accepted: each is good once.
ALTER TABLE credentials ADD COLUMN used_step BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX credentials_one_totp ON credentials (account_id) WHERE kind = 'totp';
CREATE UNIQUE INDEX credentials_one_recovery_code ON credentials (account_id) WHERE kind = 'recovery_code';
-- What a person is shown and has not confirmed yet, sealed: the secret of an authenticator app, a recovery code.
ALTER TABLE attempts ADD COLUMN pending BYTEA;
"""


def upgrade() -> None:
    """From the release before."""
    for statement in list_statements(SCRIPT, op.get_context().dialect.name):
        op.execute(statement)
