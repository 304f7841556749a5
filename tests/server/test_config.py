from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from media.places import Listen
from server.arrivals import notices_of
from server.config import (
    Config,
    ConfigError,
    ProgramConfig,
    RetentionConfig,
    TextsConfig,
    allowed_origins,
    is_loopback,
    load_config,
)

COMMITTED = Path(__file__).parents[2] / "config.toml"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_embedded_defaults_are_those_of_the_committed_file() -> None:
    assert load_config(COMMITTED, {}) == Config() == load_config(None, {})


def test_committed_file_names_every_setting_there_is() -> None:
    found = tomllib.loads(COMMITTED.read_text())
    assert {name: set(section) for name, section in found.items()} == {
        name: set(getattr(Config(), name).__struct_fields__) for name in Config.__struct_fields__
    }


def test_every_setting_of_the_committed_file_is_explained_above_it() -> None:
    previous = ""
    for line in COMMITTED.read_text().splitlines():
        if re.match(r"[a-z_]+ = ", line):
            assert previous.startswith("#") or re.match(r"[a-z_]+ = ", previous), line
        previous = line


def test_unknown_key_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key server\.prot$"):
        load_config(write(tmp_path, "[server]\nprot = 1\n"), {})


def test_unknown_section_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown section \[sever\]"):
        load_config(write(tmp_path, "[sever]\nport = 1\n"), {})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("server = 1\n", r"write \[server\]"),
        ("[server]\nport = 'x'\n", r"server\.port: Expected `int`"),
        ("[server]\nport = 70000\n", r"server\.port: Expected `int` <= 65535"),
        ("[sign_in]\njoin_token_s = 61\n", r"sign_in\.join_token_s"),
        ("[log]\nlevel = 'loud'\n", r"log\.level"),
        ("[media]\nadvertise = [1]\n", r"media\.advertise"),
        ("[media]\nadvertise = ['media.example.org']\n", r"media\.advertise: 'media\.example\.org' is no IP address"),
        ("[media]\nadvertise = ['0.0.0.0']\n", r"media\.advertise: '0\.0\.0\.0'"),
        ("[media]\nadvertise = []\n", r"media\.advertise: lists nothing"),
        ("[media]\nbind = 'localhost'\n", r"media\.bind: 'localhost' is no IP address"),
        ("[media]\nlisten = [{ bind = '::' }, { bind = '10.0.0.300' }]\n", r"media\.listen\[1\]\.bind"),
        ("[media]\nlisten = [{ bind = '::', advertise = ['x'] }]\n", r"media\.listen\[0\]\.advertise: 'x'"),
        ("[media]\nlisten = [{ port = 70000 }]\n", r"media\.listen\[\S*\]\.port"),
        ("[media]\nlisten = [{ prot = 1 }]\n", r"unknown key media\.listen\[\S*\]\.prot"),
        ("[media]\nport = 9000\nlisten = [{ bind = '::' }]\n", r"media: listen takes the place"),
        ("[media]\nlisten = [{ port = 1 }, { bind = '0.0.0.0', port = 1 }]\n", r"media\.listen\[1\]: listens where"),
        ("[server\n", r"is not TOML"),
        ("[server]\nbase_url = 'groups.example.org'\n", r"server\.base_url"),
        ("[server]\nbase_url = 'https://example.org/x'\n", r"server\.base_url"),
        ("[server]\nbase_url = 'https://example.org:99999'\n", r"server\.base_url"),
    ],
)
def test_value_that_does_not_fit_is_refused_by_its_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_config(write(tmp_path, text), {})


def test_missing_file_is_an_error() -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_config(Path("/does/not/exist.toml"), {})


def test_environment_overrides_the_file(tmp_path: Path) -> None:
    config = load_config(
        write(tmp_path, "[server]\nport = 1\nhost = '0.0.0.0'\n"),
        {
            "HOLDSPACE__SERVER__PORT": "9000",
            "HOLDSPACE__ROOMS__AWAY_GRACE_S": "2.5",
            "HOLDSPACE__MEDIA__ADVERTISE": "192.0.2.1, 2001:db8::1",
            "HOLDSPACE__STORAGE__URL": "sqlite+aiosqlite:////srv/holdspace/x.db",
            "PATH": "ignored",
        },
    )
    assert (config.server.host, config.server.port) == ("0.0.0.0", 9000)
    assert config.rooms.away_grace_s == 2.5
    assert config.media.advertise == ("192.0.2.1", "2001:db8::1")
    assert config.storage.url == "sqlite+aiosqlite:////srv/holdspace/x.db"


def test_media_comes_in_at_one_place_or_at_those_that_are_listed(tmp_path: Path) -> None:
    assert Config().media.places() == (Listen("*", 8081, ("auto",)),)
    listed = "[{ bind = '10.0.0.5', advertise = ['203.0.113.7'] }, { bind = '2001:db8::5', port = 9000 }]"
    places = (Listen("10.0.0.5", 8081, ("203.0.113.7",)), Listen("2001:db8::5", 9000, ("auto",)))
    assert load_config(write(tmp_path, f"[media]\nlisten = {listed}\n"), {}).media.places() == places
    assert load_config(None, {"HOLDSPACE__MEDIA__LISTEN": listed}).media.places() == places
    with pytest.raises(ConfigError, match=r"HOLDSPACE__MEDIA__LISTEN: is not like"):
        load_config(None, {"HOLDSPACE__MEDIA__LISTEN": "10.0.0.5"})


@pytest.mark.parametrize("name", ["HOLDSPACE__SERVER__PROT", "HOLDSPACE__SEVER__PORT", "HOLDSPACE__PORT"])
def test_unknown_environment_variable_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load_config(None, {name: "1"})


def test_environment_value_that_does_not_fit_is_refused_by_its_name() -> None:
    with pytest.raises(ConfigError, match="HOLDSPACE__SERVER__PORT"):
        load_config(None, {"HOLDSPACE__SERVER__PORT": "http"})


def test_base_url_follows_host_and_port_unless_given() -> None:
    assert Config().base_url() == "http://127.0.0.1:8080"
    assert load_config(None, {"HOLDSPACE__SERVER__HOST": "::1"}).base_url() == "http://[::1]:8080"
    assert load_config(None, {"HOLDSPACE__SERVER__BASE_URL": "https://a.example/"}).base_url() == "https://a.example"


def test_origins_of_this_machine_are_one_place_and_others_are_exact() -> None:
    assert allowed_origins("http://127.0.0.1:8080") == {
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "http://[::1]:8080",
    }
    assert allowed_origins("https://a.example:443") == {"https://a.example"}
    assert allowed_origins("https://a.example:8443") == {"https://a.example:8443"}


def test_only_this_machine_is_loopback() -> None:
    assert all(
        is_loopback(url) for url in ("http://127.0.0.1:1", "http://localhost", "http://[::1]:1", "http://127.9.9.9")
    )
    assert not any(is_loopback(url) for url in ("http://0.0.0.0:1", "http://192.0.2.1", "https://localhost.example"))


def test_the_notice_says_what_the_settings_say() -> None:
    program = ProgramConfig(name="Riverside", contact="the office", patient_advocate="Pat", complaints="the state")
    said = notices_of(Config(program=program, retention=RetentionConfig(chat_days=14)))
    for language, words in (("en", "for 14 days"), ("es", "14 días")):
        text = str(said[language])
        assert "Riverside" in text
        assert words in text
        assert "not set yet" not in text
        assert "falta" not in text


def test_texts_that_cannot_be_used_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"texts\.folder: .*there is no notice\.en\.toml"):
        notices_of(Config(texts=TextsConfig(folder=str(tmp_path))))
