"""A sample or more of every page, shared by the template tests and by ``tools/preview.py``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

import portico
from portico.factors.passkeys.model import StoredPasskey, Trust, TrustedDevice
from portico.factors.password_rules import PasswordPolicy
from portico.factors.proof import ProofKind
from portico.kernel.brand import Brand
from portico.kernel.messages import Catalogues, Message, message
from portico.my_account.authenticator.service import Afterwards, OwnAuthenticator
from portico.my_account.organizations import Ask, InTheEnd, OwnOrganization, member_words
from portico.organizations.folding import AskedBy, fold
from portico.organizations.model import (
    Feature,
    Membership,
    MembershipState,
    MemberType,
    Organization,
    OrganizationState,
    Role,
)
from portico.organizations.policies.standing import Asker
from portico.organizations.policy import NOTHING_ASKED, EnrolmentProof, Mfa, Preset, SecondFactor, preset_fields
from portico.organizations.wording import list_asks, list_folded
from portico.reminders.model import Expiry
from portico.sessions.devices import device_words
from portico.signin.attempt import FactorChange
from portico.signin.password_criteria import AskedCriteria
from portico.signin.reset_help import help_steps
from portico.web.assets import Assets
from portico.web.language import offered_languages
from portico.web.qr import draw_qr
from portico.web.templates import Failure, Frame, ShownPerson, Templates

PACKAGE = Path(portico.__file__).parent
TEMPLATES, STATIC, LOCALE = PACKAGE / "templates", PACKAGE / "static", PACKAGE / "locale"

IDENTIFIER = "nora.north@north-clinic.example"
ATTEMPT = "0199d2f4-7a10-7c3e-9b1a-4f2d8e6c0a15"
AT = datetime(2026, 3, 9, 14, 5, tzinfo=UTC)
EARLIER = datetime(2026, 2, 27, 8, 40, tzinfo=UTC)
NORA = ShownPerson.named("Nora North", "nora.north")
PICTURED = ShownPerson.named("Nora North", "nora.north", "0" * 32)
ASKED = AskedCriteria(
    policy=PasswordPolicy(),
    length_asked_by=(Asker(organization="South Clinic"),),
    composition_asked_by=(Asker(organization="North Clinic", since=AT),),
)
ASKED_AGAIN = replace(ASKED, history=6, history_asked_by=("North Clinic",), history_kept=6)


@dataclass(frozen=True, slots=True)
class PageSample:
    """One page with the values a door would pass."""

    label: str
    template: str
    values: Mapping[str, object] = field(default_factory=dict)
    person: ShownPerson | None = None
    development: bool = False


@dataclass(frozen=True, slots=True)
class SampleSession:
    """A session as its owner's page lists it."""

    id: str
    device: Message
    opened_at: datetime
    last_seen_at: datetime
    is_current: bool


@dataclass(frozen=True, slots=True)
class SampleDevice:
    """A known device as its owner's page lists it."""

    id: str
    device: Message
    first_signed_in_at: datetime
    last_signed_in_at: datetime
    is_current: bool
    is_signed_in: bool
    is_trusted: bool = False


@dataclass(frozen=True, slots=True)
class SampleMethod:
    """A way to sign in as the overview lists it."""

    kind: str
    changed_at: datetime
    used_at: datetime | None
    through_mailbox: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class SampleEntry:
    """Something that happened, as the history lists it."""

    at: datetime
    said: Message
    device: Message | None


@dataclass(frozen=True, slots=True)
class SampleZone:
    """A time zone as the profile page offers it."""

    name: str
    label: str


@dataclass(frozen=True, slots=True)
class SampleRegion:
    """The time zones of one part of the world."""

    code: str
    zones: tuple[SampleZone, ...]


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """Somebody made up, with what it takes to sign in."""

    name: str
    identifier: str
    password: str
    about: Message
    code: str = ""
    recovery_code: str = ""


@dataclass(frozen=True, slots=True)
class SampleMail:
    """A mail as the development mailbox shows it."""

    address: str
    subject: str
    sender: str
    recipient: str
    sent_at: datetime
    text: str
    html_address: str


@dataclass(frozen=True, slots=True)
class SampleField:
    """One field of a request or a response."""

    name: str
    type: str
    is_required: bool
    summary: str


@dataclass(frozen=True, slots=True)
class SampleError:
    """One way in which an operation can fail."""

    status: int
    code: str
    summary: str


@dataclass(frozen=True, slots=True)
class SampleOperation:
    """One operation of the API."""

    id: str
    method: str
    path: str
    summary: str
    callers: str
    status: int
    request: tuple[SampleField, ...] = ()
    response: tuple[SampleField, ...] = ()
    errors: tuple[SampleError, ...] = ()


MAIL = SampleMail(
    address="/dev/mailbox/1",
    subject="Reset your Portico password",
    sender="Portico <no-reply@localhost>",
    recipient=IDENTIFIER,
    sent_at=AT,
    text="Your Portico ID is: nora.north\n\nIf you would like to change your password, you may do so at the following"
    " page:\nhttp://localhost:8000/account/passwordreset/c2FtcGxlLXRva2VuLW5vdC1hLXJlYWwtb25l\n\nThe link is active for"
    " 24 hours.\n",
    html_address="/dev/mailbox/1/html",
)

