"""Deployment settings: read once, from a TOML file and the environment, every mistake reported together.

Each setting has one name, in the file as ``base_url = "..."`` and in the environment as ``PORTICO_BASE_URL``; the
environment wins. What an organization decides for its members is not here but in the database, where it is audited.
``docs/settings.md`` is made from this file.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from portico.kernel.brand import Brand
from portico.kernel.errors import Misconfigured
from portico.kernel.normalise import address_key
from portico.kernel.zones import is_zone
from portico.mail.smtp import Security
from portico.organizations.domains.lookup import read_server
from portico.web.base_url import BaseUrl, is_loopback, parse_base_url
from portico.web.client_address import read_networks

PREFIX = "PORTICO_"
CONFIG_VARIABLE = "PORTICO_CONFIG"
_NOT_OURS = re.compile(r"PORTICO_(TEST_.*|VERIFY|CONFIG)")
_SPAN = re.compile(r"(\d+)\s*(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ACCENT = re.compile(r"#[0-9a-fA-F]{6}")
T = TypeVar("T")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("write it as a text")  # noqa: TRY004 - every mistake in a setting is one kind of mistake
    return value


def _number(value: object) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,9}", str(value)):
        raise ValueError("write it as a whole number, 0 or more")
    return int(str(value))


def _port(value: object) -> int:
    number = _number(value)
    if number > 65535:
        raise ValueError("a port is at most 65535")
    return number


def _positive(value: object) -> int:
    number = _number(value)
    if number < 1:
        raise ValueError("it must be 1 or more")
    return number


def _switch(value: object) -> bool:
    known = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if str(value).lower() not in known:
        raise ValueError("write true or false")
    return known[str(value).lower()]


def _span(value: object) -> timedelta:
    found = _SPAN.fullmatch(str(value).strip())
    if not found or int(found[1]) == 0:
        raise ValueError("write a number with s, m, h or d, such as 30d")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def _span_or_none(value: object) -> timedelta:
    return timedelta(0) if str(value).strip() == "0" else _span(value)


def _one_of(*choices: T) -> Callable[[object], T]:
    def parse(value: object) -> T:
        for choice in choices:
            if choice == value:
                return choice
        raise ValueError(f"choose one of {', '.join(map(str, choices))}")

    return parse


def _path(value: object) -> Path:
    return Path(_text(value)).expanduser()


def _address(value: object) -> str:
    if address_key(_text(value)) is None:
        raise ValueError("write a mail address")
    return _text(value)


def _zone(value: object) -> str:
    if _text(value) != "UTC" and not is_zone(_text(value)):
        raise ValueError("write the name of a time zone as Europe/Berlin, or UTC")
    return _text(value)


def _accent(value: object) -> str:
    if not _ACCENT.fullmatch(_text(value)):
        raise ValueError("write a colour as #0f766e")
    return _text(value)


def _web_address(value: object) -> str:
    if _text(value) and not re.match(r"https?://[^\s]+$", _text(value)):
        raise ValueError("write an address that begins with https://")
    return _text(value)


def _range_service(value: object) -> str:
    if re.search(r"[\s?#@]", _text(value)):
        raise ValueError("write the address alone, without a query or a user")
    parts = urlsplit(_text(value))
    is_whole = bool(parts.hostname) and parts.port != 0  # asking for a port that is none raises
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if _text(value) and not (is_whole and is_safe):
        raise ValueError("write an address that begins with https://; plain http is for localhost only")
    return _text(value).rstrip("/")


def _dns_server(value: object) -> str:
    if _text(value):
        read_server(_text(value))
    return _text(value)


def _networks(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [part for part in _text(value).split(",") if part.strip()]
    networks = tuple(str(item).strip() for item in items)
    read_networks(networks)
    return networks


def _base_url(value: object) -> BaseUrl:
    return parse_base_url(_text(value))


def setting(
    default: T, parse: Callable[[object], T], about: str, *, shown: str | None = None, secret: bool = False
) -> T:
    """One setting. ``shown`` is how its default reads in the documentation, where that is not its value."""
    made: T = field(default=default, repr=not secret, metadata={"parse": parse, "about": about, "shown": shown})
    return made


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting of a deployment."""

    base_url: BaseUrl = setting(
        BaseUrl("http", "localhost:8000"), _base_url,
        "The address people open, such as `https://login.example.org`. Every link is made from it; plain http is for "
        "localhost only.", shown="http://localhost:<port>",
    )  # fmt: skip
    passkey_domain: str = setting(
        "", _text,
        "The domain that passkeys are made for: the host of `base_url`, or a domain above it. Passkeys work for no "
        "other, so the server does not start when it has changed while there are any.",
        shown="<host of base_url>",
    )  # fmt: skip
    host: str = setting("127.0.0.1", _text, "The address to listen on.")
    port: int = setting(8000, _port, "The port to listen on.")
    data: Path = setting(Path("data"), _path, "The folder for the embedded database, keys and the development mailbox.")
    database_url: str = setting(
        "", _text, "`sqlite:///path` or `postgresql://user:password@host/name`.",
        shown="sqlite:///<data>/portico.db", secret=True,
    )  # fmt: skip
    sealing_keys_file: Path = setting(
        Path(), _path,
        "The file with the keys that seal secrets at rest, newest first. Made at the first start. Back it up: without "
        "it the database's sealed values are lost.", shown="<data>/sealing.keys",
    )  # fmt: skip
    trusted_proxies: tuple[str, ...] = setting(
        (), _networks, "Addresses or networks of reverse proxies whose `X-Forwarded-For` counts.", shown="none"
    )

    brand_name: str = setting("Portico", _text, "What the deployment calls itself, on every page and in every mail.")
    brand_accent: str = setting("#0f766e", _accent, "The accent colour; readable shades are derived from it.")
    brand_logo_file: Path | None = setting(None, _path, "An SVG file with the logo.", shown="the built-in mark")
    brand_support_address: str = setting("help@example.org", _address, "Where people write for help.")
    brand_help_url: str = setting("", _web_address, "Where the Help link leads.", shown="the built-in help page")

    sign_up: str = setting(
        "open", _one_of("open", "closed"),
        "`open`: anybody with a mailbox may make an account. `closed`: accounts are made by operators alone.",
    )  # fmt: skip
    own_mfa: str = setting(
        "on", _one_of("on", "off"),
        "`on`: people may set up an authenticator app or a passkey of their own accord. `off`: only members of an "
        "organization whose policy has `mfa` optional or required. Whoever has one is asked for it either way.",
    )  # fmt: skip
    terms_url: str = setting(
        "", _web_address, "Where the terms stand that people accept when they sign up.", shown="no terms"
    )
    terms_version: str = setting("1", _text, "The name of these terms; change it when they change.")
    privacy_url: str = setting("", _web_address, "Where the privacy notice stands.", shown="none")

    mail_transport: str = setting(
        "smtp", _one_of("smtp", "maildir"), "`smtp`, or `maildir` to put mails into a folder (development)."
    )
    mail_from: str = setting("portico@example.org", _address, "The address mails come from.")
    smtp_host: str = setting("localhost", _text, "The mail server.")
    smtp_port: int = setting(587, _port, "Its port.")
    smtp_security: Security = setting(
        "starttls", _one_of("starttls", "tls", "none"),
        "`starttls` and `tls` are never downgraded; `none` is for a server on this machine only.",
    )  # fmt: skip
    smtp_username: str = setting("", _text, "The user to sign in to the mail server as.", shown="no sign-in")
    smtp_password: str = setting("", _text, "That user's password.", shown="none", secret=True)

    password_min_length: int = setting(8, _positive, "How long a password must be.")
    password_composition: bool = setting(
        default=True, parse=_switch, about="Whether a password must hold A-Z, a-z, 0-9 and another character."
    )
    breached_password_service: str = setting(
        "", _range_service,
        "A service that is asked, by the first five digits of a hash, whether a new password is known from a breach, "
        "such as `https://api.pwnedpasswords.com`. See [passwords](operating/passwords.md).", shown="none",
    )  # fmt: skip
    breached_password_service_timeout: timedelta = setting(
        timedelta(seconds=2), _span, "How long its answer may take.", shown="2s"
    )
    breached_password_service_down: str = setting(
        "accept", _one_of("accept", "refuse"),
        "What becomes of a new password while it gives no answer: `accept` it, with a warning in the log, or `refuse` "
        "it and ask the person to try again in a moment.",
    )  # fmt: skip
    breached_password_filter: Path | None = setting(
        None, _path,
        "A file with hashes of passwords known from breaches, made with `portico passwords build-filter`.",
        shown="none",
    )  # fmt: skip
    argon2_memory_kib: int = setting(19 * 1024, _positive, "Memory of one password hash, in KiB.")
    argon2_passes: int = setting(2, _positive, "Passes of one password hash.")
    hash_threads: int = setting(0, _number, "Threads that hash passwords; 0: as many as there are cores.")
    hash_queue: int = setting(128, _positive, "Hashes that may run or wait before sign-ins are asked to come back.")

    reset_link_lifetime: timedelta = setting(timedelta(hours=24), _span, "How long a reset link lives.", shown="24h")
    session_lifetime: timedelta = setting(
        timedelta(days=30), _span, "How long a session lasts with Stay signed in.", shown="30d"
    )
    session_idle: timedelta = setting(timedelta(days=14), _span, "How long it may rest unused.", shown="14d")
    brief_session_lifetime: timedelta = setting(
        timedelta(days=7), _span, "How long a session lasts without Stay signed in, at most.", shown="7d"
    )
    brief_session_idle: timedelta = setting(timedelta(hours=12), _span, "How long that may rest unused.", shown="12h")
    access_token_lifetime: timedelta = setting(
        timedelta(minutes=10), _span, "How long an access token is good.", shown="10m"
    )

    expired_password_grace: timedelta = setting(
        timedelta(hours=12), _span_or_none,
        "How long a session that is open in an app goes on once its password has expired, so that nobody drops off a "
        "call; `0`: not at all. Nobody signs in with it meanwhile. See [passwords](operating/passwords.md).",
        shown="12h",
    )  # fmt: skip

    default_time_zone: str = setting(
        "UTC",
        _zone,
        "The time zone of people who have not chosen one: they are reminded that their password expires in its "
        "morning.",
    )

    job_lease: timedelta = setting(
        timedelta(seconds=30),
        _span,
        "How long the server that does the jobs of all may be silent before another takes over; the trail is sealed "
        "twice as often, every 15 seconds at the latest.",
        shown="30s",
    )
    dns_server: str = setting(
        "", _dns_server,
        "The name server that is asked when an organization proves a domain: an IP address, with or without a port. "
        "One that validates DNSSEC is best.", shown="the system's",
    )  # fmt: skip

    log_format: str = setting("json", _one_of("json", "console"), "`json` for machines, `console` for people.")
    log_level: str = setting("info", _one_of("debug", "info", "warning", "error"), "What is logged.")

    @property
    def is_embedded(self) -> bool:
        """Whether the database is a file of ours, so that this is the one server process."""
        return self.database_url.startswith("sqlite:")

    def make_data_folder(self) -> None:
        """Make the folder for everything that rests, if it is not there: nobody else may look into it."""
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def passkey_host(self) -> str:
        """The domain that passkeys are made for."""
        return self.passkey_domain.lower() or self.base_url.hostname

    def brand(self) -> Brand:
        """The brand; raises Misconfigured for a logo that cannot be read."""
        try:
            logo = self.brand_logo_file.read_bytes() if self.brand_logo_file else b""
        except OSError as error:
            raise Misconfigured(f"brand_logo_file cannot be read: {error.strerror}") from error
        return Brand(
            name=self.brand_name,
            accent=self.brand_accent,
            support_address=self.brand_support_address,
            help_url=self.brand_help_url,
            logo_svg=logo,
        )


