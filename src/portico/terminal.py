"""What every command does alike: read the settings, open the house for one piece of work, show a table."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from portico.house import House, open_house
from portico.logs import configure_logs
from portico.settings import Settings, read_settings

T = TypeVar("T")

Config = Annotated[Path | None, typer.Option("--config", help="The TOML file with the settings.")]


def open_settings(config: Path | None, *, is_development: bool = False, log_level: str = "") -> Settings:
    """The settings; development mode has defaults of its own. ``log_level`` wins over the one they name."""
    defaults = {"mail_transport": "maildir", "log_format": "console", "log_level": "warning"} if is_development else {}
    settings = read_settings(file=config, defaults=defaults)
    configure_logs(settings.log_format, log_level or settings.log_level)
    return settings


def with_house(settings: Settings, work: Callable[[House], Awaitable[T]], *, is_development: bool = False) -> T:
    """Open the house, do one thing, close it."""

    async def run() -> T:
        house = await open_house(settings, is_development=is_development)
        try:
            return await work(house)
        finally:
            await house.close()

    return asyncio.run(run())


def columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """The rows of a table, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def instant(at: datetime | None) -> str:
    """An instant to the second, or nothing."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
