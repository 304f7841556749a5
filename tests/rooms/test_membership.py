"""Coming, going, keeping a place, and the end of the session."""

from __future__ import annotations

import pytest

from moderation.decision import denied
from moderation.permissions import Action
from protocol.errors import ErrorCode
from protocol.ids import IdentityId, MessageId, ParticipantId, RequestId, SessionId
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
    ParticipantLeft,
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
from protocol.values import LeaveReason, Reaction, Role, TurnForm, TurnMode
from rooms.commands import (
    ROOM_REQUESTS,
    Depart,
    Enter,
    LoseConnection,
    OpenSession,
    Requested,
    RestoreConnection,
    RoomRequest,
)
from rooms.decide import decide
from rooms.state import EMPTY
from rooms.view import Viewer, snapshot
from tests.rooms.harness import GRACE_MS, SESSION, Refusal, RoomHarness, Seat

ID = RequestId("r")
EVERY_REQUEST: list[RoomRequest] = [
    PostChat(ID, MessageId("m-new"), "Hello"),
    HideChat(ID, MessageId("m1")),
    ShowChat(ID, MessageId("m1")),
    SetDevices(ID, microphone=True, camera=True),
    CloseMicrophone(ID, ParticipantId("ana")),
    AllowMicrophone(ID, ParticipantId("ana")),
    ShareScreen(ID),
    StopSharing(ID),
    CloseScreen(ID, ParticipantId("ana")),
    AllowScreen(ID, ParticipantId("ana")),
    Admit(ID, ParticipantId("ana")),
    MoveToLobby(ID, ParticipantId("ana")),
    Remove(ID, ParticipantId("ana")),
    AskForCover(ID),
    WithdrawCover(ID),
    SetListening(ID, on=True),
    SetNotAlone(ID, on=True),
    React(ID, Reaction.SAME_HERE),
    EndSession(ID),
    Leave(ID),
    RaiseHand(ID),
    LowerHand(ID),
    Pass(ID),
    PassTurnOn(ID, 1, ParticipantId("ana")),
    SetTurnForm(ID, 1, TurnForm.TYPED),
    NextSpeaker(ID, 0),
    GiveTurn(ID, 0, ParticipantId("ana")),
    DenyTurn(ID, ParticipantId("ana")),
    EndTurn(ID, 1),
    ExtendTurn(ID, 1, 60_000),
    HoldTime(ID, 1, on=True),
    MoveInOrder(ID, ParticipantId("ana")),
    LeastHeardFirst(ID),
    SetTurnMode(ID, TurnMode.QUEUE),
    SetCompanion(ID, ParticipantId("ana")),
]


def test_every_request_is_among_those_tested() -> None:
    assert {type(request) for request in EVERY_REQUEST} == set(ROOM_REQUESTS)


def test_nobody_enters_a_room_that_is_not_open() -> None:
    room = RoomHarness(opened=False)

    with pytest.raises(Refusal) as refused:
        room.enter("ana")

    assert refused.value.code is ErrorCode.NOT_OPEN


def test_a_room_that_was_never_opened_shows_itself_as_over() -> None:
    seen = snapshot(EMPTY, Viewer(ParticipantId("ana"), Role.PARTICIPANT))

    assert (seen.session.status, seen.participants, seen.chat) == ("ended", (), ())


def test_opening_an_open_room_changes_nothing(room: RoomHarness) -> None:
    assert room.do(OpenSession(SessionId("another"), "Another title")) == ()
    assert (room.state.session_id, room.state.title) == (SESSION, "Tuesday group")


def test_whoever_enters_sees_the_session_and_everyone_in_order_of_arrival(
    room: RoomHarness, ana: Seat, ben: Seat, mia: Seat
) -> None:
    shown = mia.client.shows()

    assert (shown["session"]["id"], shown["session"]["title"], shown["session"]["status"]) == (
        "session-1",
        "Tuesday group",
        "live",
    )
    assert shown["you"] == "mia"
    assert [(p["id"], p["name"], p["role"], p["place"]) for p in shown["participants"]] == [
        ("host", "Host", "mentor", 0),
        ("ana", "Ana", "participant", 1),
        ("ben", "Ben", "participant", 2),
        ("mia", "Mia", "mentor", 3),
    ]


