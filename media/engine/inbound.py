"""How much a client may send, and under which SSRCs: libsrtp keeps state for each that it met, in a list."""

from __future__ import annotations

from typing import Final

MAX_SOURCES: Final = 24
"""Beside one for each slot: Firefox reports on each m-section under an SSRC of its own."""

IDLE_SOURCE_S: Final = 30.0
MAX_RETIRED: Final = 1_024


PER_S: Final = 2_000.0
AT_ONCE: Final = 4_000.0
"""Authentic packets of one transport, in a second and at once: twice what a browser publishes at most."""

CONTROL: Final = 8.0
"""What a packet of reports counts as: there may be dozens in one, and browsers send about twenty a second."""


class InboundPace:
    """Whether a transport sends more than anyone has to. What may be forged does not count."""

    __slots__ = ("_at", "_left")

    def __init__(self) -> None:
        self._left = AT_ONCE
        self._at = 0.0

    def allows(self, now: float) -> bool:
        """Whether a packet may be decrypted."""
        self._left = min(AT_ONCE, self._left + (now - self._at) * PER_S)
        self._at = now
        return self._left >= CONTROL

    def count(self, *, control: bool) -> None:
        """An authentic one came."""
        self._left -= CONTROL if control else 1.0


class InboundSources:
    """The SSRCs that a transport's authentic packets came under.

    When all places are taken, a newcomer gets that of the one that has been idle longest. Whose place was
    taken never comes back: its replay window is gone with it (and RFC 3711 section 9.1 forbids the reuse).
    """

    __slots__ = ("_heard", "_retired")

    def __init__(self) -> None:
        self._heard: dict[int, float] = {}
        self._retired: set[int] = set()

    def __len__(self) -> int:
        return len(self._heard)

    def admits(self, ssrc: int, slots: int, now: float) -> bool:
        """Whether a packet of this SSRC may be decrypted. Changes nothing: the packet may be forged."""
        if ssrc in self._heard:
            return True
        if ssrc in self._retired:
            return False
        if len(self._heard) < MAX_SOURCES + slots:
            return True
        return len(self._retired) < MAX_RETIRED and now - min(self._heard.values()) >= IDLE_SOURCE_S

    def heard(self, ssrc: int, slots: int, now: float) -> int | None:
        """Notes an authentic packet of an admitted SSRC. Returns the SSRC whose place it took, if any."""
        gone = None
        if ssrc not in self._heard and len(self._heard) >= MAX_SOURCES + slots:
            gone = min(self._heard, key=self._heard.__getitem__)
            del self._heard[gone]
            self._retired.add(gone)
        self._heard[ssrc] = now
        return gone
