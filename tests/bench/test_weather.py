"""The network that `bench network` makes. What needs a namespace is skipped where there can be none."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import AsyncIterator

import pytest

from bench.weather import Network, NoNamespaceError, _from_other_port, network

SAY = """
import socket, sys
host, port, said = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
family = socket.AF_INET6 if ":" in host else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as opened:
    opened.settimeout(2)
    opened.sendto(said, (host, port))
    print(opened.getsockname()[1], opened.recv(100).decode())
"""


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def datagram(source: int, target: int, payload: bytes) -> bytes:
    """An IPv4 packet without options, whose UDP checksum is right."""
    addresses = bytes((10, 0, 0, 1, 10, 0, 0, 2))
    header = b"\x45\0" + struct.pack("!H", 28 + len(payload)) + bytes(4) + b"\x40\x11" + bytes(2) + addresses
    udp = struct.pack("!HHH", source, target, 8 + len(payload))
    total = checksum(addresses + struct.pack("!HH", 17, 8 + len(payload)) + udp + bytes(2) + payload)
    return header + udp + struct.pack("!H", ~total & 0xFFFF) + payload


@pytest.mark.parametrize("port", [32_768, 40_000, 49_152, 60_999])
def test_a_port_is_changed_outward_and_changed_back_inward(port: int) -> None:
    out = _from_other_port(datagram(port, 8_081, b"hell"), outward=True)
    assert out == datagram(port ^ 0x4000, 8_081, b"hell")
    back = _from_other_port(datagram(8_081, port ^ 0x4000, b"hell"), outward=False)
    assert back == datagram(8_081, port, b"hell")


@pytest.fixture
async def net() -> AsyncIterator[Network]:
    try:
        async with network(250, ipv6=False) as made:
            yield made
    except NoNamespaceError as error:
        pytest.skip(f"no namespaces here: {error}")


async def test_weather_is_what_it_is_said_to_be(net: Network) -> None:
    """Takes about a second: three small programs run inside."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.setblocking(False)
        here.bind((net.here, 0))
        loop = asyncio.get_running_loop()

        async def say() -> tuple[bytes, int]:
            """What the program inside printed, and the port that it seemed to come from."""
            inside = await asyncio.create_subprocess_exec(
                *net.command(sys.executable, "-Sc", SAY, net.here, str(here.getsockname()[1]), "hello"),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                async with asyncio.timeout(10):
                    _, address = await loop.sock_recvfrom(here, 100)
                    await loop.sock_sendto(here, b"welcome", address)
                    out, _ = await inside.communicate()
            finally:
                if inside.returncode is None:
                    inside.kill()
                    await inside.wait()
            return out, int(address[1])

        out, port = await say()
        assert out == f"{port} welcome\n".encode()
        net.weather.other_ports = True
        out, port = await say()
        assert out == f"{port ^ 0x4000} welcome\n".encode()
        net.weather.udp = False
        lost = net.lost
        inside = await asyncio.create_subprocess_exec(
            *net.command(sys.executable, "-Sc", SAY.replace("settimeout(2)", "settimeout(0.1)"), net.here, "9", "x"),
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert await inside.wait() != 0
        assert net.lost > lost
