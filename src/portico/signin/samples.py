"""One sample or more of every step. Template tests, the JSON contract and the docs are all fed from here."""

from datetime import UTC, datetime

from portico.factors.proof import ProofKind
from portico.signin.facts import ChangeReason
from portico.signin.steps import (
    Announced,
    Announcement,
    ChangePassword,
    CreateAccount,
    DeviceRegistered,
    Enrol,
    Finished,
    Identify,
    Outcome,
    Prove,
    ProveReason,
    Refused,
    RefusedReason,
    RemindPassword,
    SaveReason,
    SaveRecoveryCode,
    Step,
    TrustDevice,
    VerifyEmail,
    VerifyReason,
)

SAMPLE_INSTANT = datetime(2026, 3, 9, 7, 30, tzinfo=UTC)

SAMPLES: tuple[Step, ...] = (
    Identify(),
    Prove(kinds=(ProofKind.PASSWORD,), why=ProveReason.FIRST),
    Prove(kinds=(ProofKind.PASSWORD, ProofKind.PASSKEY), why=ProveReason.FIRST),
    Prove(kinds=(ProofKind.MAILED_LINK,), why=ProveReason.FIRST),
    Prove(
        kinds=(ProofKind.TOTP, ProofKind.EMAIL_CODE),
        why=ProveReason.SECOND,
        organization="North Clinic",
        mailbox="nora*****@north****",
    ),
    Prove(
        kinds=(ProofKind.EMAIL_CODE, ProofKind.PASSKEY, ProofKind.RECOVERY_CODE),
        why=ProveReason.SECOND,
        mailbox="nora*****@north****",
        resend_at=SAMPLE_INSTANT,
    ),
    Prove(kinds=(ProofKind.PASSKEY, ProofKind.TOTP), why=ProveReason.SECOND, no_mail=True),
    Prove(kinds=(ProofKind.TOTP, ProofKind.RECOVERY_CODE), why=ProveReason.SECOND),
    Prove(kinds=(ProofKind.RECOVERY_CODE,), why=ProveReason.SECOND, organization="North Clinic"),
    Prove(kinds=(ProofKind.PASSWORD,), why=ProveReason.FRESH),
    VerifyEmail(address="nora@north-clinic.example", resend_at=SAMPLE_INSTANT),
    VerifyEmail(
        address="nora*****@north****",
        resend_at=SAMPLE_INSTANT,
        why=VerifyReason.ENROL,
        organizations=("North Clinic",),
    ),
    Enrol(kinds=(ProofKind.TOTP,), organizations=("Harbour Practice", "North Clinic")),
    Enrol(kinds=(ProofKind.TOTP,)),
    Enrol(kinds=(ProofKind.TOTP, ProofKind.PASSKEY)),
    Enrol(kinds=(ProofKind.PASSKEY,), organizations=("North Clinic",)),
    *(SaveRecoveryCode(why=why) for why in SaveReason),
    TrustDevice(),
    DeviceRegistered(name="Nora's device (Safari on iPhone)"),
    CreateAccount(address="nora@north-clinic.example"),
    CreateAccount(address="nora@north-clinic.example", terms_url="https://north-clinic.example/terms"),
    ChangePassword(why=ChangeReason.RESET),
    ChangePassword(why=ChangeReason.FORCED),
    ChangePassword(why=ChangeReason.WANTED),
    ChangePassword(why=ChangeReason.ASKED, organizations=("North Clinic",)),
    ChangePassword(why=ChangeReason.EXPIRES_SOON, organizations=("North Clinic",), days=60),
    ChangePassword(why=ChangeReason.EXPIRED, organizations=("Harbour Practice", "North Clinic"), days=60),
    *(Announced(what=what, organizations=("North Clinic",), enforced_from=SAMPLE_INSTANT) for what in Announcement),
    RemindPassword(days=10, expires_at=SAMPLE_INSTANT, organizations=("North Clinic",), every_days=60),
    RemindPassword(
        days=1, expires_at=SAMPLE_INSTANT, organizations=("Harbour Practice", "North Clinic"), every_days=60
    ),
    *(Finished(outcome=outcome) for outcome in Outcome),
    *(Refused(reason=reason) for reason in RefusedReason if reason is not RefusedReason.TOO_MANY_TRIES),
    Refused(reason=RefusedReason.TOO_MANY_TRIES, until=SAMPLE_INSTANT),
)