OPERATIONS = (
    SampleOperation(
        id="begin",
        method="POST",
        path="/api/v1/attempts",
        summary="Begin an attempt to sign in.",
        callers="anyone",
        status=201,
        request=(
            SampleField(
                "identifier",
                "string",
                is_required=True,
                summary="A mail address or a Portico ID, at most 320 characters.",
            ),
            SampleField(
                "persistent", "boolean", is_required=False, summary="Whether the session outlives the application."
            ),
        ),
        response=(
            SampleField(
                "ticket",
                "string",
                is_required=True,
                summary="The secret that answers must carry. Keep it in memory only.",
            ),
            SampleField("step", "Step", is_required=True, summary="What is asked next."),
        ),
        errors=(
            SampleError(400, "bad_input", "The request cannot be understood; nothing was changed."),
            SampleError(429, "throttled", "Too many tries; nothing was hashed or compared."),
        ),
    ),
    SampleOperation(
        id="end-session",
        method="DELETE",
        path="/api/v1/sessions/{session_id}",
        summary="End one of your sessions.",
        callers="whoever is signed in",
        status=204,
        errors=(SampleError(404, "not_found", "There is nothing here, or nothing for this caller."),),
    ),
)

PEOPLE = (
    SamplePerson("Nora North", IDENTIFIER, "Correct-Horse-1", message("development.about.plain"), "204816", "A1B2" * 6),
    SamplePerson("Peter Pause", "peter@north-clinic.example", "Correct-Horse-2", message("development.about.disabled")),
    SamplePerson("Mia Miller", "mia.miller", "", message("development.about.no_password")),
)

SESSIONS = (
    SampleSession("s1", device_words("Firefox, Linux"), EARLIER, AT, is_current=True),
    SampleSession("s2", device_words("Safari, iPhone"), EARLIER, EARLIER, is_current=False),
    SampleSession("s3", device_words(""), EARLIER, EARLIER, is_current=False),
)
DEVICES = (
    SampleDevice(
        "d1", device_words("Firefox, Linux"), EARLIER, AT, is_current=True, is_signed_in=True, is_trusted=True
    ),
    SampleDevice("d2", device_words("Safari, iPhone"), EARLIER, EARLIER, is_current=False, is_signed_in=True),
    SampleDevice("d3", device_words("Tablet"), EARLIER, EARLIER, is_current=False, is_signed_in=False),
)
METHODS = (
    SampleMethod("password", EARLIER, AT, through_mailbox=True),
    SampleMethod("passkey", AT, None, through_mailbox=False, name="<b>Key</b>"),
)
ENTRIES = (
    SampleEntry(AT, message("history.signed_in"), device_words("Firefox, Linux")),
    SampleEntry(EARLIER, message("history.password_changed"), None),
)
REGIONS = (
    SampleRegion("america", (SampleZone("America/Argentina/Salta", "Argentina, Salta"),)),
    SampleRegion("europe", (SampleZone("Europe/Berlin", "Berlin"), SampleZone("Europe/Paris", "Paris"))),
)

