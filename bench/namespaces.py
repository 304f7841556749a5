"""A live room on a server of its own, and people who come through bad weather: in a network namespace."""

from __future__ import annotations

import asyncio
import shlex
import stat
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final

import aiohttp
from playwright.async_api import Browser, Page

from bench.chromium import CHROMIUM, chromium
from bench.people import LINK_S, make_rooms
from bench.process import ROOT, ServerProcess, free_ports
from bench.weather import Network, network
from protocol.ids import IdentityId
from protocol.values import Role
from server.auth import Auth
from server.bot.way_in import Link, Visitor
from server.clock import SystemClock
from server.storage.engine import open_engine

WITHIN_S: Final = 45.0

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

    async def links(self, roles: Sequence[Role]) -> list[str]:
        """A link for each; the last is a mentor. Those that lie ready in the database are good for one sign-in."""
        made = await make_rooms(self.process.storage_url, {"network": roles})
        self.tokens = made["network"]
        engine = open_engine(self.process.storage_url)
        try:
            auth = Auth(engine, SystemClock())
            fresh = [
                await auth.make_link(IdentityId(f"bench-network-{number}"), ttl_s=LINK_S)
                for number in range(len(roles))
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


@dataclass(frozen=True, slots=True)
class Scene:
    """A network, a server that it leads to, and for each person a sign-in link."""

    net: Network
    server: ServerProcess
    links: list[str]


@asynccontextmanager
async def open_scene(
    number: int, people: int, *, ipv6: bool = False, role: Role = Role.MENTOR
) -> AsyncGenerator[Scene]:
    """A live room whose people have agreed to everything; the weather is fine. The last is a mentor, the others `role`.

    Raises:
        NoNamespaceError, ServerFailed, BotFault: it could not be made.
    """
    with tempfile.TemporaryDirectory(prefix="holdspace-network-") as folder:
        async with network(number, ipv4=not ipv6, ipv6=ipv6) as net, aiohttp.ClientSession() as http:
            server = _Server(Path(folder), net, ipv6=ipv6)
            links = await server.links((role,) * (people - 1) + (Role.MENTOR,))
            try:
                await server.process.start(http)
                await server.agree()
                yield Scene(net, server.process, links)
            finally:
                await server.process.stop()


@asynccontextmanager
async def browser_inside(scene: Scene) -> AsyncGenerator[Browser]:
    """A browser inside the namespace."""
    origin = scene.links[0].partition("/join#")[0]
    with tempfile.TemporaryDirectory(prefix="holdspace-browser-") as folder:
        inside = Path(folder) / "chromium"
        inside.write_text(f'#!/bin/sh\nexec {shlex.join(scene.net.command(CHROMIUM))} "$@"\n')
        inside.chmod(inside.stat().st_mode | stat.S_IXUSR)
        insecure = f"--unsafely-treat-insecure-origin-as-secure={origin}"
        async with chromium(insecure, executable=str(inside)) as browser:
            yield browser


async def enter(browser: Browser, link: str, script: str = "") -> Page:
    """Someone's page, in the room; with a script in it before the client's."""
    context = await browser.new_context(locale="en-US")
    if script:
        await context.add_init_script(script)
    page = await context.new_page()
    start, _, token = link.partition("#")
    await page.goto(f"{start}?debug&capture=320x180@10#{token}")
    await page.get_by_role("button", name="Join", exact=True).click()
    await page.get_by_role("region", name="Participants").wait_for()
    return page


@asynccontextmanager
async def everyones_pages(scene: Scene, script: str = "") -> AsyncGenerator[list[Page]]:
    """Each person's page, in the room."""
    async with browser_inside(scene) as browser:
        yield [await enter(browser, link, script) for link in scene.links]


async def look(page: Page) -> dict[str, Any]:
    """Packets of sound, its energy, decoded pictures and the candidate pair, of the subscribe connection."""
    return dict(await page.evaluate(_LOOK))


async def flowing(pages: Sequence[Page], within_s: float = WITHIN_S) -> float:
    """Seconds until every page decodes new pictures and hears sound; -1 when it does not come to that."""
    began = monotonic()

    async def flows(page: Page) -> None:
        first = await look(page)
        while True:
            seen = await look(page)
            if seen["frames"] < first["frames"] or seen["audio"] < first["audio"]:
                first = seen  # another connection counts from nothing
            if seen["frames"] > first["frames"] + 3 and seen["audio"] > first["audio"] + 10 and seen["energy"] > 0:
                return
            await asyncio.sleep(0.05)

    try:
        async with asyncio.timeout(within_s):
            await asyncio.gather(*map(flows, pages))
    except TimeoutError:
        return -1.0
    return monotonic() - began
