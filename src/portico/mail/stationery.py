"""Stationery: writes letters onto paper, as mails with a text and an HTML part (RFC 5322, RFC 2045, RFC 3834).

Nothing in a mail is loaded from elsewhere, and nothing tells anyone that it was read. Whatever comes from settings
or people is on one line before it becomes a header, so no header can be added.
"""

import email.policy
import re
from dataclasses import replace
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cached_property
from pathlib import Path

import jinja2

from portico.kernel.brand import Brand
from portico.kernel.errors import Misconfigured
from portico.kernel.messages import Catalogues
from portico.kernel.normalise import one_line
from portico.kernel.shades import dark_shades, light_shades
from portico.mail.blocks import Letter
from portico.mail.letters import compose
from portico.mail.model import MailMessage, wire_address

_LINE = 76
_NEEDS_QUOTES = re.compile(r'[()<>\[\]:;@\\,."]')
"""The specials of RFC 5322 section 3.2.3."""

TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "emails"


class Stationery:
    """Everything a deployment's letters have in common."""

    def __init__(self, *, brand: Brand, base_url: str, from_address: str, catalogues: Catalogues) -> None:
        """Raises Misconfigured for a sender's address or an accent colour that cannot be used."""
        sender = wire_address(from_address)
        if sender is None:
            raise Misconfigured("the sender's mail address is not an address")
        try:
            self._shades = {"day": light_shades(brand.accent), "night": dark_shades(brand.accent)}
        except ValueError as error:
            raise Misconfigured(str(error)) from error
        self.from_address = sender
        self._brand = replace(brand, name=one_line(brand.name), support_address=one_line(brand.support_address))
        self._base_url = base_url
        self._catalogues = catalogues

    def write(
        self, message: MailMessage, *, mail_id: str, recipient: str, language: str, now: datetime
    ) -> EmailMessage:
        """A whole mail. ``recipient`` is a wire address; the same ``mail_id`` always gives the same Message-ID."""
        letter = compose(message, language, self._brand, self._base_url, self._catalogues, now)
        mail = EmailMessage(policy=email.policy.SMTP)
        mail["From"] = _mailbox(self.from_address, self._brand.name)
        mail["To"] = _mailbox(recipient)
        mail["Subject"] = letter.subject
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<{mail_id}@{self.from_address.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(self.text(letter), cte="quoted-printable")
        mail.add_alternative(self.html(letter), subtype="html", cte="quoted-printable")
        mail.set_boundary(f"portico-{mail_id}")
        mail["Content-Language"] = letter.language  # after the parts: making them takes every Content- field away
        return mail

    def text(self, letter: Letter) -> str:
        """A letter as plain text."""
        return self._render("letter.txt", letter)

    def html(self, letter: Letter) -> str:
        """A letter as an HTML document that stands alone."""
        return self._render("letter.html", letter)

    def _render(self, template: str, letter: Letter) -> str:
        return self._templates.get_template(template).render(letter=letter, brand=self._brand, **self._shades)

    @cached_property
    def _templates(self) -> jinja2.Environment:
        return jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            undefined=jinja2.StrictUndefined,
            autoescape=jinja2.select_autoescape(["html"]),
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )


def _mailbox(address: str, name: str = "") -> Address:
    """An address with a name, as it can stand in a header.

    Python's email package forgets the quotes around a name that it has to fold (3.11 to 3.13 at least), whereupon a
    comma in it begins another address. So a name too long for one line gives up what would need quoting.
    """
    local, _, domain = address.rpartition("@")
    whole = Address(display_name=name, username=local, domain=domain)
    if len(f"From: {whole}") <= _LINE:
        return whole
    return Address(display_name=one_line(_NEEDS_QUOTES.sub(" ", name)), username=local, domain=domain)
