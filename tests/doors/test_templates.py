"""Every page with every sample, in every language: complete, escaped, translated, light, and like all the others."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from markupsafe import Markup

from portico.kernel.brand import Brand
from portico.kernel.messages import PSEUDO, Catalogues, Message, message
from portico.web.templates import (
    SLOTTED,
    Frame,
    ShownPerson,
    Templates,
    Words,
    in_language,
    with_links,
)
from tests.support.page_samples import (
    AT,
    LOCALE,
    PAGES,
    STATIC,
    TEMPLATES,
    PageSample,
    make_assets,
    make_templates,
    render,
)

TEMPLATES_OF_ALL = make_templates()
ASSETS = make_assets()
LANGUAGES = ("en", "de", PSEUDO)
WIRE_MAX = 20_000
"""Bytes of the sign-in page with all it loads, uncompressed."""
NASTY = "\"'><script>alert(1)</script>&{{ 7 * 7 }}"
BY_LABEL = {sample.label: sample for sample in PAGES}
VOID = {"meta", "link", "input", "img", "br", "hr"}
SAID = ("hide", "met", "unmet", "progress", "words", "cancelled", "refused", "failed", "held")
READ = ("aria-label", "alt", "title", *(f"data-{name}" for name in SAID))
"""Attributes that people read or hear, at once or when the script shows them."""


@dataclass
class Element:
    """One element of a page."""

    tag: str
    attributes: dict[str, str | None]
    parents: tuple[str, ...]
    text: str = ""


@dataclass
class Parsed(HTMLParser):
    """A page as its elements in order, each with the text inside, and all text a person can read."""

    page: str
    elements: list[Element] = field(default_factory=list)
    visible: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.open: list[Element] = []
        self.feed(self.page)
        assert self.open == [], "an element was not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        element = Element(tag, dict(attrs), tuple(parent.tag for parent in self.open))
        assert len(attrs) == len(element.attributes), f"an attribute of <{tag}> stands there twice"
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)
        self.visible += [str(element.attributes[name]) for name in READ if name in element.attributes]

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element."""
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        """Note a text in every element around it."""
        for element in self.open:
            element.text += data
        if data.strip():
            self.visible.append(data)

    def all(self, tag: str, **wanted: str) -> list[Element]:
        """The elements of one kind whose attributes have these values."""
        return [
            element
            for element in self.elements
            if element.tag == tag and all(element.attributes.get(name) == value for name, value in wanted.items())
        ]

    def one(self, tag: str, **wanted: str) -> Element:
        """The only such element."""
        found = self.all(tag, **wanted)
        assert len(found) == 1, (tag, wanted, found)
        return found[0]


def parsed(sample: PageSample, language: str = "en") -> Parsed:
    """A sample as the elements of its page."""
    return Parsed(render(TEMPLATES_OF_ALL, sample, language))


def texts_in(value: object) -> Iterator[str]:
    """Every text among a door's values, which no catalogue translates."""
    match value:
        case Message():
            yield from texts_in(value.params)
        case str() | int():
            yield from (str(value), *str(value).splitlines())
        case Mapping():
            yield from (text for part in value.values() for text in texts_in(part))
        case tuple() | list():
            yield from (text for part in value for text in texts_in(part))
        case _ if hasattr(value, "__dataclass_fields__"):
            yield from (text for name in value.__dataclass_fields__ for text in texts_in(getattr(value, name)))
        case msgspec.Struct():
            yield from (text for name in value.__struct_fields__ for text in texts_in(getattr(value, name)))
        case _:
            pass


@pytest.fixture(params=PAGES, ids=lambda sample: sample.label)
def sample(request: pytest.FixtureRequest) -> PageSample:
    """Each sample in turn."""
    chosen: PageSample = request.param
    return chosen


