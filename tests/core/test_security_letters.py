"""Security mails: what, when, on which device, why one gets it, and the way back; in both languages (D22)."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

import portico
from portico.kernel.brand import Brand
from portico.kernel.messages import Catalogues
from portico.kernel.zones import zone_of
from portico.mail import model
from portico.mail.letters import compose
from portico.mail.model import AddressTaken, MailMessage, NewAddressCode, NewDevice, NotMeDone, SecurityNotice
from portico.mail.samples import SAMPLES
from portico.mail.stationery import Stationery

BASE_URL = "https://portico.example.org"
BRAND = replace(Brand(), name="North Door")
CATALOGUES = Catalogues(Path(portico.__file__ or "").parent / "locale")
NOTICES = [sample for sample in SAMPLES if isinstance(sample, SecurityNotice) and sample.not_me_token]
NEW_DEVICE = next(sample for sample in NOTICES if isinstance(sample, NewDevice))


def text(message: MailMessage, language: str = "en") -> str:
    """A letter as plain text."""
    paper = Stationery(brand=BRAND, base_url=BASE_URL, from_address="no-reply@example.org", catalogues=CATALOGUES)
    return paper.text(compose(message, language, BRAND, BASE_URL, CATALOGUES))


@pytest.mark.parametrize("notice", NOTICES, ids=range(len(NOTICES)))
def test_every_security_mail_says_what_when_where_and_why(notice: SecurityNotice) -> None:  # D22
    for language, when, why, not_me in (
        ("en", "2026-03-09 at ", "You get this mail because", "this was not you"),
        ("de", "09.03.2026 um ", "Sie bekommen diese Mail, weil", "Wenn Sie das nicht waren"),
    ):
        written = text(notice, language)  # type: ignore[arg-type]
        assert when in written
        assert why in written
        assert not_me in written
        assert f"{BASE_URL}/account/not-me/{notice.not_me_token}" in written
        device = {"en": "Firefox on Linux", "de": "Firefox unter Linux"}[language]
        unknown = {"en": "an unknown device", "de": "einem unbekannten Gerät"}[language]
        assert (device if notice.device else unknown) in written


@pytest.mark.parametrize("notice", NOTICES, ids=range(len(NOTICES)))
def test_the_link_is_sealed_and_the_mail_is_worthless_without_it(notice: SecurityNotice) -> None:  # D22
    plain, secret = model.split_secrets(notice)
    assert secret["not_me_token"] == notice.not_me_token
    assert str(notice.not_me_token) not in repr((plain, notice))
    dead_at = model.dead_at(notice)  # type: ignore[arg-type]
    assert dead_at is not None
    assert notice.not_me_until is not None
    assert dead_at <= notice.not_me_until


@pytest.mark.parametrize(
    ("zone", "language", "shown"),
    [
        ("", "en", "2026-03-09 at 14:05 UTC"),
        ("Europe/Berlin", "de", "09.03.2026 um 15:05 Uhr (Europe/Berlin)"),
        ("Asia/Kolkata", "en", "2026-03-09 at 19:35 (Asia/Kolkata)"),
        ("Pacific/Auckland", "en", "2026-03-10 at 03:05 (Pacific/Auckland)"),
        ("No/Where", "en", "2026-03-09 at 14:05 UTC"),
        ("../etc/passwd", "en", "2026-03-09 at 14:05 UTC"),
        ("Europe", "en", "2026-03-09 at 14:05 UTC"),
    ],
)
def test_instants_are_those_of_the_readers_clocks(zone: str, language: str, shown: str) -> None:
    assert shown in text(msgspec.structs.replace(NEW_DEVICE, time_zone=zone), language)


def test_summer_time_is_known_where_the_reader_lives() -> None:
    summer = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    assert "2026-07-01 at 14:00 (Europe/Berlin)" in text(
        msgspec.structs.replace(NEW_DEVICE, at=summer, time_zone="Europe/Berlin")
    )
    assert zone_of("") is UTC


def test_a_stranger_to_the_account_learns_nothing_of_it() -> None:  # D20
    codes = [sample for sample in SAMPLES if isinstance(sample, NewAddressCode)]
    assert codes
    for sample in codes:
        assert "nora" not in text(sample)
        assert "not-me" not in text(sample)


def test_what_cannot_be_undone_by_a_link_has_none() -> None:
    plain = [sample for sample in SAMPLES if isinstance(sample, AddressTaken | NotMeDone)]
    assert len(plain) == 4
    for sample in plain:
        assert "not-me/" not in text(sample)
        assert "You get this mail because" in text(sample)
