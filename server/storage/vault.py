"""Encrypts what the log stores. Data keys are wrapped by the root key; each has its stream and retention class.

AES-256-GCM with random 96-bit nonces: a key serves one stream's class, far below the 2^32 messages that NIST SP
800-38D section 8.3 allows. Random, and not the seq: an append that was rolled back leaves its seq to another payload.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from server.keys import RootKey
from server.storage.chain import NONCE_BYTES, commit

_GCM_NONCE: Final = 12
_KEY_BYTES: Final = 32
_MAX_OPEN_KEYS: Final = 4_096

Entropy = Callable[[int], bytes]


class Unreadable(Exception):
    """Something stored cannot be decrypted, or is not what was committed to."""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key as it is stored. `wrapped` is None once it was destroyed."""

    id: str
    stream_id: str
    retention: str
    root_key_id: str
    wrapped: bytes | None


@dataclass(frozen=True, slots=True)
class SealedPayload:
    """A payload as it is stored, and the commitment to it."""

    commitment: bytes
    sealed: bytes


class Vault:
    """Seals and opens. Unwrapped data keys are kept in memory until they are destroyed or pushed out."""

    def __init__(self, root: RootKey, entropy: Entropy = os.urandom) -> None:
        self.root_key_id = root.id
        self._wrapping = AESGCM(root.wrapping_key())
        self._entropy = entropy
        self._open: dict[str, AESGCM] = {}

    def new_key(self, stream_id: str, retention: str) -> WrappedKey:
        """A fresh data key."""
        key_id = self._entropy(8).hex()
        secret, nonce = self._entropy(_KEY_BYTES), self._entropy(_GCM_NONCE)
        wrapped = nonce + self._wrapping.encrypt(nonce, secret, _key_context(key_id, stream_id, retention))
        return WrappedKey(key_id, stream_id, retention, self.root_key_id, wrapped)

    def seal_payload(self, key: WrappedKey, header: bytes, payload: bytes) -> SealedPayload:
        """Encrypts a payload and its commitment's nonce; `header` (canonical) is authenticated with them."""
        random = self._entropy(NONCE_BYTES + _GCM_NONCE)
        blind, nonce = random[:NONCE_BYTES], random[NONCE_BYTES:]
        sealed = nonce + self._cipher(key).encrypt(nonce, blind + payload, header)
        return SealedPayload(commit(blind, payload), sealed)

    def open_payload(self, key: WrappedKey, header: bytes, stored: SealedPayload) -> bytes:
        """The payload. Raises Unreadable when it does not decrypt or does not match its commitment."""
        plain = self.open(key, header, stored.sealed)
        blind, payload = plain[:NONCE_BYTES], plain[NONCE_BYTES:]
        if commit(blind, payload) != stored.commitment:
            raise Unreadable("does not match its commitment")
        return payload

    def seal(self, key: WrappedKey, context: bytes, plain: bytes) -> bytes:
        """Encrypts; `context` is authenticated and must be the same to open it."""
        nonce = self._entropy(_GCM_NONCE)
        return nonce + self._cipher(key).encrypt(nonce, plain, context)

    def open(self, key: WrappedKey, context: bytes, sealed: bytes) -> bytes:
        """Decrypts. Raises Unreadable."""
        try:
            return self._cipher(key).decrypt(sealed[:_GCM_NONCE], sealed[_GCM_NONCE:], context)
        except (InvalidTag, ValueError):
            raise Unreadable("does not decrypt") from None

    def unwraps(self, key: WrappedKey) -> bool:
        """Whether a living key is one of ours, of this stream and class."""
        try:
            self._unwrap(key)
        except Unreadable:
            return False
        return True

    def forget(self, key_id: str) -> None:
        """Drops an unwrapped key from memory."""
        self._open.pop(key_id, None)

    def _cipher(self, key: WrappedKey) -> AESGCM:
        cipher = self._open.get(key.id)
        if cipher is None:
            cipher = self._unwrap(key)
            if len(self._open) >= _MAX_OPEN_KEYS:
                self._open.clear()
            self._open[key.id] = cipher
        return cipher

    def _unwrap(self, key: WrappedKey) -> AESGCM:
        if key.wrapped is None:
            raise Unreadable("its key was destroyed")
        if key.root_key_id != self.root_key_id:
            raise Unreadable("its key is wrapped by another root key")
        context = _key_context(key.id, key.stream_id, key.retention)
        try:
            return AESGCM(self._wrapping.decrypt(key.wrapped[:_GCM_NONCE], key.wrapped[_GCM_NONCE:], context))
        except (InvalidTag, ValueError):
            raise Unreadable("its key does not unwrap") from None


def _key_context(key_id: str, stream_id: str, retention: str) -> bytes:
    return msgspec.json.encode(("data key", key_id, stream_id, retention))
