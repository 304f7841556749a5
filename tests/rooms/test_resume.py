"""A viewer whose socket was lost resumes: what was missed, exactly once, then the values of now."""

from __future__ import annotations

from typing import get_args

import pytest

from protocol.ids import MessageId, ParticipantId
from protocol.messages import (
    ChatHidden,
    ChatPosted,
    ChatShown,
    CoverChanged,
    DevicesChanged,
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
    PresenceChanged,
    Reacted,
    RoomFrame,
    ScreenAllowed,
    ScreenChanged,
    SessionChanged,
    SessionEnded,
    SpeakersChanged,
    ViewReplaced,
)
from protocol.turns import FloorChanged, TalkTimeChanged
from protocol.values import (
    ChatView,
    FloorView,
    LeaveReason,
    ParticipantView,
    Reaction,
    Role,
    SessionStatus,
    SessionView,
    Snapshot,
    WaitingView,
)
from rooms.events import MicrophoneHoldSet, MicrophoneShut, SessionOpened
from rooms.view import Viewer, is_sequenced, project, replayed
from tests.rooms.client_model import wire
from tests.rooms.harness import SESSION, RoomHarness, Seat

ANA = ParticipantId("ana")
PERSON = ParticipantView(ANA, "Ana", Role.PARTICIPANT, place=0)
MESSAGE = ChatView(MessageId("m1"), ANA, "Ana", "Hello", 1)
FRAMES: list[tuple[RoomFrame, bool]] = [
    (ParticipantJoined(PERSON), True),
    (ParticipantLeft(ANA, LeaveReason.LEFT), True),
    (ChatPosted(MESSAGE), True),
    (ChatHidden(MESSAGE), True),
    (ChatShown(MESSAGE), True),
    (MicrophoneClosed(ANA), True),
    (MicrophoneAllowed(ANA), True),
    (ViewReplaced(Snapshot(SessionView(SESSION, "T", SessionStatus.LIVE), ANA, (PERSON,), ())), True),
    (LobbyJoined(WaitingView(ANA, "Ana", 1)), True),
    (LobbyLeft(ANA), True),
    (ListeningChanged(ANA, listening=True), True),
    (CoverChanged(ANA, needed=True), True),
    (SessionEnded(), True),
    (SessionChanged(SessionView(SESSION, "T", SessionStatus.LIVE)), False),
    (PauseChanged(5), False),
    (NotAloneChanged(ANA, on=True), False),
    (Reacted(ANA, Reaction.THANK_YOU), False),
    (DevicesChanged(ANA, microphone=True, camera=True), False),
    (PresenceChanged(ANA, connected=True), False),
    (MicrophoneHeld(ANA, held=True), False),
    (ScreenChanged(ANA, screen=True), False),
    (ScreenAllowed(ANA, allowed=True), False),
    (SpeakersChanged((ANA,)), False),
    (FloorChanged(FloorView()), False),
    (TalkTimeChanged(()), False),
]


@pytest.mark.parametrize(("frame", "numbered"), FRAMES)
def test_frames_that_a_resume_must_repeat_are_numbered_and_values_are_not(frame: RoomFrame, *, numbered: bool) -> None:
    assert is_sequenced(frame) is numbered


def test_every_frame_is_among_those_tested() -> None:
    assert {type(frame) for frame, _ in FRAMES} == set(get_args(RoomFrame))