def test_every_template_has_a_sample() -> None:
    there = {str(path.relative_to(TEMPLATES / "pages")) for path in (TEMPLATES / "pages").rglob("*.html")}
    assert {sample.template for sample in PAGES} == there


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_whole(sample: PageSample, language: str) -> None:
    page = parsed(sample, language)
    assert page.page.startswith("<!doctype html>\n<html")
    assert page.one("html").attributes["lang"] == language
    assert page.one("title").text.endswith(" | Portico")  # S82
    assert len(page.one("title").text) > len(" | Portico")
    assert page.one("h1").text.strip()
    assert page.one("main").attributes["id"] == "main"
    levels = [int(element.tag[1]) for element in page.elements if re.fullmatch("h[1-6]", element.tag)]
    assert all(below - above <= 1 for above, below in pairwise(levels))


def test_every_page_shows_help_support_version_and_languages(sample: PageSample) -> None:  # S11, S12, S43
    page = parsed(sample)
    footer = [element for element in page.elements if "footer" in element.parents]
    links = {element.attributes.get("href"): element.text for element in footer if element.tag == "a"}
    assert links["/help"] == "Help"
    assert links["mailto:help@example.org"] == "help@example.org"
    assert links["/signin?language=de"] == "Deutsch"
    assert [element.text for element in footer if element.attributes.get("class") == "version"] == ["Version 0.1.0 (1)"]


def test_no_bare_text_in_the_pseudo_language(sample: PageSample) -> None:
    """Outside brackets stands only what doors pass: every sentence comes from a catalogue."""
    page = parsed(sample, PSEUDO)
    own = {*texts_in(sample.values), *texts_in(sample.person), "Portico", "help@example.org", "English", "Deutsch"}
    depth = 0
    for text in page.visible:
        rest = text
        for known in sorted(own, key=len, reverse=True):
            rest = rest.replace(known, "") if known else rest
        for character in rest:
            depth += (character == "[") - (character == "]")
            assert depth > 0 or character == "]" or not character.isalnum(), f"bare text: {text!r}"
    assert depth == 0


def test_nothing_is_loaded_from_elsewhere_and_nothing_is_inline(sample: PageSample) -> None:
    page = parsed(sample)
    for element in page.elements:
        assert "style" not in element.attributes
        assert not [name for name in element.attributes if name.startswith("on")]
        for name in ("src", "action"):
            assert (element.attributes.get(name) or "/").startswith("/")
        href = element.attributes.get("href") or "/"
        assert href.startswith(("/", "#", "mailto:")) or "letter" in (page.page), href
    assert not page.all("style")
    assert all(element.text == "" for element in page.all("script"))


def test_what_is_referred_to_is_there(sample: PageSample) -> None:
    page = parsed(sample)
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for element in page.elements:
        for name in ("for", "aria-describedby", "aria-labelledby", "data-reveal"):
            assert set((element.attributes.get(name) or "").split()) <= set(ids), (element.tag, name)
        href = element.attributes.get("href") or ""
        assert not href.startswith("#") or href[1:] in ids, href
        for name in ("src", "href"):
            address = element.attributes.get(name) or ""
            assert not address.startswith("/static/") or ASSETS.find(address), address


def test_every_form_is_protected_and_every_field_has_a_name(sample: PageSample) -> None:
    page = parsed(sample)
    forms, tokens = page.all("form"), page.all("input", name="csrf", type="hidden", value="token")
    assert len(forms) == len(tokens)
    assert all(form.attributes["method"] == "post" for form in forms)
    labelled = {label.attributes["for"] for label in page.all("label") if "for" in label.attributes}
    for element in page.all("input"):
        if element.attributes["type"] != "hidden":
            assert element.attributes.get("id") in labelled or "label" in element.parents
    for element in page.all("button"):
        assert (element.attributes.get("aria-label") or element.text).strip()
    for element in page.all("input", type="password"):
        assert "maxlength" not in element.attributes
        assert element.attributes["autocomplete"] in {"current-password", "new-password"}


