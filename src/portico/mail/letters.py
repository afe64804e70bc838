"""Letters: what a message says, as blocks of words in one language.

Pure: a message, a brand and the catalogues in, a :class:`Letter` out. How a block looks as text and as HTML is the
business of ``templates/emails`` alone, so both hold the same sentences and the same links.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import assert_never

from portico.kernel.brand import Brand
from portico.kernel.messages import DEFAULT_LANGUAGE, PSEUDO, Catalogues, Message
from portico.kernel.normalise import one_line
from portico.kernel.zones import zone_of
from portico.mail.blocks import Block, Button, Contact, Identifier, Letter, Link, Paragraph, SmallPrint
from portico.mail.model import (
    AccountExists,
    AddressChangeAsked,
    AddressChanged,
    AddressChangeWaiting,
    AddressTaken,
    AdminActed,
    DeletionAsked,
    EnrolmentCode,
    MailMessage,
    NewAddressCode,
    NotMeDone,
    OrganizationInvitation,
    PasswordChanged,
    PasswordExpiring,
    PasswordResetLink,
    SecondFactorChanged,
    SecurityNotice,
    SignInCode,
    SignUpCode,
    TestMessage,
)

RESET_PATH = "/account/passwordreset"
"""Where a reset is asked for; a link adds ``/<token>`` (S27)."""
NOT_ME_PATH = "/account/not-me"
"""Where one says "This was not me"; a link adds ``/<token>`` (D22)."""
ACCOUNT_PATH = "/account"
PASSWORD_PATH = "/account/password"
"""Where one changes one's password, signed in."""
SIGN_UP_LINK_PATH = "/signup/link"
"""Where a sign-up goes on by its mailed link, which adds ``/<token>``."""
INVITATION_PATH = "/invitation"
"""Where an invitation is looked at and accepted; a link adds ``/<token>``."""
SIGN_IN_PATH = "/signin"
HELP_PATH = "/help"
"""The built-in help page, for a brand without one of its own."""


def compose(
    message: MailMessage,
    language: str,
    brand: Brand,
    base_url: str,
    catalogues: Catalogues,
    now: datetime | None = None,
) -> Letter:
    """The letter for a message, written ``now``. ``base_url`` comes from the settings, never from a request."""
    is_known = language == PSEUDO or language in catalogues.languages()
    time_zone = getattr(message, "time_zone", "")
    voice = _Voice(language if is_known else DEFAULT_LANGUAGE, brand, base_url.rstrip("/"), catalogues, time_zone)
    subject, blocks = _body(message, voice)
    values = {"count": _days_left(message, now)} if isinstance(message, PasswordExpiring) else None
    return Letter(voice.language, voice.say(subject, values), blocks, _footer(voice))


@dataclass(frozen=True, slots=True)
class _Voice:
    """Speaks one language for one brand."""

    language: str
    brand: Brand
    base_url: str
    catalogues: Catalogues
    time_zone: str = ""

    def say(self, code: str, values: Mapping[str, str | int] | None = None) -> str:
        """A sentence on one line; the brand's name is always at hand."""
        params = {"brand": self.brand.name, **(values or {})}
        return one_line(self.catalogues.text(Message(code, params), self.language))

    def instant(self, at: datetime) -> str:
        """An instant to the minute, as the reader's clocks show it, with the name of their time zone."""
        zone = zone_of(self.time_zone)
        local = at.astimezone(zone)
        parts = ("year", "%Y"), ("month", "%m"), ("day", "%d"), ("time", "%H:%M")
        name = "UTC" if zone is UTC else f"({self.time_zone})"
        return self.say("mail.instant", {"zone": name, **{part: local.strftime(form) for part, form in parts}})

    def device(self, name: str) -> str:
        """A coarse device: "Firefox on Linux"."""
        browser, comma, system = name.partition(", ")
        if comma:
            return self.say("mail.device.on", {"browser": browser, "system": system})
        return self.say("mail.device.named", {"name": name}) if name else self.say("mail.device.unknown")

    def paragraph(self, code: str, values: Mapping[str, str | int] | None = None) -> Paragraph:
        return Paragraph(self.say(code, values))

    def identifier(self, handle: str) -> Identifier:
        return Identifier(self.say("mail.identifier"), one_line(handle))

    def button(self, code: str, path: str) -> Button:
        return Button(self.say(code), f"{self.base_url}{path}")