_GET = (
    '{"challenge":"hA0SsfFb-Wd2u4cBTLyBkWlMrHkNzZcNRJ2bV5Yc5Ek","timeout":300000,"rpId":"localhost",'
    '"allowCredentials":[],"userVerification":"required"}'
)
_CREATE_PASSKEY = '{"challenge":"x7Kd","rp":{"id":"localhost","name":"Portico"},"user":{"id":"eA"}}'
_PROOF: Mapping[str, object] = {
    "attempt_id": ATTEMPT,
    "version": 2,
    "identifier": IDENTIFIER,
    "persistent": True,
    "passkey": _GET,
    "failure": None,
}
_NEW_PASSWORD: Mapping[str, object] = {"identifier": IDENTIFIER, "asked": ASKED, "failure": None}
_UNMET = message("password.unmet", criteria="length digit symbol")
_TOO_LONG = message("password.unmet", criteria="too_long")
_DIFFERENT = message("password.repeat_differs")
_REUSED = Message("password.reused.by_one", {"count": 6, "organizations": "North Clinic"})
_CHANGE = {
    **_NEW_PASSWORD,
    "asked": ASKED_AGAIN,
    "attempt_id": ATTEMPT,
    "version": 3,
    "why": message("signin.change_password.why.forced"),
}
_BOTH = "Harbour Practice, North Clinic"
_EXPIRED = Message("signin.change_password.why.expired.by", {"count": 60, "organizations": _BOTH})
_ANNOUNCED: Mapping[str, object] = {
    "attempt_id": ATTEMPT,
    "version": 2,
    "what": Message("signin.announced.change_password", {"organizations": "North Clinic"}),
    "kind": "change_password",
    "enforced_from": AT,
}
_ANNOUNCED_ENROL = Message("signin.announced.enrol", {"organizations": "North Clinic"})
_REMINDER: Mapping[str, object] = {
    "attempt_id": ATTEMPT,
    "version": 2,
    "days": 10,
    "expires_at": AT,
    "why": Message("signin.reminder.why", {"count": 60, "organizations": "North Clinic"}),
}
_EXPIRY = Expiry(
    set_at=EARLIER,
    expires_at=AT,
    max_age_days=10,
    organizations=("Harbour Practice", "North Clinic"),
)
_RENEW: Mapping[str, object] = {"return_to": "/account", "enforced_from": None, "is_unsent": False}
_WRONG_CODE = message("email_code.wrong", count=4)
_VERIFY: Mapping[str, object] = {
    "attempt_id": ATTEMPT,
    "version": 1,
    "address": IDENTIFIER,
    "why": "sign_up",
    "asked_by": "",
    "wait_seconds": 0,
    "notice": None,
    "failure": None,
}
_CLOCK = message("totp.clock_behind", count=4)
_KEY = "H43SC3SMKFTC4YLLG5XWQV2LJNTVUTJZ"
_STEP: Mapping[str, object] = {"attempt_id": ATTEMPT, "version": 3, "failure": None}
_ENROL: Mapping[str, object] = {
    **_STEP,
    "view": "",
    "qr": draw_qr(f"otpauth://totp/Portico:{IDENTIFIER}?secret={_KEY}&issuer=Portico"),
    "asked_by": "North Clinic",
    "has_passkey": True,
}
_MANUAL: Mapping[str, object] = {
    **_STEP,
    "view": "manual",
    "key": _KEY,
    "groups": [_KEY[start : start + 4] for start in range(0, 32, 4)],
    "asked_by": "",
    "has_passkey": False,
}
_ENROL_PASSKEY: Mapping[str, object] = {
    **_STEP,
    "view": "passkey",
    "passkey": _CREATE_PASSKEY,
    "has_app": True,
    "asked_by": "North Clinic",
}
_GATE: Mapping[str, object] = {**_STEP, "code": "WUVDS24HFGEXBKPVRDPVC8TD", "why": "first"}
_PROVE: Mapping[str, object] = {
    **_STEP,
    "view": "totp",
    "has_others": True,
    "no_mail": False,
    "asked_by": "North Clinic",
}
_PROVE_PASSKEY: Mapping[str, object] = {**_PROVE, "view": "passkey", "passkey": _GET}
_PROVE_MAIL: Mapping[str, object] = {
    **_PROVE,
    "view": "email_code",
    "mailbox": "nora*****@north****",
    "is_mailed": True,
    "wait_seconds": 0,
    "notice": None,
}
_OTHERS: Mapping[str, object] = {
    **_STEP,
    "kinds": ["passkey", "totp", "email_code", "recovery_code"],
    "is_mailed": False,
    "mailbox": "nora*****@north****",
    "no_mail": False,
}
_TRUST: Mapping[str, object] = {**_STEP, "passkey": _CREATE_PASSKEY}
_PASSKEY_FAILED = Failure(message("passkey.failed"))
_REGISTERED: Mapping[str, object] = {**_STEP, "name": "Safari on Nora's iPhone", "name_max": 64}
_CREATE: Mapping[str, object] = {
    **_NEW_PASSWORD,
    "attempt_id": ATTEMPT,
    "version": 2,
    "terms_url": None,
    "privacy_url": "",
    "first_name": "",
    "last_name": "",
    "accepts_terms": False,
    "persistent": True,
}
_OVERVIEW: Mapping[str, object] = {
    "first_name": "Nora",
    "last_name": "North",
    "address": IDENTIFIER,
    "handle": "nora.north",
    "delete_at": None,
    "may_change_handle": True,
    "language": "",
    "time_zone": "",
    "expiry": _EXPIRY,
    "methods": METHODS,
    "sessions": 3,
    "failure": None,
    "notice": None,
}
_PROFILE: Mapping[str, object] = {
    "first_name": "Nora",
    "last_name": "North",
    "language": "",
    "languages": ("en", "de"),
    "time_zone": "",
    "regions": REGIONS,
    "version": 1,
    "picture_max": 5_000_000,
    "notice": None,
    "failure": None,
}
_HANDLE: Mapping[str, object] = {
    "present": "nora.north",
    "identifier": IDENTIFIER,
    "handle": "",
    "refusal": None,
    "failure": None,
}
_CLASSIC, _STRICT = (preset_fields(preset, mfa=Mfa.OPTIONAL) for preset in (Preset.CLASSIC, Preset.STRICT))
_STRICTER = replace(_STRICT, allowed_factors=(SecondFactor.TOTP,), enrolment_proof=EnrolmentProof.PASSWORD)
_ASKED = {
    name: AskedBy(organization=name, fields=fields, since=AT, asked_at=EARLIER)
    for name, fields in {
        "North Clinic": _CLASSIC,
        "Harbour Practice": replace(_STRICT, force_change=True, trusted_device=False),
    }.items()
}


def _own(name: str, state: MembershipState = MembershipState.ACTIVE) -> OwnOrganization:
    """An organization as its member sees it."""
    return OwnOrganization(
        organization=Organization(
            id=ATTEMPT,
            name=name,
            name_key=name.casefold(),
            state=OrganizationState.ACTIVE,
            features=frozenset(Feature),
            version=1,
            created_at=EARLIER,
        ),
        membership=Membership(
            organization_id=ATTEMPT,
            account_id=ATTEMPT,
            member_type=MemberType.PROVIDER if state is MembershipState.ACTIVE else MemberType.PATIENT,
            role=Role.ADMIN,
            state=state,
            version=1,
            joined_at=EARLIER,
            changed_at=EARLIER,
        ),
        asks=Ask(sentences=list_asks(_ASKED[name].fields), since=AT) if name in _ASKED else None,
        announced=Ask(sentences=list_asks(_STRICTER)[2:5], since=AT) if name in _ASKED else None,
        dropped=Ask(sentences=list_asks(_STRICTER)[:2], since=AT) if name in _ASKED else None,
    )


_OWN = [_own("North Clinic"), _own("Harbour Practice"), _own("South Practice", MembershipState.SUSPENDED)]
_ORGANIZATIONS: Mapping[str, object] = {
    "organizations": [(own, member_words(own.membership)) for own in _OWN],
    "in_the_end": [
        InTheEnd(sentence=sentence, organizations=names)
        for sentence, names in list_folded(fold(_ASKED.values(), NOTHING_ASKED))
    ],
    "expiry": _EXPIRY,
    "notice": None,
    "failure": None,
}
_HISTORY: Mapping[str, object] = {
    "entries": ENTRIES,
    "older": "/account/history?before=0199d2f4-7a10-7c3e-9b1a-4f2d8e6c0a15",
    "newest": None,
    "has_zone": False,
}


def _failed(field: str, code: str) -> Failure:
    said = message(code)
    return Failure(said, {field: said})


def _refused(reason: str, **params: str | int) -> Mapping[str, object]:
    return {
        "reason": message(f"signin.refused.{reason}", **params),
        "next": message(f"signin.refused.{reason}.next", **params),
    }


