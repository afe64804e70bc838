"""Letters: what they say, in which words, and that nothing can be slipped into them."""

import email
import email.policy
import re
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import portico
from portico.kernel.brand import Brand
from portico.kernel.errors import Misconfigured
from portico.kernel.messages import PSEUDO, Catalogues
from portico.mail.blocks import Block, Button, Letter, Paragraph
from portico.mail.letters import compose
from portico.mail.model import MailMessage, PasswordChanged, PasswordResetLink
from portico.mail.samples import SAMPLES
from portico.mail.stationery import Stationery

NOW = datetime(2026, 3, 9, 14, 5, tzinfo=UTC)
TOKEN = "a-token-that-opens-an-account-0123456789-abc"
LINK = PasswordResetLink(handle="nora.north", link_token=TOKEN, expires_at=NOW + timedelta(hours=24))
BASE_URL = "https://portico.example.org"
BRAND = Brand(name="North Door", support_address="care@example.org")
HOSTILE = 'North" <eve@example.org>,\r\nBcc: eve@example.org\r\n\r\n<script>alert(1)</script>{{ 7 * 7 }}\x00\u2028'
HEADERS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Language",
}
LANGUAGES = ("en", "de", PSEUDO)

assert portico.__file__ is not None
LOCALE = Path(portico.__file__).parent / "locale"


@pytest.fixture(scope="module")
def catalogues() -> Catalogues:
    """The words we ship."""
    return Catalogues(LOCALE)


def paper(catalogues: Catalogues, brand: Brand = BRAND) -> Stationery:
    return Stationery(brand=brand, base_url=BASE_URL, from_address="no-reply@example.org", catalogues=catalogues)


def letter(catalogues: Catalogues, message: MailMessage, language: str = "en", brand: Brand = BRAND) -> Letter:
    return compose(message, language, brand, BASE_URL, catalogues)


def written(
    catalogues: Catalogues,
    message: MailMessage = LINK,
    *,
    recipient: str = "nora@example.org",
    language: str = "en",
    brand: Brand = BRAND,
) -> EmailMessage:
    mail = paper(catalogues, brand).write(message, mail_id="0199", recipient=recipient, language=language, now=NOW)
    policy = email.policy.SMTP if recipient.isascii() else email.policy.SMTPUTF8
    return email.message_from_string(mail.as_bytes(policy=policy).decode(), policy=email.policy.default)


