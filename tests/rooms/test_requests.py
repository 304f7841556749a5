"""Each request by each role to each kind of person: what the permission function says is what happens."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from protocol.errors import ErrorCode
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
    React,
    Remove,
    SetDevices,
    SetListening,
    SetNotAlone,
    ShareScreen,
    ShowChat,
    StopSharing,
    WithdrawCover,
)
from protocol.values import Reaction, Role
from rooms.commands import ROOM_REQUESTS, RoomRequest
from tests.rooms.harness import RoomHarness, Seat

ID = RequestId("r")
OK = None
NO = ErrorCode.NOT_ALLOWED
PEOPLE = ("ana", "ben", "mia", "theo", "tara", "mo")
"""Two each: participants ana and ben, mentors mia and mo, therapists theo and tara."""

# What is asked; whose it is, relative to ana, mia, theo as actors; the answers to ana, mia, theo.
OWN = {"ana": "ana", "mia": "mia", "theo": "theo"}
PARTICIPANTS = dict.fromkeys(OWN, "ben")
MENTORS = dict.fromkeys(OWN, "mo")
THERAPISTS = dict.fromkeys(OWN, "tara")
CASES: list[tuple[type, dict[str, str], tuple[ErrorCode | None, ErrorCode | None, ErrorCode | None]]] = [
    (PostChat, OWN, (OK, OK, OK)),
    (SetDevices, OWN, (OK, OK, OK)),
    (Leave, OWN, (OK, OK, OK)),
    (EndSession, OWN, (NO, OK, OK)),
    (ShareScreen, OWN, (ErrorCode.SCREEN_CLOSED, OK, OK)),
    (StopSharing, OWN, (OK, OK, OK)),
    (SetListening, OWN, (OK, OK, OK)),
    (SetNotAlone, OWN, (OK, OK, OK)),
    (React, OWN, (OK, OK, OK)),
    (AskForCover, OWN, (NO, OK, OK)),
    (WithdrawCover, OWN, (NO, OK, OK)),
    *((request, whose, (NO, OK, OK)) for request in (HideChat, ShowChat) for whose in (OWN, PARTICIPANTS, MENTORS)),
    (HideChat, THERAPISTS, (NO, OK, OK)),
    (ShowChat, THERAPISTS, (NO, OK, OK)),
    *(
        (request, whose, answers)
        for request in (CloseMicrophone, AllowMicrophone, AllowScreen, Admit, MoveToLobby, Remove)
        for whose, answers in (
            (OWN, (NO, NO, NO)),
            (PARTICIPANTS, (NO, OK, OK)),
            (MENTORS, (NO, NO, NO)),
            (THERAPISTS, (NO, NO, NO)),
        )
    ),
    (CloseScreen, OWN, (NO, NO, NO)),
    *((CloseScreen, whose, (NO, OK, OK)) for whose in (PARTICIPANTS, MENTORS, THERAPISTS)),
]
BUILD: dict[type, Callable[[str], RoomRequest]] = {
    PostChat: lambda _: PostChat(ID, MessageId("new"), "Hello"),
    SetDevices: lambda _: SetDevices(ID, microphone=True, camera=True),
    Leave: lambda _: Leave(ID),
    EndSession: lambda _: EndSession(ID),
    HideChat: lambda whose: HideChat(ID, MessageId(f"by-{whose}")),
    ShowChat: lambda whose: ShowChat(ID, MessageId(f"by-{whose}")),
    CloseMicrophone: lambda whose: CloseMicrophone(ID, ParticipantId(whose)),
    AllowMicrophone: lambda whose: AllowMicrophone(ID, ParticipantId(whose)),
    ShareScreen: lambda _: ShareScreen(ID),
    StopSharing: lambda _: StopSharing(ID),
    CloseScreen: lambda whose: CloseScreen(ID, ParticipantId(whose)),
    AllowScreen: lambda whose: AllowScreen(ID, ParticipantId(whose)),
    Admit: lambda whose: Admit(ID, ParticipantId(whose)),
    MoveToLobby: lambda whose: MoveToLobby(ID, ParticipantId(whose)),
    Remove: lambda whose: Remove(ID, ParticipantId(whose)),
    SetListening: lambda _: SetListening(ID, on=True),
    SetNotAlone: lambda _: SetNotAlone(ID, on=True),
    React: lambda _: React(ID, Reaction.THANK_YOU),
    AskForCover: lambda _: AskForCover(ID),
    WithdrawCover: lambda _: WithdrawCover(ID),
}


@pytest.fixture
def crowd(room: RoomHarness, theo: Seat) -> RoomHarness:
    """The room with two of each role, who all wrote something."""
    room.enter("mo", Role.MENTOR)
    room.enter("tara", Role.THERAPIST)
    for who in PEOPLE:
        room.post(who, f"Words of {who}", f"by-{who}")
    return room


@pytest.mark.parametrize(
    ("request_type", "actor", "whose", "answer"),
    [
        (request_type, actor, whose[actor], answer)
        for request_type, whose, answers in CASES
        for actor, answer in zip(OWN, answers, strict=True)
    ],
)
def test_a_request_is_answered_as_the_role_permits(
    crowd: RoomHarness, request_type: type, actor: str, whose: str, answer: ErrorCode | None
) -> None:
    before = crowd.state

    assert crowd.refusal(actor, BUILD[request_type](whose)) is answer

    if answer is not None:
        assert crowd.state == before


def test_every_request_is_among_those_tested() -> None:
    assert {request for request, _, _ in CASES} == set(BUILD) == set(ROOM_REQUESTS)


@pytest.mark.parametrize("request_", [HideChat(ID, MessageId("none")), ShowChat(ID, MessageId("none"))])
def test_a_message_that_does_not_exist_is_not_found_by_those_who_may_hide(
    crowd: RoomHarness, request_: RoomRequest
) -> None:
    assert crowd.refusal("mia", request_) is ErrorCode.NOT_FOUND
    assert crowd.refusal("ana", request_) is ErrorCode.NOT_ALLOWED


@pytest.mark.parametrize("whose", ["ben", "stranger"])
@pytest.mark.parametrize(
    "request_type", [CloseMicrophone, AllowMicrophone, CloseScreen, AllowScreen, Admit, MoveToLobby]
)
def test_a_person_who_is_not_here_is_not_found_by_those_who_may_close(
    crowd: RoomHarness, request_type: type, whose: str
) -> None:
    crowd.leave("ben")

    assert crowd.refusal("mia", request_type(ID, ParticipantId(whose))) is ErrorCode.NOT_FOUND
    assert crowd.refusal("ana", request_type(ID, ParticipantId(whose))) is ErrorCode.NOT_ALLOWED


@pytest.mark.parametrize("request_type", list(BUILD))
def test_every_request_passes_the_permission_function(
    crowd: RoomHarness, request_type: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.requests.permitted", lambda *_: False)

    assert crowd.refusal("mia", BUILD[request_type]("ben")) is ErrorCode.NOT_ALLOWED


@pytest.mark.parametrize("request_type", [HideChat, ShowChat])
def test_a_message_outside_the_permitted_relation_is_refused(
    crowd: RoomHarness, request_type: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.requests.permitted", lambda role, action, relation: relation == "own")

    assert crowd.refusal("mia", BUILD[request_type]("mia")) is None
    assert crowd.refusal("mia", BUILD[request_type]("ben")) is ErrorCode.NOT_ALLOWED
