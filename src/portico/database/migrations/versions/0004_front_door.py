"""The front door whole: what the way back from an expired password needs."""

from alembic import op

from portico.database.migrations.statements import list_statements

revision = "0004"
down_revision = "0003"

SCRIPT = """
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
"""


def upgrade() -> None:
    """From the release before."""
    for statement in list_statements(SCRIPT, op.get_context().dialect.name):
        op.execute(statement)
