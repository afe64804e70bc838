"""One sample or more of every message, for tests and for looking at letters."""

from datetime import UTC, datetime, timedelta

from portico.mail.model import (
    AccountExists,
    MailMessage,
    PasswordChanged,
    PasswordResetLink,
    SignUpCode,
    TestMessage,
)

_AT = datetime(2026, 3, 9, 14, 5, tzinfo=UTC)

SAMPLES: tuple[MailMessage, ...] = (
    PasswordResetLink(
        handle="nora.north",
        link_token="c2FtcGxlLXRva2VuLW5vdC1hLXJlYWwtb25lLTAxMjM",
        expires_at=_AT + timedelta(days=1),
    ),
    PasswordChanged(handle="nora.north", at=_AT, how="reset"),
    PasswordChanged(handle="nora.north", at=_AT, how="change"),
    SignUpCode(
        code="204816",
        link_token="c2FtcGxlLXRva2VuLW5vdC1hLXJlYWwtb25lLTAxMjM",
        code_minutes=10,
        expires_at=_AT + timedelta(days=1),
    ),
    AccountExists(handle="nora.north"),
    TestMessage(),
)
