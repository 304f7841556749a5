"""A light participant of a VideoRoom: Janus' own WebSocket signaling, the same light connections as at our server."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from time import monotonic
from typing import Any, Final

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.connection import Identity, LightConnection
from bench.descriptions import AUDIO_MID, OPUS, VIDEO_MID, VP8, publish_offer, read_remote, subscribe_answer
from bench.janus import PROTOCOL, JanusFailed
from bench.packets import Feed, OpusStream, Vp8Stream

REPLY_S: Final = 10.0
_MAX_FRAME: Final = 1 << 20


class JanusSession:
    """One WebSocket with one session; handles and their requests."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ws: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._up: dict[int, asyncio.Event] = {}
        self._numbers = itertools.count()
        self._session = 0
        self.opened_at = 0.0
        """Monotonic."""

    async def open(self) -> None:
        """Opens the WebSocket and makes the session."""
        self._ws = await connect(self._url, subprotocols=[PROTOCOL], compression=None, max_size=_MAX_FRAME, proxy=None)
        self.opened_at = monotonic()
        self._reading = asyncio.create_task(self._read(self._ws))
        self._session = (await self._ask({"janus": "create"}))["data"]["id"]

    async def attach(self) -> int:
        """A handle to the VideoRoom."""
        answer = await self._ask({"janus": "attach", "plugin": "janus.plugin.videoroom", "session_id": self._session})
        handle: int = answer["data"]["id"]
        self._up[handle] = asyncio.Event()
        return handle

    async def up(self, handle: int) -> None:
        """Waits until Janus says that the handle's connection is up: before, nobody can ask for its feed.

        Raises:
            JanusFailed: it did not within 10 s.
        """
        try:
            async with asyncio.timeout(REPLY_S):
                await self._up[handle].wait()
        except TimeoutError:
            raise JanusFailed("Janus does not see a connection come up") from None

    async def request(self, handle: int, body: dict[str, Any], jsep: dict[str, str] | None = None) -> dict[str, Any]:
        """The plugin's answer, with its `jsep` if it has one.

        Raises:
            JanusFailed: it refused, or did not answer.
        """
        message = {"janus": "message", "session_id": self._session, "handle_id": handle, "body": body}
        answer = await self._ask(message if jsep is None else message | {"jsep": jsep})
        data: dict[str, Any] = answer.get("plugindata", {}).get("data", {})
        if "error" in data:
            raise JanusFailed(f"Janus refused: {data['error']}")
        return data | ({"jsep": answer["jsep"]} if "jsep" in answer else {})

    async def close(self) -> None:
        """Ends the session, and with it its connections."""
        ws, reading = self._ws, self._reading
        self._ws = self._reading = None
        if ws is None or reading is None:
            return
        with contextlib.suppress(ConnectionClosed):
            await ws.send(
                msgspec.json.encode({"janus": "destroy", "session_id": self._session, "transaction": "-"}).decode()
            )
        await ws.close()
        await asyncio.wait((reading,), timeout=REPLY_S)

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        if self._ws is None:
            raise JanusFailed("the session is closed")
        name = f"t{next(self._numbers)}"
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._replies[name] = reply
        try:
            async with asyncio.timeout(REPLY_S):
                await self._ws.send(msgspec.json.encode(message | {"transaction": name}).decode())
                answer = await reply
        except (TimeoutError, ConnectionClosed):
            raise JanusFailed("Janus does not answer") from None
        finally:
            del self._replies[name]
        if answer["janus"] == "error":
            raise JanusFailed(f"Janus refused: {answer['error']['reason']}")
        return answer

    async def _read(self, ws: ClientConnection) -> None:
        try:
            async for data in ws:
                message: dict[str, Any] = msgspec.json.decode(data)
                if message["janus"] == "webrtcup":
                    self._up[message["sender"]].set()
                waiting = self._replies.get(message.get("transaction", ""))
                # An acknowledgement comes before the answer.
                if waiting is not None and not waiting.done() and message["janus"] != "ack":
                    waiting.set_result(message)
        except ConnectionClosed:
            pass


