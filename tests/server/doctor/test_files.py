from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.config import Config, Section
from server.doctor.files import built_client, secret_file, secret_files
from server.doctor.finding import State
from tests.server.doctor.conditions import NOBODY, open_to_all, without_rights


class KeysSection(Section, frozen=True):
    root_key_file: str = ""
    root_key_lines: int = 1


class ConfigWithKeys(Config, frozen=True):
    keys: KeysSection = KeysSection()


def test_built_client_is_ok_and_a_missing_one_is_broken(tmp_path: Path) -> None:
    assert built_client(tmp_path).state is State.BROKEN
    (tmp_path / "index.html").write_text('<script type="module" src="/assets/index-abc.js"></script>')
    half = built_client(tmp_path)
    assert (half.state, "assets/index-abc.js" in half.found) == (State.BROKEN, True)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets/index-abc.js").touch()
    assert built_client(tmp_path).state is State.OK


@pytest.mark.parametrize(
    ("mode", "state"),
    [(0o600, State.OK), (0o400, State.OK), (0o640, State.LOOK), (0o604, State.BROKEN), (0o644, State.BROKEN)],
)
def test_secret_is_for_its_owner_only(tmp_path: Path, mode: int, state: State) -> None:
    path = tmp_path / "root.key"
    path.write_bytes(b"the secret itself")
    path.chmod(mode)
    found = secret_file("keys.root_key_file", path)
    assert found.state is state
    assert "secret itself" not in found.found + found.advice


def test_secret_that_is_missing_or_no_file_is_said(tmp_path: Path) -> None:
    assert secret_file("keys.root_key_file", tmp_path / "root.key").state is State.LOOK
    (tmp_path / "folder").mkdir()
    assert secret_file("keys.root_key_file", tmp_path / "folder").state is State.BROKEN


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file that belongs to somebody else")
def test_secret_of_another_user_is_said() -> None:
    with open_to_all() as folder:
        path = folder / "root.key"
        path.touch(0o600)
        with without_rights():
            assert secret_file("keys.root_key_file", path).state is State.BROKEN
        os.chown(path, NOBODY, NOBODY)
        assert secret_file("keys.root_key_file", path).state is State.LOOK


def test_every_setting_that_is_called_like_a_secrets_file_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    path.touch(0o600)
    assert secret_files(Config(), tmp_path / "none.pem") == ()
    assert secret_files(ConfigWithKeys(), tmp_path / "none.pem") == ()
    (found,) = secret_files(ConfigWithKeys(keys=KeysSection(str(path))), tmp_path / "none.pem")
    assert "keys.root_key_file" in found.found
    (found,) = secret_files(Config(), path)
    assert "--lan" in found.found