def read_settings(
    environment: Mapping[str, str] = os.environ, file: Path | None = None, defaults: Mapping[str, object] | None = None
) -> Settings:
    """Read the settings; raises Misconfigured with every mistake, one to a line.

    ``defaults`` stand in for those of the table, for settings that neither file nor environment names.
    """
    mistakes: list[str] = []
    named = file or (Path(environment[CONFIG_VARIABLE]) if environment.get(CONFIG_VARIABLE) else None)
    raw = {**(defaults or {}), **_read_file(named, mistakes), **_read_environment(environment, mistakes)}
    values: dict[str, Any] = {}
    known = {each.name: each for each in fields(Settings)}
    for name, value in raw.items():
        if name not in known:
            mistakes.append(f"{name}: there is no such setting")
            continue
        try:
            values[name] = known[name].metadata["parse"](value)
        except ValueError as error:
            mistakes.append(f"{name}: {error}")
    if mistakes:
        raise Misconfigured("\n".join(mistakes))
    return _completed(values)


def setting_rows() -> list[tuple[str, str, str]]:
    """Name, default and meaning of every setting, for the documentation."""
    return [(each.name, _shown_default(each), each.metadata["about"]) for each in fields(Settings)]


def _completed(values: dict[str, Any]) -> Settings:
    """Fill in what follows from other settings."""
    data = values.get("data", Path("data"))
    port = values.get("port", 8000)
    values.setdefault("base_url", parse_base_url(f"http://localhost:{port}"))
    values.setdefault("database_url", f"sqlite:///{data}/portico.db")
    values.setdefault("sealing_keys_file", data / "sealing.keys")
    return Settings(**values)


def _read_file(file: Path | None, mistakes: list[str]) -> dict[str, object]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        mistakes.append(f"{file}: {error}")
        return {}


def _read_environment(environment: Mapping[str, str], mistakes: list[str]) -> dict[str, object]:
    known = {each.name for each in fields(Settings)}
    found: dict[str, object] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or _NOT_OURS.fullmatch(variable):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in known:
            found[name] = value
        else:
            mistakes.append(f"{variable}: there is no such setting")
    return found


def _shown_default(each: "Field[Any]") -> str:
    shown = each.metadata["shown"]
    if shown is not None:
        return str(shown)
    return (
        ""
        if each.default is MISSING
        else str(each.default).lower()
        if each.default in (True, False)
        else str(each.default)
    )
