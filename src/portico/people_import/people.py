"""A person as a line of the file describes them: read, checked, and refused with a stable code where anything is amiss.

The form is documented in docs/operating/import.md. What is read here needs no database: whether an address or a
Portico ID is taken is found out by the service.
"""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from portico.accounts.service import NAME_MAX, RESERVED_HANDLES
from portico.factors.foreign_hashes import HashProblem
from portico.factors.hash_dialects import KeycloakCredential, read_hash, read_keycloak
from portico.factors.model import HISTORY_MAX
from portico.kernel.normalise import address_key, handle_key, one_line
from portico.kernel.zones import is_zone
from portico.people_import.lines import Line

_NO_ZONE = frozenset({"", "UTC", "Etc/UTC"})
"""Whose clocks show what we show anyway."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DETAIL_MAX = 200
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class PersonLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of a line; only the address is needed."""

    address: str
    handle: str | None = None
    first_name: str = ""
    last_name: str = ""
    language: str | None = None
    time_zone: str = ""
    password_hash: str | None = None
    keycloak: KeycloakCredential | None = None
    password_changed_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    password_history: Annotated[list[str | KeycloakCredential], msgspec.Meta(max_length=HISTORY_MAX)] = []
    is_disabled: bool = False
    created_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class Newcomer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can move in: ``secret`` is their hash in the form in which it is stored.

    ``former_secrets`` are those of the passwords they had before, newest first.
    """

    line: int
    address: str
    address_key: str
    handle_key: str | None
    first_name: str
    last_name: str
    language: str
    time_zone: str
    secret: bytes | None
    password_changed_at: datetime | None
    former_secrets: tuple[bytes, ...]
    is_disabled: bool
    created_at: datetime | None


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a line is not taken."""

    line: int
    code: str
    detail: str = ""


class Reader:
    """Reads lines. ``language`` is that of people whose line names none; ``languages`` are those we speak."""

    def __init__(self, language: str, languages: tuple[str, ...], now: datetime) -> None:
        self._language = language
        self._languages = languages
        self._now = now

    def read(self, line: Line) -> Newcomer | Refusal:
        """The person in a line, or why there is none."""
        person = _decode(line)
        if isinstance(person, Refusal):
            return person
        secret = _find_secret(person)
        code = secret.value if isinstance(secret, HashProblem) else self._find_fault(person)
        if code:
            return Refusal(line=line.number, code=code)
        former = _find_former(person, line.number)
        if isinstance(former, Refusal):
            return former
        return Newcomer(
            line=line.number,
            address=person.address,
            address_key=address_key(person.address) or "",
            handle_key=handle_key(person.handle) if person.handle else None,
            first_name=one_line(person.first_name),
            last_name=one_line(person.last_name),
            language=self._find_language(person) or "",
            time_zone=person.time_zone if is_zone(person.time_zone) else "",
            secret=secret if isinstance(secret, bytes) else None,
            password_changed_at=person.password_changed_at,
            former_secrets=former,
            is_disabled=person.is_disabled,
            created_at=person.created_at,
        )

    def _find_fault(self, person: PersonLine) -> str:
        """The code of the first thing that is amiss, in the order of the fields; empty if nothing is."""
        handle = handle_key(person.handle) if person.handle else None
        names = (one_line(person.first_name), one_line(person.last_name))
        faults = (
            ("unwritable", _holds_null(person)),
            ("two_hashes", person.password_hash is not None and person.keycloak is not None),
            ("address_impossible", address_key(person.address) is None),
            ("handle_impossible", bool(person.handle) and (handle is None or handle in RESERVED_HANDLES)),
            ("name_too_long", max(map(len, names)) > NAME_MAX),
            ("language_unknown", self._find_language(person) is None),
            ("time_zone_unknown", person.time_zone not in _NO_ZONE and not is_zone(person.time_zone)),
            ("created_at_impossible", not self._is_possible(person.created_at)),
            ("password_missing", _has_clocks(person) and person.password_hash is None and person.keycloak is None),
            ("password_changed_at_impossible", not self._is_possible(person.password_changed_at)),
        )
        return next((code for code, is_so in faults if is_so), "")

    def _is_possible(self, at: datetime | None) -> bool:
        return at is None or _EARLIEST <= at <= self._now

    def _find_language(self, person: PersonLine) -> str | None:
        """The language as we name it: ``de`` for ``de-AT`` too."""
        if not person.language:
            return self._language
        wanted = person.language.replace("_", "-").lower().partition("-")[0]
        return wanted if wanted in self._languages else None


def _decode(line: Line) -> PersonLine | Refusal:
    if line.data is None:
        return Refusal(line=line.number, code="too_long")
    data = line.data.removeprefix(_BYTE_ORDER_MARK) if line.number == 1 else line.data
    if not data.strip():
        return Refusal(line=line.number, code="empty")
    try:
        return msgspec.json.decode(data.decode(), type=PersonLine)
    except UnicodeDecodeError:
        return Refusal(line=line.number, code="bad_utf8")
    except msgspec.ValidationError as error:
        return Refusal(line=line.number, code="bad_field", detail=one_line(str(error))[:_DETAIL_MAX])
    except (msgspec.DecodeError, RecursionError):
        return Refusal(line=line.number, code="bad_json")


def _find_secret(person: PersonLine) -> bytes | HashProblem | None:
    given = person.keycloak if person.password_hash is None else person.password_hash
    return None if given is None else _read_secret(given)


def _find_former(person: PersonLine, line: int) -> tuple[bytes, ...] | Refusal:
    """The hashes of the passwords before; of several that are not taken, the first is told."""
    found: list[bytes] = []
    for at, given in enumerate(person.password_history):
        secret = _read_secret(given)
        if isinstance(secret, HashProblem):
            return Refusal(line=line, code=secret.value, detail=f"password_history[{at}]")
        found.append(secret)
    return tuple(found)


def _read_secret(given: str | KeycloakCredential) -> bytes | HashProblem:
    """A hash in the form in which it is stored, or why it is not taken."""
    found = read_hash(given) if isinstance(given, str) else read_keycloak(given)
    return found if isinstance(found, HashProblem) else found.write().encode()


def _has_clocks(person: PersonLine) -> bool:
    """Whether a line says something about a password beside its hash."""
    return person.password_changed_at is not None or bool(person.password_history)


def _holds_null(person: PersonLine) -> bool:
    texts = (person.address, person.handle, person.first_name, person.last_name, person.language, person.time_zone)
    return any("\0" in text for text in texts if text)
