"""What goes into the flow and what comes out of it: who is at the door, what they begin, where an attempt stands."""

from datetime import datetime
from typing import Any

import msgspec

from portico.kernel.errors import Conflict
from portico.kernel.normalise import IDENTIFIER_MAX, one_line
from portico.sessions.model import Opened, SignedIn
from portico.signin.attempt import LIFETIME, SIGN_UP_LIFETIME, Attempt, ClientKind, Demands, Purpose
from portico.signin.password_criteria import AskedCriteria
from portico.signin.steps import Finished, Refused, RefusedReason, Step


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request comes from. ``holder_hash`` stands for the browser's cookie or the native client's ticket."""

    holder_hash: bytes
    device_hash: bytes | None
    network: str
    user_agent: str
    language: str
    signed_in: SignedIn | None = None


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt starts from. ``spends`` is the hash of the sealed form it came with, burnt with it."""

    purpose: Purpose = Purpose.SIGN_IN
    client_kind: ClientKind
    identifier: str = ""
    return_to: str = ""
    demands: Demands = Demands()
    session_id: str | None = None
    spends: bytes | None = None
    spent_until: datetime | None = None
    """Until when the form could be sent again; what is burnt is remembered as long."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is shown to set up. An authenticator app takes the address by its QR code, or the key typed.

    ``passkey`` is what a browser is asked to make a passkey by, or to find one by, as JSON (Web Authentication Level 3,
    section 5.4 and 5.5).
    """

    totp_uri: str = ""
    totp_key: str = ""
    recovery_code: str = ""
    passkey: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return "Setup(...)"  # all of it opens something


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """Where an attempt stands. ``opened`` is set once, on the answer that finished it.

    ``criteria`` are those of the new password, where the step asks for one; ``setup`` is what it shows to set up.
    """

    attempt: Attempt
    step: Step
    opened: Opened | None = None
    criteria: AskedCriteria | None = None
    setup: Setup | None = None


def begun_attempt(attempt_id: str, beginning: Beginning, visitor: Visitor, now: datetime) -> Attempt:
    """An attempt as it begins."""
    return Attempt(
        id=attempt_id,
        purpose=beginning.purpose,
        client_kind=beginning.client_kind,
        holder_hash=visitor.holder_hash,
        device_hash=visitor.device_hash,
        identifier=one_line(beginning.identifier)[:IDENTIFIER_MAX],
        demands=beginning.demands,
        return_to=beginning.return_to,
        session_id=beginning.session_id,
        language=visitor.language,
        created_at=now,
        expires_at=now + (SIGN_UP_LIFETIME if beginning.purpose is Purpose.SIGN_UP else LIFETIME),
    )


def unfinished(step: Step) -> Step:
    """The step of an attempt that could not be carried out, as it is now; raises Conflict if nothing says why."""
    if isinstance(step, Finished):
        raise Conflict("what the attempt was for has changed at the same moment")
    return step


def whole(situation: Situation) -> Situation:
    """Where an attempt stands after its account was made; raises Conflict where that was for nothing.

    An invitation that is over before its account has joined takes the account back with it.
    """
    step = situation.step
    if isinstance(step, Refused) and step.reason is RefusedReason.INVITATION_OVER:
        raise Conflict("the invitation was over at the same moment")
    return situation
