"""An engine that only remembers what it was told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from media.engine.interface import (
    Candidate,
    EgressSpec,
    EngineStats,
    Event,
    ExtensionIds,
    Feature,
    IngressSpec,
    OutId,
    SrtpKeys,
    TransportId,
)


class FakeEngine:
    """State as a packet engine would have it, without packets."""

    def __init__(self) -> None:
        self.transports: set[TransportId] = set()
        self.monitors: set[TransportId] = set()
        self.ingress: dict[tuple[TransportId, str], IngressSpec] = {}
        self.open: set[tuple[TransportId, str]] = set()
        self.egress: dict[OutId, EgressSpec] = {}
        self.open_egress: set[OutId] = set()
        self.routes: dict[OutId, tuple[TransportId, str]] = {}
        self.wants: dict[OutId, str] = {}
        self.audio_groups: dict[tuple[TransportId, str], int] = {}
        self.priority: set[tuple[TransportId, str]] = set()
        self.primed: list[OutId] = []
        self.refreshed: list[tuple[TransportId, str]] = []
        self.features: frozenset[Feature] = frozenset()
        self.closed = False
        self._events: list[Event] = []
        self._wake: Callable[[], None] = lambda: None
        self._handles = 0

    def happen(self, *events: Event) -> None:
        self._events += events
        self._wake()

    def heard_by(self, transport: TransportId) -> set[tuple[TransportId, str]]:
        """What reaches a subscriber: routed, and open at both ends."""
        return {
            source
            for out, source in self.routes.items()
            if self.egress[out].transport == transport and out in self.open_egress and source in self.open
        }

    def start(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def close(self) -> None:
        self.closed = True

    def candidates(self) -> Sequence[Candidate]:
        return (Candidate("192.0.2.1", 8_081),)

    def add_transport(self, ufrag: str, pwd: str, *, monitor: bool = False) -> TransportId:
        self._handles += 1
        self.transports.add(TransportId(self._handles))
        if monitor:
            self.monitors.add(TransportId(self._handles))
        return TransportId(self._handles)

    def remove_transport(self, transport: TransportId) -> None:
        self.transports.discard(transport)
        for key in [key for key in self.ingress if key[0] == transport]:
            self.remove_ingress(*key)
        for out in [out for out, spec in self.egress.items() if spec.transport == transport]:
            self.remove_egress(out)

    def send_dtls(self, transport: TransportId, data: bytes) -> None:
        pass

    def set_keys(self, transport: TransportId, keys: SrtpKeys) -> None:
        pass

    def set_ext_ids(self, transport: TransportId, ids: ExtensionIds) -> None:
        pass

    def set_reduced_rtcp(self, transport: TransportId, allowed: bool) -> None:
        pass

    def add_ingress(self, spec: IngressSpec) -> None:
        self.ingress[spec.transport, spec.mid] = spec

    def remove_ingress(self, transport: TransportId, mid: str) -> None:
        self.ingress.pop((transport, mid), None)
        self.open.discard((transport, mid))
        self.audio_groups.pop((transport, mid), None)
        self.priority.discard((transport, mid))
        self.routes = {out: source for out, source in self.routes.items() if source != (transport, mid)}

    def set_ingress_gate(self, transport: TransportId, mid: str, is_open: bool) -> None:
        if (transport, mid) in self.ingress and is_open:
            self.open.add((transport, mid))
        else:
            self.open.discard((transport, mid))

    def set_audio_group(self, transport: TransportId, mid: str, group: int, loudest: int = 4) -> None:
        if (transport, mid) in self.ingress:
            self.audio_groups[transport, mid] = group

    def set_priority(self, transport: TransportId, mid: str, always: bool) -> None:
        if (transport, mid) in self.ingress and always:
            self.priority.add((transport, mid))
        else:
            self.priority.discard((transport, mid))

    def add_egress(self, spec: EgressSpec) -> OutId:
        self._handles += 1
        out = OutId(self._handles)
        self.egress[out] = spec
        self.open_egress.add(out)
        return out

    def remove_egress(self, out: OutId) -> None:
        self.egress.pop(out, None)
        self.routes.pop(out, None)
        self.wants.pop(out, None)
        self.open_egress.discard(out)

    def route(self, out: OutId, source: TransportId | None, mid: str = "", want: str = "") -> None:
        self.wants[out] = want
        if source is None:
            self.routes.pop(out, None)
        else:
            self.routes[out] = (source, mid)

    def refresh(self, transport: TransportId, mid: str) -> None:
        self.refreshed.append((transport, mid))

    def prime_from_cache(self, out: OutId) -> None:
        self.primed.append(out)

    def set_egress_gate(self, out: OutId, is_open: bool) -> None:
        if is_open:
            self.open_egress.add(out)
        else:
            self.open_egress.discard(out)

    def drain(self, limit: int = 256) -> Sequence[Event]:
        taken, self._events = self._events[:limit], self._events[limit:]
        return taken

    def stats(self) -> EngineStats:
        return EngineStats(transports=len(self.transports - self.monitors))

    def monitor_stats(self) -> EngineStats:
        return EngineStats(transports=len(self.transports & self.monitors))
