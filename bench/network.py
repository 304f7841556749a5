"""`python -m bench network`: bots and Chromium in network namespaces with bad weather, against a real server."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import stat
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final

import aiohttp
from playwright.async_api import Page

from bench.chromium import CHROMIUM, chromium
from bench.figures import Row
from bench.people import LINK_S, make_rooms
from bench.process import ROOT, ServerFailed, ServerProcess, free_ports
from bench.weather import Network, NoNamespaceError, network
from protocol.ids import IdentityId
from protocol.values import Role
from server.auth import Auth
from server.bot.way_in import Link, Visitor
from server.clock import SystemClock
from server.storage.engine import open_engine

LOSS: Final = 0.10
DELAY_S: Final = 0.04
BOTS: Final = 3
BOT_S: Final = 30.0
DARK_S: Final = 30.0
WITHIN_S: Final = 45.0
MAX_GAP_MS: Final = 200.0
MAX_BACK_S: Final = 5.0

LIMITS: Final = (
    "Loss is independent for each packet; the signaling's TCP goes through the same weather.",
    "Audio gaps are times between two packets at the bots' sockets, before any jitter buffer.",
    "Chromium is headless, with a fake camera (320x180, 10 frames/s); two pages a time in one namespace.",
    "Back: from the end of the trouble until both pages decode new pictures and receive sound of each other.",
)

_LOOK: Final = """async () => {
  const { publish, subscribe } = holdspaceDebug;
  const seen = { audio: 0, energy: 0, frames: 0, pair: "", publish: publish?.connectionState };
  if (!subscribe) return seen;
  const stats = await subscribe.getStats();
  for (const stat of stats.values()) {
    if (stat.type === "inbound-rtp" && stat.kind === "audio") {
      seen.audio += stat.packetsReceived;
      seen.energy += stat.totalAudioEnergy ?? 0;
    }
    if (stat.type === "inbound-rtp" && stat.kind === "video") seen.frames += stat.framesDecoded ?? 0;
    if (stat.type === "transport") {
      const remote = stats.get(stats.get(stat.selectedCandidatePairId)?.remoteCandidateId);
      if (remote) seen.pair = `${remote.protocol} ${remote.address}`;
    }
  }
  return seen;
}"""


@dataclass(slots=True)
class Calls:
    """What was seen. Times in seconds unless they say ms; -1 is never."""

    bots: int
    bots_ok: int
    bot_faults: tuple[str, ...]
    """Codes of what went wrong, or how many of the others' tracks came."""
    load: float
    """The machine's load while the bots were there: above its number of cores, gaps are its own."""
    audio_packets: int
    audio_lost: int
    longest_gap_ms: float
    dark_s: float
    back_s: float
    kept_over_dark: bool
    """The same two people, without anyone signing in or tapping anything."""
    tcp_pair: str
    tcp_first_s: float
    ipv6_pair: str
    ipv6_first_s: float
    rebound_s: float
    rebound_rejoined: bool
    """Whether a connection had to be made anew when the NAT gave other ports."""


class _Server:
    """A server for one namespace, with a live room for `people`."""

    def __init__(self, folder: Path, net: Network, *, ipv6: bool) -> None:
        ports = free_ports()
        host = f"[{net.here6}]" if ipv6 else net.here
        address = net.here6 if ipv6 else net.here
        base_url = f"http://{host}:{ports.http}"
        settings = {
            "SERVER__HOST": address,
            "SERVER__BASE_URL": base_url,
            "MEDIA__ADVERTISE": address,
            "SERVER__CLIENT_DIR": str(ROOT / "web_client" / "dist"),
        }
        self.process = ServerProcess(folder, ports, settings)
        self.process.base_url = base_url
        self.tokens: tuple[str, ...] = ()

    async def links(self, people: int) -> list[str]:
        """A link for each; those that lie ready in the database are good for one sign-in."""
        made = await make_rooms(self.process.storage_url, {"network": (Role.MENTOR,) * people})
        self.tokens = made["network"]
        engine = open_engine(self.process.storage_url)
        try:
            auth = Auth(engine, SystemClock())
            fresh = [
                await auth.make_link(IdentityId(f"bench-network-{number}"), ttl_s=LINK_S) for number in range(people)
            ]
        finally:
            await engine.dispose()
        return [f"{self.process.base_url}/join#{token}" for token in fresh]

    async def agree(self) -> None:
        """Everyone agrees to what a join asks for."""
        for token in self.tokens:
            async with Visitor(Link(self.process.base_url, token)) as visitor:
                await visitor.sign_in()
                await visitor.arrive(await visitor.live_session())