def test_a_password_never_stands_without_its_username(sample: PageSample) -> None:
    page = parsed(sample)
    if page.all("input", type="password"):
        assert "readonly" in page.one("input", id="username", autocomplete="username").attributes


def test_a_failed_form_says_so_first_and_at_its_fields(sample: PageSample) -> None:
    page = parsed(sample)
    failure = getattr(sample.values.get("failure"), "fields", None)
    if failure is None:
        assert not page.all("div", role="alert")
        return
    summary = page.one("div", role="alert")
    assert {"tabindex": "-1", "autofocus": None}.items() <= summary.attributes.items()
    assert not [element for element in page.all("input") if "autofocus" in element.attributes]
    for name in failure:
        assert page.all("a", href=f"#{name}")
        assert page.one("input", id=name).attributes["aria-invalid"] == "true"
        assert {"failure", f"{name}-problem"} & set(
            (page.one("input", id=name).attributes["aria-describedby"] or "").split()
        )


def test_values_are_escaped_everywhere() -> None:
    for sample in PAGES:
        values = {name: NASTY if isinstance(value, str) else value for name, value in sample.values.items()}
        person = sample.person and ShownPerson.named(NASTY, NASTY)
        page = render(TEMPLATES_OF_ALL, replace(sample, values=values, person=person), "en")
        assert "<script>" not in page
        assert "49" not in re.sub(r"/static/[0-9a-f]+/", "", page)
        Parsed(page)


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render(TEMPLATES_OF_ALL, PageSample("x", "signin/already.html", {"name": "Nora"}), "en")


def test_the_identifier_comes_first() -> None:  # S3, S4, S48, S49
    page = parsed(BY_LABEL["identify"])
    assert page.all("img")[0].attributes["alt"] == "Portico"
    assert [(tab.text, tab.attributes["aria-current"]) for tab in page.all("a", href="/signin")] == [
        ("Sign in", "page")
    ]
    identifier = page.one("input", name="identifier")
    assert page.one("label", **{"for": "identifier"}).text == "Username (usually your email)"
    assert identifier.attributes["autocomplete"] == "username webauthn"
    assert identifier.attributes["maxlength"] == "320"
    assert not page.all("input", type="password")
    assert [button.text for button in page.all("button")] == ["Continue", "Sign in with a passkey"]
    assert "hidden" in page.one("form", **{"data-ceremony": "get"}).attributes, "shown by script, where it works"


def test_the_password_page_has_what_the_login_window_has() -> None:  # S5, S6, S7, S8
    page = parsed(BY_LABEL["password"])
    assert page.one("input", name="password").attributes["type"] == "password"
    assert "hidden" in page.one("button", **{"data-reveal": "password"}).attributes
    assert "checked" in page.one("input", name="stay_signed_in").attributes
    assert "checked" not in parsed(BY_LABEL["password-failed"]).one("input", name="stay_signed_in").attributes
    after = page.elements.index(page.one("input", name="stay_signed_in"))
    forgot = next(element for element in page.elements[after:] if element.tag == "a")
    assert forgot.text == "Forgot password?"
    assert (forgot.attributes["href"] or "").startswith("/account/passwordreset")
    assert page.one("button", **{"class": "primary"}).text == "Login"
    assert [step.attributes["value"] for step in page.all("input", name="step")] == ["prove_password", "prove_passkey"]
    assert [version.attributes["value"] for version in page.all("input", name="version")] == ["2", "2"]
    assert not parsed(BY_LABEL["password-only"]).all("form", **{"data-ceremony": "get"}), "where there are no passkeys"


