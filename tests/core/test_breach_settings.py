"""What an operator sets about breached passwords, and what the doctor says of it."""

from datetime import timedelta
from pathlib import Path

import pytest

from portico.doctor import examine
from portico.factors.filter_builder import build_filter
from portico.factors.screening import sha1_of
from portico.kernel.errors import Misconfigured
from portico.settings import read_settings
from tests.support.range_server import http, range_server

SERVICE = "PORTICO_BREACHED_PASSWORD_SERVICE"
FILTER = "PORTICO_BREACHED_PASSWORD_FILTER"


async def told(tmp_path: Path, **environment: str) -> dict[str, tuple[bool, str]]:
    """What the doctor says about breached passwords."""
    found = await examine(read_settings({"PORTICO_DATA": str(tmp_path / "data"), **environment}))
    subjects = {each.subject.rpartition(" ")[2]: each for each in found if each.subject.startswith("breached password")}
    return {name: (each.is_well, each.sentence) for name, each in subjects.items()}


def test_by_default_nobody_is_asked() -> None:  # D2
    settings = read_settings({})
    assert settings.breached_password_service == ""
    assert settings.breached_password_filter is None
    assert settings.breached_password_service_timeout == timedelta(seconds=2)
    assert settings.breached_password_service_down == "accept"


@pytest.mark.parametrize(
    "address",
    ["https://api.pwnedpasswords.com", "https://pw.north.example:8443/hibp/", "http://localhost:8500",
     "http://127.0.0.1:8500/x", "http://[::1]:8500", ""],
)  # fmt: skip
def test_addresses_of_a_service(address: str) -> None:
    assert read_settings({SERVICE: address}).breached_password_service == address.rstrip("/")


@pytest.mark.parametrize(
    "address",
    ["http://api.pwnedpasswords.com", "http://localhost.example", "ftp://localhost", "https://", "api.example",
     "https://me:secret@api.example", "https://api.example/?x=1", "https://api.example/#x", "https://api .example",
     "https://[::1", "https://api.example:99999"],
)  # fmt: skip
def test_addresses_that_would_tell_others_or_nobody_are_refused(address: str) -> None:  # D2
    with pytest.raises(Misconfigured, match="breached_password_service: "):
        read_settings({SERVICE: address})


async def test_the_doctor_says_when_nothing_is_set(tmp_path: Path) -> None:
    found = await told(tmp_path)
    assert found == {
        "filter": (True, "none is set (breached_password_filter)"),
        "service": (True, "none is set (breached_password_service)"),
    }


async def test_the_doctor_says_whether_the_service_answers(tmp_path: Path) -> None:
    async with range_server(password=9) as server:
        well, sentence = (await told(tmp_path, **{SERVICE: server.base}))["service"]
        assert well
        assert sentence.startswith("it answers in ")
        server.counts.clear()
        well, sentence = (await told(tmp_path, **{SERVICE: server.base}))["service"]
        assert not well
        assert "does not know the commonest password" in sentence
        server.answer = http(503)
        found = await told(tmp_path, **{SERVICE: server.base, f"{SERVICE}_DOWN": "refuse"})
        assert found["service"] == (False, "it answers 503; meanwhile new passwords are refused")


async def test_the_doctor_reads_the_filter_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "filter"
    (tmp_path / "list").write_text(sha1_of("password").hex(), encoding="ascii")
    build_filter(tmp_path / "list", path)
    assert (await told(tmp_path, **{FILTER: str(path)}))["filter"] == (True, f"{path} is whole and knows 1 hashes")
    monkeypatch.setattr("portico.factors.breach_filter.CHECKED_AT_ONCE", 1)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    well, sentence = (await told(tmp_path, **{FILTER: str(path)}))["filter"]
    assert not well
    assert "is damaged" in sentence
    well, sentence = (await told(tmp_path, **{FILTER: str(tmp_path / "nothing")}))["filter"]
    assert not well
    assert "cannot be read" in sentence
