"""What the operator's guides tell people to type does what they say."""

import re
from pathlib import Path

from portico.database.engine import Transaction
from portico.factors.contract import RecoveryCodeAnswer, Subject
from portico.mail.model import MailStatus
from tests.architecture.source import ROOT
from tests.support.world import ADDRESS, PASSWORD, World

CODE = "ABCDEFGHJKLMNPQRSTUVWXYZ"
BACKUP = ROOT / "docs" / "operating" / "backup.md"


def statements(document: Path) -> list[str]:
    """The statements of the SQL a guide shows."""
    found = re.search(r"^```sql\n(.*?)^```$", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found
    code = re.sub(r"^--.*$", "", found[1], flags=re.MULTILINE)
    return [statement.strip() for statement in code.split(";") if statement.strip()]


async def test_after_a_restore_nothing_old_opens_anything(world: World) -> None:  # D22, rule 9
    async with world.browser() as browser, world.browser() as other, world.native() as native:
        await browser.sign_in()
        await native.sign_in()
        await browser.submit(await browser.get("/account/passwordreset"), "/account/passwordreset", identifier=ADDRESS)
        link = await world.reset_link()
        await browser.submit(await browser.get("/account/passwordreset"), "/account/passwordreset", identifier=ADDRESS)
        waiting = await other.identify()
        house, now, account = world.house, world.clock.now(), await world.get_account()
        await house.database.transact(lambda tx: house.recovery_code.save(tx, now, account.id, CODE))
        subject = Subject(account.id)
        used = await house.recovery_code.judge(house.database, subject, RecoveryCodeAnswer(code=CODE), lambda: now)
        assert used.proof is not None

        async def restore(tx: Transaction) -> None:
            for statement in statements(BACKUP):
                await tx.execute(statement)

        await world.house.database.transact(restore)

        assert not await house.database.transact(lambda tx: house.recovery_code.settle(tx, used, now))
        assert (await browser.get("/account")).status_code == 303
        assert (await native.call("GET", "/account")).status_code == 401
        assert (await native.refresh()).status_code == 401
        assert (await browser.get(link)).status_code == 410
        letters = [letter for letter in await world.letters() if "/passwordreset/" in letter.text]
        assert len(letters) == 1, "what was asked for before the restore is not mailed after it"
        counted = await world.house.mail.count_by_status(world.house.database)
        assert MailStatus.QUEUED not in counted
        await other.submit(waiting, waiting.request.url.path, password=PASSWORD)
        assert (await other.get("/account")).status_code == 200, "whoever knows the password signs in"
