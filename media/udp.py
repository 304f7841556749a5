"""A UDP socket whose answers leave from the address that a datagram came to, with the kernel's arrival times."""

from __future__ import annotations

import socket
import struct
import sys
from functools import lru_cache
from typing import Final

from media.engine.transport import Path

_LINUX: Final = sys.platform == "linux"
# Linux's numbers (asm-generic/socket.h, linux/in.h, linux/in6.h); Python does not name them all.
_SO_TIMESTAMPNS: Final = 35
_IP_PKTINFO: Final = 8
_IPV6_RECVPKTINFO: Final = 49
_IPV6_PKTINFO: Final = 50
_BUFFER: Final = 4 << 20
_DATAGRAM: Final = 2_048
_ANCILLARY: Final = 128
_TIMESPEC: Final = struct.Struct("@qq")


def open_udp(host: str, port: int) -> socket.socket:
    """A socket that does not block. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
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
        opened.bind((host, port))
    except OSError:
        opened.close()
        raise
    return opened


def receive(opened: socket.socket, via: int) -> tuple[bytes, Path, float | None]:
    """A datagram, where it came from, and when by the wall clock (None: the kernel does not say). Raises OSError."""
    data, ancillary, _, address = opened.recvmsg(_DATAGRAM, _ANCILLARY)
    stamp: float | None = None
    local = b""
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack_from(value)
            stamp = seconds + nanoseconds * 1e-9
        else:
            local = value
    return data, _path(address[0], address[1], local, via), stamp


def send(opened: socket.socket, data: bytes, path: Path) -> None:
    """Sends it from the address that `path` says is ours. Raises OSError."""
    address, ancillary = _reply(path)
    opened.sendmsg((data,), ancillary, 0, address)


@lru_cache(4_096)
def _path(host: str, port: int, pktinfo: bytes, via: int) -> Path:
    # struct in_pktinfo: index, local address, destination; struct in6_pktinfo: destination, index.
    if len(pktinfo) == 12:
        return Path(host, port, socket.inet_ntop(socket.AF_INET, pktinfo[4:8]), via)
    if len(pktinfo) == 20:
        return Path(host, port, socket.inet_ntop(socket.AF_INET6, pktinfo[:16]), via)
    return Path(host, port, "", via)


@lru_cache(4_096)
def _reply(path: Path) -> tuple[tuple[str, int], list[tuple[int, int, bytes]]]:
    if not path.local:
        return (path.host, path.port), []
    if ":" in path.local:
        pktinfo = socket.inet_pton(socket.AF_INET6, path.local) + struct.pack("@i", 0)
        return (path.host, path.port), [(socket.IPPROTO_IPV6, _IPV6_PKTINFO, pktinfo)]
    pktinfo = struct.pack("@i", 0) + socket.inet_pton(socket.AF_INET, path.local) + bytes(4)
    return (path.host, path.port), [(socket.IPPROTO_IP, _IP_PKTINFO, pktinfo)]
