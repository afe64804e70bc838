"""One sample or more of every message, for tests and for looking at letters."""

from datetime import UTC, datetime, timedelta
from typing import Any

from portico.mail.model import (
    AccountExists,
    AddressChangeAsked,
    AddressChanged,
    AddressChangeWaiting,
    AddressTaken,
    AdminActed,
    DeletionAsked,
    DeletionTakenBack,
    EnrolmentCode,
    MailMessage,
    NewAddressCode,
    NewDevice,
    NotMeDone,
    OrganizationInvitation,
    PasswordChanged,
    PasswordExpiring,
    PasswordResetLink,
    SecondFactorChanged,
    SignInCode,
    SignUpCode,
    TestMessage,
)

_AT = datetime(2026, 3, 9, 14, 5, tzinfo=UTC)
_OLD, _NEW = "nora@north-clinic.example", "nora.north@harbour.example"
_SEEN: dict[str, Any] = {
    "handle": "nora.north",
    "at": _AT,
    "device": "Firefox, Linux",
    "not_me_token": "bm90LW1lLXRva2VuLW5vdC1hLXJlYWwtb25lLTAxMjM",
    "not_me_until": _AT + timedelta(days=7),
}

SAMPLES: tuple[MailMessage, ...] = (
    PasswordResetLink(
        handle="nora.north",
        link_token="c2FtcGxlLXRva2VuLW5vdC1hLXJlYWwtb25lLTAxMjM",
        expires_at=_AT + timedelta(days=1),
    ),
    PasswordChanged(handle="nora.north", at=_AT, how="reset"),
    PasswordChanged(handle="nora.north", at=_AT, how="change"),
    NewDevice(**_SEEN),
    NewDevice(**{**_SEEN, "device": "", "time_zone": "Europe/Berlin"}),
    PasswordChanged(**_SEEN, how="change"),
    AddressChangeAsked(**_SEEN, new_address=_NEW, code="204816", code_until=_AT + timedelta(minutes=10)),
    *(
        SecondFactorChanged(**_SEEN, what=what)
        for what in (
            "totp_added",
            "totp_removed",
            "passkey_added",
            "passkey_removed",
            "recovery_code_new",
            "recovery_code_used",
        )
    ),
    EnrolmentCode(**_SEEN, code="204816", code_until=_AT + timedelta(minutes=10)),
    SignInCode(**_SEEN, code="204816", code_until=_AT + timedelta(minutes=10)),
    NewAddressCode(code="204816", code_until=_AT + timedelta(minutes=10)),
    AddressTaken(handle="nora.north", at=_AT),
    AddressChangeWaiting(**_SEEN, new_address=_NEW, effective_at=_AT + timedelta(days=7)),
    AddressChangeWaiting(**_SEEN, new_address=_NEW, effective_at=_AT + timedelta(days=1), is_reminder=True),
    AddressChanged(**_SEEN, old_address=_OLD, new_address=_NEW, to="old"),
    AddressChanged(**_SEEN, old_address=_OLD, new_address=_NEW, to="new"),
    DeletionAsked(**_SEEN, delete_at=_AT + timedelta(days=14)),
    DeletionTakenBack(**_SEEN),
    NotMeDone(handle="nora.north", at=_AT, frozen_until=_AT + timedelta(hours=72)),
    NotMeDone(handle="nora.north", at=_AT, frozen_until=_AT + timedelta(hours=72), restored="yes"),
    NotMeDone(handle="nora.north", at=_AT, frozen_until=_AT + timedelta(hours=72), restored="taken"),
    AdminActed(handle="nora.north", at=_AT, action="reset_link", organization="North Clinic"),
    AdminActed(handle="nora.north", at=_AT, action="force_change", organization="North Clinic"),
    AdminActed(handle="nora.north", at=_AT, action="end_sessions", organization="North Clinic"),
    AdminActed(handle="nora.north", at=_AT, action="suspend", organization="North Clinic"),
    AdminActed(handle="nora.north", at=_AT, action="resume", time_zone="Europe/Berlin"),
    AdminActed(handle="nora.north", at=_AT, action="lift_freeze"),
    AdminActed(handle="nora.north", at=_AT, action="reset_mfa"),
    SignUpCode(
        code="204816",
        link_token="c2FtcGxlLXRva2VuLW5vdC1hLXJlYWwtb25lLTAxMjM",
        code_minutes=10,
        expires_at=_AT + timedelta(days=1),
    ),
    AccountExists(handle="nora.north"),
    OrganizationInvitation(
        organization="North Clinic",
        inviter="Ada Berg",
        member_type="provider",
        role="member",
        link_token="c2FtcGxlLXRva2VuLW5vdC1hLXJlYWwtb25lLTAxMjM",
        expires_at=_AT + timedelta(days=14),
    ),
    OrganizationInvitation(
        organization="North Clinic",
        member_type="staff",
        role="admin",
        handle="nora.north",
        link_token="c2FtcGxlLXRva2VuLW5vdC1hLXJlYWwtb25lLTAxMjM",
        expires_at=_AT + timedelta(days=14),
        time_zone="Europe/Berlin",
    ),
    PasswordExpiring(
        handle="nora.north",
        days=10,
        expires_at=_AT + timedelta(days=10),
        max_age_days=60,
        organizations=("North Clinic",),
        time_zone="Europe/Berlin",
    ),
    PasswordExpiring(
        handle="nora.north",
        days=1,
        expires_at=_AT + timedelta(days=1),
        max_age_days=60,
        organizations=("Harbour Practice", "North Clinic"),
    ),
    TestMessage(),
)
