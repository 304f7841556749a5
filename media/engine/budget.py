"""How much one source may send to everyone: what no browser sends, nobody has to receive.

A flood of sound would be shed by nobody (sound never is), and takes the way of all who listen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from media.engine.interface import Kind


@dataclass(frozen=True, slots=True)
class Limit:
    """Lasting rates, and for how many seconds of them at once: after a stall a browser sends what it held back."""

    packets_per_s: float
    octets_per_s: float
    burst_s: float


LIMITS: Final = {
    # Opus in frames of 10 ms, in stereo at its highest rate (RFC 7587), has 100 packets and 64 kB a second.
    Kind.AUDIO: Limit(packets_per_s=150, octets_per_s=64_000, burst_s=2.0),
    # All layers together; a screen in motion stays below 5 Mbit/s. Each packet leaves as often as there are viewers.
    Kind.VIDEO: Limit(packets_per_s=1_000, octets_per_s=1_250_000, burst_s=2.0),
}


FIRST_S: Final = 0.5
"""For so many seconds of it a new one is good at once: or who publishes anew all the time would have many."""


class Budget:
    """Of one track. Times are monotonic seconds, sizes octets of payload."""

    __slots__ = ("_at", "_limit", "_octets", "_packets")

    def __init__(self, kind: Kind) -> None:
        self._limit = LIMITS[kind]
        self._packets = self._limit.packets_per_s * FIRST_S
        self._octets = self._limit.octets_per_s * FIRST_S
        self._at: float | None = None

    def takes(self, octets: int, now: float) -> bool:
        """Whether a packet of that size is within it; what is not uses nothing up."""
        limit = self._limit
        passed = min(now - self._at, limit.burst_s) if self._at is not None else 0.0
        self._at = now
        packets = min(self._packets + passed * limit.packets_per_s, limit.packets_per_s * limit.burst_s)
        weight = min(self._octets + passed * limit.octets_per_s, limit.octets_per_s * limit.burst_s)
        taken = packets >= 1.0 and weight >= octets
        self._packets, self._octets = (packets - 1.0, weight - octets) if taken else (packets, weight)
        return taken
