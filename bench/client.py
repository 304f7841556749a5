"""A light participant: real sign-in and signaling, light connections."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from time import monotonic
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from bench.connection import Identity, LightConnection, NotConnected
from bench.descriptions import AUDIO_MID, OPUS, VIDEO_MID, VP8, publish_offer, read_remote, subscribe_answer
from bench.packets import THUMBNAIL_KBIT_S, Feed, OpusStream, Vp8Stream
from protocol.codec import MAX_SERVER_FRAME, Wire, decode_server, encode_client
from protocol.ids import MessageId, RequestId
from protocol.messages import (
    Ack,
    AllowMicrophone,
    ClientMessage,
    CloseMicrophone,
    Goodbye,
    HideChat,
    Join,
    Leave,
    Ping,
    PostChat,
    PublishAnswer,
    PublishOffer,
    Rejected,
    ServerMessage,
    SetDevices,
    ShowChat,
    SubscribeAnswer,
    SubscribeOffer,
    Welcome,
)
from protocol.turns import EndTurn, GiveTurn, SetTurnMode
from protocol.values import Source
from server.bot.way_in import Link, Visitor

REPLY_S: Final = 10.0


Request = (
    SetDevices
    | PublishOffer
    | PostChat
    | HideChat
    | ShowChat
    | CloseMicrophone
    | AllowMicrophone
    | SetTurnMode
    | GiveTurn
    | EndTurn
)


class ClientFailed(Exception):
    """A light client was turned away or left waiting; the run is void. `code` is the server's, if it gave one."""

    def __init__(self, words: str, code: str = "") -> None:
        super().__init__(words)
        self.code = code