def _body(message: MailMessage, voice: _Voice) -> tuple[str, tuple[Block, ...]]:  # noqa: PLR0911 - one for each kind
    """The code of the subject, and the blocks."""
    match message:
        case PasswordResetLink():
            return "mail.reset_link.subject", _reset_link(message, voice)
        case SecurityNotice() | NewAddressCode() | AddressTaken() | NotMeDone():
            name = str(message.__struct_config__.tag)
            return f"mail.{name}.subject", _about_the_account(message, voice, name)
        case AdminActed():
            return f"mail.admin_acted.{message.action}.subject", _admin_acted(message, voice)
        case SignUpCode():
            return "mail.sign_up.subject", _sign_up(message, voice)
        case AccountExists():
            return "mail.account_exists.subject", _account_exists(message, voice)
        case OrganizationInvitation():
            return "mail.invitation.subject", _invitation(message, voice)
        case PasswordExpiring():
            return "mail.password_expiring.subject", _password_expiring(message, voice)
        case TestMessage():
            return "mail.test.subject", (
                voice.paragraph("mail.test.works"),
                voice.button("mail.test.button", "/"),
            )
        case _:
            assert_never(message)


def _reset_link(message: PasswordResetLink, voice: _Voice) -> tuple[Block, ...]:
    """S26, in its order. A link that lives less than an hour tells its end alone."""
    hours = message.active_hours
    active = (voice.paragraph("mail.reset_link.active", {"count": hours}),) if hours > 0 else ()
    return (
        voice.identifier(message.handle),
        voice.paragraph("mail.reset_link.invitation"),
        voice.button("mail.reset_link.button", f"{RESET_PATH}/{message.link_token}"),
        *active,
        SmallPrint(voice.say("mail.reset_link.until", {"instant": voice.instant(message.expires_at)})),
        SmallPrint(voice.say("mail.ignore")),
    )


def _about_the_account(
    message: SecurityNotice | NewAddressCode | AddressTaken | NotMeDone, voice: _Voice, name: str
) -> tuple[Block, ...]:
    match message:
        case PasswordChanged():
            return _password_changed(message, voice)
        case AddressChanged():
            return _address_changed(message, voice)
        case NewAddressCode():
            return _new_address_code(message, voice)
        case AddressTaken():
            return _address_taken(message, voice)
        case NotMeDone():
            return _not_me_done(message, voice)
        case _:
            return _security_notice(message, voice, name)


def _password_changed(message: PasswordChanged, voice: _Voice) -> tuple[Block, ...]:
    return (
        voice.identifier(message.handle),
        voice.paragraph(f"mail.password_changed.{message.how}", _facts(message, voice)),
        voice.paragraph(f"mail.password_changed.{message.how}_signed_out"),
        *_not_me(message, voice),
    )


def _address_changed(message: AddressChanged, voice: _Voice) -> tuple[Block, ...]:
    return (
        voice.identifier(message.handle),
        voice.paragraph("mail.address_changed.what", _facts(message, voice)),
        voice.paragraph(f"mail.address_changed.{message.to}", {"old": message.old_address, "new": message.new_address}),
        *_not_me(message, voice, why=f"mail.address_changed.why_{message.to}"),
    )


