"""`python -m bench`: prints a Markdown table, writes bench/results/latest.json. Takes under two minutes.

`python -m bench crashes [TIMES]`, `python -m bench floods [JOINS] [DATAGRAMS_PER_S]` and `python -m bench network` do
what is told there, and write a file of their own.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp

from bench import crashes, floods, network
from bench.client import ClientFailed
from bench.figures import Row, as_markdown
from bench.measures import CHATTERS, JOIN_PUBLISHERS, JOINERS, PUBLISHERS, SUBSCRIBERS, Bench, Chat, Forwarding, Joins
from bench.people import make_people
from bench.process import ServerFailed, ServerProcess, free_ports
from server.bot.report import BotFault

LIMIT_S: Final = 120.0
RESULTS: Final = Path(__file__).parent / "results"

LIMITS: Final = (
    "One machine: the load generator runs beside the server and shares its cores, over loopback.",
    "Light clients: real HTTP, WebSocket, ICE and DTLS-SRTP, but no codecs.",
    "Media is noise behind true headers: 50 x 80 B/s like Opus; 15 frames/s and 150 kbit/s like VP8.",
    "Media is counted at the client's socket, not decrypted; the target for joins is for decoded frames in Chromium.",
    "CPU is the whole server process in the window (10 ms steps): signaling, feedback and reports included.",
    "The target for CPU is a ratio to Janus in the same run, which this bench does not start.",
)


async def run() -> tuple[list[Row], dict[str, Any]]:
    """All measures.

    Raises:
        ServerFailed, ClientFailed, BotFault: the run is void.
    """
    with tempfile.TemporaryDirectory(prefix="holdspace-bench-") as folder:
        server = ServerProcess(Path(folder), free_ports())
        people = await make_people(
            server.storage_url,
            forwarding=PUBLISHERS + SUBSCRIBERS,
            joins=JOIN_PUBLISHERS + JOINERS,
            chat=CHATTERS,
        )
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:
            try:
                _say("starting the server")
                ready = [await server.start(http)]
                base_rss_mb = server.rss_mb()
                bench = Bench(server, http)
                _say(f"forwarding: {PUBLISHERS} publishers x {SUBSCRIBERS} subscribers")
                forwarding = await bench.forwarding(people.forwarding, base_rss_mb)
                _say("joins")
                joins = await bench.joins(people.joins)
                _say("chat")
                chat = await bench.chat(people.chat)
                _say("starting the server again")
                for _ in range(2):
                    await server.stop()
                    ready.append(await server.start(http))
            finally:
                await server.stop()
    ready_s = max(ready)
    figures = {
        "ready_s": ready,
        "base_rss_mb": base_rss_mb,
        "forwarding": asdict(forwarding),
        "joins": asdict(joins),
        "chat": asdict(chat),
    }
    return _rows(ready_s, base_rss_mb, forwarding, joins, chat), figures


def _rows(ready_s: float, base_rss_mb: float, forwarding: Forwarding, joins: Joins, chat: Chat) -> list[Row]:
    reasons = ", ".join(f"{reason} {count:.0f}" for reason, count in forwarding.server_drops.items())
    per_person = forwarding.rss_per_participant_mb
    return [
        Row(f"WebSocket open → welcome, {joins.count} joins", _p50_p95(joins.welcome_p50_ms, joins.welcome_p95_ms)),
        Row(
            f"WebSocket open → first media packet, {JOIN_PUBLISHERS} publishers",
            _p50_p95(joins.media_p50_ms, joins.media_p95_ms),
            "p95 < 250 ms (to a decoded frame)",
        ),
        Row(f"WebSocket open → all {2 * JOIN_PUBLISHERS} tracks arrive", _p50_p95(joins.all_p50_ms, joins.all_p95_ms)),
        Row(
            f"CPU per forwarded packet, {PUBLISHERS} x {SUBSCRIBERS}",
            f"{forwarding.cpu_us_per_packet:.1f} µs",
            "python: ≤ 1.4x Janus in one run",
        ),
        Row(
            "Forwarded",
            f"{forwarding.forwarded_per_s:,.0f} packets/s for {forwarding.window_s:.0f} s, "
            f"server at {forwarding.server_cpu_share:.0%} of a core",
        ),
        Row(
            "Dropped by the server",
            f"{reasons or 'engine 0'}, kernel {forwarding.server_kernel_drops}",
            "0",
            not forwarding.server_drops and forwarding.server_kernel_drops == 0,
        ),
        Row(
            "Missing at the clients",
            f"{forwarding.client_lost} of {forwarding.client_received + forwarding.client_lost:,}, "
            f"kernel {forwarding.client_kernel_drops}",
            "0",
            forwarding.client_lost == 0,
        ),
        Row(
            "Load generator",
            f"{forwarding.bench_cpu_share:.0%} of a core, {forwarding.late_ticks} late ticks, "
            f"{forwarding.refused_sends} sends refused",
        ),
        Row(
            f"Chat sent → acknowledged (stored), {CHATTERS} people, {chat.count} messages",
            _p50_p95(chat.ack_p50_ms, chat.ack_p95_ms),
            "p99 ≤ 100 ms (at 10,000 sockets)",
        ),
        Row("Memory of the idle server", f"{base_rss_mb:.0f} MiB RSS", "≤ 140 MB", base_rss_mb * 1.048576 <= 140),
        Row(
            f"Memory per participant with media ({PUBLISHERS + SUBSCRIBERS} people)",
            f"{per_person:.2f} MiB",
            "≤ 1.2 MB",
            per_person * 1.048576 <= 1.2,
        ),
        Row("Start → /readyz, slowest of three", f"{ready_s:.2f} s", "≤ 2.5 s", ready_s <= 2.5),
    ]


def _p50_p95(p50: float, p95: float) -> str:
    return f"p50 {p50:.1f} ms, p95 {p95:.1f} ms"


def _say(what: str) -> None:
    print(f"bench: {what} …", file=sys.stderr, flush=True)


async def _named(name: str, arguments: Sequence[str]) -> tuple[list[Row], dict[str, Any], Sequence[str]]:
    """The measure of that name: rows, figures, and what they do not say."""
    match name:
        case "crashes":
            found = await crashes.run(int(arguments[0]) if arguments else 20)
            return crashes.rows(found), asdict(found), crashes.LIMITS
        case "floods":
            joins = int(arguments[0]) if arguments else floods.JOINS
            flooded = await floods.run(joins, rate=float(arguments[1]) if len(arguments) > 1 else floods.RATE)
            return floods.rows(flooded), asdict(flooded), floods.LIMITS
        case "network":
            called = await network.run()
            return network.rows(called), asdict(called), network.LIMITS
        case _:
            async with asyncio.timeout(LIMIT_S):
                return *(await run()), LIMITS


def main(arguments: Sequence[str] = ()) -> int:
    """Exit code 1 when the run is void; a missed target is a figure, not a failure. 2: there is no such measure."""
    name = arguments[0] if arguments else "latest"
    if name not in {"latest", "crashes", "floods", "network"}:
        print(__doc__, file=sys.stderr)
        return 2
    machine = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)),
    }
    try:
        rows, figures, limits = asyncio.run(_named(name, arguments[1:]))
    except (ServerFailed, ClientFailed) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except BotFault as fault:
        print(f"bench: {fault.words} ({fault.code})", file=sys.stderr)
        return 1
    except TimeoutError:
        print("bench: not done in time", file=sys.stderr)
        return 1
    print(f"\nPython {machine['python']}, {machine['system']}, {machine['cores']} cores\n")
    print(as_markdown(rows))
    print("\nLimits of these figures:")
    for limit in limits:
        print(f"- {limit}")
    results = RESULTS / f"{name}.json"
    results.parent.mkdir(parents=True, exist_ok=True)
    document = {"at": datetime.now(tz=UTC).isoformat(timespec="seconds"), "machine": machine, "figures": figures}
    results.write_text(json.dumps(document | {"limits": limits}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
