"""What a factor hands back: a Proof, or a Failure that says why not.

Pure values. Policy counts *classes* of proof (something one knows, has or is: NIST SP 800-63B-4 section 2.2), never
levels, and one mailbox never counts twice however many proofs went through it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

import msgspec


class ProofKind(StrEnum):
    """How something was proven."""

    PASSWORD = "password"
    TOTP = "totp"
    PASSKEY = "passkey"
    RECOVERY_CODE = "recovery_code"
    EMAIL_CODE = "email_code"
    MAILED_LINK = "mailed_link"
    GOOGLE = "google"
    APPLE = "apple"
    OIDC = "oidc"


class ProofClass(StrEnum):
    """What a proof rests on."""

    KNOW = "know"
    HAVE = "have"
    ARE = "are"


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was proven, at ``at``, with one credential.

    ``through_mailbox`` marks whatever the holder of the mailbox alone could have produced: mailed codes and links,
    and a password that was set through them. ``vouched_at`` is when another second factor was proven last beside a
    passkey, or it was registered; ``set_up_at`` is when a second factor was set up.
    """

    kind: ProofKind
    classes: frozenset[ProofClass]
    at: datetime
    credential: str | None = None
    user_verified: bool = False
    through_mailbox: bool = False
    vouched_at: datetime | None = None
    set_up_at: datetime | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why an answer was not good: a message code and its values. ``field`` names the form field it belongs to."""

    code: str
    params: Mapping[str, str | int] = {}
    field: str | None = None


def proven_classes(proofs: Iterable[Proof]) -> frozenset[ProofClass]:
    """The classes that ``proofs`` prove together.

    All that went through the mailbox counts as one proof: the one that adds most.
    """
    proofs = tuple(proofs)
    own: frozenset[ProofClass] = frozenset().union(*(proof.classes for proof in proofs if not proof.through_mailbox))
    mailed = [own | proof.classes for proof in proofs if proof.through_mailbox]
    return max([own, *mailed], key=len)
