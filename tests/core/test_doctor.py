"""The doctor finds what is wrong and says how to mend it; one fault does not hide another."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from portico.database.deployment import CLOCK_FLOOR, keep_fact
from portico.database.engine import open_database
from portico.doctor import Finding, examine
from portico.house import open_house
from portico.kernel.clock import SystemClock, to_micros
from portico.settings import read_settings
from tests.support.databases import Templates
from tests.support.mail_server import MailServer, mail_server


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server that takes what comes."""
    with mail_server() as running:
        yield running


@pytest.fixture
def environment(tmp_path: Path, server: MailServer) -> dict[str, str]:
    """A deployment with nothing wrong in it."""
    return {
        "PORTICO_BASE_URL": "https://login.north.example",
        "PORTICO_DATA": str(tmp_path / "data"),
        "PORTICO_SMTP_HOST": "127.0.0.1",
        "PORTICO_SMTP_PORT": str(server.port),
        "PORTICO_SMTP_SECURITY": "none",
    }


async def findings(environment: dict[str, str]) -> dict[str, Finding]:
    """What the doctor says, by subject."""
    found = await examine(read_settings(environment))
    assert len({finding.subject for finding in found}) == len(found)
    assert all(finding.sentence for finding in found)
    return {finding.subject: finding for finding in found}


def unwell(found: dict[str, Finding]) -> dict[str, str]:
    """What is to be mended: subject and sentence."""
    return {subject: finding.sentence for subject, finding in found.items() if not finding.is_well}


async def test_a_deployment_with_nothing_wrong_is_told_so(environment: dict[str, str], server: MailServer) -> None:
    found = await findings(environment)
    assert set(found) == {
        "settings", "public address", "mail settings", "database", "keys", "clock", "mail server", "hashing",
        "breached password filter", "breached password service",
    }  # fmt: skip
    assert set(unwell(found)) <= {"hashing"}, "how fast this machine is today says nothing"
    assert "libsodium" in found["hashing"].sentence
    assert server.connections == 1
    assert server.received == []


async def test_an_address_that_only_this_machine_knows_is_found(environment: dict[str, str]) -> None:
    found = unwell(await findings({**environment, "PORTICO_BASE_URL": "http://localhost:8000"}))
    assert "base_url" in found["public address"]


async def test_mail_that_goes_into_a_folder_is_found(environment: dict[str, str]) -> None:
    found = unwell(await findings({**environment, "PORTICO_MAIL_TRANSPORT": "maildir"}))
    assert "mail_transport" in found["mail settings"]


async def test_a_mail_server_that_is_down_is_found(environment: dict[str, str], server: MailServer) -> None:
    server.stop()
    assert "does not take mail" in unwell(await findings(environment))["mail server"]


async def test_mail_in_the_clear_to_another_machine_is_found(environment: dict[str, str]) -> None:
    found = unwell(await findings({**environment, "PORTICO_SMTP_HOST": "mail.north.example"}))
    assert "encrypted" in found["mail server"]


async def test_a_database_that_cannot_be_opened_hides_nothing_else(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "not-a-database"
    file.write_bytes(b"this is no database, whatever its name says" * 100)
    found = unwell(await findings({**environment, "PORTICO_DATABASE_URL": f"sqlite:///{file}"}))
    assert "cannot be opened" in found["database"]
    assert "public address" not in found


async def test_a_database_of_a_later_release_is_found(environment: dict[str, str]) -> None:
    settings = read_settings(environment)
    house = await open_house(settings)
    await house.database.transact(lambda tx: tx.execute("UPDATE alembic_version SET version_num = '9999'"))
    await house.close()
    assert "9999" in unwell(await findings(environment))["database"]


async def test_an_empty_database_of_a_server_must_be_migrated(
    environment: dict[str, str], templates: Templates
) -> None:
    async with templates.server.database() as url:
        found = unwell(await findings({**environment, "PORTICO_DATABASE_URL": url}))
    assert "portico migrate" in found["database"]


async def test_keys_that_are_gone_are_found(environment: dict[str, str]) -> None:
    settings = read_settings(environment)
    await (await open_house(settings)).close()
    settings.sealing_keys_file.unlink()
    assert "backup" in unwell(await findings(environment))["keys"]


async def test_a_clock_that_was_set_back_is_found(environment: dict[str, str]) -> None:
    settings = read_settings(environment)
    await (await open_house(settings)).close()
    ahead = str(to_micros(SystemClock().now() + timedelta(hours=3)))
    database = await open_database(settings.database_url)
    await database.transact(lambda tx: keep_fact(tx, CLOCK_FLOOR, ahead))
    await database.close()
    assert "clock" in unwell(await findings(environment))["clock"]


async def test_hashes_that_are_too_cheap_are_found(environment: dict[str, str]) -> None:
    found = unwell(await findings({**environment, "PORTICO_ARGON2_MEMORY_KIB": "8", "PORTICO_ARGON2_PASSES": "1"}))
    assert "argon2_memory_kib" in found["hashing"]
