"""What is measured: forwarding and memory, joins, chat. Each takes a running server and gives plain figures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

import aiohttp

from bench.client import ClientFailed, LightClient, Pacer
from bench.connection import Identity
from bench.figures import drops, grown, metric, percentile
from bench.process import ServerProcess, kernel_drops, udp_table

PUBLISHERS: Final = 4
SUBSCRIBERS: Final = 12
WINDOW_S: Final = 12.0
WARM_UP_S: Final = 2.0

JOIN_PUBLISHERS: Final = 3
JOINERS: Final = 2
JOINS: Final = 30
JOIN_EVERY_S: Final = 1.1
"""Longer than the engine starts newcomers at an old key frame: each join has to ask for its own."""
MEDIA_S: Final = 5.0

CHATTERS: Final = 10
CHAT_ROUNDS: Final = 20
CHAT_EVERY_S: Final = 0.4


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Packets are RTP packets; `server_drops` says why the engine dropped some, by reason."""

    window_s: float
    forwarded: int
    forwarded_per_s: float
    cpu_us_per_packet: float
    server_cpu_share: float
    bench_cpu_share: float
    server_drops: dict[str, float]
    server_kernel_drops: int
    client_kernel_drops: int
    client_lost: int
    client_received: int
    late_ticks: int
    refused_sends: int
    rss_mb: float
    rss_per_participant_mb: float


@dataclass(frozen=True, slots=True)
class Joins:
    """Milliseconds from the open WebSocket."""

    count: int
    welcome_p50_ms: float
    welcome_p95_ms: float
    media_p50_ms: float
    media_p95_ms: float
    all_p50_ms: float
    all_p95_ms: float


@dataclass(frozen=True, slots=True)
class Chat:
    """Milliseconds from sending a message to its acknowledgement."""

    count: int
    ack_p50_ms: float
    ack_p95_ms: float


