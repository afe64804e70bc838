"""Settings: one name each, from file and environment, every mistake told at once."""

from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from portico.kernel.errors import Misconfigured
from portico.settings import Settings, read_settings, setting_rows
from portico.web.base_url import BaseUrl


def mistakes(environment: dict[str, str], file: Path | None = None) -> list[str]:
    with pytest.raises(Misconfigured) as caught:
        read_settings(environment, file)
    return str(caught.value).splitlines()


def test_nothing_has_to_be_set() -> None:
    settings = read_settings({})
    assert settings.base_url == BaseUrl("http", "localhost:8000")
    assert settings.database_url == "sqlite:///data/portico.db"
    assert settings.sealing_keys_file == Path("data/sealing.keys")
    assert settings.is_embedded
    assert settings.brand().name == "Portico"
    assert (settings.password_min_length, settings.password_composition) == (8, True)
    assert settings.session_lifetime == timedelta(days=30)
    assert settings.session_idle == timedelta(days=14)
    assert settings.brief_session_idle == timedelta(hours=12)
    assert settings.reset_link_lifetime == timedelta(hours=24)


def test_what_follows_from_other_settings_follows() -> None:
    settings = read_settings({"PORTICO_DATA": "/var/lib/portico", "PORTICO_PORT": "9000"})
    assert settings.base_url.origin == "http://localhost:9000"
    assert settings.database_url == "sqlite:////var/lib/portico/portico.db"
    assert settings.sealing_keys_file == Path("/var/lib/portico/sealing.keys")


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "portico.toml"
    file.write_text('brand_name = "North"\nport = 9001\nlog_format = "console"\n', encoding="utf-8")
    settings = read_settings({"PORTICO_PORT": "9002"}, file, {"brand_name": "X", "log_level": "warning"})
    assert (settings.brand_name, settings.port, settings.log_format) == ("North", 9002, "console")
    assert settings.log_level == "warning"


def test_the_file_may_be_named_in_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "portico.toml"
    file.write_text('brand_name = "Zoë & Co"', encoding="utf-8")
    assert read_settings({"PORTICO_CONFIG": str(file)}).brand_name == "Zoë & Co"


def test_everything_can_be_written_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "portico.toml"
    file.write_text(
        """
        base_url = "https://login.north.example"
        port = 8443
        trusted_proxies = ["10.0.0.0/8", "127.0.0.1"]
        password_composition = false
        session_lifetime = "12h"
        smtp_security = "tls"
        """,
        encoding="utf-8",
    )
    settings = read_settings({}, file)
    assert settings.base_url.origin == "https://login.north.example"
    assert settings.trusted_proxies == ("10.0.0.0/8", "127.0.0.1")
    assert settings.password_composition is False
    assert settings.session_lifetime == timedelta(hours=12)
    assert settings.smtp_security == "tls"