def test_those_present_see_who_enters(ana: Seat, ben: Seat) -> None:
    assert ana.types() == ["participant_joined"]
    assert ana.person("ben")["name"] == "Ben"


def test_entering_twice_is_entering_once(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.enter("ana")

    assert room.roster() == ["ana", "ben"]
    assert ben.types() == []


def test_whoever_leaves_is_gone_for_everyone(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.leave("ana")

    assert room.roster() == ["ben"]
    assert ben.types() == ["participant_left"]
    assert list(ben.client.people) == ["host", "ben"]


def test_whoever_comes_back_finds_the_old_place(room: RoomHarness, ana: Seat, ben: Seat, mia: Seat) -> None:
    room.leave("ana")
    room.enter("ana")

    assert room.roster() == ["ana", "ben", "mia"]
    assert [p["id"] for p in mia.client.shows()["participants"]] == ["host", "ana", "ben", "mia"]


def test_whoever_comes_back_has_microphone_and_camera_off(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.devices("ana", microphone=True, camera=True)
    room.leave("ana")
    room.enter("ana")

    assert (ben.person("ana")["microphone"], ben.person("ana")["camera"]) == (False, False)
    assert room.gates == set()


def test_whoever_comes_back_under_another_name_bears_it_and_wrote_under_the_old_one(
    room: RoomHarness, ana: Seat, ben: Seat
) -> None:
    message = room.post("ana", "Hello")
    room.enter("ana", name="Anita")
    later = room.post("ana", "Me again")

    assert ben.person("ana")["name"] == "Anita"
    assert [ben.client.chat[which]["author_name"] for which in (message, later)] == ["Ana", "Anita"]


def test_a_new_role_counts_from_the_next_entry(room: RoomHarness, ana: Seat, ben: Seat, mia: Seat) -> None:
    request = CloseMicrophone(ID, ParticipantId("ben"))
    assert room.refusal("ana", request) is ErrorCode.NOT_ALLOWED

    room.enter("ana", Role.MENTOR)

    assert ben.person("ana")["role"] == "mentor"
    assert room.refusal("ana", request) is None


def test_the_server_takes_a_person_out_once(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.depart("ana", LeaveReason.LEFT)
    room.depart("ana", LeaveReason.LEFT)
    room.do(Depart(ParticipantId("stranger"), LeaveReason.LEFT))

    assert ben.types() == ["participant_left"]


def test_a_lost_connection_keeps_the_place_and_is_seen(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.lose("ana")

    assert ben.person("ana")["connected"] is False
    assert room.roster() == ["ana", "ben"]


def test_a_restored_connection_is_seen_and_ends_the_wait(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.lose("ana")
    room.restore("ana")

    assert ben.person("ana")["connected"] is True
    assert room.deadline_ms is None
    assert room.wait(GRACE_MS * 2) == ()


def test_entering_while_the_place_is_kept_restores_the_connection(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.lose("ana")
    room.enter("ana")

    assert ben.types() == ["presence_changed", "presence_changed"]
    assert ben.person("ana")["connected"] is True


def test_restoring_a_connection_that_stands_changes_nothing(room: RoomHarness, ana: Seat) -> None:
    assert room.do(RestoreConnection(ParticipantId("ana"))) == ()


def test_a_connection_of_someone_absent_cannot_be_restored(room: RoomHarness, ana: Seat) -> None:
    room.leave("ana")

    for who in ("ana", "stranger"):
        with pytest.raises(Refusal) as refused:
            room.restore(who)
        assert refused.value.code is ErrorCode.NOT_FOUND


def test_a_place_is_kept_until_the_deadline_and_not_longer(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.lose("ana")
    assert room.deadline_ms == room.now_ms + GRACE_MS

    assert room.wait(GRACE_MS - 1) == ()
    assert room.roster() == ["ana", "ben"]

    room.wait(1)
    assert room.roster() == ["ben"]
    assert room.deadline_ms is None
    assert ben.received[-1][1] == ParticipantLeft(ParticipantId("ana"), LeaveReason.CONNECTION_LOST)


def test_losing_the_connection_again_does_not_prolong_the_wait(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.lose("ana")
    deadline = room.deadline_ms
    room.wait(GRACE_MS // 2)
    room.lose("ana")

    assert room.deadline_ms == deadline


def test_a_connection_of_someone_absent_is_not_waited_for(room: RoomHarness) -> None:
    assert room.do(LoseConnection(ParticipantId("stranger"), GRACE_MS)) == ()
    assert room.deadline_ms is None


def test_a_lost_connection_counts_although_what_it_waited_behind_was_not_saved(
    room: RoomHarness, ana: Seat, ben: Seat
) -> None:
    """Else the person would be here for ever, or be taken out while connected."""
    unsaved = Requested(ParticipantId("ben"), PostChat(ID, MessageId("m1"), "Hello"))
    room.do_and_lose([unsaved, LoseConnection(ParticipantId("ana"), GRACE_MS)])
    assert ben.person("ana")["connected"] is False
    assert room.deadline_ms == room.now_ms + GRACE_MS

    room.do_and_lose([unsaved, RestoreConnection(ParticipantId("ana"))])
    assert ben.person("ana")["connected"] is True
    assert room.deadline_ms is None


def test_a_connection_is_no_ones_when_the_entry_before_it_was_not_saved(room: RoomHarness, ana: Seat) -> None:
    enter = Enter(ParticipantId("ben"), IdentityId("i"), "Ben", Role.PARTICIPANT)
    lost = room.do_and_lose(
        [enter, LoseConnection(ParticipantId("ben"), GRACE_MS), RestoreConnection(ParticipantId("ben"))]
    )

    assert len(lost) == 3
    assert room.roster() == ["ana"]
    assert room.deadline_ms is None


def test_the_earliest_deadline_comes_first(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.lose("ana", 5_000)
    room.lose("ben", 2_000)

    assert room.deadline_ms == room.now_ms + 2_000
    room.wait(2_000)
    assert room.roster() == ["ana"]
    assert room.deadline_ms == room.now_ms + 3_000


def test_the_end_of_the_session_is_the_end_for_everyone(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.devices("ana", microphone=True, camera=True)
    message = room.post("ana", "Thank you all")
    room.end("mia")

    assert room.roster() == []
    assert room.gates == set()
    assert room.deadline_ms is None
    for seat in (ana, mia):
        shown = seat.client.shows()
        assert (shown["session"]["status"], shown["participants"]) == ("ended", [])
        assert list(seat.client.chat) == [message]


@pytest.mark.parametrize("who", ["ana", "mia", "theo", "stranger"])
@pytest.mark.parametrize("request_", EVERY_REQUEST)
def test_every_request_after_the_end_is_refused(room: RoomHarness, theo: Seat, who: str, request_: RoomRequest) -> None:
    room.post("ana", "Hello", "m1")
    room.end("theo")

    assert room.refusal(who, request_) is ErrorCode.SESSION_ENDED


def test_nobody_enters_and_nothing_opens_after_the_end(room: RoomHarness, mia: Seat) -> None:
    room.end("mia")

    with pytest.raises(Refusal) as refused:
        room.enter("ana")
    assert refused.value.code is ErrorCode.SESSION_ENDED
    assert room.do(OpenSession(SESSION, "Tuesday group")) == ()


@pytest.mark.parametrize("who", ["ben", "stranger"])
@pytest.mark.parametrize("request_", EVERY_REQUEST)
def test_every_request_of_someone_absent_is_refused(
    room: RoomHarness, ana: Seat, ben: Seat, who: str, request_: RoomRequest
) -> None:
    room.post("ana", "Hello", "m1")
    room.leave("ben")

    assert room.refusal(who, request_) is ErrorCode.NOT_ALLOWED


def test_a_mentor_who_left_has_no_say_any_more(room: RoomHarness, mia: Seat) -> None:
    room.leave("mia")

    assert room.refusal("mia", EndSession(ID)) is ErrorCode.NOT_ALLOWED


def test_entering_is_denied_to_a_role_that_the_permission_function_denies(
    room: RoomHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.decide.permitted", lambda *_: False)

    decision = decide(room.state, Enter(ParticipantId("ana"), IdentityId("i"), "Ana", Role.PARTICIPANT), room.now_ms)

    assert decision == denied(Action.ENTER)
