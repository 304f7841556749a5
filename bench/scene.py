"""Rooms under load at one side: who sends, who receives, and one window of time that is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from bench.connection import LightConnection
from bench.counting import Delays
from bench.figures import grown
from bench.kernel import cpu_s, drops_of, rss_mb, sockets_of, udp_tables
from bench.packets import LARGE_KBIT_S, THUMBNAIL_KBIT_S
from bench.receivers import Receivers
from bench.sending import Sender
from bench.sides import Caller, Side

FLOWING_S: Final = 20.0
WARM_UP_S: Final = 2.0
SETTLE_S: Final = 0.5


class SceneFailed(Exception):
    """The load could not be set up; the run is void."""


@dataclass(frozen=True, slots=True)
class Load:
    """One room. The first `publishers` of `people` send; all who do not, and with `everyone` those too, receive."""

    what: str
    people: int
    publishers: int
    everyone: bool = True
    large: int = 0
    """So many of the publishers send a large picture, all others a thumbnail."""

    def sources(self) -> int:
        """RTP streams that all receivers together get: sound and picture of everyone else."""
        silent = self.people - self.publishers
        both = self.publishers * (self.publishers - 1) if self.everyone else 0
        return 2 * (silent * self.publishers + both)


PAIR: Final = Load("4 × 12", people=16, publishers=4, everyone=False)
GROUP: Final = Load("groups of ten", people=10, publishers=10)
FULL: Final = Load("25 in one room", people=25, publishers=25, large=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Packets are RTP packets. Shares are of one core.

    Attributes:
        received: by all clients, counted by header; CPU per packet is the server's CPU time divided by this.
        counted_by_server: the same by the server's own count; None where it keeps none.
        lost: sequence numbers that never came, the kernel's drops at the clients' sockets included.
        unread: samples whose payload could not be authenticated and read.
        refused: sends that the generator's own kernel would not take.
    """

    side: str
    people: int
    seconds: float
    received: int
    counted_by_server: int | None
    cpu_us_per_packet: float
    server_share: float
    generator_share: float
    server_drops: dict[str, float]
    server_kernel_drops: int
    lost: int
    client_kernel_drops: int
    delays: Delays
    unread: int
    sent: int
    refused: int
    late: int
    rss_mb: float

    @property
    def packets_per_s(self) -> float:
        """Forwarded packets a second."""
        return self.received / self.seconds


