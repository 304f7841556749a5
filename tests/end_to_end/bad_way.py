"""A bad network before the media port: a small UDP forwarder, where a test may not change the machine's own."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import cast


class BadWay(asyncio.DatagramProtocol):
    """Stands before the media port and passes datagrams on, in both directions: late, or not all of them."""

    def __init__(self, to: tuple[str, int], *, late_s: float = 0.0, lost: float = 0.0) -> None:
        self._to = to
        self._late_s = late_s
        self._lost = lost
        self._chance = random.Random(7)
        self._here: asyncio.DatagramTransport | None = None
        self._beyond: dict[tuple[str, int], asyncio.DatagramTransport] = {}
        self._waiting: dict[tuple[str, int], list[bytes]] = {}
        self._opening: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._here = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr in self._beyond:
            self._carry(self._beyond[addr], data)
        elif addr in self._waiting:
            self._waiting[addr].append(data)
        else:
            self._waiting[addr] = [data]
            opening = asyncio.create_task(self._open(addr))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)

    async def _open(self, addr: tuple[str, int]) -> None:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Beyond(lambda data: self._carry_back(data, addr)), remote_addr=self._to
        )
        self._beyond[addr] = transport
        for data in self._waiting.pop(addr):
            self._carry(transport, data)

    def _carry_back(self, data: bytes, to: tuple[str, int]) -> None:
        if self._here is not None:
            self._carry(self._here, data, to)

    def _carry(self, by: asyncio.DatagramTransport, data: bytes, to: tuple[str, int] | None = None) -> None:
        def send() -> None:
            if not by.is_closing():
                by.sendto(data, to)

        if self._chance.random() >= self._lost:
            asyncio.get_running_loop().call_later(self._late_s, send)

    def close(self) -> None:
        """Nothing passes any more."""
        for transport in (self._here, *self._beyond.values()):
            if transport is not None:
                transport.close()


class _Beyond(asyncio.DatagramProtocol):
    """The far side of one client's way."""

    def __init__(self, back: Callable[[bytes], None]) -> None:
        self._back = back

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._back(data)


@asynccontextmanager
async def bad_way(at: str, port: int, *, late_s: float = 0.0, lost: float = 0.0) -> AsyncGenerator[None]:
    """Listens at that address and passes on to the same port on loopback.

    `late_s` is added in each direction, and of each direction's datagrams the share `lost` is dropped.
    """
    loop = asyncio.get_running_loop()
    way = BadWay(("127.0.0.1", port), late_s=late_s, lost=lost)
    await loop.create_datagram_endpoint(lambda: way, local_addr=(at, port))
    try:
        yield
    finally:
        way.close()


def own_address() -> str:
    """An address of this machine that browsers use: they gather none on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("203.0.113.1", 9))  # sends nothing
        return str(probe.getsockname()[0])
