"""One visit of a bot: in by the link, through the room, and out again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from itertools import count
from time import monotonic
from typing import Final, assert_never

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

from protocol.codec import MAX_SERVER_FRAME, Wire, decode_server, encode_client
from protocol.errors import ErrorCode, ProtocolError
from protocol.ids import ParticipantId, RequestId
from protocol.messages import (
    Ack,
    ChatHidden,
    ChatPosted,
    ChatShown,
    ClientMessage,
    CoverChanged,
    DevicesChanged,
    Goodbye,
    Join,
    LayersWanted,
    Leave,
    ListeningChanged,
    LobbyJoined,
    LobbyLeft,
    MicrophoneAllowed,
    MicrophoneClosed,
    MicrophoneHeld,
    NotAloneChanged,
    ParticipantJoined,
    ParticipantLeft,
    PauseChanged,
    PicturesResting,
    Ping,
    PresenceChanged,
    PublishAnswer,
    PublishOffer,
    Reacted,
    Rejected,
    Resumed,
    ScreenAllowed,
    ScreenChanged,
    ServerMessage,
    SessionChanged,
    SessionEnded,
    SetDevices,
    SpeakersChanged,
    SubscribeAnswer,
    SubscribeOffer,
    ViewReplaced,
    Welcome,
    tag_of,
)
from protocol.monitoring import Monitored, MonitoringOver, Whispered, WhisperSpeaking
from protocol.supervision import Supervised, Unsupervised, Watching
from protocol.turns import FloorChanged, TalkTimeChanged
from protocol.values import ParticipantView, Snapshot, Source
from server.bot.calls import Publishing, Subscribing, tracks_to_publish
from server.bot.report import BotFault, BotReport
from server.bot.way_in import TIMEOUT_S, Visitor, parse_link

LEAVE_S: Final = 3.0

FAIR_TRIAL_S: Final = 3.0
"""What has not come after so long is missing; a shorter time proves nothing."""


async def run_bot(
    url: str, *, publish: str = "synthetic", seconds: float = 10.0, stop: asyncio.Event | None = None
) -> BotReport:
    """Visits the live session of whoever the sign-in link `url` belongs to. What goes wrong is in the report.

    `publish` is "synthetic", "none" or a media file; `seconds` is how long to stay after joining. Setting `stop`
    ends the visit early, and politely.
    """
    report = BotReport()
    visit = _Visit(report, seconds)
    visiting = asyncio.create_task(visit.run(url, publish))
    stopping = asyncio.create_task((stop or asyncio.Event()).wait())
    try:
        await asyncio.wait((visiting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if visit.at_the_door or visiting.done():
            visit.hurry()
            await visiting
        else:
            report.fail("interrupted", "Stopped before it had joined.")
    except BotFault as fault:
        report.fail(fault.code, fault.words)
    finally:
        stopping.cancel()
        visiting.cancel()
        await asyncio.wait((stopping, visiting))
    return report


class _Visit:
    def __init__(self, report: BotReport, seconds: float) -> None:
        self._report = report
        self._seconds = seconds
        self._numbers = count(1)
        self._over = asyncio.Event()
        self._welcomed: asyncio.Future[Welcome] = asyncio.get_running_loop().create_future()
        self._inside: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._published: asyncio.Future[PublishAnswer] = asyncio.get_running_loop().create_future()
        self._offers: asyncio.Queue[SubscribeOffer] = asyncio.Queue()
        self._leaving = False
        self._opened_at = 0.0
        self._on_since: dict[tuple[ParticipantId, Source], float] = {}
        self._offered_since: dict[tuple[ParticipantId, Source], float] = {}

    @property
    def at_the_door(self) -> bool:
        """Whether the server may know of this visit: then it ends with a goodbye, not with silence."""
        return self._opened_at > 0

    def hurry(self) -> None:
        """Ends the stay now."""
        self._over.set()

    async def run(self, url: str, publish: str) -> None:
        """The whole visit. Raises BotFault for what kept it from joining."""
        link = parse_link(url)
        tracks = tracks_to_publish(publish)
        async with Visitor(link) as visitor:
            await visitor.sign_in()
            session = await visitor.live_session()
            await visitor.arrive(session)
            asked_at = monotonic()
            joining = await visitor.join(session)
        ws = await _open(joining.ws_url)
        self._opened_at = monotonic()
        reading = asyncio.create_task(self._read(ws))
        publishing = Publishing(tracks, joining.ice_servers) if tracks else None
        subscribing = Subscribing(self._report, joining.ice_servers, self._elapsed_ms)
        try:
            await self._send(ws, Join(joining.token))
            welcome = await self._welcome(reading)
            self._report.join_ms = (monotonic() - asked_at) * 1000
            await self._stay(ws, welcome, publishing, subscribing)
            await self._leave(ws, reading)
        finally:
            await ws.close()
            reading.cancel()
            await asyncio.wait((reading,))
            await subscribing.close()
            if publishing is not None:
                await publishing.close()

    # ── in the room ───────────────────────────────────────────────────────────────────────────

    async def _welcome(self, reading: asyncio.Task[None]) -> Welcome:
        await asyncio.wait((self._welcomed, reading), timeout=TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        if not self._welcomed.done():
            raise BotFault(
                self._report.error or "no_answer",
                self._report.words or f"The server did not let the bot in within {TIMEOUT_S:.0f} s.",
            )
        return self._welcomed.result()

    async def _stay(
        self, ws: ClientConnection, welcome: Welcome, publishing: Publishing | None, subscribing: Subscribing
    ) -> None:
        chores = [
            asyncio.create_task(self._chore(lambda: self._answer_offers(ws, subscribing))),
            asyncio.create_task(self._chore(lambda: self._ping(ws, welcome.ping_every_s))),
        ]
        if publishing is not None:
            chores.append(asyncio.create_task(self._chore(lambda: self._publish(ws, publishing))))
        began_at = monotonic()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._over.wait()
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.wait(chores)
        if publishing is not None and not publishing.connected and monotonic() - began_at >= FAIR_TRIAL_S:
            self._report.fail(
                "media_failed", "Sound and picture could not be sent: is the server's UDP port reachable from here?"
            )
        if subscribing.failed(FAIR_TRIAL_S):
            self._report.fail(
                "media_failed", "Nothing could be received: is the server's UDP port reachable from here?"
            )
        self._look_for_silence()

    async def _chore(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except BotFault as fault:
            self._report.fail(fault.code, fault.words)
            self._over.set()
        except ConnectionClosed:
            pass  # `_read` hears it, too, and says why

    async def _publish(self, ws: ClientConnection, publishing: Publishing) -> None:
        """Waits in the lobby where it has to, and comes in with all that it brought."""
        snapshot = await self._inside
        closings = next((each.closings for each in snapshot.participants if each.id == snapshot.you), 0)
        sdp, sources = await publishing.offer()
        sending = set(sources.values())
        await self._send(
            ws, SetDevices(self._id("d"), Source.MICROPHONE in sending, Source.CAMERA in sending, closings)
        )
        await self._send(ws, PublishOffer(self._id("p"), sdp, sources))
        answer = await self._published
        await publishing.take_answer(answer.sdp)

    async def _answer_offers(self, ws: ClientConnection, subscribing: Subscribing) -> None:
        while True:
            offer = await self._offers.get()
            answer = await subscribing.answer(offer)
            await self._send(ws, SubscribeAnswer(offer.version, answer))

    async def _ping(self, ws: ClientConnection, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            await self._send(ws, Ping(self._id("s")))

    async def _leave(self, ws: ClientConnection, reading: asyncio.Task[None]) -> None:
        self._leaving = True
        with contextlib.suppress(ConnectionClosed):
            await self._send(ws, Leave(self._id("l")))
            await asyncio.wait((reading,), timeout=LEAVE_S)

    def _look_for_silence(self) -> None:
        """Whether others were sending and nothing came of a whole kind of it."""
        now = monotonic()
        for source in Source:
            expected = [
                key
                for key, offered in self._offered_since.items()
                if key[1] is source and now - max(offered, self._on_since.get(key, now)) >= FAIR_TRIAL_S
            ]
            came = [key for key in expected if key in self._report.tracks]
            if expected and not came:
                self._report.fail(
                    "nothing_received", f"Others have their {source} on, and for {FAIR_TRIAL_S:.0f} s nothing came."
                )

    # ── frames ────────────────────────────────────────────────────────────────────────────────

    async def _read(self, ws: ClientConnection) -> None:
        try:
            async for data in ws:
                _, message = decode_server(data, Wire.MSGPACK)
                self._report.events[tag_of(message)] += 1
                self._take(message)
        except ConnectionClosed:
            pass
        except ProtocolError as error:
            self._report.fail(error.code, f"The server's message cannot be read ({error}).")
        if not self._leaving:
            self._report.fail("connection_lost", "The connection to the server was lost.")
        self._over.set()

    def _take(self, message: ServerMessage) -> None:
        match message:
            case Welcome():
                self._look_around(message.snapshot)
                if not self._welcomed.done():
                    self._welcomed.set_result(message)
            case ViewReplaced():
                self._on_since.clear()
                self._look_around(message.snapshot)
            case PublishAnswer():
                if not self._published.done():
                    self._published.set_result(message)
            case SubscribeOffer():
                now = monotonic()
                offered = {(track.participant_id, track.source) for track in message.tracks}
                self._offered_since = {key: self._offered_since.get(key, now) for key in offered}
                self._offers.put_nowait(message)
            case Rejected():
                self._report.fail(message.code, f"The server said: {message.message}")
            case Goodbye():
                if not (self._leaving and message.code is ErrorCode.LEFT):
                    self._report.fail(message.code, f"The server said: {message.message}")
            case ParticipantJoined(participant=ParticipantView() as person):
                self._is_on(person.id, microphone=person.microphone, camera=person.camera)
            case DevicesChanged():
                self._is_on(message.participant_id, microphone=message.microphone, camera=message.camera)
            case ParticipantLeft():
                self._is_on(message.participant_id, microphone=False, camera=False)
            case PresenceChanged():
                # Whoever lost the connection sends nothing until it is back.
                if not message.connected:
                    self._is_on(message.participant_id, microphone=False, camera=False)
            case ChatPosted():
                self._report.chat.append(message.message.id)
            case (
                Ack()
                | Resumed()
                | LayersWanted()
                | Watching()
                | Supervised()
                | Unsupervised()
                | ChatHidden()
                | ChatShown()
                | MicrophoneClosed()
                | MicrophoneAllowed()
                | MicrophoneHeld()
                | ScreenChanged()
                | ScreenAllowed()
                | SessionEnded()
                | LobbyJoined()
                | LobbyLeft()
                | ListeningChanged()
                | CoverChanged()
                | SessionChanged()
                | PauseChanged()
                | NotAloneChanged()
                | Reacted()
                | SpeakersChanged()
                | FloorChanged()
                | TalkTimeChanged()
                | PicturesResting()
                | Monitored()
                | MonitoringOver()
                | Whispered()
                | WhisperSpeaking()
            ):
                pass
            case _:
                assert_never(message)

    def _look_around(self, snapshot: Snapshot) -> None:
        self._report.participant_id = snapshot.you
        known = set(self._report.chat)
        self._report.chat += [each.id for each in snapshot.chat if each.id not in known]
        for person in snapshot.participants:
            self._is_on(person.id, microphone=person.microphone, camera=person.camera)
        if not snapshot.waiting and not self._inside.done():
            self._inside.set_result(snapshot)

    def _is_on(self, who: ParticipantId, *, microphone: bool, camera: bool) -> None:
        now = monotonic()
        for source, on in ((Source.MICROPHONE, microphone), (Source.CAMERA, camera)):
            if on:
                self._on_since.setdefault((who, source), now)
            else:
                self._on_since.pop((who, source), None)

    async def _send(self, ws: ClientConnection, message: ClientMessage) -> None:
        await ws.send(encode_client(message, Wire.MSGPACK))

    def _id(self, letter: str) -> RequestId:
        return RequestId(f"{letter}{next(self._numbers)}")

    def _elapsed_ms(self) -> float:
        return (monotonic() - self._opened_at) * 1000


async def _open(ws_url: str) -> ClientConnection:
    try:
        return await connect(
            ws_url,
            subprotocols=[Subprotocol(Wire.MSGPACK.value)],
            compression=None,
            max_size=MAX_SERVER_FRAME,
            open_timeout=TIMEOUT_S,
            close_timeout=LEAVE_S,
            proxy=None,
        )
    except (InvalidHandshake, InvalidURI, OSError, TimeoutError) as error:
        raise BotFault("unreachable", f"The WebSocket {ws_url} cannot be opened: {error}.") from None
