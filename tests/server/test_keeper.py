"""The keeper with a log that the test lets succeed or fail, a fake media plane, and a clock that stands still."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from moderation.decision import Accepted, Rejection, denied
from moderation.permissions import Action
from protocol.errors import ErrorCode, HoldspaceError
from protocol.ids import IdentityId, MessageId, ParticipantId, RequestId, SessionId
from protocol.messages import (
    AllowMicrophone,
    ChatPosted,
    CloseMicrophone,
    DevicesChanged,
    EndSession,
    Leave,
    MicrophoneClosed,
    MicrophoneHeld,
    ParticipantJoined,
    ParticipantLeft,
    PostChat,
    PresenceChanged,
    Remove,
    SessionEnded,
    SetDevices,
)
from protocol.values import Role, Source
from rooms.commands import (
    CloseSession,
    Enter,
    LoseConnection,
    OpenSession,
    Requested,
    RestoreConnection,
    WaiveResponder,
)
from rooms.life import DEFAULT_RULES
from rooms.state import EMPTY
from server import keeper as keeper_module
from server import stream as stream_module
from server.keeper import Keeper, replay
from server.storage.log import Claim, OutcomeUnknown, StoredEvent, StreamMoved
from tests.fakes import FakeClock
from tests.room_fakes import FakeEar, FakeListener, FakeLog, FakeMedia, FakeTimers

ROOM = SessionId("room-1")
ELLIE, MARCUS, DANA = ParticipantId("ellie"), ParticipantId("marcus"), ParticipantId("dana")
MIC = Source.MICROPHONE


class Stage:
    """A keeper with three people in the room and everything around it fake."""

    def __init__(self) -> None:
        self.log, self.media, self.timers, self.clock = FakeLog(), FakeMedia(), FakeTimers(), FakeClock()
        self.ear = FakeEar()
        self.ended, self.failed, self.emptied = (self.ear.ended_rooms, self.ear.failed_rooms, self.ear.emptied_rooms)
        self.keeper = self.load()
        self.listeners: dict[ParticipantId, FakeListener] = {}
        self._requests = 0

    def load(self) -> Keeper:
        events = [StoredEvent(n, e.at_ms, e.type, e.version, e.payload) for n, e in enumerate(self.log.stored, start=1)]
        return Keeper(
            ROOM,
            replay(events) if events else EMPTY,
            Claim(1, len(events)),
            self.log,
            self.media,
            self.clock,
            self.timers,
            self.ear,
            DEFAULT_RULES,
        )

    async def open(self) -> None:
        await self.keeper.submit(OpenSession(ROOM, "Tuesday"))
        await self.keeper.submit(WaiveResponder(IdentityId("id-lead")))
        for who, role in ((DANA, Role.MENTOR), (ELLIE, Role.PARTICIPANT), (MARCUS, Role.PARTICIPANT)):
            await self.enter(who, role)
        for listener in self.listeners.values():
            listener.frames.clear()
            listener.sequenced.clear()

    async def enter(self, who: ParticipantId, role: Role) -> None:
        assert isinstance(await self.keeper.submit(Enter(who, IdentityId(f"id-{who}"), who, role)), Accepted)
        self.listeners[who] = FakeListener(who, role)
        self.keeper.attach(self.listeners[who])

    def rid(self) -> RequestId:
        self._requests += 1
        return RequestId(f"r{self._requests}")

    def chat(self, who: ParticipantId, text: str, message: str = "m1") -> asyncio.Future[Any]:
        return self.keeper.submit(Requested(who, PostChat(self.rid(), MessageId(message), text)))

    def devices(self, who: ParticipantId, *, microphone: bool, camera: bool = False) -> asyncio.Future[Any]:
        return self.keeper.submit(Requested(who, SetDevices(self.rid(), microphone, camera)))

    def close_mic(self, by: ParticipantId, of: ParticipantId) -> asyncio.Future[Any]:
        return self.keeper.submit(Requested(by, CloseMicrophone(self.rid(), of)))


@pytest.fixture
async def stage() -> Stage:
    stage = Stage()
    await stage.open()
    return stage


async def settle() -> None:
    """Lets tasks and callbacks that are ready run, a few rounds deep."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_nothing_is_shown_or_acknowledged_before_it_is_stored(stage: Stage) -> None:
    stage.log.hold = True
    reply = stage.chat(ELLIE, "hello")
    await settle()
    assert not reply.done()
    assert stage.listeners[DANA].frames == []
    assert len(stage.keeper.state.chat) == 0
    stage.log.sync()
    await settle()
    assert isinstance(reply.result(), Accepted)
    assert [type(frame) for frame in stage.listeners[DANA].frames] == [ChatPosted]
    assert stage.listeners[DANA].sequenced == [True]


