"""A client that publishes one picture in several layers, as browsers do."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable, Sequence

from media.engine.interface import ExtensionIds, IngressSpec, Kind
from media.engine.rtp import RtpPacket, extension_block
from media.engine.rtp import build as build_rtp
from media.engine.vp8 import parse_head
from tests.media.engine.world import RTX, VIDEO, VP8, Client, World

IDS = ExtensionIds(mid=1, transport_cc=3, rid=6, repaired_rid=7)
CLOCK = 90_000
PATTERN = (0, 2, 1, 2)
"""Temporal layers of L1T3, which browsers send."""


class Stream:
    """One layer: its SSRC, its counters, and a clock that began anywhere."""

    def __init__(self, rid: str, ssrc: int, size: int) -> None:
        self.rid = rid
        self.ssrc, self.rtx_ssrc = ssrc, ssrc + 100
        self.size = size
        self.offset = ssrc * 7_919_333 & 0xFFFFFFFF
        self.sequence, self.rtx_sequence = ssrc * 31 & 0xFFFF, 7
        self.picture, self.tl0 = ssrc * 97 & 0x7FFF, ssrc & 0xFF
        self.pictures = 0
        self.history: dict[int, tuple[bytes, int, bool]] = {}
        """Payload, timestamp and marker by sequence number."""

    def time_at(self, now: float) -> int:
        """What its RTP clock shows."""
        return round(now * CLOCK) + self.offset & 0xFFFFFFFF


class Simulcast(Client):
    """Layers q, h and f, the lowest first; three packets a picture in the highest."""

    def __init__(
        self, world: World, port: int = 5_000, ssrc: int = 1_000, rids: Sequence[str] = ("q", "h", "f")
    ) -> None:
        super().__init__(world, port)
        self.streams = {rid: Stream(rid, ssrc + place, place + 1) for place, rid in enumerate(rids)}
        self.active = set(rids)
        self.known = False
        """The server knows the SSRCs: no rid is sent any more."""
        self.temporal = True
        self.late: dict[str, float] = {}
        """By so much a layer's pictures come after the moment they are of; by none unless told."""
        self.taken: dict[str, list[float]] = defaultdict(list)
        """The moments that a layer's pictures are of."""
        self.lose: Callable[[bytes], bool] = lambda _: False
        self.answers_plis = True
        self.one_by_one = False
        """A request refreshes only the layer under whose SSRC it comes."""
        self.key_frames = 0
        self._plis = self._nacks = self._counter = 0
        world.core.set_ext_ids(self.handle, IDS)
        spec = IngressSpec(self.handle, VIDEO, Kind.VIDEO, VP8, CLOCK, RTX, rids=tuple(rids))
        world.core.add_ingress(spec)

    def open(self, is_open: bool = True) -> None:
        self.world.core.set_ingress_gate(self.handle, VIDEO, is_open, self.world.now)
        self.world.flush()

    def extensions(self, number: int, rid: str) -> bytes:
        self._counter = self._counter + 1 & 0xFFFF
        elements = [(IDS.transport_cc, struct.pack("!H", self._counter))]
        if not self.known:
            elements += [(IDS.mid, VIDEO.encode()), (number, rid.encode())]
        return extension_block(elements)

    def capture(self, *, key: bool = False) -> None:
        """One picture in each active layer, keys in all of them when one was asked for."""
        named = [int.from_bytes(data[8:12], "big") for data in self.feedback(206, 1)[self._plis :]]
        asked, self._plis = bool(named) and not self.one_by_one, self._plis + len(named)
        key = key or (asked and self.answers_plis) or all(each.pictures == 0 for each in self.streams.values())
        self.key_frames += key
        for rid, stream in self.streams.items():
            if rid in self.active:
                for packet in self.picture(stream, key=key or (self.one_by_one and stream.ssrc in named)):
                    self.emit(packet)
        self._retransmit()

    def picture(self, stream: Stream, *, key: bool = False) -> list[bytes]:
        """The packets of the next picture of one layer."""
        layer = 0 if key or not self.temporal else PATTERN[stream.pictures % len(PATTERN)]
        stream.pictures = 1 if key else stream.pictures + 1
        stream.picture = stream.picture + 1 & 0x7FFF
        stream.tl0 = stream.tl0 + (layer == 0) & 0xFF
        sync = layer == 1 or stream.pictures % len(PATTERN) == 2
        packets: list[bytes] = []
        self.taken[stream.rid].append(self.world.now - self.late.get(stream.rid, 0.0))
        for part in range(stream.size):
            head = bytes(
                (
                    0x90 if part == 0 else 0x80,
                    0xE0,
                    0x80 | stream.picture >> 8,
                    stream.picture & 0xFF,
                    stream.tl0,
                    layer << 6 | sync << 5,
                )
            )
            body = bytes((0 if key and part == 0 else 1,)) + stream.rid.encode() * 40
            stream.sequence = stream.sequence + 1 & 0xFFFF
            packet = self.build(stream, head + body, marker=part == stream.size - 1)
            packets.append(packet)
        return packets

    def build(self, stream: Stream, payload: bytes, *, marker: bool) -> bytes:
        """A packet under the present sequence number of a layer."""
        at = self.world.now - self.late.get(stream.rid, 0.0)
        extensions, time = self.extensions(IDS.rid, stream.rid), stream.time_at(at)
        stream.history[stream.sequence] = (payload, time, marker)
        return build_rtp(VP8, marker, stream.sequence, time, stream.ssrc, extensions, payload)

    def show(self, stream: Stream) -> None:
        """The next picture of one layer alone."""
        for packet in self.picture(stream):
            self.send(packet)

    def emit(self, packet: bytes) -> None:
        if not self.lose(packet):
            self.send(packet)

    def _retransmit(self) -> None:
        nacks = self.feedback(205, 1)
        for data in nacks[self._nacks :]:
            ssrc = int.from_bytes(data[8:12], "big")
            stream = next((each for each in self.streams.values() if each.ssrc == ssrc), None)
            if stream is None:  # it has changed its SSRC meanwhile
                continue
            for at in range(12, len(data), 4):
                base, mask = struct.unpack_from("!HH", data, at)
                for sequence in [base, *(base + bit + 1 & 0xFFFF for bit in range(16) if mask >> bit & 1)]:
                    self.again(stream, sequence)
        self._nacks = len(nacks)

    def again(self, stream: Stream, sequence: int) -> None:
        """Sends a packet once more over RTX (RFC 4588)."""
        if sequence not in stream.history:
            return
        stream.rtx_sequence = stream.rtx_sequence + 1 & 0xFFFF
        payload, time, marker = stream.history[sequence]
        extensions = self.extensions(IDS.repaired_rid, stream.rid)
        payload = struct.pack("!H", sequence) + payload
        self.emit(build_rtp(RTX, marker, stream.rtx_sequence, time, stream.rtx_ssrc, extensions, payload))

    def reports(self, rids: Sequence[str] = ()) -> None:
        """A sender report of each layer, or of these."""
        ntp = int(self.world.now * 2**32) & 0xFFFFFFFFFFFFFFFF
        for stream in (self.streams[rid] for rid in rids or self.streams):
            time = stream.time_at(self.world.now)
            self.send(struct.pack("!BBHIQIII", 0x80, 200, 6, stream.ssrc, ntp, time, 1, 1))

    def run(self, seconds: float, *, step: float = 0.1) -> None:
        for _ in range(round(seconds / step)):
            self.capture()
            self.world.advance(step)


def rids_of(packets: Sequence[RtpPacket]) -> list[str]:
    """Which layer each picture came from, as its packets say."""
    rids: list[str] = []
    for packet in packets:
        head = parse_head(packet.payload)
        assert head is not None
        if head.begins:
            rids.append(chr(packet.payload[-1]))
    return rids
