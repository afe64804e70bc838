"""``portico policies reminders``: who was reminded that their password expires."""

from typing import Annotated

import typer

from portico.house import House
from portico.policies_cli import Named, find_organization
from portico.reminders.model import Reminder
from portico.terminal import Config, columns, instant, open_settings, with_house


def reminders(
    organization: Named,
    *,
    config: Config = None,
    account: Annotated[str, typer.Option("--account", help="Only of the account with this id.")] = "",
    after: Annotated[str, typer.Option("--after", metavar="ID", help="Go on after the reminder with this id.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 50,
) -> None:
    """List the reminders an organization has asked for, account by account."""

    async def work(house: House) -> list[Reminder]:
        found = await find_organization(house, organization)
        return await house.reminders.list_of_organization(found.id, account_id=account, after=after, limit=limit)

    found = with_house(open_settings(config), work)
    rows: list[tuple[str, ...]] = [("reminder", "account", "days", "state", "since", "password expires")]
    rows += [
        (one.id, one.account_id, str(one.days), one.state.value, instant(one.changed_at), instant(one.expires_at))
        for one in found
    ]
    for line in columns(rows):
        typer.echo(line)
