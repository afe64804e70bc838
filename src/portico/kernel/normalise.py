"""Normal forms: when two spellings mean the same address, handle or password.

A *comparison key* is stored, unique, beside what the person typed, together with :data:`NORMALISER_VERSION`. The rules:

* address: local part in NFC with only A-Z lowered (RFC 5321 section 2.4 leaves case to the host, everyone folds it);
  domain by UTS-46, non-transitional, as A-labels; plus-tags and dots are kept;
* handle: A-Z lowered;
* password: NFC and nothing else (NIST SP 800-63B-4 section 3.1.1.2), never trimmed, cut or folded.

A string with ``@`` is only ever an address, any other only ever a handle, so one cannot shadow the other.
"""

import re
import unicodedata

import idna

NORMALISER_VERSION = 1
ADDRESS_MAX = 254
LOCAL_PART_MAX = 64
PASSWORD_MAX = 256
IDENTIFIER_MAX = 320

_HANDLE = re.compile(r"[a-z][a-z0-9._-]{2,29}")
_BARE_LOCAL_PART = re.compile(r"[^\s\"(),:;<>@\[\\\]\x00-\x20\x7f-\x9f]+")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def address_key(address: str) -> str | None:
    """The comparison key of a mail address; None if the string is not an address we can deliver to."""
    local, at, domain = one_line(address).rpartition("@")
    local = local.translate(_LOWER)
    if not at or not _is_local_part(local) or not _is_storable(local):
        return None
    host = domain_key(domain)
    key = f"{local}@{host}"
    return key if host is not None and len(key.encode()) <= ADDRESS_MAX else None


def domain_key(domain: str) -> str | None:
    """A domain as A-labels (RFC 5890), as it stands in the keys of addresses; None if no mail can go to it."""
    try:
        host = idna.encode(one_line(domain), uts46=True, transitional=False, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return None
    return host if "." in host.rstrip(".") == host else None


def handle_key(handle: str) -> str | None:
    """The comparison key of a Portico ID; None if the string cannot be one."""
    key = one_line(handle).translate(_LOWER)
    return key if _HANDLE.fullmatch(key) else None


def identifier_key(typed: str) -> str | None:
    """The key for whatever was typed where a username is asked; None if no account can have it."""
    return address_key(typed) if "@" in typed else handle_key(typed)


def name_key(name: str) -> str:
    """The comparison key of an organization's name: capitals, compatibility forms and spacing make no difference."""
    return one_line(unicodedata.normalize("NFKC", name)).casefold()


def throttle_form(typed: str) -> str:
    """A form of any typed identifier, known or not, possible or not, under which tries are counted."""
    return identifier_key(typed) or one_line(typed).translate(_LOWER)


def password_form(typed: str) -> str | None:
    """The form of a password that is hashed; None if it is too long or cannot be written as UTF-8."""
    if len(typed) > PASSWORD_MAX or not _is_storable(typed):
        return None
    form = unicodedata.normalize("NFC", typed)
    return form if len(form) <= PASSWORD_MAX else None


def one_line(typed: str) -> str:
    """Typed text on one line: NFC, control and formatting characters dropped, white space folded and trimmed."""
    kept = "".join(
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", typed)
        if character.isspace() or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )
    return unicodedata.normalize("NFC", " ".join(kept.split()))  # what was dropped may have kept an accent apart


def _is_local_part(local: str) -> bool:
    return (
        _BARE_LOCAL_PART.fullmatch(local) is not None
        and not local.startswith(".")
        and not local.endswith(".")
        and ".." not in local
        and len(local.encode("utf-8", "surrogatepass")) <= LOCAL_PART_MAX
    )


def _is_storable(text: str) -> bool:
    """Whether a string has no lone surrogates, so that it can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