class Bench:
    """Runs the measures against one server."""

    def __init__(self, server: ServerProcess, http: aiohttp.ClientSession) -> None:
        self._server = server
        self._http = http
        self._identity = Identity()

    async def forwarding(self, tokens: Sequence[str], base_rss_mb: float) -> Forwarding:
        """Sound and picture of 4 publishers to 12 subscribers for 12 s."""
        clients = await self._signed_in(tokens[: PUBLISHERS + SUBSCRIBERS])
        publishers, subscribers = clients[:PUBLISHERS], clients[PUBLISHERS:]
        pacer = Pacer(publishers, time.time)
        pacing: asyncio.Task[None] | None = None
        try:
            for client in clients:
                await client.join(tracks=2 * PUBLISHERS if client in subscribers else 0)
            for client in publishers:
                await client.publish()
            pacing = asyncio.create_task(pacer.run())
            await self._hear_all(subscribers)
            await asyncio.sleep(WARM_UP_S)
            return await self._forwarding_window(publishers, subscribers, pacer, base_rss_mb)
        finally:
            await self._clear_up(clients, pacing)

    async def joins(self, tokens: Sequence[str]) -> Joins:
        """30 joins one after the other into a room where 3 people are heard and seen."""
        clients = await self._signed_in(tokens[: JOIN_PUBLISHERS + JOINERS])
        publishers, joiners = clients[:JOIN_PUBLISHERS], clients[JOIN_PUBLISHERS:]
        pacing: asyncio.Task[None] | None = None
        welcomes: list[float] = []
        first: list[float] = []
        every: list[float] = []
        try:
            for client in publishers:
                await client.join(tracks=0)
                await client.publish()
            pacing = asyncio.create_task(Pacer(publishers, time.time).run())
            await asyncio.sleep(WARM_UP_S)
            for number in range(JOINS):
                client = joiners[number % JOINERS]
                await client.join(tracks=2 * JOIN_PUBLISHERS)
                await self._hear_all([client])
                assert client.first_media_at is not None
                assert client.all_media_at is not None
                welcomes.append((client.welcomed_at - client.opened_at) * 1000)
                first.append((client.first_media_at - client.opened_at) * 1000)
                every.append((client.all_media_at - client.opened_at) * 1000)
                await client.leave()
                await asyncio.sleep(JOIN_EVERY_S)
        finally:
            await self._clear_up(clients, pacing)
        return Joins(JOINS, *(percentile(each, share) for each in (welcomes, first, every) for share in (0.5, 0.95)))

    async def chat(self, tokens: Sequence[str]) -> Chat:
        """10 people who post 20 messages each, every 0.4 s and not at the same moment."""
        clients = await self._signed_in(tokens[:CHATTERS])
        try:
            for client in clients:
                await client.join(tracks=0)

            async def talk(client: LightClient, place: int) -> list[float]:
                await asyncio.sleep(place * CHAT_EVERY_S / CHATTERS)
                took: list[float] = []
                for number in range(CHAT_ROUNDS):
                    took.append(await client.post_chat(number))
                    await asyncio.sleep(max(0.0, CHAT_EVERY_S - took[-1]))
                return took

            runs = await asyncio.gather(*(talk(client, place) for place, client in enumerate(clients)))
        finally:
            await self._clear_up(clients, None)
        took = [seconds * 1000 for run in runs for seconds in run]
        return Chat(len(took), percentile(took, 0.5), percentile(took, 0.95))

    # ── parts ─────────────────────────────────────────────────────────────────────────────────

    async def _signed_in(self, tokens: Sequence[str]) -> list[LightClient]:
        clients = [LightClient(self._identity, self._server.base_url, token) for token in tokens]
        for client in clients:
            await client.sign_in()
        return clients

    async def _clear_up(self, clients: Sequence[LightClient], pacing: asyncio.Task[None] | None) -> None:
        if pacing is not None:
            pacing.cancel()
            await asyncio.wait((pacing,))
        for client in clients:
            await client.close()

    async def _hear_all(self, subscribers: Sequence[LightClient]) -> None:
        try:
            async with asyncio.timeout(MEDIA_S):
                await asyncio.gather(*(client.all_came.wait() for client in subscribers))
        except TimeoutError:
            waiting = sum(not client.all_came.is_set() for client in subscribers)
            raise ClientFailed(f"not every track reached {waiting} subscriber(s) within {MEDIA_S:.0f} s") from None

    async def _forwarding_window(
        self, publishers: Sequence[LightClient], subscribers: Sequence[LightClient], pacer: Pacer, base_rss_mb: float
    ) -> Forwarding:
        server = self._server
        before, lost, received = await server.metrics(self._http), _lost(subscribers), _received(subscribers)
        ours, theirs, began = time.process_time(), server.cpu_s(), monotonic()
        late, refused = pacer.late, pacer.refused
        await asyncio.sleep(WINDOW_S)
        took, used, own = monotonic() - began, server.cpu_s() - theirs, time.process_time() - ours
        lost, received = _lost(subscribers) - lost, _received(subscribers) - received
        gained = grown(before, await server.metrics(self._http))
        rss_mb = server.rss_mb()
        table = udp_table()
        sockets = [c.subscription.port for c in subscribers if c.subscription is not None]
        forwarded = int(metric(gained, "_packets_forwarded"))
        if forwarded == 0:
            raise ClientFailed("the server forwarded nothing")
        return Forwarding(
            window_s=took,
            forwarded=forwarded,
            forwarded_per_s=forwarded / took,
            cpu_us_per_packet=used / forwarded * 1_000_000,
            server_cpu_share=used / took,
            bench_cpu_share=own / took,
            server_drops=drops(gained),
            server_kernel_drops=kernel_drops(table, frozenset({server.ports.media})),
            client_kernel_drops=kernel_drops(table, frozenset(sockets)),
            client_lost=lost,
            client_received=received,
            late_ticks=pacer.late - late,
            refused_sends=pacer.refused - refused,
            rss_mb=rss_mb,
            rss_per_participant_mb=(rss_mb - base_rss_mb) / (len(publishers) + len(subscribers)),
        )


def _lost(subscribers: Sequence[LightClient]) -> int:
    connections = [client.subscription for client in subscribers if client.subscription is not None]
    return sum(each.lost for connection in connections for each in connection.arrivals.values())


def _received(subscribers: Sequence[LightClient]) -> int:
    connections = [client.subscription for client in subscribers if client.subscription is not None]
    return sum(each.received for connection in connections for each in connection.arrivals.values())
