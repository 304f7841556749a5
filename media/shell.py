"""The python engine on a real socket: a thin shell around `EngineCore`."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import PurePath
from random import SystemRandom
from typing import Final

import ifaddr

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

log = logging.getLogger(__name__)

_LINUX: Final = sys.platform == "linux"
# Linux's numbers (asm-generic/socket.h, linux/in.h, linux/in6.h); Python does not name them all.
_SO_TIMESTAMPNS: Final = 35
_IP_PKTINFO: Final = 8
_IPV6_RECVPKTINFO: Final = 49
_IPV6_PKTINFO: Final = 50
_BUFFER: Final = 4 << 20
_DATAGRAM: Final = 2_048
_ANCILLARY: Final = 128
_BATCH: Final = 64
_MAX_WAIT_S: Final = 1.0
_AFTER_FAULT_S: Final = 0.05
_FAULTS_APART_S: Final = 10.0
_TIMESPEC: Final = struct.Struct("@qq")


class UdpEngine:
    """`PacketEngine` in Python: one socket for everyone. Answers leave from the address that a datagram came to."""

    def __init__(self, bind: str = "0.0.0.0", port: int = 0, advertise: Sequence[str] = ("auto",)) -> None:
        """`port` 0 takes any free one.

        `advertise` lists the addresses that clients are told; "auto" stands for every usable one of this
        machine, loopback last (for a page on this machine itself).
        """
        self._bind = bind
        self._port = port
        self._advertise = tuple(advertise)
        self._core = EngineCore(SystemRandom())
        self._socket: socket.socket | None = None
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
        opened = _open(self._bind, self._port)
        self._socket = opened
        self._loop = asyncio.get_running_loop()
        self._wake = wake
        port = opened.getsockname()[1]
        hosts = _advertised(self._bind, self._advertise, opened.family)
        self._candidates = tuple(Candidate(host, port) for host in hosts)
        self._loop.add_reader(opened.fileno(), self._readable, opened)

    def close(self) -> None:
        """See `PacketEngine.close`."""
        if self._socket is not None and self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake = None
        self._core = EngineCore(SystemRandom())

    def candidates(self) -> Sequence[Candidate]:
        """See `PacketEngine.candidates`."""
        return self._candidates

    # ── in and out ────────────────────────────────────────────────────────────────────────────

    def _readable(self, opened: socket.socket) -> None:
        now = time.monotonic()
        to_monotonic = now - time.time()
        for _ in range(_BATCH):
            try:
                data, ancillary, _, address = opened.recvmsg(_DATAGRAM, _ANCILLARY)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:  # an ICMP error for something we sent
                continue
            arrival = now
            local = b""
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                    seconds, nanoseconds = _TIMESPEC.unpack_from(value)
                    stamp = seconds + nanoseconds * 1e-9 + to_monotonic
                    # Unless the clock was set meanwhile, and the stamp is of another time.
                    arrival = stamp if now - _MAX_WAIT_S < stamp < now else now
                else:
                    local = value
            try:
                self._core.receive(data, _path(address[0], address[1], local), now, arrival)
            except Exception as error:  # A bug that one datagram meets must not cost the others theirs.
                self._faulted(error, now)
        self._flush(now)

    def _faulted(self, error: Exception, now: float) -> None:
        """Counts a bug, and says now and then of which type and where; never what was in the datagram."""
        self._core.faulted()
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
        opened = self._socket
        if opened is None:
            return
        for data, path in datagrams:
            address, ancillary = _reply(path)
            try:
                opened.sendmsg((data,), ancillary, 0, address)
            except OSError:  # a full buffer or no route: media is not worth keeping, its receiver asks again
                self._core.blocked()
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

    def add_transport(self, ufrag: str, pwd: str) -> TransportId:
        """See `PacketEngine.add_transport`."""
        now = time.monotonic()
        handle = self._core.add_transport(ufrag, pwd, now)
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


def _open(bind: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            opened.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if _LINUX:
            opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
            else:
                opened.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        opened.bind((bind, port))
    except OSError:
        opened.close()
        raise
    return opened


@lru_cache(4_096)
def _path(host: str, port: int, pktinfo: bytes) -> Path:
    # struct in_pktinfo: index, local address, destination; struct in6_pktinfo: destination, index.
    if len(pktinfo) == 12:
        return Path(host, port, socket.inet_ntop(socket.AF_INET, pktinfo[4:8]))
    if len(pktinfo) == 20:
        return Path(host, port, socket.inet_ntop(socket.AF_INET6, pktinfo[:16]))
    return Path(host, port, "")


@lru_cache(4_096)
def _reply(path: Path) -> tuple[tuple[str, int], list[tuple[int, int, bytes]]]:
    if not path.local:
        return (path.host, path.port), []
    if ":" in path.local:
        pktinfo = socket.inet_pton(socket.AF_INET6, path.local) + struct.pack("@i", 0)
        return (path.host, path.port), [(socket.IPPROTO_IPV6, _IPV6_PKTINFO, pktinfo)]
    pktinfo = struct.pack("@i", 0) + socket.inet_pton(socket.AF_INET, path.local) + bytes(4)
    return (path.host, path.port), [(socket.IPPROTO_IP, _IP_PKTINFO, pktinfo)]


def _advertised(bind: str, advertise: Sequence[str], family: int) -> list[str]:
    found: list[str] = []
    for entry in advertise:
        found += _own_addresses(bind, family) if entry == "auto" else [entry]
    return list(dict.fromkeys(found))


def _own_addresses(bind: str, family: int) -> list[str]:
    if not ipaddress.ip_address(bind).is_unspecified:
        return [bind]
    version = 6 if family == socket.AF_INET6 else 4
    found: list[str] = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            text = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
            address = ipaddress.ip_address(text.partition("%")[0])
            if address.version == version and not address.is_link_local and not address.is_unspecified:
                found.append(str(address))
    return sorted(found, key=lambda text: ipaddress.ip_address(text).is_loopback)
