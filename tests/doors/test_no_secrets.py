"""Canaries: passwords, tokens and links run through every door, then looked for where they must not be (rule 10)."""

import asyncio
import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from portico.accounts.model import AccountState
from portico.logs import configure_logs
from tests.support.dump import dump
from tests.support.world import ADDRESS, LIFTED, PASSWORD, Browser, MakeWorld, Native, World, hidden_fields

CANARIES = {
    "first": "Canary-One-4711",
    "second": "Canary-Two-4712",
    "third": "Canary-Three-4713",
    "wrong": "Canary-Wrong-4714",
    "short": "cAn4ry!",
    "repeat": "Canary-Repeat-4715",
    "identifier": "canary-in-the-name-field-4716",
    "unknown": "canary-unknown-4717@north-clinic.example",
}
"""Typed into fields, some of them into the wrong ones: people type passwords where names are asked."""


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The log of production at its most talkative."""
    written = io.StringIO()
    configure_logs("json", "debug")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(written))
    yield written
    structlog.reset_defaults()


async def test_nothing_secret_is_written_anywhere(
    make_world: MakeWorld, log: io.StringIO, tmp_path: Path
) -> None:  # V16.2.5, rule 10, D5
    async with make_world(limits=LIFTED) as world:
        secrets = {name: value for name, value in CANARIES.items() if name != "unknown"}
        await sing(world, secrets)
        told = log.getvalue()
        assert told.count('"event"') > 100, "the log was looked at"
        lying = await everything_lying_about(world, tmp_path)
        assert b"password_reset_link" in lying
        for name, secret in secrets.items():
            assert secret not in told, f"{name} is in the log"
            if name != "identifier":  # what was typed as a name is the name of an attempt
                assert_nowhere(name, secret, lying)
        mails = "".join(letter.text + letter.html for letter in await world.letters())
        for name, secret in secrets.items():
            if not name.startswith("link"):
                assert secret not in mails, f"{name} was mailed"


async def sing(world: World, secrets: dict[str, str]) -> None:
    """Run every canary through every door, in good ways and bad ones; tokens join them as they are made."""
    secrets["password"] = PASSWORD
    async with world.browser() as browser, world.native() as client:
        await sign_in_and_out(browser, secrets)
        await reset(world, browser, client, secrets)
        await use_the_api(client, secrets)
        await go_wrong(world, browser, client, secrets)
        keep_cookies(browser, secrets)


async def sign_in_and_out(browser: Browser, secrets: dict[str, str]) -> None:
    """By pages, with wrong passwords and passwords in the wrong field."""
    await browser.sign_in(secrets["identifier"], secrets["wrong"])
    await browser.sign_in(CANARIES["unknown"], secrets["wrong"])
    await browser.sign_in(ADDRESS, secrets["wrong"])
    await browser.sign_in(ADDRESS, PASSWORD)
    keep_cookies(browser, secrets)
    page = await browser.get("/account/password")
    for current, new, repeat in [
        (secrets["wrong"], secrets["first"], secrets["first"]),
        (PASSWORD, secrets["short"], secrets["short"]),
        (PASSWORD, secrets["first"], secrets["repeat"]),
        (PASSWORD, secrets["first"], secrets["first"]),
    ]:
        await browser.submit(
            page, "/account/password", current_password=current, new_password=new, repeat_password=repeat
        )
        page = await browser.get("/account/password")
    keep_cookies(browser, secrets)
    await browser.submit(await browser.get("/account"), "/signout")


async def reset(world: World, browser: Browser, client: Native, secrets: dict[str, str]) -> None:
    """By a link that is opened, tried, used, and tried again; another lies unsent in the outbox."""
    for number in range(2):
        form = await browser.get("/account/passwordreset")
        await browser.submit(form, "/account/passwordreset", identifier=ADDRESS)
        world.clock.advance(seconds=1)
        path = await world.reset_link()
        secrets[f"link {number}"] = path.rpartition("/")[2]
        page = await browser.follow(await browser.get(path))
        for new, repeat in [(secrets["short"], ""), (secrets["second"], secrets["repeat"]), (secrets["second"],) * 2]:
            await browser.submit(
                page, "/account/passwordreset/new", new_password=f"{new}{number}", repeat_password=f"{repeat}{number}"
            )
        await browser.get(path)
        body = {"token": path.rpartition("/")[2], "new_password": secrets["third"]}
        await client.call("POST", "/password-reset", body)
        await client.call("POST", "/password-reset/link", {"token": body["token"]})
    await client.call("POST", "/password-reset/requests", {"identifier": ADDRESS})
    await world.house.mail_requests.queue_mails()


async def use_the_api(client: Native, secrets: dict[str, str]) -> None:
    """Sign in, refresh, re-use, change."""
    current = secrets["second"] + "1"
    secrets["installation"] = client.installation
    await client.sign_in(ADDRESS, secrets["wrong"])
    assert "tokens" in (await client.sign_in(ADDRESS, current)).json()
    keep_tokens(client, secrets)
    body = {"current_password": secrets["wrong"], "new_password": secrets["third"]}
    await client.call("POST", "/account/password", body)
    changed = await client.call("POST", "/account/password", {**body, "current_password": current})
    assert changed.json() == {"is_done": True}
    old = client.refresh_token
    await client.refresh()
    keep_tokens(client, secrets)
    client.refresh_token = old
    await client.refresh()
    await client.sign_in(ADDRESS, secrets["third"])
    keep_tokens(client, secrets)
    await client.call("POST", "/tokens/revoke")


async def go_wrong(world: World, browser: Browser, client: Native, secrets: dict[str, str]) -> None:
    """Everything that is refused: it is what gets written into logs."""
    password = secrets["third"]
    for path in ("/signin", "/account/passwordreset", "/account/passwordreset/new", "/signin/x"):
        await browser.client.post(path, data={"password": password}, headers={"origin": "https://evil.example"})
        await browser.post(path, {"password": password, "new_password": password, "csrf": "x"})
        await browser.post(path, {"unheard_of": password})
        await browser.client.post(path, content=password.encode() + b"=\xff", headers={"origin": "null"})
    for method, path in [
        ("POST", "/signin"),
        ("POST", "/signin/x"),
        ("POST", "/password-reset"),
        ("PATCH", "/account"),
    ]:
        await client.call(method, path, {"password": password, "new_password": 1})
        broken = f'{{"password": "{password}", "token": "{password}'
        headers = {"content-type": "application/json", "authorization": f"Bearer {password}"}
        await client.client.request(method, f"/api/v1{path}", content=broken, headers=headers)
    await browser.get(f"/{password}")
    await browser.get(f"/signin/{password}")
    await browser.get(f"/account/passwordreset/{password}")
    await browser.get("/help", **{"x-password": password, "referer": f"https://login.portico.example/{password}"})
    account = await world.get_account()
    await world.house.database.transact(
        lambda tx: world.house.accounts.set_state(tx, world.clock.now(), account.id, AccountState.DISABLED)
    )
    await browser.sign_in(ADDRESS, password)
    await asyncio.gather(*(client.sign_in(ADDRESS, password) for _ in range(3)))
    keep_tokens(client, secrets)


def keep_tokens(client: Native, secrets: dict[str, str]) -> None:
    """Everything a native client was handed."""
    number = len(secrets)
    for name in ("access_token", "refresh_token"):
        secrets[f"{name} {number}"] = getattr(client, name)
    secrets[f"ticket {number}"] = client.headers["portico-ticket"]


def keep_cookies(browser: Browser, secrets: dict[str, str]) -> None:
    """Everything a browser was handed but the language."""
    number = len(secrets)
    for name in ("browser", "session", "notice", "reset_link"):
        value = browser.cookie(name)
        if value:
            secrets[f"cookie {name} {number}"] = value


async def everything_lying_about(world: World, folder: Path) -> bytes:
    """The database, as rows and as files, and all other files but the mails themselves."""
    return b"\0".join([repr(await dump(world.house.database)).encode(), *await asyncio.to_thread(read_files, folder)])


def read_files(folder: Path) -> list[bytes]:
    """What stands in every file below a folder, but for the mails."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file() and "mailbox" not in path.parts]


