"""Pages: a template, a frame and values in; bytes out.

Each language has its own Jinja2 environment. The filters ``t`` (a sentence) and ``asset`` (a static address) depend on
nothing but their environment, so Jinja2 works them out while it compiles: in a rendered page only what differs from
person to person is left to do. The pages most often asked for are rendered once and kept in pieces, with slots where
values go (:data:`SLOTTED`). Undefined names are errors, and everything is escaped that is not :class:`Markup`.

In templates::

    {{ "signin.password.title"|t }}                      a sentence by its code; {brand} is always filled in
    {{ "reset.sent.lead"|t(identifier=bold(name)) }}     values are escaped, unless they are Markup (a link, say)
    {{ failure.summary|t }}                              a Message from the server; ``count`` chooses the plural
    {{ session.opened_at|when }}                         an instant, readable, inside <time>
    {{ "portico.css"|asset }}                            the address of a static file
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from portico.kernel.brand import Brand
from portico.kernel.messages import PSEUDO, Catalogues, Message
from portico.kernel.zones import zone_of
from portico.web.assets import Assets

TWELVE_HOURS = frozenset({"en", PSEUDO})
"""Languages whose clocks say am and pm."""

BUILT_IN_HELP = "/help"
PICTURES = "/account/picture"
"""Below it lies the picture of whoever is signed in, under its digest."""

SLOTTED: Mapping[str, frozenset[str]] = {
    "signin/identify.html": frozenset({"form", "identifier", "passkey"}),
    "reset/request.html": frozenset({"identifier"}),
}
"""Pages that are the same for everybody but for these values, each a text that is only ever written out; and for the
form token. It holds where nobody is signed in and nothing has failed."""

_EMPTY = "\ue000{}\ue001"
_SLOT = re.compile("\ue000(\\w+)\ue001")
_KEPT_PAGES = 256

_LINK = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)\]]")


@dataclass(frozen=True, slots=True)
class ShownPerson:
    """Who is signed in, as the page's head shows it."""

    name: str
    handle: str
    initials: str
    picture: str = ""
    """The address of the profile picture, which then stands in the place of the initials."""

    @classmethod
    def named(cls, name: str, handle: str, picture: str = "") -> "ShownPerson":
        """A person whose initials are made from the name, or from the handle where there is none."""
        words = name.split() or [handle]
        ends = words[:1] if len(words) == 1 else [words[0], words[-1]]
        initials = "".join(word[0] for word in ends if word).upper()
        return cls(name, handle, initials, f"{PICTURES}/{picture}" if picture else "")


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page needs.

    ``path`` is this page's address below the base URL, with its query but without ``language``; ``csrf`` is the
    token for its forms, empty on pages that have none; ``time_zone`` is the reader's, empty if they named none.
    """

    language: str
    languages: tuple[str, ...]
    path: str
    csrf: str = ""
    person: ShownPerson | None = None
    development: bool = False
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a form came back: one sentence for the head, and one for each field that must be mended."""

    summary: Message
    fields: Mapping[str, Message] = field(default_factory=dict)


class Templates:
    """Every page of one deployment."""

    def __init__(
        self,
        directory: Path,
        catalogues: Catalogues,
        brand: Brand,
        assets: Assets,
        version: str,
        *,
        offers_sign_up: bool = True,
        allows_pseudo: bool = False,
        reloads: bool = False,
    ) -> None:
        """``directory`` is the folder of templates; with ``reloads`` a changed file is read again (development)."""
        tags = (*catalogues.languages(), *([PSEUDO] if allows_pseudo else []))
        names = {tag: catalogues.text(Message("language.name"), tag) for tag in tags}
        self._environments = {
            tag: _environment(directory, Words(catalogues, tag, brand), brand, assets, reloads=reloads) for tag in tags
        }
        for environment in self._environments.values():
            environment.globals.update(release=version, language_names=names, offers_sign_up=offers_sign_up)
        self._pieces = lru_cache(0 if reloads else _KEPT_PAGES)(self._render_pieces)

    def render(self, name: str, frame: Frame, /, **values: object) -> bytes:
        """One page in the frame's language, as UTF-8. Raises if a template misses a value it needs."""
        slots = SLOTTED.get(name)
        if slots is None or frame.person is not None or values["failure"] is not None or _SLOT.search(frame.path):
            return self._render(name, frame, values).encode()
        pieces = self._pieces(name, replace(frame, csrf=_EMPTY.format("csrf")))
        filled = {"csrf": frame.csrf, **values}
        return "".join(escape(filled[piece]) if at % 2 else piece for at, piece in enumerate(pieces)).encode()

    def _render(self, name: str, frame: Frame, values: Mapping[str, object]) -> str:
        return self._environments[frame.language].get_template(name).render(frame=frame, **values)

    def _render_pieces(self, name: str, frame: Frame) -> tuple[str, ...]:
        """A page with its slots empty: texts, and between each two the name of a slot."""
        values = {slot: _EMPTY.format(slot) for slot in SLOTTED[name]}
        return tuple(_SLOT.split(self._render(name, frame, {**values, "failure": None})))