async def test_commands_are_decided_without_waiting_for_the_disk(stage: Stage) -> None:
    stage.log.hold = True
    first, second, again = (
        stage.chat(ELLIE, "one", "m1"),
        stage.chat(MARCUS, "two", "m2"),
        stage.chat(ELLIE, "one", "m1"),
    )
    assert len(stage.log.waiting) == 2, "the repeated message is known to be decided"
    stage.log.sync()
    assert [type(r) for r in await asyncio.gather(first, second, again)] == [Accepted] * 3
    frames = stage.listeners[DANA].frames
    assert [f.message.text for f in frames if isinstance(f, ChatPosted)] == ["one", "two"]


async def test_who_leads_is_heard_however_loud_others_are_and_as_a_participant_competes_with_them(stage: Stage) -> None:
    assert stage.media.always == {DANA}
    await stage.enter(MARCUS, Role.MENTOR)
    assert stage.media.always == {DANA, MARCUS}
    await stage.enter(DANA, Role.PARTICIPANT)
    assert stage.media.always == {MARCUS}
    await stage.keeper.submit(Requested(MARCUS, Leave(stage.rid())))
    assert stage.media.always == set()


async def test_a_refusal_is_answered_at_once_and_stores_nothing(stage: Stage) -> None:
    stored = len(stage.log.stored)
    reply = stage.close_mic(ELLIE, MARCUS)
    assert reply.done()
    assert reply.result() == denied(Action.CLOSE_MICROPHONE)
    assert len(stage.log.stored) == stored
    await settle()
    assert stage.ear.refused == [(IdentityId("id-ellie"), Action.CLOSE_MICROPHONE)]


FIRST_CLOSING = 1 << 16
"""Of the stage's first life."""


async def test_closing_a_microphone_acts_before_it_is_stored(stage: Stage) -> None:
    await stage.devices(MARCUS, microphone=True)
    assert (MARCUS, MIC) in stage.media.open
    stage.log.hold = True
    stage.close_mic(DANA, MARCUS)
    assert (MARCUS, MIC) not in stage.media.open
    assert stage.listeners[MARCUS].frames[-1] == DevicesChanged(MARCUS, True, False), "not yet shown"
    stage.log.sync()
    await settle()
    assert stage.listeners[MARCUS].frames[-1] == MicrophoneClosed(MARCUS, FIRST_CLOSING)


async def test_closing_a_microphone_acts_while_the_disk_is_stuck(stage: Stage) -> None:
    await stage.devices(MARCUS, microphone=True)
    stage.log.hold = True
    stage.chat(ELLIE, "waits for the disk")
    await settle()
    stage.close_mic(DANA, MARCUS)
    assert (MARCUS, MIC) not in stage.media.open


async def test_what_was_closed_stays_closed_while_what_came_before_it_is_stored(stage: Stage) -> None:
    await stage.devices(MARCUS, microphone=True)
    stage.log.hold = True
    stage.chat(ELLIE, "before")
    stage.close_mic(DANA, MARCUS)
    stage.log.sync(1)
    await settle()
    assert (MARCUS, MIC) not in stage.media.open


