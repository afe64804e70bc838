"""What letters are made of. How a block looks as text and as HTML is the business of ``templates/emails`` alone."""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias


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