SIGN_IN = (
    PageSample(
        "identify", "signin/identify.html", {"form": "sealed", "identifier": "", "passkey": _GET, "failure": None}
    ),
    PageSample(
        "identify-development",
        "signin/identify.html",
        {"form": "sealed", "identifier": "", "passkey": _GET, "failure": None},
        development=True,
    ),
    PageSample(
        "identify-failed",
        "signin/identify.html",
        {
            "form": "sealed",
            "identifier": "",
            "passkey": _GET,
            "failure": _failed("identifier", "signin.identifier.missing"),
        },
    ),
    PageSample("password", "signin/prove_password.html", _PROOF),
    PageSample("password-only", "signin/prove_password.html", {**_PROOF, "passkey": ""}),
    PageSample(
        "identify-passkey-failed",
        "signin/identify.html",
        {"form": "sealed", "identifier": "", "passkey": _GET, "failure": Failure(message("passkey.unknown"))},
    ),
    PageSample(
        "password-failed",
        "signin/prove_password.html",
        {**_PROOF, "persistent": False, "failure": _failed("password", "signin.password.wrong")},
    ),
    PageSample("change-password", "signin/change_password.html", _CHANGE),
    PageSample(
        "change-password-failed",
        "signin/change_password.html",
        {**_CHANGE, "failure": Failure(_TOO_LONG, {"new_password": _TOO_LONG})},
    ),
    PageSample(
        "change-password-reused",
        "signin/change_password.html",
        {**_CHANGE, "why": _EXPIRED, "failure": Failure(_REUSED, {"new_password": _REUSED})},
    ),
    PageSample("change-password-by", "signin/change_password.html", {**_CHANGE, "why": _EXPIRED}),
    PageSample("announced", "signin/announced.html", _ANNOUNCED),
    PageSample("go-on", "signin/go_on.html", {"attempt_id": _ANNOUNCED["attempt_id"], "version": 3}),
    PageSample("announced-enrol", "signin/announced.html", {**_ANNOUNCED, "what": _ANNOUNCED_ENROL, "kind": "enrol"}),
    PageSample("reminder", "signin/reminder.html", _REMINDER),
    PageSample("reminder-last-day", "signin/reminder.html", {**_REMINDER, "days": 1}),
    PageSample(
        "renew",
        "signin/renew.html",
        {"return_to": "/account", "why": _EXPIRED, "kind": "", "enforced_from": None, "is_unsent": True},
    ),
    PageSample(
        "renew-announced",
        "signin/renew.html",
        {
            "return_to": "",
            "why": _ANNOUNCED["what"],
            "kind": "change_password",
            "enforced_from": AT,
            "is_unsent": False,
        },
    ),
    PageSample("refused-over", "signin/refused.html", _refused("attempt_over")),
    PageSample("refused-tries", "signin/refused.html", _refused("too_many_tries", count=3)),
    PageSample("refused-tries-one", "signin/refused.html", _refused("too_many_tries", count=1)),
    PageSample("refused-disabled", "signin/refused.html", _refused("disabled")),
    PageSample("refused-closed", "signin/refused.html", {**_refused("closed"), "next": None}),
    PageSample("already", "signin/already.html", {"name": "Nora North", "continue_to": "/account"}),
    PageSample("signed-out", "signin/signed_out.html"),
    PageSample("refused-elsewhere", "signin/refused.html", _refused("continued_elsewhere")),
)

SIGN_UP = (
    PageSample("sign-up", "signin/sign_up.html", {"form": "sealed", "address": "", "failure": None}),
    PageSample(
        "sign-up-failed",
        "signin/sign_up.html",
        {"form": "sealed", "address": "nora@", "failure": _failed("address", "signup.address.impossible")},
    ),
    PageSample("verify-email", "signin/verify_email.html", _VERIFY),
    PageSample(
        "verify-email-failed",
        "signin/verify_email.html",
        {**_VERIFY, "failure": Failure(_WRONG_CODE, {"code": _WRONG_CODE})},
    ),
    PageSample(
        "verify-email-again",
        "signin/verify_email.html",
        {**_VERIFY, "wait_seconds": 30, "notice": message("verify_email.resent")},
    ),
    PageSample("create-account", "signin/create_account.html", _CREATE),
    PageSample(
        "create-account-terms",
        "signin/create_account.html",
        {
            **_CREATE,
            "first_name": "Nora",
            "terms_url": "https://north-clinic.example/terms",
            "privacy_url": "https://north-clinic.example/privacy",
            "failure": _failed("accepts_terms", "signup.terms_missing"),
        },
    ),
    PageSample(
        "create-account-taken",
        "signin/create_account.html",
        {**_CREATE, "failure": Failure(message("signup.address_taken"), {})},
    ),
    PageSample("sign-up-link", "signin/sign_up_link.html", {"address": IDENTIFIER}),
    PageSample(
        "sign-up-link-used",
        "signin/sign_up_link_gone.html",
        {"why": message("reset.link.used"), "next": message("signup.link_gone.used")},
    ),
)

_INVITED: Mapping[str, object] = {
    "next_move": "create_account",
    "organization": "North Clinic",
    "inviter": "Ada Berg",
    "member_type": message("invitation.as.provider"),
    "role": None,
    "address": "nora*****@north****",
    "name": "",
    "expires_at": AT,
    "identifier": "",
    "failure": None,
}
_ORGANIZATION = {"organization": "North Clinic"}


def _over(state: str) -> Mapping[str, object]:
    code = f"invitation.gone.{state}"
    return {
        "why": Message(code, _ORGANIZATION),
        "next": Message(f"{code}.next", _ORGANIZATION),
        "is_accepted": state == "accepted",
    }


