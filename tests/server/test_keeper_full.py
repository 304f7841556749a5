"""What a room takes while it has as much waiting for the disk as it may."""

from __future__ import annotations

import pytest

from protocol.ids import MessageId, ParticipantId, RequestId
from protocol.messages import (
    Admit,
    AllowMicrophone,
    AllowScreen,
    AskForCover,
    CloseMicrophone,
    CloseScreen,
    EndSession,
    HideChat,
    Leave,
    MoveToLobby,
    PostChat,
    Remove,
    SetDevices,
    SetListening,
    SetNotAlone,
    ShowChat,
    StopSharing,
)
from protocol.values import LeaveReason
from rooms.commands import Command, Depart, LoseConnection, PassTime, Requested, RoomRequest
from rooms.life import DEFAULT_RULES
from server.keeper import MAX_IN_FLIGHT, MAX_IN_FLIGHT_EACH, RoomCore

R, WHO, OTHER, THAT = RequestId("r"), ParticipantId("who"), ParticipantId("other"), MessageId("m")
POST = PostChat(R, THAT, "hello")
ADDS: list[RoomRequest] = [
    POST,
    HideChat(R, THAT),
    ShowChat(R, THAT),
    AllowMicrophone(R, OTHER),
    AllowScreen(R, OTHER),
    Admit(R, OTHER),
    SetListening(R, on=True),
]
PROTECTS: list[RoomRequest] = [
    Leave(R),
    EndSession(R),
    CloseMicrophone(R, OTHER),
    CloseScreen(R, OTHER),
    StopSharing(R),
    MoveToLobby(R, OTHER),
    Remove(R, OTHER),
    AskForCover(R),
    SetDevices(R, microphone=False, camera=False),
    SetNotAlone(R, on=True),
]
SEEN: list[Command] = [PassTime(), LoseConnection(WHO, 1), Depart(WHO, LeaveReason.LEFT)]


@pytest.mark.parametrize("message", ADDS, ids=lambda each: type(each).__name__)
def test_what_adds_waits_for_ones_own_and_for_all(message: RoomRequest) -> None:
    core, asks = RoomCore(DEFAULT_RULES), Requested(WHO, message)
    own, others = Requested(WHO, POST), Requested(OTHER, POST)
    assert not core.must_wait(asks, [own] * (MAX_IN_FLIGHT_EACH - 1) + [others] * MAX_IN_FLIGHT_EACH)
    assert core.must_wait(asks, [own] * MAX_IN_FLIGHT_EACH)
    assert core.must_wait(asks, [others] * MAX_IN_FLIGHT)


@pytest.mark.parametrize(
    "command",
    [*(Requested(WHO, each) for each in PROTECTS), *SEEN],
    ids=lambda each: type(getattr(each, "message", each)).__name__,
)
def test_what_protects_someone_and_what_the_server_saw_is_taken(command: Command) -> None:
    assert not RoomCore(DEFAULT_RULES).must_wait(command, [Requested(WHO, POST)] * MAX_IN_FLIGHT)
