"""A root key for tests, and vaults of it."""

from __future__ import annotations

from server.keys import RootKey
from server.storage.vault import Vault

ROOT_KEY = RootKey(bytes(range(32)))


def vault() -> Vault:
    """A vault with nothing open yet."""
    return Vault(ROOT_KEY)
