"""Microphones and cameras: who turns them on and off, and what a mentor's closing means to whom."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from protocol.errors import ErrorCode
from protocol.ids import IdentityId, MessageId, ParticipantId, RequestId
from protocol.messages import PostChat, SetDevices
from protocol.values import LeaveReason, Role, Source
from rooms.aftermath import aftermath
from rooms.commands import Requested, TakeOver
from rooms.events import (
    ChatWritten,
    Event,
    MicrophoneHoldSet,
    MicrophoneShut,
    ParticipantDeparted,
    ParticipantEntered,
    SessionClosed,
    is_durable,
)
from tests.rooms.client_model import wire
from tests.rooms.harness import Refusal, RoomHarness, Seat

ID = RequestId("r")
ANA, BEN, MIA = ParticipantId("ana"), ParticipantId("ben"), ParticipantId("mia")
ON = SetDevices(ID, microphone=True, camera=False)
ANA_MICROPHONE = (ANA, Source.MICROPHONE)
ANA_CAMERA = (ANA, Source.CAMERA)


def since(seat: Seat, act: Callable[[], object]) -> list[tuple[int | None, str, dict[str, object]]]:
    """What reaches a seat while something is done: seq, type, body."""
    before = len(seat.received)
    act()
    return [(seq, wire(frame)["type"], wire(frame)) for seq, frame in seat.received[before:]]


def fail_to_close(room: RoomHarness, whose: str = "ana") -> None:
    """The mentor closes a microphone while nothing can be stored."""
    room.storage_down = True
    with pytest.raises(Refusal) as refused:
        room.close_microphone("mia", whose)
    assert refused.value.code is ErrorCode.NOT_SAVED
    room.storage_down = False


# ── one's own devices ─────────────────────────────────────────────────────────────────────────


def test_everyone_sees_what_is_on_and_it_is_forwarded(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.devices("ana", microphone=True, camera=True)

    assert (ben.person("ana")["microphone"], ben.person("ana")["camera"]) == (True, True)
    assert room.gates == {ANA_MICROPHONE, ANA_CAMERA}


def test_a_page_that_takes_over_begins_with_all_off_and_brings_nobody_in(
    room: RoomHarness, ana: Seat, ben: Seat
) -> None:
    room.devices("ana", microphone=True, camera=True)
    room.do(TakeOver(ANA))
    assert (ben.person("ana")["microphone"], ben.person("ana")["camera"]) == (False, False)
    assert room.gates == set()
    room.leave("ana")
    assert room.do(TakeOver(ANA)) == ()
    assert "ana" not in room.roster()


def test_off_is_off_for_everyone(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.devices("ana", microphone=True, camera=True)
    room.devices("ana", microphone=False, camera=True)
    assert room.gates == {ANA_CAMERA}

    room.devices("ana", microphone=False, camera=False)
    assert room.gates == set()
    assert (ben.person("ana")["microphone"], ben.person("ana")["camera"]) == (False, False)


def test_saying_the_same_again_tells_nobody_anything(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.devices("ana", microphone=True)

    assert since(ben, lambda: room.devices("ana", microphone=True)) == []


def test_devices_are_never_stored_and_never_numbered(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    stored = list(room.log)

    assert [seq for seq, _, _ in since(ben, lambda: room.devices("ana", microphone=True))] == [None]
    assert room.log == stored


def test_devices_stay_on_while_the_place_is_kept(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.devices("ana", microphone=True, camera=True)
    room.lose("ana")

    assert room.gates == {ANA_MICROPHONE, ANA_CAMERA}
    room.wait(60_000)
    assert room.gates == set()


# ── a mentor's closing ────────────────────────────────────────────────────────────────────────


def test_a_closed_microphone_is_off_and_not_forwarded(room: RoomHarness, ben: Seat, mia: Seat) -> None:
    room.devices("ana", microphone=True, camera=True)
    room.close_microphone("mia", "ana")

    assert room.gates == {ANA_CAMERA}
    assert ben.person("ana")["microphone"] is False


def test_a_closed_microphone_cannot_be_opened_by_anyone(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.close_microphone("mia", "ana")

    for closings in (0, 1, 2):
        request = SetDevices(ID, microphone=True, camera=False, closings=closings)
        assert room.refusal("ana", request) is ErrorCode.MICROPHONE_CLOSED
    assert room.gates == set()


def test_closing_a_closed_microphone_again_changes_nothing(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.close_microphone("mia", "ana")

    assert room.close_microphone("mia", "ana") == ()
    assert ana.person("ana")["closings"] == 1


def test_a_closed_microphone_leaves_the_camera_alone(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.close_microphone("mia", "ana")
    room.devices("ana", camera=True)

    assert room.gates == {ANA_CAMERA}


def test_a_camera_goes_off_even_if_its_person_has_not_heard_of_the_closing(
    room: RoomHarness, ana: Seat, mia: Seat
) -> None:
    room.devices("ana", microphone=True, camera=True)
    room.close_microphone("mia", "ana")
    room.devices("ana", microphone=True, camera=False)

    assert room.gates == set()
    assert (ana.person("ana")["microphone"], ana.person("ana")["camera"]) == (False, False)


def test_a_camera_does_not_go_on_with_a_microphone_that_is_refused(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.close_microphone("mia", "ana")

    both = SetDevices(ID, microphone=True, camera=True)
    assert room.refusal("ana", both) is ErrorCode.MICROPHONE_CLOSED
    assert room.gates == set()


def test_allowing_a_microphone_opens_nothing(room: RoomHarness, ana: Seat, ben: Seat, mia: Seat) -> None:
    room.devices("ana", microphone=True)
    room.close_microphone("mia", "ana")

    assert since(ben, lambda: room.allow_microphone("mia", "ana")) == []
    assert room.gates == set()
    assert ana.person("ana")["microphone"] is False
    assert ana.person("ana")["microphone_closed"] is False


def test_an_allowed_microphone_opens_when_its_person_taps(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.close_microphone("mia", "ana")
    room.allow_microphone("mia", "ana")
    room.devices("ana", microphone=True, closings=ana.person("ana")["closings"])

    assert room.gates == {ANA_MICROPHONE}


def test_allowing_an_open_microphone_changes_nothing(room: RoomHarness, mia: Seat) -> None:
    assert room.allow_microphone("mia", "ana") == ()


def test_a_client_that_has_not_heard_of_a_closing_cannot_open_the_microphone(
    room: RoomHarness, ana: Seat, mia: Seat
) -> None:
    room.close_microphone("mia", "ana")
    room.allow_microphone("mia", "ana")

    assert room.refusal("ana", ON) is ErrorCode.MICROPHONE_CLOSED
    assert room.gates == set()


def test_a_microphone_that_is_on_stays_on_whatever_closings_the_client_knows(
    room: RoomHarness, ana: Seat, mia: Seat
) -> None:
    room.close_microphone("mia", "ana")
    room.allow_microphone("mia", "ana")
    room.devices("ana", microphone=True, closings=1)
    room.devices("ana", microphone=True, camera=True, closings=0)

    assert room.gates == {ANA_MICROPHONE, ANA_CAMERA}


def test_leaving_and_coming_back_does_not_undo_a_closing(room: RoomHarness, mia: Seat) -> None:
    room.close_microphone("mia", "ana")
    room.leave("ana")
    ana = room.enter("ana")

    assert ana.person("ana")["microphone_closed"] is True
    assert room.refusal("ana", SetDevices(ID, True, False, closings=1)) is ErrorCode.MICROPHONE_CLOSED


@pytest.mark.parametrize("saved", [True, False])
def test_whoever_comes_back_as_a_mentor_can_use_the_microphone(room: RoomHarness, mia: Seat, *, saved: bool) -> None:
    room.devices("ana", microphone=True)
    if saved:
        room.close_microphone("mia", "ana")
    else:
        fail_to_close(room)
    ana = room.enter("ana", Role.MENTOR)

    assert ana.person("ana")["microphone_closed"] is False
    assert room.gates == set()
    assert room.refusal("ana", SetDevices(ID, True, False, closings=1)) is None


# ── who is told of a closing ──────────────────────────────────────────────────────────────────


def test_a_closing_is_told_to_its_person_and_to_staff(room: RoomHarness, ana: Seat, mia: Seat, theo: Seat) -> None:
    room.devices("ana", microphone=True)
    room.close_microphone("mia", "ana")

    assert ana.types()[-1] == mia.types()[-1] == theo.types()[-1] == "microphone_closed"
    for seat in (ana, mia, theo):
        assert seat.person("ana")["microphone_closed"] is True
    assert [seat.person("ana")["closings"] for seat in (ana, mia, theo)] == [1, 0, 0]


def test_to_a_peer_a_closing_is_an_ordinary_mute(room: RoomHarness, ben: Seat, mia: Seat) -> None:
    """The same bytes, with the same envelope: a seq of its own would give the closing away."""
    room.devices("ana", microphone=True, camera=True)
    mute = since(ben, lambda: room.devices("ana", camera=True))
    room.devices("ana", microphone=True, camera=True)
    closing = since(ben, lambda: room.close_microphone("mia", "ana"))

    assert closing == mute
    assert [(seq, kind) for seq, kind, _ in closing] == [(None, "devices_changed")]


def test_a_failed_closing_and_its_repetition_look_to_a_peer_like_an_ordinary_mute(
    room: RoomHarness, ben: Seat, mia: Seat
) -> None:
    room.devices("ana", microphone=True, camera=True)
    mute = since(ben, lambda: room.devices("ana", camera=True))
    room.devices("ana", microphone=True, camera=True)

    assert since(ben, lambda: fail_to_close(room)) == mute
    assert since(ben, lambda: room.close_microphone("mia", "ana")) == []


def test_a_peer_hears_nothing_of_the_closing_of_a_microphone_that_is_off(
    room: RoomHarness, ben: Seat, mia: Seat
) -> None:
    assert since(ben, lambda: room.close_microphone("mia", "ana")) == []
    assert since(ben, lambda: room.allow_microphone("mia", "ana")) == []
    assert since(ben, lambda: fail_to_close(room)) == []
    assert since(ben, lambda: room.allow_microphone("mia", "ana")) == []


def test_a_peers_fresh_snapshot_tells_nothing_of_a_closing(room: RoomHarness, ana: Seat, ben: Seat, mia: Seat) -> None:
    before = room.fresh(ben)
    room.close_microphone("mia", "ana")

    assert room.fresh(ben) == before


# ── when a closing cannot be saved ────────────────────────────────────────────────────────────


def test_a_microphone_whose_closing_was_not_saved_stays_shut(
    room: RoomHarness, ana: Seat, ben: Seat, mia: Seat
) -> None:
    room.devices("ana", microphone=True, camera=True)
    fail_to_close(room)

    assert room.gates == {ANA_CAMERA}
    assert ben.person("ana")["microphone"] is False
    for seat in (ana, mia):
        assert seat.types()[-1] == "microphone_held"
        assert seat.person("ana")["microphone_closed"] is True
    assert room.refusal("ana", SetDevices(ID, microphone=True, camera=True)) is ErrorCode.MICROPHONE_CLOSED


def test_a_closing_that_was_not_saved_can_be_saved_later(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    fail_to_close(room)
    room.close_microphone("mia", "ana")

    assert isinstance(room.events()[-1], MicrophoneShut)
    assert room.state.people[ANA].held is False
    assert ana.person("ana")["microphone_closed"] is True
    assert ana.person("ana")["closings"] == 2


def test_a_closing_that_was_not_saved_can_be_taken_back(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    fail_to_close(room)
    stored = list(room.log)
    room.allow_microphone("mia", "ana")

    assert room.log == stored
    assert ana.person("ana")["microphone_closed"] is False
    assert room.refusal("ana", ON) is ErrorCode.MICROPHONE_CLOSED
    room.devices("ana", microphone=True, closings=1)
    assert room.gates == {ANA_MICROPHONE}


def test_an_allowing_that_was_not_saved_leaves_the_microphone_closed(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.close_microphone("mia", "ana")
    room.storage_down = True
    with pytest.raises(Refusal):
        room.allow_microphone("mia", "ana")

    assert ana.person("ana")["microphone_closed"] is True
    assert room.refusal("ana", SetDevices(ID, True, False, closings=1)) is ErrorCode.MICROPHONE_CLOSED


def test_whoever_was_away_when_a_closing_was_not_saved_hears_of_it_on_return(
    room: RoomHarness, ana: Seat, mia: Seat
) -> None:
    room.devices("ana", microphone=True)
    ana.attached = False
    fail_to_close(room)
    room.resume(ana)

    assert ana.person("ana")["microphone"] is False
    assert ana.person("ana")["microphone_closed"] is True
    assert ana.person("ana")["closings"] == 1


def test_a_departure_that_was_not_saved_leaves_microphone_and_camera_off(
    room: RoomHarness, ana: Seat, ben: Seat
) -> None:
    room.devices("ana", microphone=True, camera=True)
    room.storage_down = True
    with pytest.raises(Refusal):
        room.leave("ana")

    assert room.roster() == ["ana", "ben"]
    assert room.gates == set()
    assert (ben.person("ana")["microphone"], ben.person("ana")["camera"]) == (False, False)


def test_what_is_lost_with_nothing_to_keep_shut_has_no_aftermath(room: RoomHarness, mia: Seat) -> None:
    room.close_microphone("mia", "ana")
    new = ParticipantId("new")
    lost: tuple[Event, ...] = (
        MicrophoneShut(room.now_ms, ANA, MIA),
        ParticipantEntered(1, new, IdentityId("i"), "New", Role.PARTICIPANT, waiting=False, expected=True),
        MicrophoneShut(room.now_ms, new, MIA),
        ParticipantDeparted(room.now_ms, BEN, LeaveReason.LEFT),
        ParticipantDeparted(room.now_ms, new, LeaveReason.LEFT),
        SessionClosed(room.now_ms, MIA),
    )

    assert aftermath(room.state, lost) == ()


def test_turning_off_is_kept_although_what_it_waited_behind_was_not_saved(
    room: RoomHarness, ana: Seat, ben: Seat
) -> None:
    """Else a microphone that its person muted would be forwarded again, because of someone else's chat message."""
    room.devices("ana", microphone=True, camera=True)
    unsaved = Requested(BEN, PostChat(ID, MessageId("m1"), "Hello"))
    room.do_and_lose([unsaved, Requested(ANA, SetDevices(ID, microphone=False, camera=True))])
    assert room.gates == {ANA_CAMERA}

    room.do_and_lose([unsaved, Requested(ANA, SetDevices(ID, microphone=False, camera=False))])
    assert room.gates == set()
    assert (ben.person("ana")["microphone"], ben.person("ana")["camera"]) == (False, False)


