"""Strangers who write down all they are shown, to find out who has an account.

The people differ in everything but what a stranger sees: known, unknown, disabled, closed, without a password.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

import httpx

from portico.accounts.model import AccountState
from tests.support.dump import count_rows
from tests.support.hashers import watched
from tests.support.world import PASSWORD, World

PEOPLE = {
    "known": "qzabel@north-clinic.example",
    "unknown": "qzbaxt@north-clinic.example",
    "disabled": "qzcora@north-clinic.example",
    "closed": "qzdora@north-clinic.example",
    "without": "qzenid@north-clinic.example",
}
_NONCES = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r'(name="(?:form|csrf)" value=")[^"]*'), r"\1<token>"),
    (re.compile(r'("ticket":")[^"]*'), r"\1<ticket>"),
    (re.compile(r"((?:\"|&#34;)challenge(?:\"|&#34;):(?:\"|&#34;))[A-Za-z0-9_-]{43}"), r"\1<challenge>"),
    (re.compile(r"(request_id\":\"|<code>)[A-Za-z0-9_-]{12}"), r"\1<request>"),
    (re.compile(r"(__Host-portico_(?:notice|browser)=)[^;]+"), r"\1<sealed>"),
    (re.compile(r"expires=[^;]+"), "expires=<when>"),
]
_FRESH = {"x-request-id", "date"}


@dataclass
class Story:
    """What a stranger has seen, and what it has cost."""

    seen: list[str] = field(default_factory=list)
    hashes: list[int] = field(default_factory=list)
    rows: list[Counter[str]] = field(default_factory=list)


class Stranger:
    """Somebody who writes down everything they are shown, without what is drawn anew each time."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name
        self.story = Story()
        self._counted: Counter[str] = Counter()

    async def start(self) -> None:
        """Begin to count."""
        self._counted = Counter(await count_rows(self._world.house.database))
        self._hashes = watched(self._world).count

    async def note(self, answer: httpx.Response) -> httpx.Response:
        """Write an answer down, with its cost."""
        headers = "\n".join(
            f"{name}: {value}" for name, value in sorted(answer.headers.multi_items()) if name not in _FRESH
        )
        told = f"{answer.status_code}\n{headers}\n{answer.text}"
        for pattern, stand_in in _NONCES:
            told = pattern.sub(stand_in, told)
        self.story.seen.append(told.replace(self._name, "<name>"))
        counted = Counter(await count_rows(self._world.house.database))
        self.story.rows.append(counted - self._counted)
        assert not self._counted - counted
        self._counted = counted
        hashes = watched(self._world).count
        self.story.hashes.append(hashes - self._hashes)
        self._hashes = hashes
        return answer


async def move_in(world: World) -> None:
    """Everybody but the unknown."""
    await world.add_person(PEOPLE["known"], PASSWORD)
    await world.add_person(PEOPLE["disabled"], PASSWORD, state=AccountState.DISABLED)
    await world.add_person(PEOPLE["closed"], PASSWORD, state=AccountState.CLOSED)
    await world.add_person(PEOPLE["without"], "")


def same(stories: dict[str, Story]) -> None:
    """All stories are one."""
    first = stories["unknown"]
    for name, story in stories.items():
        assert story.hashes == first.hashes, name
        assert story.rows == first.rows, name
        for left, right in zip(story.seen, first.seen, strict=True):
            assert left == right, name
