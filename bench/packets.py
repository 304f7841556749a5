"""RTP as a browser would send it, without a codec: right headers, descriptors and sizes around noise. Pure."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bench.counting import STAMP
from media.engine import rtcp, rtp

MID_EXTENSION: Final = 1
LEVEL_EXTENSION: Final = 2
TRANSPORT_CC_EXTENSION: Final = 3

OPUS_BYTES: Final = 80
OPUS_TICKS: Final = 960  # 20 ms at 48 kHz
FRAMES_PER_S: Final = 15
FRAME_TICKS: Final = 90_000 // FRAMES_PER_S
THUMBNAIL_KBIT_S: Final = 120
LARGE_KBIT_S: Final = 700
MAX_PAYLOAD: Final = 1_100
WIDTH: Final = 320
HEIGHT: Final = 180

_NOISE: Final = bytes((n * 167 + 13) & 0xFF for n in range(LARGE_KBIT_S * 1_000 // 8 // FRAMES_PER_S * 4))


def frame_bytes(kbit_s: int) -> int:
    """Size of a frame that is no key frame."""
    return kbit_s * 1_000 // 8 // FRAMES_PER_S


def vp8_frame(picture_id: int, tl0: int, layer: int, *, key: bool, kbit_s: int = THUMBNAIL_KBIT_S) -> list[bytes]:
    """Payloads of one VP8 frame: descriptor (RFC 7741 section 4.2), frame header (RFC 6386 section 9.1), noise.

    `picture_id` counts to 15 bits, `tl0` to 8; `layer` is the temporal layer. A key frame is four others' size.
    """
    size = frame_bytes(kbit_s) * (4 if key else 1)
    show, first_partition = 1 << 4, size // 4
    tag = first_partition << 5 | show | (0 if key else 1)
    frame = tag.to_bytes(3, "little")
    if key:
        frame += b"\x9d\x01\x2a" + struct.pack("<HH", WIDTH, HEIGHT)
    frame += _NOISE[: size - len(frame)]
    # X; then I, L and T are present.
    extension = bytes((0xE0, 0x80 | picture_id >> 8 & 0x7F, picture_id & 0xFF, tl0 & 0xFF, layer << 6))
    return [
        bytes((0x90 if at == 0 else 0x80,)) + extension + frame[at : at + MAX_PAYLOAD]
        for at in range(0, size, MAX_PAYLOAD)
    ]


@dataclass(slots=True)
class Feed:
    """What all streams of one sender share: the transport-wide sequence number."""

    number: int = 0

    def following(self) -> bytes:
        self.number = self.number + 1 & 0xFFFF
        return self.number.to_bytes(2)


@dataclass(slots=True)
class _Stream:
    """Sequence numbers, clock and counts of one RTP source."""

    ssrc: int
    payload_type: int
    mid: str
    feed: Feed
    sequence: int = 0
    timestamp: int = 0
    sent: int = 0
    octets: int = 0
    clock: Callable[[], int] | None = None
    """Nanoseconds of Unix time; they take the place of the last 8 bytes of each payload."""

    def packet(self, payload: bytes, *, marker: bool, level: bytes = b"") -> bytes:
        """The next packet."""
        if self.clock is not None:
            payload = payload[: -STAMP.size] + STAMP.pack(self.clock())
        elements = [(MID_EXTENSION, self.mid.encode()), (TRANSPORT_CC_EXTENSION, self.feed.following())]
        if level:
            elements.append((LEVEL_EXTENSION, level))
        block = rtp.extension_block(elements)
        packet = rtp.build(self.payload_type, marker, self.sequence, self.timestamp, self.ssrc, block, payload)
        self.sequence = self.sequence + 1 & 0xFFFF
        self.sent += 1
        self.octets += len(payload)
        return packet

    def sender_report(self, unix_s: float) -> bytes:
        """What a sender says of itself about every second (RFC 3550 section 6.4.1)."""
        ntp = int((unix_s + 2_208_988_800) * 2**32) & 0xFFFFFFFFFFFFFFFF
        return rtcp.sender_report(self.ssrc, ntp, self.timestamp, self.sent, self.octets)


class OpusStream(_Stream):
    """50 packets a second."""

    def following(self) -> bytes:
        """The next 20 ms; loud enough to be someone speaking."""
        self.timestamp = self.timestamp + OPUS_TICKS & 0xFFFFFFFF
        return self.packet(_NOISE[:OPUS_BYTES], marker=False, level=bytes((0x80 | 30,)))


@dataclass(slots=True)
class Vp8Stream(_Stream):
    """15 frames a second in three temporal layers, a key frame first and whenever one is asked for."""

    key_wanted: bool = True
    picture: int = 0
    tl0: int = 0
    key_frames: int = field(default=0)
    kbit_s: int = THUMBNAIL_KBIT_S

    def heed(self, control: bytes) -> None:
        """Takes decrypted RTCP: the next frame is a key frame when one is asked for."""
        for item in rtcp.parse(control) or ():
            if isinstance(item, rtcp.KeyFrameRequest) and item.ssrc == self.ssrc:
                self.key_wanted = True

    def following(self) -> list[bytes]:
        """The packets of the next frame."""
        key, self.key_wanted = self.key_wanted, False
        self.timestamp = self.timestamp + FRAME_TICKS & 0xFFFFFFFF
        layer = 0 if key else (0, 2, 1, 2)[self.picture % 4]
        self.picture = self.picture + 1 & 0x7FFF
        self.tl0 += layer == 0
        self.key_frames += key
        payloads = vp8_frame(self.picture, self.tl0, layer, key=key, kbit_s=self.kbit_s)
        last = len(payloads) - 1
        return [self.packet(payload, marker=place == last) for place, payload in enumerate(payloads)]


class Arrivals:
    """What came of one RTP source, and what did not; late packets count as come."""

    __slots__ = ("_base", "highest", "received")

    def __init__(self, sequence: int) -> None:
        self._base = self.highest = sequence + 0x10000
        self.received = 1

    def add(self, sequence: int) -> None:
        """Another packet."""
        self.received += 1
        self.highest = max(self.highest, rtp.unwrap(sequence, self.highest))

    @property
    def lost(self) -> int:
        """Sequence numbers between the first and the highest that never came."""
        return max(0, self.highest - self._base + 1 - self.received)
