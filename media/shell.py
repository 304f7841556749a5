"""The python engine on real sockets: a thin shell around `EngineCore`."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import PurePath
from random import SystemRandom
from typing import Final

from media import udp
from media.engine.core import EngineCore
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
from media.engine.transport import Path
from media.places import Bound, Listen, candidates, hosts_to_bind
from media.streams import FIRST_STREAM, Streams, open_tcp

log = logging.getLogger(__name__)

_BATCH: Final = 64
_MAX_WAIT_S: Final = 1.0
_AFTER_FAULT_S: Final = 0.05
_FAULTS_APART_S: Final = 10.0
_TRIES: Final = 20


class SocketEngine:
    """`PacketEngine` in Python: each place's one UDP port is for everyone, and so is the TCP port of that number.

    Answers leave from the address, and over the connection, that a datagram came to.
    """

    def __init__(self, listen: Sequence[Listen] = (Listen(),)) -> None:
        """`listen`: the places, best first."""
        self._listen = tuple(listen)
        self._core = EngineCore(SystemRandom())
        self._sockets: list[socket.socket] = []
        self._streams: Streams | None = None
        self._candidates: tuple[Candidate, ...] = ()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._wake: Callable[[], None] | None = None
        self._waking = False
        self._faults = 0
        self._fault_told_at = -_FAULTS_APART_S

    @property
    def features(self) -> frozenset[Feature]:
        """See `PacketEngine.features`."""
        return self._core.features

    # ── life ──────────────────────────────────────────────────────────────────────────────────

    def start(self, wake: Callable[[], None]) -> None:
        """See `PacketEngine.start`."""
        loop = asyncio.get_running_loop()
        opened: list[tuple[Bound, socket.socket, socket.socket]] = []
        try:
            for listen in self._listen:
                for host in hosts_to_bind(listen.bind):
                    # One by one: what is open already is to be closed when the next fails.
                    opened.append(_open(listen, host))  # noqa: PERF401
        except OSError:
            for _, by_udp, by_tcp in opened:
                by_udp.close()
                by_tcp.close()
            raise
        self._loop = loop
        self._wake = wake
        self._candidates = candidates([place for place, _, _ in opened])
        core = self._core
        self._streams = Streams(loop, self._streamed, core.knows, core.forget_path)
        core.withdraw = self._streams.withdraw
        for via, (_, by_udp, by_tcp) in enumerate(opened):
            self._sockets.append(by_udp)
            loop.add_reader(by_udp.fileno(), self._readable, by_udp, via)
            self._streams.listen(by_tcp)

    def close(self) -> None:
        """See `PacketEngine.close`."""
        if self._streams is not None and self._loop is not None:
            self._streams.close()
            self._streams = None
            for opened in self._sockets:
                self._loop.remove_reader(opened.fileno())
                opened.close()
            self._sockets.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake = None
        self._core = EngineCore(SystemRandom())

    def candidates(self) -> Sequence[Candidate]:
        """See `PacketEngine.candidates`."""
        return self._candidates

    # ── in and out ────────────────────────────────────────────────────────────────────────────

    def _readable(self, opened: socket.socket, via: int) -> None:
        now = time.monotonic()
        to_monotonic = now - time.time()
        for _ in range(_BATCH):
            try:
                data, path, stamp = udp.receive(opened, via)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:  # an ICMP error for something we sent
                continue
            arrival = now
            if stamp is not None:
                # Unless the clock was set meanwhile, and the stamp is of another time.
                stamp += to_monotonic
                arrival = stamp if now - _MAX_WAIT_S < stamp < now else now
            self._receive(data, path, now, arrival)
        self._flush(now)

    def _streamed(self, datagrams: list[bytes], path: Path) -> None:
        now = time.monotonic()
        for data in datagrams:
            self._receive(data, path, now, now)
        self._flush(now)

    def _receive(self, data: bytes, path: Path, now: float, arrival: float) -> None:
        try:
            self._core.receive(data, path, now, arrival)
        except Exception as error:  # A bug that one datagram meets must not cost the others theirs.
            self._faulted(error, now, path)

    def _faulted(self, error: Exception, now: float, path: Path | None = None) -> None:
        """Counts a bug, and says now and then of which type and where; never what was in the datagram."""
        self._core.faulted(path)
        self._faults += 1
        if now - self._fault_told_at >= _FAULTS_APART_S:
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{PurePath(place.filename).name}:{place.lineno}"
            log.error("engine fault: %s at %s, %d since the last report", type(error).__name__, where, self._faults)
            self._fault_told_at, self._faults = now, 0

    def _flush(self, now: float) -> None:
        try:
            datagrams, due = self._core.poll(now)
        except Exception as error:  # The clock must go on for everyone else.
            self._faulted(error, now)
            datagrams, due = [], now + _AFTER_FAULT_S
        streams = self._streams
        if streams is None:
            return
        for data, path in datagrams:
            if path.via >= FIRST_STREAM:
                lost = streams.send(data, path)
                if lost:
                    self._core.blocked(path, lost)
                continue
            try:
                udp.send(self._sockets[path.via], data, path)
            except OSError:  # a full buffer or no route: media is not worth keeping, its receiver asks again
                self._core.blocked(path)
        if self._core.events and not self._waking and self._loop is not None:
            self._waking = True
            self._loop.call_soon(self._woken)
        if due is not None and self._loop is not None and (self._timer is None or due < self._timer_at):
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = due
            self._timer = self._loop.call_later(max(0.0, due - now), self._timeout)

    def _woken(self) -> None:
        self._waking = False
        if self._wake is not None:
            self._wake()

    def _timeout(self) -> None:
        self._timer = None
        self._flush(time.monotonic())

    # ── commands ──────────────────────────────────────────────────────────────────────────────

    def add_transport(self, ufrag: str, pwd: str, *, monitor: bool = False) -> TransportId:
        """See `PacketEngine.add_transport`."""
        now = time.monotonic()
        handle = self._core.add_transport(ufrag, pwd, now, monitor=monitor)
        self._flush(now)
        return handle

    def remove_transport(self, transport: TransportId) -> None:
        """See `PacketEngine.remove_transport`."""
        self._core.remove_transport(transport)

    def send_dtls(self, transport: TransportId, data: bytes) -> None:
        """See `PacketEngine.send_dtls`."""
        self._core.send_dtls(transport, data)
        self._flush(time.monotonic())

    def set_keys(self, transport: TransportId, keys: SrtpKeys) -> None:
        """See `PacketEngine.set_keys`."""
        now = time.monotonic()
        self._core.set_keys(transport, keys, now)
        self._flush(now)

    def set_ext_ids(self, transport: TransportId, ids: ExtensionIds) -> None:
        """See `PacketEngine.set_ext_ids`."""
        self._core.set_ext_ids(transport, ids)

    def set_reduced_rtcp(self, transport: TransportId, allowed: bool) -> None:
        """See `PacketEngine.set_reduced_rtcp`."""
        self._core.set_reduced_rtcp(transport, allowed)

    def add_ingress(self, spec: IngressSpec) -> None:
        """See `PacketEngine.add_ingress`."""
        self._core.add_ingress(spec)

    def remove_ingress(self, transport: TransportId, mid: str) -> None:
        """See `PacketEngine.remove_ingress`."""
        self._core.remove_ingress(transport, mid)

    def set_ingress_gate(self, transport: TransportId, mid: str, is_open: bool) -> None:
        """See `PacketEngine.set_ingress_gate`."""
        now = time.monotonic()
        self._core.set_ingress_gate(transport, mid, is_open, now)
        self._flush(now)

    def set_audio_group(self, transport: TransportId, mid: str, group: int, loudest: int = 4) -> None:
        """See `PacketEngine.set_audio_group`."""
        self._core.set_audio_group(transport, mid, group, loudest)

    def set_priority(self, transport: TransportId, mid: str, always: bool) -> None:
        """See `PacketEngine.set_priority`."""
        self._core.set_priority(transport, mid, always)

    def add_egress(self, spec: EgressSpec) -> OutId:
        """See `PacketEngine.add_egress`."""
        return self._core.add_egress(spec)

    def remove_egress(self, out: OutId) -> None:
        """See `PacketEngine.remove_egress`."""
        self._core.remove_egress(out)

    def route(self, out: OutId, source: TransportId | None, mid: str = "", want: str = "") -> None:
        """See `PacketEngine.route`."""
        now = time.monotonic()
        self._core.route(out, source, mid, want, now)
        self._flush(now)

    def refresh(self, transport: TransportId, mid: str) -> None:
        """See `PacketEngine.refresh`."""
        now = time.monotonic()
        self._core.refresh(transport, mid, now)
        self._flush(now)

    def prime_from_cache(self, out: OutId) -> None:
        """See `PacketEngine.prime_from_cache`."""
        now = time.monotonic()
        self._core.prime_from_cache(out, now)
        self._flush(now)

    def set_egress_gate(self, out: OutId, is_open: bool) -> None:
        """See `PacketEngine.set_egress_gate`."""
        now = time.monotonic()
        self._core.set_egress_gate(out, is_open, now)
        self._flush(now)

    def drain(self, limit: int = 256) -> Sequence[Event]:
        """See `PacketEngine.drain`."""
        return self._core.drain(limit)

    def stats(self) -> EngineStats:
        """See `PacketEngine.stats`."""
        return self._core.stats()

    def monitor_stats(self) -> EngineStats:
        """See `PacketEngine.monitor_stats`."""
        return self._core.monitor_stats()


def _open(listen: Listen, host: str) -> tuple[Bound, socket.socket, socket.socket]:
    """Both sockets, on one number. Raises OSError."""
    for left in reversed(range(_TRIES)):
        by_udp = udp.open_udp(host, listen.port)
        port = int(by_udp.getsockname()[1])
        try:
            return Bound(listen, host, port), by_udp, open_tcp(host, port)
        except OSError as error:
            by_udp.close()
            # Any free UDP port: someone may have the TCP port of that number.
            if listen.port or not left or error.errno != errno.EADDRINUSE:
                raise
    raise AssertionError
