"""A small web server around a MediaPlane, and headless Chromium pages that join through it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import WSMsgType, web
from playwright.async_api import Browser, Page

from media.places import Listen
from media.plane import MediaPlane
from media.shell import SocketEngine
from protocol.errors import HoldspaceError
from protocol.messages import SubscribeOffer
from protocol.values import Source


class Site:
    """The server's side of the test page."""

    def __init__(self, advertise: tuple[str, ...] = ("auto",)) -> None:
        self.engine = SocketEngine((Listen(advertise=advertise),))
        self.plane = MediaPlane(self.engine, on_offer=self._offer, on_speakers=self._speakers, on_failed=self._failed)
        self.failed: list[tuple[str, str]] = []
        self.port = 0
        self._sockets: dict[tuple[str, str], web.WebSocketResponse] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        await self.plane.start()
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_get("/ws", self._socket)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self.plane.close()
        for socket in list(self._sockets.values()):
            await socket.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _say(self, room: str, who: str, message: dict[str, Any]) -> None:
        socket = self._sockets.get((room, who))
        if socket is not None and not socket.closed:
            task = asyncio.get_running_loop().create_task(socket.send_str(json.dumps(message)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _offer(self, room: str, who: str, offer: SubscribeOffer) -> None:
        body = msgspec.to_builtins(offer)
        self._say(room, who, {**body, "fresh": offer.fresh, "type": "offer"})

    def _speakers(self, room: str, who: tuple[str, ...]) -> None:
        for each, participant in list(self._sockets):
            if each == room:
                self._say(room, participant, {"type": "speakers", "who": who})

    def _failed(self, room: str, who: str, end: str) -> None:
        self.failed.append((who, end))

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=(Path(__file__).parent / "page.html").read_text(), content_type="text/html")

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        room, who = request.query["room"], request.query["me"]
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[room, who] = socket
        if "monitor" in request.query:
            return await self._monitor(socket, room, who)
        for source in Source:
            self.plane.set_gate(room, who, source, True)
        self.plane.add_peer(room, who, mentor="mentor" in request.query)
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                break
            message = json.loads(frame.data)
            try:
                if message["type"] == "publish":
                    sources = {mid: Source(source) for mid, source in message["sources"].items()}
                    answer = self.plane.publish(room, who, message["sdp"], sources)
                    self._say(room, who, {"type": "answer", "sdp": answer})
                elif message["type"] == "answer":
                    self.plane.answer(room, who, message["version"], message["sdp"])
            except HoldspaceError as error:
                self._say(room, who, {"type": "error", "text": str(error)})
        self.plane.remove_peer(room, who)
        self._sockets.pop((room, who), None)
        return socket

    async def _monitor(self, socket: web.WebSocketResponse, place: str, who: str) -> web.WebSocketResponse:
        plane = self.plane
        plane.add_monitor(who, partial(self._offer, place, who), lambda end: self.failed.append((who, end)))
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                break
            message = json.loads(frame.data)
            if message["type"] == "publish":
                answer = plane.publish_monitor(
                    who, message["sdp"], {mid: Source(s) for mid, s in message["sources"].items()}
                )
                self._say(place, who, {"type": "answer", "sdp": answer})
            elif message["type"] == "answer":
                plane.answer_monitor(who, message["version"], message["sdp"])
        plane.remove_monitor(who)
        self._sockets.pop((place, who), None)
        return socket


async def join(browser: Browser, site: Site, room: str, me: str, extra: str = "") -> Page:
    """A page in its own context that joins the room."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{site.port}/?room={room}&me={me}{extra}")
    return page


async def look(page: Page) -> dict[str, Any]:
    """What the page counts."""
    return await page.evaluate("look()")


async def until(page: Page, true: Callable[[dict[str, Any]], bool], within_s: float = 20.0) -> dict[str, Any]:
    """Looks at the page until something holds. Raises AssertionError with what was seen last."""

    async def watch() -> dict[str, Any]:
        while not true(seen := await look(page)):
            last.append(seen)
            await asyncio.sleep(0.1)
        return seen

    last: list[dict[str, Any]] = []
    waiting: Awaitable[dict[str, Any]] = watch()
    try:
        return await asyncio.wait_for(waiting, within_s)
    except TimeoutError:
        raise AssertionError(f"not within {within_s} s; last seen: {last[-1:]}") from None
