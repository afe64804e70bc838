"""Sentences a person can see: a code and its values here, the words in the catalogues.

Every sentence has a stable code (``signin.password.wrong``). The gettext catalogues in ``locale/`` translate codes,
English being one catalogue among the others; the JSON API sends code, values and text. A value called ``count``
chooses the plural. The pseudo-language (:data:`PSEUDO`) is made from English at run time: accented, a third longer
and in brackets, so that a bare or a cut text is seen at once.
"""

import gettext
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

DEFAULT_LANGUAGE = "en"
PSEUDO = "en-XA"
DOMAIN = "portico"

Values: TypeAlias = Mapping[str, str | int]

_NONE: Values = MappingProxyType({})
_ACCENTED = str.maketrans("aeiouyAEIOUYcnsz", "åéîöûýÅÉÎÖÛÝçñšž")


@dataclass(frozen=True, slots=True)
class Message:
    """One sentence: its code, and the values that fill it."""

    code: str
    params: Values = field(default_factory=lambda: _NONE)


def message(code: str, **params: str | int) -> Message:
    """A :class:`Message`, written shortly."""
    return Message(code, params)


class Catalogues:
    """The words of every language, read once."""

    def __init__(self, directory: Path) -> None:
        """Read ``<directory>/<language>/LC_MESSAGES/portico.mo`` for each language there."""
        self._translations = {
            path.parent.parent.name: gettext.translation(DOMAIN, directory, [path.parent.parent.name])
            for path in sorted(directory.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))
        }
        if DEFAULT_LANGUAGE not in self._translations:
            raise FileNotFoundError(f"no {DEFAULT_LANGUAGE} catalogue below {directory}")

    def languages(self) -> tuple[str, ...]:
        """The languages people can choose, as BCP 47 tags, English first."""
        others = sorted(set(self._translations) - {DEFAULT_LANGUAGE})
        return (DEFAULT_LANGUAGE, *others)

    def pattern(self, code: str, language: str, count: int | None = None) -> str:
        """The sentence for a code before its values are filled in; the code itself if nobody wrote one."""
        source = DEFAULT_LANGUAGE if language == PSEUDO else language
        translation = self._translations.get(source, self._translations[DEFAULT_LANGUAGE])
        found = translation.gettext(code) if count is None else translation.ngettext(code, code, count)
        return pseudo(found) if language == PSEUDO else found

    def text(self, message: Message, language: str) -> str:
        """A whole sentence in one language."""
        count = message.params.get("count")
        pattern = self.pattern(message.code, language, count if isinstance(count, int) else None)
        return pattern.format_map(message.params)


def pseudo(pattern: str) -> str:
    """A sentence in the pseudo-language; its placeholders stay as they are."""
    parts = []
    for literal, name, _spec, _conversion in string.Formatter().parse(pattern):
        parts.append(literal.translate(_ACCENTED).replace("{", "{{").replace("}", "}}"))
        if name is not None:
            parts.append(f"{{{name}}}")
    body = "".join(parts)
    return f"[{body}{'~' * (len(pattern) // 3)}]"
