"""Speaking turns down to the packets: a real keeper, the real plane, and the real engine without sockets or ciphers.

The clients are modified ones: they never cease to send, whether or not they may.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from random import Random
from typing import Any, cast

import pytest

from media.engine.core import EngineCore
from media.engine.interface import Candidate, PacketEngine, TransportId
from media.engine.rtp import build, extension_block
from media.engine.stun import BINDING_REQUEST, ICE_CONTROLLING, USE_CANDIDATE, USERNAME
from media.engine.stun import build as build_stun
from media.engine.transport import Path
from media.plane import MediaPlane
from moderation.decision import Accepted
from protocol.ids import IdentityId, ParticipantId, RequestId, SessionId
from protocol.messages import SetDevices, SubscribeOffer
from protocol.turns import EndTurn, GiveTurn, SetTurnMode
from protocol.values import Role, Source, TurnMode
from rooms.commands import Enter, OpenSession, Requested, RoomRequest, WaiveResponder
from rooms.life import DEFAULT_RULES
from rooms.state import EMPTY
from server.keeper import Keeper
from server.storage.log import Claim
from tests.fakes import FakeClock
from tests.media.engine.world import KEYS, NullCipher
from tests.media.offers import CHROMIUM_OFFER, answer_to
from tests.media.stage import SOURCES
from tests.room_fakes import FakeEar, FakeListener, FakeLog, FakeTimers

ROOM = SessionId("room-1")
DANA = ParticipantId("dana")
PEOPLE = tuple(ParticipantId(f"p{number}") for number in range(6))
MIC = Source.MICROPHONE


class CoreEngine:
    """A `PacketEngine` at a time that the test sets."""

    def __init__(self) -> None:
        self.core = EngineCore(Random(3), NullCipher)
        self.now = 1_000.0
        self.secrets: dict[TransportId, tuple[str, str]] = {}

    def add_transport(self, ufrag: str, pwd: str, *, monitor: bool = False) -> TransportId:
        handle = self.core.add_transport(ufrag, pwd, self.now, monitor=monitor)
        self.secrets[handle] = (ufrag, pwd)
        return handle

    def candidates(self) -> tuple[Candidate, ...]:
        return (Candidate("192.0.2.1", 8_081),)

    def start(self, wake: object) -> None:
        pass

    def close(self) -> None:
        pass

    def set_audio_group(self, transport: TransportId, mid: str, group: int, loudest: int = 4) -> None:
        self.core.set_audio_group(transport, mid, group, loudest)

    def drain(self, limit: int = 256) -> Any:
        return self.core.drain(limit)

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            timed = name in {"set_keys", "set_ingress_gate", "prime_from_cache", "set_egress_gate", "refresh", "route"}
            if name == "route":
                out, source, mid, want = (*arguments, "", "")[:4]
                arguments = (out, source, mid, want)
            return getattr(self.core, name)(*arguments, *((self.now,) if timed else ()))

        return call


@dataclass
class Line:
    """Where someone's packets come from, and where those for them go."""

    sending: Path
    receiving: Path
    transport: TransportId
    ssrc: int
    sequence: int = 0


