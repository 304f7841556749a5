"""The last step of every packet: encryption, and the queue that it leaves by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.engine.interface import Drop, EngineStats
from media.engine.srtp import MAX_PLAIN

if TYPE_CHECKING:
    from media.engine.egress import Slot
    from media.engine.ingress import Layer, MediaPacket
    from media.engine.transport import Path, Transport


class Sender:
    """Encrypts for transports that can send, and counts."""

    def __init__(self, stats: EngineStats, apart: EngineStats, after: list[tuple[bytes, Path]]) -> None:
        """What leaves by a monitor's slot is counted `apart` and waits in `after`, whosever the transport is."""
        self._stats = stats
        self._apart = apart
        self._after = after

    def media(self, slot: Slot, packet: MediaPacket, now: float, left: Layer | None = None) -> None:
        """Sends a packet in a slot's terms; one of a layer that it has `left` only where the subscriber saw a gap."""
        plain = slot.rewrite(packet, now, left)
        if plain is None:
            return
        transport = slot.transport
        cipher, path = transport.cipher, transport.path
        if cipher is None or path is None:
            return
        stats, outbox = (self._apart, self._after) if slot.spec.monitor else (self._stats, transport.outbox)
        data = cipher.protect(plain)
        if data is None:
            stats.dropped[Drop.TOO_LONG if len(plain) > MAX_PLAIN else Drop.SRTP_FAILED] += 1
            return
        outbox.append((data, path))
        stats.packets_forwarded += 1

    def again(self, slot: Slot, plain: bytes) -> None:
        """Sends what was sent by a slot once more."""
        transport = slot.transport
        cipher, path = transport.cipher, transport.path
        if cipher is None or path is None:
            return
        stats, outbox = (self._apart, self._after) if slot.spec.monitor else (self._stats, transport.outbox)
        data = cipher.protect(plain) if len(plain) <= MAX_PLAIN else None
        if data is None:
            stats.dropped[Drop.TOO_LONG if len(plain) > MAX_PLAIN else Drop.SRTP_FAILED] += 1
            return
        outbox.append((data, path))
        stats.packets_resent += 1

    def rtcp(self, transport: Transport, plain: bytes) -> None:
        """Sends an RTCP packet."""
        self._rtcp(transport, plain, transport.stats, transport.outbox)

    def _rtcp(self, transport: Transport, plain: bytes, stats: EngineStats, outbox: list[tuple[bytes, Path]]) -> None:
        cipher, path = transport.cipher, transport.path
        if cipher is None or path is None:
            return
        data = cipher.protect_rtcp(plain)
        if data is None:
            stats.dropped[Drop.SRTP_FAILED] += 1
        else:
            outbox.append((data, path))

    def report(self, slot: Slot) -> None:
        """Tells a subscriber its source's clock."""
        report = slot.sender_report()
        if report is not None and slot.spec.monitor:
            self._rtcp(slot.transport, report, self._apart, self._after)
        elif report is not None:
            self.rtcp(slot.transport, report)
