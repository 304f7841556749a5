"""RTP packets and their header extensions."""

from __future__ import annotations

from fuzz.targets.claims import claim
from media.engine import rtp


def one_input(data: bytes) -> None:
    """One packet."""
    packet = rtp.parse(data)
    if packet is None:
        return
    claim(len(packet.payload) <= len(data) - 12, "the payload lies inside")
    claim(packet.payload in data[12:], "the payload is the sender's")
    claim(0 <= packet.payload_type < 128 and 0 <= packet.sequence < 0x10000, "ranges")
    claim(sum(len(value) + 1 for value in packet.extensions.values()) <= len(data), "extensions lie inside")
    small = [(name, value) for name, value in packet.extensions.items() if 1 <= name <= 14 and 1 <= len(value) <= 16]
    block = rtp.extension_block(small)
    again = rtp.parse(
        rtp.build(
            packet.payload_type,
            packet.marker,
            packet.sequence,
            packet.timestamp,
            packet.ssrc,
            block,
            packet.payload,
        )
    )
    claim(again is not None, "what we write can be read")
    if again is not None:
        same = (
            again.payload == packet.payload
            and again.sequence == packet.sequence
            and again.timestamp == packet.timestamp
            and again.ssrc == packet.ssrc
            and again.marker == packet.marker
            and again.extensions == dict(small)
        )
        claim(same, "what we write reads the same")