class Scene:
    """A mentor and six participants, all of whom publish."""

    def __init__(self) -> None:
        self.engine = CoreEngine()
        self.offers: dict[str, SubscribeOffer] = {}
        self.plane = MediaPlane(
            cast("PacketEngine", self.engine),
            on_offer=lambda _room, who, offer: self.offers.update({who: offer}),
            on_speakers=lambda _room, _who: None,
        )
        self.keeper = Keeper(
            ROOM, EMPTY, Claim(1, 0), FakeLog(), self.plane, FakeClock(), FakeTimers(), FakeEar(), DEFAULT_RULES
        )
        self.lines: dict[ParticipantId, Line] = {}
        self.turn = 0
        self._numbers = 0

    async def open(self) -> None:
        await self.plane.start()
        await self.keeper.submit(OpenSession(ROOM, "Tuesday"))
        await self.keeper.submit(WaiveResponder(IdentityId("id-lead")))
        for who in (DANA, *PEOPLE):
            role = Role.MENTOR if who == DANA else Role.PARTICIPANT
            await self.keeper.submit(Enter(who, IdentityId(f"id-{who}"), who, role))
            self.keeper.attach(FakeListener(who, role))
            self.plane.add_peer(ROOM, who)
        for place, who in enumerate((DANA, *PEOPLE)):
            ssrc = 10_000 + 100 * place
            offer = CHROMIUM_OFFER.replace("qJbS", f"name{place}").replace("3910432611", str(ssrc))
            self.plane.publish(ROOM, who, offer, SOURCES)
            peer = self.plane._rooms[ROOM].peers[who]
            assert peer.publication is not None
            assert peer.subscriber.subscription is not None
            up, down = peer.publication.connection.transport, peer.subscriber.subscription.connection.transport
            self.lines[who] = Line(self._connect(up), self._connect(down), up, ssrc)
        for _ in range(3):
            await turn_of_the_loop()
            for who, offer in self.offers.items():
                self.plane.answer(ROOM, who, offer.version, answer_to(offer.sdp))
        self.spoken(0.2)

    def _connect(self, transport: TransportId) -> Path:
        self._numbers += 1
        path = Path("198.51.100.7", self._numbers, "203.0.113.1")
        ufrag, pwd = self.engine.secrets[transport]
        check = [(USERNAME, f"{ufrag}:them".encode()), (ICE_CONTROLLING, bytes(8)), (USE_CANDIDATE, b"")]
        request = build_stun(BINDING_REQUEST, bytes(range(12)), check, pwd.encode())
        self.engine.core.receive(request, path, self.engine.now)
        self.engine.core.set_keys(transport, KEYS, self.engine.now)
        return path

    async def ask(self, who: ParticipantId, message: RoomRequest) -> None:
        assert isinstance(await self.keeper.submit(Requested(who, message)), Accepted)

    async def give(self, who: ParticipantId) -> None:
        await self.ask(DANA, GiveTurn(RequestId("give"), self.turn, who))
        self.turn += 1

    async def tap(self, who: ParticipantId) -> bool:
        closings = self.keeper.state.people[who].closings
        devices = SetDevices(RequestId("tap"), microphone=True, camera=True, closings=closings)
        return isinstance(await self.keeper.submit(Requested(who, devices)), Accepted)

    def spoken(self, seconds: float, *, shouting: tuple[ParticipantId, ...] = ()) -> dict[tuple[str, str], int]:
        """Everyone sends sound all the time. How many packets of whom came to whom."""
        came: dict[tuple[str, str], int] = {}
        receivers = {line.receiving: who for who, line in self.lines.items()}
        for _ in range(round(seconds / 0.02)):
            for who, line in self.lines.items():
                line.sequence += 1
                level = b"\x05" if who in shouting else b"\x28"
                extensions = extension_block([(4, b"0"), (1, level)])
                mark = f"<{who}>".encode()
                packet = build(111, False, line.sequence, line.sequence * 960, line.ssrc, extensions, mark)
                self.engine.core.receive(packet, line.sending, self.engine.now)
            self.engine.now += 0.02
            for data, path in self.engine.core.poll(self.engine.now)[0]:
                for who in self.lines:
                    if f"<{who}>".encode() in data:
                        key = (who, receivers[path])
                        came[key] = came.get(key, 0) + 1
        return came


async def turn_of_the_loop() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr("media.subscriber.SPACING_S", 0.0)
    made = Scene()
    await made.open()
    yield made
    await made.plane.close()


async def test_in_queue_mode_a_client_that_never_ceases_to_send_reaches_nobody_without_the_turn(scene: Scene) -> None:
    for who in (DANA, *PEOPLE):
        assert await scene.tap(who)
    assert {speaker for speaker, _ in scene.spoken(1.0)} > {DANA}, "everyone is heard in an open room"
    await scene.ask(DANA, SetTurnMode(RequestId("mode"), TurnMode.QUEUE))
    first, second, *_ = PEOPLE
    assert {speaker for speaker, _ in scene.spoken(2.0)} == {DANA}
    assert not await scene.tap(first), "and may not open it by themselves"
    await scene.give(first)
    assert {speaker for speaker, _ in scene.spoken(2.0)} == {DANA}, "giving a turn opens no microphone"
    assert await scene.tap(first)
    assert {speaker for speaker, _ in scene.spoken(1.0)} == {DANA, first}

    closing = scene.keeper.submit(Requested(DANA, EndTurn(RequestId("end"), scene.turn)))
    assert {speaker for speaker, _ in scene.spoken(2.0)} == {DANA}, "closed when decided, before it is stored"
    await closing
    await scene.give(second)
    assert await scene.tap(second)
    came = scene.spoken(1.0)
    assert {speaker for speaker, _ in came} == {DANA, second}
    assert {listener for speaker, listener in came if speaker == second} == {DANA, *PEOPLE} - {second}


async def test_who_holds_the_turn_passes_whole_however_many_shout_in_an_open_room(scene: Scene) -> None:
    holder, listener, *others = PEOPLE
    for who in PEOPLE:
        assert await scene.tap(who)
    loud = (listener, *others)
    scene.spoken(3.0, shouting=loud)
    assert (holder, DANA) not in scene.spoken(1.0, shouting=loud), "five others are louder, and four pass"
    await scene.give(holder)
    scene.spoken(0.2, shouting=loud)
    came = scene.spoken(2.0, shouting=loud)
    assert came[holder, DANA] == 100
    assert len({speaker for speaker, to in came if to == DANA}) == 5
    await scene.ask(DANA, EndTurn(RequestId("end"), scene.turn))
    scene.spoken(3.0, shouting=loud)
    assert (holder, DANA) not in scene.spoken(1.0, shouting=loud)
