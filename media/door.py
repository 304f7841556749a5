"""Which streams may stay: those that prove in time whose they are, and not too many of anyone's."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

STRANGER_S: Final = 5.0
"""A browser's first check comes within one round trip."""

MAX_STRANGERS: Final = 512
MAX_STRANGERS_OF_ONE: Final = 128
"""A clinic behind one address: each of its browsers opens a few streams at once, which are proven a moment later."""

MAX_OF_ONE: Final = 512
MAX_STREAMS: Final = 2_048


@dataclass(slots=True)
class _Entry:
    who: str
    since: float
    """When it came, or was last known."""


class Door:
    """Streams by number, and from where they come. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}
        self._of: Counter[str] = Counter()
        self._strangers: dict[int, str] = {}
        """Oldest first."""

    def __len__(self) -> int:
        return len(self._entries)

    def enter(self, stream: int, host: str, now: float) -> int | None:
        """A stream came; the one that has to go for it: itself when the house is full, else the oldest stranger."""
        who = network_of(host)
        if len(self._entries) >= MAX_STREAMS or self._of[who] >= MAX_OF_ONE:
            return stream
        gone: int | None = None
        of_one = [other for other, owner in self._strangers.items() if owner == who]
        if len(of_one) >= MAX_STRANGERS_OF_ONE:
            gone = of_one[0]
        elif len(self._strangers) >= MAX_STRANGERS:
            gone = next(iter(self._strangers))
        self._entries[stream] = _Entry(who, now)
        self._of[who] += 1
        self._strangers[stream] = who
        return gone

    def is_stranger(self, stream: int) -> bool:
        """Whether it has not proven yet whose it is."""
        return stream in self._strangers

    def admit(self, stream: int) -> None:
        """It has."""
        self._strangers.pop(stream, None)

    def leave(self, stream: int) -> None:
        """It ended."""
        self._strangers.pop(stream, None)
        entry = self._entries.pop(stream, None)
        if entry is not None:
            self._of[entry.who] -= 1
            if not self._of[entry.who]:
                del self._of[entry.who]

    def overdue(self, now: float, known: Callable[[int], bool]) -> list[int]:
        """Streams that belong to nobody, and did not for a while: never proven, or what they were for is over."""
        found: list[int] = []
        for stream, entry in self._entries.items():
            if known(stream):
                entry.since = now
            elif now - entry.since >= STRANGER_S:
                found.append(stream)
        return found


def network_of(host: str) -> str:
    """Whom an address stands for: with IPv6 a whole /64, since one machine has as many of its addresses as it likes."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.version == 4:
        return host
    return str(ipaddress.ip_network((address, 64), strict=False))
