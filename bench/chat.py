"""People who write to each other: how long until a message is acknowledged, that is, stored."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from bench.client import LightClient
from bench.connection import Identity
from bench.figures import Row, percentile
from bench.people import make_rooms
from bench.process import ServerProcess, free_ports
from protocol.values import Role

CHATTERS: Final = 10
ROUNDS: Final = 20
EVERY_S: Final = 0.4


@dataclass(frozen=True, slots=True)
class Chat:
    """Milliseconds from sending a message to its acknowledgement."""

    count: int
    ack_p50_ms: float
    ack_p95_ms: float


async def run() -> Chat:
    """10 people who post 20 messages each, every 0.4 s and not at the same moment, on a server of their own.

    Raises:
        ServerFailed, ClientFailed, BotFault: the run is void.
    """
    with tempfile.TemporaryDirectory(prefix="holdspace-bench-") as folder:
        server = ServerProcess(Path(folder), free_ports())
        tokens = (await make_rooms(server.storage_url, {"chat": (Role.MENTOR,) * CHATTERS}))["chat"]
        identity = Identity()
        clients = [LightClient(identity, server.base_url, token) for token in tokens]
        try:
            async with aiohttp.ClientSession() as http:
                await server.start(http)
            for client in clients:
                await client.sign_in()
                await client.join(tracks=0)
            runs = await asyncio.gather(*(_talk(client, place) for place, client in enumerate(clients)))
        finally:
            for client in clients:
                await client.close()
            await server.stop()
    took = [seconds * 1000 for run in runs for seconds in run]
    return Chat(len(took), percentile(took, 0.5), percentile(took, 0.95))


def rows(found: Chat) -> list[Row]:
    """The table's lines."""
    return [
        Row(
            f"Chat sent → acknowledged (stored), {CHATTERS} people, {found.count} messages",
            f"p50 {found.ack_p50_ms:.1f} ms, p95 {found.ack_p95_ms:.1f} ms",
            "p99 ≤ 100 ms (at 10,000 sockets)",
        )
    ]


async def _talk(client: LightClient, place: int) -> list[float]:
    await asyncio.sleep(place * EVERY_S / CHATTERS)
    took: list[float] = []
    for number in range(ROUNDS):
        took.append(await client.post_chat(number))
        await asyncio.sleep(max(0.0, EVERY_S - took[-1]))
    return took
