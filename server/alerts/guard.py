"""Where a webhook may go: to public addresses, unless the settings allow others. Checked for each connection anew.

A name is looked up once for each try, every address of the answer is checked, and the connection goes to one that was
checked. A name whose answer changes in between leads nowhere else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host. Raises OSError."""

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")


class NotPublic(OSError):
    """The address is one of this machine or of a private network, and these are not allowed."""


def is_public(text: str) -> bool:
    """Whether an IP address is one of the internet. What stands for an IPv4 address is judged by that one."""
    try:
        address: Address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inside(address)
        if inner is None:
            return address in _UNICAST and address.is_global
        address = inner
    return address.is_global and not address.is_multicast


def _inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a mapped one, one of 6to4 or one of NAT64 leads to."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


async def look_up(host: str, port: int) -> list[str]:
    """Asks the system."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


class Guard(AbstractResolver):
    """aiohttp's resolver and maker of sockets."""

    def __init__(self, lookup: Lookup = look_up, *, allow_private: bool = False) -> None:
        self._lookup = lookup
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of the host.

        Raises:
            NotPublic: one of them is not allowed, so that none is trusted.
            OSError: there is no such host.
        """
        addresses = await self._lookup(host, port)
        for address in addresses:
            self._check(address)
        if not addresses:
            raise OSError("the host has no address")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    def open_socket(self, place: tuple[Any, Any, Any, Any, Any]) -> socket.socket:
        """For a connection to that place, as `getaddrinfo` words it. Addresses in a URL are never looked up, and come
        here all the same. Raises NotPublic."""
        family, kind, protocol, _, address = place
        self._check(str(address[0]))
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        """Nothing is kept."""

    def _check(self, address: str) -> None:
        if not self._allow_private and not is_public(address):
            raise NotPublic("not a public address")
