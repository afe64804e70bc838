"""The authenticator app factor: a time-based one-time password (RFC 6238), as every such app makes it (D13).

SHA-1, six digits, 30 seconds, a secret of 160 bits that is sealed wherever it lies. A code of the step before or after
the present one is taken as well; a step is good once, and none before it is good after it. A code that would be right a
few minutes earlier or later tells that the phone's clock is off, which is said and never accepted. Whoever guesses one
of the near future is told the same, so its step is used up: what was said of a code never becomes worth anything.
"""

import base64
import hmac
import math
from collections.abc import Callable
from datetime import datetime

import msgspec
import pyotp

from portico.database.engine import Reader, Transaction
from portico.factors.contract import Judgement, ProofAnswer, Subject, TotpAnswer
from portico.factors.model import TotpCredential
from portico.factors.proof import Failure, Proof, ProofClass, ProofKind
from portico.factors.second import store
from portico.kernel.chance import Chance
from portico.kernel.sealing import SealingKeys
from portico.kernel.tokens import NOBODY, new_id

SECRET_BYTES = 20
DIGITS = 6
PERIOD = 30
_DRIFT = 1
_RECOGNISED = 10
_PURPOSE = "authenticator app"

WRONG = Failure(code="totp.wrong", field="code")
USED = Failure(code="totp.used", field="code")
UNAVAILABLE = Failure(code="totp.unavailable", field="code")
"""The secret cannot be opened: its key is not in the ring (docs/decisions/0023-sealed-anew.md)."""


def draw_secret(chance: Chance) -> bytes:
    """A new secret."""
    return chance.draw_bytes(SECRET_BYTES)


def key_of(secret: bytes) -> str:
    """A secret as an app takes it: 32 characters in base32 (RFC 4648 section 6)."""
    return base64.b32encode(secret).decode()


def secret_of(key: str) -> bytes:
    """The secret a key spells."""
    return base64.b32decode(key)


def uri_of(secret: bytes, *, address: str, brand: str) -> str:
    """What the QR code carries (the Key Uri Format that authenticator apps share)."""
    return pyotp.TOTP(key_of(secret)).provisioning_uri(name=address, issuer_name=brand)


def code_at(secret: bytes, now: datetime) -> str:
    """The code an app shows at an instant."""
    return _app(secret).generate_otp(step_at(now))


def step_at(now: datetime) -> int:
    """Which step of time an instant lies in (RFC 6238 section 4.2)."""
    return int(now.timestamp()) // PERIOD


def match(secret: bytes, typed: str, now: datetime) -> int | Failure:
    """The step of time a typed code is good for; or why it is not."""
    present, nearest = step_at(now), recognise(secret, typed, now)
    if nearest is None:
        return WRONG
    if abs(nearest - present) <= _DRIFT:
        return nearest
    direction = "behind" if nearest < present else "ahead"
    minutes = max(1, round(abs(nearest - present) * PERIOD / 60))
    return Failure(code=f"totp.clock_{direction}", params={"count": minutes}, field="code")


def recognise(secret: bytes, typed: str, now: datetime) -> int | None:
    """The step of time, of those within a few minutes, that a typed code belongs to; the nearest, if it is several."""
    code = "".join(typed.split())
    if len(code) != DIGITS or not (code.isascii() and code.isdigit()):
        return None
    present, app = step_at(now), _app(secret)
    near = range(max(present - _RECOGNISED, 0), present + _RECOGNISED + 1)
    nearest_first = sorted(near, key=lambda step: abs(step - present))
    return next((step for step in nearest_first if hmac.compare_digest(app.generate_otp(step), code)), None)


def wait_for(step: int, now: datetime) -> Failure:
    """That codes are taken again once a step of the near future, which is used up, has passed."""
    left = (step + 1) * PERIOD - now.timestamp()
    return Failure(code="totp.wait", params={"count": max(1, math.ceil(left / 60))}, field="code")


