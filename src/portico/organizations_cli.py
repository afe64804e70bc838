"""``portico organizations``: what an operator does to organizations and their members at the machine."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from portico.accounts.model import Account
from portico.house import House
from portico.kernel.errors import NotFound
from portico.kernel.tokens import is_id
from portico.organizations.domains.model import Domain
from portico.organizations.domains.service import Verification
from portico.organizations.model import (
    Feature,
    Member,
    MemberFilter,
    MembershipState,
    MemberType,
    Organization,
    OrganizationState,
    Role,
)
from portico.organizations.rules import AT_THE_MACHINE
from portico.terminal import Config, columns, instant, open_settings, with_house

T = TypeVar("T")
Named = Annotated[str, typer.Argument(metavar="ORGANIZATION", help="The organization, by its name or its id.")]
Who = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account, by its address, Portico ID or id.")]
Name = Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain, such as north-clinic.example.")]
Type = Annotated[MemberType | None, typer.Option("--type", help="What they are there.")]
Doing = Annotated[Role | None, typer.Option("--role", help="What they may do there.")]

_NOT_PROVEN = {
    "organizations.domain.no_record": "there is no TXT record at {name} yet; it has to say {value}",
    "organizations.domain.wrong_record": "no TXT record at {name} says {value}",
    "organizations.domain.server_away": "no name server has answered for {name}; try again in a moment",
}

organizations = typer.Typer(
    no_args_is_help=True, help="Organizations: who may require something of its members, and who the members are."
)
members = typer.Typer(no_args_is_help=True, help="The members of an organization.")
organizations.add_typer(members, name="members")
domains = typer.Typer(no_args_is_help=True, help="The domains of an organization.")
organizations.add_typer(domains, name="domains")


@organizations.command("list")
def list_organizations(
    config: Config = None, search: Annotated[str, typer.Option(help="Only those whose name begins so.")] = ""
) -> None:
    """List the organizations with their members and owners counted."""

    async def work(house: House) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [("id", "name", "state", "features", "members", "owners")]
        after = ""
        while found := await house.organization_changes.list_page(search=search, after=after):
            for row in found:
                each = row.organization
                features = " ".join(sorted(each.features)) or "-"
                rows.append((each.id, each.name, each.state, features, str(row.members), str(row.owners)))
            after = found[-1].organization.id
        return rows

    _show(with_house(open_settings(config), work))


@organizations.command("add")
def add_organization(
    name: Annotated[str, typer.Argument(help="The name people are shown as who asks for something.")],
    config: Config = None,
) -> None:
    """Create an organization."""
    made = with_house(open_settings(config), lambda house: house.organization_changes.add(AT_THE_MACHINE, name))
    typer.echo(f"{made.name} is there, with the id {made.id}. Name an owner next: portico organizations owner.")


@organizations.command("rename")
def rename_organization(
    organization: Named, name: Annotated[str, typer.Argument(help="The new name.")], config: Config = None
) -> None:
    """Give an organization another name."""

    async def work(house: House, found: Organization) -> Organization:
        return await house.organization_changes.rename(AT_THE_MACHINE, found.id, found.version, name)

    typer.echo(f"It is called {_on(config, organization, work).name} now.")


@organizations.command("feature")
def switch_feature(
    organization: Named,
    feature: Annotated[Feature, typer.Argument(help="The feature.")],
    state: Annotated[str, typer.Argument(metavar="on|off", help="Whether it is to be on or off.")],
    config: Config = None,
) -> None:
    """Switch a feature of an organization on or off."""
    if state not in {"on", "off"}:
        raise typer.BadParameter("write on or off", param_hint="on|off")

    async def work(house: House, found: Organization) -> Organization:
        return await house.organization_changes.set_feature(
            AT_THE_MACHINE, found.id, found.version, feature, is_on=state == "on"
        )

    typer.echo(f"{feature.value} is {state} for {_on(config, organization, work).name}.")


@organizations.command("suspend")
def suspend_organization(organization: Named, config: Config = None) -> None:
    """Suspend an organization: nothing can be changed in it, what it asks stays asked."""
    typer.echo(f"{_set_state(config, organization, OrganizationState.SUSPENDED).name} is suspended.")


@organizations.command("resume")
def resume_organization(organization: Named, config: Config = None) -> None:
    """Resume a suspended organization."""
    typer.echo(f"{_set_state(config, organization, OrganizationState.ACTIVE).name} is active again.")


@organizations.command("owner")
def name_owner(organization: Named, account: Who, config: Config = None, member_type: Type = None) -> None:
    """Name an owner, whether they are a member already or not."""

    async def work(house: House, found: Organization) -> Member:
        who = await _get_account(house, account)
        return await house.memberships.name_owner(AT_THE_MACHINE, found.id, who, member_type or MemberType.STAFF)

    typer.echo(f"{_on(config, organization, work).address} is an owner now.")


@members.command("list")
def list_members(
    organization: Named,
    config: Config = None,
    search: Annotated[str, typer.Option(help="Only those whose name, address or Portico ID begins so.")] = "",
    member_type: Type = None,
    role: Doing = None,
    state: Annotated[MembershipState | None, typer.Option(help="Only active ones, or suspended ones.")] = None,
) -> None:
    """List the members, the oldest accounts first."""
    asked = MemberFilter(search=search, member_type=member_type, role=role, state=state)

    async def work(house: House, found: Organization) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [("account", "address", "name", "type", "role", "state")]
        after = ""
        while page := await house.memberships.list_page(found.id, asked, after=after):
            rows += [_member_row(each) for each in page]
            after = page[-1].membership.account_id
        return rows

    _show(_on(config, organization, work))


@members.command("add")
def add_member(
    organization: Named, account: Who, config: Config = None, member_type: Type = None, role: Doing = None
) -> None:
    """Make an account a member, staff without a role of their own unless you say otherwise."""

    async def work(house: House, found: Organization) -> Member:
        who = await _get_account(house, account)
        return await house.memberships.add(
            AT_THE_MACHINE, found.id, who, member_type or MemberType.STAFF, role or Role.MEMBER
        )

    _tell(_on(config, organization, work))


@members.command("change")
def change_member(
    organization: Named, account: Who, config: Config = None, member_type: Type = None, role: Doing = None
) -> None:
    """Change what a member is and may do; what you do not name stays."""

    async def work(house: House, found: Organization) -> Member:
        who = await _get_account(house, account)
        version = (await house.memberships.get(found.id, who.id)).membership.version
        return await house.memberships.change(
            AT_THE_MACHINE, found.id, who.id, version, member_type=member_type, role=role
        )

    _tell(_on(config, organization, work))


@members.command("suspend")
def suspend_member(organization: Named, account: Who, config: Config = None) -> None:
    """Suspend a membership: it asks nothing and gives nothing."""

    async def work(house: House, found: Organization) -> Member:
        return await house.memberships.suspend(AT_THE_MACHINE, found.id, (await _get_account(house, account)).id)

    _tell(_on(config, organization, work))


@members.command("resume")
def resume_member(organization: Named, account: Who, config: Config = None) -> None:
    """Let a suspended membership count again."""

    async def work(house: House, found: Organization) -> Member:
        return await house.memberships.resume(AT_THE_MACHINE, found.id, (await _get_account(house, account)).id)

    _tell(_on(config, organization, work))


@members.command("remove")
def remove_member(organization: Named, account: Who, config: Config = None) -> None:
    """End a membership; the account stays."""

    async def work(house: House, found: Organization) -> str:
        who = await _get_account(house, account)
        await house.memberships.remove(AT_THE_MACHINE, found.id, who.id)
        return f"{who.address} is no member of {found.name} any more."

    typer.echo(_on(config, organization, work))


@domains.command("list")
def list_domains(organization: Named, config: Config = None) -> None:
    """List the domains an organization claims, with the record that proves each."""

    async def work(house: House, found: Organization) -> list[tuple[str, ...]]:
        claimed = await house.domains.list_claimed(found.id)
        rows = [
            (each.domain, instant(each.verified_at) or "no", each.record_name, each.record_value) for each in claimed
        ]
        return [("domain", "proven", "TXT record", "which says"), *rows]

    _show(_on(config, organization, work))


@domains.command("claim")
def claim_domain(organization: Named, domain: Name, config: Config = None) -> None:
    """Claim a domain for an organization, and say which record proves it."""

    async def work(house: House, found: Organization) -> Domain:
        return await house.domains.claim(AT_THE_MACHINE, found.id, domain)

    claimed = _on(config, organization, work)
    typer.echo(f"To prove {claimed.domain}, have its DNS answer for {claimed.record_name} with a TXT record that says")
    typer.echo(claimed.record_value)


@domains.command("verify")
def verify_domain(
    organization: Named,
    domain: Name,
    config: Config = None,
    by_word: Annotated[bool, typer.Option("--by-word", help="Ask nobody: you answer for it.")] = False,
) -> None:
    """Look for the record that proves a claimed domain."""

    async def work(house: House, found: Organization) -> Verification:
        if by_word:
            return Verification(domain=await house.domains.verify_by_word(AT_THE_MACHINE, found.id, domain))
        return await house.domains.verify(AT_THE_MACHINE, found.id, domain)

    done = _on(config, organization, work)
    if done.failure is not None:
        raise NotFound(_NOT_PROVEN[done.failure.code].format_map(done.failure.params))
    typer.echo(f"{done.domain.domain} is proven.")


@domains.command("release")
def release_domain(organization: Named, domain: Name, config: Config = None) -> None:
    """Release a domain: whoever it made the organization manage is managed by it no more."""

    async def work(house: House, found: Organization) -> str:
        await house.domains.release(AT_THE_MACHINE, found.id, domain)
        return f"{domain} is released."

    typer.echo(_on(config, organization, work))


def _on(config: "Config", named: str, work: Callable[[House, Organization], Awaitable[T]]) -> T:
    """Open the house, find the organization and do one thing to it."""

    async def find_and_work(house: House) -> T:
        return await work(house, await _get_organization(house, named))

    return with_house(open_settings(config), find_and_work)


def _set_state(config: "Config", organization: str, state: OrganizationState) -> Organization:
    async def work(house: House, found: Organization) -> Organization:
        return await house.organization_changes.set_state(AT_THE_MACHINE, found.id, found.version, state)

    return _on(config, organization, work)


async def _get_organization(house: House, named: str) -> Organization:
    """By id or by name; raises NotFound."""
    if is_id(named):
        return await house.organization_changes.get(named)
    found = await house.organization_changes.find_by_name(named)
    if found is None:
        raise NotFound(f"there is no organization called {named}")
    return found


async def _get_account(house: House, named: str) -> Account:
    """By address, Portico ID or id; raises NotFound."""
    accounts, database = house.accounts, house.database
    found = await (accounts.find_account if is_id(named) else accounts.find_by_identifier)(database, named)
    if found is None:
        raise NotFound(f"there is no account {named}")
    return found


def _member_row(member: Member) -> tuple[str, ...]:
    name = f"{member.first_name} {member.last_name}".strip() or member.handle
    one = member.membership
    return one.account_id, member.address, name, one.member_type, one.role, one.state


def _tell(member: Member) -> None:
    one = member.membership
    typer.echo(f"{member.address}: {one.member_type}, {one.role}, {one.state}.")


def _show(rows: list[tuple[str, ...]]) -> None:
    for line in columns(rows):
        typer.echo(line)
