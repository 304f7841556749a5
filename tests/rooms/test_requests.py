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
from protocol.turns import (
    DenyTurn,
    EndTurn,
    ExtendTurn,
    GiveTurn,
    HoldTime,
    LeastHeardFirst,
    LowerHand,
    MoveInOrder,
    NextSpeaker,
    Pass,
    PassTurnOn,
    RaiseHand,
    SetCompanion,
    SetTurnForm,
    SetTurnMode,
)
from protocol.values import Reaction, Role, TurnForm, TurnMode
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
    *((request, OWN, (OK, OK, OK)) for request in (RaiseHand, LowerHand, Pass)),
    *((request, OWN, (NO, OK, OK)) for request in (LeastHeardFirst, SetTurnMode)),
    # Nobody holds the turn that these name: what its holder would ask is answered, and without effect.
    *((request, OWN, (OK, OK, OK)) for request in (PassTurnOn, SetTurnForm, EndTurn)),
    *((request, OWN, (NO, OK, OK)) for request in (ExtendTurn, HoldTime)),
    (NextSpeaker, OWN, (NO, ErrorCode.NOT_FOUND, ErrorCode.NOT_FOUND)),
    *((GiveTurn, whose, (NO, OK, OK)) for whose in (OWN, PARTICIPANTS, MENTORS, THERAPISTS)),
    (DenyTurn, OWN, (NO, NO, NO)),
    *((DenyTurn, whose, (NO, OK, OK)) for whose in (PARTICIPANTS, MENTORS, THERAPISTS)),
    (MoveInOrder, PARTICIPANTS, (NO, ErrorCode.NOT_FOUND, ErrorCode.NOT_FOUND)),
    (SetCompanion, PARTICIPANTS, (NO, OK, OK)),
    *((SetCompanion, whose, (NO, NO, NO)) for whose in (OWN, MENTORS, THERAPISTS)),
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
    RaiseHand: lambda _: RaiseHand(ID),
    LowerHand: lambda _: LowerHand(ID),
    Pass: lambda _: Pass(ID),
    PassTurnOn: lambda whose: PassTurnOn(ID, 0, ParticipantId(whose)),
    SetTurnForm: lambda _: SetTurnForm(ID, 0, TurnForm.TYPED),
    NextSpeaker: lambda _: NextSpeaker(ID, 0),
    GiveTurn: lambda whose: GiveTurn(ID, 0, ParticipantId(whose)),
    DenyTurn: lambda whose: DenyTurn(ID, ParticipantId(whose)),
    EndTurn: lambda _: EndTurn(ID, 0),
    ExtendTurn: lambda _: ExtendTurn(ID, 0, 60_000),
    HoldTime: lambda _: HoldTime(ID, 0, on=True),
    MoveInOrder: lambda whose: MoveInOrder(ID, ParticipantId(whose)),
    LeastHeardFirst: lambda _: LeastHeardFirst(ID),
    SetTurnMode: lambda _: SetTurnMode(ID, TurnMode.QUEUE),
    SetCompanion: lambda whose: SetCompanion(ID, ParticipantId(whose), ParticipantId("ana")),
}
ABOUT_A_TURN = (PassTurnOn, SetTurnForm, EndTurn)
"""What is acknowledged, whoever asks, where that turn does not run."""


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


@pytest.mark.parametrize("request_type", [each for each in BUILD if each not in ABOUT_A_TURN])
def test_every_request_passes_the_permission_function(
    crowd: RoomHarness, request_type: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("requests", "turns"):
        monkeypatch.setattr(f"rooms.{module}.permitted", lambda *_: False)

    assert crowd.refusal("mia", BUILD[request_type]("ben")) is ErrorCode.NOT_ALLOWED


@pytest.mark.parametrize(
    "request_",
    [
        PassTurnOn(ID, 1, ParticipantId("ben")),
        SetTurnForm(ID, 1, TurnForm.TYPED),
        EndTurn(ID, 1),
        ExtendTurn(ID, 1, 60_000),
        HoldTime(ID, 1, on=True),
    ],
)
@pytest.mark.parametrize("holder", ["ana", "mia"])
def test_every_request_about_a_running_turn_passes_the_permission_function(
    crowd: RoomHarness, request_: RoomRequest, holder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd.request("mia", GiveTurn(ID, 0, ParticipantId(holder)))
    monkeypatch.setattr("rooms.turns.permitted", lambda *_: False)

    assert crowd.refusal("mia", request_) is ErrorCode.NOT_ALLOWED


@pytest.mark.parametrize("request_type", [HideChat, ShowChat])
def test_a_message_outside_the_permitted_relation_is_refused(
    crowd: RoomHarness, request_type: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.requests.permitted", lambda role, action, relation: relation == "own")

    assert crowd.refusal("mia", BUILD[request_type]("mia")) is None
    assert crowd.refusal("mia", BUILD[request_type]("ben")) is ErrorCode.NOT_ALLOWED
