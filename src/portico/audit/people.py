"""What the trail has to know of the people an event speaks of: what they are called now, and where they belong.

Accounts stand to the right of the trail, so :class:`Audit` is handed an object that knows them. Names and addresses
are not in the trail itself: an event carries a salted digest of what somebody was called at that moment, and beside the
trail lies, under that digest, the name. When an account is erased those rows go with it. The trail stays provable, and
with the salt gone a digest can no longer be compared with names somebody guesses.
"""

from typing import Protocol

import msgspec

from portico.audit.sealing.chain import name_digest
from portico.database.engine import Reader, Transaction

SALT_BYTES = 16


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody as they are now. ``salt`` and ``digest`` are those the trail last knew them under."""

    name: str
    address: str
    organizations: tuple[str, ...] = ()
    salt: bytes | None = None
    digest: bytes | None = None

    @property
    def is_known(self) -> bool:
        """Whether the trail knows them under their present name and address."""
        return self.salt is not None and self.digest == name_digest(self.salt, self.name, self.address)


class People(Protocol):
    """Who knows the people."""

    async def find_person(self, reader: Reader, subject_id: str) -> Person | None:
        """Somebody as they are now, by one point read; None for whoever has no account (any more)."""
        ...

    async def keep_digest(
        self, tx: Transaction, subject_id: str, salt: bytes, digest: bytes, *, instead_of: bytes | None
    ) -> bool:
        """Note under which salt and digest the trail knows somebody from now on.

        False if the account is gone or the noted digest is no longer ``instead_of``. Takes the account's row, so that
        nobody can be erased while their name is written.
        """
        ...
