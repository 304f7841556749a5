"""Which sources pass, and which are shut before anything is stored."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.ids import IdentityId, MessageId, ParticipantId, SessionId
from protocol.values import LeaveReason, Role, SessionStatus, Source
from rooms.events import (
    ChatConcealed,
    ChatRevealed,
    ChatWritten,
    ConnectionLost,
    ConnectionRestored,
    DevicesSet,
    Event,
    FloorPaused,
    FloorResumed,
    MicrophoneFreed,
    MicrophoneHoldSet,
    MicrophoneShut,
    ParticipantAdmitted,
    ParticipantDeparted,
    ParticipantEntered,
    ParticipantMoved,
    ParticipantRemoved,
    ScreenFreed,
    ScreenHeld,
    ScreenSet,
    ScreenShut,
    SentOut,
    SessionClosed,
    SessionOpened,
    SessionReturned,
)
from rooms.gates import always_heard, cut_off_at_once, open_gates, shut_at_once
from rooms.state import EMPTY, Participant, RoomState

ANA, MIA = ParticipantId("ana"), ParticipantId("mia")
MICROPHONE, CAMERA = (ANA, Source.MICROPHONE), (ANA, Source.CAMERA)
SCREEN, SCREEN_AUDIO = (ANA, Source.SCREEN), (ANA, Source.SCREEN_AUDIO)
ALL = {MICROPHONE, CAMERA, SCREEN, SCREEN_AUDIO}
MESSAGE = MessageId("m1")


def room_with_ana(**what: Any) -> RoomState:
    """A room with one participant whose microphone and camera are on, changed as said."""
    values: dict[str, Any] = {"microphone": True, "camera": True} | what
    ana = Participant(ANA, IdentityId("i"), "Ana", Role.PARTICIPANT, 0, **values)
    return RoomState(people={ANA: ana})


def test_an_empty_room_lets_nothing_through() -> None:
    assert open_gates(EMPTY) == set()


@pytest.mark.parametrize(
    ("what", "gates"),
    [
        ({}, {MICROPHONE, CAMERA}),
        ({"microphone": False}, {CAMERA}),
        ({"camera": False}, {MICROPHONE}),
        ({"shut": True}, {CAMERA}),
        ({"held": True}, {CAMERA}),
        ({"away_until_ms": 5}, {MICROPHONE, CAMERA}),
        ({"present": False}, set()),
        ({"screen": True}, {MICROPHONE, CAMERA, SCREEN}),
        ({"screen": True, "screen_audio": True}, ALL),
        ({"may_share": True}, {MICROPHONE, CAMERA}),
        ({"screen": True, "waiting": True}, set()),
    ],
)
def test_only_what_is_on_of_people_present_and_not_closed_passes(
    what: dict[str, Any], gates: set[tuple[ParticipantId, Source]]
) -> None:
    assert open_gates(room_with_ana(**what)) == gates


@pytest.mark.parametrize(
    ("event", "shut"),
    [
        (MicrophoneShut(1, ANA, MIA), {MICROPHONE, SCREEN_AUDIO}),
        (MicrophoneHoldSet(ANA, held=True), {MICROPHONE, SCREEN_AUDIO}),
        (MicrophoneHoldSet(ANA, held=False), set()),
        (MicrophoneFreed(1, ANA, MIA), set()),
        (ParticipantDeparted(1, ANA, LeaveReason.LEFT), ALL),
        (
            ParticipantEntered(1, ANA, IdentityId("i"), "Ana", Role.PARTICIPANT, waiting=False, expected=True),
            ALL,
        ),
        (ParticipantMoved(1, ANA, MIA), ALL),
        (ParticipantRemoved(1, ANA, MIA), ALL),
        (SentOut(1, ANA), ALL),
        (SessionReturned(1, (ANA,)), ALL),
        (FloorPaused(5, 9, (ANA,)), {MICROPHONE, SCREEN, SCREEN_AUDIO}),
        (FloorResumed(5), set()),
        (ParticipantAdmitted(1, ANA, None), set()),
        (DevicesSet(ANA, microphone=True, camera=True), set()),
        (DevicesSet(ANA, microphone=False, camera=True), {MICROPHONE}),
        (DevicesSet(ANA, microphone=True, camera=False), {CAMERA}),
        (DevicesSet(ANA, microphone=False, camera=False), {MICROPHONE, CAMERA}),
        (ScreenSet(ANA, screen=True, screen_audio=True), set()),
        (ScreenSet(ANA, screen=True, screen_audio=False), {SCREEN_AUDIO}),
        (ScreenSet(ANA, screen=False, screen_audio=False), {SCREEN, SCREEN_AUDIO}),
        (ScreenShut(1, ANA, MIA), {SCREEN, SCREEN_AUDIO}),
        (ScreenHeld(ANA), {SCREEN, SCREEN_AUDIO}),
        (ScreenFreed(1, ANA, MIA), set()),
        (ConnectionLost(1, ANA, 5), set()),
        (ConnectionRestored(ANA), set()),
        (ChatWritten(1, MESSAGE, ANA, "Hello"), set()),
        (ChatConcealed(1, MESSAGE, MIA), set()),
        (ChatRevealed(1, MESSAGE, MIA), set()),
        (SessionOpened(1, SessionId("s"), "Title", "", SessionStatus.LOBBY), set()),
        # The end waits for its storing: nobody loses the room to a failed commit.
        (SessionClosed(1, MIA), set()),
    ],
)
def test_what_turns_something_off_shuts_it_at_once(event: Event, shut: set[tuple[ParticipantId, Source]]) -> None:
    assert shut_at_once(event) == shut


@pytest.mark.parametrize(
    ("event", "who"),
    [
        (ParticipantMoved(1, ANA, MIA), {ANA}),
        (ParticipantRemoved(1, ANA, MIA), {ANA}),
        (SentOut(1, ANA), {ANA}),
        (ParticipantDeparted(1, ANA, LeaveReason.LEFT), set()),
    ],
)
def test_who_is_sent_out_hears_nothing_more_at_once(event: Event, who: set[ParticipantId]) -> None:
    assert cut_off_at_once(event) == who


def test_who_answers_for_the_group_is_always_heard_while_inside() -> None:
    people = {
        ParticipantId(name): Participant(
            ParticipantId(name), IdentityId(name), name, role, 0, present=name != "away", waiting=name == "outside"
        )
        for name, role in (
            ("ana", Role.PARTICIPANT),
            ("marcus", Role.MENTOR),
            ("dana", Role.THERAPIST),
            ("away", Role.MENTOR),
            ("outside", Role.THERAPIST),
        )
    }
    assert always_heard(RoomState(people=people)) == {"marcus", "dana"}
