"""``portico passwords``: the commands about passwords known from breaches."""

from pathlib import Path
from typing import Annotated

import typer

from portico.factors.filter_builder import Built, build_filter

passwords = typer.Typer(no_args_is_help=True, help="Passwords known from breaches: make the file that knows them.")


@passwords.callback()
def group() -> None:
    """Keep the name of its only command."""


@passwords.command("build-filter")
def build_filter_command(
    hashes: Annotated[Path, typer.Argument(help="The published list: lines of SHA-1 and count, plain or gzip.")],
    output: Annotated[
        Path, typer.Argument(help="The filter file to write; an older one is replaced when it is whole.")
    ],
    min_count: Annotated[int, typer.Option(min=1, help="Leave out what was seen less often than this.")] = 1,
) -> None:
    """Build the file that breached_password_filter names from a published list of hashes."""
    built = build_filter(hashes, output, min_count=min_count, progress=_tell_progress)
    typer.echo(err=True)
    _tell_damage(built)
    rare = f"; {built.rare:,} seen less than {min_count} times were left out" if built.rare else ""
    typer.echo(f"{output} knows {built.kept:,} passwords from {built.lines:,} lines{rare}.")


def _tell_progress(lines: int, share: float) -> None:
    typer.echo(f"\r{lines:,} lines read, {share:.0%}", nl=False, err=True)


def _tell_damage(built: Built) -> None:
    for number in built.damaged_lines:
        typer.echo(f"line {number} is damaged and was left out", err=True)
    if built.damaged > len(built.damaged_lines):
        typer.echo(f"and {built.damaged - len(built.damaged_lines):,} more damaged lines", err=True)
