"""A check over a whole node on real sockets, with a bot's own connections: what was sent comes back, to nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from itertools import count

from msgspec import Struct
from sqlalchemy import func, select
from websockets.asyncio.client import ClientConnection

from protocol.codec import Wire, decode_server, encode_client
from protocol.ids import RequestId
from protocol.messages import (
    Ack,
    ClientMessage,
    Join,
    PublishAnswer,
    PublishOffer,
    SetDevices,
    SubscribeAnswer,
    SubscribeOffer,
    Welcome,
)
from protocol.values import Source
from server.auditing import AUDIT_STREAM
from server.bot.calls import Publishing, Subscribing, tracks_to_publish
from server.bot.report import BotReport
from server.bot.visit import _open, run_bot
from server.bot.way_in import Visitor, parse_link
from server.http.api import Joining
from server.storage.engine import reading
from server.storage.schema import events, payloads, room_snapshots, streams
from tests.server.bot.test_visit import Running, running

__all__ = ["running"]

SOURCES = (Source.MICROPHONE, Source.CAMERA)
ROOM = "/api/v1/sessions/SESSION/join"
WITHIN_S = 20.0
QUIET_S = 0.6
"""For so long nothing comes any more; at 50 packets of sound a second, 30 would have."""


class Caller:
    """A client that publishes sound and picture, and counts what comes back."""

    def __init__(self, ws: ClientConnection, joining: Joining) -> None:
        self.report = BotReport()
        self._ws = ws
        self._publishing = Publishing(tracks_to_publish("synthetic"), joining.ice_servers)
        self._subscribing = Subscribing(self.report, joining.ice_servers, lambda: 0.0)
        self._numbers = count(1)
        self._acked: set[str] = set()
        self._news = asyncio.Condition()
        self._offered: tuple[Source, ...] = ()

    async def read(self) -> None:
        async for data in self._ws:
            _, message = decode_server(data, Wire.MSGPACK)
            match message:
                case Welcome():
                    self.report.participant_id = message.snapshot.you
                case Ack():
                    self._acked.add(message.id)
                case PublishAnswer():
                    await self._publishing.take_answer(message.sdp)
                case SubscribeOffer():
                    self._offered = tuple(track.source for track in message.tracks)
                    await self.say(SubscribeAnswer(message.version, await self._subscribing.answer(message)))
                case _:
                    pass
            async with self._news:
                self._news.notify_all()

    async def say(self, message: ClientMessage) -> None:
        await self._ws.send(encode_client(message, Wire.MSGPACK))

    async def heard(self, that: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S), self._news:
            await self._news.wait_for(that)

    async def publish(self) -> None:
        sdp, sources = await self._publishing.offer()
        await self.say(PublishOffer(RequestId("p"), sdp, sources))

    async def set_devices(self, *, microphone: bool, camera: bool) -> None:
        request = RequestId(f"d{next(self._numbers)}")
        await self.say(SetDevices(request, microphone, camera))
        await self.heard(lambda: request in self._acked)

    def packets(self, source: Source) -> int:
        """Own packets of that source that came back."""
        return sum(track.packets for (_, of), track in self.report.tracks.items() if of is source)

    async def until_both_connections_stand(self) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not (self._publishing.connected and self._subscribing.connected):
                await asyncio.sleep(0.02)  # aiortc's own events come before it is really ready

    async def until_comes(self, source: Source) -> None:
        before = self.packets(source)
        async with asyncio.timeout(WITHIN_S):
            while self.packets(source) <= before:
                await asyncio.sleep(0.02)  # packets are counted in a door of aiortc that tells nobody

    async def close(self) -> None:
        await self._subscribing.close()
        await self._publishing.close()


@asynccontextmanager
async def calling(link: str, path: str = "/api/v1/check") -> AsyncGenerator[Caller]:
    async with Visitor(parse_link(link)) as visitor:
        await visitor.sign_in()
        session = await visitor.live_session()
        if path == ROOM:
            await visitor.arrive(session)
        path = path.replace("SESSION", session.id)
        joining = await visitor._ask("POST", path, Joining, Struct())
    ws = await _open(joining.ws_url)
    caller = Caller(ws, joining)
    reading = asyncio.create_task(caller.read())
    try:
        await caller.say(Join(joining.token))
        await caller.heard(lambda: caller.report.participant_id is not None)
        yield caller
    finally:
        await ws.close()
        reading.cancel()
        await asyncio.wait((reading,))
        await caller.close()


async def test_own_packets_come_back_in_a_check_and_closed_gates_stop_them_at_once(running: Running) -> None:
    """Takes about 4 s."""
    async with calling(running.links.participants[0]) as caller:
        await caller.publish()
        await caller.until_both_connections_stand()
        assert (caller.packets(Source.MICROPHONE), caller.packets(Source.CAMERA)) == (0, 0), "gates begin closed"
        await caller.set_devices(microphone=True, camera=True)
        await caller.until_comes(Source.MICROPHONE)
        await caller.until_comes(Source.CAMERA)
        await caller.set_devices(microphone=False, camera=True)
        # What left before the gate closed is here before the acknowledgement is, or within a moment after it.
        await caller.until_comes(Source.CAMERA)
        before = caller.packets(Source.MICROPHONE)
        await asyncio.sleep(QUIET_S)
        assert caller.packets(Source.MICROPHONE) == before
        await caller.until_comes(Source.CAMERA)


async def test_own_packets_do_not_come_back_in_a_room(running: Running) -> None:
    async with calling(running.links.mentor, ROOM) as dana, calling(running.links.participants[0], ROOM) as ellie:
        await ellie.set_devices(microphone=True, camera=True)
        await ellie.publish()
        for source in SOURCES:
            await dana.until_comes(source)
        await asyncio.sleep(QUIET_S)
        assert set(dana.report.tracks) == {(ellie.report.participant_id, source) for source in SOURCES}
        assert ellie.report.tracks == {}


async def test_nothing_of_a_check_is_stored(running: Running) -> None:
    async with calling(running.links.participants[0]) as caller:
        await caller.publish()
        await caller.set_devices(microphone=True, camera=True)
        await caller.until_comes(Source.MICROPHONE)
    async with reading(running.node.engine) as connection:
        assert list(await connection.scalars(select(streams.c.id))) == [AUDIT_STREAM]
        for table in (events, payloads, room_snapshots):
            assert (await connection.execute(select(func.count()).select_from(table))).scalar_one() == 0


async def test_a_check_shows_in_no_room(running: Running) -> None:
    async with calling(running.links.participants[0]) as caller:
        await caller.publish()
        await caller.set_devices(microphone=True, camera=True)
        await caller.until_comes(Source.MICROPHONE)
        page = running.node.metrics.render().decode()
        assert "holdspace_rooms 0.0" in page
        assert "holdspace_participants 0.0" in page
        assert "holdspace_media_rooms 0.0" in page
        assert "holdspace_media_checks 1.0" in page
        dana = await run_bot(running.links.mentor, publish="none", seconds=1)
        assert dana.ok
        assert set(dana.events) & {"participant_joined", "devices_changed"} == set()
        assert dana.tracks == {}
    await _until_forgotten(running)


async def _until_forgotten(running: Running) -> None:
    async with asyncio.timeout(WITHIN_S):
        while "holdspace_media_checks 0.0" not in running.node.metrics.render().decode():
            await asyncio.sleep(0.02)  # the server hears of a closed socket in its own time
