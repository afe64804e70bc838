"""The profile by page and by API: names, language, time zone, Portico ID and picture (D1, D22)."""

import io
import re
from datetime import timedelta

import httpx
import PIL.Image
import pytest

from portico.accounts.pictures import UPLOAD_MAX
from portico.audit.model import EventKind
from portico.web.body import BODY_MAX
from tests.support.dump import dump
from tests.support.pictures import picture, png_that_claims
from tests.support.refusals import assert_carried, assert_refused
from tests.support.world import ADDRESS, BASE, NEW_PASSWORD, PASSWORD, Browser, Native, World, hidden_fields

PROFILE, HANDLE, PICTURE = "/account/profile", "/account/handle", "/account/picture"
NAMES = {"first_name": "Nora", "last_name": "Lindqvist"}
WRONG = "not-my-Password-1"


async def save(browser: Browser, **fields: str) -> httpx.Response:
    """Save the profile and open the page it leads to."""
    page = await browser.get(PROFILE)
    return await browser.follow(await browser.submit(page, PROFILE, **{**NAMES, **fields}))


async def test_the_former_address_leads_to_the_profile(free_world: World) -> None:
    async with free_world.browser() as browser:
        await browser.sign_in()
        assert (await browser.get("/account/name")).headers["location"] == PROFILE


async def test_a_chosen_language_is_used_on_pages_and_in_mails(free_world: World) -> None:
    async with free_world.browser() as browser:
        await browser.sign_in()
        assert 'lang="en"' in (await browser.get("/account", **{"accept-language": "de"})).text[:60]
        saved = await save(browser, language="de")
        assert "Ihr Profil wurde gespeichert." in saved.text
        assert saved.headers["content-language"] == "de"
        assert (await free_world.get_account()).language == "de"
        form = await browser.get("/account/passwordreset")
        await browser.submit(form, "/account/passwordreset", identifier=ADDRESS)
        assert "Ihre Portico-ID" in (await free_world.letters(ADDRESS))[0].text


async def test_no_chosen_language_is_the_browsers(free_world: World) -> None:
    async with free_world.browser() as browser:
        await browser.sign_in()
        await save(browser, language="")
        assert (await browser.get("/account", **{"accept-language": "de"})).headers["content-language"] == "de"
        assert (await browser.get("/account")).headers["content-language"] == "en"


async def test_what_is_picked_in_the_browser_comes_before_the_profile_until_that_is_changed(free_world: World) -> None:
    async with free_world.browser() as browser:
        await browser.sign_in()
        assert (await browser.get("/account?language=de")).headers["content-language"] == "de"
        assert (await browser.get("/account")).headers["content-language"] == "de"
        await save(browser, language="de")
        assert browser.cookie("language") is None
        await save(browser, language="en")
        assert (await browser.get("/account")).headers["content-language"] == "en"


async def test_a_language_of_somebody_signed_in_is_not_shown_to_others(free_world: World) -> None:
    async with free_world.browser() as browser:
        await browser.sign_in()
        await save(browser, language="de")
        await browser.submit(await browser.get("/account"), "/signout")
        assert (await browser.get("/signin")).headers["content-language"] == "en"


async def test_instants_are_shown_in_the_chosen_time_zone(free_world: World) -> None:
    async with free_world.browser() as browser:
        await browser.sign_in()
        plain = await browser.get("/account/sessions")
        assert '<time datetime="2026-05-04T09:00:00Z">4 May 2026, 9:00 am UTC</time>' in plain.text
        await save(browser, time_zone="Asia/Kolkata")
        for path in ("/account/sessions", "/account/history", "/account"):
            shown = (await browser.get(path)).text
            assert '<time datetime="2026-05-04T09:00:00Z" data-zone="Asia/Kolkata">4 May 2026, 2:30 pm</time>' in shown
        assert "Asia/Kolkata" in (await browser.get("/account")).text


@pytest.mark.parametrize("bad", [{"language": "fr"}, {"language": "en-XA"}, {"time_zone": "Mars/Base"}])
async def test_what_nobody_offers_is_refused(free_world: World, bad: dict[str, str]) -> None:
    async with free_world.browser() as browser, free_world.native() as client:
        await browser.sign_in()
        await client.sign_in()
        before = await free_world.get_account()
        page = await browser.get(PROFILE)
        assert_refused(await browser.submit(page, PROFILE, **NAMES, **bad), 400)
        assert_refused(await client.call("PATCH", "/account", {"version": 1, **bad}), 400)
        assert await free_world.get_account() == before


