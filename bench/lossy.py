"""`python -m bench lossy [JOINS]`: in Chromium, people join over a lossy way, and see each other over a worse one."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from bench.figures import Row, metric, percentile
from bench.namespaces import Scene, browser_inside, enter, everyones_pages, flowing, open_scene
from bench.network import DELAY_S, LOSS, bot_command
from bench.process import ROOT, ServerFailed, end
from bench.weather import NoNamespaceError
from protocol.values import Role

JOINS: Final = 10
WITHIN_S: Final = 15.0
OTHERS: Final = 2
"""A bot, whose picture and sound are there all the time, and a page."""
WORSE_LOSS: Final = 0.15
WORSE_S: Final = 24.0
MAX_PLIS: Final = WORSE_S / 3
"""For each publisher. A key frame every ten seconds is asked for in any case."""

LIMITS: Final = (
    "Loss is independent for each packet; the page, its requests and the signaling's TCP go through the same weather.",
    "Chromium is headless, with a fake camera (320x180, 10 pictures/s); two pages a time in one namespace.",
    "Both pages, the bot, the server and the weather share the machine's cores; the load is told beside the figures.",
    "Sound is heard once Chromium's jitter buffer hands some out; a picture is seen once it is decoded.",
    "Who has much loss gets fewer pictures for a while. The page is told, and Chromium counts that as a freeze.",
)

_LONG_S: Final = 3_600.0
PLIS: Final = "_plis_out"

_WATCH: Final = """(() => {
  window.benchSeen = { clicked: 0, open: 0, opens: 0, rests: 0 };
  addEventListener("click", () => { benchSeen.clicked = performance.now(); }, true);
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...rest) {
      super(...rest);
      this.addEventListener("open", () => { benchSeen.open = performance.now(); benchSeen.opens += 1; });
      this.addEventListener("message", ({ data }) => {
        const text = typeof data === "string" ? data : new TextDecoder("latin1").decode(data);
        if (text.slice(0, 60).includes("pictures_resting")) benchSeen.rests += 1;
      });
    }
  };
})()"""

_JOINED: Final = """async (others) => {
  const seen = benchSeen;
  const at = { sound: 0, sounds: 0, picture: 0, pictures: 0 };
  while (!(at.sounds && at.pictures)) {
    const { subscribe } = holdspaceDebug;
    let heard = 0;
    let shown = 0;
    if (subscribe) {
      for (const stat of (await subscribe.getStats()).values()) {
        if (stat.type !== "inbound-rtp") continue;
        if (stat.kind === "audio" && stat.jitterBufferEmittedCount > 0) heard += 1;
        if (stat.kind === "video" && stat.framesDecoded > 0) shown += 1;
      }
    }
    const now = performance.now();
    if (heard) at.sound ||= now;
    if (heard >= others) at.sounds ||= now;
    if (shown) at.picture ||= now;
    if (shown >= others) at.pictures ||= now;
    Object.assign(seen, at);
    await new Promise((go) => setTimeout(go, 20));
  }
}"""

_COUNT: Final = """(seconds) => new Promise((resolve) => {
  const told = { frames: 0, longest: 0, gaps: 0, freezes: 0, frozen: 0 };
  let first;
  let before;
  let last = performance.now();
  const until = last + 1000 * seconds;
  const look = async () => {
    let frames = 0, freezes = 0, frozen = 0;
    for (const stat of (await holdspaceDebug.subscribe.getStats()).values()) {
      if (stat.type !== "inbound-rtp" || stat.kind !== "video") continue;
      frames += stat.framesDecoded ?? 0;
      freezes += stat.freezeCount ?? 0;
      frozen += stat.totalFreezesDuration ?? 0;
    }
    const now = performance.now();
    first ??= { frames, freezes, frozen };
    if (frames !== before || now >= until) {
      if (now - last > 500) told.gaps += 1;
      told.longest = Math.max(told.longest, now - last);
      last = now;
      before = frames;
    }
    if (now < until) return setTimeout(look, 20);
    resolve({ ...told, frames: frames - first.frames, freezes: freezes - first.freezes, frozen: frozen - first.frozen,
      rests: benchSeen.rests });
  };
  look();
})"""


_STOPS: Final = {
    "sound": "first sound",
    "picture": "first picture",
    "sounds": "sound of all",
    "pictures": "pictures of all",
}


@dataclass(slots=True)
class Lossy:
    """Milliseconds on the page's clock; 0 is never."""

    joins: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    load: list[float] = field(default_factory=list[float])
    plis: float = 0.0
    """To each publisher, while the way was worse."""
    seen: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    """What each of two receivers saw meanwhile."""
    worse_load: float = 0.0

    def took(self, start: str, stop: str) -> list[float]:
        """From one mark to another, of the joins that have both."""
        return [each[stop] - each[start] for each in self.joins if each.get(stop) and each.get(start)]


