"""How many wrong sign-in links one address may try, and how often one person may change something."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from typing import Final

from protocol.ids import IdentityId
from server.clock import Clock

MAX_ADDRESSES: Final = 10_000
CHANGES_PER_MINUTE: Final = 30
WAYS_IN_PER_MINUTE: Final = 120
"""A page behind a bad network asks once or twice a second, for a while."""

CHECKS_PER_MINUTE: Final = 20
TRIES_PER_ADDRESS: Final = 30
TRIES_PER_ACCOUNT: Final = 10
TRIES_REFILL_S: Final = 600.0
"""Ten passwords at once, then one a minute: 525,000 a year, against passwords of twelve characters."""


class _Buckets:
    """A token bucket for each key, full again after `refill_s`."""

    def __init__(self, clock: Clock, capacity: int, refill_s: float = 60.0) -> None:
        self._clock = clock
        self._capacity = float(capacity)
        self._per_s = capacity / refill_s
        # Key → (what is left, when that was so); the one untouched longest first.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Takes one; False when none was left."""
        now = self._clock.monotonic()
        left, since = self._left.pop(key, (self._capacity, now))
        left = min(self._capacity, left + (now - since) * self._per_s)
        within = left >= 1
        self._left[key] = (left - 1 if within else left, now)
        if len(self._left) > MAX_ADDRESSES:
            self._left.popitem(last=False)
        return within


class FailureLimit:
    """Failures per source address.

    Only failures are counted, and an empty bucket only changes the answer to the next failure: a right link always
    works. So a flood of guesses locks nobody out, not even people behind the same router or proxy.
    """

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._buckets = _Buckets(clock, per_minute)

    def failed(self, address: str) -> bool:
        """Counts one failure; False when the address had none left."""
        return self._buckets.take(_network(address))


class GuessLimit:
    """Passwords and codes that may be tried.

    Counted for each address and for each account, whether it exists or not. A browser that its owner has signed in
    with before counts for itself alone: however many guesses come from elsewhere, it gets in.
    """

    def __init__(self, clock: Clock) -> None:
        self._addresses = _Buckets(clock, TRIES_PER_ADDRESS)
        self._accounts = _Buckets(clock, TRIES_PER_ACCOUNT, TRIES_REFILL_S)
        self._devices = _Buckets(clock, TRIES_PER_ACCOUNT, TRIES_REFILL_S)

    def may_try(self, account: str, address: str, device: str | None) -> bool:
        """Counts one try. `device`: of a browser that is known for this account."""
        if device is not None:
            return self._devices.take(f"{device} {account}")
        return self._addresses.take(_network(address)) and self._accounts.take(account)


class ChangeLimit:
    """Changes per person. Each is a write to the disk and an entry that is kept for years."""

    def __init__(self, clock: Clock, per_minute: int = CHANGES_PER_MINUTE) -> None:
        self._buckets = _Buckets(clock, per_minute)

    def changed(self, person_id: IdentityId) -> bool:
        """Counts one change; False when the person had none left."""
        return self._buckets.take(person_id)


def _network(address: str) -> str:
    """An IPv6 subscriber owns a /64 and could use a new address each time."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))
