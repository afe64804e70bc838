"""What an operator types: each command does one thing and says what it did."""

import asyncio
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from portico.app import build_app
from portico.database.engine import open_database
from portico.database.schema import check_schema
from portico.development.people import PEOPLE
from portico.house import open_house
from portico.settings import read_settings
from tests.support.databases import Templates, child_environment
from tests.support.mail_server import MailServer, mail_server
from tests.support.terminal import Done, type_here
from tests.support.world import BASE, NEW_PASSWORD, SetClock, World

CHEAP = {"PORTICO_ARGON2_MEMORY_KIB": "8", "PORTICO_ARGON2_PASSES": "1"}
LINK = re.compile(r"https://\S+(/account/passwordreset/[A-Za-z0-9_-]{43})$", re.MULTILINE)


class Operator:
    """Somebody at a terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"PORTICO_DATA": str(folder / "data"), "PORTICO_BASE_URL": BASE, **CHEAP}

    def type(self, *words: str, **environment: str) -> Done:
        """Run a command to its end."""
        return type_here(words, self.folder, {**self.environment, **environment})

    def start(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """The same in a process of its own."""
        given = {name: value for name, value in child_environment().items() if not name.startswith("PORTICO_")}
        return subprocess.run(
            [sys.executable, "-m", "portico", *words],
            cwd=self.folder,
            env={**given, **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def succeed(self, *words: str, **environment: str) -> str:
        """Run a command that must go well; what it said."""
        done = self.type(*words, **environment)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def fail(self, *words: str, **environment: str) -> str:
        """Run a command that must be refused with one clear message; that message."""
        done = self.type(*words, **environment)
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stderr + done.stdout
        assert done.stderr.strip()
        return done.stderr


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server that takes what comes."""
    with mail_server() as running:
        yield running


def local(**more: str) -> dict[str, str]:
    return {"PORTICO_BASE_URL": "http://localhost:8000", **more}


@pytest.mark.parametrize(
    ("words", "status"),
    [(("mails",), 0), (("create-admin", "nobody"), 1), (("sereve",), 2)],
    ids=["done", "refused", "unknown"],
)
def test_a_process_says_and_ends_as_the_other_tests_see_it(
    operator: Operator, words: tuple[str, ...], status: int
) -> None:
    there, here = operator.start(*words), operator.type(*words)
    first, second = (re.sub(r"python -m \S+", "portico", each.stderr) for each in (there, here))
    assert (there.returncode, there.stdout, first) == (status, here.stdout, second)
    assert here.returncode == status
    assert here.stdout if status == 0 else here.stderr


def test_every_command_explains_itself(operator: Operator) -> None:
    shown = operator.succeed("--help")
    for command in ("serve", "demo", "migrate", "create-admin", "send-test-mail", "doctor"):
        assert command in shown


def test_all_mistakes_in_the_settings_are_told_at_once_and_nothing_is_done(operator: Operator) -> None:
    told = operator.fail("migrate", PORTICO_PORT="many", PORTICO_BASE_URL="ftp://x", PORTICO_BASEURL="x")
    named = {line.partition(":")[0] for line in told.removeprefix("portico: ").splitlines()}
    assert named == {"port", "base_url", "PORTICO_BASEURL"}
    assert not (operator.folder / "data").exists()


def test_migrate_makes_a_database_and_changes_nothing_the_second_time(operator: Operator) -> None:
    for _ in range(2):
        assert "up to date" in operator.succeed("migrate")
    file = operator.folder / "data" / "portico.db"
    assert file.stat().st_mode & 0o777 == 0o600
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT count(*) FROM accounts").fetchone() == (0,)
    connection.close()


async def test_migrate_fills_an_empty_database_of_a_server(operator: Operator, templates: Templates) -> None:
    async with templates.server.database() as url:
        await asyncio.to_thread(operator.succeed, "migrate", PORTICO_DATABASE_URL=url)
        database = await open_database(url)
        assert (await check_schema(database)).state == "current"
        await database.close()


async def test_create_admin_prints_a_link_that_works_once(operator: Operator) -> None:
    said = await asyncio.to_thread(
        operator.succeed, "create-admin", "olga@north-clinic.example", "--first-name", "Olga", "--last-name", "Peters"
    )
    found = LINK.search(said)
    assert found is not None, said
    assert found[0].startswith(BASE)
    house = await open_house(read_settings(operator.environment))
    world = World(house, build_app(house), SetClock())
    try:
        account = await world.get_account("olga@north-clinic.example")
        assert account.is_operator
        assert account.name == "Olga Peters"
        assert account.handle in said
        new = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        async with world.browser() as browser:
            page = await browser.follow(await browser.get(found[1]))
            done = await browser.follow(await browser.submit(page, page.request.url.path, **new))
            assert done.status_code == 200
            assert (await browser.get(found[1])).status_code in {303, 404, 410}
            answer = await browser.sign_in("olga@north-clinic.example", NEW_PASSWORD)
            assert (await browser.follow(answer)).status_code == 200
            assert browser.cookie("session")
    finally:
        await house.close()


