"""STUN binding checks (RFC 8489) as an ICE-lite agent needs them (RFC 8445)."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import ipaddress
import struct
from dataclasses import dataclass
from typing import Final

MAGIC_COOKIE: Final = 0x2112A442
_FINGERPRINT_XOR: Final = 0x5354554E

BINDING_REQUEST: Final = 0x0001
BINDING_SUCCESS: Final = 0x0101
BINDING_ERROR: Final = 0x0111

USERNAME: Final = 0x0006
MESSAGE_INTEGRITY: Final = 0x0008
ERROR_CODE: Final = 0x0009
XOR_MAPPED_ADDRESS: Final = 0x0020
PRIORITY: Final = 0x0024
USE_CANDIDATE: Final = 0x0025
FINGERPRINT: Final = 0x8028
ICE_CONTROLLED: Final = 0x8029
ICE_CONTROLLING: Final = 0x802A

_HEADER: Final = struct.Struct("!HHI12s")
_ATTRIBUTE: Final = struct.Struct("!HH")
_MAX_ATTRIBUTES: Final = 32


@dataclass(frozen=True, slots=True)
class StunMessage:
    """A parsed message. `raw` is the datagram; `integrity_at` is where MESSAGE-INTEGRITY begins, or -1."""

    kind: int
    transaction: bytes
    attributes: dict[int, bytes]
    raw: bytes
    integrity_at: int

    @property
    def local_ufrag(self) -> str:
        """The receiver's fragment of USERNAME (RFC 8445 section 7.2.2), or ''."""
        return self.attributes.get(USERNAME, b"").split(b":", 1)[0].decode("ascii", "replace")

    def authentic(self, key: bytes) -> bool:
        """Whether MESSAGE-INTEGRITY is present and right under this short-term key."""
        if self.integrity_at < 0:
            return False
        return hmac.compare_digest(_integrity(self.raw[: self.integrity_at], key), self.attributes[MESSAGE_INTEGRITY])


def parse(data: bytes) -> StunMessage | None:
    """The message in a datagram, or None when it is not a well-formed one.

    Attributes behind MESSAGE-INTEGRITY other than FINGERPRINT are ignored (RFC 8489 section 14.5).
    """
    if len(data) < 20:
        return None
    kind, length, cookie, transaction = _HEADER.unpack_from(data)
    if kind & 0xC000 or cookie != MAGIC_COOKIE or length & 3 or length != len(data) - 20:
        return None
    attributes: dict[int, bytes] = {}
    integrity_at = -1
    at = 20
    for _ in range(_MAX_ATTRIBUTES):
        if at == len(data):
            return StunMessage(kind, transaction, attributes, data, integrity_at)
        if at + 4 > len(data):
            return None
        name, size = _ATTRIBUTE.unpack_from(data, at)
        end = at + 4 + size
        if end > len(data):
            return None
        value = data[at + 4 : end]
        if name == FINGERPRINT:
            if size != 4 or end != len(data) or value != _fingerprint(data[:at]):
                return None
        elif name == MESSAGE_INTEGRITY and integrity_at < 0:
            if size != 20:
                return None
            integrity_at = at
            attributes[name] = value
        elif integrity_at < 0:
            attributes.setdefault(name, value)
        at = end + (-size & 3)
    return None


def build(kind: int, transaction: bytes, attributes: list[tuple[int, bytes]], key: bytes) -> bytes:
    """A message with these attributes, then MESSAGE-INTEGRITY under `key`, then FINGERPRINT."""
    body = b"".join(_ATTRIBUTE.pack(name, len(value)) + value + bytes(-len(value) & 3) for name, value in attributes)
    message = _HEADER.pack(kind, len(body), MAGIC_COOKIE, transaction) + body
    digest = _integrity(message, key)
    message += _ATTRIBUTE.pack(MESSAGE_INTEGRITY, 20) + digest
    message = _with_length(message, len(message) - 20 + 8)
    return message + _ATTRIBUTE.pack(FINGERPRINT, 4) + _fingerprint(message)


def success(request: StunMessage, host: str, port: int, key: bytes) -> bytes:
    """The success response to a check that came from `host`:`port`."""
    value = _xor_address(host, port, request.transaction)
    return build(BINDING_SUCCESS, request.transaction, [(XOR_MAPPED_ADDRESS, value)], key)


def role_conflict(request: StunMessage, key: bytes) -> bytes:
    """487: a lite agent is always controlled, so the other side must take control (RFC 8445 section 7.3.1.1)."""
    return build(BINDING_ERROR, request.transaction, [(ERROR_CODE, b"\0\0\x04\x57Role Conflict")], key)


def _with_length(message: bytes, length: int) -> bytes:
    return message[:2] + struct.pack("!H", length) + message[4:]


def _integrity(before: bytes, key: bytes) -> bytes:
    # The header's length counts up to the end of MESSAGE-INTEGRITY itself (RFC 8489 section 14.5).
    return hmac.new(key, _with_length(before, len(before) - 20 + 24), hashlib.sha1).digest()


def _fingerprint(before: bytes) -> bytes:
    message = _with_length(before, len(before) - 20 + 8)
    return struct.pack("!I", binascii.crc32(message) ^ _FINGERPRINT_XOR)


def _xor_address(host: str, port: int, transaction: bytes) -> bytes:
    address = ipaddress.ip_address(host.partition("%")[0])
    mask = struct.pack("!I", MAGIC_COOKIE) + transaction
    family = 1 if address.version == 4 else 2
    packed = bytes(a ^ b for a, b in zip(address.packed, mask, strict=False))
    return struct.pack("!BBH", 0, family, port ^ (MAGIC_COOKIE >> 16)) + packed