INVITATIONS = (
    PageSample("invitation", "invitation/show.html", _INVITED),
    PageSample(
        "invitation-sign-in",
        "invitation/show.html",
        {
            **_INVITED,
            "next_move": "sign_in",
            "inviter": "",
            "role": Message("invitation.role.admin", _ORGANIZATION),
            "identifier": "nora",
        },
    ),
    PageSample(
        "invitation-sign-in-failed",
        "invitation/show.html",
        {**_INVITED, "next_move": "sign_in", "failure": _failed("identifier", "signin.identifier.missing")},
    ),
    PageSample(
        "invitation-confirm",
        "invitation/show.html",
        {**_INVITED, "next_move": "confirm", "address": IDENTIFIER, "name": "Nora North"},
    ),
    PageSample(
        "invitation-somebody-else",
        "invitation/show.html",
        {**_INVITED, "next_move": "sign_out", "name": "Tom Okafor"},
    ),
    PageSample(
        "invitation-joined",
        "invitation/joined.html",
        {"heading": Message("invitation.joined", _ORGANIZATION), "lead": message("invitation.joined.lead")},
    ),
    PageSample(
        "invitation-member-already",
        "invitation/joined.html",
        {
            "heading": Message("invitation.member_already", _ORGANIZATION),
            "lead": message("invitation.member_already.lead"),
        },
    ),
    *(
        PageSample(f"invitation-{state}", "invitation/gone.html", _over(state))
        for state in ("accepted", "expired", "revoked", "paused", "invalid")
    ),
    PageSample("refused-invited-another", "signin/refused.html", _refused("invited_another", **_ORGANIZATION)),
    PageSample("refused-already-member", "signin/refused.html", _refused("already_member", **_ORGANIZATION)),
    PageSample("refused-invitation-over", "signin/refused.html", _refused("invitation_over")),
)

RESET = (
    PageSample("reset-request", "reset/request.html", {"identifier": "", "failure": None}),
    PageSample(
        "reset-request-failed",
        "reset/request.html",
        {"identifier": "", "failure": _failed("identifier", "signin.identifier.missing")},
    ),
    PageSample("reset-sent", "reset/sent.html", {"identifier": IDENTIFIER}),
    PageSample("reset-no-mail", "reset/no_mail.html", {"steps": help_steps(support_address="help@example.org")}),
    PageSample(
        "reset-no-mail-providers",
        "reset/no_mail.html",
        {"steps": help_steps(support_address="help@example.org", providers=("Google", "Apple"))},
    ),
    PageSample("reset-choose", "reset/choose.html", _NEW_PASSWORD),
    PageSample(
        "reset-choose-failed",
        "reset/choose.html",
        {**_NEW_PASSWORD, "failure": Failure(_UNMET, {"new_password": _UNMET, "repeat_password": _DIFFERENT})},
    ),
    PageSample("reset-done", "reset/done.html"),
    PageSample("link-expired", "reset/link_gone.html", {"why": message("reset.link.expired")}),
    PageSample("link-used", "reset/link_gone.html", {"why": message("reset.link.used")}),
    PageSample("link-invalid", "reset/link_gone.html", {"why": message("reset.link.invalid")}),
)

_UPDATE: Mapping[str, object] = {**_CHANGE, "why": _EXPIRED, "asks_present": True}
_PRESENT_WRONG = message("my_account.password.current_wrong")

HAND_OFF = (
    PageSample("hand-off", "hand_off/show.html", {"name": NORA.name, "address": IDENTIFIER, "other": ""}),
    PageSample("hand-off-other", "hand_off/show.html", {"name": NORA.name, "address": IDENTIFIER, "other": "Tom Berg"}),
    PageSample("hand-off-update", "hand_off/update.html", _UPDATE),
    PageSample(
        "hand-off-update-failed",
        "hand_off/update.html",
        {**_UPDATE, "failure": Failure(_PRESENT_WRONG, {"password": _PRESENT_WRONG})},
    ),
    PageSample(
        "hand-off-update-reused",
        "hand_off/update.html",
        {**_UPDATE, "asks_present": False, "failure": Failure(_REUSED, {"new_password": _REUSED})},
    ),
    PageSample("hand-off-done", "hand_off/done.html", {"app_goes_on": True}),
    PageSample("hand-off-done-over", "hand_off/done.html", {"app_goes_on": False}),
    *(
        PageSample(
            f"hand-off-{state}",
            "hand_off/gone.html",
            {"why": message(f"hand_off.gone.{state}"), "next": message(f"hand_off.gone.{state}.next")},
        )
        for state in ("used", "expired", "over", "invalid")
    ),
)

