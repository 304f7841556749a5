"""`python -m bench network`: bots and Chromium in network namespaces with bad weather, against a real server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import Any, Final

from bench.figures import Row
from bench.namespaces import Scene, everyones_pages, flowing, look, open_scene
from bench.process import ROOT, ServerFailed
from bench.weather import Network, NoNamespaceError

LOSS: Final = 0.10
DELAY_S: Final = 0.04
BOTS: Final = 3
BOT_S: Final = 30.0
DARK_S: Final = 30.0
MAX_GAP_MS: Final = 200.0
MAX_BACK_S: Final = 5.0

LIMITS: Final = (
    "Loss is independent for each packet; the signaling's TCP goes through the same weather.",
    "Audio gaps are times between two packets at the bots' sockets, before any jitter buffer.",
    "Chromium is headless, with a fake camera (320x180, 10 frames/s); two pages a time in one namespace.",
    "Back: from the end of the trouble until both pages decode new pictures and receive sound of each other.",
)


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


# ── bots ──────────────────────────────────────────────────────────────────────────────────────


async def _bots() -> list[dict[str, Any]]:
    async with open_scene(1, BOTS) as scene:
        scene.net.weather.loss, scene.net.weather.delay_s = LOSS, DELAY_S
        return list(await asyncio.gather(*(_bot(scene.net, link) for link in scene.links)))


def bot_command(net: Network, link: str, seconds: float) -> list[str]:
    """The command line of a bot inside the namespace, which prints its report."""
    return net.command(sys.executable, "-m", "server.cli", "bot", link, "--seconds", str(seconds), "--json")


async def _bot(net: Network, link: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *bot_command(net, link, BOT_S), cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    if not out:
        raise ServerFailed(f"A bot said nothing.\n{err.decode(errors='replace')[-1_000:]}")
    return dict(json.loads(out))


# ── browsers ───────────────────────────────────────────────────────────────────────────────────


async def _blackout() -> tuple[float, bool]:
    async with open_scene(2, 2) as scene, everyones_pages(scene) as pages:
        if await flowing(pages) < 0:
            raise ServerFailed("The pages did not see each other before the blackout.")
        scene.net.weather.dark = True
        await asyncio.sleep(DARK_S)
        scene.net.weather.dark = False
        back_s = await flowing(pages)
        tiles = [await page.get_by_role("region", name="Participants").get_by_role("group").count() for page in pages]
        return back_s, all(count >= 2 for count in tiles)


async def _tcp_only() -> tuple[float, str]:
    async with open_scene(3, 2) as scene:
        scene.net.weather.udp = False
        return await _first(scene)


async def _ipv6_only() -> tuple[float, str]:
    async with open_scene(4, 2, ipv6=True) as scene:
        return await _first(scene)


async def _first(scene: Scene) -> tuple[float, str]:
    async with everyones_pages(scene) as pages:
        first_s = await flowing(pages)
        return first_s, str((await look(pages[0]))["pair"])


async def _rebound() -> tuple[float, bool]:
    """The NAT between gives the client other ports in the middle of a call."""
    async with open_scene(5, 2) as scene, everyones_pages(scene) as pages:
        if await flowing(pages) < 0:
            raise ServerFailed("The pages did not see each other before the change.")
        mark = "() => { holdspaceDebug.subscribe.marked = true; holdspaceDebug.publish.marked = true; }"
        for page in pages:
            await page.evaluate(mark)
        scene.net.weather.other_ports = True
        back_s = await flowing(pages)
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
