"""From the socket to the disk: what was acknowledged is stored, and replay brings it back.

The real endpoint, keeper and log on a real database file; a recorder keeps one timeline of syncs and
acknowledgements. (That a sync is a sync of the disk is shown in tests/server/storage.)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from protocol.codec import Wire
from protocol.ids import IdentityId, MessageId, ParticipantId, RequestId
from protocol.messages import Ack, AllowMicrophone, CloseMicrophone, Frame, HideChat, Join, PostChat, Welcome
from protocol.values import Role, Snapshot
from rooms.commands import Enter, OpenSession, WaiveResponder
from rooms.life import DEFAULT_RULES
from rooms.state import EMPTY
from rooms.view import Viewer, snapshot
from server.clock import SystemClock
from server.keeper import Keeper, replay
from server.storage.engine import open_engine
from server.storage.log import EventLog, Synced
from server.storage.migrate import migrate
from signaling.endpoint import Endpoint, Settings
from signaling.ports import Admission
from signaling.rate import Rates
from tests.fakes import counted
from tests.room_fakes import FakeEar, FakeMedia
from tests.server.secret import vault
from tests.signaling.stage import ROOM, FakeCalls, FakeHall, FakeTelemetry, FakeWebSocket


@dataclass
class Recorder:
    """One timeline: what was synced and what was acknowledged, in the order in which it happened."""

    timeline: list[tuple[str, Any]] = field(default_factory=list)

    def synced(self, group: Synced) -> None:
        self.timeline.append(("synced", group.heads[ROOM]))

    def acknowledged(self, request: str) -> None:
        self.timeline.append(("acknowledged", request))


class RecordedSocket(FakeWebSocket):
    """Notes each acknowledgement as it is sent."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    async def send(self, message: str | bytes) -> None:
        await super().send(message)
        frame: Frame = self.last
        if isinstance(frame, Ack):
            self.recorder.acknowledged(frame.id)


class Running:
    """A room on a real database."""

    def __init__(self, log: EventLog, keeper: Keeper, recorder: Recorder) -> None:
        self.log, self.keeper, self.recorder = log, keeper, recorder
        self.hall = FakeHall(keeper)
        self.endpoint = Endpoint(
            self.hall,
            FakeCalls(),
            FakeTelemetry(),
            new_token=counted("secret"),
            new_id=counted("person"),
            now_ms=SystemClock().now_ms,
            monotonic=SystemClock().monotonic,
            settings=Settings(rates=Rates(10_000, 10_000, 10_000, 10_000)),
        )
        self.tasks: list[asyncio.Task[None]] = []

    async def join(self, name: str, role: Role) -> RecordedSocket:
        ws = RecordedSocket(self.recorder)
        self.hall.admissions[f"token-of-{name}-----"] = Admission(
            ROOM, IdentityId(name), name, role, True, f"sign-in-of-{name}"
        )
        self.tasks.append(asyncio.create_task(self.endpoint.handle(ws, Wire.MSGPACK)))
        ws.say(Join(f"token-of-{name}-----"))
        await self.until(lambda: bool(ws.got(Welcome)))
        return ws

    async def until(self, holds: Any) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'holdspace.db'}"
    await migrate(url)
    engine, clock, recorder = open_engine(url), SystemClock(), Recorder()
    log = EventLog(engine, clock, vault(), on_synced=recorder.synced)
    await log.start()
    claim = await log.claim(ROOM, "room")
    keeper = Keeper(
        ROOM,
        EMPTY,
        claim,
        log,
        FakeMedia(),
        clock,
        asyncio.get_running_loop(),
        FakeEar(),
        DEFAULT_RULES,
    )
    await keeper.submit(OpenSession(ROOM, "Tuesday"))
    await keeper.submit(WaiveResponder(IdentityId("lead")))
    await keeper.submit(Enter(ParticipantId("host"), IdentityId("host"), "Host", Role.MENTOR))
    running = Running(log, keeper, recorder)
    yield running
    await running.endpoint.drain()
    await asyncio.gather(*running.tasks)
    await keeper.close()
    await log.stop()
    await engine.dispose()


async def test_no_acknowledgement_precedes_its_sync_and_every_truncation_keeps_what_was_acknowledged(
    running: Running,
) -> None:
    ellie, marcus = await running.join("Ellie", Role.PARTICIPANT), await running.join("Marcus", Role.PARTICIPANT)
    dana = await running.join("Dana", Role.MENTOR)
    you = {ws: ws.got(Welcome)[0].snapshot.you for ws in (ellie, marcus, dana)}
    for n in range(40):
        for name, ws in (("e", ellie), ("m", marcus)):
            ws.say(PostChat(RequestId(f"{name}{n}"), MessageId(f"{name}{n}"), f"{name} says {n}"))
        if n % 7 == 3:
            dana.say(HideChat(RequestId(f"h{n}"), MessageId(f"e{n - 1}")))
            dana.say(CloseMicrophone(RequestId(f"c{n}"), you[ellie]))
            dana.say(AllowMicrophone(RequestId(f"a{n}"), you[ellie]))
        await asyncio.sleep(0)
    asked = 2 * 40 + 3 * 6
    await running.until(lambda: sum(len(ws.got(Ack)) for ws in (ellie, marcus, dana)) == asked)

    stored = await running.log.read(ROOM)
    states = [replay(stored[:length]) for length in range(len(stored) + 1)]

    synced = 0
    for what, value in running.recorder.timeline:
        if what == "synced":
            synced = value
        else:
            assert_took_effect(value, states[synced])
    # Nobody used a device or lost a connection here, so that a replay knows all.
    assert states[-1] == replace(running.keeper.state, life=0)

    # Whatever more of the log survives, nothing acknowledged is gone again.
    acknowledged: list[tuple[int, str]] = []
    synced = 0
    for what, value in running.recorder.timeline:
        if what == "synced":
            synced = value
        else:
            acknowledged.append((synced, value))
    for length, state in enumerate(states):
        for at, request in acknowledged:
            if at <= length and request[0] in "em":
                assert state.chat.get(MessageId(request)) is not None


def assert_took_effect(request: str, state: Any) -> None:
    """The stored state shows what this request did."""
    number = int(request[1:])
    match request[0]:
        case "e" | "m":
            assert state.chat.get(MessageId(request)) is not None
        case "h":
            assert state.chat.get(MessageId(f"e{number - 1}")).hidden_by is not None
        case _:
            closings = sum(1 for n in range(number + 1) if n % 7 == 3)
            assert any(person.closings >= closings for person in state.people.values())


async def test_a_viewer_who_comes_after_a_restart_sees_what_was_there_before(running: Running) -> None:
    ellie = await running.join("Ellie", Role.PARTICIPANT)
    ellie.say(PostChat(RequestId("r1"), MessageId("m1"), "hello"))
    await running.until(lambda: len(ellie.got(Ack)) == 1)
    you = ellie.got(Welcome)[0].snapshot.you
    viewer = Viewer(you, Role.PARTICIPANT)
    again: Snapshot = snapshot(replay(await running.log.read(ROOM)), viewer)
    assert again == snapshot(running.keeper.state, viewer)
    assert [message.text for message in again.chat] == ["hello"]