def assert_nowhere(name: str, secret: str, lying: bytes) -> None:
    """Neither as it is, nor as the bytes it stands for, nor in another writing."""
    writings = {secret.encode(), secret.encode().hex().encode(), base64.b64encode(secret.encode())}
    if re.fullmatch(r"[A-Za-z0-9_-]{43}", secret):
        raw = base64.urlsafe_b64decode(secret + "=")
        writings |= {raw, raw.hex().encode(), repr(raw)[2:-1].encode()}
    for writing in writings:
        assert writing not in lying, f"{name} lies about"


async def test_no_answer_repeats_a_password(free_world: World) -> None:  # V14.2.1, S5
    """Not even into the field it came from."""
    secret = CANARIES["first"]
    async with free_world.browser() as browser:
        answers: list[httpx.Response] = []
        page = await browser.identify()
        path = page.request.url.path
        answers.append(await browser.submit(page, path, password=secret))
        answers.append(page := await browser.get(path))
        await browser.submit(page, path, password=PASSWORD)
        for current, new, repeat in [(secret, secret, secret), (PASSWORD, secret, "x"), (PASSWORD, "canary", "canary")]:
            page = await browser.get("/account/password")
            answers.append(
                await browser.submit(
                    page, "/account/password", current_password=current, new_password=new, repeat_password=repeat
                )
            )
            answers.append(await browser.get("/account/password"))
        for answer in answers:
            carried = answer.text + str(answer.headers)
            assert secret not in carried
            assert "canary" not in carried
            for value in re.findall(r'type="password"[^>]*value="([^"]*)"', answer.text):
                assert not value


async def test_no_address_carries_a_secret_but_the_mailed_link(free_world: World) -> None:  # V14.2.1, D5
    async with free_world.browser() as browser, free_world.native() as client:
        form = await browser.get("/account/passwordreset")
        sent = await browser.submit(form, "/account/passwordreset", identifier=ADDRESS)
        link = await free_world.reset_link()
        opened = await browser.get(link)
        assert opened.headers["location"] == "/account/passwordreset/new"
        page = await browser.follow(opened)
        token = link.rpartition("/")[2]
        assert token not in page.text, "the token is in its cookie and nowhere on the page"
        assert not any(value == token for value in hidden_fields(page, "/account/passwordreset/new").values())
        gone = await browser.get("/account/passwordreset/" + "A" * 43)
        assert "A" * 43 not in gone.text.replace(gone.request.url.path, ""), (
            "only the links to other languages repeat it"
        )
        assert "?" not in sent.headers["location"]
        await client.sign_in()
        criteria = await client.call("GET", "/password-criteria")
        assert client.access_token not in criteria.text