def _security_notice(message: SecurityNotice, voice: _Voice, name: str) -> tuple[Block, ...]:
    """What happened, what comes of it, how to say that it was somebody else, and why one reads this."""
    match message:
        case AddressChangeAsked():
            until = {"instant": voice.instant(message.code_until)}
            more: tuple[Block, ...] = (
                voice.paragraph("mail.address_change_asked.to", {"new": message.new_address}),
                Identifier(voice.say("mail.address_change_asked.code"), message.code),
                SmallPrint(voice.say("mail.code_until", until)),
            )
        case EnrolmentCode() | SignInCode():
            more = (
                Identifier(voice.say("mail.sign_up.code"), message.code),
                SmallPrint(voice.say("mail.code_until", {"instant": voice.instant(message.code_until)})),
            )
        case SecondFactorChanged():
            more = (voice.paragraph(f"mail.second_factor_changed.{message.what}", _facts(message, voice)),)
        case AddressChangeWaiting():
            reminder = (voice.paragraph("mail.address_change_waiting.reminder"),) if message.is_reminder else ()
            values = {"new": message.new_address, "instant": voice.instant(message.effective_at)}
            more = (*reminder, voice.paragraph("mail.address_change_waiting.to", values))
        case DeletionAsked():
            on = {"instant": voice.instant(message.delete_at)}
            more = (
                voice.paragraph("mail.deletion_asked.on", on),
                voice.paragraph("mail.deletion_asked.keep"),
                Link(voice.say("mail.deletion_asked.keep_link"), f"{voice.base_url}{ACCOUNT_PATH}"),
            )
        case _:
            more = ()
    return (
        voice.identifier(message.handle),
        voice.paragraph(f"mail.{name}.what", _facts(message, voice)),
        *more,
        *_not_me(message, voice),
    )


def _new_address_code(message: NewAddressCode, voice: _Voice) -> tuple[Block, ...]:
    return (
        voice.paragraph("mail.new_address_code.what"),
        Identifier(voice.say("mail.new_address_code.code"), message.code),
        SmallPrint(voice.say("mail.code_until", {"instant": voice.instant(message.code_until)})),
        SmallPrint(voice.say("mail.new_address_code.why")),
    )


def _address_taken(message: AddressTaken, voice: _Voice) -> tuple[Block, ...]:
    return (
        voice.identifier(message.handle),
        voice.paragraph("mail.address_taken.what", {"instant": voice.instant(message.at)}),
        voice.paragraph("mail.address_taken.unchanged"),
        SmallPrint(voice.say("mail.address_taken.why")),
    )


def _not_me_done(message: NotMeDone, voice: _Voice) -> tuple[Block, ...]:
    restored = () if message.restored == "no" else (voice.paragraph(f"mail.not_me_done.{message.restored}"),)
    return (
        voice.identifier(message.handle),
        voice.paragraph("mail.not_me_done.what", {"instant": voice.instant(message.at)}),
        voice.paragraph("mail.not_me_done.ended"),
        *restored,
        voice.paragraph("mail.not_me_done.frozen", {"instant": voice.instant(message.frozen_until)}),
        voice.paragraph("mail.not_me_done.next"),
        voice.button("mail.password_changed.button", RESET_PATH),
        SmallPrint(voice.say("mail.security.why")),
    )


def _admin_acted(message: AdminActed, voice: _Voice) -> tuple[Block, ...]:
    """What was done, in whose name, what comes next, and whom to ask."""
    who = "operators" if message.organization is None else "organization"
    return (
        voice.identifier(message.handle),
        voice.paragraph(f"mail.admin_acted.{message.action}.what", {"instant": voice.instant(message.at)}),
        voice.paragraph(f"mail.admin_acted.by_{who}", {"organization": message.organization or ""}),
        voice.paragraph(f"mail.admin_acted.{message.action}.next"),
        Contact(voice.say("mail.admin_acted.ask"), voice.brand.support_address),
        SmallPrint(voice.say("mail.security.why")),
    )


def _facts(message: SecurityNotice, voice: _Voice) -> dict[str, str | int]:
    """When and where something happened."""
    return {"instant": voice.instant(message.at), "device": voice.device(message.device)}


def _not_me(message: SecurityNotice, voice: _Voice, *, why: str = "mail.security.why") -> tuple[Block, ...]:
    """The way back of every security mail (D22), whom to tell, and why one reads this."""
    if message.not_me_token is None:
        way: tuple[Block, ...] = (
            voice.paragraph("mail.password_changed.not_you"),
            voice.button("mail.password_changed.button", RESET_PATH),
        )
    else:
        way = (
            voice.paragraph("mail.security.not_you"),
            voice.button("mail.security.button", f"{NOT_ME_PATH}/{message.not_me_token}"),
        )
    until = (message.not_me_until,) if message.not_me_until else ()
    return (
        *way,
        Contact(voice.say("mail.password_changed.tell_us"), voice.brand.support_address),
        SmallPrint(voice.say("mail.password_changed.was_you")),
        *(SmallPrint(voice.say("mail.security.until", {"instant": voice.instant(at)})) for at in until),
        SmallPrint(voice.say(why)),
    )