class TotpFactor:
    """Authenticator apps, proven and set up."""

    kind = ProofKind.TOTP

    def __init__(self, keys: SealingKeys, chance: Chance) -> None:
        self._keys = keys
        self._chance = chance

    async def judge(
        self, reader: Reader, subject: Subject, answer: ProofAnswer, now: Callable[[], datetime]
    ) -> Judgement:
        """Whether a typed code is one that the account's app shows now, and none that was used."""
        if not isinstance(answer, TotpAnswer):
            raise TypeError(answer)
        stored = await store.find_totp(reader, subject.account_id or NOBODY)
        secret = self._unseal(stored.sealed, stored.account_id) if stored else None
        if stored is None or secret is None:
            return Judgement(failure=UNAVAILABLE if stored else WRONG, account_id=subject.account_id)
        at = now()
        step, present = match(secret, answer.code, at), step_at(at)
        if isinstance(step, Failure):
            return self._missed(stored, secret, answer.code, at, step)
        if step <= stored.used_step:
            is_future = stored.used_step > present + _DRIFT
            return Judgement(
                failure=wait_for(stored.used_step, at) if is_future else USED, account_id=subject.account_id
            )
        return Judgement(
            proof=totp_proof(stored.id, at, set_up_at=stored.created_at), account_id=subject.account_id, step=step
        )

    async def settle(self, tx: Transaction, judgement: Judgement, now: datetime) -> bool:
        """Use the step up; False if it, or a later one, was used meanwhile, or the app was removed.

        One of the near future is used up without being good for anything.
        """
        if judgement.misses is not None:
            await store.burn_step(tx, judgement.misses, judgement.step)
            return False
        credential_id = judgement.proof.credential if judgement.proof else None
        return credential_id is not None and await store.spend_step(tx, credential_id, judgement.step, now)

    async def enrol(self, tx: Transaction, now: datetime, account_id: str, secret: bytes, step: int) -> str | None:
        """Make this the account's authenticator app, one of its codes being proven; None if it has one.

        Gives the id of the credential. The ``step`` that was proven is used.
        """
        credential_id = new_id(self._chance, now)
        sealed = self._seal(secret, account_id)
        is_new = await store.add_totp(tx, credential_id, account_id, sealed, step, now)
        return credential_id if is_new else None

    async def remove(self, tx: Transaction, account_id: str) -> bool:
        """Forget the account's authenticator app; False if it has none."""
        return await store.remove(tx, account_id, ProofKind.TOTP)

    def seal_anew(self, stored: TotpCredential) -> bytes | None:
        """The same secret under the newest key; None if it cannot be opened."""
        secret = self._unseal(stored.sealed, stored.account_id)
        return None if secret is None else self._seal(secret, stored.account_id)

    async def find_secret(self, reader: Reader, account_id: str) -> bytes | None:
        """The secret of an account's app: for the development page, which shows what a phone would."""
        stored = await store.find_totp(reader, account_id)
        return self._unseal(stored.sealed, account_id) if stored else None

    def _missed(self, stored: TotpCredential, secret: bytes, typed: str, at: datetime, failure: Failure) -> Judgement:
        """What is found where a code is not good; one of the near future is to be used up."""
        step = recognise(secret, typed, at)
        if step is None or step <= step_at(at):
            return Judgement(failure=failure, account_id=stored.account_id)
        waiting = msgspec.structs.replace(wait_for(max(step, stored.used_step), at), code="totp.clock_ahead_wait")
        return Judgement(failure=waiting, account_id=stored.account_id, misses=stored.id, step=step)

    def _seal(self, secret: bytes, account_id: str) -> bytes:
        return self._keys.seal(secret, purpose=_PURPOSE, context=account_id, chance=self._chance)

    def _unseal(self, sealed: bytes, account_id: str) -> bytes | None:
        return self._keys.unseal(sealed, purpose=_PURPOSE, context=account_id)


def totp_proof(credential_id: str, at: datetime, *, set_up_at: datetime) -> Proof:
    """That one holds the phone."""
    return Proof(
        kind=ProofKind.TOTP,
        classes=frozenset({ProofClass.HAVE}),
        at=at,
        credential=credential_id,
        set_up_at=set_up_at,
    )


def _app(secret: bytes) -> pyotp.TOTP:
    return pyotp.TOTP(key_of(secret), digits=DIGITS, interval=PERIOD)