def test_the_reset_pages_say_what_the_articles_say() -> None:  # S23, S25, S31, S32, S92, S97
    request = parsed(BY_LABEL["reset-request"])
    assert request.one("h1").text == "Password Reset"
    assert request.one("label").text == "Please enter your email / Portico ID"
    assert request.one("button").text.upper() == "REQUEST PASSWORD RESET"
    sent = parsed(BY_LABEL["reset-sent"])
    assert all(word in sent.page for word in ("Inbox", "Spam", "Junk", "24 hours"))
    choose = parsed(BY_LABEL["reset-choose"])
    assert choose.one("h1").text == "Password Reset"
    assert choose.one("button", **{"class": "primary capitals"}).text.upper() == "RESET PASSWORD"
    names = [element.attributes.get("name") or element.attributes.get("id") for element in choose.elements]
    assert names.index("criteria") < names.index("new_password") < names.index("repeat_password")
    done = parsed(BY_LABEL["reset-done"])
    assert len([item for item in done.all("li") if "main" in item.parents]) == 3
    assert done.all("a", href="/signin")


def test_criteria_that_are_missed_are_named_without_script() -> None:  # S33
    page = render(TEMPLATES_OF_ALL, BY_LABEL["reset-choose-failed"], "en")
    summary = page[page.index('role="alert"') : page.index('class="criteria"')]
    assert "at least 8 characters" in summary
    assert "a digit, 0 to 9" in summary
    assert "a capital letter" not in summary
    too_long = render(TEMPLATES_OF_ALL, BY_LABEL["change-password-failed"], "en")
    assert "at most 256 characters" in too_long


def test_the_menu_behind_the_initials_logs_out() -> None:  # S37, S38
    page = parsed(BY_LABEL["account"])
    assert page.one("summary").text.startswith("NN")
    assert page.one("form", action="/signout").attributes["method"] == "post"
    assert "Log out" in page.one("form", action="/signout").text


def test_sessions_can_be_ended_one_by_one_and_together() -> None:
    several, one = parsed(BY_LABEL["sessions"]), parsed(BY_LABEL["sessions-one"])
    assert [bool(several.all("form", action=f"/account/sessions/s{n}/end")) for n in (1, 2, 3)] == [True] * 3
    assert several.all("form", action="/account/sessions/end-others")
    assert not one.all("form", action="/account/sessions/end-others")
    assert "Unknown device" in several.page


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("label", ["identify-development", "password", "password-failed"])
def test_signing_in_is_light(label: str, language: str) -> None:
    page = parsed(BY_LABEL[label], language)
    loaded = [element.attributes.get("src") or element.attributes.get("href") or "" for element in page.elements]
    assets = {asset.address: len(asset.content) for address in loaded if (asset := ASSETS.find(address))}
    assert len(page.page.encode()) + sum(assets.values()) < WIRE_MAX


def test_style_sheets_and_pictures_load_nothing() -> None:
    for name in ASSETS.names():
        content = ASSETS.find(ASSETS.address(name))
        assert content is not None
        assert not re.search(rb"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", content.content), name


def test_addresses_of_assets_follow_their_content(tmp_path: Path) -> None:
    for path in STATIC.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "portico.js").write_text("// other\n", encoding="utf-8")
    other = make_assets(directory=tmp_path)
    assert other.address("portico.js") != ASSETS.address("portico.js")
    assert other.address("rooms.css") == ASSETS.address("rooms.css")
    assert other.find(ASSETS.address("portico.js")) is None


