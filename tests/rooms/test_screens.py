"""Sharing a screen: who may, one at a time, and what ends it, whoever ends it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from protocol.errors import ErrorCode
from protocol.ids import ParticipantId, RequestId
from protocol.messages import Admit, AskForCover, CloseScreen, Leave, MoveToLobby, Remove, SetNotAlone, ShareScreen
from protocol.values import LeaveReason, Role, Source
from rooms.aftermath import aftermath
from rooms.events import (
    Event,
    ParticipantDeparted,
    ScreenHeld,
    ScreenSet,
    ScreenShut,
    SessionReturned,
    is_durable,
)
from tests.rooms.client_model import wire
from tests.rooms.harness import GRACE_MS, HOST, Refusal, RoomHarness, Seat

ID = RequestId("r")
ANA, MIA = ParticipantId("ana"), ParticipantId("mia")
SHARE = ShareScreen(ID)
MIAS_SCREEN, MIAS_SOUND = (MIA, Source.SCREEN), (MIA, Source.SCREEN_AUDIO)
ANAS_SCREEN, ANAS_SOUND = (ANA, Source.SCREEN), (ANA, Source.SCREEN_AUDIO)


def since(seat: Seat, act: Callable[[], object]) -> list[tuple[int | None, str, dict[str, object]]]:
    """What reaches a seat while something is done: seq, type, body."""
    before = len(seat.received)
    act()
    return [(seq, wire(frame)["type"], wire(frame)) for seq, frame in seat.received[before:]]


def fail(room: RoomHarness, act: Callable[[], object]) -> None:
    """Something is asked for while nothing can be stored."""
    room.storage_down = True
    with pytest.raises(Refusal) as refused:
        act()
    assert refused.value.code is ErrorCode.NOT_SAVED
    room.storage_down = False


@pytest.fixture
def shared(room: RoomHarness, mia: Seat) -> RoomHarness:
    """Ana may share, and does, with sound."""
    room.allow_screen("mia", "ana")
    room.share("ana", sound=True)
    return room


# ── who may ───────────────────────────────────────────────────────────────────────────────────


def test_a_mentor_shares_without_anyones_leave_and_everyone_sees_it(room: RoomHarness, ben: Seat, mia: Seat) -> None:
    room.share("mia")

    assert room.gates == {MIAS_SCREEN}
    assert (ben.person("mia")["screen"], ben.person("mia")["screen_audio"]) == (True, False)


def test_its_sound_is_forwarded_only_if_it_has_one(room: RoomHarness, ben: Seat, mia: Seat) -> None:
    room.share("mia", sound=True)
    assert room.gates == {MIAS_SCREEN, MIAS_SOUND}

    room.share("mia", sound=False)
    assert room.gates == {MIAS_SCREEN}
    assert ben.person("mia")["screen_audio"] is False


def test_a_participant_needs_a_mentors_leave(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    assert room.refusal("ana", SHARE) is ErrorCode.SCREEN_CLOSED

    room.allow_screen("mia", "ana")
    assert room.gates == set()

    room.share("ana")
    assert room.gates == {ANAS_SCREEN}


def test_being_allowed_to_share_is_told_to_that_person_and_to_staff(
    room: RoomHarness, ana: Seat, ben: Seat, mia: Seat, theo: Seat
) -> None:
    assert since(ben, lambda: room.allow_screen("mia", "ana")) == []

    assert [seat.person("ana")["may_share"] for seat in (ana, mia, theo)] == [True, True, True]
    assert room.allow_screen("theo", "ana") == ()


@pytest.mark.parametrize("how", [Leave(ID), MoveToLobby(ID, ANA)])
def test_whoever_goes_needs_leave_anew(shared: RoomHarness, how: Leave | MoveToLobby) -> None:
    shared.request("ana" if isinstance(how, Leave) else "mia", how)
    assert shared.gates == set()
    assert not shared.state.people[ANA].may_share


def test_whoever_comes_back_under_another_name_needs_leave_anew(shared: RoomHarness) -> None:
    shared.enter("ana", name="Ana again")

    assert shared.gates == set()
    assert shared.refusal("ana", SHARE) is ErrorCode.SCREEN_CLOSED


# ── one at a time ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", ["mia", HOST])
def test_nobody_takes_the_screen_from_anyone(shared: RoomHarness, who: str) -> None:
    assert shared.refusal(who, SHARE) is ErrorCode.SCREEN_TAKEN
    assert shared.gates == {ANAS_SCREEN, ANAS_SOUND}


def test_a_mentor_who_wants_the_screen_ends_that_share_first(shared: RoomHarness) -> None:
    shared.close_screen("mia", "ana")
    shared.share("mia")

    assert shared.gates == {MIAS_SCREEN}


def test_sharing_again_what_is_shared_changes_nothing(shared: RoomHarness) -> None:
    assert shared.share("ana", sound=True) == ()


# ── what ends it ──────────────────────────────────────────────────────────────────────────────


def test_whoever_stops_is_seen_no_more_and_may_begin_again(shared: RoomHarness, ben: Seat) -> None:
    shared.stop_sharing("ana")
    assert shared.gates == set()
    assert ben.person("ana")["screen"] is False
    assert shared.stop_sharing("ana") == ()

    shared.share("ana")
    assert shared.gates == {ANAS_SCREEN}


def test_a_share_is_never_stored_and_never_numbered(room: RoomHarness, ben: Seat, mia: Seat) -> None:
    stored = list(room.log)

    assert [seq for seq, _, _ in since(ben, lambda: room.share("mia"))] == [None]
    assert room.log == stored


def test_a_mentor_ends_the_share_of_anyone_else(room: RoomHarness, mia: Seat) -> None:
    room.share("mia")
    room.close_screen(HOST, "mia")

    assert room.gates == set()
    assert room.close_screen(HOST, "mia") == ()
    room.share("mia")
    assert room.gates == {MIAS_SCREEN}


def test_a_mentors_ending_takes_the_leave_back(shared: RoomHarness, ana: Seat) -> None:
    shared.close_screen("mia", "ana")

    assert shared.gates == set()
    assert ana.person("ana")["may_share"] is False
    assert shared.refusal("ana", SHARE) is ErrorCode.SCREEN_CLOSED
    assert shared.replay().people[ANA].may_share is False


def test_a_leave_that_was_not_used_is_taken_back_alike(room: RoomHarness, ben: Seat, mia: Seat) -> None:
    room.allow_screen("mia", "ana")

    assert since(ben, lambda: room.close_screen("mia", "ana")) == []
    assert room.refusal("ana", SHARE) is ErrorCode.SCREEN_CLOSED


def test_to_a_peer_a_mentors_ending_is_an_ordinary_end(shared: RoomHarness, ben: Seat) -> None:
    stopped = since(ben, lambda: shared.stop_sharing("ana"))
    shared.share("ana", sound=True)

    assert since(ben, lambda: shared.close_screen("mia", "ana")) == stopped


def test_a_share_ends_with_the_connection_and_is_not_taken_up_again(shared: RoomHarness, ben: Seat) -> None:
    shared.lose("ana")
    assert shared.gates == set()
    assert ben.person("ana")["screen"] is False

    shared.restore("ana")
    assert shared.gates == set()
    shared.share("ana")
    assert shared.gates == {ANAS_SCREEN}


def test_another_page_of_the_same_person_shares_nothing(shared: RoomHarness, ben: Seat) -> None:
    shared.enter("ana")

    assert shared.gates == set()
    assert ben.person("ana")["screen"] is False


def test_not_alone_ends_it(shared: RoomHarness) -> None:
    shared.request("ana", SetNotAlone(ID, on=True))
    assert shared.gates == set()

    shared.share("ana")
    shared.request("ana", SetNotAlone(ID, on=False))
    assert shared.gates == {ANAS_SCREEN}


def test_a_participants_share_ends_when_nobody_leads_any_more(shared: RoomHarness, ben: Seat) -> None:
    for who in (HOST, "mia"):
        shared.request(who, AskForCover(ID))

    assert shared.state.paused_until_ms is not None
    assert shared.gates == set()
    assert shared.refusal("ana", SHARE) is ErrorCode.PAUSED


def test_whoever_asks_for_cover_shows_nothing_more_unless_they_begin_anew(
    room: RoomHarness, ben: Seat, mia: Seat
) -> None:
    room.share("mia")
    for who in (HOST, "mia"):
        room.request(who, AskForCover(ID))
    assert room.gates == set()

    room.share("mia")
    assert room.gates == {MIAS_SCREEN}


@pytest.mark.parametrize("request_", [MoveToLobby(ID, ANA), Remove(ID, ANA)])
def test_whoever_is_sent_out_is_seen_no_more_even_if_it_cannot_be_saved(
    shared: RoomHarness, request_: MoveToLobby | Remove
) -> None:
    fail(shared, lambda: shared.request("mia", request_))

    assert shared.gates == set()


# ── when an ending cannot be saved ────────────────────────────────────────────────────────────


def test_a_share_whose_ending_was_not_saved_stays_ended(shared: RoomHarness, ana: Seat) -> None:
    fail(shared, lambda: shared.close_screen("mia", "ana"))

    assert shared.gates == set()
    assert shared.refusal("ana", SHARE) is ErrorCode.SCREEN_CLOSED
    assert ana.person("ana")["may_share"] is False


def test_an_ending_asked_for_again_is_saved(shared: RoomHarness) -> None:
    fail(shared, lambda: shared.close_screen("mia", "ana"))
    assert shared.replay().people[ANA].may_share
    shared.close_screen("mia", "ana")

    assert not shared.replay().people[ANA].may_share


def test_whoever_was_sent_out_unsaved_and_comes_in_again_needs_leave_anew(shared: RoomHarness) -> None:
    fail(shared, lambda: shared.request("mia", MoveToLobby(ID, ANA)))
    shared.request("mia", Admit(ID, ANA))

    assert shared.refusal("ana", SHARE) is ErrorCode.SCREEN_CLOSED
    shared.close_screen("mia", "ana")
    assert not shared.replay().people[ANA].may_share


def test_a_mentor_allows_it_again_after_an_ending_that_was_not_saved(shared: RoomHarness) -> None:
    fail(shared, lambda: shared.close_screen("mia", "ana"))
    shared.allow_screen("mia", "ana")
    shared.share("ana")

    assert shared.gates == {ANAS_SCREEN}


@pytest.mark.parametrize(
    ("lost", "kept"),
    [
        (ScreenShut(1, ANA, MIA), (ScreenHeld(ANA),)),
        (ScreenHeld(ANA), (ScreenHeld(ANA),)),
        (ScreenHeld(ParticipantId("nobody")), ()),
        (ScreenSet(ANA, screen=False, screen_audio=False), (ScreenSet(ANA, screen=False, screen_audio=False),)),
        (ScreenSet(ANA, screen=True, screen_audio=False), (ScreenSet(ANA, screen=True, screen_audio=False),)),
        (ScreenSet(ANA, screen=True, screen_audio=True), ()),
        (ScreenSet(ParticipantId("nobody"), screen=False, screen_audio=False), ()),
        (ParticipantDeparted(1, ANA, LeaveReason.LEFT), (ScreenSet(ANA, screen=False, screen_audio=False),)),
        (SessionReturned(1, (ANA,)), (ScreenSet(ANA, screen=False, screen_audio=False),)),
    ],
)
def test_what_ended_a_share_ends_it_although_it_was_lost(
    shared: RoomHarness, lost: Event, kept: tuple[Event, ...]
) -> None:
    assert aftermath(shared.state, (lost,)) == kept
    assert not any(is_durable(event) for event in kept)


def test_leave_to_share_that_was_taken_back_and_lost_is_taken_back(room: RoomHarness, mia: Seat) -> None:
    room.allow_screen("mia", "ana")
    assert aftermath(room.state, (ScreenShut(1, ANA, MIA),)) == (ScreenHeld(ANA),)


def test_a_share_that_was_decided_and_lost_is_not_begun(room: RoomHarness, mia: Seat) -> None:
    assert aftermath(room.state, (ScreenSet(MIA, screen=True, screen_audio=True),)) == ()
    assert aftermath(room.state, (ScreenShut(1, MIA, ANA),)) == ()


# ── resuming, and the lobby ───────────────────────────────────────────────────────────────────


def test_whoever_resumes_learns_who_shares_now(shared: RoomHarness, ben: Seat, mia: Seat) -> None:
    ben.attached = mia.attached = False
    shared.close_screen(HOST, "ana")
    shared.share(HOST)

    for seat in (ben, mia):
        shared.resume(seat)
        assert (seat.person("ana")["screen"], seat.person(HOST)["screen"]) == (False, True)
    assert mia.person("ana")["may_share"] is False


def test_who_waits_shares_nothing_and_hears_nothing_of_it(shared: RoomHarness) -> None:
    zoe = shared.enter("zoe", enrolled=False)

    assert shared.refusal("zoe", SHARE) is ErrorCode.NOT_ADMITTED
    assert shared.stop_sharing("zoe") == ()
    assert shared.refusal("mia", CloseScreen(ID, ParticipantId("zoe"))) is ErrorCode.NOT_FOUND
    assert since(zoe, lambda: shared.stop_sharing("ana")) == []


def test_a_place_that_is_kept_keeps_the_leave(shared: RoomHarness) -> None:
    shared.lose("ana", GRACE_MS)
    shared.restore("ana")

    assert shared.state.people[ANA].may_share


def test_who_returns_as_a_mentor_needs_no_leave(room: RoomHarness, ana: Seat) -> None:
    room.enter("ana", Role.MENTOR)
    room.share("ana")

    assert room.gates == {ANAS_SCREEN}
