"""Stories of the second factor: set up once, asked for from then on; told by browsers and through the API.

The browsers' phone is zbarimg, which reads the QR code from a picture of the page; the codes are oathtool's.
"""

import asyncio
import re
import subprocess
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from portico.development.people import PEOPLE
from portico.factors.totp import key_of
from portico.organizations.model import Feature, MemberType, Organization, Role
from portico.organizations.policies.model import Draft
from portico.organizations.policy import Mfa, PolicyFields
from portico.organizations.rules import AT_THE_MACHINE
from tests.journeys.conftest import Browse, Meet, on_both_databases
from tests.support.authenticators import scanned
from tests.support.storytellers import ApiTeller, BrowserTeller, Storyteller
from tests.support.town import Person, Town
from tests.support.virtual_device import VirtualDevice

_AUTOFILL_OFF = """
if (sessionStorage.getItem("without-autofill")) {
  PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false);
}
"""

pytestmark = pytest.mark.asyncio(loop_scope="session")

_CODE = re.compile(r"Your code is: (\d{6})")


async def clinic_of(town: Town, person: Person) -> Organization:
    """An organization of somebody's own, which asks for a second factor."""
    house, now = town.house, town.house.clock.now()
    account = await house.accounts.find_by_identifier(house.database, person.address)
    assert account is not None
    clinic = await house.database.transact(
        lambda tx: house.organizations.add_organization(
            tx, now, name=f"Clinic of {person.handle}", features=frozenset({Feature.MFA})
        )
    )
    await house.database.transact(
        lambda tx: house.organizations.join(
            tx, now, organization_id=clinic.id, account_id=account.id, member_type=MemberType.STAFF, role=Role.MEMBER
        )
    )
    draft = Draft(fields=PolicyFields(mfa=Mfa.REQUIRED), based_on=0, at_once=True)
    await house.policies.save(clinic.id, MemberType.STAFF, draft, AT_THE_MACHINE)
    return clinic


async def mailed(town: Town, person: Person) -> str:
    """The newest code mailed to somebody."""
    for letter in await town.letters(person.address):
        found = _CODE.search(letter.text)
        if found:
            return found[1]
    raise AssertionError("no code was mailed")


async def oathtool(town: Town, key: str) -> str:
    """The code another program makes of a key, by the server's clock."""
    async with httpx.AsyncClient(base_url=town.base) as client:
        clock = (await client.post("/dev/api/clock", json={"advance_seconds": 0})).json()
    return await asyncio.to_thread(made_by_oathtool, key, datetime.fromisoformat(clock["now"]))


def made_by_oathtool(key: str, at: datetime) -> str:
    """The code of a key at an instant."""
    now = f"--now={at:%Y-%m-%d %H:%M:%S UTC}"
    made = subprocess.run(["oathtool", "--totp", "--base32", now, key], capture_output=True, text=True, check=True)
    return made.stdout.strip()


async def scan(teller: Storyteller, folder: Path) -> str:
    """The key, as a phone gets it from the page."""
    if isinstance(teller, ApiTeller):
        return scanned(teller.attempt["setup"]["totp_uri"])[1]
    assert isinstance(teller, BrowserTeller)
    await expect(teller.main.locator("h1")).to_have_text(teller.words("enrol.title"))
    picture = folder / "page.png"
    await teller.page.screenshot(path=picture, full_page=True)
    return scanned(await asyncio.to_thread(read_by_zbarimg, picture))[1]


def read_by_zbarimg(picture: Path) -> str:
    """What a phone's camera reads in a picture."""
    read = subprocess.run(["zbarimg", "--quiet", "--raw", str(picture)], capture_output=True, text=True, check=True)
    return read.stdout.strip()


async def give(teller: Storyteller, answer: str, code: str, label: str = "enrol.code") -> None:
    """Give a code where one is asked for."""
    if isinstance(teller, ApiTeller):
        await teller.answer({"answer": answer, "code": code})
    if isinstance(teller, BrowserTeller):
        await teller.field(label).fill(code)
        await teller.press(teller.primary)