def test_all_mistakes_are_told_together(tmp_path: Path) -> None:
    file = tmp_path / "portico.toml"
    file.write_text('hots = "127.0.0.1"\nport = "many"\nbrand_accent = "red"\nbrand_name = 7\n', encoding="utf-8")
    told = mistakes(
        {
            "PORTICO_BASE_URL": "http://login.example.org",
            "PORTICO_SESION_IDLE": "3d",
            "PORTICO_SESSION_IDLE": "soon",
            "PORTICO_LOG_FORMAT": "xml",
            "PORTICO_TRUSTED_PROXIES": "proxy.example.org",
            "PORTICO_MAIL_FROM": "nobody",
            "PORTICO_BRAND_HELP_URL": "javascript:alert(1)",
            "PORTICO_PASSWORD_COMPOSITION": "perhaps",
            "PORTICO_ARGON2_PASSES": "0",
            "PORTICO_HASH_THREADS": "-1",
        },
        file,
    )
    named = {line.partition(":")[0] for line in told}
    assert named == {
        "hots",
        "port",
        "brand_accent",
        "brand_name",
        "base_url",
        "PORTICO_SESION_IDLE",
        "session_idle",
        "log_format",
        "trusted_proxies",
        "mail_from",
        "brand_help_url",
        "password_composition",
        "argon2_passes",
        "hash_threads",
    }
    assert len(told) == len(named)
    assert all(len(line.partition(": ")[2]) > 10 for line in told), "each says what to write instead"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "65536"),
        ("port", "-1"),
        ("port", "8000.0"),
        ("port", ""),
        ("hash_queue", "0"),
        ("password_min_length", "0"),
        ("session_lifetime", "30"),
        ("session_lifetime", "0d"),
        ("session_lifetime", "-3d"),
        ("session_lifetime", "3 weeks"),
        ("smtp_security", "maybe"),
        ("mail_transport", "pigeon"),
        ("brand_accent", "#12345"),
        ("brand_accent", "#12345g"),
        ("brand_accent", "#123456; background: url(x)"),
        ("brand_support_address", ""),
        ("brand_help_url", "https://a b"),
        ("log_level", "INFO"),
        ("base_url", "https://login.example.org/x"),
        ("trusted_proxies", "10.0.0.0/33"),
    ],
)
def test_a_value_that_cannot_be_is_refused(name: str, value: str) -> None:
    (told,) = mistakes({f"PORTICO_{name.upper()}": value})
    assert told.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("value", "span"),
    [
        ("30d", timedelta(days=30)),
        ("12 h", timedelta(hours=12)),
        (" 5m ", timedelta(minutes=5)),
        ("1s", timedelta(seconds=1)),
    ],
)
def test_a_span_is_a_number_with_its_unit(value: str, span: timedelta) -> None:
    assert read_settings({"PORTICO_SESSION_LIFETIME": value}).session_lifetime == span


@pytest.mark.parametrize(("value", "on"), [("true", True), ("Yes", True), ("1", True), ("off", False), ("No", False)])
def test_a_switch_understands_what_people_write(value: str, on: bool) -> None:
    assert read_settings({"PORTICO_PASSWORD_COMPOSITION": value}).password_composition is on


def test_variables_of_others_and_of_the_tests_are_left_alone() -> None:
    read_settings({"PATH": "/bin", "PORTICO_TEST_POSTGRES_URL": "x", "PORTICO_VERIFY": "1", "PORTICOX": "1"})


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe", b"[portico]\nport = 1\n", b"port = 1\nport = 2\n"])
def test_a_file_that_cannot_be_read_is_one_mistake(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "portico.toml"
    file.write_bytes(content)
    assert len(mistakes({}, file)) == 1


def test_a_missing_file_is_told_with_the_other_mistakes(tmp_path: Path) -> None:
    told = mistakes({"PORTICO_PORT": "x"}, tmp_path / "missing.toml")
    assert len(told) == 2
    assert any("missing.toml" in line for line in told)


def test_no_secret_is_shown_with_the_settings() -> None:
    environment = {
        "PORTICO_SMTP_PASSWORD": "the-smtp-secret",
        "PORTICO_DATABASE_URL": "postgresql://portico:the-database-secret@localhost/portico",
    }
    shown = repr(read_settings(environment))
    assert "secret" not in shown
    assert "brand_name='Portico'" in shown


def test_a_logo_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    settings = read_settings({"PORTICO_BRAND_LOGO_FILE": str(logo)})
    with pytest.raises(Misconfigured, match="brand_logo_file"):
        settings.brand()
    logo.write_bytes(b"<svg/>")
    assert settings.brand().logo_svg == b"<svg/>"


def test_every_setting_is_documented_with_its_default() -> None:
    rows = {name: (default, about) for name, default, about in setting_rows()}
    assert list(rows) == [each.name for each in fields(Settings)]
    assert all(about.endswith(".") and about[0] in "ABCDEFGHIJKLMNOPQRSTUVWXYZ`" for _default, about in rows.values())
    assert rows["port"][0] == "8000"
    assert rows["password_composition"][0] == "true"
    assert rows["session_idle"][0] == "14d"
    assert rows["base_url"][0] == "http://localhost:<port>"
    assert not any(str(Path.home()) in default for default, _about in rows.values())


def test_a_documented_span_can_be_written_as_it_is_shown() -> None:
    for name, default, _about in setting_rows():
        if name.endswith(("lifetime", "idle")):
            written = read_settings({f"PORTICO_{name.upper()}": default})
            assert getattr(written, name) == getattr(read_settings({}), name)
