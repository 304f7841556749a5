"""Rooms under load at one side: who sends, who receives, and one window of time that is measured."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from time import monotonic
from typing import Final, Self

from bench.connection import LightConnection
from bench.counting import Delays
from bench.figures import grown
from bench.kernel import cpu_s, drops_of, machine_busy_s, rss_mb, sockets_of, udp_tables
from bench.packets import LARGE_KBIT_S, THUMBNAIL_KBIT_S
from bench.receivers import Receivers
from bench.sending import Sender
from bench.sides import Caller, Side

FLOWING_S: Final = 20.0
WARM_UP_S: Final = 2.0
SETTLE_S: Final = 0.5
MOST_LATE: Final = 0.01
"""Share of packets that may be sent late in a window that counts as calm."""


class SceneFailed(Exception):
    """The load could not be set up; the run is void."""


@dataclass(frozen=True, slots=True)
class Load:
    """One room. The first `publishers` of `people` have their cameras on, the first `microphones` send sound, too.

    All who send nothing receive everyone; with `everyone` the others do so, too. The first `large` publishers send a
    large picture, the rest a thumbnail.
    """

    name: str
    what: str
    """In words."""
    people: int
    publishers: int
    microphones: int
    large: int = 0
    everyone: bool = True
    apart_s: float = 0.0
    """Between one who begins to publish and the next."""

    @property
    def receivers(self) -> int:
        """To how many each packet goes."""
        return self.people - self.publishers + (self.publishers - 1 if self.everyone else 0)

    def sources(self) -> int:
        """RTP streams that all receivers together get."""
        return self.receivers * (self.publishers + self.microphones)


LARGE: Final = Load("large", "4 × 12, large pictures", people=16, publishers=4, microphones=4, large=4, everyone=False)
SMALL: Final = Load("small", "4 × 12, thumbnails", people=16, publishers=4, microphones=4, everyone=False)
GROUP: Final = Load("ten", "group of ten", people=10, publishers=10, microphones=4)
# Faster than that, our server takes the answers to its own offers for a flood.
FULL: Final = Load("full", "25 in one room", people=25, publishers=25, microphones=4, large=1, apart_s=0.4)


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
    due: int
    """What all receivers together should have got of that."""
    refused: int
    late: int
    rss_mb: float
    others_share: float
    """What everything else on the machine used meanwhile."""

    @property
    def calm(self) -> bool:
        """Whether the load generator got to run when it had to.

        Where it did not, the server mostly did not, either: it finds more at each turn, and seems cheaper than it is.
        """
        return self.late <= self.sent * MOST_LATE

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
        self._fan_out = 0
        self.profile = ""
        """How the server protects what it forwards."""

    async def __aenter__(self) -> Self:
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
        """One more room, under the same load as those before; returns when every stream reached whoever should get it.

        Raises:
            SceneFailed: one did not within 20 s.
        """
        callers = await self._side.callers(room, load.people)
        self._callers += callers
        publishers, silent = callers[: load.publishers], callers[load.publishers :]
        listeners = callers if load.everyone else silent
        for caller in callers:
            await caller.enter(tracks=2 if caller in listeners else 0)
        for place, caller in enumerate(publishers):
            await caller.publish(LARGE_KBIT_S if place < load.large else THUMBNAIL_KBIT_S)
            await asyncio.sleep(load.apart_s)
            for stream in (caller.audio, caller.video):
                assert stream is not None
                stream.clock = time.time_ns
        for caller in listeners:
            connection = await caller.listen()
            self.profile = str(connection.profile)
            await self._receivers.take(connection)
            self._subscriptions.append(connection)
        self._expected += load.sources()
        self._fan_out = load.receivers
        self._sender.add(publishers, load.microphones)
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
        own, server, busy, began = time.process_time(), cpu_s(pid), machine_busy_s(), monotonic()
        await asyncio.sleep(seconds)
        took, used, own = monotonic() - began, cpu_s(pid) - server, time.process_time() - own
        busy = machine_busy_s() - busy
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
            due=sent * self._fan_out,
            refused=refused,
            late=late,
            rss_mb=rss_mb(pid),
            others_share=max(0.0, busy - used - own - counted.cpu_s) / took,
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