async def test_what_was_allowed_opens_only_once_that_is_stored(stage: Stage) -> None:
    await stage.close_mic(DANA, MARCUS)
    closings = stage.keeper.state.people[MARCUS].closings
    stage.log.hold = True
    stage.chat(ELLIE, "before")
    stage.keeper.submit(Requested(DANA, AllowMicrophone(stage.rid(), MARCUS)))
    stage.keeper.submit(Requested(MARCUS, SetDevices(stage.rid(), True, False, closings)))
    assert (MARCUS, MIC) not in stage.media.open
    stage.log.sync(1)
    await settle()
    assert (MARCUS, MIC) not in stage.media.open
    stage.log.sync()
    await settle()
    assert (MARCUS, MIC) in stage.media.open


async def test_allowing_a_microphone_opens_nothing(stage: Stage) -> None:
    await stage.devices(MARCUS, microphone=True)
    await stage.close_mic(DANA, MARCUS)
    await stage.keeper.submit(Requested(DANA, AllowMicrophone(stage.rid(), MARCUS)))
    assert stage.media.open == set()


async def test_a_closing_that_could_not_be_stored_stays_closed_and_says_so(stage: Stage) -> None:
    await stage.devices(MARCUS, microphone=True)
    stage.log.hold = True
    reply = stage.close_mic(DANA, MARCUS)
    stage.log.fail()
    await settle()
    assert reply.result() == Rejection(ErrorCode.NOT_SAVED)
    assert (MARCUS, MIC) not in stage.media.open
    assert stage.listeners[MARCUS].frames[-1] == MicrophoneHeld(MARCUS, True, FIRST_CLOSING)
    assert stage.listeners[ELLIE].frames[-1] == DevicesChanged(MARCUS, False, False)
    stage.log.hold = False
    again = await stage.devices(MARCUS, microphone=True)
    assert again == Rejection(ErrorCode.MICROPHONE_CLOSED)
    assert isinstance(await stage.close_mic(DANA, MARCUS), Accepted), "the mentor may try again"
    assert stage.keeper.state.people[MARCUS].shut


async def test_when_an_append_fails_everything_decided_on_top_is_taken_back(stage: Stage) -> None:
    stage.log.hold = True
    lost, on_top = stage.chat(ELLIE, "lost", "m1"), stage.chat(MARCUS, "on top", "m2")
    muted = stage.devices(MARCUS, microphone=True)
    stage.log.fail()
    await settle()
    assert {r.result() for r in (lost, on_top, muted)} == {Rejection(ErrorCode.NOT_SAVED)}
    assert stage.media.open == set()
    stage.log.hold = False
    stage.log.sync()
    await stage.chat(ELLIE, "kept", "m3")
    assert [m.text for m in stage.keeper.state.chat] == ["kept"]
    assert stage.failed == []
    assert replay_of(stage).chat == stage.keeper.state.chat


async def test_a_command_given_while_a_failure_is_heard_lands_after_it(stage: Stage) -> None:
    stage.log.hold = True
    stage.chat(ELLIE, "lost", "m1")
    stage.log.fail()
    stage.log.hold = False
    # The keeper's task has not run yet: this one is still decided on top of what is lost, and falls with it.
    behind = stage.chat(ELLIE, "behind", "m2")
    await settle()
    assert behind.result() == Rejection(ErrorCode.NOT_SAVED)
    assert isinstance(await stage.chat(ELLIE, "after", "m3"), Accepted)


async def test_a_stream_with_another_owner_ends_this_keeper_only(stage: Stage) -> None:
    stage.log.hold = True
    reply = stage.chat(ELLIE, "hello")
    stage.log.fail(StreamMoved)
    await settle()
    assert reply.result() == Rejection(ErrorCode.NOT_SAVED)
    assert stage.failed == [ROOM]
    assert stage.listeners[ELLIE].dismissed is ErrorCode.ROOM_FAILED
    assert (await stage.chat(ELLIE, "more", "m2")) == Rejection(ErrorCode.ROOM_FAILED)


