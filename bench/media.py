"""`python -m bench media [--janus]`: forwarding, at our server and at Janus in turns, under the same load."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from bench.client import ClientFailed
from bench.connection import NotConnected
from bench.janus import JanusFailed, JanusProcess, find_janus, janus_version
from bench.joining import PUBLISHERS, Joins, join_times
from bench.kernel import rss_mb
from bench.people import make_rooms
from bench.process import ServerProcess, free_ports
from bench.receivers import Receivers
from bench.scene import FULL, GROUP, LARGE, SMALL, Load, Scene, SceneFailed, Window
from bench.sides import JANUS, OURS, PACKAGED, JanusSide, OurSide, Side
from protocol.values import Role
from server.bot.report import BotFault

LIMITS: Final = (
    (
        "One machine over loopback: no network, no loss, no jitter. The load generator runs beside the server and "
        "shares its cores and caches; so does whatever else runs there (told as other work). Read ratios, not "
        "microseconds."
    ),
    (
        "CPU is user and system time of the whole server process in the window, all threads: signaling, feedback, "
        "reports and the kernel's share of sending and receiving are in it. On loopback the kernel does a "
        "receiver's work in the sender's time, so each server also pays for the clients' side of its sends."
    ),
    (
        "A forwarded packet is an RTP packet that a client got, counted by its header without decrypting it. One in"
        " 16 of each stream is decrypted and authenticated, to read when it was sent; it arrived when the kernel "
        "says (SO_TIMESTAMPNS). Added delay is the difference: the generator's own system call, the server's queue,"
        " its work."
    ),
    (
        "Light clients: real signaling, ICE, DTLS and SRTP (AES-128-GCM first), one layer, no codecs. They report "
        "once a second, and neither ask for lost packets nor estimate bandwidth: what is lost stays lost."
    ),
    (
        "Media is noise behind true headers. Sound: 50 x 80 B/s. Pictures: 15 frames/s; a thumbnail 120 kbit/s, one"
        " packet a frame, a large one 700 kbit/s, six. Four microphones a room are open; closed ones send nothing."
    ),
    "Everyone is a mentor, so that a choice of the loudest does not make the load smaller than at Janus.",
    (
        "Janus is Debian's package (its libsrtp uses NSS): ICE-lite, VideoRoom, one subscription for all feeds, "
        "other plugins off. Ratios are to Janus with as many event loops as cores, which costs it about two thirds "
        "of what a thread for each connection does, as it comes packaged. It shows no loopback address: its media goes"
        " to an own address of this machine, through the same device."
    ),
    "Joins: from the open WebSocket to a packet at the socket, not to a decoded picture; sign-in is not in it.",
)

CORES: Final = len(os.sched_getaffinity(0))
PAIRS: Final = (LARGE, SMALL)
"""Janus as packaged is measured with these only."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. In each round both servers start anew and are measured in turns, load by load."""

    rounds: int
    loads: Sequence[Load]
    windows: int
    """Of each load, one right after the other."""
    window_s: float
    groups: Sequence[int]
    """Of ten, how many at once, growing."""
    joins: int
    limit_s: float
    """For each round."""


SHORT: Final = Plan(rounds=1, loads=PAIRS, windows=2, window_s=4, groups=(), joins=10, limit_s=170)
WHOLE: Final = Plan(rounds=3, loads=(*PAIRS, FULL), windows=2, window_s=5, groups=(1, 2, 4), joins=10, limit_s=500)


@dataclass(frozen=True, slots=True)
class Step:
    """A window. `groups` of ten were there at once; 0: it is of another load."""

    number: int
    """Of the load's windows at this side; the other sides' with this number are its neighbors in time."""
    load: str
    groups: int
    window: Window


@dataclass(slots=True)
class Found:
    """All that was measured, by side where both have it. Lists are in order of rounds."""

    rounds: int
    window_s: float
    janus: str = ""
    """Its version; empty: it was not asked for."""
    ready_s: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    idle_rss_mb: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    profiles: dict[str, str] = field(default_factory=dict[str, str])
    steps: list[Step] = field(default_factory=list[Step])
    joins: list[Joins] = field(default_factory=list[Joins])
    load_average: list[float] = field(default_factory=list[float])
    """Of the last minute, when a round begins."""
    failures: list[str] = field(default_factory=list[str])
    """What could not be measured, and why."""


