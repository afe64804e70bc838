"""Saving what organizations ask: each change is a new version; of two who change one policy the second is told.

A version is saved by one INSERT of the next number. Whoever saves names the number of the newest version they saw; if
it is no longer the newest, nothing is saved and they are told by whom and when it was replaced.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from portico.accounts.service import Accounts
from portico.audit.model import EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Reader, Transaction
from portico.kernel.clock import Clock
from portico.kernel.errors import BadInput, Conflict
from portico.kernel.normalise import one_line
from portico.organizations.authority import Authority
from portico.organizations.model import MemberType, Organization, Role
from portico.organizations.policies import rules, store
from portico.organizations.policies.model import (
    Draft,
    HistoryEntry,
    NothingToWithdraw,
    PolicyChanged,
    Preview,
    TypePolicies,
    UnfitPolicyValue,
)
from portico.organizations.policies.standing import note_change
from portico.organizations.policy import (
    NOTHING_ASKED,
    PolicyVersion,
    find_announced,
    find_enforced,
    find_rehearsed,
    in_order,
)
from portico.organizations.rules import Actor, Held
from portico.organizations.service import Organizations

REASON_MAX = 500
PAGE = 50
NOBODY_KNOWN = "-"
"""Who saved a version, where it was typed on the command line or the account is gone."""


class Policies:
    """The policies of organizations, as their admins know them."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        organizations: Organizations,
        authority: Authority,
        audit: Audit,
        has_breach_source: bool,
    ) -> None:
        """``has_breach_source``: the deployment can tell whether a password is known from a breach."""
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._organizations = organizations
        self._authority = authority
        self._audit = audit
        self._has_breach_source = has_breach_source

    async def list_current(self, organization_id: str) -> list[TypePolicies]:
        """What an organization asks of each type of member, now, next and in rehearsal. Raises NotFound."""
        organization = await self._organizations.get_organization(self._database, organization_id)
        now = self._clock.now()
        found = await store.list_standing(self._database, [organization.id], now)
        versions = [one.version for one in found]
        return [
            _current(organization, member_type, [one for one in versions if one.member_type is member_type], now)
            for member_type in MemberType
        ]

    async def get_current(self, organization_id: str, member_type: MemberType) -> TypePolicies:
        """The same for one type of member."""
        current = await self.list_current(organization_id)
        return next(one for one in current if one.member_type is member_type)

    async def list_history(
        self, organization_id: str, member_type: MemberType, *, before: int | None = None, limit: int = PAGE
    ) -> list[HistoryEntry]:
        """The versions for one type of member, the newest first; ``before`` goes on where the last page ended."""
        organization = await self._organizations.get_organization(self._database, organization_id)
        now = self._clock.now()
        standing = await _list_standing(self._database, organization.id, member_type, now)
        versions = await store.list_versions(
            self._database, organization.id, member_type, before=before, limit=limit + 1
        )
        names = await self._names(self._database, versions)
        earlier = [*(one.fields for one in versions[1:]), NOTHING_ASKED]
        return [
            HistoryEntry(
                version=version,
                state=rules.state_of(version, standing, now),
                changes=rules.list_changes(fields, version.fields),
                by=names.get(version.created_by or ""),
            )
            for version, fields in zip(versions[:limit], earlier, strict=False)
        ]

    async def preview(self, organization_id: str, member_type: MemberType, draft: Draft, *, after: str = "") -> Preview:
        """Whom a draft would concern, as things stand. Raises what :meth:`save` raises for the draft itself."""
        organization = await self._organizations.get_organization(self._database, organization_id)
        now = self._clock.now()
        fields = in_order(draft.fields)
        rules.check_fields(fields, organization.features, has_breach_source=self._has_breach_source)
        at = rules.instant_of(draft, now)
        versions = await _list_standing(self._database, organization.id, member_type, now)
        looked = rules.look_for(fields, at, rules.forced_since(fields, versions, at, now))
        counts = await store.count_members(self._database, organization.id, member_type, looked)
        sessions, people = 0, []
        if counts.to_act:
            sessions = await store.count_sessions(self._database, organization.id, member_type, looked, now)
            people = await store.list_affected(self._database, organization.id, member_type, looked, after, PAGE + 1)
        return Preview(
            at=at,
            counts=counts,
            open_sessions=sessions,
            people=tuple(people[:PAGE]),
            after=people[PAGE - 1].account_id if len(people) > PAGE else None,
        )

    async def save(self, organization_id: str, member_type: MemberType, draft: Draft, actor: Actor) -> PolicyVersion:
        """Save a draft as the next version; for admins.

        Raises a refusal that names its field for what cannot be asked, PolicyChanged if a newer version was saved than
        the draft is based on, and what :meth:`Authority.hold` raises.
        """
        now = self._clock.now()
        reason = _reason(draft.reason)

        async def body(tx: Transaction) -> PolicyVersion:
            held = await self._authority.hold(tx, actor, organization_id, Role.ADMIN)
            organization = held.organization
            versions = await self._list_unchanged(tx, organization, member_type, draft.based_on, now)
            fields = in_order(draft.fields)
            rules.check_fields(fields, organization.features, has_breach_source=self._has_breach_source)
            at = rules.instant_of(draft, now)
            version = PolicyVersion(
                organization_id=organization.id,
                member_type=member_type,
                number=draft.based_on + 1,
                fields=fields,
                rehearsal=draft.rehearsal,
                enforced_from=at,
                created_at=now,
                created_by=actor.account_id,
                reason=reason,
                forced_at=rules.forced_since(fields, versions, at, now),
            )
            await self._add(tx, held, version, versions)
            return version

        return await self._database.transact(body)

    async def withdraw(
        self, organization_id: str, member_type: MemberType, *, based_on: int, reason: str, actor: Actor
    ) -> PolicyVersion:
        """Take back what is announced or rehearsed, by saving what is in force once more; since when it is stays.

        Raises NothingToWithdraw, and what :meth:`save` raises.
        """
        now = self._clock.now()
        reason = _reason(reason)

        async def body(tx: Transaction) -> PolicyVersion:
            held = await self._authority.hold(tx, actor, organization_id, Role.ADMIN)
            organization = held.organization
            versions = await self._list_unchanged(tx, organization, member_type, based_on, now)
            if find_announced(versions, now) is None and not (versions and versions[0].rehearsal):
                raise NothingToWithdraw("nothing is announced or rehearsed")
            enforced = find_enforced(versions, now)
            version = PolicyVersion(
                organization_id=organization.id,
                member_type=member_type,
                number=based_on + 1,
                fields=enforced.fields if enforced else NOTHING_ASKED,
                rehearsal=False,
                enforced_from=enforced.enforced_from if enforced else now,
                created_at=now,
                created_by=actor.account_id,
                reason=reason,
                forced_at=enforced.asked_at if enforced and enforced.fields.force_change else None,
            )
            await self._add(tx, held, version, versions, withdraws=True)
            return version

        return await self._database.transact(body)

    async def _list_unchanged(
        self, tx: Transaction, organization: Organization, member_type: MemberType, based_on: int, now: datetime
    ) -> Sequence[PolicyVersion]:
        """The versions that stand, newest first. Raises PolicyChanged unless number ``based_on`` is the newest."""
        versions = await _list_standing(tx, organization.id, member_type, now)
        newest = versions[0] if versions else None
        number = newest.number if newest else 0
        if based_on > number:
            raise UnfitPolicyValue(f"based_on: the newest version is {number}", field="based_on")
        if newest is not None and based_on < number:
            by = (await self._names(tx, [newest])).get(newest.created_by or "", NOBODY_KNOWN)
            at = f"{newest.created_at:%Y-%m-%d %H:%M} UTC"
            raise PolicyChanged(f"version {number} was saved by {by} at {at}", number=number, by=by, at=at)
        return versions

    async def _add(
        self,
        tx: Transaction,
        held: Held,
        version: PolicyVersion,
        earlier: Sequence[PolicyVersion],
        *,
        withdraws: bool = False,
    ) -> None:
        """Store a version, tell all servers and record it."""
        if not await store.add_version(tx, version):
            raise Conflict("another version has this number")
        await note_change(tx)
        before = earlier[0].fields if earlier else NOTHING_ASKED
        changed = " ".join(change.field for change in rules.list_changes(before, version.fields))
        details: dict[str, str | int] = {
            "member_type": version.member_type.value,
            "number": version.number,
            "based_on": version.number - 1,
            "changed": changed,
            "rehearsal": int(version.rehearsal),
            "withdraws": int(withdraws),
            "in_days": max(0, (version.enforced_from - version.created_at).days),
            "at_once": int(version.enforced_from <= version.created_at),
        }
        await self._audit.append(tx, version.created_at, held.event(EventKind.POLICY_SAVED, details=details))

    async def _names(self, reader: Reader, versions: Sequence[PolicyVersion]) -> Mapping[str, str]:
        """The names of those who saved these versions, by their accounts' ids; of those who are still there."""
        ids = {version.created_by for version in versions if version.created_by}
        found = [await self._accounts.find_account(reader, account_id) for account_id in sorted(ids)]
        return {account.id: account.name for account in found if account is not None}


def _reason(typed: str) -> str:
    """Why, on one line. Raises BadInput for more than 500 characters."""
    reason = one_line(typed)
    if len(reason) > REASON_MAX:
        raise BadInput(f"reason: at most {REASON_MAX} characters", field="reason")
    return reason


async def _list_standing(
    reader: Reader, organization_id: str, member_type: MemberType, now: datetime
) -> list[PolicyVersion]:
    """The versions in force, to come and newest for one type of member, the newest first."""
    found = [one.version for one in await store.list_standing(reader, [organization_id], now)]
    return sorted((one for one in found if one.member_type is member_type), key=lambda one: -one.number)


def _current(
    organization: Organization, member_type: MemberType, versions: Sequence[PolicyVersion], now: datetime
) -> TypePolicies:
    return TypePolicies(
        member_type=member_type,
        newest=max((one.number for one in versions), default=0),
        enforced=find_enforced(versions, now),
        announced=find_announced(versions, now),
        rehearsed=find_rehearsed(versions, now),
        features=organization.features,
    )
