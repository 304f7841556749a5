"""A live room on a server of its own, and people who come into it in real Chromium."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
from playwright.async_api import Browser, BrowserContext, Page

from bench.people import LINK_S, make_rooms
from bench.process import ROOT, ServerProcess, free_ports
from protocol.ids import IdentityId
from protocol.values import Role
from server.auth import Auth
from server.bot.way_in import Link, Visitor
from server.clock import SystemClock
from server.storage.engine import open_engine

HOST: Final = -1
"""The mentor; the participants are 0 and on."""
_CLIENT: Final = {"SERVER__CLIENT_DIR": str(ROOT / "web_client" / "dist")}


@dataclass(slots=True)
class LiveRoom:
    """A mentor and participants who have agreed to everything, and the pages that they open."""

    server: ServerProcess
    browser: Browser
    name: str
    people: int

    async def enter(self, who: int, *, capture: str, script: str = "", width: int = 1280, height: int = 800) -> Page:
        """Into the room, in a context of its own, with a script in the page before the client's."""
        context: BrowserContext = await self.browser.new_context(
            locale="en-US", viewport={"width": width, "height": height}
        )
        if script:
            await context.add_init_script(script)
        page = await context.new_page()
        token = await self._link(who)
        await page.goto(f"{self.server.base_url}/join?debug&capture={capture}#{token}")
        await page.get_by_role("button", name="Join", exact=True).click()
        await page.get_by_role("region", name="Participants").wait_for()
        return page

    async def leave(self, page: Page) -> None:
        """The ordinary way, so that nobody's place is kept; and the page is gone."""
        await page.get_by_role("button", name="Leave", exact=True).click()
        await page.get_by_role("region", name="Participants").wait_for(state="detached")
        await page.context.close()

    async def _link(self, who: int) -> str:
        # Links are good for one sign-in.
        engine = open_engine(self.server.storage_url)
        try:
            return await Auth(engine, SystemClock()).make_link(
                IdentityId(f"bench-{self.name}-{who % self.people}"), ttl_s=LINK_S
            )
        finally:
            await engine.dispose()


@asynccontextmanager
async def live_room(
    browser: Browser, name: str, guests: int = 1, settings: Mapping[str, str] | None = None
) -> AsyncGenerator[LiveRoom]:
    """A room for the time of a block.

    Raises:
        ServerFailed, BotFault: it could not be made.
    """
    with tempfile.TemporaryDirectory(prefix=f"holdspace-{name}-") as folder:
        server = ServerProcess(Path(folder), free_ports(), {**_CLIENT, **(settings or {})})
        roles = (Role.PARTICIPANT,) * guests + (Role.MENTOR,)
        tokens = (await make_rooms(server.storage_url, {name: roles}))[name]
        try:
            async with aiohttp.ClientSession() as http:
                await server.start(http)
            for token in tokens:
                async with Visitor(Link(server.base_url, token)) as visitor:
                    await visitor.sign_in()
                    await visitor.arrive(await visitor.live_session())
            yield LiveRoom(server, browser, name, len(tokens))
        finally:
            await server.stop()