MY_ACCOUNT = (
    PageSample("account", "my_account/overview.html", _OVERVIEW, NORA),
    PageSample(
        "account-saved",
        "my_account/overview.html",
        {
            **_OVERVIEW,
            "first_name": "",
            "last_name": "",
            "may_change_handle": False,
            "language": "de",
            "time_zone": "America/New York",
            "methods": (),
            "sessions": 1,
            "notice": message("my_account.profile.saved"),
        },
        PICTURED,
    ),
    PageSample("account-profile", "my_account/profile.html", _PROFILE, PICTURED),
    PageSample(
        "account-profile-failed",
        "my_account/profile.html",
        {
            **_PROFILE,
            "first_name": "",
            "last_name": "",
            "language": "de",
            "time_zone": "Europe/Berlin",
            "failure": _failed("first_name", "my_account.name.missing"),
        },
        NORA,
    ),
    PageSample(
        "account-picture-failed",
        "my_account/profile.html",
        {**_PROFILE, "failure": _failed("picture", "my_account.picture.unreadable")},
        NORA,
    ),
    PageSample("account-handle", "my_account/handle.html", _HANDLE, NORA),
    PageSample(
        "account-handle-failed",
        "my_account/handle.html",
        {**_HANDLE, "handle": "tom", "failure": _failed("handle", "my_account.handle.taken")},
        NORA,
    ),
    PageSample(
        "account-handle-barred",
        "my_account/handle.html",
        {**_HANDLE, "refusal": message("my_account.handle.frozen", count=71)},
        NORA,
    ),
    PageSample("account-history", "my_account/history.html", _HISTORY, NORA),
    PageSample(
        "account-history-end",
        "my_account/history.html",
        {**_HISTORY, "entries": (), "older": None, "newest": "/account/history", "has_zone": True},
        NORA,
    ),
    PageSample("account-organizations", "my_account/organizations.html", _ORGANIZATIONS, NORA),
    PageSample(
        "account-organizations-none",
        "my_account/organizations.html",
        {**_ORGANIZATIONS, "organizations": [], "in_the_end": []},
        NORA,
    ),
    PageSample(
        "account-leave-organization",
        "my_account/leave_organization.html",
        {"organization": _OWN[0].organization, "path": "/account/organizations"},
        NORA,
    ),
    PageSample("account-export", "my_account/export.html", {"identifier": IDENTIFIER, "failure": None}, NORA),
    PageSample(
        "account-export-failed",
        "my_account/export.html",
        {"identifier": IDENTIFIER, "failure": _failed("current_password", "my_account.password.current_wrong")},
        NORA,
    ),
    PageSample("account-password", "my_account/password.html", _NEW_PASSWORD, NORA),
    PageSample(
        "account-password-failed",
        "my_account/password.html",
        {**_NEW_PASSWORD, "failure": _failed("current_password", "my_account.password.current_wrong")},
        NORA,
    ),
    PageSample(
        "sessions",
        "my_account/sessions.html",
        {"sessions": SESSIONS, "devices": DEVICES, "notice": None, "failure": None},
        NORA,
    ),
    PageSample(
        "sessions-one",
        "my_account/sessions.html",
        {
            "sessions": SESSIONS[:1],
            "devices": (),
            "notice": message("my_account.sessions.others_ended", count=2),
            "failure": None,
        },
        NORA,
    ),
)

_ADDRESS: Mapping[str, object] = {
    "address": IDENTIFIER,
    "new_address": "",
    "frozen_until": None,
    "notice": None,
    "failure": None,
}
_CODES: Mapping[str, object] = {
    "old_address": IDENTIFIER,
    "new_address": "nora@harbour.example",
    "asks_old": True,
    "asks_new": True,
    "notice": None,
    "failure": None,
}
_OLD_WRONG = message("my_account.address.code.old_wrong")
_DELETE: Mapping[str, object] = {"identifier": IDENTIFIER, "delete_at": None, "notice": None, "failure": None}

SAFETY = (
    PageSample("account-leaving", "my_account/overview.html", {**_OVERVIEW, "delete_at": AT}, NORA),
    PageSample("address", "my_account/address.html", _ADDRESS, NORA),
    PageSample(
        "address-failed",
        "my_account/address.html",
        {**_ADDRESS, "new_address": "nora@", "failure": _failed("new_address", "my_account.address.impossible")},
        NORA,
    ),
    PageSample("address-frozen", "my_account/address.html", {**_ADDRESS, "frozen_until": AT}, NORA),
    PageSample("address-codes", "my_account/address_codes.html", _CODES, NORA),
    PageSample(
        "address-codes-failed",
        "my_account/address_codes.html",
        {
            **_CODES,
            "failure": Failure(
                _OLD_WRONG, {"old_code": _OLD_WRONG, "new_code": message("my_account.address.code.new_wrong")}
            ),
        },
        NORA,
    ),
    PageSample(
        "address-codes-one",
        "my_account/address_codes.html",
        {**_CODES, "asks_old": False, "notice": message("my_account.address.code.right")},
        NORA,
    ),
    PageSample("address-lost", "my_account/address_lost.html", _ADDRESS, NORA),
    PageSample("address-lost-frozen", "my_account/address_lost.html", {**_ADDRESS, "frozen_until": AT}, NORA),
    PageSample("address-lost-help", "my_account/address_lost_help.html", {"notice": None}, NORA),
    PageSample(
        "address-waiting",
        "my_account/address_waiting.html",
        {"new_address": "nora@harbour.example", "effective_at": AT, "notice": None},
        NORA,
    ),
    PageSample("delete", "my_account/delete.html", _DELETE, NORA),
    PageSample(
        "delete-failed",
        "my_account/delete.html",
        {**_DELETE, "failure": _failed("current_password", "my_account.password.current_wrong")},
        NORA,
    ),
    PageSample(
        "delete-asked",
        "my_account/delete.html",
        {**_DELETE, "delete_at": AT, "notice": message("my_account.delete.asked")},
        NORA,
    ),
    PageSample("not-me", "security/not_me.html", {"what": message("security.event.new_device"), "restores": None}),
    PageSample(
        "not-me-restores",
        "security/not_me.html",
        {"what": message("security.event.address_changed"), "restores": IDENTIFIER},
    ),
    PageSample("not-me-done", "security/done.html", {"restored": message("security.done.restored.yes")}),
    PageSample("not-me-done-later", "security/done.html", {"restored": None}),
    PageSample("not-me-expired", "security/link_gone.html", {"why": message("security.link.expired")}),
    PageSample("not-me-used", "security/link_gone.html", {"why": message("security.link.used")}),
    PageSample("not-me-invalid", "security/link_gone.html", {"why": message("security.link.invalid")}),
)

OTHERS = (
    PageSample(
        "error",
        "error.html",
        {
            "status": 404,
            "message": message("error.not_found"),
            "next": message("error.not_found.next"),
            "request_id": "q8Zr1m0fXk2B",
        },
    ),
    PageSample(
        "error-throttled",
        "error.html",
        {
            "status": 429,
            "message": message("error.throttled", seconds=40),
            "next": message("error.throttled.next", seconds=40),
            "request_id": "q8Zr1m0fXk2B",
        },
        NORA,
    ),
    PageSample("help", "help.html"),
    PageSample(
        "development",
        "development/index.html",
        {
            "people": PEOPLE,
            "now": AT,
            "mailbox": "/dev/mailbox",
            "reset": "POST /reset-mfa",
            "reset_command": "reset-mfa",
        },
        development=True,
    ),
    PageSample("mailbox", "development/mailbox.html", {"mails": (MAIL, MAIL)}, development=True),
    PageSample("mailbox-empty", "development/mailbox.html", {"mails": ()}, development=True),
    PageSample("mail", "development/mail.html", {"mail": MAIL, "mailbox": "/dev/mailbox"}, development=True),
    PageSample("reference", "api/reference.html", {"operations": OPERATIONS, "openapi": "/api/openapi.json"}),
)

