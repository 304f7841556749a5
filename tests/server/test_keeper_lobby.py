"""What a keeper does at the door: towards the media plane before storing, towards people after it."""

from __future__ import annotations

import pytest

from moderation.decision import Accepted, Rejection
from moderation.permissions import Action
from protocol.errors import ErrorCode
from protocol.ids import IdentityId, ParticipantId, SessionId
from protocol.messages import (
    Admit,
    EndSession,
    LobbyJoined,
    MoveToLobby,
    ParticipantJoined,
    ParticipantLeft,
    PauseChanged,
    Remove,
    ViewReplaced,
)
from protocol.values import Role, SessionStatus
from rooms.commands import Enter, LoseConnection, OpenSession, PassTime, Requested
from rooms.life import DEFAULT_RULES
from tests.room_fakes import FakeListener
from tests.server.test_keeper import DANA, ELLIE, MARCUS, MIC, ROOM, Stage, settle

SAM = ParticipantId("sam")


@pytest.fixture
async def stage() -> Stage:
    stage = Stage()
    await stage.open()
    stage.media.calls.clear()
    return stage


async def knock(stage: Stage) -> FakeListener:
    await stage.keeper.submit(Enter(SAM, IdentityId("id-sam"), "Sam", Role.PARTICIPANT, enrolled=False))
    listener = stage.listeners[SAM] = FakeListener(SAM, Role.PARTICIPANT)
    assert stage.keeper.attach(listener).waiting
    return listener


async def test_who_is_admitted_begins_to_hear_and_see_once_it_is_stored(stage: Stage) -> None:
    sam = await knock(stage)
    assert not stage.keeper.is_inside(SAM)
    stage.log.hold = True
    reply = stage.keeper.submit(Requested(DANA, Admit(stage.rid(), SAM)))
    assert ("add", SAM) not in stage.media.calls
    assert sam.frames == []
    stage.log.sync()
    await settle()
    assert isinstance(reply.result(), Accepted)
    assert ("add", SAM) in stage.media.calls
    assert stage.keeper.is_inside(SAM)
    assert isinstance(sam.frames[-1], ViewReplaced)
    assert isinstance(stage.listeners[ELLIE].frames[-1], ParticipantJoined)


async def test_who_is_admitted_after_a_while_begins_to_hear_too(stage: Stage) -> None:
    await knock(stage)
    await stage.chat(ELLIE, "meanwhile")
    await stage.keeper.submit(Requested(DANA, Admit(stage.rid(), SAM)))
    assert ("add", SAM) in stage.media.calls


async def test_who_is_admitted_while_an_end_waits_hears_once_that_end_is_lost(stage: Stage) -> None:
    await knock(stage)
    stage.log.hold = True
    stage.keeper.submit(Requested(DANA, Admit(stage.rid(), SAM)))
    stage.keeper.submit(Requested(DANA, EndSession(stage.rid())))
    stage.log.sync(1)
    await settle()
    assert ("add", SAM) not in stage.media.calls
    stage.log.fail()
    await settle()
    assert ("add", SAM) in stage.media.calls


async def test_who_comes_while_an_end_waits_hears_once_that_end_is_lost(stage: Stage) -> None:
    stage.log.hold = True
    stage.keeper.submit(Requested(DANA, EndSession(stage.rid())))
    stage.keeper.attach(FakeListener(MARCUS, Role.PARTICIPANT))
    assert not stage.keeper.is_inside(MARCUS)
    stage.log.fail()
    await settle()
    assert ("add", MARCUS) in stage.media.calls


async def test_who_is_moved_hears_nothing_before_it_is_stored(stage: Stage) -> None:
    await stage.devices(MARCUS, microphone=True)
    stage.log.hold = True
    stage.keeper.submit(Requested(DANA, MoveToLobby(stage.rid(), MARCUS)))
    assert (MARCUS, MIC) not in stage.media.open
    assert ("remove", MARCUS) in stage.media.calls
    assert not stage.keeper.is_inside(MARCUS)
    stage.log.sync()
    await settle()
    assert isinstance(stage.listeners[DANA].frames[-1], LobbyJoined)
    assert isinstance(stage.listeners[ELLIE].frames[-1], ParticipantLeft)
    assert stage.listeners[MARCUS].dismissed is None


async def test_who_is_removed_is_told_so_and_cannot_come_back(stage: Stage) -> None:
    await stage.keeper.submit(Requested(DANA, Remove(stage.rid(), MARCUS)))
    await settle()
    assert stage.listeners[MARCUS].dismissed is ErrorCode.REMOVED
    assert ("remove", MARCUS) in stage.media.calls
    back = await stage.keeper.submit(Enter(MARCUS, IdentityId("id-marcus"), "Marcus", Role.PARTICIPANT))
    assert back == Rejection(ErrorCode.REMOVED, denied=Action.ENTER)
    reloaded = stage.load()
    assert await reloaded.submit(Enter(SAM, IdentityId("id-marcus"), "M", Role.PARTICIPANT)) == back


async def test_a_removal_that_could_not_be_stored_keeps_the_person_out(stage: Stage) -> None:
    stage.log.hold = True
    reply = stage.keeper.submit(Requested(DANA, Remove(stage.rid(), MARCUS)))
    stage.log.fail()
    await settle()
    assert reply.result() == Rejection(ErrorCode.NOT_SAVED)
    assert not stage.keeper.is_inside(MARCUS)
    assert stage.listeners[MARCUS].dismissed is None
    assert isinstance(stage.listeners[MARCUS].frames[-1], ViewReplaced)
    assert ("add", MARCUS) not in stage.media.calls


async def test_the_group_pauses_by_itself_when_its_mentor_drops(stage: Stage) -> None:
    await stage.devices(ELLIE, microphone=True)
    await stage.keeper.submit(LoseConnection(DANA, 60_000))
    assert stage.timers.delays() == [DEFAULT_RULES.leader_grace_ms / 1000]
    stage.clock.advance(DEFAULT_RULES.leader_grace_ms / 1000)
    stage.timers.fire()
    await settle()
    assert isinstance(stage.listeners[ELLIE].frames[-1], PauseChanged)
    assert stage.media.open == set()


async def test_a_pause_outlasts_a_full_disk_and_its_end_is_tried_until_it_is_stored(stage: Stage) -> None:
    await stage.keeper.submit(LoseConnection(DANA, 10_000_000))
    stage.clock.advance(DEFAULT_RULES.leader_grace_ms / 1000)
    stage.timers.fire()
    stage.clock.advance(DEFAULT_RULES.cover_wait_ms / 1000)
    stage.log.hold = True
    stage.timers.fire()
    stage.log.fail()
    await settle()
    assert stage.keeper.state.paused_until_ms is not None
    assert stage.keeper.state.status is SessionStatus.LIVE
    stage.log.hold = False
    stage.timers.fire()
    await settle()
    assert stage.keeper.state.status is SessionStatus.LOBBY
    assert {call for call in stage.media.calls if call[0] == "remove"} == {("remove", ELLIE), ("remove", MARCUS)}


async def test_a_room_that_is_loaded_live_without_anyone_returns_to_its_lobby(stage: Stage) -> None:
    reloaded = stage.load()
    reloaded.recover(60_000)
    stage.clock.advance(DEFAULT_RULES.leader_grace_ms / 1000)
    await reloaded.submit(PassTime())
    assert reloaded.state.paused_until_ms is not None
    stage.clock.advance(60)
    await reloaded.submit(PassTime())
    assert reloaded.state.status is SessionStatus.LOBBY
    assert await reloaded.submit(OpenSession(SessionId(ROOM), "Tuesday")) == Accepted()