class Words:
    """The filters that speak one language."""

    def __init__(self, catalogues: Catalogues, language: str, brand: Brand) -> None:
        self._catalogues = catalogues
        self._language = language
        self._brand = brand.name

    def translate(self, said: str | Message, **params: object) -> Markup:
        """A sentence, from a code and values or from a Message that carries both."""
        values = {"brand": self._brand, **params}
        if isinstance(said, Message):
            values.update(said.params)
        count = values.get("count")
        code = said.code if isinstance(said, Message) else said
        pattern = self._catalogues.pattern(code, self._language, count if isinstance(count, int) else None)
        return escape(pattern).format(**values)

    def when(self, instant: datetime, time_zone: str = "") -> Markup:
        """An instant as people read it, with the machine's form in ``datetime``.

        In the reader's time zone; where they named none it is UTC and says so, and the script may know better.
        """
        at = instant.astimezone(zone_of(time_zone))
        shown = self.translate(
            "date.local" if time_zone else "date.instant",
            day=str(at.day),
            month=self.translate(f"date.month.{at.month}"),
            year=str(at.year),
            time=self._time_of_day(at),
        )
        zone = Markup(' data-zone="{}"').format(time_zone) if time_zone else ""
        return Markup('<time datetime="{}"{}>{}</time>').format(_machine_form(instant), zone, shown)

    def _time_of_day(self, at: datetime) -> str:
        if self._language in TWELVE_HOURS:
            return f"{at.hour % 12 or 12}:{at.minute:02} {'am' if at.hour < 12 else 'pm'}"
        return f"{at.hour}:{at.minute:02}"


def _machine_form(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def link(address: str, text: str) -> Markup:
    """A link to stand inside a sentence."""
    return Markup('<a href="{}">{}</a>').format(address, text)


def bold(text: str) -> Markup:
    """What somebody typed or is called, set off inside a sentence."""
    return Markup("<strong>{}</strong>").format(text)


def code(text: str) -> Markup:
    """Something for machines inside a sentence."""
    return Markup("<code>{}</code>").format(text)


def in_language(path: str, language: str) -> str:
    """The address of the same page in another language; never one that leads to another site."""
    inside = "/" + path.lstrip("/\\")
    return f"{inside}{'&' if '?' in inside else '?'}language={language}"


def with_links(text: str) -> Markup:
    """Plain text in which every web address can be followed."""
    shown, end = Markup(), 0
    for match in _LINK.finditer(text):
        shown += escape(text[end : match.start()]) + Markup('<a href="{0}">{0}</a>').format(match[0])
        end = match.end()
    return shown + escape(text[end:])


def _when(words: Words) -> Callable[[Context, datetime], Markup]:
    """The filter ``when``: it knows the reader's time zone from the page's frame."""

    @pass_context
    def when(context: Context, instant: datetime) -> Markup:
        frame = context.get("frame")
        return words.when(instant, frame.time_zone if frame is not None else "")

    return when


def _environment(directory: Path, words: Words, brand: Brand, assets: Assets, *, reloads: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([directory / "pages", directory]),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=reloads,
    )
    environment.filters.update(
        t=words.translate, when=_when(words), asset=assets.address, in_language=in_language, with_links=with_links
    )
    support = link(f"mailto:{brand.support_address}", brand.support_address)
    environment.globals.update(link=link, bold=bold, code=code, brand=brand, support=support)
    environment.globals["help_address"] = brand.help_url or BUILT_IN_HELP
    return environment
