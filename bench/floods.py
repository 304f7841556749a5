"""`python -m bench floods`: 100 people come in with sound and picture while strangers flood the UDP port."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from time import time as wall
from typing import Final

import aiohttp
from websockets.exceptions import WebSocketException

from bench.client import ClientFailed, LightClient, Pacer
from bench.connection import Identity
from bench.figures import Row, drops, grown, percentile
from bench.people import make_rooms
from bench.process import ROOT, ServerProcess, free_ports, kernel_drops, udp_table
from protocol.values import Role
from server.bot.report import BotFault

JOINS: Final = 100
PUBLISHERS: Final = 2
AT_ONCE: Final = 4
RATE: Final = 3_000.0
"""Datagrams a second."""
JOIN_S: Final = 10.0
PAUSE_S: Final = 0.5
"""After each visit, so that the flood lasts."""
SETTLE_S: Final = 2.0
MAX_GROWTH_MB: Final = 20.0


LIMITS: Final = (
    "One machine: people and strangers run beside the server and share its cores, over loopback.",
    "Light clients: real HTTP, WebSocket, ICE and DTLS-SRTP, but no codecs; all that they receive is counted.",
)


@dataclass(slots=True)
class Floods:
    """Times in ms from asking to come in to the last of the others' tracks; memory in MiB."""

    joins: int
    joined_ms: list[float] = field(default_factory=list[float])
    failures: list[str] = field(default_factory=list[str])
    sent: int = 0
    flooded_s: float = 0.0
    rss_before_mb: float = 0.0
    rss_after_mb: float = 0.0
    kernel_drops: int = 0
    server_cpu_share: float = 0.0
    refused: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def growth_mb(self) -> float:
        """What the server's memory grew by."""
        return self.rss_after_mb - self.rss_before_mb


async def run(joins: int = JOINS, *, rate: float = RATE, at_once: int = AT_ONCE) -> Floods:
    """So many joins, a few at a time, each by somebody who was not there before, under such a flood.

    Raises:
        ServerFailed, ClientFailed, BotFault: the run is void.
    """
    found = Floods(joins)
    with tempfile.TemporaryDirectory(prefix="holdspace-floods-") as folder:
        server = ServerProcess(Path(folder), free_ports())
        tokens = (await make_rooms(server.storage_url, {"floods": (Role.MENTOR,) * (PUBLISHERS + joins)}))["floods"]
        identity = Identity()
        clients = [LightClient(identity, server.base_url, token) for token in tokens]
        residents, comers = clients[:PUBLISHERS], clients[PUBLISHERS:]
        pacing: asyncio.Task[None] | None = None
        flood: asyncio.subprocess.Process | None = None
        try:
            async with aiohttp.ClientSession() as http:
                await server.start(http)
                for client in clients:
                    await client.sign_in()
                for client in residents:
                    await client.join(tracks=0)
                    await client.publish()
                pacing = asyncio.create_task(Pacer(residents, wall).run())
                # One visit before: what is loaded and allocated on the first is no growth.
                await _visit(comers[0])
                before, cpu, began = await server.metrics(http), server.cpu_s(), monotonic()
                found.rss_before_mb = server.rss_mb()
                names = [client.publication.remote_ufrag for client in residents if client.publication is not None]
                flood = await _flood(server.ports.media, rate, names)
                door = asyncio.Semaphore(at_once)
                await asyncio.gather(*(_come(client, door, found) for client in comers))
                found.flooded_s = monotonic() - began
                found.server_cpu_share = (server.cpu_s() - cpu) / found.flooded_s
                found.kernel_drops = kernel_drops(udp_table(), frozenset({server.ports.media}))
                flood.terminate()
                said, _ = await flood.communicate()
                found.sent = int(said)
                await asyncio.sleep(SETTLE_S)
                gained = grown(before, await server.metrics(http))
                found.refused = drops(gained)
                found.rss_after_mb = server.rss_mb()
        finally:
            if flood is not None and flood.returncode is None:
                flood.kill()
                await flood.wait()
            if pacing is not None:
                pacing.cancel()
                await asyncio.wait((pacing,))
            for client in clients:
                await client.close()
            await server.stop()
    return found


async def _flood(port: int, rate: float, ufrags: Sequence[str]) -> asyncio.subprocess.Process:
    flood = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.flood", str(port), str(rate), *ufrags,
        cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert flood.stdout is not None
    await flood.stdout.readline()
    return flood


async def _come(client: LightClient, door: asyncio.Semaphore, found: Floods) -> None:
    async with door:
        began = monotonic()
        try:
            await _visit(client)
        except (ClientFailed, BotFault, WebSocketException, OSError, TimeoutError) as error:
            found.failures.append(f"{type(error).__name__}: {error}")
            return
        found.joined_ms.append((monotonic() - began) * 1000)
        await asyncio.sleep(PAUSE_S)


async def _visit(client: LightClient) -> None:
    """In, with both connections up and everybody's sound and picture arriving, and out again."""
    async with asyncio.timeout(JOIN_S):
        try:
            await client.join(tracks=2 * PUBLISHERS)
            await client.publish()
            await client.all_came.wait()
        finally:
            await client.leave()


def rows(found: Floods) -> list[Row]:
    """The table."""
    joined = len(found.joined_ms)
    reasons = ", ".join(f"{name} {count:,.0f}" for name, count in sorted(found.refused.items()))
    return [
        Row(f"Joins under a flood, {AT_ONCE} at a time", f"{joined} of {found.joins}", "all", joined == found.joins),
        Row(
            "Asking to come in → both connections up, all tracks arrive",
            f"p50 {percentile(found.joined_ms, 0.5):.0f} ms, p95 {percentile(found.joined_ms, 0.95):.0f} ms"
            if joined
            else "none",
        ),
        Row("Flood", f"{found.sent:,} datagrams in {found.flooded_s:.1f} s, {found.sent / found.flooded_s:,.0f}/s"),
        Row("Refused by the engine", reasons or "none"),
        Row("Dropped by the kernel", f"{found.kernel_drops:,}"),
        Row("Server", f"{found.server_cpu_share:.0%} of a core"),
        Row(
            "Memory of the server",
            f"{found.rss_before_mb:.1f} → {found.rss_after_mb:.1f} MiB ({found.growth_mb:+.1f})",
            f"≤ +{MAX_GROWTH_MB:.0f} MB",
            found.growth_mb * 1.048576 <= MAX_GROWTH_MB,
        ),
        *(Row("Failed", each, "", False) for each in found.failures[:5]),
    ]
