"""The last step of every packet: encryption, and the queue that it leaves by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.engine.interface import Drop, EngineStats
from media.engine.srtp import MAX_PLAIN

if TYPE_CHECKING:
    from media.engine.egress import Slot
    from media.engine.ingress import Layer, MediaPacket
    from media.engine.transport import Transport


class Sender:
    """Encrypts for transports that can send, and counts."""

    def __init__(self, stats: EngineStats) -> None:
        self._stats = stats

    def media(self, slot: Slot, packet: MediaPacket, now: float, left: Layer | None = None) -> None:
        """Sends a packet in a slot's terms; one of a layer that it has `left` only where the subscriber saw a gap."""
        plain = slot.rewrite(packet, now, left)
        if plain is None:
            return
        transport = slot.transport
        cipher, path = transport.cipher, transport.path
        if cipher is None or path is None:
            return
        data = cipher.protect(plain)
        if data is None:
            self._stats.dropped[Drop.TOO_LONG if len(plain) > MAX_PLAIN else Drop.SRTP_FAILED] += 1
            return
        transport.outbox.append((data, path))
        self._stats.packets_forwarded += 1

    def rtp(self, transport: Transport, plain: bytes) -> bool:
        """Whether an RTP packet is on its way."""
        cipher, path = transport.cipher, transport.path
        if cipher is None or path is None:
            return False
        if len(plain) > MAX_PLAIN:
            self._stats.dropped[Drop.TOO_LONG] += 1
            return False
        data = cipher.protect(plain)
        if data is None:
            self._stats.dropped[Drop.SRTP_FAILED] += 1
            return False
        transport.outbox.append((data, path))
        return True

    def rtcp(self, transport: Transport, plain: bytes) -> None:
        """Sends an RTCP packet."""
        cipher, path = transport.cipher, transport.path
        if cipher is None or path is None:
            return
        data = cipher.protect_rtcp(plain)
        if data is None:
            self._stats.dropped[Drop.SRTP_FAILED] += 1
        else:
            transport.outbox.append((data, path))

    def report(self, slot: Slot) -> None:
        """Tells a subscriber its source's clock."""
        report = slot.sender_report()
        if report is not None:
            self.rtcp(slot.transport, report)
