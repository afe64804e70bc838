"""What the audit trail asks of the accounts: what somebody is called now, and which organizations they belong to."""

import msgspec

from portico.accounts import store
from portico.accounts.model import full_name
from portico.audit.people import Person
from portico.database.engine import Reader, Transaction


class KnownPeople:
    """The people as their accounts show them; see :class:`portico.audit.people.People`."""

    async def find_person(self, reader: Reader, subject_id: str) -> Person | None:
        """Somebody as they are now."""
        row = await store.find_person(reader, subject_id)
        if row is None:
            return None
        return Person(
            name=full_name(row["first_name"], row["last_name"]) or row["handle"],
            address=row["address"],
            organizations=organizations_of(row["memberships"]),
            salt=row["audit_salt"],
            digest=row["audit_digest"],
        )

    async def keep_digest(
        self, tx: Transaction, subject_id: str, salt: bytes, digest: bytes, *, instead_of: bytes | None
    ) -> bool:
        """Note under which salt and digest the trail knows somebody from now on."""
        return await store.keep_digest(tx, subject_id, salt, digest, instead_of)


def memberships_of(text: str) -> tuple[tuple[str, ...], ...]:
    """The memberships an account carries in short: of each the organization's id, the member type, the role."""
    return msgspec.json.decode(text, type=tuple[tuple[str, ...], ...]) if text else ()


def organizations_of(text: str) -> tuple[str, ...]:
    """The ids of the organizations an account belongs to."""
    return tuple(membership[0] for membership in memberships_of(text)) if text else ()
