"""What every factor is: something that judges an answer.

A factor returns a proof or a failure and nothing else. It cannot finish a sign-in, open a session or choose the next
step, so it cannot forget to ask for one. It works in two moves: ``judge`` reads and hashes outside any transaction;
``settle`` burns, inside the transaction that records the proof, whatever may be used once, by one statement.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Protocol

import msgspec

from portico.database.engine import Reader, Transaction
from portico.factors.proof import Failure, Proof, ProofKind


class PasswordAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="password"):
    """The password, as typed."""

    password: str
    stay_signed_in: bool = True


class MailedLinkAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="mailed_link"):
    """The token of a mailed link."""

    token: str


class EmailCodeAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="email_code"):
    """The code from a mail, as typed: spaces do not count."""

    code: Annotated[str, msgspec.Meta(max_length=64)]


class TotpAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="totp"):
    """The code an authenticator app shows, as typed: spaces do not count."""

    code: Annotated[str, msgspec.Meta(max_length=64)]


class RecoveryCodeAnswer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="recovery_code"
):
    """The recovery code, as typed: dashes, spaces and case do not count."""

    code: Annotated[str, msgspec.Meta(max_length=64)]


class PasskeyAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="passkey"):
    """What ``navigator.credentials.get()`` gave, as its ``toJSON()`` (Web Authentication Level 3, section 5.1)."""

    credential: dict[str, Any]
    stay_signed_in: bool = True


ProofAnswer = PasswordAnswer | MailedLinkAnswer | EmailCodeAnswer | TotpAnswer | RecoveryCodeAnswer | PasskeyAnswer


class Subject(msgspec.Struct, frozen=True):
    """Of whom a proof is asked, and in which attempt. Nobody is meant where ``account_id`` is None.

    Whoever a passkey belongs to is meant where it ``names_itself``; ``challenge`` is what it has to answer.
    """

    account_id: str | None
    attempt_id: str = ""
    challenge: bytes = b""
    names_itself: bool = False


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a factor found. Exactly one of ``proof`` and ``failure`` is set.

    ``account_id`` and ``epoch`` say whom the proof is of and under which security epoch it was made. ``version`` is
    the credential's at the time it was compared; ``settle`` fails when it has moved on. ``upgrade`` is a fresh hash
    of the same secret, where the stored one is outdated. ``burns`` is what ``settle`` uses up; ``step`` is the step of
    time a code of an authenticator app was good for, or the counter of a passkey; ``backed_up`` is what a passkey says
    of itself. ``misses`` is the credential whose ``step`` ``settle`` uses up although the answer was not good.
    """

    proof: Proof | None = None
    failure: Failure | None = None
    account_id: str | None = None
    epoch: int = 0
    version: int = 0
    upgrade: bytes | None = None
    burns: bytes | None = None
    step: int = 0
    backed_up: bool = False
    misses: str | None = None


class Factor(Protocol):
    """One way of proving something."""

    kind: ProofKind

    async def judge(
        self, reader: Reader, subject: Subject, answer: ProofAnswer, now: Callable[[], datetime]
    ) -> Judgement:
        """Whether the answer is good for this account; a subject that is nobody costs as much as any other."""
        ...

    async def settle(self, tx: Transaction, judgement: Judgement, now: datetime) -> bool:
        """Use the proof up; False when somebody was faster, the credential changed, or nothing is proven."""
        ...
