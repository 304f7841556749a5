"""A network of its own for clients, with any weather: a namespace behind two TUN devices, and this process between.

The kernel's netem is not everywhere; packets that pass through here can be lost, late, or thrown away by protocol, and
a client can get another address as from a NAT that forgot it. Needs root (CAP_NET_ADMIN, CAP_SYS_ADMIN) and
/dev/net/tun.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import shutil
import struct
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

_TUNSETIFF: Final = 0x400454CA
_TUN_WITHOUT_HEADER: Final = 0x0001 | 0x1000
_MTU: Final = 1_500
_UDP: Final = 17
_OTHER_PORTS: Final = 0x4000


class NoNamespaceError(Exception):
    """This machine does not let us make one."""


@dataclass(slots=True)
class Weather:
    """What becomes of packets, in both directions. May be changed at any time."""

    loss: float = 0.0
    """Share of packets that do not arrive, in each direction."""
    delay_s: float = 0.0
    """Each way."""
    udp: bool = True
    """Whether UDP passes."""
    dark: bool = False
    """Nothing passes."""
    other_ports: bool = False
    """The NAT has forgotten the client: its UDP comes from other ports, and what is sent to the former is lost."""


class Network:
    """A namespace with one wire to this machine."""

    def __init__(self, number: int, seed: int) -> None:
        self.name = f"hs-{os.getpid()}-{number}"
        self.here, self.there = f"10.213.{number}.1", f"10.213.{number}.2"
        self.here6, self.there6 = f"fd21:3::{number:x}:1", f"fd21:3::{number:x}:2"
        self.weather = Weather()
        self.passed = self.lost = 0
        self._chance = random.Random(seed)
        self._tap = f"hs{os.getpid() % 100_000}{number}"
        self._wires: tuple[int, int] = (-1, -1)

    def command(self, *arguments: str) -> list[str]:
        """A command line that runs inside."""
        return ["ip", "netns", "exec", self.name, *arguments]

    def open(self, *, ipv4: bool, ipv6: bool) -> None:
        """Makes it. Raises NoNamespaceError."""
        if shutil.which("ip") is None:
            raise NoNamespaceError("iproute2 is not installed")
        try:
            self._wires = (_tun(f"{self._tap}a"), _tun(f"{self._tap}b"))
            _ip("netns", "add", self.name)
            _ip("link", "set", f"{self._tap}b", "netns", self.name)
            _ip("-n", self.name, "link", "set", "lo", "up")
            for inside, device, v4, v6 in (
                ([], f"{self._tap}a", self.here, self.here6),
                (["-n", self.name], f"{self._tap}b", self.there, self.there6),
            ):
                if ipv4:
                    _ip(*inside, "addr", "add", f"{v4}/24", "dev", device)
                if ipv6:
                    _ip(*inside, "addr", "add", f"{v6}/112", "dev", device, "nodad")
                _ip(*inside, "link", "set", device, "mtu", str(_MTU), "up")
            for version, on in (("-4", ipv4), ("-6", ipv6)):
                if on:
                    _ip("-n", self.name, version, "route", "add", "default", "dev", f"{self._tap}b")
        except OSError as error:
            self.close()
            raise NoNamespaceError(str(error)) from None
        loop = asyncio.get_running_loop()
        inner, outer = self._wires[1], self._wires[0]
        loop.add_reader(inner, self._carry, inner, outer, True)
        loop.add_reader(outer, self._carry, outer, inner, False)

    def close(self) -> None:
        """Takes it away again."""
        for wire in self._wires:
            if wire >= 0:
                asyncio.get_running_loop().remove_reader(wire)
                os.close(wire)
        self._wires = (-1, -1)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)

    def _carry(self, wire: int, to: int, outward: bool) -> None:
        for _ in range(64):
            try:
                packet = os.read(wire, 65_536)
            except BlockingIOError:
                return
            weather = self.weather
            is_udp = (packet[9] if packet[0] >> 4 == 4 else packet[6]) == _UDP
            if weather.dark or (is_udp and not weather.udp) or self._chance.random() < weather.loss:
                self.lost += 1
                continue
            if is_udp and weather.other_ports:
                packet = _from_other_port(packet, outward=outward)
            self.passed += 1
            if weather.delay_s:
                asyncio.get_running_loop().call_later(weather.delay_s, self._arrive, to, packet)
            else:
                self._arrive(to, packet)

    def _arrive(self, to: int, packet: bytes) -> None:
        if to in self._wires:
            try:
                os.write(to, packet)
            except OSError:  # the device is down or its queue is full: as on any wire
                self.lost += 1


@asynccontextmanager
async def network(number: int = 1, *, ipv4: bool = True, ipv6: bool = True, seed: int = 7) -> AsyncGenerator[Network]:
    """A network for the time of a block. `number`: 1 to 250, another for each that is there at once."""
    made = Network(number, seed)
    made.open(ipv4=ipv4, ipv6=ipv6)
    try:
        yield made
    finally:
        made.close()


def _tun(name: str) -> int:
    wire = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(wire, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TUN_WITHOUT_HEADER))
    except OSError:
        os.close(wire)
        raise
    return wire


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _from_other_port(packet: bytes, *, outward: bool) -> bytes:
    """The packet with another port on the client's side (RFC 1624 keeps the checksum right)."""
    start = (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40
    at = start if outward else start + 2
    (port,) = struct.unpack_from("!H", packet, at)
    (checksum,) = struct.unpack_from("!H", packet, start + 6)
    other = port ^ _OTHER_PORTS
    total = (~checksum & 0xFFFF) + (~port & 0xFFFF) + other
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    changed = bytearray(packet)
    struct.pack_into("!H", changed, at, other)
    if checksum:
        struct.pack_into("!H", changed, start + 6, (~total & 0xFFFF) or 0xFFFF)
    return bytes(changed)