async def test_the_second_of_two_tabs_is_told_and_loses_nothing(free_world: World) -> None:
    async with free_world.browser() as browser, free_world.native() as client:
        await browser.sign_in()
        await client.sign_in()
        page = await browser.get(PROFILE)
        changed = await client.call("PATCH", "/account", {"version": 1, "time_zone": "Europe/Oslo"})
        assert (changed.json()["time_zone"], changed.json()["first_name"]) == ("Europe/Oslo", "Nora")
        fields = {"first_name": "Zoë", "last_name": "", "language": "de", "time_zone": "Asia/Tokyo"}
        told = await browser.follow(await browser.submit(page, PROFILE, **fields))
        assert "changed elsewhere" in told.text
        assert 'value="Zoë"' in told.text
        assert '<option value="Asia/Tokyo" selected>' in told.text
        assert (await free_world.get_account()).time_zone == "Europe/Oslo"
        assert_refused(await client.call("PATCH", "/account", {"version": 1, "time_zone": ""}), 409)


async def test_a_portico_id_is_changed_once_with_the_password(free_world: World) -> None:  # D1
    async with free_world.browser() as browser:
        await browser.sign_in()
        page = await browser.get(HANDLE)
        assert "Nobody else will ever get the old one" in page.text
        for fields, told in (
            ({"handle": "nora.two", "current_password": WRONG}, "current password is not right"),
            ({"handle": "no", "current_password": PASSWORD}, "cannot be an ID"),
            ({"handle": "Nora", "current_password": PASSWORD}, "the ID you have"),
        ):
            refused = await browser.follow(await browser.submit(page, HANDLE, **fields))
            assert told in refused.text
            assert f'value="{fields["handle"]}"' in refused.text
            assert PASSWORD not in refused.text
        done = await browser.follow(await browser.submit(page, HANDLE, handle="Nora.Two", current_password=PASSWORD))
        assert "was changed" in done.text
        assert "/account/handle" not in done.text
        barred = await browser.get(HANDLE)
        assert "changed it once already" in barred.text
        assert 'name="handle"' not in barred.text
        again = await browser.follow(await browser.submit(page, HANDLE, handle="nora3", current_password=PASSWORD))
        assert "changed it once already" in again.text
    async with free_world.browser() as browser:
        assert (await browser.sign_in("nora.two")).headers["location"] == "/account"
    async with free_world.browser() as browser:
        await browser.sign_in("nora")
        assert browser.cookie("session") is None, "the old one is nobody's"


async def test_a_program_changes_the_portico_id_alike(free_world: World) -> None:  # D1
    await free_world.add_person("tom@north-clinic.example", handle="tom")
    async with free_world.native() as client:
        await client.sign_in()
        assert (await client.call("GET", "/account")).json()["may_change_handle"]

        async def change(handle: str, password: str = PASSWORD) -> tuple[bool, str]:
            body = {"handle": handle, "current_password": password}
            told = (await client.call("POST", "/account/handle", body)).json()
            return told["is_done"], told.get("failure", {}).get("code", "")

        assert await change("nora.two", WRONG) == (False, "my_account.password.current_wrong")
        assert await change("tom") == (False, "my_account.handle.taken")
        assert await change("tom", WRONG) == (False, "my_account.password.current_wrong"), (
            "who proves nothing learns nothing"
        )
        assert await change("nora.two") == (True, "")
        assert await change("nora.three") == (False, "my_account.handle.changed_before")
        shown = (await client.call("GET", "/account")).json()
        assert (shown["handle"], shown["may_change_handle"]) == ("nora.two", False)


async def test_a_frozen_account_keeps_its_portico_id(free_world: World) -> None:  # D22
    until = free_world.clock.now() + timedelta(hours=72)
    account = await free_world.get_account()
    await free_world.house.database.transact(
        lambda tx: tx.execute(
            "UPDATE accounts SET frozen_until = $1 WHERE id = $2", int(until.timestamp() * 1_000_000), account.id
        )
    )
    async with free_world.browser() as browser, free_world.native() as client:
        await browser.sign_in()
        await client.sign_in()
        page = await browser.get(HANDLE)
        assert "can be changed again in 72 hours" in page.text
        assert 'name="handle"' not in page.text
        body = {"handle": "nora.two", "current_password": PASSWORD}
        told = (await client.call("POST", "/account/handle", body)).json()["failure"]
        assert (told["code"], told["params"]) == ("my_account.handle.frozen", {"count": 72})
        free_world.clock.advance(hours=72)
        await client.sign_in()
        assert (await client.call("POST", "/account/handle", body)).json()["is_done"]


