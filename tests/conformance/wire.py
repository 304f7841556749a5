"""Packets as the scripts see them: read and written apart from any engine, so that no engine judges itself."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rtp:
    """An RTP packet (RFC 3550) with its header extensions (RFC 8285); the payload is without padding."""

    payload_type: int
    marker: bool
    seq: int
    ts: int
    ssrc: int
    extensions: dict[int, bytes]
    payload: bytes
    padding: int = 0


def is_rtcp(data: bytes) -> bool:
    """RFC 5761 section 4."""
    return len(data) > 1 and 192 <= data[1] <= 223


def read_rtp(data: bytes) -> Rtp:
    """Raises ValueError for what no receiver could read."""
    if len(data) < 12 or data[0] >> 6 != 2:
        raise ValueError("no RTP")
    at = 12 + 4 * (data[0] & 15)
    extensions: dict[int, bytes] = {}
    if data[0] & 0x10:
        profile, words = struct.unpack_from("!HH", data, at)
        block = data[at + 4 : at + 4 + 4 * words]
        if profile not in (0xBEDE, 0x1000) or len(block) != 4 * words:
            raise ValueError("extensions")
        at += 4 + 4 * words
        place = 0
        while place < len(block):
            if block[place] == 0:
                place += 1
                continue
            if profile == 0x1000:
                number, size = block[place], block[place + 1]
                place += 1
            else:
                number, size = block[place] >> 4, (block[place] & 15) + 1
            extensions[number] = block[place + 1 : place + 1 + size]
            place += 1 + size
    padding = data[-1] if data[0] & 0x20 else 0
    seq, ts, ssrc = struct.unpack_from("!HII", data, 2)
    if at + padding > len(data):
        raise ValueError("padding")
    return Rtp(data[1] & 127, data[1] > 127, seq, ts, ssrc, extensions, data[at : len(data) - padding], padding)


def write_rtp(packet: Rtp, *, csrcs: int = 0, two_byte: bool = False, block: bytes | None = None) -> bytes:
    """The packet's bytes; `block` stands for the extensions, length and all."""
    first = 0x80 | csrcs | (0x20 if packet.padding else 0) | (0x10 if packet.extensions or block else 0)
    head = struct.pack(
        "!BBHII", first, packet.payload_type | packet.marker << 7, packet.seq & 0xFFFF, packet.ts, packet.ssrc
    )
    if block is None:
        block = b"".join(
            bytes((number, len(value)) if two_byte else (number << 4 | len(value) - 1,)) + value
            for number, value in packet.extensions.items()
        )
        block += bytes(-len(block) & 3)
        block = struct.pack("!HH", 0x1000 if two_byte else 0xBEDE, len(block) // 4) + block if block else b""
    padding = bytes(packet.padding - 1) + bytes((packet.padding,)) if packet.padding else b""
    return head + bytes(4 * csrcs) + block + packet.payload + padding


@dataclass(frozen=True, slots=True)
class Vp8:
    """A VP8 payload (RFC 7741). `pid_bits` is 0, 7 or 15; `tl0` is None where it is absent."""

    start: bool
    pid: int
    pid_bits: int
    tl0: int | None
    rest: bytes
    """What no rewriting touches: flags, temporal layer, key index, and the picture."""
    key: bool


def read_vp8(payload: bytes) -> Vp8:
    """Raises IndexError or ValueError when it is cut short."""
    at, pid, bits = 1, 0, 0
    tl0 = None
    untouched = bytearray(payload[:1])
    if payload[0] & 0x80:
        flags = payload[1]
        untouched.append(flags)
        at = 2
        if flags & 0x80:
            bits = 15 if payload[at] & 0x80 else 7
            pid = struct.unpack_from("!H", payload, at)[0] & 0x7FFF if bits == 15 else payload[at]
            at += 2 if bits == 15 else 1
        if flags & 0x40:
            tl0 = payload[at]
            at += 1
        if flags & 0x30:
            untouched.append(payload[at])
            at += 1
    if at >= len(payload):
        raise ValueError("no picture behind the descriptor")
    start = bool(payload[0] & 0x10) and payload[0] & 7 == 0
    return Vp8(start, pid, bits, tl0, bytes(untouched) + payload[at:], start and not payload[at] & 1)


def write_vp8(
    body: bytes,
    *,
    start: bool,
    pid: int = 0,
    pid_bits: int = 0,
    tl0: int | None = None,
    tid: int = 0,
    sync: bool = True,
) -> bytes:
    """A payload: the descriptor as libwebrtc writes it, then the picture's bytes."""
    first = 0x10 if start else 0
    if not pid_bits and tl0 is None:
        return bytes((first,)) + body
    flags = (0x80 if pid_bits else 0) | (0x60 if tl0 is not None else 0)
    head = bytes((0x80 | first, flags))
    if pid_bits:
        head += struct.pack("!H", 0x8000 | pid & 0x7FFF) if pid_bits == 15 else bytes((pid & 0x7F,))
    if tl0 is not None:
        head += bytes((tl0 & 0xFF, tid << 6 | sync << 5))
    return head + body


@dataclass(frozen=True, slots=True)
class Control:
    """One RTCP packet of a compound."""

    kind: str
    ssrc: int
    """Whom it is about: the media source; for an SR, its sender."""
    numbers: tuple[int, ...] = ()
    """sr: NTP, RTP timestamp, packets, octets; rr: highest, lost, fraction; nack and arrivals: the numbers."""


def read_rtcp(data: bytes, *, reduced: bool = True) -> list[Control]:
    """Raises ValueError for a compound that does not add up, or lacks a report or a name where it may not."""
    found: list[Control] = []
    kinds: list[int] = []
    at = 0
    while at < len(data):
        first, kind, words = struct.unpack_from("!BBH", data, at)
        packet = data[at : at + 4 * words + 4]
        if first >> 6 != 2 or len(packet) != 4 * words + 4:
            raise ValueError("RTCP")
        at += len(packet)
        kinds.append(kind)
        form = first & 31
        if kind == 200:
            found.append(Control("sr", struct.unpack_from("!I", packet, 4)[0], struct.unpack_from("!QIII", packet, 8)))
        elif kind == 201:
            for block in range(form):
                ssrc, lost, highest = struct.unpack_from("!III", packet, 8 + 24 * block)
                found.append(Control("rr", ssrc, (highest, lost & 0xFFFFFF, lost >> 24)))
        elif (kind, form) == (205, 1):
            numbers: list[int] = []
            for base, mask in struct.iter_unpack("!HH", packet[12:]):
                numbers += [base] + [base + bit + 1 & 0xFFFF for bit in range(16) if mask >> bit & 1]
            found.append(Control("nack", struct.unpack_from("!I", packet, 8)[0], tuple(numbers)))
        elif (kind, form) == (205, 15):
            found.append(Control("arrivals", 0, tuple(_arrivals(packet))))
        elif (kind, form) == (206, 1):
            found.append(Control("pli", struct.unpack_from("!I", packet, 8)[0]))
        elif (kind, form) == (206, 4):
            found += [Control("pli", struct.unpack_from("!I", packet, place)[0]) for place in range(12, len(packet), 8)]
    if not reduced and (kinds[0] not in (200, 201) or 202 not in kinds):
        raise ValueError("RTCP that is no whole compound")
    return found


def _arrivals(packet: bytes) -> list[int]:
    base, count = struct.unpack_from("!HH", packet, 12)
    symbols: list[int] = []
    at = 20
    while len(symbols) < count:
        (chunk,) = struct.unpack_from("!H", packet, at)
        at += 2
        if not chunk & 0x8000:
            symbols += [chunk >> 13 & 3] * (chunk & 0x1FFF)
        elif chunk & 0x4000:
            symbols += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        else:
            symbols += [chunk >> shift & 1 for shift in range(13, -1, -1)]
    return [base + place & 0xFFFF for place, symbol in enumerate(symbols[:count]) if symbol]


def write_feedback(kind: int, form: int, ssrc: int, body: bytes = b"", sender: int = 77) -> bytes:
    """A feedback message (RFC 4585 section 6.1)."""
    return struct.pack("!BBHII", 0x80 | form, kind, 2 + len(body) // 4, sender, ssrc) + body


def write_sr(ssrc: int, ntp: int, ts: int) -> bytes:
    """A sender report without blocks."""
    return struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, ntp, ts & 0xFFFFFFFF, 1, 1)


def write_check(ufrag: str, pwd: str, number: int, *, nominate: bool = True, controlled: bool = False) -> bytes:
    """A STUN binding request as a browser sends it (RFC 8445 section 7.2.2), protected under `pwd`, its `number`th."""
    username = f"{ufrag}:them".encode()
    body = struct.pack("!HH", 0x0006, len(username)) + username + bytes(-len(username) & 3)
    body += struct.pack("!HHI", 0x0024, 4, 0x6E001EFF)
    body += struct.pack("!HHQ", 0x8029 if controlled else 0x802A, 8, 1)
    body += struct.pack("!HH", 0x0025, 0) if nominate else b""
    head = struct.pack("!I", 0x2112A442) + struct.pack("!8xI", number)
    signed = struct.pack("!HH", 1, len(body) + 24) + head + body
    body += struct.pack("!HH", 0x0008, 20) + hmac.new(pwd.encode(), signed, hashlib.sha1).digest()
    message = struct.pack("!HH", 1, len(body) + 8) + head + body
    return message + struct.pack("!HHI", 0x8028, 4, binascii.crc32(message) ^ 0x5354554E)
