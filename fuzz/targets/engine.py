"""The packet path behind decryption: RTP and RTCP from all sides, time, gates and routes, in any order."""

from __future__ import annotations

from fuzz.targets.claims import claim
from fuzz.targets.plant import MIDS, MONITOR, OURS, PUBLISHER, SUBSCRIBER, Plant, records
from media.engine import rtcp, rtp


def one_input(data: bytes) -> None:
    """Records, whose first byte says what happens."""
    plant = Plant()
    is_open = True
    for what, datagram in records(data):
        match what % 8:
            case 0:
                sent = plant.receive(datagram, PUBLISHER)
            case 1:
                sent = plant.receive(datagram, SUBSCRIBER)
            case 2:
                plant.now += int.from_bytes(datagram[:2], "big") / 1_000
                sent = plant.poll()
            case 3 | 4 as kind:
                is_open = kind == 4
                plant.gates(is_open=is_open)
                sent = plant.poll()
            case 5:
                sent = plant.receive(datagram, MONITOR)
            case 6:
                slot = (plant.layers, plant.watched, plant.camera)[len(datagram) % 3]
                mid = MIDS[1 + sum(datagram) % 2]
                plant.core.route(slot, plant.publisher, mid, ("l", "h")[len(datagram) % 2], plant.now)
                sent = plant.poll()
            case _:
                plant.core.route(plant.watched, None, "", "", plant.now)
                plant.core.route(plant.watched, plant.publisher, "2", "", plant.now)
                plant.core.prime_from_cache(plant.watched, plant.now)
                sent = plant.poll()
        for out, path in sent:
            if out[0] < 4:
                continue
            if 192 <= out[1] <= 223:
                claim(rtcp.parse(out) is not None, "RTCP of ours can be read")
                continue
            packet = rtp.parse(out)
            claim(path in (SUBSCRIBER, MONITOR), "media goes to subscribers only")
            claim(is_open, "nothing leaves a closed gate")
            claim(packet is not None and OURS.get(packet.ssrc) == packet.payload_type, "media under its own SSRC")
    claim(len(plant.core.events) <= 2_000, "events are bounded")
