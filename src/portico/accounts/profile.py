"""What people change about their own account: names, language, time zone, and the Portico ID once (D1)."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from portico.accounts import store
from portico.accounts.model import Account, Profile
from portico.accounts.service import RESERVED_HANDLES, clean_names, handle_hash, is_free
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Transaction
from portico.kernel.errors import BadInput, Conflict
from portico.kernel.normalise import handle_key
from portico.kernel.zones import is_zone


class HandleRefusal(StrEnum):
    """Why an account does not get a handle."""

    IMPOSSIBLE = "impossible"
    TAKEN = "taken"
    SAME = "same"
    CHANGED_BEFORE = "changed_before"
    FROZEN = "frozen"


class Profiles:
    """What people say about themselves, and the name they sign in by."""

    def __init__(self, audit: Audit, languages: Collection[str]) -> None:
        """``languages`` are those a person can choose."""
        self._audit = audit
        self._languages = frozenset(languages)

    async def change_profile(
        self, tx: Transaction, now: datetime, account: Account, profile: Profile, version: int
    ) -> None:
        """Set the profile; raises BadInput, or Conflict when it has changed since ``version`` was read."""
        clean = self._clean(profile)
        if not await store.change_profile(tx, account.id, clean, version):
            raise Conflict("the profile was changed meanwhile")
        changed = " ".join(name for name in Profile.__struct_fields__ if getattr(clean, name) != getattr(account, name))
        event = Event(
            kind=EventKind.PROFILE_CHANGED, subject_id=account.id, actor_id=account.id, details={"fields": changed}
        )
        await self._audit.append(tx, now, event)

    def find_refusal(self, account: Account, typed: str, now: datetime) -> HandleRefusal | None:
        """Why an account cannot have this handle, as far as can be seen without looking at others."""
        key = handle_key(typed)
        if account.is_frozen(now):
            return HandleRefusal.FROZEN
        if account.handle_changed_at is not None:
            return HandleRefusal.CHANGED_BEFORE
        if key is None or key in RESERVED_HANDLES:
            return HandleRefusal.IMPOSSIBLE
        return HandleRefusal.SAME if key == account.handle_key else None

    async def change_handle(self, tx: Transaction, now: datetime, account: Account, typed: str) -> HandleRefusal | None:
        """Give an account another handle, once; the old one is nobody's for ever. Why not, or None.

        Raises Conflict when somebody took the handle, or changed the account, at the same moment.
        """
        key = handle_key(typed)
        refusal = self.find_refusal(account, typed, now)
        if refusal is not None or key is None:
            return refusal or HandleRefusal.IMPOSSIBLE
        if not await is_free(tx, key):
            return HandleRefusal.TAKEN
        if not await store.change_handle(tx, account, key, now) or await store.is_retired(tx, handle_hash(key)):
            raise Conflict("the account or the Portico ID was changed meanwhile")
        await store.retire_handle(tx, handle_hash(account.handle_key), now)
        event = Event(kind=EventKind.HANDLE_CHANGED, subject_id=account.id, actor_id=account.id)
        await self._audit.append(tx, now, event)
        return None

    def _clean(self, profile: Profile) -> Profile:
        first, last = clean_names(profile.first_name, profile.last_name)
        if profile.language and profile.language not in self._languages:
            raise BadInput("not a language of ours")
        if profile.time_zone and not is_zone(profile.time_zone):
            raise BadInput("not a time zone")
        return Profile(first_name=first, last_name=last, language=profile.language, time_zone=profile.time_zone)