async def keep_recovery_code(teller: Storyteller) -> str:
    """Note the recovery code, and say so."""
    if isinstance(teller, ApiTeller):
        code: str = teller.attempt["setup"]["recovery_code"]
        await teller.answer({"answer": "recovery_saved", "confirmed": True})
        return code
    assert isinstance(teller, BrowserTeller)
    await expect(teller.main.locator("h1")).to_have_text(teller.words("recovery.gate.title"))
    shown = await teller.main.locator("#recovery-code").inner_text()
    await teller.field("recovery.gate.confirm").check()
    await teller.press(teller.primary)
    return shown.strip()


async def not_here(teller: Storyteller) -> None:
    """Say that this device is not to be trusted; clients of the API do not ask."""
    if isinstance(teller, BrowserTeller):
        await expect(teller.main.locator("h1")).to_have_text(teller.words("trust.title"))
        await teller.press(teller.button("trust.never"))


async def use_recovery_code(teller: Storyteller, code: str) -> None:
    """Try another method, and enter the recovery code."""
    if isinstance(teller, BrowserTeller):
        await teller.press(teller.link("prove.another"))
        await teller.press(teller.link("prove.others.recovery_code"))
    await give(teller, "recovery_code", code, "prove.recovery.code")


@on_both_databases
async def test_it_is_set_up_once_and_asked_for_from_then_on(
    meet: Meet, town: Town, tmp_path: Path
) -> None:  # S45 S46 S47 S54 S57 S58 S60 S69 S62 S72 S74 S78 S80 D12 D14
    ada, teller = await town.move_in("Ada"), await meet()
    await clinic_of(town, ada)
    await teller.sign_in(ada)
    await teller.enter_code(await mailed(town, ada))
    key = await scan(teller, tmp_path)
    await give(teller, "totp_enrolment", "000000")
    await teller.hears("totp.wrong")
    await give(teller, "totp_enrolment", await oathtool(town, key))
    recovery_code = await keep_recovery_code(teller)
    assert len(recovery_code) == 24
    await not_here(teller)
    assert await teller.is_signed_in()

    await town.advance(minutes=1)
    again = await meet()
    await again.sign_in(ada)
    await give(again, "totp", await oathtool(town, key))
    await not_here(again)
    assert await again.is_signed_in()

    without = await meet()
    await without.sign_in(ada)
    await use_recovery_code(without, recovery_code.lower())
    assert await keep_recovery_code(without) != recovery_code
    await not_here(without)
    assert await without.is_signed_in()


async def test_the_key_can_be_typed_and_copied(browse: Browse, town: Town, tmp_path: Path) -> None:  # S55 S56 S59 D13
    ada, teller = await town.move_in("Ada"), await browse()
    await clinic_of(town, ada)
    await teller.sign_in(ada)
    await teller.enter_code(await mailed(town, ada))
    in_picture = await scan(teller, tmp_path)
    await teller.press(teller.link("enrol.cannot_scan"))
    key = (await teller.main.locator("#key").inner_text()).replace(" ", "").replace("\n", "")
    assert re.fullmatch("[A-Z2-7]{32}", key)
    assert key == in_picture
    copy = teller.button("copy.code")
    if teller.has_script:
        await teller.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await copy.click()
        await expect(teller.main.get_by_role("status")).to_have_text(teller.words("copy.done"))
        assert await teller.page.evaluate("navigator.clipboard.readText()") == key
    else:
        await expect(copy).to_be_hidden()
    await give(teller, "totp_enrolment", await oathtool(town, key))
    await expect(teller.main.locator("h1")).to_have_text(teller.words("recovery.gate.title"))
    assert re.fullmatch("[A-Z0-9]{24}", (await teller.main.locator("#recovery-code").inner_text()).strip())


