from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from server.config import Config, ConfigError, load_config
from server.keys import ROOT_KEY_VARIABLE, RootKey, checkpoint_file, load_root_key, make_root_key, root_key_file

SECRET = bytes(range(32))


def settings(database: Path, **environment: str) -> Config:
    return load_config(None, {"HOLDSPACE__STORAGE__URL": f"sqlite+aiosqlite:///{database}", **environment})


def test_made_key_is_found_again_and_is_for_its_owner_only(tmp_path: Path) -> None:
    config = settings(tmp_path / "deep" / "holdspace.db")
    made = make_root_key(root_key_file(config))
    file = tmp_path / "deep" / "holdspace.db.root-key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_root_key(config, {}).id == made.id


def test_key_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "key"
    make_root_key(file)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="exists already"):
        make_root_key(file)
    assert file.read_bytes() == before


def test_two_made_keys_differ(tmp_path: Path) -> None:
    assert make_root_key(tmp_path / "a").id != make_root_key(tmp_path / "b").id


def test_missing_key_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no root key.*holdspace\.db\.root-key.*HOLDSPACE_ROOT_KEY.*keys new"):
        load_root_key(settings(tmp_path / "holdspace.db"), {})


@pytest.mark.parametrize(
    "text", [SECRET.hex(), SECRET.hex().upper(), base64.b64encode(SECRET).decode(), f" {SECRET.hex()}\n"]
)
def test_key_of_the_environment_goes_first(tmp_path: Path, text: str) -> None:
    config = settings(tmp_path / "holdspace.db")
    make_root_key(root_key_file(config))
    assert load_root_key(config, {ROOT_KEY_VARIABLE: text}).id == RootKey(SECRET).id


@pytest.mark.parametrize("text", ["x", "00" * 31, "zz" * 32, base64.b64encode(b"short").decode(), "é" * 64])
def test_what_is_no_key_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="HOLDSPACE_ROOT_KEY is not a root key") as caught:
        load_root_key(settings(tmp_path / "holdspace.db"), {ROOT_KEY_VARIABLE: text})
    assert f"{text} " not in str(caught.value)
    file = tmp_path / "key"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"key (is not|cannot be read)"):
        load_root_key(settings(tmp_path / "holdspace.db", HOLDSPACE__KEYS__ROOT_KEY_FILE=str(file)), {})


def test_configured_files_are_taken(tmp_path: Path) -> None:
    config = settings(
        tmp_path / "holdspace.db",
        HOLDSPACE__KEYS__ROOT_KEY_FILE="/run/secrets/holdspace",
        HOLDSPACE__AUDIT__CHECKPOINT_FILE="/mnt/audit/c.jsonl",
    )
    assert root_key_file(config) == Path("/run/secrets/holdspace")
    assert checkpoint_file(config) == Path("/mnt/audit/c.jsonl")


def test_files_lie_beside_the_database_unless_configured(tmp_path: Path) -> None:
    config = settings(tmp_path / "a.db")
    assert checkpoint_file(config) == tmp_path / "a.db.checkpoints.jsonl"
    elsewhere = load_config(None, {"HOLDSPACE__STORAGE__URL": "postgresql://db/holdspace"})
    assert root_key_file(elsewhere) == Path("var/holdspace.root-key")


def test_each_purpose_has_a_key_of_its_own_and_none_is_shown() -> None:
    root = RootKey(SECRET)
    derived = {root.wrapping_key(), root.signing_key().private_bytes_raw(), SECRET}
    assert len(derived) == 3
    assert not any(key.hex() in repr(root) or key.hex()[:16] == root.id for key in derived)
    assert RootKey(SECRET).wrapping_key() == root.wrapping_key()


def test_derived_keys_stay_what_they_are() -> None:
    """Everything stored hangs on these."""
    assert RootKey(SECRET).id == "8b0e5bb6e527970d"
    assert (
        RootKey(SECRET).signing_key().public_key().public_bytes_raw().hex()
        == "61df55af75727c94326be4f876b16b554324e06102a4d4e9f902017e0fc40ee9"
    )
