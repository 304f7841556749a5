"""How many wrong sign-in links one address may try."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from typing import Final

from server.clock import Clock

MAX_ADDRESSES: Final = 10_000


class FailureLimit:
    """A token bucket of failures per source address.

    Only failures are counted, and an empty bucket only changes the answer to the next failure: a right link always
    works. So a flood of guesses locks nobody out, not even people behind the same router or proxy.
    """

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._capacity = float(per_minute)
        self._per_s = per_minute / 60
        # Address → (what is left, when that was so); the one untouched longest first.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def failed(self, address: str) -> bool:
        """Counts one failure; False when the address had none left."""
        now = self._clock.monotonic()
        key = _network(address)
        left, since = self._left.pop(key, (self._capacity, now))
        left = min(self._capacity, left + (now - since) * self._per_s)
        within = left >= 1
        self._left[key] = (left - 1 if within else left, now)
        if len(self._left) > MAX_ADDRESSES:
            self._left.popitem(last=False)
        return within


def _network(address: str) -> str:
    """An IPv6 subscriber owns a /64 and could use a new address each time."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))
