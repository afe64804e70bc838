"""The clock outlives its process: what one has told, no later one tells anything before (architecture rule 9)."""

from datetime import timedelta
from pathlib import Path

from portico.database.deployment import CLOCK_FLOOR, find_number, keep_fact
from portico.development.clock_control import advance, find_offset
from portico.house import House, open_house
from portico.kernel.clock import SystemClock, to_micros
from portico.settings import read_settings


async def open_at(folder: Path, url: str, *, is_development: bool = False) -> tuple[House, SystemClock]:
    """A house as a process would open it, and its clock."""
    environment = {
        "PORTICO_DATA": str(folder),
        "PORTICO_DATABASE_URL": url,
        "PORTICO_MAIL_TRANSPORT": "maildir",
        "PORTICO_ARGON2_MEMORY_KIB": "8",
        "PORTICO_ARGON2_PASSES": "1",
    }
    house = await open_house(read_settings(environment), is_development=is_development)
    assert isinstance(house.clock, SystemClock)
    return house, house.clock


async def test_a_later_process_never_tells_an_instant_before_what_was_told(database_url: str, tmp_path: Path) -> None:
    house, clock = await open_at(tmp_path, database_url)
    clock.offset = timedelta(hours=3)
    told = clock.now()
    await house.runner.run_all_once()
    assert await find_number(house.database, CLOCK_FLOOR) >= to_micros(told)
    await house.close()

    house, clock = await open_at(tmp_path, database_url)
    assert clock.now() >= told
    assert clock.behind() > timedelta(hours=2)
    await house.close()


async def test_a_process_takes_over_what_another_has_told(database_url: str, tmp_path: Path) -> None:
    house, clock = await open_at(tmp_path, database_url)
    ahead = clock.now() + timedelta(hours=5)
    await house.database.transact(lambda tx: keep_fact(tx, CLOCK_FLOOR, str(to_micros(ahead))))
    await house.runner.run_all_once()
    assert clock.now() >= ahead
    await house.close()


async def test_the_floor_is_not_written_more_often_than_it_is_worth(database_url: str, tmp_path: Path) -> None:
    house, _clock = await open_at(tmp_path, database_url)
    await house.runner.run_all_once()
    first = await find_number(house.database, CLOCK_FLOOR)
    await house.runner.run_all_once()
    assert await find_number(house.database, CLOCK_FLOOR) == first > 0
    await house.close()


async def test_the_development_clock_only_grows_and_is_known_to_every_process(
    database_url: str, tmp_path: Path
) -> None:
    house, clock = await open_at(tmp_path, database_url, is_development=True)
    other, others_clock = await open_at(tmp_path, database_url, is_development=True)
    before = clock.now()
    for hours in (1, 2, 3):
        await advance(house.database, clock, timedelta(hours=hours))
    assert clock.now() >= before + timedelta(hours=6)
    await other.runner.run_all_once()
    assert others_clock.now() >= before + timedelta(hours=6)
    assert await find_offset(house.database) == timedelta(hours=6)
    await other.close()
    await house.close()
