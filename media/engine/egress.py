"""What the engine sends: slots, each one constant SSRC towards one subscriber, whatever feeds it.

Sequence numbers, timestamps and VP8 ids stay continuous over a change of source, a closed gate and
swallowed padding, so that the receiver never sees a seam.
"""

from __future__ import annotations

import struct
from random import Random
from typing import TYPE_CHECKING, Final

from media.engine import rtcp, rtp, vp8
from media.engine.ingress import Layer, MediaPacket, Track
from media.engine.interface import EgressSpec, Kind, OutId
from media.engine.rtp import unwrap

if TYPE_CHECKING:
    from media.engine.transport import Transport

_SEGMENTS: Final = 32
_MID_PACKETS: Final = 64
"""The mid travels in the first packets after each start; later it is known."""
_RESEND_PER_S: Final = 400.0


class Slot:
    """One egress stream. It is live from its first packet after a start until it is paused."""

    __slots__ = (
        "_layer",
        "_mid_left",
        "_next",
        "_octets",
        "_packets",
        "_picture",
        "_picture_shift",
        "_resend_at",
        "_resend_left",
        "_rtx_next",
        "_segments",
        "_sent_at",
        "_shift",
        "_timestamp",
        "_timestamp_shift",
        "_tl0",
        "_tl0_shift",
        "live",
        "open",
        "out",
        "spec",
        "track",
        "transport",
        "want",
    )

    def __init__(self, out: OutId, spec: EgressSpec, transport: Transport, rng: Random) -> None:
        self.out = out
        self.transport = transport
        self.spec = spec
        self.open = True
        self.live = False
        self.track: Track | None = None
        self.want = ""
        self._layer: Layer | None = None
        self._next = 0x10000 + rng.getrandbits(15)
        self._rtx_next = rng.getrandbits(15)
        self._timestamp = rng.getrandbits(32)
        self._picture = rng.getrandbits(15)
        self._tl0 = rng.getrandbits(8)
        self._sent_at: float | None = None
        self._shift = 0
        self._segments: list[tuple[int, int]] = []
        self._timestamp_shift = self._picture_shift = self._tl0_shift = 0
        self._packets = self._octets = 0
        self._mid_left = _MID_PACKETS
        self._resend_at = 0.0
        self._resend_left = _RESEND_PER_S

    @property
    def layer(self) -> Layer | None:
        """The layer it is fed from now, or was last."""
        return self._layer

    def source(self) -> Layer | None:
        """The layer it should be fed from."""
        if self.track is None:
            return None
        layers = self.track.layers
        return layers.get(self.want) or next(iter(layers.values()), None)

    def pause(self) -> None:
        """Sends nothing until the next start."""
        self.live = False

    def reset(self) -> None:
        """As `pause`; and what comes next has nothing to do with what came before."""
        self.live = False
        self._layer = None

    def start(self, layer: Layer, packet: MediaPacket, now: float) -> None:
        """Begins, or goes on, with this packet: a key frame's first for video."""
        clock = self.spec.clock_rate
        shift = self._timestamp_shift
        if self._sent_at is None:
            shift = self._timestamp - packet.timestamp
        else:
            ahead = packet.timestamp + shift - self._timestamp & 0xFFFFFFFF
            # The same source keeps its clock, over a pause too, as long as that moves forward.
            if layer is not self._layer or not 0 < ahead < 0x80000000:
                shift = self._timestamp + max(1, round((now - self._sent_at) * clock)) - packet.timestamp
        self._timestamp_shift = shift & 0xFFFFFFFF
        head = packet.head
        if head is not None:
            if head.picture_id_at:
                self._picture_shift = self._picture + 1 - head.picture_id & 0x7FFF
            if head.tl0_at:
                self._tl0_shift = self._tl0 + 1 - head.tl0 & 0xFF
        self._layer = layer
        self._shift = self._next - packet.number
        self._segments = [(packet.number, self._shift)]
        self._mid_left = _MID_PACKETS
        self.live = True

    def swallow(self, number: int) -> None:
        """Closes the gap that an empty packet, the newest of its source, would leave."""
        self._shift -= 1
        self._segments.append((number + 1, self._shift))
        if len(self._segments) > _SEGMENTS:
            del self._segments[0]

    def rewrite(self, packet: MediaPacket, now: float) -> bytes | None:
        """The packet as this subscriber gets it, or None when it lies before the start."""
        number = packet.number
        if number >= self._segments[-1][0]:
            sequence = number + self._shift
        else:
            found = self._sequence_of(number)
            if found is None:
                return None
            sequence = found
        timestamp = packet.timestamp + self._timestamp_shift & 0xFFFFFFFF
        head = packet.head
        if sequence >= self._next:
            self._next = sequence + 1
            self._timestamp = timestamp
            self._sent_at = now
            if head is not None:
                self._picture = head.picture_id + self._picture_shift
                self._tl0 = head.tl0 + self._tl0_shift
        self._packets += 1
        self._octets += len(packet.payload)
        return self._build(packet, sequence, timestamp)

    def _sequence_of(self, number: int) -> int | None:
        for first, shift in reversed(self._segments):
            if number >= first:
                return number + shift
        return None

    def _build(self, packet: MediaPacket, sequence: int, timestamp: int) -> bytes:
        spec = self.spec
        payload = packet.payload
        if packet.head is not None:
            payload = vp8.rewrite(payload, packet.head, self._picture_shift, self._tl0_shift)
        return rtp.build(
            spec.payload_type,
            packet.marker,
            sequence & 0xFFFF,
            timestamp,
            spec.ssrc,
            self._extensions(packet),
            payload,
        )

    def _extensions(self, packet: MediaPacket) -> bytes:
        ids = self.transport.ids
        elements: list[tuple[int, bytes]] = []
        if packet.level is not None and ids.audio_level:
            elements.append((ids.audio_level, packet.level))
        if self._mid_left and ids.mid:
            self._mid_left -= 1
            elements.append((ids.mid, self.spec.mid.encode("ascii")))
        return rtp.extension_block(elements)

    def may_resend(self, now: float) -> bool:
        """Whether one more packet may be looked for; each time counts, found or not."""
        self._resend_left = min(_RESEND_PER_S, self._resend_left + (now - self._resend_at) * _RESEND_PER_S)
        self._resend_at = now
        if self._resend_left < 1:
            return False
        self._resend_left -= 1
        return True

    def resend(self, sequence: int) -> bytes | None:
        """A packet sent before, again (RFC 4588 when negotiated), or None when it is gone."""
        layer = self._layer
        if layer is None or not self.live or self.spec.kind is not Kind.VIDEO:
            return None
        wanted = unwrap(sequence, self._next - 1)
        packet = None
        for first, shift in reversed(self._segments):
            if wanted - shift >= first:
                packet = layer.find(wanted - shift)
                break
        if packet is None or wanted >= self._next:
            return None
        plain = self._build(packet, wanted, packet.timestamp + self._timestamp_shift & 0xFFFFFFFF)
        if self.spec.rtx_ssrc is None or self.spec.rtx_payload_type is None:
            return plain
        self._rtx_next = self._rtx_next + 1 & 0xFFFF
        head = 12 + (4 + 4 * struct.unpack_from("!H", plain, 14)[0] if plain[0] & 0x10 else 0)
        return b"".join(
            (
                plain[:1],
                bytes((plain[1] & 0x80 | self.spec.rtx_payload_type,)),
                struct.pack("!H", self._rtx_next),
                plain[4:8],
                struct.pack("!I", self.spec.rtx_ssrc),
                plain[12:head],
                plain[2:4],
                plain[head:],
            )
        )

    def sender_report(self) -> bytes | None:
        """The source's clock in this slot's terms, so that receivers can align sound and picture."""
        layer = self._layer
        if layer is None or not self.live or layer.report is None:
            return None
        report = layer.report[0]
        timestamp = report.rtp + self._timestamp_shift & 0xFFFFFFFF
        return rtcp.sender_report(self.spec.ssrc, report.ntp, timestamp, self._packets, self._octets)
