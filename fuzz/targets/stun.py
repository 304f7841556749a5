"""STUN: as it comes, and with a right MESSAGE-INTEGRITY around whatever the input makes of the attributes."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import struct
from random import Random

from fuzz.targets.claims import claim
from fuzz.targets.plant import PASSWORD, START, STRANGER
from media.engine import stun
from media.engine.core import EngineCore
from media.engine.interface import Selected
from media.engine.transport import Path

_SIX = Path("2001:db8::66", 666)
_LONGEST_REPLY = 120


def one_input(data: bytes) -> None:
    """The first byte chooses: 0 mod 3 raw, else signed; the rest is the message, or its kind and attributes."""
    if not data:
        return
    signed = data[0] % 3 != 0
    message = _signed(data[1:]) if signed else data[1:]
    parsed = stun.parse(message)
    if parsed is not None:
        claim(len(parsed.attributes) <= 32, "attributes are bounded")
        claim(parsed.integrity_at <= len(message), "integrity lies inside")
    core = EngineCore(Random(1))
    core.add_transport("ours", PASSWORD, START)
    path = _SIX if data[0] & 0x80 else STRANGER
    core.receive(message, path, START)
    sent, _ = core.poll(START)
    claim(len(sent) <= 1, "one answer at most")
    if not sent:
        claim(not core.drain(10), "no event without an answer")
        return
    authentic = parsed is not None and parsed.authentic(PASSWORD.encode())
    claim(message[0] < 4 and authentic, "only what authenticates is answered")
    reply, to = sent[0]
    answer = stun.parse(reply)
    claim(to == path and len(reply) <= _LONGEST_REPLY, "a short answer, to where it came from")
    claim(answer is not None and answer.authentic(PASSWORD.encode()), "the answer is authentic")
    if answer is not None and answer.kind == stun.BINDING_ERROR:
        claim(not core.drain(10), "a role conflict selects nothing")
    else:
        claim([type(event) for event in core.drain(10)] == [Selected], "a success selects the address")


def _signed(rest: bytes) -> bytes:
    kind = rest[:2] if len(rest) >= 2 else b"\0\1"
    attributes = rest[2:]
    attributes += bytes(-len(attributes) & 3)
    head = struct.pack("!I12s", stun.MAGIC_COOKIE, b"transaction!")
    before = kind + struct.pack("!H", len(attributes) + 24 & 0xFFFF) + head + attributes
    digest = hmac.new(PASSWORD.encode(), before, hashlib.sha1).digest()
    body = attributes + struct.pack("!HH", stun.MESSAGE_INTEGRITY, 20) + digest
    message = kind + struct.pack("!H", len(body) + 8 & 0xFFFF) + head + body
    crc = binascii.crc32(message) ^ 0x5354554E
    return message + struct.pack("!HHI", stun.FINGERPRINT, 4, crc)
