"""``portico keys``: an operator changes the sealing key from first to last, and what was forgotten is noticed."""

import asyncio
from functools import partial
from pathlib import Path

from portico.database.engine import Transaction, open_database
from portico.doctor import examine
from portico.house import House, open_house
from portico.kernel.chance import SystemChance
from portico.kernel.tokens import to_base64url
from portico.settings import read_settings
from tests.architecture.source import ROOT
from tests.core.test_cli import Operator
from tests.doors.test_operating import statements

KEYS = ROOT / "docs" / "operating" / "keys.md"


class Deployment(Operator):
    """A deployment and its operator, with the file of the keys at hand."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.settings = read_settings({**self.environment, "PORTICO_MAIL_TRANSPORT": "maildir"})

    def lines(self) -> list[str]:
        """The keys, newest first."""
        return self.settings.sealing_keys_file.read_text(encoding="ascii").split()

    def write(self, *lines: str) -> None:
        """Let these be the keys."""
        self.settings.sealing_keys_file.write_text("\n".join(lines) + "\n", encoding="ascii")

    def rotate(self) -> None:
        """Put a new key on top."""
        self.write(to_base64url(SystemChance().draw_bytes(32)), *self.lines())

    async def be_served(self, *names: str) -> None:
        """A server starts and does its jobs; meanwhile these people set up an app."""
        house = await open_house(self.settings)
        try:
            await house.runner.run_all_once()
            for name in names:
                await set_up(house, name)
        finally:
            await house.close()

    async def type_words(self, *words: str) -> tuple[list[list[str]], str]:
        """What a command says, word by word in each line, and what it complains of."""
        done = await asyncio.to_thread(self.type, *words, PORTICO_LOG_LEVEL="error")
        assert "Traceback" not in done.stderr
        assert (done.returncode == 0) == (not done.stderr)
        return [line.split() for line in done.stdout.splitlines()], done.stderr

    async def ask_doctor(self) -> tuple[bool, str]:
        """Whether the keys are well, and what the doctor says of them."""
        [finding] = [finding for finding in await examine(self.settings) if finding.subject == "keys"]
        return finding.is_well, finding.sentence


async def execute(statement: str, tx: Transaction) -> None:
    """Run a statement that somebody types."""
    await tx.execute(statement)


async def set_up(house: House, name: str) -> None:
    """An account with an authenticator app."""
    now = house.clock.now()
    account = await house.database.transact(
        lambda tx: house.accounts.add_account(tx, now, address=f"{name}@north-clinic.example")
    )
    await house.database.transact(lambda tx: house.totp.enrol(tx, now, account.id, bytes(20), 1))


async def test_a_key_is_rotated_resealed_and_removed(tmp_path: Path) -> None:  # D13
    deployment = Deployment(tmp_path)
    await deployment.be_served("nora", "omar")
    deployment.rotate()
    _, complaint = await deployment.type_words("keys", "reseal")
    assert "restart the servers first" in complaint
    (_, newest, older), complaint = await deployment.type_words("keys", "status")
    assert (newest[1:], older[1:], complaint) == (["newest", "0", "0"], ["older", "2", "0"], "")

    old = deployment.lines()[1]
    await deployment.be_served()
    said, _ = await deployment.type_words("keys", "reseal")
    assert said == [["Authenticator", "apps", "sealed", "anew:", "0."]], "the server has done it"
    (_, newest, older), _ = await deployment.type_words("keys", "status")
    assert (newest[1:], older[1:]) == (["newest", "2", "0"], ["older", "0", "0"])
    deployment.write(deployment.lines()[0])
    assert (await deployment.ask_doctor())[0]

    deployment.write(old, *deployment.lines())
    await deployment.be_served("lena")
    deployment.write(old)
    is_well, _ = await deployment.ask_doctor()
    assert is_well, "rotating back is rotating"


async def test_a_key_that_is_removed_too_early_is_noticed(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    await deployment.be_served("nora")
    old = deployment.lines()
    deployment.rotate()
    assert (await deployment.ask_doctor())[0]
    newest = deployment.lines()[0]
    deployment.write(newest)
    is_well, sentence = await deployment.ask_doctor()
    assert not is_well
    assert "still seals something (authenticator apps: 1)" in sentence
    assert "put it back" in sentence
    (*_, missing), complaint = await deployment.type_words("keys", "status")
    assert missing[1:] == ["MISSING", "1", "0"]
    assert missing[0] in complaint
    assert missing[0] in sentence

    deployment.write(newest, *old)
    assert (await deployment.ask_doctor())[0]
    await deployment.be_served()
    deployment.write(newest)
    assert (await deployment.ask_doctor())[0]


async def test_apps_whose_key_is_lost_are_removed_as_the_guide_says(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    await deployment.be_served("nora")
    deployment.rotate()
    assert (await deployment.ask_doctor())[0]
    deployment.write(deployment.lines()[0])
    assert not (await deployment.ask_doctor())[0]
    database = await open_database(deployment.settings.database_url)
    try:
        for statement in statements(KEYS):
            if statement not in {"BEGIN", "COMMIT"}:
                await database.transact(partial(execute, statement))
        left = await database.list_rows("SELECT id FROM credentials WHERE kind = 'totp'")
    finally:
        await database.close()
    assert left == []
    assert (await deployment.ask_doctor())[0]