@asynccontextmanager
async def _scene(number: int, people: int, *, ipv6: bool = False) -> AsyncGenerator[tuple[Network, list[str]]]:
    with tempfile.TemporaryDirectory(prefix="holdspace-network-") as folder:
        async with network(number, ipv4=not ipv6, ipv6=ipv6) as net, aiohttp.ClientSession() as http:
            server = _Server(Path(folder), net, ipv6=ipv6)
            links = await server.links(people)
            try:
                await server.process.start(http)
                await server.agree()
                yield net, links
            finally:
                await server.process.stop()


# ── bots ──────────────────────────────────────────────────────────────────────────────────────


async def _bots() -> list[dict[str, Any]]:
    async with _scene(1, BOTS) as (net, links):
        net.weather.loss, net.weather.delay_s = LOSS, DELAY_S
        return list(await asyncio.gather(*(_bot(net, link) for link in links)))


async def _bot(net: Network, link: str) -> dict[str, Any]:
    command = net.command(sys.executable, "-m", "server.cli", "bot", link, "--seconds", str(BOT_S), "--json")
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    if not out:
        raise ServerFailed(f"A bot said nothing.\n{err.decode(errors='replace')[-1_000:]}")
    return dict(json.loads(out))


# ── browsers ──────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def _pages(net: Network, links: Sequence[str]) -> AsyncGenerator[list[Page]]:
    """Each person's page, in a browser inside the namespace, in the room."""
    origin = links[0].partition("/join#")[0]
    with tempfile.TemporaryDirectory(prefix="holdspace-browser-") as folder:
        inside = Path(folder) / "chromium"
        inside.write_text(f'#!/bin/sh\nexec {shlex.join(net.command(CHROMIUM))} "$@"\n')
        inside.chmod(inside.stat().st_mode | stat.S_IXUSR)
        insecure = f"--unsafely-treat-insecure-origin-as-secure={origin}"
        async with chromium(insecure, executable=str(inside)) as browser:
            pages: list[Page] = []
            for link in links:
                context = await browser.new_context(locale="en-US")
                pages.append(await context.new_page())
                start, _, token = link.partition("#")
                await pages[-1].goto(f"{start}?debug&capture=320x180@10#{token}")
                await pages[-1].get_by_role("button", name="Join", exact=True).click()
                await pages[-1].get_by_role("region", name="Participants").wait_for()
            yield pages


async def _look(page: Page) -> dict[str, Any]:
    return dict(await page.evaluate(_LOOK))


async def _flowing(pages: Sequence[Page], within_s: float = WITHIN_S) -> float:
    """Seconds until every page decodes new pictures and hears sound; -1 when it does not come to that."""
    began = monotonic()

    async def flows(page: Page) -> None:
        first = await _look(page)
        while True:
            seen = await _look(page)
            if seen["frames"] < first["frames"] or seen["audio"] < first["audio"]:
                first = seen  # another connection counts from nothing
            if seen["frames"] > first["frames"] + 3 and seen["audio"] > first["audio"] + 10 and seen["energy"] > 0:
                return
            await asyncio.sleep(0.05)

    return await _within(within_s, began, lambda: asyncio.gather(*map(flows, pages)))


async def _within(limit_s: float, began: float, wait: Callable[[], Awaitable[object]]) -> float:
    try:
        async with asyncio.timeout(limit_s):
            await wait()
    except TimeoutError:
        return -1.0
    return monotonic() - began


async def _blackout() -> tuple[float, bool]:
    async with _scene(2, 2) as (net, links), _pages(net, links) as pages:
        if await _flowing(pages) < 0:
            raise ServerFailed("The pages did not see each other before the blackout.")
        net.weather.dark = True
        await asyncio.sleep(DARK_S)
        net.weather.dark = False
        back_s = await _flowing(pages)
        tiles = [await page.get_by_role("region", name="Participants").get_by_role("group").count() for page in pages]
        return back_s, all(count >= 2 for count in tiles)


async def _tcp_only() -> tuple[float, str]:
    async with _scene(3, 2) as (net, links):
        net.weather.udp = False
        return await _first(net, links)


async def _ipv6_only() -> tuple[float, str]:
    async with _scene(4, 2, ipv6=True) as (net, links):
        return await _first(net, links)


async def _first(net: Network, links: Sequence[str]) -> tuple[float, str]:
    async with _pages(net, links) as pages:
        first_s = await _flowing(pages)
        return first_s, str((await _look(pages[0]))["pair"])