async def test_who_has_lost_everything_is_helped_and_sets_it_up_anew(
    browse: Browse, town: Town, tmp_path: Path
) -> None:  # S79 D12 D19
    ada, teller = await town.move_in("Ada"), await browse()
    await clinic_of(town, ada)
    house, now, lost = town.house, town.house.clock.now(), bytes(20)
    account = await house.accounts.find_by_identifier(house.database, ada.address)
    assert account is not None
    await house.database.transact(lambda tx: house.totp.enrol(tx, now, account.id, lost, 1))
    await teller.sign_in(ada)
    await teller.press(teller.link("prove.another"))
    await expect(teller.main).to_contain_text("ask the administrators of your organization")
    async with httpx.AsyncClient(base_url=town.base, timeout=30) as client:
        operator = ApiTeller(town.base, "en", client)
        olga = next(one for one in PEOPLE if one.is_operator)
        await operator.identify(olga.address)
        await operator.give_password(olga.password)
        body = {"current_password": olga.password, "reason": "telephone lost, known by voice"}
        done = await operator.call("POST", f"/operator/people/{account.id}/reset-mfa", body)
    assert done["is_done"], done
    await teller.sign_in(ada)
    await teller.enter_code(await mailed(town, ada))
    assert await scan(teller, tmp_path) != key_of(lost)


@pytest.mark.parametrize(
    ("browse", "database_kind"),
    [("with script", "sqlite"), ("without script", "sqlite"), ("with script", "postgresql")],
    indirect=["browse"],
)
async def test_the_article_line_by_line_on_a_device_with_a_fingerprint_reader(
    browse: Browse, town: Town, tmp_path: Path
) -> None:  # S61 S63 S64 S67 S68 S71 S73 S74 S75 S77 D15 D16 D17
    """Set up, trusted, named; then by fingerprint: after the password, refused and by mail, and without a name."""
    ada, teller = await town.move_in("Ada"), await browse()
    if not teller.has_script:
        await without_script(teller, town, ada, tmp_path)
        return
    reader = await VirtualDevice.on(teller.page)
    await teller.page.add_init_script(_AUTOFILL_OFF)
    await clinic_of(town, ada)
    await teller.sign_in(ada)
    await teller.enter_code(await mailed(town, ada))
    await give(teller, "totp_enrolment", await oathtool(town, await scan(teller, tmp_path)))
    await keep_recovery_code(teller)
    assert await teller.page.title() == "Log In Faster on This Device | Portico"
    await teller.press(teller.primary)
    assert await teller.page.title() == "Device registration successful | Portico"
    assert await reader.count() == 1
    await expect(teller.field("registered.name")).to_have_value(re.compile("Ada"))
    await teller.field("registered.name").fill("Ada's laptop")
    await teller.press(teller.primary)
    assert await teller.is_signed_in()
    await teller.page.goto("/account/authenticator")
    await expect(teller.main).to_contain_text("Ada's laptop")

    await sign_out_without_autofill(teller)
    await teller.sign_in(ada)
    assert await teller.page.title() == "Use fingerprint or face recognition to login | Portico"
    await reader.verify(is_verified=False)
    await teller.primary.click()
    await expect(teller.main.get_by_role("status")).to_contain_text("No passkey was used")
    await teller.press(teller.link("prove.another"))
    await teller.press(teller.main.get_by_role("button"))
    await expect(teller.main).to_contain_text("ada")
    await teller.enter_code(await mailed(town, ada))
    assert await teller.is_signed_in()

    await reader.verify(is_verified=True)
    await sign_out_without_autofill(teller)
    await teller.page.goto("/signin")
    async with teller.page.expect_navigation(url="**/account"):
        await teller.button("signin.passkey").click()
    assert await teller.is_signed_in()

    await teller.sign_out()
    async with teller.page.expect_navigation(url="**/account"):
        await teller.page.goto("/signin")  # autofill offers it, and somebody chooses it
    assert await teller.is_signed_in()


async def sign_out_without_autofill(teller: BrowserTeller) -> None:
    """The virtual device would choose what autofill offers at once, before anybody has typed or pressed anything."""
    await teller.sign_out()
    await teller.page.evaluate("sessionStorage.setItem('without-autofill', 'yes')")


async def without_script(teller: BrowserTeller, town: Town, ada: Person, folder: Path) -> None:
    """No passkey without script: the page says so, and goes on."""
    await clinic_of(town, ada)
    await teller.sign_in(ada)
    await teller.enter_code(await mailed(town, ada))
    await give(teller, "totp_enrolment", await oathtool(town, await scan(teller, folder)))
    await keep_recovery_code(teller)
    await expect(teller.main).to_contain_text(teller.words("trust.unable"))
    await teller.press(teller.button("trust.later"))
    assert await teller.is_signed_in()