async def test_when_nobody_knows_whether_a_closing_is_stored_the_room_is_loaded_again_and_nothing_stays_open(
    stage: Stage,
) -> None:
    await stage.devices(MARCUS, microphone=True)
    stage.log.hold = True
    reply = stage.close_mic(DANA, MARCUS)
    stage.log.fail(OutcomeUnknown)
    await settle()
    assert reply.result() == Rejection(ErrorCode.NOT_SAVED)
    assert stage.media.open == set()
    assert stage.failed == [ROOM]
    allowed = stage.keeper.submit(Requested(DANA, AllowMicrophone(stage.rid(), MARCUS)))
    assert await allowed == Rejection(ErrorCode.ROOM_FAILED)


async def test_a_bug_ends_the_room_and_answers_everyone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.log.hold = True
    waiting = stage.chat(ELLIE, "hello")

    def broken(*_: object) -> None:
        raise ZeroDivisionError("Ellie said hello")

    monkeypatch.setattr(keeper_module, "decide", broken)
    reply = stage.chat(MARCUS, "boom", "m2")
    assert reply.result() == waiting.result() == Rejection(ErrorCode.ROOM_FAILED)
    assert stage.media.calls[-1] == ("close",)
    assert {listener.dismissed for listener in stage.listeners.values()} == {ErrorCode.ROOM_FAILED}
    with pytest.raises(HoldspaceError):
        stage.keeper.attach(FakeListener(ELLIE, Role.PARTICIPANT))
    stage.log.sync()
    await settle()


