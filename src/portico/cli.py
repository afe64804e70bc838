"""The command line: what an operator types. Each command opens the house, does one thing and says what it did."""

import asyncio
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from portico.accounts_cli import accounts
from portico.audit_cli import audit
from portico.database.engine import Transaction
from portico.database.sqlite import sqlite_path
from portico.development.clinics import CLINICS
from portico.development.people import PEOPLE
from portico.doctor import examine
from portico.house import House
from portico.invitations_cli import invitations
from portico.kernel.errors import Misconfigured, PorticoError
from portico.kernel.messages import DEFAULT_LANGUAGE
from portico.keys_cli import keys
from portico.logs import configure_logs
from portico.mail.letters import RESET_PATH
from portico.mail.model import MailFate, MailRecord
from portico.mail.transports import DeliveryFailed
from portico.organizations_cli import organizations
from portico.passwords_cli import passwords
from portico.people_import.model import Progress
from portico.policies_cli import policies
from portico.reminders_cli import reminders
from portico.server import require_local, serve
from portico.settings import Settings
from portico.terminal import Config, columns, instant, open_settings, with_house

cli = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Portico, the front door of a messenger.",
)  # fmt: skip
cli.add_typer(accounts, name="accounts")
cli.add_typer(passwords, name="passwords")
cli.add_typer(audit, name="audit")
cli.add_typer(invitations, name="invitations")
cli.add_typer(keys, name="keys")
cli.add_typer(organizations, name="organizations")
cli.add_typer(policies, name="policies")
policies.command("reminders")(reminders)
mails_cli = typer.Typer(rich_markup_mode=None)
cli.add_typer(mails_cli, name="mails")


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
    settings = open_settings(config, is_development=dev)
    if dev:
        _say_where(settings)
    serve(settings, is_development=dev)


@cli.command()
def demo(
    config: Config = None,
    reset: Annotated[bool, typer.Option("--reset", help="Forget everything of an earlier demo first.")] = False,
) -> None:
    """Fill a development database with the people of three demo clinics."""
    settings = open_settings(config, is_development=True)
    require_local(settings)
    if reset:
        _forget(settings)

    async def seed(house: House) -> tuple[int, int]:
        return await house.demo_people.seed(), await house.demo_clinics.seed()

    people, clinics = with_house(settings, seed, is_development=True)
    *names, last = (clinic.name for clinic in CLINICS)
    typer.echo(
        f"{', '.join(names)} and {last} are open: {len(PEOPLE)} people, {people} of them new; {clinics} clinics new."
    )


@cli.command()
def migrate(config: Config = None) -> None:
    """Bring the database to the schema of this release."""
    settings = open_settings(config)
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
    settings = open_settings(config)

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

    handle, token = with_house(settings, create)
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
        with_house(open_settings(config), lambda house: house.sender.send_test_mail(recipient, language))
    except DeliveryFailed as failed:
        raise Misconfigured(f"the mail was not taken: {failed.detail}") from failed
    typer.echo(f"The mail server has taken a mail to {recipient}.")


@cli.command("import")
def import_people(
    file: Annotated[Path, typer.Argument(help="The file, one person a line as JSON: see operating/import.md.")],
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every line and change nothing.")] = False,
    report: Annotated[Path | None, typer.Option(help="Where to write what became of each line, as JSON lines.")] = None,
    language: Annotated[str, typer.Option(help="The language of people whose line names none.")] = "",
) -> None:
    """Import people with the password hashes they have elsewhere; what was stopped goes on where it stopped."""
    settings = open_settings(config)
    configure_logs(settings.log_format, "warning")  # an event for each of a million people tells nobody anything

    async def work(house: House) -> tuple[Progress, bool]:
        with _progress_bar() as watch:
            people = house.people_import
            if dry_run:
                return await people.rehearse(file, language=language, report=report, watch=watch), True
            return await people.run(file, language=language, report=report, watch=watch)

    progress, is_new = with_house(settings, work)
    counts = f"{progress.added} added, {progress.present} already there, {progress.refused} refused"
    if dry_run:
        typer.echo(f"A dry run over {progress.lines_done} lines, nothing was changed: {counts}.")
    elif is_new:
        typer.echo(f"{progress.lines_done} lines are done: {counts}.")
    else:
        typer.echo(f"This file was imported before, on {progress.finished_at:%Y-%m-%d}: {counts}. Nothing was changed.")


@mails_cli.callback(invoke_without_command=True)
def mails(
    context: typer.Context,
    config: Config = None,
    status: Annotated[MailFate | None, typer.Option(help="Only mails that have come to this.")] = None,
    to: Annotated[str, typer.Option("--to", help="Only mails to this address.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 50,
) -> None:
    """List what became of the mails, newest first."""
    if context.invoked_subcommand is not None:
        return

    async def work(house: House) -> tuple[list[MailRecord], dict[MailFate, int]]:
        overview = house.mail_overview
        found = await overview.list_mails(fate=status, recipient=to, limit=limit)
        return found, await overview.count_by_fate()

    found, counts = with_house(open_settings(config), work)
    rows = [("id", "queued", "status", "tries", "kind", "to")]
    rows += [
        (each.id, f"{each.created_at:%Y-%m-%d %H:%M}", each.fate, str(each.tries), each.kind, each.recipient)
        for each in found
    ]
    for line in columns(rows):
        typer.echo(line)
    typer.echo("All together: " + ", ".join(f"{count} {fate.value}" for fate, count in counts.items()) + ".")


@mails_cli.command("show")
def show_mail(mail_id: Annotated[str, typer.Argument(help="The id of the mail.")], config: Config = None) -> None:
    """Show what became of one mail."""
    mail = with_house(open_settings(config), lambda house: house.mail_overview.get_mail(mail_id))
    told = [
        ("id", mail.id),
        ("status", mail.fate.value),
        ("kind", mail.kind),
        ("to", mail.recipient),
        ("language", mail.language),
        ("queued", instant(mail.created_at)),
        ("tries", str(mail.tries)),
        ("next try", instant(mail.next_try_at) if mail.fate in {"queued", "deferred"} else ""),
        ("settled", instant(mail.settled_at)),
        ("useless from", instant(mail.useless_at)),
        ("last error", mail.last_error or ""),
        ("came back", instant(mail.bounced_at)),
        ("because", mail.bounce or ""),
    ]
    for line in columns([(name, value) for name, value in told if value]):
        typer.echo(line)


@cli.command()
def doctor(config: Config = None) -> None:
    """Examine the deployment, and say of each thing found wrong how to mend it."""
    findings = asyncio.run(examine(open_settings(config)))
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.is_well else 'MEND'}  {finding.subject}: {finding.sentence}")
    if not all(finding.is_well for finding in findings):
        sys.exit(1)


@contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None]]:
    """What shows on a terminal how far something is, given what is done and what there is; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    with typer.progressbar(length=1, label="Importing", file=sys.stderr) as bar:

        def watch(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield watch


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
    typer.echo(f"  Demo people    {base.to('/dev')} (what is special about each, and the codes of their phones)")
    typer.echo(f"  Mailbox        {base.to('/dev/mailbox')}")
    typer.echo(f"  JSON API       {base.to('/api')}")
    people = {person.handle: person for person in PEOPLE}
    for clinic in CLINICS:
        typer.echo(f"\n  Sign in as somebody of {clinic.name}")
        for member in clinic.members:
            person = people[member.handle]
            typer.echo(f"  {person.name:<16} {person.address:<36} {person.password or '(no password yet)'}")
    typer.echo("\n  Stop with Ctrl+C.\n")
