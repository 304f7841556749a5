"""What ties a stream's events together, whether or not their payloads still exist.

    header      what is known of an event without its payload, in one canonical form
    commitment  HMAC-SHA256 of the payload under a random nonce: says which payload it was, and tells nothing of it
    link        SHA-256 over the link before, the header, and the commitment

The nonce is encrypted beside the payload and destroyed with it: afterwards nobody can try guesses against the
commitment, and the chain is as whole as before.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

import msgspec

NONCE_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Header:
    """An event without its payload. `key_id` names the data key of its payload."""

    stream_id: str
    seq: int
    at_ms: int
    type: str
    version: int
    retention: str
    key_id: str

    def canonical(self) -> bytes:
        """The one form that is hashed and authenticated: a JSON array without spaces, UTF-8."""
        return _encode((
            self.stream_id, self.seq, self.at_ms, self.type, self.version, self.retention, self.key_id
        ))  # fmt: skip


_encode = msgspec.json.Encoder().encode


def genesis(stream_id: str, kind: str) -> bytes:
    """The link before a stream's first event."""
    return hashlib.sha256(b"holdspace chain v1\0" + _encode((stream_id, kind))).digest()


def commit(nonce: bytes, payload: bytes) -> bytes:
    """The commitment to a payload, 32 bytes."""
    return hmac.digest(nonce, payload, "sha256")


def link(previous: bytes, header: bytes, commitment: bytes) -> bytes:
    """The link of an event, 32 bytes. `header` is canonical."""
    return hashlib.sha256(previous + header + commitment).digest()