async def make_room(session: JanusSession, room: int, people: int) -> None:
    """A room for so many publishers, without a limit to their bitrates, VP8 and Opus only."""
    handle = await session.attach()
    await session.request(
        handle,
        {
            "request": "create",
            "room": room,
            "publishers": people,
            "bitrate": 0,
            "audiocodec": "opus",
            "videocodec": "vp8",
            "transport_wide_cc_ext": True,
        },
    )


class JanusClient:
    """One person: a handle that publishes, a handle that receives the feeds of all others in one connection."""

    def __init__(self, identity: Identity, url: str, room: int, feeds: list[int]) -> None:
        """`feeds` is the room's list of who publishes, kept by the clients themselves."""
        self._identity = identity
        self._session = JanusSession(url)
        self._room = room
        self._feeds = feeds
        self._own = 0
        self.publication: LightConnection | None = None
        self.subscription: LightConnection | None = None
        self.audio: OpusStream | None = None
        self.video: Vp8Stream | None = None
        self.first_media_at: float | None = None
        self.all_media_at: float | None = None
        self.all_came = asyncio.Event()
        self._expected = 0
        self._heard: set[int] = set()

    @property
    def opened_at(self) -> float:
        """When this visit's WebSocket was open; monotonic."""
        return self._session.opened_at

    async def enter(self, *, tracks: int) -> None:
        """Opens the signaling; so many tracks are expected."""
        self._expected = tracks
        await self._session.open()

    async def publish(self, kbit_s: int) -> None:
        """Sets up the publish connection; nothing is sent yet."""
        feed = Feed()
        self.audio = OpusStream(secrets.randbits(31) + 1, OPUS, AUDIO_MID, feed)
        self.video = Vp8Stream(secrets.randbits(31) + 1, VP8, VIDEO_MID, feed, kbit_s=kbit_s)
        connection = self.publication = LightConnection(self._identity, on_rtcp=self.video.heed)
        # Janus would take the client's part in DTLS, which ours always plays.
        offer = publish_offer(connection.local, self.audio.ssrc, self.video.ssrc, setup="active")
        handle = await self._session.attach()
        answer = await self._session.request(
            handle,
            {"request": "joinandconfigure", "room": self._room, "ptype": "publisher"},
            {"type": "offer", "sdp": offer},
        )
        connection.begin(read_remote(answer["jsep"]["sdp"]))
        await connection.connected()
        await self._session.up(handle)
        self._own = answer["id"]
        self._feeds.append(self._own)

    async def listen(self) -> LightConnection:
        """Receives everyone who publishes now."""
        handle = await self._session.attach()
        streams = [{"feed": feed} for feed in self._feeds if feed != self._own]
        offer = await self._session.request(
            handle, {"request": "join", "room": self._room, "ptype": "subscriber", "streams": streams}
        )
        connection = self.subscription = LightConnection(self._identity, on_media=self._media)
        sdp = offer["jsep"]["sdp"]
        connection.begin(read_remote(sdp))
        answer = {"type": "answer", "sdp": subscribe_answer(connection.local, sdp)}
        await self._session.request(handle, {"request": "start"}, answer)
        await connection.connected()
        return connection

    async def leave(self) -> None:
        """Ends the visit; the next may follow."""
        for connection in (self.publication, self.subscription):
            if connection is not None:
                connection.close()
        if self._own:
            self._feeds.remove(self._own)
        self._own = 0
        self.publication = self.subscription = None
        self.first_media_at = self.all_media_at = None
        self._heard.clear()
        self.all_came.clear()
        await self._session.close()

    def _media(self, ssrc: int) -> None:
        if ssrc in self._heard:
            return
        self._heard.add(ssrc)
        if self.first_media_at is None:
            self.first_media_at = monotonic()
        if len(self._heard) == self._expected:
            self.all_media_at = monotonic()
            self.all_came.set()
