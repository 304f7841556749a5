from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from server.config import ConfigError, TurnConfig, load_config
from server.turn import Turn
from tests.fakes import FakeClock

SECRET = "a-secret-that-coturn-has-too"
URLS = ("turn:turn.example.org:3478", "turns:turn.example.org:5349?transport=tcp")


def config(tmp_path: Path, secret: str = SECRET) -> TurnConfig:
    file = tmp_path / "turn-secret"
    file.write_text(secret + "\n")
    return TurnConfig(URLS, str(file), 600)


def test_credentials_are_those_that_coturn_makes_of_the_secret_and_end(tmp_path: Path) -> None:
    clock = FakeClock()
    (server,) = Turn(config(tmp_path), clock).ice_servers()
    assert server.urls == URLS
    ends, _, chance = server.username.partition(":")
    assert int(ends) == clock.now_ms() // 1000 + 600
    assert len(chance) == 16
    digest = hmac.new(SECRET.encode(), server.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(server.credential) == digest


def test_each_join_gets_others(tmp_path: Path) -> None:
    turn = Turn(config(tmp_path), FakeClock())
    assert turn.ice_servers() != turn.ice_servers()


def test_without_turn_there_is_nothing_to_hand_out() -> None:
    assert Turn(TurnConfig(), FakeClock()).ice_servers() == ()


def test_a_secret_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"turn\.secret_file: .*shorter than 16"):
        Turn(config(tmp_path, "short"), FakeClock())
    with pytest.raises(ConfigError, match=r"turn\.secret_file: .*No such file"):
        Turn(TurnConfig(URLS, str(tmp_path / "none")), FakeClock())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("urls = ['https://turn.example.org']\nsecret_file = 'x'", r"turn\.urls: 'https"),
        ("urls = ['turn:a b']\nsecret_file = 'x'", r"turn\.urls"),
        ("urls = ['turn:turn.example.org']", "go together"),
        ("secret_file = 'x'", "go together"),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "config.toml").write_text(f"[turn]\n{text}\n")
    with pytest.raises(ConfigError, match=says):
        load_config(tmp_path / "config.toml", {})
