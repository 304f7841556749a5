"""RTP packets (RFC 3550) with header extensions (RFC 8285)."""

from __future__ import annotations

import struct
from typing import Final

HEADER: Final = struct.Struct("!BBHII")
"""Without contributing sources: two octets of flags and types, sequence number, timestamp, SSRC."""

_EXTENSION: Final = struct.Struct("!HH")
_MAX_ELEMENTS: Final = 32
"""Of one packet: browsers have three or four, and each costs a little."""

_NONE: Final[dict[int, bytes]] = {}


class RtpPacket:
    """A received packet: payload without padding, extensions by id."""

    __slots__ = ("extensions", "marker", "payload", "payload_type", "sequence", "ssrc", "timestamp")

    def __init__(
        self,
        marker: bool,
        payload_type: int,
        sequence: int,
        timestamp: int,
        ssrc: int,
        extensions: dict[int, bytes],
        payload: bytes,
    ) -> None:
        self.marker = marker
        self.payload_type = payload_type
        self.sequence = sequence
        self.timestamp = timestamp
        self.ssrc = ssrc
        self.extensions = extensions
        self.payload = payload


def parse(data: bytes) -> RtpPacket | None:
    """The packet in a decrypted datagram, or None when it is malformed."""
    size = len(data)
    if size < 12:
        return None
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    if first & 0xC0 != 0x80:
        return None
    at = 12 + 4 * (first & 15)
    extensions = _NONE
    if first & 0x10:
        if at + 4 > size:
            return None
        profile, words = _EXTENSION.unpack_from(data, at)
        at += 4
        end = at + 4 * words
        if end > size:
            return None
        found = _extensions(data, at, end, profile)
        if found is None:
            return None
        extensions = found
        at = end
    end = size
    if first & 0x20:
        padding = data[-1]
        if padding == 0:
            return None
        end -= padding
    if at > end:
        return None
    return RtpPacket(second > 127, second & 127, sequence, timestamp, ssrc, extensions, data[at:end])


def _extensions(data: bytes, at: int, end: int, profile: int) -> dict[int, bytes] | None:
    found: dict[int, bytes] = {}
    left = _MAX_ELEMENTS
    if profile == 0xBEDE:
        while at < end:
            first = data[at]
            at += 1
            if first == 0:
                continue
            if first >> 4 == 15:  # reserved: stop here (RFC 8285 section 4.2)
                break
            size = (first & 15) + 1
            left -= 1
            if at + size > end or left < 0:
                return None
            found[first >> 4] = data[at : at + size]
            at += size
    elif profile & 0xFFF0 == 0x1000:
        while at < end:
            name = data[at]
            at += 1
            if name == 0:
                continue
            left -= 1
            if at >= end or at + 1 + data[at] > end or left < 0:
                return None
            size = data[at]
            found[name] = data[at + 1 : at + 1 + size]
            at += 1 + size
    return found


def extension_block(elements: list[tuple[int, bytes]]) -> bytes:
    """A one-byte-header extension block, or b'' for no elements. Values are 1 to 16 bytes, ids 1 to 14."""
    if not elements:
        return b""
    body = b"".join(bytes((name << 4 | len(value) - 1,)) + value for name, value in elements)
    body += bytes(-len(body) & 3)
    return _EXTENSION.pack(0xBEDE, len(body) // 4) + body


def build(
    payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, extensions: bytes, payload: bytes
) -> bytes:
    """A packet; `extensions` comes from `extension_block`."""
    second = payload_type | 0x80 if marker else payload_type
    return HEADER.pack(0x90 if extensions else 0x80, second, sequence, timestamp, ssrc) + extensions + payload


def unwrap(value: int, near: int) -> int:
    """The integer nearest to `near` whose low 16 bits are `value`."""
    ahead = (value - near) & 0xFFFF
    return near + (ahead if ahead < 0x8000 else ahead - 0x10000)