@dataclass
class Page(HTMLParser):
    """What a reader sees of an HTML document, one entry per paragraph or heading, and where it leads."""

    texts: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    loads: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, html: str) -> "Page":
        """Read a document."""
        page = cls()
        super(Page, page).__init__(convert_charrefs=True)
        page.feed(html)
        page.texts = [" ".join(text.split()) for text in page.texts if text.strip()]
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a paragraph, note a link."""
        self.tags.add(tag)
        values = dict(attrs)
        if tag in {"p", "h1", "style", "title"}:
            self.texts.append("")
        if tag == "a":
            self.links.append(values["href"] or "")
        self.loads += [
            value or "" for name, value in attrs if name in {"src", "srcset", "background", "poster", "data"}
        ]

    def handle_endtag(self, tag: str) -> None:
        """Forget what nobody sees."""
        if tag in {"style", "title"}:
            self.texts.pop()

    def handle_data(self, data: str) -> None:
        """Note what is read."""
        if self.texts:
            self.texts[-1] += data
        else:
            assert not data.strip()


def without_brackets(text: str) -> str:
    """What is left when all that came from a catalogue is taken away; one sentence may stand in another."""
    while (shorter := re.sub(r"\[[^\[\]]*~\]", "", text)) != text:
        text = shorter
    return text.strip()


def in_order(text: str, sentences: list[str]) -> bool:
    places = [text.index(sentence) for sentence in sentences]
    return places == sorted(places)


def test_the_reset_mail_says_what_it_must_in_order(catalogues: Catalogues) -> None:  # S26, S27, S29, S30
    sentences = [
        "Your North Door ID is: nora.north",
        "If you would like to change your password, you may do so at the following page:",
        f"{BASE_URL}/account/passwordreset/{TOKEN}",
        "The link is active for 24 hours.",
        "If you did not request this information, you may safely ignore it; no changes have been made to your account.",
    ]
    stationery, composed = paper(catalogues), letter(catalogues, LINK)
    assert in_order(stationery.text(composed), sentences)
    assert in_order(" ".join(Page.read(stationery.html(composed)).texts), sentences)


@pytest.mark.parametrize(("minutes", "sentence"), [(60, "The link is active for 1 hour."), (30, "")])
def test_a_shorter_link_says_so(catalogues: Catalogues, minutes: int, sentence: str) -> None:
    end = NOW + timedelta(minutes=minutes)
    short = PasswordResetLink(handle="nora.north", link_token=TOKEN, expires_at=end, active_hours=minutes // 60)
    text = paper(catalogues).text(letter(catalogues, short))
    assert sentence in text
    assert " 0 hours" not in text
    assert f"until 2026-03-09 at {end:%H:%M} UTC" in text


@pytest.mark.parametrize("how", ["reset", "change"])
def test_a_changed_password_tells_what_to_do_if_it_was_not_you(catalogues: Catalogues, how: str) -> None:
    notice = next(sample for sample in SAMPLES if isinstance(sample, PasswordChanged) and sample.how == how)
    text = paper(catalogues).text(letter(catalogues, notice))
    assert in_order(text, ["nora.north", "2026-03-09 at 14:05 UTC", "If this was not you", f"{BASE_URL}/account/"])
    assert in_order(text, ["tell us", "care@example.org", "If this was you"])


def test_german_is_german(catalogues: Catalogues) -> None:
    mail = written(catalogues, language="de")
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert mail["Subject"] == "Ihr Passwort f\u00fcr North Door zur\u00fccksetzen"
    assert mail["Content-Language"] == "de"
    assert in_order(text, ["nora.north", "Wenn Sie Ihr Passwort \u00e4ndern m\u00f6chten", TOKEN, "24 Stunden"])
    assert "10.03.2026 um 14:05 Uhr UTC" in text


def test_an_unknown_language_is_answered_in_english(catalogues: Catalogues) -> None:
    assert letter(catalogues, LINK, "tlh") == letter(catalogues, LINK, "en")
    assert letter(catalogues, LINK, "") == letter(catalogues, LINK, "en")


@pytest.mark.parametrize("sample", SAMPLES, ids=range(len(SAMPLES)))
def test_no_sentence_is_missing_from_the_catalogues(catalogues: Catalogues, sample: MailMessage) -> None:
    for language in LANGUAGES:
        texts = Page.read(paper(catalogues).html(letter(catalogues, sample, language))).texts
        assert not [text for text in texts if re.search(r"\bmail\.\w|[{}]", text)]


@pytest.mark.parametrize("sample", SAMPLES, ids=range(len(SAMPLES)))
def test_in_the_pseudo_language_no_text_is_bare(catalogues: Catalogues, sample: MailMessage) -> None:
    page = Page.read(paper(catalogues).html(letter(catalogues, sample, PSEUDO)))
    values = {"North Door", "care@example.org", "nora.north", "204816", *page.links}
    assert not [text for text in map(without_brackets, page.texts) if text and text not in values]


@pytest.mark.parametrize("sample", SAMPLES, ids=range(len(SAMPLES)))
@pytest.mark.parametrize("language", LANGUAGES)
def test_text_and_html_say_the_same_and_lead_to_the_same_pages(
    catalogues: Catalogues, sample: MailMessage, language: str
) -> None:
    stationery, composed = paper(catalogues), letter(catalogues, sample, language)
    text = stationery.text(composed)
    page = Page.read(stationery.html(composed))
    labels = {block.label for block in composed.blocks if isinstance(block, Button)}
    assert not [shown for shown in page.texts if shown not in text and shown not in labels]
    assert {link for link in page.links if not link.startswith("mailto:")} == set(re.findall(r"https?:\S+", text))
    heard = " ".join(page.texts)
    assert not [line for line in text.splitlines() if line.strip("- ") and line.split(": https")[0] not in heard]


@pytest.mark.parametrize("sample", SAMPLES, ids=range(len(SAMPLES)))
def test_help_is_offered_in_every_letter(catalogues: Catalogues, sample: MailMessage) -> None:  # S43
    elsewhere = replace(BRAND, help_url="https://help.example.org/portico")
    for brand, help_url in ((BRAND, f"{BASE_URL}/help"), (elsewhere, "https://help.example.org/portico")):
        html = paper(catalogues, brand).html(letter(catalogues, sample, "en", brand))
        assert {"mailto:care@example.org", help_url} <= set(Page.read(html).links)


def test_nothing_is_loaded_from_elsewhere(catalogues: Catalogues) -> None:
    for sample in SAMPLES:
        html = paper(catalogues).html(letter(catalogues, sample))
        page = Page.read(html)
        assert not page.tags & {"img", "link", "script", "iframe", "video", "audio", "object", "form", "input", "base"}
        assert page.loads == []
        assert "url(" not in html
        assert "@import" not in html
        assert "prefers-color-scheme: dark" in html


def test_the_accent_of_the_brand_is_used(catalogues: Catalogues) -> None:
    brand = replace(BRAND, accent="#7c3aed")
    assert "background-color: #7c3aed" in paper(catalogues, brand).html(letter(catalogues, LINK, "en", brand))


def test_the_headers_are_those_of_an_automatic_mail(catalogues: Catalogues) -> None:
    mail = written(catalogues)
    assert mail["From"] == "North Door <no-reply@example.org>"
    assert mail["To"] == "nora@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == "<0199@example.org>"
    assert mail["Date"].datetime == NOW
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert not [name for name in mail if name.lower().startswith(("list-", "bcc", "x-"))]
    assert TOKEN not in "".join(mail.values())


def test_the_same_mail_is_written_the_same_way_again(catalogues: Catalogues) -> None:
    assert written(catalogues).as_bytes() == written(catalogues).as_bytes()


def test_a_hostile_brand_cannot_add_a_header_or_a_recipient(catalogues: Catalogues) -> None:
    mail = written(catalogues, brand=replace(BRAND, name=HOSTILE))
    assert set(mail) == HEADERS
    (sender,), (recipient,) = mail["From"].addresses, mail["To"].addresses
    assert sender.addr_spec == "no-reply@example.org"
    assert "eve example org" in sender.display_name
    assert recipient.addr_spec == "nora@example.org"
    assert "Bcc: eve@example.org" in mail["Subject"]


@pytest.mark.parametrize(
    "name", ['B\u00e4rental, "Nord" GmbH', "\u00c4" * 200, "a,b;c <d@example.org>", "", "x " * 200]
)
def test_any_brand_survives_the_way(catalogues: Catalogues, name: str) -> None:
    mail = written(catalogues, brand=replace(BRAND, name=name))
    (sender,) = mail["From"].addresses
    assert sender.addr_spec == "no-reply@example.org"
    # Python's parser leaves a space between encoded words that belong together (RFC 2047 section 6.2).
    assert sender.display_name.replace(" ", "") == name.replace(" ", "")


@given(name=st.text(st.sampled_from('aB \u00c4",<>@:;()[]\\.\r\n\x00'), max_size=200))
@settings(settings.get_profile("quick"))
def test_no_brand_changes_who_sends_to_whom(catalogues: Catalogues, name: str) -> None:
    mail = written(catalogues, brand=replace(BRAND, name=name))
    assert [sender.addr_spec for sender in mail["From"].addresses] == ["no-reply@example.org"]
    assert [recipient.addr_spec for recipient in mail["To"].addresses] == ["nora@example.org"]
    assert set(mail) == HEADERS


def test_hostile_values_are_escaped_in_html(catalogues: Catalogues) -> None:
    brand = replace(BRAND, name=HOSTILE, support_address='a"><script>@example.org')
    message = PasswordChanged(handle=HOSTILE, at=datetime(2026, 3, 9, tzinfo=UTC), how="reset")
    html = paper(catalogues, brand).html(letter(catalogues, message, "en", brand))
    page = Page.read(html)
    assert "script" not in page.tags
    assert "49" not in html.partition("<body")[2]
    assert any("<script>alert(1)</script>" in text for text in page.texts)
    assert "\r" not in paper(catalogues, brand).text(letter(catalogues, message, "en", brand))


def test_addresses_beyond_ascii_are_written_as_they_are(catalogues: Catalogues) -> None:
    mail = written(catalogues, recipient="n\u00f6ra@xn--bcher-kva.example")
    (recipient,) = mail["To"].addresses
    assert recipient.addr_spec == "n\u00f6ra@xn--bcher-kva.example"


def test_lines_are_short_enough_for_any_server(catalogues: Catalogues) -> None:
    mail = paper(catalogues).write(LINK, mail_id="0199", recipient="nora@example.org", language=PSEUDO, now=NOW)
    data = mail.as_bytes(policy=email.policy.SMTP.clone(cte_type="7bit"))
    assert data.isascii()
    assert max(len(line) for line in data.split(b"\r\n")) <= 78


@pytest.mark.parametrize("template", ["block.txt", "block.html"])
def test_every_kind_of_block_can_be_rendered_and_an_unknown_one_is_a_fault(
    catalogues: Catalogues, template: str
) -> None:
    stationery = paper(catalogues)
    for kind in get_args(Block):
        block = kind(*(["words"] * len(fields(kind))))
        composed = Letter(language="en", subject="s", blocks=(block,), footer=(block,))
        assert "words" in (stationery.text(composed) if template == "block.txt" else stationery.html(composed))

    class Unknown(Paragraph):
        kind = "unknown"

    strange = Letter(language="en", subject="s", blocks=(Unknown("words"),), footer=())
    with pytest.raises(jinja2.UndefinedError):
        stationery.text(strange) if template == "block.txt" else stationery.html(strange)


@pytest.mark.parametrize(("address", "accent"), [("nobody", "#0f766e"), ("no-reply@example.org", "teal")])
def test_what_no_letter_can_be_sent_with_is_told_at_the_start(
    catalogues: Catalogues, address: str, accent: str
) -> None:
    with pytest.raises(Misconfigured):
        Stationery(brand=replace(BRAND, accent=accent), base_url=BASE_URL, from_address=address, catalogues=catalogues)
