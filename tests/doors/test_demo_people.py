"""The demo's people who have a second step: the first page shows what their phones show."""

import re
from pathlib import Path

import httpx

from portico.app import build_app
from portico.factors.contract import RecoveryCodeAnswer, Subject, TotpAnswer
from portico.factors.proof import Failure
from portico.house import House, open_house
from portico.organizations.managing import find_managing
from portico.settings import read_settings
from tests.support.databases import Templates


async def entered(house: House, handle: str, code: str) -> Failure | None:
    """What is said to the code of somebody; None if it is good."""
    account = await house.accounts.find_by_identifier(house.database, handle)
    assert account is not None
    subject = Subject(account.id)
    return (await house.totp.judge(house.database, subject, TotpAnswer(code=code), house.clock.now)).failure


async def test_the_first_page_shows_what_each_phone_shows(
    templates: Templates, tmp_path: Path
) -> None:  # D13, D14, S79
    async with templates.url("sqlite", tmp_path) as url:
        environment = {"PORTICO_DATA": str(tmp_path / "data"), "PORTICO_DATABASE_URL": url}
        environment |= {"PORTICO_ARGON2_MEMORY_KIB": "8", "PORTICO_ARGON2_PASSES": "1"}
        environment["PORTICO_MAIL_TRANSPORT"] = "maildir"
        house = await open_house(read_settings(environment), is_development=True)
        try:
            await house.demo_people.seed()
            await house.demo_clinics.seed()
            transport = httpx.ASGITransport(app=build_app(house))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
                page = (await client.get("/dev")).text
            rows = {
                name: row
                for row in re.findall(r"<tr>.*?</tr>", page)
                for name in ("Elif", "Ravi", "Greta")
                if name in row
            }
            codes = {name: re.findall(r"<code>(\d{6})</code>", row) for name, row in rows.items()}
            assert (codes["Elif"], len(codes["Ravi"]), len(codes["Greta"])) == ([], 1, 1)
            assert await entered(house, "ravi.menon", codes["Ravi"][0]) is None
            told = await entered(house, "greta.vogel", codes["Greta"][0])
            assert told is not None
            assert (told.code, told.params) == ("totp.clock_behind", {"count": 4})
            lakeside = await house.organization_changes.find_by_name("Lakeside Clinic")
            assert lakeside is not None
            assert lakeside.features == {"mfa"}

            shown = {name: re.findall(r"<code>([A-Z0-9]{24})</code>", row) for name, row in rows.items()}
            assert (shown["Elif"], len(shown["Ravi"]), len(shown["Greta"])) == ([], 1, 1)
            greta = await house.accounts.find_by_identifier(house.database, "greta.vogel")
            assert greta is not None
            assert (await find_managing(house.database, greta)) == lakeside
            answer, now = RecoveryCodeAnswer(code=shown["Greta"][0]), house.clock.now
            judged = await house.recovery_code.judge(house.database, Subject(greta.id), answer, now)
            await house.database.transact(lambda tx: house.recovery_code.settle(tx, judged, now()))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
                page = (await client.get("/dev")).text
            assert (shown["Ravi"][0] in page, answer.code in page) == (True, False)
        finally:
            await house.close()
