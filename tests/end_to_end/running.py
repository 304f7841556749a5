"""A real server process on a real database file, and real Chromium pages, as people use them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, cast

import aiohttp
from playwright.async_api import Browser, BrowserContext, Page

from server.arrivals import Arrivals, notices_of
from server.auth import Auth
from server.cli_ops import settings_file
from server.clock import SystemClock
from server.config import load_config
from server.demo import demo_links, make_all_ready, seed
from server.keys import load_root_key
from server.storage.engine import open_engine
from server.storage.reading import newest_event_ms
from server.storage.vault import Vault

ROOT: Final = Path(__file__).parents[2]
CAPTURE: Final = "320x180@10"
WITHIN_S: Final = 30.0
"""For anything that a test waits for: generous, since it only bounds a failure."""

_STATS: Final = """async () => {
  const { publish, subscribe } = holdspaceDebug;
  const tracks = new Map(Object.entries(holdspaceDebug.tracks()));
  const seen = { inbound: [], audioSent: 0 };
  for (const connection of [publish, subscribe]) {
    if (!connection) continue;
    for (const stat of (await connection.getStats()).values()) {
      if (stat.type === "inbound-rtp" && tracks.has(stat.mid)) {
        const { participant_id, source } = tracks.get(stat.mid);
        seen.inbound.push({
          who: participant_id, source, packets: stat.packetsReceived, frames: stat.framesDecoded ?? 0,
          energy: stat.totalAudioEnergy ?? 0,
        });
      }
      if (stat.type === "outbound-rtp" && stat.kind === "audio") seen.audioSent += stat.packetsSent;
    }
  }
  return seen;
}"""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on right now."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in held]
    finally:
        for each in held:
            each.close()


async def until(what: str, holds: Callable[[], Awaitable[bool]], within_s: float = WITHIN_S) -> None:
    """Looks again and again until it holds; fails by name when it does not in time."""
    try:
        async with asyncio.timeout(within_s):
            while not await holds():
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"not within {within_s:g} s: {what}") from None


@dataclass
class Server:
    """`holdspace serve` in a process of its own; can be killed and started again on the same data and ports."""

    folder: Path
    port: int = 0
    environment: dict[str, str] = field(default_factory=dict[str, str])
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.port, metrics, media = free_ports(3)
        self.environment = {
            **os.environ,
            "HOLDSPACE__SERVER__PORT": str(self.port),
            "HOLDSPACE__SERVER__METRICS_PORT": str(metrics),
            "HOLDSPACE__MEDIA__PORT": str(media),
            "HOLDSPACE_ROOT_KEY": "5c" * 32,
            "HOLDSPACE__STORAGE__URL": f"sqlite+aiosqlite:///{self.folder / 'holdspace.db'}",
        }

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Begins to start; belongs to no event loop."""
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server.cli", "serve"], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )

    async def start(self) -> None:
        if self.process is None:
            self.launch()
        async with aiohttp.ClientSession() as http:

            async def ready() -> bool:
                try:
                    async with http.get(f"{self.base_url}/readyz") as answer:
                        return answer.status == 200
                except aiohttp.ClientConnectionError:
                    return False

            await until("the server is ready", ready)

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        return await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        return await asyncio.to_thread(process.wait)

    async def links(self, *, ready: bool = True) -> dict[str, Any]:
        """Fresh links; unless `ready` is false, their people have agreed to everything before they come.

        As `holdspace links` makes them, without a process that is slow to begin.
        """
        settings = load_config(settings_file(None), self.environment)
        engine = open_engine(settings.storage.url, busy_timeout_ms=settings.storage.busy_timeout_ms)
        try:
            clock = SystemClock()
            clock.not_before(await newest_event_ms(engine))
            people = await seed(engine, clock)
            if ready:
                vault = Vault(load_root_key(settings, self.environment))
                await make_all_ready(engine, Arrivals(engine, vault, clock, notices_of(settings)), people)
            return asdict(await demo_links(Auth(engine, clock), people, settings.base_url(), lan=False))
        finally:
            await engine.dispose()

    async def links_by_command(self) -> dict[str, Any]:
        """`holdspace links --json`, as a person types it: nobody has agreed to anything yet."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "server.cli", "links", "--json"),
            cwd=ROOT,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        return cast("dict[str, Any]", json.loads(out))

    def log(self) -> str:
        return (self.folder / "server.log").read_text()


class Person:
    """A page, used as a person uses it: by accessible names."""

    def __init__(self, name: str, page: Page) -> None:
        self.name = name
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._listen)

    def _listen(self, message: Any) -> None:
        # The network's own errors are told in the page while the server is away; what a script says is not.
        if message.type == "error" and "net::ERR" not in message.text and "WebSocket" not in message.text:
            self.complaints.append(message.text)

    async def open(self, link: str) -> None:
        page, _, token = link.partition("#")
        await self.page.goto(f"{page}{'&' if '?' in page else '?'}debug&capture={CAPTURE}#{token}")

    async def join(self, link: str) -> None:
        """As far as the room, or its lobby while nobody leads."""
        await self.open(link)
        await self.button("Join").click()
        await self.arrives()

    async def step_in(self) -> None:
        """From a therapist's page into the only session on it."""
        await self.button("Step in").click()
        await self.page.get_by_role("dialog").get_by_role("button", name="Step in", exact=True).click()
        await self.button("Join").click()
        await self.arrives()

    async def arrives(self) -> None:
        """Waits until this person is in the room or in its lobby."""
        await self.page.get_by_role("region", name="Participants").or_(self.waiting).wait_for()

    @property
    def waiting(self) -> Any:
        """The heading of the lobby; there is one while this person waits."""
        return self.page.locator("main.lobby").get_by_role("heading", level=1)

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    def tile(self, name: str) -> Any:
        return self.page.get_by_role("region", name="Participants").get_by_role("group", name=name, exact=True)

    async def stats(self) -> dict[str, Any]:
        return cast("dict[str, Any]", await self.page.evaluate(_STATS))

    async def inbound(self, who: str, source: str, value: str) -> float:
        """A counter of what arrives of one person."""
        rows = [row for row in (await self.stats())["inbound"] if row["who"] == who and row["source"] == source]
        return float(rows[0][value]) if rows else 0.0

    async def id_of(self, name: str) -> str:
        return str(await self.tile(name).get_attribute("data-participant-id"))

    async def show_chat(self, shown: bool = True) -> None:
        """Opens or closes the chat where it takes the place of the tiles (on a phone)."""
        if await self.page.get_by_role("region", name="Chat").is_visible() != shown and self.on_phone:
            await self.page.get_by_role("button", name="Chat").first.click()

    @property
    def on_phone(self) -> bool:
        return (self.page.viewport_size or {"width": 0})["width"] < 1024

    async def say(self, text: str) -> None:
        await self.show_chat()
        chat = self.page.get_by_role("region", name="Chat")
        await chat.get_by_role("textbox").fill(text)
        await chat.get_by_role("button", name="Send", exact=True).click()

    async def messages(self, text: str) -> int:
        """How often a text stands in the chat."""
        await self.show_chat()
        return int(await self.page.get_by_role("region", name="Chat").get_by_text(text, exact=True).count())


async def person(
    browser: Browser, name: str, width: int = 1280, height: int = 800, theme: Literal["light", "dark"] = "light"
) -> Person:
    """Someone with a browser of their own: own cookies, own storage."""
    context: BrowserContext = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, locale="en-US"
    )
    return Person(name, await context.new_page())
