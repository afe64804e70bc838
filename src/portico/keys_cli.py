"""``portico keys``: what the sealing keys still seal, and sealing anew under the newest."""

import typer

from portico.factors.resealing import Resealed
from portico.house import House
from portico.kernel.errors import Misconfigured
from portico.terminal import Config, columns, open_settings, with_house

keys = typer.Typer(no_args_is_help=True, help="The sealing keys: what each still seals, and sealing anew.")


@keys.command("status")
def status(config: Config = None) -> None:
    """List the keys, newest first, and how much each still seals."""
    settings = open_settings(config)

    async def work(house: House) -> tuple[tuple[str, ...], dict[str, int], dict[str, int]]:
        apps = await house.resealing.count_by_key(house.database)
        return house.ground.keys.names(), apps, await house.mail.count_by_key(house.database)

    names, apps, mails = with_house(settings, work)
    missing = sorted({*apps, *mails} - set(names))
    rows = [("key", "place", "authenticator apps", "waiting mails")]
    rows += [
        (name, _place(name, names), str(apps.get(name, 0)), str(mails.get(name, 0))) for name in (*names, *missing)
    ]
    for line in columns(rows):
        typer.echo(line)
    if missing:
        raise Misconfigured(
            f"{', '.join(missing)} still seals something and is not in {settings.sealing_keys_file}: "
            "put it back below the newest key, and restart"
        )


@keys.command("reseal")
def reseal(config: Config = None) -> None:
    """Seal anew under the newest key; servers do it every hour."""

    async def work(house: House) -> Resealed:
        return await house.resealing.run(house.database)

    resealed = with_house(open_settings(config), work)
    typer.echo(f"Authenticator apps sealed anew: {resealed.done}.")
    if resealed.damaged:
        raise Misconfigured(
            f"{resealed.damaged} could not be opened though their key is there: the log names the accounts"
        )


def _place(name: str, names: tuple[str, ...]) -> str:
    if name not in names:
        return "MISSING"
    return "newest" if name == names[0] else "older"