@pytest.mark.parametrize("address", ["nobody", "", "olga@localhost", "a@b@example.com"])
def test_create_admin_refuses_what_is_no_address(operator: Operator, address: str) -> None:
    operator.fail("create-admin", address)


def test_create_admin_refuses_an_address_that_is_taken(operator: Operator) -> None:
    operator.succeed("create-admin", "olga@north-clinic.example")
    assert "taken" in operator.fail("create-admin", "OLGA@north-clinic.example")


def test_send_test_mail_sends_one_mail_now(operator: Operator, server: MailServer) -> None:
    smtp = {"PORTICO_SMTP_HOST": "127.0.0.1", "PORTICO_SMTP_PORT": str(server.port), "PORTICO_SMTP_SECURITY": "none"}
    said = operator.succeed(
        "send-test-mail", "olga@north-clinic.example", "--language", "de", PORTICO_BRAND_NAME="North", **smtp
    )
    assert "olga@north-clinic.example" in said
    (mail,) = server.received
    assert mail.recipients == ("olga@north-clinic.example",)
    assert "North" in mail.mail["Subject"]
    assert "North" in mail.text
    assert BASE in mail.html


def test_send_test_mail_says_what_the_server_said(operator: Operator, server: MailServer) -> None:
    server.refuse("rcpt", "550 5.1.1 nobody of that name")
    smtp = {"PORTICO_SMTP_HOST": "127.0.0.1", "PORTICO_SMTP_PORT": str(server.port), "PORTICO_SMTP_SECURITY": "none"}
    assert "nobody of that name" in operator.fail("send-test-mail", "olga@north-clinic.example", **smtp)
    server.stop()
    assert "not taken" in operator.fail("send-test-mail", "olga@north-clinic.example", **smtp)


def test_doctor_lists_what_it_found_and_fails_while_something_is_to_be_mended(operator: Operator) -> None:
    done = operator.type("doctor", PORTICO_MAIL_TRANSPORT="maildir")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert all(re.match(r"(ok  |MEND)  [a-z ]+: .+", line) for line in lines), done.stdout
    assert any(line.startswith("MEND  mail settings") for line in lines)
    assert any(line.startswith("ok    database") for line in lines)


def test_demo_fills_the_clinic_once_and_reset_starts_over(operator: Operator) -> None:
    new = f"{len(PEOPLE)} people, {len(PEOPLE)} of them new"
    assert new in operator.succeed("demo", **local())
    assert f"{len(PEOPLE)} people, 0 of them new" in operator.succeed("demo", **local())
    mine = operator.folder / "data" / "notes.txt"
    mine.write_text("mine", encoding="utf-8")
    assert new in operator.succeed("demo", "--reset", **local())
    assert mine.read_text(encoding="utf-8") == "mine", "only what a demo makes is removed"


def test_demo_reset_leaves_a_database_server_alone(operator: Operator) -> None:
    url = "postgresql://nobody@127.0.0.1:1/portico"
    assert "embedded" in operator.fail("demo", "--reset", **local(PORTICO_DATABASE_URL=url))


@pytest.mark.parametrize("command", [("serve", "--dev"), ("demo",), ("demo", "--reset")], ids=" ".join)
@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"PORTICO_HOST": "0.0.0.0", "PORTICO_BASE_URL": "http://localhost:8000"}, "0.0.0.0"),  # noqa: S104
        ({"PORTICO_HOST": "::", "PORTICO_BASE_URL": "http://localhost:8000"}, "this machine only"),
        ({"PORTICO_BASE_URL": "https://login.north.example"}, "login.north.example"),
    ],
    ids=["every interface", "every interface by IPv6", "a public address"],
)
def test_development_mode_is_refused_where_others_could_reach_it(
    operator: Operator, command: tuple[str, ...], environment: dict[str, str], why: str
) -> None:
    assert why in operator.fail(*command, **environment)
    assert not (operator.folder / "data").exists()


def test_an_unknown_command_is_refused(operator: Operator) -> None:
    operator.fail("sereve")
    assert list(operator.folder.iterdir()) == []