class Scene:
    """Used as a context manager; leaving it empties the rooms."""

    def __init__(self, side: Side, receivers: Receivers) -> None:
        self._side = side
        self._receivers = receivers
        self._sender = Sender()
        self._sending: asyncio.Task[None] | None = None
        self._callers: list[Caller] = []
        self._subscriptions: list[LightConnection] = []
        self._expected = 0
        self.profile = ""
        """How the server protects what it forwards."""

    async def __aenter__(self) -> Scene:
        await self._receivers.forget()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait((self._sending,))
        for caller in self._callers:
            await caller.leave()
        await self._receivers.forget()

    async def add(self, load: Load, room: str) -> None:
        """One more room under that load; returns when every stream has reached whoever should get it."""
        callers = await self._side.callers(room, load.people)
        self._callers += callers
        publishers, silent = callers[: load.publishers], callers[load.publishers :]
        listeners = callers if load.everyone else silent
        for caller in callers:
            await caller.enter(tracks=2 if caller in listeners else 0)
        for place, caller in enumerate(publishers):
            await caller.publish(LARGE_KBIT_S if place < load.large else THUMBNAIL_KBIT_S)
            for stream in (caller.audio, caller.video):
                assert stream is not None
                stream.clock = time.time_ns
        for caller in listeners:
            connection = await caller.listen()
            self.profile = str(connection.profile)
            await self._receivers.take(connection)
            self._subscriptions.append(connection)
        self._expected += load.sources()
        self._sender.add(publishers)
        if self._sending is None:
            self._sending = asyncio.create_task(self._sender.run())
        await self._flowing()
        await asyncio.sleep(WARM_UP_S)

    async def measure(self, seconds: float) -> Window:
        """One window.

        Raises:
            SceneFailed: nothing came.
        """
        side, sender, pid = self._side, self._sender, self._side.pid
        counters = await side.counters()
        drops = self._kernel_drops()
        await self._receivers.begin()
        sent, refused, late = sender.sent, sender.refused, sender.late
        own, server, began = time.process_time(), cpu_s(pid), monotonic()
        await asyncio.sleep(seconds)
        took, used, own = monotonic() - began, cpu_s(pid) - server, time.process_time() - own
        counted = await self._receivers.end()
        sent, refused, late = sender.sent - sent, sender.refused - refused, sender.late - late
        at_server, at_clients = (now - then for now, then in zip(self._kernel_drops(), drops, strict=True))
        gained = grown(counters, await side.counters())
        forwarded = gained.pop("forwarded", None)
        received = counted.tally.received
        if self._sending is not None and self._sending.done():
            self._sending.result()
        if received == 0:
            raise SceneFailed(f"{side.name} forwarded nothing")
        return Window(
            side=side.name,
            people=len(self._callers),
            seconds=took,
            received=received,
            counted_by_server=None if forwarded is None else int(forwarded),
            cpu_us_per_packet=used / received * 1e6,
            server_share=used / took,
            generator_share=(own + counted.cpu_s) / took,
            server_drops={reason: value for reason, value in gained.items() if value > 0},
            server_kernel_drops=at_server,
            lost=counted.tally.lost,
            client_kernel_drops=at_clients,
            delays=counted.delays,
            unread=counted.unread,
            sent=sent,
            refused=refused,
            late=late,
            rss_mb=rss_mb(pid),
        )

    def _kernel_drops(self) -> tuple[int, int]:
        """At the server's sockets, and at those of the clients' that receive."""
        tables = udp_tables()
        return (
            drops_of(tables, sockets_of(self._side.pid)),
            drops_of(tables, frozenset(each.inode for each in self._subscriptions)),
        )

    async def _flowing(self) -> None:
        began = monotonic()
        await self._receivers.begin()
        while True:
            await asyncio.sleep(SETTLE_S)
            sources = (await self._receivers.end()).tally.sources
            if sources == self._expected:
                return
            if sources > self._expected or monotonic() - began > FLOWING_S:
                raise SceneFailed(f"{self._side.name}: {sources} of {self._expected} streams reached their receivers")


@dataclass(frozen=True, slots=True)
class Joins:
    """Milliseconds from the open WebSocket, of each join."""

    side: str
    first_ms: list[float]
    all_ms: list[float]


async def join_times(side: Side, room: str, *, publishers: int, times: int, apart_s: float) -> Joins:
    """So many joins, one after the other, into a room where some are heard and seen.

    Raises:
        SceneFailed: somebody waits for longer than 10 s.
    """
    callers = await side.callers(room, publishers + 1)
    *residents, newcomer = callers
    sender = Sender()
    sending = asyncio.create_task(sender.run())
    found = Joins(side.name, [], [])
    try:
        for caller in residents:
            await caller.enter(tracks=0)
            await caller.publish(THUMBNAIL_KBIT_S)
        sender.add(residents)
        await asyncio.sleep(WARM_UP_S)
        for _ in range(times):
            await newcomer.enter(tracks=2 * publishers)
            await newcomer.listen()
            await _all_came([newcomer])
            assert newcomer.first_media_at is not None
            assert newcomer.all_media_at is not None
            found.first_ms.append((newcomer.first_media_at - newcomer.opened_at) * 1000)
            found.all_ms.append((newcomer.all_media_at - newcomer.opened_at) * 1000)
            await newcomer.leave()
            await asyncio.sleep(apart_s)
    finally:
        sending.cancel()
        await asyncio.wait((sending,))
        for caller in callers:
            await caller.leave()
    return found


async def _all_came(callers: Sequence[Caller]) -> None:
    try:
        async with asyncio.timeout(10):
            await asyncio.gather(*(caller.all_came.wait() for caller in callers))
    except TimeoutError:
        raise SceneFailed("not every track reached the newcomer within 10 s") from None
