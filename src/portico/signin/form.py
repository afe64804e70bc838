"""What the sign-in form carries from its GET to its POST, sealed: nothing is stored for people who only look.

The hash of the sealed value is burnt when it is used (``spent``), so a form sent twice starts one attempt.
"""

import hashlib
from datetime import datetime, timedelta

import msgspec

FORM_LIFETIME = timedelta(hours=12)
PURPOSE = "sign-in form"


class SignInForm(msgspec.Struct, frozen=True, kw_only=True):
    """Where to go afterwards, and until when the form may be sent."""

    return_to: str
    expires_at: datetime


def encode_form(form: SignInForm) -> bytes:
    """The form as bytes to seal."""
    return msgspec.json.encode(form)


def decode_form(plain: bytes | None, now: datetime) -> SignInForm | None:
    """The form that was sealed; None if it was not ours or has expired."""
    if plain is None:
        return None
    form = msgspec.json.decode(plain, type=SignInForm)
    return form if now < form.expires_at else None


def spent_hash(sealed: str) -> bytes:
    """What is burnt when a form is used."""
    return hashlib.sha256(sealed.encode()).digest()
