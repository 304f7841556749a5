"""Which transport an address belongs to: learned from authenticated STUN checks, and from nothing else.

Client candidates are never read: behind NAT and mDNS they are of no use to an ICE-lite server.
"""

from __future__ import annotations

from typing import Final

from media.engine import stun
from media.engine.interface import Drop, EngineStats
from media.engine.transport import MAX_CHECKS, MAX_ELDER, MAX_PATHS, Path, Transport

LEFT_S: Final = 8.0
"""A client shows itself at each of its addresses in use every 4 to 6 seconds (RFC 7675 section 5.1)."""

MAX_GONE: Final = 1_024

_MARK: Final = 8
"""So many octets of a transaction id are kept for good; they are random."""


class AddressBook:
    """Transports by user name fragment and by authenticated address."""

    def __init__(self, stats: EngineStats, apart: EngineStats) -> None:
        """What belongs to a monitor, or did, is counted `apart`."""
        self._stats = stats
        self._apart = apart
        self._by_ufrag: dict[str, Transport] = {}
        self._by_path: dict[Path, Transport] = {}
        self._gone: dict[str | Path, None] = {}
        """User name fragments and addresses of monitors, after they went: their pages send on for a while."""

    def add(self, transport: Transport) -> None:
        """Answers checks for this transport from now on."""
        self._by_ufrag[transport.ufrag] = transport

    def remove(self, transport: Transport) -> None:
        """Forgets a transport and its addresses."""
        self._by_ufrag.pop(transport.ufrag, None)
        if transport.monitor:
            self._remember(transport.ufrag, *transport.paths)
        for path in transport.paths:
            if self._by_path.get(path) is transport:
                del self._by_path[path]
        transport.paths.clear()
        transport.path = None

    def find(self, path: Path) -> Transport | None:
        """The transport that proved to own this address."""
        return self._by_path.get(path)

    def _remember(self, *gone: str | Path) -> None:
        self._gone.update(dict.fromkeys(gone))
        while len(self._gone) > MAX_GONE:
            del self._gone[next(iter(self._gone))]

    def stats_at(self, path: Path) -> EngineStats:
        """Where to count what came from, or goes to, that address."""
        transport = self._by_path.get(path)
        if transport is not None:
            return transport.stats
        return self._apart if path in self._gone else self._stats

    def _stats_of(self, ufrag: str) -> EngineStats:
        transport = self._by_ufrag.get(ufrag)
        if transport is not None:
            return transport.stats
        return self._apart if ufrag in self._gone else self._stats

    def check(self, data: bytes, path: Path, now: float) -> tuple[Transport, bytes, bool] | tuple[Drop, EngineStats]:
        """Answers a binding check: the transport, the reply to send back, and whether its address moved.

        Or why not, and where that counts.

        A check that does not authenticate gets no answer: an error response would only serve scanners.
        Nor does one from an address where another transport is: who can forge a source address must not
        take another's place.
        """
        request = stun.parse(data)
        if request is None:
            return Drop.MALFORMED, self.stats_at(path)
        stats = self._stats_of(request.local_ufrag)
        transport = self._by_ufrag.get(request.local_ufrag) if request.kind == stun.BINDING_REQUEST else None
        if transport is None or not request.authentic(transport.key):
            return Drop.UNAUTHENTICATED, stats
        if not self._is_first(transport, request.transaction, path):
            return Drop.UNAUTHENTICATED, stats
        if stun.ICE_CONTROLLED in request.attributes:
            return transport, stun.role_conflict(request, transport.key), False
        if not self._learn(transport, path, now):
            return Drop.ADDRESS_IN_USE, stats
        moved = transport.path != path and (
            stun.USE_CANDIDATE in request.attributes or self._is_left(transport, transport.path, now)
        )
        if moved:
            transport.path = path
        return transport, stun.success(request, path.host, path.port, transport.key), moved

    def forget(self, path: Path) -> None:
        """A connection ended: its transport goes on by the way that it was last heard on, if there is another."""
        owner = self._by_path.pop(path, None)
        if owner is None:
            return
        del owner.paths[path]
        if owner.path == path:
            owner.path = max(owner.paths, key=lambda other: owner.paths[other], default=None)

    @staticmethod
    def _is_first(transport: Transport, transaction: bytes, path: Path) -> bool:
        """Whether a check is no recording of one that came from elsewhere: who listens in must not move a client.

        However old it is: when no more can be remembered, the client stays where it is until it joins anew.
        """
        checks, elder = transport.checks, transport.elder
        if (
            transaction not in checks
            and path != transport.path
            and (len(elder) >= MAX_ELDER or _holds(elder, transaction[-_MARK:]))
        ):
            return False
        if checks.setdefault(transaction, path) != path:
            return False
        if len(checks) > MAX_CHECKS:
            oldest = next(iter(checks))
            del checks[oldest]
            if len(elder) < MAX_ELDER:
                elder += oldest[-_MARK:]
        return True

    @staticmethod
    def _is_left(transport: Transport, path: Path | None, now: float) -> bool:
        """Whether nothing came from where we send for so long that any address that shows itself is better.

        Not every client nominates again when its NAT gives it another address (RFC 7675 does not ask for it).
        """
        return path is None or now - transport.paths.get(path, -LEFT_S) >= LEFT_S

    def _learn(self, transport: Transport, path: Path, now: float) -> bool:
        owner = self._by_path.get(path)
        if owner is transport:
            transport.paths[path] = now
            return True
        if owner is not None:  # a new connection of the client, or another behind its NAT, got the port of an old one
            if now - owner.paths[path] < LEFT_S:
                return False
            del owner.paths[path]
            if owner.path == path:
                owner.path = None
        if len(transport.paths) >= MAX_PATHS:
            oldest = next(known for known in transport.paths if known != transport.path)
            del transport.paths[oldest]
            del self._by_path[oldest]
        transport.paths[path] = now
        self._by_path[path] = transport
        self._gone.pop(path, None)
        return True


def _holds(elder: bytearray, mark: bytes) -> bool:
    at = elder.find(mark)
    while at >= 0 and at % _MARK:
        at = elder.find(mark, at + 1)
    return at >= 0
