"""The root key: where it comes from, and what is derived from it.

Whoever has it reads every stored room and can sign checkpoints; without it the stored rooms are lost. It comes from
the environment or from a file, never from config.toml.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.config import Config, ConfigError, database_file

ROOT_KEY_VARIABLE: Final = "HOLDSPACE_ROOT_KEY"
ROOT_KEY_BYTES: Final = 32


class KeysError(ConfigError):
    """There is no usable root key; the message says what to do."""


class RootKey:
    """32 secret bytes, and the keys derived from them (HKDF-SHA256, RFC 5869), one a purpose."""

    def __init__(self, secret: bytes) -> None:
        """Raises ValueError unless `secret` is 32 bytes."""
        if len(secret) != ROOT_KEY_BYTES:
            raise ValueError(f"a root key is {ROOT_KEY_BYTES} bytes")
        self._secret = secret
        self.id = self._derive("key id", 8).hex()
        """Names the key without telling anything of it; stored beside what it wrapped."""

    def wrapping_key(self) -> bytes:
        """Encrypts data keys (AES-256)."""
        return self._derive("data key wrapping")

    def signing_key(self) -> Ed25519PrivateKey:
        """Signs checkpoints."""
        return Ed25519PrivateKey.from_private_bytes(self._derive("checkpoint signing"))

    def __repr__(self) -> str:
        return f"RootKey({self.id})"

    def _derive(self, purpose: str, length: int = 32) -> bytes:
        return HKDF(SHA256(), length, salt=None, info=f"holdspace v1 {purpose}".encode()).derive(self._secret)


def root_key_file(config: Config) -> Path:
    """Where the root key is: as configured, else beside the database."""
    return Path(config.keys.root_key_file) if config.keys.root_key_file else beside_database(config, ".root-key")


def checkpoint_file(config: Config) -> Path:
    """Where checkpoints are written outside the database: as configured, else beside it."""
    if config.audit.checkpoint_file:
        return Path(config.audit.checkpoint_file)
    return beside_database(config, ".checkpoints.jsonl")


def beside_database(config: Config, suffix: str) -> Path:
    """A file next to the SQLite database, or in var/ when the database is elsewhere."""
    file = database_file(config.storage.url)
    return Path("var", f"holdspace{suffix}") if file is None else file.with_name(f"{file.name}{suffix}")


def load_root_key(config: Config, environ: Mapping[str, str]) -> RootKey:
    """The root key, from the environment or else its file.

    Raises:
        KeysError: there is none, it cannot be read, or it is not one.
    """
    if environ.get(ROOT_KEY_VARIABLE):
        return _parse(environ[ROOT_KEY_VARIABLE], ROOT_KEY_VARIABLE)
    path = root_key_file(config)
    try:
        return _parse(path.read_text(encoding="ascii"), str(path))
    except FileNotFoundError:
        raise KeysError(
            f"there is no root key: {path} does not exist, and {ROOT_KEY_VARIABLE} is not set. Stored rooms are "
            f"encrypted under it. `holdspace keys new` makes one; keep a copy of it apart from the database, since "
            "without it the stored rooms cannot be read by anyone"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise KeysError(f"the root key {path} cannot be read: {type(error).__name__}") from None


def make_root_key(path: Path) -> RootKey:
    """Makes a root key in a new file that only its owner can read.

    Raises:
        KeysError: there is a file already, or it cannot be written.
    """
    secret = os.urandom(ROOT_KEY_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(secret) + b"\n")
            file.flush()
            # Rooms written under a key that the power took would be lost with it.
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except FileExistsError:
        raise KeysError(f"{path} exists already, and is left as it is") from None
    except OSError as error:
        raise KeysError(f"the root key {path} cannot be written: {error.strerror}") from None
    return RootKey(secret)


def sync_folder(folder: Path) -> None:
    """Makes a new file's name durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _parse(text: str, where: str) -> RootKey:
    text = text.strip()
    try:
        secret = bytes.fromhex(text) if len(text) == 2 * ROOT_KEY_BYTES else base64.b64decode(text, validate=True)
        return RootKey(secret)
    except (ValueError, binascii.Error):
        raise KeysError(f"{where} is not a root key: 32 bytes in base64 (or 64 hexadecimal digits)") from None
