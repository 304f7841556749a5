"""A server process of its own, and what the kernel and its /metrics say about it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

import aiohttp

from bench.figures import parse_metrics
from bench.kernel import cpu_s, rss_mb

ROOT: Final = Path(__file__).parent.parent
ROOT_KEY: Final = "5c" * 32
READY_S: Final = 30.0
STOP_S: Final = 15.0
_COMMAND: Final = "from server.cli import main; main()"


class ServerFailed(Exception):
    """The server did not start; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Free ports on loopback, as far as can be known."""

    http: int
    metrics: int
    media: int


def free_ports() -> Ports:
    """Three ports, below the range that outgoing connections of other programs are given at any moment."""
    found: list[int] = []
    for port in random.sample(range(20_000, 32_000), 200):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            contextlib.suppress(OSError),
        ):
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == 3:
            return Ports(*found)
    raise ServerFailed("There are no free ports.")


class ServerProcess:
    """`holdspace serve` on a database of its own."""

    def __init__(self, folder: Path, ports: Ports, settings: Mapping[str, str] | None = None) -> None:
        """`settings` are further ones, as in the environment without the prefix."""
        self.ports = ports
        self._settings = {f"HOLDSPACE__{name}": value for name, value in (settings or {}).items()}
        self.storage_url = f"sqlite+aiosqlite:///{folder.absolute() / 'bench.db'}"
        self.base_url = f"http://127.0.0.1:{ports.http}"
        self._log = folder / "server.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The running process.

        Raises:
            ServerFailed: it does not run.
        """
        if self._process is None or self._process.returncode is not None:
            raise ServerFailed("The server is gone.\n" + self._tail())
        return self._process.pid

    async def start(self, http: aiohttp.ClientSession) -> float:
        """Starts it; seconds until /readyz said yes.

        Raises:
            ServerFailed: it ended, or is not ready after 30 s.
        """
        ours = {
            "HOLDSPACE_ROOT_KEY": ROOT_KEY,
            "HOLDSPACE__STORAGE__URL": self.storage_url,
            "HOLDSPACE__SERVER__HOST": "127.0.0.1",
            "HOLDSPACE__SERVER__PORT": str(self.ports.http),
            "HOLDSPACE__SERVER__METRICS_PORT": str(self.ports.metrics),
            "HOLDSPACE__MEDIA__PORT": str(self.ports.media),
            "HOLDSPACE__MEDIA__ADVERTISE": "127.0.0.1",
            "HOLDSPACE__LOG__LEVEL": "warning",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOLDSPACE__")}
        began = monotonic()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _COMMAND,
                "serve",
                cwd=ROOT,
                env=inherited | ours | self._settings,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        while monotonic() - began < READY_S:
            if self._process.returncode is not None:
                break
            try:
                async with http.get(f"{self.base_url}/readyz") as response:
                    if response.status == 200:
                        return monotonic() - began
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.01)
        raise ServerFailed("The server did not become ready.\n" + self._tail())

    async def kill(self) -> None:
        """Ends it at once, in the middle of whatever it does (SIGKILL)."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def stop(self) -> None:
        """Ends it, by its pid."""
        process, self._process = self._process, None
        await end(process)

    async def metrics(self, http: aiohttp.ClientSession) -> dict[str, float]:
        """What /metrics says now."""
        async with http.get(f"http://127.0.0.1:{self.ports.metrics}/metrics") as response:
            response.raise_for_status()
            return parse_metrics(await response.text())

    def cpu_s(self) -> float:
        """CPU time used so far, user and system, in seconds."""
        return cpu_s(self.pid)

    def rss_mb(self) -> float:
        """Resident memory in MiB."""
        return rss_mb(self.pid)

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-2_000:] if self._log.exists() else ""


def udp_table() -> str:
    """The kernel's list of UDP sockets (IPv4)."""
    return Path("/proc/net/udp").read_text()


def kernel_drops(table: str, ports: frozenset[int]) -> int:
    """Datagrams that the kernel dropped because these local ports were not read fast enough (/proc/net/udp)."""
    dropped = 0
    for line in table.splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) in ports:
            dropped += int(fields[-1])
    return dropped


async def end(process: asyncio.subprocess.Process | None) -> None:
    """Ends a process that we started, by its pid; at once when it does not go by itself."""
    if process is None or process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