async def test_a_bug_while_showing_ends_the_room(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(keeper_module, "project", broken)
    reply = stage.chat(ELLIE, "hello")
    await settle()
    assert reply.result() == Rejection(ErrorCode.ROOM_FAILED)
    assert stage.failed == [ROOM]


async def test_a_lost_connection_keeps_the_place_until_the_deadline(stage: Stage) -> None:
    await stage.keeper.submit(LoseConnection(MARCUS, 60_000))
    assert stage.listeners[ELLIE].frames == [PresenceChanged(MARCUS, False)]
    assert stage.listeners[ELLIE].sequenced == [False]
    assert stage.timers.delays() == [60.0]
    stage.clock.advance(59)
    stage.timers.fire()
    assert stage.timers.delays() == [1.0], "too early: asks again"
    stage.clock.advance(1)
    stage.timers.fire()
    await settle()
    assert isinstance(stage.listeners[ELLIE].frames[-1], ParticipantLeft)
    assert ("remove", MARCUS) in stage.media.calls
    assert stage.timers.delays() == []


async def test_a_step_of_the_wall_clock_changes_no_deadline(stage: Stage) -> None:
    await stage.keeper.submit(LoseConnection(MARCUS, 60_000))
    stage.clock.step_wall(2 * 3600)
    stage.timers.fire()
    await settle()
    assert stage.keeper.state.here(MARCUS) is not None
    stage.clock.step_wall(-4 * 3600)
    stage.clock.advance(60)
    stage.timers.fire()
    await settle()
    assert stage.keeper.state.here(MARCUS) is None


async def test_coming_back_in_time_keeps_everything(stage: Stage) -> None:
    await stage.keeper.submit(LoseConnection(MARCUS, 60_000))
    await stage.keeper.submit(RestoreConnection(MARCUS))
    assert stage.timers.delays() == []
    assert stage.listeners[ELLIE].frames[-1] == PresenceChanged(MARCUS, True)


async def test_a_deadline_that_cannot_be_stored_is_tried_again_after_a_while(stage: Stage) -> None:
    await stage.keeper.submit(LoseConnection(MARCUS, 1_000))
    stage.clock.advance(2)
    stage.log.hold = True
    stage.timers.fire()
    stage.log.fail()
    await settle()
    assert stage.timers.delays() == [stream_module.RETRY_S]
    stage.log.hold = False
    stage.timers.fire()
    await settle()
    assert stage.keeper.state.here(MARCUS) is None


async def test_a_group_that_nobody_leads_falls_silent_while_the_disk_is_stuck(stage: Stage) -> None:
    await stage.devices(MARCUS, microphone=True)
    stage.log.hold = True
    stage.chat(ELLIE, "waits for the disk")
    stage.keeper.submit(LoseConnection(DANA, 60_000))
    stage.clock.advance(DEFAULT_RULES.leader_grace_ms / 1000)
    stage.timers.fire()
    assert (MARCUS, MIC) not in stage.media.open
    stage.log.sync()
    await settle()


async def test_a_group_that_nobody_leads_falls_silent_as_soon_as_an_end_that_was_not_stored_is_taken_back(
    stage: Stage,
) -> None:
    await stage.devices(MARCUS, microphone=True)
    stage.keeper.submit(LoseConnection(DANA, 60_000))
    stage.log.hold = True
    stage.keeper.submit(CloseSession(if_empty=False))
    stage.clock.advance(DEFAULT_RULES.leader_grace_ms / 1000 + 5)
    stage.log.fail()
    await settle()
    assert stage.timers.delays() == [0]
    stage.timers.fire()
    assert (MARCUS, MIC) not in stage.media.open


async def test_who_leaves_is_answered_and_then_dismissed(stage: Stage) -> None:
    listener = stage.listeners[ELLIE]
    order: list[str] = []
    reply = stage.keeper.submit(Requested(ELLIE, Leave(stage.rid())))
    reply.add_done_callback(lambda _: order.append(f"answered, dismissed: {listener.dismissed}"))
    await settle()
    assert order == ["answered, dismissed: None"]
    assert listener.dismissed is ErrorCode.LEFT
    assert ("remove", ELLIE) in stage.media.calls
    assert stage.listeners[DANA].dismissed is None


async def test_who_leaves_is_told_nothing_of_what_is_stored_in_the_same_moment(stage: Stage) -> None:
    stage.log.hold = True
    stage.keeper.submit(Requested(ELLIE, Leave(stage.rid())))
    stage.chat(MARCUS, "now that she is gone")
    stage.log.sync()
    await settle()
    assert [type(frame) for frame in stage.listeners[ELLIE].frames] == [ParticipantLeft]
    assert [type(frame) for frame in stage.listeners[DANA].frames] == [ParticipantLeft, ChatPosted]


async def test_the_end_of_a_session_shuts_everything_after_it_is_stored(stage: Stage) -> None:
    await stage.devices(ELLIE, microphone=True, camera=True)
    stage.log.hold = True
    stage.keeper.submit(Requested(DANA, EndSession(stage.rid())))
    assert stage.media.open == {(ELLIE, MIC), (ELLIE, Source.CAMERA)}
    stage.log.sync()
    await settle()
    assert stage.media.open == set()
    assert stage.media.calls[-1] == ("close",)
    assert stage.ended == [ROOM]
    assert all(SessionEnded() in listener.frames for listener in stage.listeners.values())
    assert {listener.dismissed for listener in stage.listeners.values()} == {ErrorCode.SESSION_ENDED}


async def test_an_end_that_could_not_be_stored_ends_nothing(stage: Stage) -> None:
    await stage.devices(ELLIE, microphone=True)
    stage.log.hold = True
    stage.keeper.submit(Requested(DANA, EndSession(stage.rid())))
    stage.log.fail()
    await settle()
    assert stage.media.open == {(ELLIE, MIC)}
    assert stage.ended == []


async def test_a_listener_gets_every_frame_after_its_snapshot_and_none_before(stage: Stage) -> None:
    stage.log.hold = True
    stage.chat(ELLIE, "in flight")
    priya = FakeListener(MARCUS, Role.PARTICIPANT)
    seen = stage.keeper.attach(priya)
    assert seen.chat == ()
    stage.log.sync()
    await settle()
    assert [f.message.text for f in priya.frames if isinstance(f, ChatPosted)] == ["in flight"]
    stage.keeper.detach(priya)
    stage.keeper.detach(priya)


async def test_frames_are_encoded_once_for_all_who_see_the_same(stage: Stage) -> None:
    await stage.chat(ELLIE, "hello")
    given = [listener.prepared[-1] for listener in stage.listeners.values()]
    assert len(given) == 3
    assert len(set(map(id, given))) == 1


async def test_a_reloaded_room_knows_everyone_and_waits_for_them(stage: Stage) -> None:
    await stage.devices(ELLIE, microphone=True)
    await stage.chat(ELLIE, "before the crash")
    reloaded = stage.load()
    reloaded.recover(60_000)
    assert [m.text for m in reloaded.state.chat] == ["before the crash"]
    assert {p.id for p in reloaded.state.present() if not p.connected} == {ELLIE, MARCUS, DANA}
    assert not reloaded.state.people[ELLIE].microphone
    assert reloaded.participant_of(IdentityId("id-ellie")) == ELLIE


async def test_too_much_in_flight_refuses_what_adds_and_takes_what_closes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.devices(MARCUS, microphone=True, camera=True)
    monkeypatch.setattr(keeper_module, "MAX_IN_FLIGHT_EACH", 2)
    monkeypatch.setattr(keeper_module, "MAX_IN_FLIGHT", 3)
    stage.log.hold = True
    replies = [stage.chat(ELLIE, "x", f"m{n}") for n in range(3)]
    assert replies[2].result() == Rejection(ErrorCode.OVERLOADED), "one person's flood is that person's"
    replies.append(stage.chat(MARCUS, "y", "n1"))
    assert stage.chat(DANA, "z", "n2").result() == Rejection(ErrorCode.OVERLOADED)
    assert (MARCUS, Source.CAMERA) in stage.media.open
    closing = [stage.devices(MARCUS, microphone=True, camera=False)]
    assert stage.media.open == {(MARCUS, MIC)}, "turning the camera off acts, though the microphone stays on"
    closing += [stage.close_mic(DANA, MARCUS), stage.devices(MARCUS, microphone=False)]
    assert stage.media.open == set()
    closing.append(stage.keeper.submit(Requested(ELLIE, Leave(stage.rid()))))
    closing.append(stage.keeper.submit(LoseConnection(DANA, 1_000)))
    stage.log.sync()
    assert {type(reply) for reply in await asyncio.gather(*closing)} == {Accepted}


async def test_a_room_that_nobody_is_in_says_so_and_can_be_retired(stage: Stage) -> None:
    for who in (ELLIE, MARCUS, DANA):
        assert not stage.keeper.idle
        await stage.keeper.submit(Requested(who, Leave(stage.rid())))
        stage.keeper.detach(stage.listeners[who])
    await settle()
    assert stage.emptied == [ROOM]
    assert stage.keeper.idle
    stage.keeper.retire()
    assert await stage.keeper.submit(OpenSession(ROOM, "Tuesday")) == Rejection(ErrorCode.ROOM_FAILED)


async def test_who_is_not_present_cannot_attach(stage: Stage) -> None:
    with pytest.raises(HoldspaceError) as refused:
        stage.keeper.attach(FakeListener(ParticipantId("stranger"), Role.PARTICIPANT))
    assert refused.value.code is ErrorCode.NOT_FOUND


async def test_closing_waits_for_what_is_in_flight(stage: Stage) -> None:
    stage.log.hold = True
    reply = stage.chat(ELLIE, "last words")
    closing = asyncio.create_task(stage.keeper.close())
    await settle()
    assert not closing.done()
    stage.log.sync()
    await closing
    assert isinstance(reply.result(), Accepted)


async def test_someone_who_joins_is_shown_to_the_others(stage: Stage) -> None:
    await stage.enter(ParticipantId("priya"), Role.PARTICIPANT)
    assert isinstance(stage.listeners[ELLIE].frames[-1], ParticipantJoined)


def replay_of(stage: Stage) -> Any:
    return replay(
        StoredEvent(n, e.at_ms, e.type, e.version, e.payload) for n, e in enumerate(stage.log.stored, start=1)
    )


async def test_who_was_removed_and_tries_to_come_back_is_counted(stage: Stage) -> None:
    await stage.keeper.submit(Requested(DANA, Remove(RequestId("r1"), ELLIE)))
    stage.ear.refused.clear()
    back = await stage.keeper.submit(Enter(ELLIE, IdentityId("id-ellie"), "Ellie", Role.PARTICIPANT))
    assert back == Rejection(ErrorCode.REMOVED, denied=Action.ENTER)
    await settle()
    assert stage.ear.refused == [(IdentityId("id-ellie"), Action.ENTER)]