def test_the_brand_drives_everything() -> None:
    brand = Brand("Nord & Süd", "#7a1fa2", "hilfe@nord.example", "https://nord.example/help", b"<svg id='own'/>")
    templates, assets = make_templates(brand), make_assets(brand)
    page = Parsed(render(templates, BY_LABEL["identify"], "de"))
    assert page.one("title").text == "Anmelden | Nord & Süd"
    assert page.one("h1").text == "Willkommen bei Nord & Süd"
    assert page.all("a", href="https://nord.example/help")
    assert page.all("a", href="mailto:hilfe@nord.example")
    logo = assets.find(page.all("img")[0].attributes["src"] or "")
    assert logo is not None
    assert logo.content == brand.logo_svg
    favicon = assets.find(assets.address("favicon.svg"))
    assert favicon is not None
    assert b"#7a1fa2" in favicon.content


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(st.sampled_from(sorted(SLOTTED)), texts, texts, texts, st.sampled_from(["en", "de"]), texts)
def test_a_page_from_pieces_is_the_page(
    name: str, form: str, identifier: str, csrf: str, language: str, query: str
) -> None:
    values = {"form": form, "identifier": identifier, "passkey": identifier[::-1], "failure": None}
    frame = Frame(language, ("en", "de"), f"/signin?{query}", csrf)
    environment = TEMPLATES_OF_ALL._environments[language]  # noqa: SLF001 - beside the short way, the long one
    whole = environment.get_template(name).render(frame=frame, **values)
    assert TEMPLATES_OF_ALL.render(name, frame, **values) == whole.encode()


def test_instants_are_read_as_people_write_them() -> None:
    def shown(language: str, at: datetime) -> str:
        return Words(Catalogues(LOCALE), language, Brand()).when(at)

    assert shown("en", AT) == '<time datetime="2026-03-09T14:05:00Z">9 March 2026, 2:05 pm UTC</time>'
    assert shown("de", AT) == '<time datetime="2026-03-09T14:05:00Z">9. März 2026, 14:05 Uhr (UTC)</time>'
    assert "12:00 am" in shown("en", datetime(2026, 1, 1, tzinfo=UTC))
    assert "12:30 pm" in shown("en", datetime(2026, 1, 1, 12, 30, tzinfo=UTC))
    assert "31 December 2025, 11:30 pm" in shown("en", datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2))))


def test_a_sentence_takes_links_and_escapes_the_rest() -> None:
    words = Words(Catalogues(LOCALE), "en", Brand(name="<b>"))
    assert words.translate("menu.label", name="<i>") == "Account menu of &lt;i&gt;"
    assert words.translate("menu.label", name=Markup("<i>N</i>")) == "Account menu of <i>N</i>"
    assert words.translate("signin.identify.heading") == "Welcome to &lt;b&gt;"
    assert words.translate(message("my_account.sessions.count", count=2)) == "In 2 places"


@given(st.text(max_size=40))
def test_a_language_link_never_leaves_the_site(path: str) -> None:
    address = in_language(path, "de")
    assert address.startswith("/")
    assert address[1:2] not in {"/", "\\"}
    assert address.endswith("language=de")


def test_only_web_addresses_become_links() -> None:
    shown = with_links("See http://localhost:8000/a?b=1&c=2. <b> javascript:alert(1)")
    assert shown == (
        'See <a href="http://localhost:8000/a?b=1&amp;c=2">http://localhost:8000/a?b=1&amp;c=2</a>. '
        "&lt;b&gt; javascript:alert(1)"
    )


@pytest.mark.parametrize(
    ("name", "initials"), [("Nora North", "NN"), ("Nora", "N"), ("", "N"), ("Ana de la Cruz", "AC"), ("ö ß", "ÖSS")]
)
def test_initials(name: str, initials: str) -> None:
    assert ShownPerson.named(name, "nora.north").initials == initials


def test_templates_are_read_again_only_in_development(tmp_path: Path) -> None:
    catalogues = Catalogues(LOCALE)
    (tmp_path / "pages").mkdir()
    page = tmp_path / "pages" / "x.html"
    page.write_text("one", encoding="utf-8")
    kept, fresh = (Templates(tmp_path, catalogues, Brand(), ASSETS, "1", reloads=reloads) for reloads in (False, True))
    frame = Frame("en", ("en",), "/")
    assert kept.render("x.html", frame) == fresh.render("x.html", frame) == b"one"
    page.write_text("other", encoding="utf-8")
    assert kept.render("x.html", frame) == b"one"
    assert fresh.render("x.html", frame) == b"other"
