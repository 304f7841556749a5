"""The packet path behind decryption: RTP and RTCP from a publisher and a subscriber, and time, in any order."""

from __future__ import annotations

from fuzz.targets.claims import claim
from fuzz.targets.plant import PUBLISHER, SUBSCRIBER, Plant, records
from media.engine import rtcp, rtp

_OURS = {9_000: 111, 9_001: 100, 9_002: 101}


def one_input(data: bytes) -> None:
    """Records: 0 the publisher sends, 1 the subscriber sends, 2 time passes, 3 the gates close, 4 they open."""
    plant = Plant()
    is_open = True
    for what, datagram in records(data):
        match what % 5:
            case 0:
                sent = plant.receive(datagram, PUBLISHER)
            case 1:
                sent = plant.receive(datagram, SUBSCRIBER)
            case 2:
                plant.now += int.from_bytes(datagram[:2], "big") / 1_000
                sent = plant.poll()
            case kind:
                is_open = kind == 4
                for mid in ("0", "1"):
                    plant.core.set_ingress_gate(plant.publisher, mid, is_open, plant.now)
                sent = plant.poll()
        for out, path in sent:
            if out[0] < 4:
                continue
            if 192 <= out[1] <= 223:
                claim(rtcp.parse(out) is not None, "RTCP of ours can be read")
                continue
            packet = rtp.parse(out)
            claim(path == SUBSCRIBER, "media goes to the subscriber only")
            claim(is_open, "nothing leaves a closed gate")
            claim(packet is not None and _OURS.get(packet.ssrc) == packet.payload_type, "media under its own SSRC")
    claim(len(plant.core.events) <= 1_000, "events are bounded")
