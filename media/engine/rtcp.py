"""RTCP (RFC 3550, RFC 4585, RFC 5104): reading what clients send, writing what they need."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

_HEADER: Final = struct.Struct("!BBH")
_SENDER_REPORT: Final = struct.Struct("!BBHIQIII")
_REPORT_BLOCK: Final = struct.Struct("!IIIIII")
_FEEDBACK: Final = struct.Struct("!BBHII")

SR: Final = 200
RR: Final = 201
SDES: Final = 202
BYE: Final = 203
RTPFB: Final = 205
PSFB: Final = 206
_MAX_PACKETS: Final = 64
_MAX_LOST: Final = 256
"""Sequence numbers asked for in one datagram; what is beyond will be asked for again."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    """When (NTP, 32.32 bits) a sender's RTP clock showed `rtp`."""

    ssrc: int
    ntp: int
    rtp: int


@dataclass(frozen=True, slots=True)
class Nack:
    """Sequence numbers that a receiver misses."""

    ssrc: int
    lost: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeyFrameRequest:
    """A PLI or FIR for one of our SSRCs."""

    ssrc: int


@dataclass(frozen=True, slots=True)
class Goodbye:
    """A source ended."""

    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reception:
    """What a receiver says of one of our SSRCs: 256ths of the packets lost lately, the highest number (32 bits)."""

    ssrc: int
    fraction_lost: int
    highest: int


Item = SenderReport | Reception | Nack | KeyFrameRequest | Goodbye


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What we received of one source (RFC 3550 section 6.4.1); `delay` is in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


def parse(data: bytes) -> list[Item] | None:
    """What a compound packet says that concerns us, or None when it is malformed.

    Packets of other types are skipped.
    """
    items: list[Item] = []
    at = lost = 0
    size = len(data)
    if size < 8:
        return None
    for _ in range(_MAX_PACKETS):
        if at == size:
            return items
        if at + 4 > size:
            return None
        first, kind, words = _HEADER.unpack_from(data, at)
        end = at + 4 * words + 4
        if first & 0xC0 != 0x80 or end > size:
            return None
        if kind == RTPFB and first & 31 == 1:
            asked = _nack(data[at:end], _MAX_LOST - lost)
            if asked is None:
                return None
            lost += len(asked.lost)
            items.append(asked)
        elif not _read(items, first & 31, kind, data[at:end]):
            return None
        at = end
    return None


def _read(items: list[Item], form: int, kind: int, packet: bytes) -> bool:
    size = len(packet)
    if kind == SR:
        if size < 28:
            return False
        _, _, _, ssrc, ntp, rtp, _, _ = _SENDER_REPORT.unpack_from(packet)
        items.append(SenderReport(ssrc, ntp, rtp))
        return _receptions(items, form, packet, 28)
    if kind == RR:
        return _receptions(items, form, packet, 8)
    if kind == BYE:
        if size < 4 + 4 * form:
            return False
        items.append(Goodbye(struct.unpack_from(f"!{form}I", packet, 4)))
    elif kind == PSFB and form == 1:
        if size < 12:
            return False
        items.append(KeyFrameRequest(struct.unpack_from("!I", packet, 8)[0]))
    elif kind == PSFB and form == 4:  # FIR names its targets in its entries (RFC 5104 section 4.3.1)
        if size < 20:
            return False
        items.extend(KeyFrameRequest(struct.unpack_from("!I", packet, at)[0]) for at in range(12, size - 7, 8))
    return True


def _receptions(items: list[Item], count: int, packet: bytes, at: int) -> bool:
    if len(packet) < at + 24 * count:
        return False
    for place in range(at, at + 24 * count, 24):
        ssrc, loss, highest = struct.unpack_from("!III", packet, place)
        items.append(Reception(ssrc, loss >> 24, highest))
    return True


def _nack(packet: bytes, most: int) -> Nack | None:
    size = len(packet)
    if size < 12:
        return None
    (ssrc,) = struct.unpack_from("!I", packet, 8)
    lost: list[int] = []
    for at in range(12, size - 3, 4):
        if len(lost) >= most:
            break
        base, mask = struct.unpack_from("!HH", packet, at)
        lost.append(base)
        lost.extend(base + bit + 1 & 0xFFFF for bit in range(16) if mask >> bit & 1)
    return Nack(ssrc, tuple(lost[:most]))


def pli(sender: int, ssrc: int) -> bytes:
    """A picture loss indication."""
    return _FEEDBACK.pack(0x81, PSFB, 2, sender, ssrc)


def nack(sender: int, ssrc: int, lost: list[int]) -> bytes:
    """A generic NACK (RFC 4585 section 6.2.1) for sequence numbers in rising order."""
    pairs: list[tuple[int, int]] = []
    for sequence in lost:
        ahead = sequence - pairs[-1][0] & 0xFFFF if pairs else 17
        if 0 < ahead <= 16:
            pairs[-1] = (pairs[-1][0], pairs[-1][1] | 1 << ahead - 1)
        elif ahead:
            pairs.append((sequence, 0))
    body = b"".join(struct.pack("!HH", base, mask) for base, mask in pairs)
    return _FEEDBACK.pack(0x81, RTPFB, 2 + len(pairs), sender, ssrc) + body


def sender_report(ssrc: int, ntp: int, rtp: int, packets: int, octets: int) -> bytes:
    """A sender report without report blocks."""
    return _SENDER_REPORT.pack(0x80, SR, 6, ssrc, ntp, rtp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)


def description(ssrc: int, cname: str) -> bytes:
    """A source description that names the source (RFC 3550 section 6.5.1)."""
    name = cname.encode("ascii")
    chunk = struct.pack("!IBB", ssrc, 1, len(name)) + name
    chunk += bytes(4 - len(chunk) % 4)
    return _HEADER.pack(0x81, SDES, len(chunk) // 4) + chunk


def receiver_report(sender: int, blocks: list[ReportBlock]) -> bytes:
    """A receiver report of up to 31 blocks."""
    body = b"".join(
        _REPORT_BLOCK.pack(
            b.ssrc,
            (b.fraction_lost & 0xFF) << 24 | b.lost & 0xFFFFFF,
            b.highest & 0xFFFFFFFF,
            b.jitter & 0xFFFFFFFF,
            b.last_report & 0xFFFFFFFF,
            b.delay & 0xFFFFFFFF,
        )
        for b in blocks
    )
    return struct.pack("!BBHI", 0x80 | len(blocks), RR, 1 + 6 * len(blocks), sender) + body
