from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from server.config import Config, KeysConfig, ProgramConfig, StorageConfig, TextsConfig
from server.doctor.files import built_client, notice, root_key, secret_file, secret_files
from server.doctor.finding import State
from server.keys import make_root_key, root_key_file
from tests.server.doctor.conditions import NOBODY, open_to_all, without_rights


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
    bare = Config(storage=StorageConfig(f"sqlite+aiosqlite:///{tmp_path}/h.db"))
    assert secret_files(bare, tmp_path / "none.pem") == ()
    (found,) = secret_files(Config(keys=KeysConfig(str(path))), tmp_path / "none.pem")
    assert "keys.root_key_file" in found.found
    (found,) = secret_files(bare, path)
    assert "--lan" in found.found


def test_root_key_that_was_made_beside_the_database_is_looked_at(tmp_path: Path) -> None:
    config = Config(storage=StorageConfig(f"sqlite+aiosqlite:///{tmp_path}/h.db"))
    missing = root_key(config, {})
    assert (missing.state, "keys new" in missing.advice) == (State.LOOK, True)
    made = make_root_key(root_key_file(config))
    assert root_key(config, {}).found == f"there is one, {made.id}"
    (found,) = secret_files(config, tmp_path / "none.pem")
    assert (found.state, "the root key" in found.found) == (State.OK, True)
    assert root_key(config, {"HOLDSPACE_ROOT_KEY": "nonsense"}).state is State.BROKEN


@pytest.mark.parametrize(
    ("config", "state", "says"),
    [
        (Config(), State.LOOK, r"version 2, in en, es; .*program\.name, program\.contact"),
        (Config(program=ProgramConfig("A", "B", "C", "D")), State.OK, r"version 2, in en, es$"),
        (Config(texts=TextsConfig("/nowhere")), State.BROKEN, r"there is no notice\.en\.toml"),
    ],
)
def test_the_notice_is_there_and_says_whom_to_turn_to(config: Config, state: State, says: str) -> None:
    found = notice(config)
    assert found.state is state
    assert re.search(says, found.found)
