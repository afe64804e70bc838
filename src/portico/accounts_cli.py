"""``portico accounts``: what operators do to one person's account at the machine."""

from typing import Annotated

import typer

from portico.admin.people import REASON_MAX
from portico.audit.model import Event, EventKind, Reason
from portico.database.engine import Transaction
from portico.house import House
from portico.kernel.errors import NotFound
from portico.kernel.normalise import one_line
from portico.mail.model import AdminActed
from portico.terminal import Config, open_settings, with_house

accounts = typer.Typer(no_args_is_help=True, help="One person's account: reset the second factor.")


@accounts.callback()
def group() -> None:
    """Keep the name of its only command."""


@accounts.command("reset-mfa")
def reset_mfa(
    identifier: Annotated[str, typer.Argument(help="The person's mail address or Portico ID.")],
    reason: Annotated[str, typer.Option(prompt=True, help="Why; it is kept for those who look into it later.")],
    config: Config = None,
) -> None:
    """Forget somebody's authenticator app, passkeys and recovery code, and end all they have open.

    Where an organization asks for a second factor, the next sign-in sets up a new one, after a code to the mailbox.
    """
    why = one_line(reason)
    if not 1 <= len(why) <= REASON_MAX:
        raise typer.BadParameter(f"a reason of at most {REASON_MAX} characters is needed", param_hint="--reason")

    async def reset(house: House) -> str:
        now = house.clock.now()

        async def body(tx: Transaction) -> str:
            account = await house.accounts.find_by_identifier(tx, identifier)
            if account is None:
                raise NotFound(f"nobody is called {identifier}")
            event = Event(
                kind=EventKind.MFA_RESET,
                subject_id=account.id,
                details={"by": "operator"},
                reason=Reason(why, None),
            )
            await house.second_factors.reset(tx, now, account, recorded_as=event)
            notice = AdminActed(
                handle=account.handle, at=now, action="reset_mfa", organization=None, time_zone=account.time_zone
            )
            await house.mail.add_mail(
                tx, now, notice, recipient=account.address, language=account.language, account_id=account.id
            )
            return account.address

        return await house.database.transact(body)

    address = with_house(open_settings(config), reset)
    typer.echo(
        f"The second factor of {address} was reset, and everything they had open has ended. They are told by mail."
    )