async def run(joins: int = JOINS) -> Lossy:
    """Both scenes; some ten seconds a join, and a minute.

    Raises:
        ServerFailed: a scene could not be set, or this machine has no namespaces for us.
    """
    found = Lossy()
    try:
        await _joins(found, joins)
        await _worse(found)
    except NoNamespaceError as error:
        raise ServerFailed(f"No network namespace can be made here: {error}") from None
    return found


async def _joins(found: Lossy, joins: int) -> None:
    # A mentor whose socket is quiet for 2 s has lost the connection, and a bot does not come back.
    async with (
        open_scene(6, joins + OTHERS, role=Role.PARTICIPANT) as scene,
        browser_inside(scene) as browser,
        _bot(scene, scene.links[0]) as bot_stays,
    ):
        await enter(browser, scene.links[-1])
        scene.net.weather.loss, scene.net.weather.delay_s = LOSS, DELAY_S
        for number in range(1, joins + 1):
            _say(f"join {number} of {joins} over {LOSS:.0%} loss and {DELAY_S * 1000:.0f} ms each way")
            page = await enter(browser, scene.links[number], _WATCH)
            with suppress(TimeoutError):
                async with asyncio.timeout(WITHIN_S):
                    await page.evaluate(_JOINED, OTHERS)
            found.joins.append(await _marks(page.evaluate("benchSeen")))
            found.load.append(os.getloadavg()[0])
            await page.get_by_role("button", name="Leave", exact=True).click()
            await page.get_by_role("region", name="Participants").wait_for(state="detached")
            await page.context.close()
            await bot_stays()


async def _worse(found: Lossy) -> None:
    async with open_scene(7, 2) as scene, everyones_pages(scene, _WATCH) as pages, aiohttp.ClientSession() as http:
        if await flowing(pages) < 0:
            raise ServerFailed("The pages did not see each other before the loss.")
        scene.net.weather.loss, scene.net.weather.delay_s = WORSE_LOSS, DELAY_S
        _say(f"{WORSE_S:.0f} s over {WORSE_LOSS:.0%} loss")
        before = await scene.server.metrics(http)
        counted = await asyncio.gather(*(_marks(page.evaluate(_COUNT, WORSE_S)) for page in pages))
        after = await scene.server.metrics(http)
        found.seen = list(counted)
        found.plis = (metric(after, PLIS) - metric(before, PLIS)) / len(pages)
        found.worse_load = os.getloadavg()[0]


@asynccontextmanager
async def _bot(scene: Scene, link: str) -> AsyncGenerator[Callable[[], Awaitable[None]]]:
    """A bot; what is given raises ServerFailed once it is gone."""
    process = await asyncio.create_subprocess_exec(
        *bot_command(scene.net, link, _LONG_S),
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )

    async def stays() -> None:
        if process.returncode is not None:
            assert process.stderr is not None
            said = (await process.stderr.read()).decode(errors="replace")
            raise ServerFailed(f"The bot did not stay to the end.\n{said[-500:]}")

    try:
        yield stays
    finally:
        await end(process)


async def _marks(asked: Awaitable[Any]) -> dict[str, float]:
    return {name: float(value) for name, value in dict(await asked).items()}


def rows(lossy: Lossy) -> list[Row]:
    """The table."""
    whole = len(lossy.joins)
    load = f"load {min(lossy.load):.0f} to {max(lossy.load):.0f}"
    way = f"{LOSS:.0%} loss + {DELAY_S * 1000:.0f} ms each way"
    heard, seen = (sum(bool(each.get(name)) for each in lossy.joins) for name in ("sounds", "pictures"))
    found = [
        Row(f"{way}: joins that heard all {OTHERS} others", f"{heard} of {whole} ({load})", "all", heard == whole),
        Row(f"Joins that saw all {OTHERS} others", f"{seen} of {whole}", "all", seen == whole),
    ]
    for start, name in (("clicked", "Tap on Join"), ("open", "WebSocket open")):
        for stop, what in _STOPS.items():
            took = lossy.took(start, stop)
            if took:
                found.append(Row(f"{name} → {what}", f"p50 {percentile(took, 0.5):.0f}, worst {max(took):.0f} ms"))
    opens = sum(each["opens"] for each in lossy.joins)
    found.append(Row("WebSockets opened in these joins, with the device check's", f"{opens:.0f}"))
    found.append(
        Row(
            f"{WORSE_LOSS:.0%} loss for {WORSE_S:.0f} s: key frames asked for, of each publisher",
            f"{lossy.plis:.1f} (load {lossy.worse_load:.0f})",
            f"≤ {MAX_PLIS:.0f}",
            lossy.plis <= MAX_PLIS,
        )
    )
    found += [
        Row(
            "What a receiver saw meanwhile",
            f"{each['frames']:.0f} pictures, {each['freezes']:.0f} freezes ({each['frozen']:.1f} s), "
            f"{each['gaps']:.0f} gaps above 0.5 s, longest {each['longest']:.0f} ms; "
            f"was told {each['rests']:.0f} times what rests",
        )
        for each in lossy.seen
    ]
    return found


def _say(what: str) -> None:
    print(f"bench: {what} …", file=sys.stderr, flush=True)
