"""What a new password is refused for beyond its criteria: common, its owner's own data, known from a breach (D2).

One place for all of it. What costs nothing comes first, what leaves the machine last, and nothing is ever sent about a
password that is refused for another reason.
"""

import asyncio
import hashlib
from typing import Protocol

import structlog

from portico.factors.breach_filter import BreachFilter
from portico.factors.common_passwords import CommonPasswords
from portico.factors.model import OwnData
from portico.factors.password_rules import holds_own_data
from portico.factors.proof import Failure
from portico.kernel.normalise import password_form

COMMON = Failure(code="password.common", field="new_password")
OWN_DATA = Failure(code="password.own_data", field="new_password")
BREACHED = Failure(code="password.breached", field="new_password")
CHECK_DOWN = Failure(code="password.breach_check_down", field="new_password")
_log = structlog.get_logger("portico.passwords")


class RangeService(Protocol):
    """Who can say how often a password was seen; ``breach_service`` is one."""

    async def find_count(self, sha1: bytes) -> int | str:
        """How often the password with this SHA-1 was seen; in words what is wrong, if there is no answer."""
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...


class PasswordScreen:
    """The checks of a deployment."""

    def __init__(
        self,
        *,
        brand: str,
        common: CommonPasswords,
        known: BreachFilter | None = None,
        service: RangeService | None = None,
        refuses_when_down: bool = False,
    ) -> None:
        """``known`` and ``service`` are None where none is configured."""
        self._brand = brand
        self._common = common
        self._known = known
        self._service = service
        self._refuses_when_down = refuses_when_down
        self.times_down = 0
        """How often the service gave no answer since the start."""

    def find_plain_failure(self, typed: str, about: OwnData) -> Failure | None:
        """Whether a password is common or holds its owner's own data. Costs nothing worth speaking of."""
        if self._common.is_common(typed):
            return COMMON
        if holds_own_data(typed, about, self._brand):
            return OWN_DATA
        return None

    async def find_in_filter(self, typed: str) -> Failure | None:
        """Whether the filter file knows a password; in a thread, because the disk may have to turn for it."""
        known, sha1 = self._known, sha1_of(typed)
        return BREACHED if known is not None and await asyncio.to_thread(known.is_known, sha1) else None

    async def ask_service(self, typed: str) -> Failure | None:
        """Whether the service knows a password. Only for what nothing else speaks against; never in a transaction."""
        if self._service is None:
            return None
        answer = await self._service.find_count(sha1_of(typed))
        if isinstance(answer, int):
            return BREACHED if answer > 0 else None
        self.times_down += 1
        policy = "refuse" if self._refuses_when_down else "accept"
        _log.warning("the breached-password service is down", why=answer, policy=policy, times=self.times_down)
        return CHECK_DOWN if self._refuses_when_down else None


def sha1_of(typed: str) -> bytes:
    """The hash under which passwords are published: of what we would store, in UTF-8."""
    return hashlib.sha1((password_form(typed) or "").encode(), usedforsecurity=False).digest()
