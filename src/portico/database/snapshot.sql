-- The schema as it stands at the newest revision, spelt as for PostgreSQL (migrations/statements.py says how SQLite
-- differs). Nothing runs this file: it is for reading, and a test compares it with what the migrations make.
--
-- Instants and spans are microseconds (instants UTC, since 1970), ids are UUIDv7, truth is 0 or 1, structured values
-- are JSON. Every column is NOT NULL unless the absence means something.

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
    created_at BIGINT NOT NULL,
    handle_changed_at BIGINT,
    time_zone TEXT NOT NULL DEFAULT '',
    picture TEXT NOT NULL DEFAULT '',
    terms TEXT NOT NULL DEFAULT '',
    terms_accepted_at BIGINT,
    frozen_until BIGINT,
    delete_at BIGINT,
    memberships TEXT NOT NULL DEFAULT '',
    created_by TEXT,
    audit_salt BYTEA,
    audit_digest BYTEA,
    frozen_since BIGINT
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
    used_at BIGINT,
    used_step BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX credentials_by_account ON credentials (account_id, kind);
-- Of two who give an account its first password at once, one does.
CREATE UNIQUE INDEX credentials_one_password ON credentials (account_id) WHERE kind = 'password';
CREATE UNIQUE INDEX credentials_one_totp ON credentials (account_id) WHERE kind = 'totp';
CREATE UNIQUE INDEX credentials_one_recovery_code ON credentials (account_id) WHERE kind = 'recovery_code';

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
    expires_at BIGINT NOT NULL,
    former_holder_hash BYTEA,
    invitation_id TEXT,
    pending BYTEA
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
    ended_at BIGINT,
    decide_at BIGINT DEFAULT 0
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
    requested_at BIGINT NOT NULL,
    subject_id TEXT
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
    last_error TEXT,
    bounced_at BIGINT,
    bounce TEXT
);
CREATE INDEX outbox_by_status ON outbox (status, next_try_at);

CREATE TABLE audit_events (
    id TEXT PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject_id TEXT,
    actor_id TEXT,
    session_id TEXT,
    details TEXT NOT NULL,
    organizations TEXT NOT NULL DEFAULT '[]',
    subject_digest BYTEA,
    actor_digest BYTEA,
    sealed BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX audit_events_by_subject ON audit_events (subject_id, at);
CREATE INDEX audit_events_unsealed ON audit_events (id) WHERE sealed = 0;

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

-- The sealed trail (docs/operating/audit.md).
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
