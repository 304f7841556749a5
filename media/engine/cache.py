"""What is kept of each picture for those who come late and may ask its publisher for nothing.

That is temporal layer 0 of the lowest layer since its last key frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from media.engine.ingress import Layer, MediaPacket

MAX_AGE_S: Final = 12.0
MAX_BYTES: Final = 1 << 20


class PictureCache:
    """Bounded in time and bytes; beyond either it is empty until the next key frame."""

    __slots__ = ("_began_at", "_packets", "_size", "layer")

    def __init__(self) -> None:
        self.layer: Layer | None = None
        """What it is about, while it holds something."""
        self._packets: dict[int, MediaPacket] = {}
        self._size = 0
        self._began_at = 0.0

    def __len__(self) -> int:
        return self._size

    def begin(self, layer: Layer, now: float) -> None:
        """Holds what the layer's history has from its last key frame on."""
        self._packets = {}
        self._size = 0
        self.layer = layer
        self._began_at = now
        for packet in layer.since_key():
            if packet.head is not None and not packet.head.temporal:
                self.add(packet, now)

    def add(self, packet: MediaPacket, now: float) -> None:
        """Keeps one more packet of its layer, of temporal layer 0."""
        self._packets[packet.number] = packet
        self._size += len(packet.payload)
        if self._size > MAX_BYTES or now - self._began_at > MAX_AGE_S:
            self.clear()

    def clear(self) -> None:
        """Keeps nothing."""
        self.layer = None
        self._packets = {}
        self._size = 0

    def find(self, number: int) -> MediaPacket | None:
        """One packet."""
        return self._packets.get(number)

    def after(self, number: int) -> list[MediaPacket]:
        """What follows that number, in order."""
        return [self._packets[each] for each in sorted(self._packets) if each > number]

    def fresh(self, now: float) -> bool:
        """Whether there is something to show."""
        return self.layer is not None and now - self._began_at <= MAX_AGE_S
