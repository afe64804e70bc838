"""Messages, secrets, addresses and back-off: the pure part of the mail room."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.mail import model, rates
from portico.mail.model import ClaimedMail, MailMessage, PasswordResetLink
from portico.mail.samples import SAMPLES

NOW = datetime(2026, 3, 9, 14, 5, tzinfo=UTC)
TOKEN = "a-token-that-opens-an-account-0123456789-abc"
LINK = PasswordResetLink(handle="nora.north", link_token=TOKEN, expires_at=NOW + timedelta(hours=24))


class SetChance:
    """A chance that always draws a given share of what it may."""

    def __init__(self, share: float) -> None:
        self._share = share

    def draw_bytes(self, count: int) -> bytes:
        """Zeros."""
        return bytes(count)

    def draw_below(self, limit: int) -> int:
        """The share."""
        return min(limit - 1, int(self._share * limit))


def claimed(tries: int, created_at: datetime = NOW, useless_at: datetime | None = None) -> ClaimedMail:
    return ClaimedMail(
        id="0199",
        kind="test_message",
        recipient="nora@example.org",
        language="en",
        params="{}",
        sealed=None,
        account_id=None,
        created_at=created_at,
        useless_at=useless_at,
        tries=tries,
    )


def test_every_message_has_a_sample_and_a_kind_of_its_own() -> None:
    kinds = get_args(MailMessage)
    assert {type(sample) for sample in SAMPLES} == set(kinds)
    assert len({kind.__struct_config__.tag for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("sample", SAMPLES, ids=range(len(SAMPLES)))
def test_a_message_is_the_same_after_being_split_and_stored(sample: MailMessage) -> None:
    plain, secret = model.split_secrets(sample)
    stored = msgspec.json.decode(msgspec.json.encode(plain))
    assert model.read_message(model.kind_of(sample), stored, secret) == sample
    assert not set(plain) & set(secret)


def test_a_declared_secret_is_kept_apart_and_out_of_the_repr() -> None:
    plain, secret = model.split_secrets(LINK)
    assert secret == {"link_token": TOKEN}
    assert set(plain) == {"handle", "expires_at", "active_hours", "time_zone"}
    assert TOKEN not in repr(LINK)
    assert "nora.north" in repr(LINK)


@pytest.mark.parametrize(
    ("kind", "plain"),
    [("unheard_of", {}), ("password_changed", {"handle": "nora.north"}), ("password_reset_link", {"handle": 5})],
)
def test_what_is_no_message_cannot_be_read(kind: str, plain: dict[str, object]) -> None:
    assert model.read_message(kind, plain, {}) is None


def test_a_field_of_a_later_release_does_no_harm() -> None:
    assert model.read_message("test_message", {"colour": "red"}, {}) is not None


def test_only_a_link_or_a_code_comes_too_late() -> None:
    ends = {type(sample): model.dead_at(sample) for sample in SAMPLES}
    assert {model.kind_of(sample) for sample in SAMPLES if ends[type(sample)] is None} == {
        "account_exists",
        "address_taken",
        "admin_acted",
        "not_me_done",
        "test_message",
    }
    assert model.dead_at(LINK) == LINK.expires_at


def test_pauses_double_from_a_minute_to_an_hour() -> None:
    calm = SetChance(0)
    after = [rates.next_try_at(claimed(tries), NOW, calm) for tries in range(1, 10)]
    minutes = [(at - NOW) / timedelta(minutes=1) for at in after if at is not None]
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@given(st.integers(1, 10_000), st.floats(0, 0.999))
def test_jitter_only_lengthens_and_by_a_quarter_at_most(tries: int, share: float) -> None:
    calm, drawn = (rates.next_try_at(claimed(tries), NOW, SetChance(part)) for part in (0, share))
    assert calm is not None
    assert drawn is not None
    assert NOW + timedelta(minutes=1) <= calm <= drawn <= NOW + (calm - NOW) * 1.25


def test_after_three_days_we_give_up() -> None:
    calm = SetChance(0)
    last = NOW + rates.GIVE_UP_AFTER - timedelta(hours=1)
    assert rates.next_try_at(claimed(80), last, calm) == NOW + rates.GIVE_UP_AFTER
    assert rates.next_try_at(claimed(80), last + timedelta(microseconds=1), calm) is None


def test_a_mail_that_will_be_useless_comes_up_then_to_be_dropped() -> None:
    end = NOW + timedelta(minutes=10)
    assert rates.next_try_at(claimed(8, useless_at=end), NOW, SetChance(0)) == end
    assert rates.next_try_at(claimed(1, useless_at=end), NOW, SetChance(0)) == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("stored", "wire"),
    [
        ("Nora.North+door@Example.ORG", "Nora.North+door@example.org"),
        (" nora@example.org ", "nora@example.org"),
        ("nora@b\u00fccher.example", "nora@xn--bcher-kva.example"),
        ("no\u0308ra@example.org", "n\u00f6ra@example.org"),
        ("nora@example.org\x00", "nora@example.org"),
    ],
)
def test_addresses_are_written_for_the_wire(stored: str, wire: str) -> None:
    assert model.wire_address(stored) == wire


@pytest.mark.parametrize(
    "text",
    [
        "nora",
        "nora@localhost",
        "nora@example.org\r\nRCPT TO:<eve@example.org>",
        "nora\r\n@example.org",
        "nora@example.org,eve@example.org",
        "<nora@example.org>",
        '"nora north"@example.org',
        "nora @example.org",
    ],
)
def test_what_could_end_a_command_is_no_address(text: str) -> None:
    assert model.wire_address(text) is None


@given(st.text())
def test_a_wire_address_is_one_word(text: str) -> None:
    wire = model.wire_address(f"{text}@example.org")
    assert wire is None or (len(wire.split()) == 1 and wire.isprintable() and not set(wire) & set('<>",;:'))