SECOND_FACTOR = (
    PageSample(
        "verify-email-enrol",
        "signin/verify_email.html",
        {**_VERIFY, "address": "nora*****@north****", "why": "enrol", "asked_by": "North Clinic"},
    ),
    PageSample(
        "verify-email-enrol-own",
        "signin/verify_email.html",
        {**_VERIFY, "address": "nora*****@north****", "why": "enrol", "wait_seconds": 30},
    ),
    PageSample("enrol", "signin/enrol_totp.html", _ENROL),
    PageSample(
        "enrol-failed",
        "signin/enrol_totp.html",
        {**_ENROL, "asked_by": "", "failure": _failed("code", "totp.wrong")},
    ),
    PageSample("enrol-manual", "signin/enrol_manual.html", _MANUAL),
    PageSample(
        "enrol-manual-failed",
        "signin/enrol_manual.html",
        {**_MANUAL, "asked_by": "North Clinic", "failure": _failed("code", "totp.wrong")},
    ),
    PageSample("enrol-passkey", "signin/enrol_passkey.html", _ENROL_PASSKEY),
    PageSample(
        "enrol-passkey-only-failed",
        "signin/enrol_passkey.html",
        {**_ENROL_PASSKEY, "has_app": False, "asked_by": "", "failure": Failure(message("passkey.not_verified"))},
    ),
    PageSample("recovery-code", "signin/save_recovery_code.html", _GATE),
    PageSample(
        "recovery-code-failed",
        "signin/save_recovery_code.html",
        {**_GATE, "failure": _failed("confirmed", "recovery_code.not_confirmed")},
    ),
    PageSample("recovery-code-spent", "signin/save_recovery_code.html", {**_GATE, "why": "spent"}),
    PageSample("recovery-code-asked", "signin/save_recovery_code.html", {**_GATE, "why": "asked"}),
    PageSample("prove-totp", "signin/prove_totp.html", _PROVE),
    PageSample(
        "prove-totp-failed",
        "signin/prove_totp.html",
        {
            **_PROVE,
            "has_others": False,
            "asked_by": None,
            "failure": Failure(_CLOCK, {"code": _CLOCK}),
        },
    ),
    PageSample("prove-recovery-code", "signin/prove_recovery_code.html", {**_PROVE, "view": "recovery_code"}),
    PageSample(
        "prove-recovery-code-failed",
        "signin/prove_recovery_code.html",
        {
            **_PROVE,
            "view": "recovery_code",
            "has_others": False,
            "asked_by": None,
            "failure": _failed("code", "recovery_code.wrong"),
        },
    ),
    PageSample("prove-passkey", "signin/prove_passkey.html", _PROVE_PASSKEY),
    PageSample(
        "prove-passkey-failed",
        "signin/prove_passkey.html",
        {**_PROVE_PASSKEY, "has_others": False, "no_mail": True, "asked_by": None, "failure": _PASSKEY_FAILED},
    ),
    PageSample("prove-email-code", "signin/prove_email_code.html", _PROVE_MAIL),
    PageSample(
        "prove-email-code-failed",
        "signin/prove_email_code.html",
        {**_PROVE_MAIL, "asked_by": None, "failure": Failure(_WRONG_CODE, {"code": _WRONG_CODE})},
    ),
    PageSample(
        "prove-email-code-again",
        "signin/prove_email_code.html",
        {**_PROVE_MAIL, "wait_seconds": 30, "notice": message("verify_email.resent")},
    ),
    PageSample("prove-email-code-unsent", "signin/prove_email_code.html", {**_PROVE_MAIL, "is_mailed": False}),
    PageSample("other-methods", "signin/other_methods.html", _OTHERS),
    PageSample("other-methods-mailed", "signin/other_methods.html", {**_OTHERS, "is_mailed": True}),
    PageSample(
        "other-methods-no-mail",
        "signin/other_methods.html",
        {**_OTHERS, "kinds": ["totp", "recovery_code"], "mailbox": None, "no_mail": True},
    ),
    PageSample("trust-device", "signin/trust_device.html", _TRUST),
    PageSample("trust-device-failed", "signin/trust_device.html", {**_TRUST, "failure": _PASSKEY_FAILED}),
    PageSample("device-registered", "signin/device_registered.html", _REGISTERED),
)