def test_frames_are_numbered_from_one_without_gaps(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.post("mia", "Welcome")
    room.devices("mia", microphone=True)
    room.close_microphone("mia", "ben")
    room.close_microphone("mia", "ana")
    room.leave("ben")

    numbered = [(seq, wire(frame)["type"]) for seq, frame in ana.received if seq is not None]
    assert numbered == [
        (1, "participant_joined"),
        (2, "participant_joined"),
        (3, "chat_posted"),
        (4, "microphone_closed"),
        (5, "participant_left"),
    ]


def test_whoever_resumes_receives_what_was_missed_once(room: RoomHarness, ana: Seat, ben: Seat, mia: Seat) -> None:
    room.post("ana", "before")
    ben.attached = False
    missed = room.post("ana", "meanwhile")
    room.leave("mia")
    sent = [wire(frame)["type"] for frame in room.resume(ben)]
    room.post("ana", "after")

    assert sent[:2] == ["chat_posted", "participant_left"]
    assert set(sent[2:]) == {
        "session_changed",
        "pause_changed",
        "devices_changed",
        "screen_changed",
        "screen_allowed",
        "presence_changed",
        "microphone_held",
        "not_alone_changed",
        "floor_changed",
    }
    assert [ben.client.chat[which]["text"] for which in ben.client.chat] == ["before", "meanwhile", "after"]
    assert missed in ben.client.chat


def test_whoever_resumes_sees_devices_and_connections_as_they_are_now(
    room: RoomHarness, ana: Seat, ben: Seat, mia: Seat
) -> None:
    ben.attached = False
    room.devices("ana", microphone=True, camera=True)
    room.lose("mia")
    room.resume(ben)

    assert (ben.person("ana")["microphone"], ben.person("ana")["camera"]) == (True, True)
    assert ben.person("mia")["connected"] is False


def test_whoever_resumes_after_a_closing_of_their_microphone_knows_it(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.devices("ana", microphone=True)
    ana.attached = False
    room.close_microphone("mia", "ana")
    room.allow_microphone("mia", "ana")
    room.close_microphone("mia", "ana")
    room.resume(ana)

    assert ana.person("ana")["microphone"] is False
    assert ana.person("ana")["microphone_closed"] is True
    assert ana.person("ana")["closings"] == 2


def test_a_peer_who_resumes_after_a_closing_learns_only_that_the_microphone_is_off(
    room: RoomHarness, ben: Seat, mia: Seat
) -> None:
    room.devices("ana", microphone=True)
    ben.attached = False
    room.close_microphone("mia", "ana")
    sent = room.resume(ben)

    assert [wire(frame) for frame in sent if "ana" in wire(frame).values()] == [
        {"type": "devices_changed", "participant_id": "ana", "microphone": False, "camera": False},
        {"type": "screen_changed", "participant_id": "ana", "screen": False},
        {"type": "presence_changed", "participant_id": "ana", "connected": True},
    ]


def test_whoever_resumes_after_the_end_sees_that_it_is_over(room: RoomHarness, ben: Seat, mia: Seat) -> None:
    ben.attached = False
    room.end("mia")

    assert next(wire(frame)["type"] for frame in room.resume(ben)) == "session_ended"
    assert ben.client.shows()["session"]["status"] == "ended"


def test_a_frame_without_words_is_repeated_as_it_was(room: RoomHarness, ana: Seat) -> None:
    frame = PresenceChanged(ParticipantId("ana"), connected=False)

    assert replayed(frame, room.state, ana.viewer) is frame


def test_the_opening_of_the_session_is_no_frame_to_anyone(room: RoomHarness) -> None:
    opened = SessionOpened(room.now_ms, SESSION, "Tuesday group", "", SessionStatus.LIVE)

    for role in Role:
        frames = project(opened, room.state, room.state, Viewer(ParticipantId("host"), role))
        assert frames == ()


def test_numbered_frames_follow_from_the_log_alone(room: RoomHarness, ana: Seat, ben: Seat, mia: Seat) -> None:
    """Devices are not in the log; if a number depended on them, a restart would count differently."""
    for seat in (ana, ben, mia):
        seat.kept.clear()
        seat.client.seq = 0
    start = len(room.log)
    room.devices("ana", microphone=True)
    room.close_microphone("mia", "ana")
    room.allow_microphone("mia", "ana")
    room.post("ben", "Hello")

    again = RoomHarness(opened=False)
    for event in room.events()[:start]:
        again.happen(event)
    for seat in (ana, ben, mia):
        again.attach(seat.viewer.participant_id, seat.viewer.role)
    for event in room.events()[start:]:
        again.happen(event)

    assert [seat.kept for seat in again.seats] == [seat.kept for seat in (ana, ben, mia)]


def test_holding_an_absent_persons_microphone_is_no_frame_to_anyone(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.leave("ana")
    held = MicrophoneHoldSet(ParticipantId("ana"), held=True)

    for seat in (ana, mia):
        assert project(held, room.state, room.state, seat.viewer) == ()


def test_a_hold_is_told_as_such_to_staff_and_a_closing_as_a_closing(room: RoomHarness, mia: Seat) -> None:
    state = room.state
    ana, mentor = ParticipantId("ana"), ParticipantId("mia")
    for event, kind in (
        (MicrophoneHoldSet(ana, held=True), "microphone_held"),
        (MicrophoneShut(room.now_ms, ana, mentor), "microphone_closed"),
    ):
        (frame,) = project(event, state, state, mia.viewer)
        assert wire(frame)["type"] == kind