async def send(browser: Browser, content: bytes) -> httpx.Response:
    """Upload a picture from the page, and open the page it leads to."""
    page = await browser.get(PROFILE)
    return await browser.follow(await browser.upload(PICTURE, content, **hidden_fields(page, PICTURE)))


def shown_pictures(page: httpx.Response) -> set[str]:
    return set(re.findall(r'<img class="initials" src="([^"]+)"', page.text))


async def test_a_picture_stands_in_the_place_of_the_initials(free_world: World) -> None:  # S37
    async with free_world.browser() as browser, free_world.browser() as stranger:
        await browser.sign_in()
        assert '<span class="initials" aria-hidden="true">NL</span>' in (await browser.get("/account")).text
        saved = await send(browser, picture("JPEG", (900, 600)))
        assert "Your picture was saved." in saved.text
        (address,) = shown_pictures(saved)
        assert shown_pictures(await browser.get("/account/sessions")) == {address}
        image = await browser.get(address)
        assert_carried(image)
        assert image.headers["content-type"] == "image/webp"
        assert image.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert PIL.Image.open(io.BytesIO(image.content)).size == (256, 256)
        assert (await stranger.get(address)).headers["location"].startswith("/signin")
        assert_refused(await browser.get(f"{PICTURE}/{'0' * 32}"), 404)
        await send(browser, picture("PNG", (100, 100)))
        assert_refused(await browser.get(address), 404)
        removed = await browser.follow(await browser.submit(await browser.get(PROFILE), f"{PICTURE}/remove"))
        assert "Your picture was removed." in removed.text
        assert not shown_pictures(removed)


async def test_nobody_sees_the_picture_of_others(free_world: World) -> None:
    await free_world.add_person("tom@north-clinic.example", handle="tom")
    async with free_world.browser() as hers, free_world.browser() as his, free_world.native() as client:
        await hers.sign_in()
        (address,) = shown_pictures(await send(hers, picture()))
        await his.sign_in("tom@north-clinic.example")
        assert_refused(await his.get(address), 404)
        await client.sign_in("tom@north-clinic.example")
        assert_refused(await client.call("GET", "/account/picture"), 404)


HOSTILE = {
    "nothing": (b"", "choose a picture first"),
    "no picture": (b"<script>alert(1)</script>", "could not be read"),
    "a picture cut short": (picture("PNG")[:90], "could not be read"),
    "a bomb": (png_that_claims(40_000, 40_000, b"\0" * 9), "more than 40 megapixels"),
    "too many bytes": (b"\x89PNG" + b"\0" * UPLOAD_MAX, "larger than 5 MB"),
    "far too many bytes": (b"\0" * (UPLOAD_MAX + 2 * BODY_MAX), "larger than 5 MB"),
}


@pytest.mark.parametrize(("content", "told"), HOSTILE.values(), ids=HOSTILE.keys())
async def test_an_upload_that_is_no_picture_is_refused_kindly(free_world: World, content: bytes, told: str) -> None:
    async with free_world.browser() as browser, free_world.native() as client:
        await browser.sign_in()
        await client.sign_in()
        page = await send(browser, content)
        assert told in page.text
        assert '<a href="#picture">' in page.text
        assert_refused(await client.send_bytes("PUT", "/account/picture", content), 400, 413)
        assert (await free_world.get_account()).picture == ""


async def test_an_upload_without_its_token_or_from_elsewhere_is_refused(free_world: World) -> None:
    async with free_world.browser() as browser:
        await browser.sign_in()
        fields = hidden_fields(await browser.get(PROFILE), PICTURE)
        before = await dump(free_world.house.database)
        assert_refused(await browser.upload(PICTURE, picture()), 403)
        assert_refused(await browser.upload(PICTURE, picture(), csrf="A" * 43), 403)
        for origin in ("https://evil.example", "null"):
            files = {"picture": ("x.png", picture(), "image/png")}
            foreign = await browser.client.post(PICTURE, data=fields, files=files, headers={"origin": origin})
            assert_refused(foreign, 403)
        assert_refused(await browser.upload(PICTURE, picture(), "another", **fields), 400)
        assert_refused(await browser.post(PICTURE, fields), 400)
        assert await dump(free_world.house.database) == before


