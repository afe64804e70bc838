"""Letters: what a message says, as blocks of words in one language.

Pure: a message, a brand and the catalogues in, a :class:`Letter` out. How a block looks as text and as HTML is the
business of ``templates/emails`` alone, so both hold the same sentences and the same links.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeAlias, assert_never

from portico.kernel.brand import Brand
from portico.kernel.messages import DEFAULT_LANGUAGE, PSEUDO, Catalogues, Message
from portico.kernel.normalise import one_line
from portico.mail.model import (
    AccountExists,
    MailMessage,
    PasswordChanged,
    PasswordResetLink,
    SignUpCode,
    TestMessage,
)

RESET_PATH = "/account/passwordreset"
"""Where a reset is asked for; a link adds ``/<token>`` (S27)."""
SIGN_UP_LINK_PATH = "/signup/link"
"""Where a sign-up goes on by its mailed link, which adds ``/<token>``."""
SIGN_IN_PATH = "/signin"
HELP_PATH = "/help"
"""The built-in help page, for a brand without one of its own."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or two."""

    kind: ClassVar[str] = "paragraph"
    text: str


@dataclass(frozen=True, slots=True)
class Identifier:
    """Something to be read off and kept, after the words that say what it is."""

    kind: ClassVar[str] = "identifier"
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Button:
    """The one thing to do: a large link, its address readable below it."""

    kind: ClassVar[str] = "button"
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class SmallPrint:
    """What is good to know but not the matter of the letter."""

    kind: ClassVar[str] = "small_print"
    text: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A mail address to write to, after the words that say what for."""

    kind: ClassVar[str] = "contact"
    label: str
    address: str


@dataclass(frozen=True, slots=True)
class Link:
    """A page to look at."""

    kind: ClassVar[str] = "link"
    label: str
    url: str


Block: TypeAlias = Paragraph | Identifier | Button | SmallPrint | Contact | Link


@dataclass(frozen=True, slots=True)
class Letter:
    """A whole letter: its subject is also its heading."""

    language: str
    subject: str
    blocks: tuple[Block, ...]
    footer: tuple[Block, ...]


def compose(message: MailMessage, language: str, brand: Brand, base_url: str, catalogues: Catalogues) -> Letter:
    """The letter for a message. ``base_url`` comes from the settings, never from a request."""
    is_known = language == PSEUDO or language in catalogues.languages()
    voice = _Voice(language if is_known else DEFAULT_LANGUAGE, brand, base_url.rstrip("/"), catalogues)
    subject, blocks = _body(message, voice)
    return Letter(voice.language, voice.say(subject), blocks, _footer(voice))


@dataclass(frozen=True, slots=True)
class _Voice:
    """Speaks one language for one brand."""

    language: str
    brand: Brand
    base_url: str
    catalogues: Catalogues

    def say(self, code: str, values: Mapping[str, str | int] | None = None) -> str:
        """A sentence on one line; the brand's name is always at hand."""
        params = {"brand": self.brand.name, **(values or {})}
        return one_line(self.catalogues.text(Message(code, params), self.language))

    def instant(self, at: datetime) -> str:
        """An instant to the minute, in UTC: a letter does not know where it is read."""
        parts = ("year", "%Y"), ("month", "%m"), ("day", "%d"), ("time", "%H:%M")
        return self.say("mail.instant", {name: at.strftime(form) for name, form in parts})

    def paragraph(self, code: str, values: Mapping[str, str | int] | None = None) -> Paragraph:
        return Paragraph(self.say(code, values))

    def identifier(self, handle: str) -> Identifier:
        return Identifier(self.say("mail.identifier"), one_line(handle))

    def button(self, code: str, path: str) -> Button:
        return Button(self.say(code), f"{self.base_url}{path}")


def _body(message: MailMessage, voice: _Voice) -> tuple[str, tuple[Block, ...]]:
    """The code of the subject, and the blocks."""
    match message:
        case PasswordResetLink():
            return "mail.reset_link.subject", _reset_link(message, voice)
        case PasswordChanged():
            return "mail.password_changed.subject", _password_changed(message, voice)
        case SignUpCode():
            return "mail.sign_up.subject", _sign_up(message, voice)
        case AccountExists():
            return "mail.account_exists.subject", _account_exists(message, voice)
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


def _password_changed(message: PasswordChanged, voice: _Voice) -> tuple[Block, ...]:
    instant = {"instant": voice.instant(message.at)}
    return (
        voice.identifier(message.handle),
        voice.paragraph(f"mail.password_changed.{message.how}", instant),
        voice.paragraph(f"mail.password_changed.{message.how}_signed_out"),
        voice.paragraph("mail.password_changed.not_you"),
        voice.button("mail.password_changed.button", RESET_PATH),
        Contact(voice.say("mail.password_changed.tell_us"), voice.brand.support_address),
        SmallPrint(voice.say("mail.password_changed.was_you")),
    )


def _sign_up(message: SignUpCode, voice: _Voice) -> tuple[Block, ...]:
    """The code for the page that waits for it; the link for whoever reads mail elsewhere."""
    return (
        voice.paragraph("mail.sign_up.enter"),
        Identifier(voice.say("mail.sign_up.code"), message.code),
        SmallPrint(voice.say("mail.sign_up.code_until", {"count": message.code_minutes})),
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


def _footer(voice: _Voice) -> tuple[Block, ...]:
    """Where to find help (S43)."""
    help_url = voice.brand.help_url or f"{voice.base_url}{HELP_PATH}"
    return (
        Contact(voice.say("mail.footer.support"), voice.brand.support_address),
        Link(voice.say("mail.footer.help"), help_url),
    )