def _sign_up(message: SignUpCode, voice: _Voice) -> tuple[Block, ...]:
    """The code for the page that waits for it; the link for whoever reads mail elsewhere."""
    return (
        voice.paragraph("mail.sign_up.enter"),
        Identifier(voice.say("mail.sign_up.code"), message.code),
        voice.paragraph("mail.sign_up.code_until", {"count": message.code_minutes}),
        voice.paragraph("mail.sign_up.or_link"),
        voice.button("mail.sign_up.button", f"{SIGN_UP_LINK_PATH}/{message.link_token}"),
        SmallPrint(voice.say("mail.reset_link.until", {"instant": voice.instant(message.expires_at)})),
        SmallPrint(voice.say("mail.sign_up.ignore")),
    )


def _account_exists(message: AccountExists, voice: _Voice) -> tuple[Block, ...]:
    return (
        voice.paragraph("mail.account_exists.what"),
        voice.identifier(message.handle),
        voice.button("mail.account_exists.button", SIGN_IN_PATH),
        voice.paragraph("mail.account_exists.forgotten"),
        Link(voice.say("mail.account_exists.reset"), f"{voice.base_url}{RESET_PATH}"),
        SmallPrint(voice.say("mail.ignore")),
    )


def _invitation(message: OrganizationInvitation, voice: _Voice) -> tuple[Block, ...]:
    """Who asks, what for, and that a stranger to it all may look away."""
    names = {"organization": one_line(message.organization), "inviter": one_line(message.inviter)}
    asked_by = "by" if message.inviter else "by_nobody"
    role = () if message.role == "member" else (voice.paragraph(f"mail.invitation.role.{message.role}", names),)
    own = (voice.identifier(message.handle),) if message.handle else ()
    what_now = "sign_in" if message.handle else "create"
    return (
        voice.paragraph(f"mail.invitation.{asked_by}", names),
        voice.paragraph(f"mail.invitation.as.{message.member_type}", names),
        *role,
        voice.paragraph(f"mail.invitation.{what_now}"),
        *own,
        voice.button("mail.invitation.button", f"{INVITATION_PATH}/{message.link_token}"),
        SmallPrint(voice.say("mail.reset_link.until", {"instant": voice.instant(message.expires_at)})),
        SmallPrint(voice.say("mail.invitation.ignore", names)),
    )


def _password_expiring(message: PasswordExpiring, voice: _Voice) -> tuple[Block, ...]:
    """Who asks for it, when exactly it happens, what to do and what comes of it if one does not (S88)."""
    names = one_line(", ".join(message.organizations))
    return (
        voice.identifier(message.handle),
        voice.paragraph("mail.password_expiring.when", {"instant": voice.instant(message.expires_at)}),
        voice.paragraph("mail.password_expiring.why", {"count": message.max_age_days, "organizations": names}),
        voice.paragraph("mail.password_expiring.now"),
        voice.button("mail.password_expiring.button", PASSWORD_PATH),
        voice.paragraph("mail.password_expiring.otherwise"),
        SmallPrint(voice.say("mail.password_expiring.link")),
    )


def _days_left(message: PasswordExpiring, now: datetime | None) -> int:
    """The number of the reminder (S89); fewer, if the mail has been held up since."""
    left = -(-(message.expires_at - now) // timedelta(days=1)) if now is not None else message.days
    return max(1, min(message.days, left))


def _footer(voice: _Voice) -> tuple[Block, ...]:
    """Where to find help (S43)."""
    help_url = voice.brand.help_url or f"{voice.base_url}{HELP_PATH}"
    return (
        Contact(voice.say("mail.footer.support"), voice.brand.support_address),
        Link(voice.say("mail.footer.help"), help_url),
    )