async def _rebound() -> tuple[float, bool]:
    """The NAT between gives the client other ports in the middle of a call."""
    async with _scene(5, 2) as (net, links), _pages(net, links) as pages:
        if await _flowing(pages) < 0:
            raise ServerFailed("The pages did not see each other before the change.")
        mark = "() => { holdspaceDebug.subscribe.marked = true; holdspaceDebug.publish.marked = true; }"
        for page in pages:
            await page.evaluate(mark)
        net.weather.other_ports = True
        back_s = await _flowing(pages)
        same = "() => Boolean(holdspaceDebug.subscribe.marked && holdspaceDebug.publish.marked)"
        kept = [await page.evaluate(same) for page in pages]
        return back_s, not all(kept)


# ── all ───────────────────────────────────────────────────────────────────────────────────────


async def run() -> Calls:
    """All scenes, one after the other; about two and a half minutes.

    Raises:
        ServerFailed: a scene could not be set, or this machine has no namespaces for us.
    """
    try:
        _say(f"{BOTS} bots over {LOSS:.0%} loss and {DELAY_S * 1000:.0f} ms each way")
        reports = await _bots()
        load = os.getloadavg()[0]
        _say(f"a blackout of {DARK_S:.0f} s")
        back_s, kept = await _blackout()
        _say("TCP only")
        tcp_s, tcp_pair = await _tcp_only()
        _say("IPv6 only")
        ipv6_s, ipv6_pair = await _ipv6_only()
        _say("other ports in a call")
        rebound_s, rejoined = await _rebound()
    except NoNamespaceError as error:
        raise ServerFailed(f"No network namespace can be made here: {error}") from None
    audio = [track for report in reports for track in report["tracks"] if track["source"] == "microphone"]
    return Calls(
        bots=len(reports),
        bots_ok=sum(_fault(report) is None for report in reports),
        bot_faults=tuple(fault for report in reports if (fault := _fault(report)) is not None),
        load=load,
        audio_packets=sum(track["packets"] for track in audio),
        audio_lost=sum(track["lost"] for track in audio),
        longest_gap_ms=max((track["longest_gap_ms"] for track in audio), default=-1.0),
        dark_s=DARK_S,
        back_s=back_s,
        kept_over_dark=kept,
        tcp_pair=tcp_pair,
        tcp_first_s=tcp_s,
        ipv6_pair=ipv6_pair,
        ipv6_first_s=ipv6_s,
        rebound_s=rebound_s,
        rebound_rejoined=rejoined,
    )


def _fault(report: dict[str, Any]) -> str | None:
    tracks, expected = len(report["tracks"]), 2 * (BOTS - 1)
    if not report["ok"]:
        return str(report["error"])
    return None if tracks == expected else f"{tracks} of {expected} tracks"


def rows(calls: Calls) -> list[Row]:
    """The table."""
    sent = calls.audio_packets + calls.audio_lost
    return [
        Row(
            f"{LOSS:.0%} loss + {DELAY_S * 1000:.0f} ms each way: longest gap in sound, {calls.bots} bots",
            f"{calls.longest_gap_ms:.0f} ms; {calls.audio_lost} of {sent:,} packets lost",
            f"≤ {MAX_GAP_MS:.0f} ms",
            0 <= calls.longest_gap_ms <= MAX_GAP_MS,
        ),
        Row(
            "There to the end, with everyone's sound and picture",
            ", ".join((f"{calls.bots_ok} of {calls.bots} (load {calls.load:.0f})", *calls.bot_faults)),
            "all",
            calls.bots_ok == calls.bots,
        ),
        Row(
            f"Back after {calls.dark_s:.0f} s without a network",
            f"{calls.back_s:.1f} s, {'both in their places' if calls.kept_over_dark else 'not both there'}",
            f"≤ {MAX_BACK_S:.0f} s",
            0 <= calls.back_s <= MAX_BACK_S and calls.kept_over_dark,
        ),
        Row(
            "UDP blocked: in the room → sound and picture",
            f"{calls.tcp_first_s:.1f} s over {calls.tcp_pair}",
            "plays over TCP",
            calls.tcp_first_s >= 0 and calls.tcp_pair.startswith("tcp"),
        ),
        Row(
            "IPv6 only: in the room → sound and picture",
            f"{calls.ipv6_first_s:.1f} s over {calls.ipv6_pair}",
            "plays",
            calls.ipv6_first_s >= 0 and ":" in calls.ipv6_pair,
        ),
        Row(
            "Other ports from the NAT in a call: sound and picture flow again",
            f"{calls.rebound_s:.1f} s, {'anew' if calls.rebound_rejoined else 'on the same connections'}",
            "without a new connection",
            calls.rebound_s >= 0 and not calls.rebound_rejoined,
        ),
    ]


def _say(what: str) -> None:
    print(f"bench: {what} …", file=sys.stderr, flush=True)