def raw(*parts: bytes) -> bytes:
    """A form as bytes."""
    return b"".join(b"--edge\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--edge--\r\n"


async def test_a_form_with_a_file_that_cannot_be_ours_is_refused(free_world: World) -> None:
    async with free_world.browser() as browser:
        await browser.sign_in()
        token = hidden_fields(await browser.get(PROFILE), PICTURE)["csrf"].encode()
        csrf, file = b'name="csrf"\r\n\r\n' + token, b'name="picture"; filename="x"\r\n\r\n' + picture()
        before = await dump(free_world.house.database)
        for body in (
            raw(csrf, csrf, file),
            raw(csrf, file, file),
            raw(csrf, file, b'name="other"; filename="y"\r\n\r\nz'),
            raw(csrf + b"\xff", file),
            raw(b'name="csrf"\r\n\r\n' + b"a" * 5_000, file),
            raw(csrf, file)[:-8],
            b"",
            b"\0" * 100,
        ):
            headers = {"origin": BASE, "content-type": "multipart/form-data; boundary=edge"}
            answer = await browser.client.post(PICTURE, content=body, headers=headers)
            if answer.status_code == 303:  # a field as long as that is too large, as a picture may be
                assert "larger than 5 MB" in (await browser.follow(answer)).text
            else:
                assert_refused(answer, 400, 403, 413)
        assert await dump(free_world.house.database) == before


async def test_a_program_keeps_its_picture_as_bytes(free_world: World) -> None:
    async with free_world.native() as client:
        await client.sign_in()
        assert_refused(await client.call("GET", "/account/picture"), 404)
        assert_refused(await client.call("DELETE", "/account/picture"), 404)
        put = await client.send_bytes("PUT", "/account/picture", picture("WEBP"), **{"content-type": "image/webp"})
        assert (await client.call("GET", "/account")).json()["picture"] == put.json()["picture"]
        image = await client.call("GET", "/account/picture")
        assert_carried(image)
        assert image.headers["content-type"] == "image/webp"
        assert image.content[:4] == b"RIFF"
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
            answer = await client.send_bytes("PUT", "/account/picture", picture(), **{"content-type": kind})
            assert_refused(answer, 400)
        assert (await client.call("DELETE", "/account/picture")).status_code == 204
        assert (await client.call("GET", "/account")).json()["picture"] == ""


async def test_how_one_signs_in_is_told_without_secrets(free_world: World) -> None:
    async with free_world.browser() as browser, free_world.native() as client:
        free_world.clock.advance(hours=1)
        await client.sign_in()
        (method,) = (await client.call("GET", "/account/methods")).json()["methods"]
        assert method == {
            "kind": "password",
            "name": "",
            "added_at": "2026-05-04T09:00:00Z",
            "changed_at": "2026-05-04T09:00:00Z",
            "used_at": "2026-05-04T10:00:00Z",
            "through_mailbox": False,
            "expires_at": None,
            "expires_asked_by": [],
        }
        await reset(free_world, browser)
        await client.sign_in(password=NEW_PASSWORD)
        (method,) = (await client.call("GET", "/account/methods")).json()["methods"]
        assert method["through_mailbox"]
        await browser.sign_in(password=NEW_PASSWORD)
        assert "Set through a link in a mail" in (await browser.get("/account")).text


async def reset(world: World, browser: Browser) -> None:
    """Reset the password by mail, and sign in nowhere."""
    form = await browser.get("/account/passwordreset")
    await browser.submit(form, "/account/passwordreset", identifier=ADDRESS)
    await browser.get(await world.reset_link())
    page = await browser.get("/account/passwordreset/new")
    new = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
    await browser.submit(page, "/account/passwordreset/new", **new)


async def test_changes_of_the_profile_are_recorded_without_what_they_say(free_world: World) -> None:
    async with free_world.browser() as browser, free_world.native() as client:
        await browser.sign_in()
        await save(browser, first_name="Eleonora", time_zone="Europe/Oslo")
        await client.sign_in()
        await take(client)
        account = await free_world.get_account()
        events = await free_world.house.audit.list_events(free_world.house.database, account.id)
        kinds = {recorded.event.kind for recorded in events}
        assert kinds >= {EventKind.PROFILE_CHANGED, EventKind.PICTURE_CHANGED, EventKind.HANDLE_CHANGED}
        assert "Eleonora" not in repr(events)
        assert "nora.two" not in repr(events)


async def take(client: Native) -> None:
    """A picture and another Portico ID."""
    await client.send_bytes("PUT", "/account/picture", picture())
    await client.call("POST", "/account/handle", {"handle": "nora.two", "current_password": PASSWORD})