_PASSKEY_LAPTOP = StoredPasskey(
    id="01900000-0000-7000-8000-000000000001",
    account_id="",
    credential_id=b"",
    public_key=b"",
    sign_count=0,
    backup_eligible=True,
    backed_up=True,
    user_handle=b"",
    name="Nora's device (Firefox on Linux)",
    created_at=EARLIER,
    used_at=AT,
)
_PASSKEY_STICK = replace(
    _PASSKEY_LAPTOP, id="01900000-0000-7000-8000-000000000002", name="<b>Key</b>", backed_up=False, used_at=None
)
_METHODS = (ProofKind.PASSKEY, ProofKind.TOTP, ProofKind.EMAIL_CODE)
_OWN_APP = OwnAuthenticator(
    added_at=EARLIER,
    used_at=AT,
    recovery_code_at=EARLIER,
    passkeys=(_PASSKEY_LAPTOP, _PASSKEY_STICK),
    may_add=False,
    usable=_METHODS,
    preferred=ProofKind.EMAIL_CODE,
    here=TrustedDevice(answer=Trust.TRUSTED, passkey_id=_PASSKEY_LAPTOP.id),
)
_ONLY_APP = OwnAuthenticator(
    added_at=EARLIER, may_add=False, may_add_passkey=False, here=TrustedDevice(answer=Trust.NEVER)
)
_ONLY_KEY = OwnAuthenticator(passkeys=(_PASSKEY_STICK,), here=TrustedDevice(answer=Trust.LATER, ask_again_at=AT))
_FROZEN = message("my_account.authenticator.frozen")
_AUTHENTICATOR: Mapping[str, object] = {"own": _OWN_APP, "refusal": None, "notice": None, "failure": None}
_APP_CHANGE: Mapping[str, object] = {"identifier": IDENTIFIER, "failure": None, "passkey": "", "afterwards": None}
_AFTERWARDS: Mapping[str, Afterwards] = {
    "asked": Afterwards(asked_by=("North Clinic", "Harbour Practice"), is_last=True),
    "asked-others": Afterwards(asked_by=("North Clinic",), is_last=False),
    "none": Afterwards(asked_by=(), is_last=True),
    "others": Afterwards(asked_by=(), is_last=False),
}
_NAMED: Mapping[str, object] = {
    "place": f"/account/authenticator/passkeys/{_PASSKEY_LAPTOP.id}",
    "passkey": _PASSKEY_LAPTOP,
    "values": {"name": _PASSKEY_LAPTOP.name},
    "name_max": 64,
    "identifier": IDENTIFIER,
    "failure": None,
}
_DEFAULT: Mapping[str, object] = {
    "place": "/account/authenticator/default",
    "methods": ["automatic", *(kind.value for kind in _METHODS)],
    "chosen": "automatic",
    "identifier": IDENTIFIER,
    "failure": None,
}


def _authenticator(name: str, own: OwnAuthenticator, **values: object) -> PageSample:
    return PageSample(name, "my_account/authenticator.html", {**_AUTHENTICATOR, "own": own, **values}, NORA)


AUTHENTICATOR = (
    _authenticator("authenticator", _OWN_APP),
    _authenticator("authenticator-unused", _ONLY_APP, notice=message("my_account.authenticator.remove_passkey.done")),
    _authenticator("authenticator-passkey", _ONLY_KEY),
    _authenticator("authenticator-none", OwnAuthenticator()),
    _authenticator("authenticator-not-offered", OwnAuthenticator(may_add=False, may_add_passkey=False)),
    _authenticator("authenticator-frozen", _OWN_APP, refusal=_FROZEN),
    _authenticator("authenticator-frozen-later", _ONLY_KEY, refusal=_FROZEN),
    _authenticator(
        "authenticator-frozen-none",
        OwnAuthenticator(),
        refusal=_FROZEN,
        failure=Failure(message("my_account.authenticator.none")),
    ),
    *(
        PageSample(
            f"authenticator-{change.value.replace('_', '-')}",
            "my_account/authenticator_change.html",
            {**_APP_CHANGE, "change": change.value, "place": f"/account/authenticator/{change.value}"},
            NORA,
        )
        for change in FactorChange
        if not change.value.startswith("remove")
    ),
    *(
        PageSample(
            f"authenticator-{change.replace('_', '-')}-{name}",
            "my_account/authenticator_change.html",
            {
                **_APP_CHANGE,
                "change": change,
                "place": f"/account/authenticator/{change}",
                "passkey": _PASSKEY_STICK.name,
                "afterwards": afterwards,
            },
            NORA,
        )
        for change in ("remove_totp", "remove_passkey")
        for name, afterwards in _AFTERWARDS.items()
    ),
    PageSample(
        "authenticator-change-failed",
        "my_account/authenticator_change.html",
        {
            **_APP_CHANGE,
            "change": "remove_totp",
            "place": "/account/authenticator/remove",
            "afterwards": _AFTERWARDS["none"],
            "failure": _failed("current_password", "my_account.password.current_wrong"),
        },
        NORA,
    ),
    PageSample("passkey", "my_account/passkey.html", _NAMED, NORA),
    PageSample(
        "passkey-failed",
        "my_account/passkey.html",
        {**_NAMED, "values": {"name": ""}, "failure": _failed("name", "my_account.authenticator.passkeys.no_name")},
        NORA,
    ),
    PageSample("authenticator-default", "my_account/authenticator_default.html", _DEFAULT, NORA),
    PageSample(
        "authenticator-default-failed",
        "my_account/authenticator_default.html",
        {**_DEFAULT, "failure": _failed("current_password", "my_account.password.current_wrong")},
        NORA,
    ),
)

PAGES = (
    *SIGN_IN,
    *SECOND_FACTOR,
    *AUTHENTICATOR,
    *SIGN_UP,
    *INVITATIONS,
    *RESET,
    *HAND_OFF,
    *MY_ACCOUNT,
    *SAFETY,
    *OTHERS,
)


def make_assets(brand: Brand | None = None, directory: Path = STATIC) -> Assets:
    """The static files as a deployment with this brand serves them."""
    return Assets(directory, brand or Brand())


def make_templates(brand: Brand | None = None, version: str = "0.1.0 (1)") -> Templates:
    """The templates of a deployment in development, which offers the pseudo-language."""
    brand = brand or Brand()
    return Templates(TEMPLATES, Catalogues(LOCALE), brand, make_assets(brand), version, allows_pseudo=True)


def render(templates: Templates, sample: PageSample, language: str) -> str:
    """One sample as a page in one language."""
    frame = Frame(
        language=language,
        languages=offered_languages(Catalogues(LOCALE).languages(), allows_pseudo=True),
        path="/signin",
        csrf="token",
        person=sample.person,
        development=sample.development,
    )
    return templates.render(sample.template, frame, **sample.values).decode()