async def run(plan: Plan, *, janus: bool) -> Found:
    """Everything in the plan; what fails is told, and the rest goes on.

    Raises:
        JanusMissing: it is to be measured, and is not installed.
        ServerFailed, JanusFailed, ReceiverFailed, TimeoutError: the run is void.
    """
    found = Found(plan.rounds, plan.window_s, janus=janus_version(find_janus()) if janus else "")
    async with asyncio.timeout(plan.limit_s * plan.rounds), Receivers() as receivers:
        for number in range(plan.rounds):
            found.load_average.append(os.getloadavg()[0])
            async with _sides(plan, found, janus=janus) as sides:
                await _round(plan, number, sides, receivers, found)
    return found


async def _round(plan: Plan, number: int, sides: Sequence[Side], receivers: Receivers, found: Found) -> None:
    if plan.groups:
        # First, on fresh servers: what they once took they may not give back.
        for side in sides[:2]:
            await _tried(_groups(plan, number, side, receivers, found), f"groups of ten at {side.name}", found)
    for load in plan.loads:
        for side in sides if load in PAIRS else sides[:2]:
            await _tried(_window(plan, number, load, side, receivers, found), f"{load.what} at {side.name}", found)
    for side in sides[:2]:
        await _tried(_joins(plan, side, found), f"joins at {side.name}", found)


async def _tried(measure: Awaitable[None], what: str, found: Found) -> None:
    _say(what)
    try:
        await measure
    except (SceneFailed, ClientFailed, NotConnected, JanusFailed) as failure:
        found.failures.append(f"{what}: {failure}")
    except BotFault as fault:
        found.failures.append(f"{what}: {fault.words}")


async def _window(plan: Plan, number: int, load: Load, side: Side, receivers: Receivers, found: Found) -> None:
    async with Scene(side, receivers) as scene:
        await scene.add(load, load.name)
        found.profiles[side.name] = scene.profile
        for place in range(plan.windows):
            window = await scene.measure(plan.window_s)
            found.steps.append(Step(number * plan.windows + place, load.name, 0, window))


async def _groups(plan: Plan, number: int, side: Side, receivers: Receivers, found: Found) -> None:
    async with Scene(side, receivers) as scene:
        there = 0
        for groups in plan.groups:
            while there < groups:
                there += 1
                await scene.add(GROUP, f"{GROUP.name}-{there}")
            found.steps.append(Step(number, GROUP.name, groups, await scene.measure(plan.window_s)))


async def _joins(plan: Plan, side: Side, found: Found) -> None:
    found.joins.append(await join_times(side, "joins", plan.joins))


@asynccontextmanager
async def _sides(plan: Plan, found: Found, *, janus: bool) -> AsyncGenerator[list[Side]]:
    """Fresh servers, each in a folder of its own."""
    sides: list[Side] = []
    async with AsyncExitStack() as stack:
        ports = free_ports()
        server = ServerProcess(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdspace-bench-"))), ports)
        tokens = await make_rooms(server.storage_url, {what: (Role.MENTOR,) * n for what, n in _rooms(plan).items()})
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)))
        stack.push_async_callback(server.stop)
        found.ready_s.setdefault(OURS, []).append(await server.start(http))
        sides.append(OurSide(server, http, tokens))
        if janus:
            for name, loops in ((JANUS, CORES), (PACKAGED, 0)):
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-janus-")))
                other = JanusProcess(folder, free_ports().http, loops)
                stack.push_async_callback(other.stop)
                found.ready_s.setdefault(name, []).append(await other.start())
                sides.append(JanusSide(other, name))
        for side in sides:
            stack.push_async_callback(side.close)
            found.idle_rss_mb.setdefault(side.name, []).append(rss_mb(side.pid))
        yield sides


def _rooms(plan: Plan) -> Mapping[str, int]:
    """The people of each room that our server must know of before it starts."""
    rooms = {load.name: load.people for load in plan.loads}
    rooms |= {f"{GROUP.name}-{number}": GROUP.people for number in range(1, max(plan.groups, default=0) + 1)}
    return rooms | {"joins": PUBLISHERS + 1}


def _say(what: str) -> None:
    print(f"bench: {what} …", file=sys.stderr, flush=True)