class LightClient:
    """One person, signed in; may join again and again.

    Attributes:
        opened_at, welcomed_at: monotonic times of the present visit.
        first_media_at: first RTP packet of someone else; None before.
        all_media_at: first packet of the last of the expected tracks; None before.
        lost: set when the socket of this visit has ended.
    """

    def __init__(
        self,
        identity: Identity,
        base_url: str,
        token: str,
        on_message: Callable[[int | None, ServerMessage], None] | None = None,
        on_packet: Callable[[], None] | None = None,
    ) -> None:
        """`on_message` is called with the sequence number and the body of everything that arrives.

        `on_packet` with each RTP packet, unless the connection was given away.
        """
        self._identity = identity
        self._visitor = Visitor(Link(base_url, token))
        self._ws: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._replies: dict[str, asyncio.Future[ServerMessage]] = {}
        self._chores: list[asyncio.Task[None]] = []
        self.opened_at = self.welcomed_at = 0.0
        self.first_media_at: float | None = None
        self.all_media_at: float | None = None
        self.all_came = asyncio.Event()
        self.offered = asyncio.Event()
        self.lost = asyncio.Event()
        self._on_message = on_message
        self._on_packet = on_packet
        self._expected = 0
        self._heard: set[int] = set()
        self.subscription: LightConnection | None = None
        self.publication: LightConnection | None = None
        self.audio: OpusStream | None = None
        self.video: Vp8Stream | None = None

    async def sign_in(self) -> None:
        """Uses the sign-in link, and agrees to what a join asks for."""
        await self._visitor.sign_in()
        await self._visitor.arrive(await self._visitor.live_session())

    async def enter(self, *, tracks: int) -> None:
        """As `join`."""
        await self.join(tracks=tracks)

    async def join(self, *, tracks: int) -> None:
        """Opens a WebSocket and joins; answers subscribe offers if it is to receive any `tracks`."""
        self._expected = tracks
        self._heard.clear()
        self.first_media_at = self.all_media_at = None
        for event in (self.all_came, self.offered):
            event.clear()
        joining = await self._visitor.join(await self._visitor.live_session())
        welcome = self._expect("welcome")
        await self._open(joining.ws_url, Join(joining.token))
        message = await self._await(welcome)
        assert isinstance(message, Welcome)
        self.welcomed_at = monotonic()
        self._chores.append(asyncio.create_task(self._stay_alive(message.ping_every_s)))

    async def publish(self, kbit_s: int = THUMBNAIL_KBIT_S) -> None:
        """Sets up the publish connection, with a picture of that bitrate; nothing is sent yet."""
        feed = Feed()
        self.audio = OpusStream(secrets.randbits(31) + 1, OPUS, AUDIO_MID, feed)
        self.video = Vp8Stream(secrets.randbits(31) + 1, VP8, VIDEO_MID, feed, kbit_s=kbit_s)
        connection = self.publication = LightConnection(self._identity, on_rtcp=self.video.heed)
        await self.request(SetDevices(RequestId("devices"), microphone=True, camera=True))
        offer = publish_offer(connection.local, self.audio.ssrc, self.video.ssrc)
        sources = {AUDIO_MID: Source.MICROPHONE, VIDEO_MID: Source.CAMERA}
        answer = await self.request(PublishOffer(RequestId("publish"), offer, sources))
        assert isinstance(answer, PublishAnswer)
        connection.begin(read_remote(answer.sdp))
        await self.ready(connection)

    async def listen(self) -> LightConnection:
        """The connection that receives, once packets can flow."""
        try:
            async with asyncio.timeout(REPLY_S):
                await self.offered.wait()
        except TimeoutError:
            raise ClientFailed("the server offered nothing") from None
        assert self.subscription is not None
        await self.ready(self.subscription)
        return self.subscription

    async def ready(self, connection: LightConnection) -> None:
        """Waits until packets can flow."""
        try:
            await connection.connected()
        except NotConnected as error:
            raise ClientFailed(str(error)) from None

    async def post_chat(self, number: int) -> float:
        """Posts a message; seconds until it was acknowledged, that is: stored."""
        began = monotonic()
        name = f"m{number}"
        await self.request(PostChat(RequestId(name), MessageId(secrets.token_hex(8)), f"message {number}"))
        return monotonic() - began

    async def drop(self) -> None:
        """Closes everything of this visit without a word, as when the network is gone."""
        await self._close(politely=False)

    async def leave(self) -> None:
        """Leaves the room and closes everything of this visit."""
        await self._close(politely=True)

    async def _close(self, *, politely: bool) -> None:
        ws, reading = self._ws, self._reading
        for chore in self._chores:
            chore.cancel()
        for connection in (self.subscription, self.publication):
            if connection is not None:
                connection.close()
        self.subscription = self.publication = None
        if ws is not None and reading is not None:
            if politely:
                with contextlib.suppress(ConnectionClosed):
                    await self._send(Leave(RequestId("leave")))
                await asyncio.wait((reading,), timeout=REPLY_S)
                await ws.close()
            else:
                ws.transport.abort()
                await asyncio.wait((reading,), timeout=REPLY_S)
        await asyncio.gather(*self._chores, return_exceptions=True)
        self._chores.clear()
        self._ws = self._reading = None

    async def close(self) -> None:
        """Leaves, and forgets the sign-in."""
        await self.leave()
        await self._visitor.__aexit__()

    # ── signaling ─────────────────────────────────────────────────────────────────────────────

    async def _open(self, ws_url: str, first: ClientMessage) -> None:
        self._ws = await connect(
            ws_url,
            subprotocols=[Subprotocol(Wire.MSGPACK.value)],
            compression=None,
            max_size=MAX_SERVER_FRAME,
            proxy=None,
        )
        self.opened_at = monotonic()
        self.lost.clear()
        self._reading = asyncio.create_task(self._read(self._ws))
        await self._send(first)

    async def request(self, message: Request) -> ServerMessage:
        """The answer.

        Raises:
            ClientFailed: it was refused, or did not come.
        """
        reply = self._expect(message.id)
        try:
            await self._send(message)
        except ConnectionClosed:
            raise ClientFailed("the connection was lost") from None
        return await self._await(reply)

    def _expect(self, name: str) -> asyncio.Future[ServerMessage]:
        reply: asyncio.Future[ServerMessage] = asyncio.get_running_loop().create_future()
        self._replies[name] = reply
        return reply

    async def _await(self, reply: asyncio.Future[ServerMessage]) -> ServerMessage:
        try:
            async with asyncio.timeout(REPLY_S):
                message = await reply
        except TimeoutError:
            raise ClientFailed("the server did not reply") from None
        if isinstance(message, Rejected | Goodbye):
            raise ClientFailed(f"the server refused: {message.code}", message.code)
        return message

    async def _send(self, message: ClientMessage) -> None:
        assert self._ws is not None
        await self._ws.send(encode_client(message, Wire.MSGPACK))

    async def _stay_alive(self, every_s: float) -> None:
        for number in range(10_000):
            await asyncio.sleep(every_s)
            await self._send(Ping(RequestId(f"ping{number}")))
            if self.subscription is not None:
                self.subscription.report()

    async def _read(self, ws: ClientConnection) -> None:
        try:
            async for data in ws:
                seq, message = decode_server(data, Wire.MSGPACK)
                if self._on_message is not None:
                    self._on_message(seq, message)
                match message:
                    case Ack(id=name) | Rejected(id=name) | PublishAnswer(id=name):
                        self._reply(name, message)
                    case Welcome():
                        self._reply("welcome", message)
                    case Goodbye():
                        for name in tuple(self._replies):
                            self._reply(name, message)
                    case SubscribeOffer() if self._expected:
                        await self._answer(message)
                    case _:
                        pass
        except ConnectionClosed:
            pass
        finally:
            self.lost.set()
            for waiting in self._replies.values():
                if not waiting.done():
                    waiting.set_exception(ClientFailed("the connection was lost"))
                    waiting.exception()
            self._replies.clear()

    def _reply(self, name: str, message: ServerMessage) -> None:
        waiting = self._replies.pop(name, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    async def _answer(self, offer: SubscribeOffer) -> None:
        connection = self.subscription
        if offer.fresh or connection is None:
            if connection is not None:
                connection.close()
            connection = self.subscription = LightConnection(self._identity, on_media=self._media)
            connection.begin(read_remote(offer.sdp))
            self.offered.set()
        await self._send(SubscribeAnswer(offer.version, subscribe_answer(connection.local, offer.sdp)))

    # ── media ─────────────────────────────────────────────────────────────────────────────────

    def _media(self, ssrc: int) -> None:
        if self._on_packet is not None:
            self._on_packet()
        if ssrc in self._heard:
            return
        self._heard.add(ssrc)
        if self.first_media_at is None:
            self.first_media_at = monotonic()
        if len(self._heard) == self._expected:
            self.all_media_at = monotonic()
            self.all_came.set()


class Pacer:
    """Sends for all publishers: sound every 20 ms, a frame 15 times a second, a sender report every second."""

    def __init__(self, publishers: list[LightClient], wall: Callable[[], float]) -> None:
        self._publishers = publishers
        self._wall = wall
        self.sent = 0
        self.refused = 0
        """By the kernel: the sender's own socket was full."""
        self.late = 0
        """Ticks that came more than 20 ms late: the load generator could not keep up."""

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        tick = 0
        while True:
            due = began + tick * 0.02
            wait = due - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            else:
                self.late += wait < -0.02
                await asyncio.sleep(0)
            for place, client in enumerate(self._publishers):
                self._send(client, tick, place)
            tick += 1

    def _send(self, client: LightClient, tick: int, place: int) -> None:
        connection, audio, video = client.publication, client.audio, client.video
        if connection is None or audio is None or video is None:
            return
        self._put(connection, audio.following())
        # Frames of different publishers do not fall on the same moment.
        if (tick * 3 + place) % 10 < 3:
            for packet in video.following():
                self._put(connection, packet)
        if (tick + place * 7) % 50 == 0:
            now = self._wall()
            connection.send(audio.sender_report(now), control=True)
            connection.send(video.sender_report(now), control=True)

    def _put(self, connection: LightConnection, packet: bytes) -> None:
        if connection.send(packet):
            self.sent += 1
        else:
            self.refused += 1
