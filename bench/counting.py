"""Counting what arrives, by the RTP header, which SRTP leaves readable (RFC 3711 section 3.1). Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from bench.figures import percentile

SAMPLE: Final = 16
"""Of so many packets of a source one is decrypted, the first among them, to read when it was sent."""

STAMP: Final = struct.Struct("!Q")
"""The end of each payload: when it was sent, in nanoseconds of Unix time."""

_HEADER: Final = struct.Struct("!xBH4xI")


@dataclass(slots=True)
class Tally:
    """Sums over any number of connections."""

    received: int = 0
    lost: int = 0
    late: int = 0
    """Came, but after a later one."""
    control: int = 0
    sources: int = 0


class Source:
    """One RTP source at one receiver. Numbers are counted on beyond 16 bits."""

    __slots__ = ("first", "highest", "late", "received")

    def __init__(self, sequence: int) -> None:
        self.first = self.highest = sequence
        self.received = 1
        self.late = 0


class Headers:
    """Counts the packets of one connection."""

    def __init__(self) -> None:
        self.sources: dict[int, Source] = {}
        self.control = 0

    def take(self, data: bytearray, at: int, length: int) -> bool:
        """Counts the datagram in `data` at `at`; whether it is one whose payload should be looked at.

        What is neither RTP nor RTCP (RFC 7983, RFC 5761) does not count.
        """
        if length < 12 or not 127 < data[at] < 192:
            return False
        second, sequence, ssrc = _HEADER.unpack_from(data, at)
        if 192 <= second <= 223:
            self.control += 1
            return False
        source = self.sources.get(ssrc)
        if source is None:
            self.sources[ssrc] = Source(sequence)
            return True
        source.received += 1
        ahead = (sequence - source.highest) & 0xFFFF
        if ahead < 0x8000:
            source.highest += ahead
        else:
            source.late += 1
            source.first = min(source.first, source.highest + ahead - 0x10000)
        return source.received % SAMPLE == 0

    def tally(self) -> Tally:
        """What came of all sources so far. `lost` are numbers between the first and the highest that never came."""
        found = Tally(control=self.control, sources=len(self.sources))
        for source in self.sources.values():
            found.received += source.received
            found.late += source.late
            found.lost += max(0, source.highest - source.first + 1 - source.received)
        return found


def added(tallies: list[Tally]) -> Tally:
    """The sum."""
    found = Tally()
    for each in tallies:
        found.received += each.received
        found.lost += each.lost
        found.late += each.late
        found.control += each.control
        found.sources += each.sources
    return found


def grown_by(before: Tally, after: Tally) -> Tally:
    """What happened between two tallies; `sources` are those of the later one."""
    return Tally(
        after.received - before.received,
        after.lost - before.lost,
        after.late - before.late,
        after.control - before.control,
        after.sources,
    )


def sent_ns(plain: bytes) -> int | None:
    """When a decrypted packet was sent, by the end of its payload; None when there is no room for that."""
    if len(plain) < 12 + STAMP.size:
        return None
    return STAMP.unpack_from(plain, len(plain) - STAMP.size)[0]


@dataclass(frozen=True, slots=True)
class Delays:
    """From sending to arriving, in milliseconds; zeros when there were no samples."""

    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def delays(nanoseconds: list[int]) -> Delays:
    """Ranks the samples."""
    if not nanoseconds:
        return Delays(0, 0.0, 0.0, 0.0)
    return Delays(
        len(nanoseconds),
        percentile(nanoseconds, 0.5) / 1e6,
        percentile(nanoseconds, 0.99) / 1e6,
        max(nanoseconds) / 1e6,
    )
