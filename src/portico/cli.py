"""The command line: what an operator types. Each command opens the house, does one thing and says what it did."""

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from portico.database.engine import Transaction
from portico.database.sqlite import sqlite_path
from portico.development.people import PEOPLE
from portico.doctor import examine
from portico.house import House, open_house
from portico.kernel.errors import Misconfigured, PorticoError
from portico.kernel.messages import DEFAULT_LANGUAGE
from portico.logs import configure_logs
from portico.mail.letters import RESET_PATH
from portico.mail.transports import DeliveryFailed
from portico.passwords_cli import passwords
from portico.server import require_local, serve
from portico.settings import Settings, read_settings

T = TypeVar("T")

cli = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Portico, the front door of a messenger.",
)  # fmt: skip
cli.add_typer(passwords, name="passwords")
Config = Annotated[Path | None, typer.Option("--config", help="The TOML file with the settings.")]


def main() -> None:
    """Run the command line; a fault is one clear message and exit status 1."""
    try:
        cli()
    except PorticoError as error:
        typer.echo(f"portico: {error}", err=True)
        sys.exit(1)


@cli.command("serve")
def serve_command(
    config: Config = None,
    dev: Annotated[bool, typer.Option("--dev", help="Development mode: mailbox page, demo people, clock.")] = False,
) -> None:
    """Serve pages and API until asked to stop."""
    settings = _settings(config, is_development=dev)
    if dev:
        _say_where(settings)
    serve(settings, is_development=dev)


@cli.command()
def demo(
    config: Config = None,
    reset: Annotated[bool, typer.Option("--reset", help="Forget everything of an earlier demo first.")] = False,
) -> None:
    """Fill a development database with the people of a demo clinic."""
    settings = _settings(config, is_development=True)
    require_local(settings)
    if reset:
        _forget(settings)
    added = _with_house(settings, lambda house: house.demo_people.seed(), is_development=True)
    typer.echo(f"North Clinic is open: {len(PEOPLE)} people, {added} of them new.")


@cli.command()
def migrate(config: Config = None) -> None:
    """Bring the database to the schema of this release."""
    settings = _settings(config)
    # Slow to import, and nobody else needs it: docs/decisions/0004-lazy-imports.md.
    from portico.database.migrate import upgrade

    if settings.is_embedded:
        settings.make_data_folder()
    upgrade(settings.database_url)
    typer.echo("The database is up to date.")


@cli.command("create-admin")
def create_admin(
    address: Annotated[str, typer.Argument(help="The mail address of the first administrator.")],
    config: Config = None,
    first_name: Annotated[str, typer.Option(help="First name.")] = "",
    last_name: Annotated[str, typer.Option(help="Last name.")] = "",
) -> None:
    """Create an operator's account and print a link, good once, where its password is chosen."""
    settings = _settings(config)

    async def create(house: House) -> tuple[str, str]:
        now = house.clock.now()

        async def body(tx: Transaction) -> tuple[str, str]:
            account = await house.accounts.add_account(
                tx, now, address=address, first_name=first_name, last_name=last_name, is_operator=True
            )
            token, _expires_at = await house.links.add_link(
                tx, now, account.id, account.epoch, settings.reset_link_lifetime
            )
            return account.handle, token

        return await house.database.transact(body)

    handle, token = _with_house(settings, create)
    typer.echo(f"{address} is an operator now; the Portico ID is {handle}.")
    typer.echo(f"Choose the password here within {settings.reset_link_lifetime}; the link works once:")
    typer.echo(settings.base_url.to(f"{RESET_PATH}/{token}"))


@cli.command("send-test-mail")
def send_test_mail(
    recipient: Annotated[str, typer.Argument(help="Where the mail goes.")],
    config: Config = None,
    language: Annotated[str, typer.Option(help="Its language.")] = DEFAULT_LANGUAGE,
) -> None:
    """Send one mail, now, and say what the mail server said."""
    try:
        _with_house(_settings(config), lambda house: house.sender.send_test_mail(recipient, language))
    except DeliveryFailed as failed:
        raise Misconfigured(f"the mail was not taken: {failed.detail}") from failed
    typer.echo(f"The mail server has taken a mail to {recipient}.")


@cli.command()
def doctor(config: Config = None) -> None:
    """Examine the deployment, and say of each thing found wrong how to mend it."""
    findings = asyncio.run(examine(_settings(config)))
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.is_well else 'MEND'}  {finding.subject}: {finding.sentence}")
    if not all(finding.is_well for finding in findings):
        sys.exit(1)


def _settings(config: Path | None, *, is_development: bool = False) -> Settings:
    """The settings; development mode has defaults of its own."""
    defaults = {"mail_transport": "maildir", "log_format": "console", "log_level": "warning"} if is_development else {}
    settings = read_settings(file=config, defaults=defaults)
    configure_logs(settings.log_format, settings.log_level)
    return settings


def _with_house(settings: Settings, work: Callable[[House], Awaitable[T]], *, is_development: bool = False) -> T:
    """Open the house, do one thing, close it."""

    async def run() -> T:
        house = await open_house(settings, is_development=is_development)
        try:
            return await work(house)
        finally:
            await house.close()

    return asyncio.run(run())


def _forget(settings: Settings) -> None:
    """Remove what an earlier demo left: its database and its mails. Whatever else lies in the folder stays."""
    if not settings.is_embedded:
        raise Misconfigured("only an embedded database can be started over")
    database = sqlite_path(settings.database_url)
    for part in ("", "-wal", "-shm"):
        database.with_name(database.name + part).unlink(missing_ok=True)
    shutil.rmtree(settings.data / "mailbox", ignore_errors=True)


def _say_where(settings: Settings) -> None:
    """Where to go and who to be."""
    base = settings.base_url
    typer.echo(f"\n  Sign in        {base.to('/signin')}")
    typer.echo(f"  Demo people    {base.to('/dev')}")
    typer.echo(f"  Mailbox        {base.to('/dev/mailbox')}")
    typer.echo(f"  JSON API       {base.to('/api')}\n")
    for person in PEOPLE:
        typer.echo(f"  {person.name:<16} {person.address:<36} {person.password or '(no password yet)'}")
    typer.echo("\n  Stop with Ctrl+C.\n")