def test_turning_on_is_not_kept_when_what_it_waited_behind_was_not_saved(
    room: RoomHarness, ana: Seat, ben: Seat
) -> None:
    unsaved = Requested(BEN, PostChat(ID, MessageId("m1"), "Hello"))
    room.do_and_lose([unsaved, Requested(ANA, SetDevices(ID, microphone=True, camera=True))])

    assert room.gates == set()
    assert ben.person("ana")["microphone"] is False


def test_another_page_that_could_not_be_let_in_leaves_microphone_and_camera_off(
    room: RoomHarness, ana: Seat, ben: Seat
) -> None:
    room.devices("ana", microphone=True, camera=True)
    room.storage_down = True
    with pytest.raises(Refusal):
        room.enter("ana", name="Anita")

    assert room.gates == set()
    assert ben.person("ana")["microphone"] is False


def test_several_lost_closings_of_one_microphone_hold_it_once(room: RoomHarness, mia: Seat) -> None:
    lost = (MicrophoneShut(room.now_ms, ANA, MIA), MicrophoneShut(room.now_ms + 1, ANA, MIA))

    assert aftermath(room.state, lost) == (MicrophoneHoldSet(ANA, held=True),)


def test_a_closing_lost_together_with_the_return_of_its_person_holds_at_the_next_return(
    room: RoomHarness, ana: Seat, ben: Seat, mia: Seat
) -> None:
    room.leave("ana")
    for event in aftermath(room.state, (MicrophoneShut(room.now_ms, ANA, MIA),)):
        room.happen(event)

    assert mia.types()[-1] == "participant_left"
    assert room.enter("ana").person("ana")["microphone_closed"] is True
    assert room.refusal("ana", SetDevices(ID, True, False, closings=1)) is ErrorCode.MICROPHONE_CLOSED


def test_only_what_is_durable_goes_into_the_log() -> None:
    assert is_durable(ChatWritten(1, MessageId("m"), ANA, "Hello"))
    assert not is_durable(MicrophoneHoldSet(ANA, held=True))
