"""Where an engine listens, and which addresses browsers are told for it, best first."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import ifaddr

from media.engine.interface import Candidate

ANY: Final = "*"
"""As `bind`: every address of this machine, IPv4 and, where it has that, IPv6."""

AUTO: Final = "auto"
"""Among what is advertised: every usable address of this machine."""


@dataclass(frozen=True, slots=True)
class Listen:
    """One UDP port, and the TCP port of the same number. `port` 0 takes any free one.

    `advertise` lists the addresses that clients are told, best first; "auto" stands for every usable one of this
    machine, loopback last (for a page on this machine itself).
    """

    bind: str = ANY
    port: int = 0
    advertise: tuple[str, ...] = (AUTO,)


@dataclass(frozen=True, slots=True)
class Bound:
    """A place that listens: `host` as it was bound, and the port that it has."""

    listen: Listen
    host: str
    port: int


def hosts_to_bind(bind: str) -> tuple[str, ...]:
    """What to bind for a `bind`: both families where that says so and there are both."""
    if bind != ANY:
        return (bind,)
    return ("0.0.0.0", "::") if has_ipv6() else ("0.0.0.0",)


def has_ipv6() -> bool:
    """Whether this machine can use IPv6 at all; the loopback address counts."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def candidates(places: Sequence[Bound]) -> tuple[Candidate, ...]:
    """What clients are told. UDP before TCP, loopback last in each, otherwise in the order of the settings."""
    found = dict.fromkeys((host, place.port) for place in places for host in _advertised(place, places))
    told = sorted(found, key=lambda each: ipaddress.ip_address(each[0]).is_loopback)
    return tuple(Candidate(host, port, protocol) for protocol in ("udp", "tcp") for host, port in told)


def _advertised(place: Bound, places: Sequence[Bound]) -> Iterable[str]:
    bound = {_version(each.host) for each in places if each.listen is place.listen}
    for entry in place.listen.advertise:
        if entry == AUTO:
            yield from _own_addresses(place.host)
        # Something before us may well turn one family into the other, where we listen on one only.
        elif _version(entry) == _version(place.host) or _version(entry) not in bound:
            yield entry


def _own_addresses(host: str) -> list[str]:
    bound = ipaddress.ip_address(host)
    if not bound.is_unspecified:
        return [host]
    return [address for address in own_addresses() if _version(address) == bound.version]


def own_addresses() -> list[str]:
    """Every usable address of this machine, loopback last."""
    found: list[str] = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            text = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
            address = ipaddress.ip_address(text.partition("%")[0])
            if not address.is_link_local and not address.is_unspecified:
                found.append(str(address))
    return sorted(found, key=lambda text: ipaddress.ip_address(text).is_loopback)


def _version(address: str) -> int:
    return ipaddress.ip_address(address).version
