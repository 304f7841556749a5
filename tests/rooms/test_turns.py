"""Speaking turns in a room: who is heard, in which order, and what nobody else is told."""

from __future__ import annotations

import random

import pytest

from moderation.floor.state import GRACE_MS
from protocol.errors import ErrorCode
from protocol.ids import IdentityId, MessageId, ParticipantId, RequestId
from protocol.messages import AskForCover, PostChat, SetDevices, SetListening, SetNotAlone, ShareScreen
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
from protocol.values import Role, RoundOrder, Source, TalkTime, TurnEnd, TurnForm, TurnMode
from rooms.commands import CountTalk, Enter
from rooms.events import ScreenSet
from rooms.evolve import evolve
from rooms.gates import Gate, signer
from tests.rooms.client_model import ClientModel, Wire, wire
from tests.rooms.harness import Refusal, RoomHarness, Seat

ID = RequestId("r")
ANA, BEN, CY, MIA, THEO = (ParticipantId(who) for who in ("ana", "ben", "cy", "mia", "theo"))
QUEUE, QUIET, OPEN = (SetTurnMode(ID, mode) for mode in (TurnMode.QUEUE, TurnMode.QUIET, TurnMode.OPEN))
MINUTE = 60_000


def taps(room: RoomHarness, who: ParticipantId) -> None:
    """They turn their microphone on, knowing of every closing."""
    room.request(who, SetDevices(ID, microphone=True, camera=False, closings=room.state.people[who].closings))


def give(room: RoomHarness, whom: ParticipantId) -> int:
    """The mentor gives them the turn; its number."""
    room.request("mia", GiveTurn(ID, room.state.floor.newest, whom))
    return room.state.floor.newest


def turn_of(client: ClientModel) -> Wire:
    assert client.floor is not None
    turn: Wire = client.floor["turn"]
    return turn


def heard(room: RoomHarness) -> set[ParticipantId]:
    return {who for who, source in room.gates if source is Source.MICROPHONE}


def holder(room: RoomHarness) -> ParticipantId | None:
    return room.state.floor.holder_id


def own_passes(number: int) -> list[Pass]:
    """Of a turn: who passes one that is still to come is not seen to by peers."""
    return [Pass(ID, turn=number), Pass(ID, True, number)]


def round_of(order: RoundOrder = RoundOrder.LIST, limit_ms: int = 0, *, firm: bool = False) -> SetTurnMode:
    return SetTurnMode(ID, TurnMode.ROUND, order, limit_ms, firm)


def test_a_pass_that_was_late_does_not_end_the_turn_after_it(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", QUEUE)
    first = give(room, ANA)
    room.request("mia", EndTurn(ID, first))
    give(room, ANA)
    assert room.request("ana", Pass(ID, turn=first)) == ()
    assert room.request("ana", Pass(ID)) == ()
    assert room.request("ben", Pass(ID, turn=first + 1)) == ()
    assert holder(room) == ANA


def test_a_mode_that_is_based_on_another_one_was_late_and_settings_carry_none(room: RoomHarness, mia: Seat) -> None:
    room.enter("theo", Role.THERAPIST)
    known = room.state.floor.mode_number
    room.request("theo", QUIET)

    assert room.request("mia", SetTurnMode(ID, TurnMode.OPEN, after=known)) == ()
    room.request("mia", SetTurnMode(ID, None, limit_ms=MINUTE, firm=True))
    assert room.request("mia", SetTurnMode(ID, None, limit_ms=MINUTE, firm=True)) == ()

    floor = room.state.floor
    assert (floor.mode, floor.limit_ms, floor.firm) == (TurnMode.QUIET, MINUTE, True)
    room.request("mia", SetTurnMode(ID, TurnMode.OPEN, after=room.state.floor.mode_number))
    assert room.state.floor.mode is TurnMode.OPEN
    room.request("mia", SetTurnMode(ID, TurnMode.QUIET, after=known))
    assert room.state.floor.mode is TurnMode.QUIET, "to silence everyone is never too late"


def test_settings_settle_no_closing_that_was_not_saved(room: RoomHarness, mia: Seat) -> None:
    room.storage_down = True
    assert room.refusal("mia", QUIET) is ErrorCode.NOT_SAVED
    room.storage_down = False
    room.request("mia", SetTurnMode(ID, None, limit_ms=MINUTE))
    assert room.state.floor.unsaved


def test_a_firm_limit_waits_for_a_holder_whose_place_is_kept(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", SetTurnMode(ID, TurnMode.QUEUE, limit_ms=MINUTE, firm=True))
    give(room, ANA)
    room.wait(MINUTE - 1_000)
    room.lose("ana")
    room.wait(41_000)
    assert holder(room) == ANA
    room.restore("ana")
    turn = room.state.floor.turn
    assert turn is not None
    assert (turn.grace, turn.ends_ms) == (True, room.now_ms + GRACE_MS)
    room.lose("ana")
    room.wait(59_000)
    assert holder(room) == ANA
    room.do(Enter(ANA, IdentityId("identity-ana"), "Ana", Role.PARTICIPANT))
    assert holder(room) is None, "the grace is given once"


def test_a_firm_turn_ends_with_the_place_that_was_kept(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", SetTurnMode(ID, TurnMode.QUEUE, limit_ms=1_000, firm=True))
    give(room, ANA)
    room.lose("ana")
    room.wait(60_000)
    assert holder(room) is None


def test_a_screen_shared_by_a_word_from_before_the_turn_is_without_sound(room: RoomHarness, mia: Seat) -> None:
    room.allow_screen("mia", "ana")
    room.request("mia", QUEUE)
    before = room.state.people[ANA].closings
    give(room, ANA)
    room.request("ana", ShareScreen(ID, sound=True, closings=before))
    assert (room.state.people[ANA].screen, room.state.people[ANA].screen_audio) == (True, False)
    room.share("ana", sound=True)
    assert (ANA, Source.SCREEN_AUDIO) in room.gates


def test_the_sound_of_a_screen_closes_with_the_turn_and_stays_off_in_the_next(room: RoomHarness, mia: Seat) -> None:
    room.allow_screen("mia", "ana")
    room.request("mia", QUEUE)
    give(room, ANA)
    room.share("ana", sound=True)
    room.request("mia", EndTurn(ID, room.state.floor.newest))
    assert not room.state.people[ANA].screen_audio
    give(room, ANA)
    assert (ANA, Source.SCREEN_AUDIO) not in room.gates


def test_who_just_listened_comes_last_in_the_round_that_goes_on(room: RoomHarness, mia: Seat) -> None:
    for who in ("cy", "dan"):
        room.enter(who)
    room.request("mia", round_of())
    room.request("ben", SetListening(ID, on=True))
    assert room.state.floor.to_come == (CY, "dan")
    room.request("ben", SetListening(ID, on=False))
    assert room.state.floor.to_come == (CY, "dan", BEN)


def test_a_holder_who_just_listens_keeps_their_turn_and_is_not_come_back_to(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", round_of())
    room.request("ana", SetListening(ID, on=True))
    assert holder(room) == ANA
    room.request("ana", Pass(ID, True, 1))
    assert (holder(room), room.state.floor.to_come) == (BEN, ())


def test_a_companion_who_is_one_no_more_comes_last_in_the_round(room: RoomHarness, mia: Seat) -> None:
    room.enter("cy")
    room.request("mia", SetCompanion(ID, BEN, ANA))
    room.request("mia", round_of())
    room.request("mia", SetCompanion(ID, BEN, None))
    assert room.state.floor.to_come == (CY, BEN)


def test_a_companion_of_someone_who_is_gone_takes_turns_until_they_are_back(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", SetCompanion(ID, BEN, ANA))
    room.request("mia", QUEUE)
    assert room.refusal("ben", RaiseHand(ID)) is ErrorCode.UNEXPECTED
    room.leave("ana")
    assert room.refusal("ben", RaiseHand(ID)) is None
    give(room, BEN)
    taps(room, BEN)
    assert heard(room) == {BEN}
    room.enter("ana")
    assert (holder(room), heard(room)) == (None, set())


def test_to_peers_who_passed_or_was_denied_looks_like_who_spoke(room: RoomHarness, mia: Seat) -> None:
    for who in ("cy", "dan"):
        room.enter(who)
    eve, ben = room.enter("eve"), room.attach("ben")
    room.request("mia", round_of())

    def seen(seat: Seat) -> tuple[list[str], list[str]]:
        floor = seat.client.shows()["floor"]
        return floor["round"], floor["done"]

    room.request("ben", Pass(ID))
    room.request("mia", DenyTurn(ID, CY))
    assert seen(eve) == (["ben", "cy", "dan", "eve"], [])
    assert seen(ben) == (["cy", "dan", "eve"], ["ben"]), "everyone knows of themselves"
    assert seen(mia) == (["dan", "eve"], ["ben"])
    room.request("mia", MoveInOrder(ID, ParticipantId("eve"), ParticipantId("dan")))
    assert seen(eve)[0] == ["ben", "cy", "eve", "dan"]
    room.request("ana", EndTurn(ID, 1))
    assert seen(eve) == (["dan"], ["ana", "ben", "cy"])


def test_who_passed_last_is_done_when_the_round_is_over(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.request("mia", round_of())
    room.request("ben", Pass(ID))
    assert ana.client.shows()["floor"]["round"] == ["ben"]
    room.request("ana", EndTurn(ID, 1))
    floor = ana.client.shows()["floor"]
    assert (floor["round"], floor["done"]) == ([], ["ana", "ben"])


def test_leaving_and_coming_back_gives_nobody_another_turn_in_the_round(room: RoomHarness, mia: Seat) -> None:
    room.enter("cy")
    room.enter("dan")
    room.request("mia", round_of())
    room.request("mia", DenyTurn(ID, CY))
    room.request("dan", Pass(ID, come_back=True))
    for who in ("ana", "cy", "dan"):
        room.leave(who)
        room.enter(who)
    assert (holder(room), room.state.floor.to_come) == (BEN, ("dan",))
    assert room.state.floor.later == ("dan",), "they were come back to, once"
    assert room.state.floor.done == (ANA,)


def test_who_is_done_and_left_is_not_told_of(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.enter("cy")
    room.request("mia", round_of())
    room.request("ana", EndTurn(ID, 1))
    room.request("ben", EndTurn(ID, 2))
    room.leave("ben")
    assert ana.client.shows()["floor"]["done"] == ["ana"]


# ── who is heard ──────────────────────────────────────────────────────────────────────────────


def test_in_queue_only_the_turns_holder_and_mentors_are_heard(room: RoomHarness, mia: Seat) -> None:
    for who in (ANA, BEN, MIA):
        taps(room, who)
    room.request("mia", QUEUE)
    assert heard(room) == {MIA}
    assert mia.person("ana")["microphone"] is False
    give(room, ANA)
    assert heard(room) == {MIA}, "giving a turn opens no microphone"
    taps(room, ANA)
    assert heard(room) == {ANA, MIA}
    give(room, BEN)
    assert heard(room) == {MIA}


def test_who_has_not_the_turn_is_told_so_and_can_turn_their_camera_off(room: RoomHarness, mia: Seat) -> None:
    room.devices("ana", camera=True)
    room.request("mia", QUEUE)
    closings = room.state.people[ANA].closings
    assert room.refusal("ana", SetDevices(ID, microphone=True, camera=True, closings=closings)) is (
        ErrorCode.NOT_YOUR_TURN
    )
    room.request("ana", SetDevices(ID, microphone=True, camera=False, closings=closings))
    person = room.state.people[ANA]
    assert (person.microphone, person.camera) == (False, False)


def test_a_word_from_before_does_not_open_a_microphone_in_a_later_turn(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", QUEUE)
    give(room, ANA)
    assert room.refusal("ana", SetDevices(ID, microphone=True, camera=False, closings=0)) is (
        ErrorCode.MICROPHONE_CLOSED
    )


def test_in_a_quiet_room_only_mentors_are_heard_and_there_are_no_turns(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", QUEUE)
    give(room, ANA)
    taps(room, ANA)
    room.request("mia", QUIET)
    assert heard(room) == set()
    assert holder(room) is None
    room.request("ana", RaiseHand(ID))
    assert room.refusal("mia", NextSpeaker(ID, room.state.floor.newest)) is ErrorCode.UNEXPECTED
    assert room.state.floor.hands == (ANA,)


def test_in_an_open_room_a_turn_runs_and_everyone_is_heard(room: RoomHarness, mia: Seat) -> None:
    for who in (ANA, BEN):
        taps(room, who)
        room.request(who, RaiseHand(ID))
    room.request("mia", NextSpeaker(ID, 0))
    assert (holder(room), room.state.floor.hands) == (ANA, (BEN,))
    number = room.state.floor.newest
    room.request("ana", EndTurn(ID, number))
    assert heard(room) == {ANA, BEN}


def test_a_screens_sound_goes_by_turns_as_well(room: RoomHarness, mia: Seat) -> None:
    room.allow_screen("mia", "ana")
    room.share("ana", sound=True)
    room.request("mia", QUEUE)
    assert room.gates == {(ANA, Source.SCREEN)}


def test_a_screen_that_is_shared_by_whom_nobody_may_hear_has_no_sound_whatever_is_stored(
    room: RoomHarness, mia: Seat
) -> None:
    room.request("mia", QUEUE)
    before = room.state.people[ANA]

    after = evolve(room.state, ScreenSet(ANA, screen=True, screen_audio=True)).people[ANA]

    assert (after.screen, after.screen_audio, after.closings) == (True, False, before.closings)


def test_who_leads_is_heard_in_every_mode(room: RoomHarness, theo: Seat) -> None:
    taps(room, MIA)
    taps(room, THEO)
    for mode in (QUEUE, round_of(), QUIET, OPEN):
        room.request("mia", mode)
        assert {MIA, THEO} <= heard(room)


# ── hands and the order ───────────────────────────────────────────────────────────────────────


def test_hands_keep_the_order_in_which_they_went_up(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    for who in ("ben", "ana", "ben"):
        room.request(who, RaiseHand(ID))
    assert ana.client.floor is not None
    assert ana.client.floor["hands"] == ["ben", "ana"]
    room.request("ben", LowerHand(ID))
    room.request("ben", LowerHand(ID))
    room.request("ana", Pass(ID, turn=room.state.floor.newest))
    assert room.state.floor.hands == ()


def test_next_without_anyone_in_the_order_is_not_found(room: RoomHarness, mia: Seat) -> None:
    assert room.refusal("mia", NextSpeaker(ID, 0)) is ErrorCode.NOT_FOUND


def test_a_second_tap_on_next_takes_nobodys_turn(room: RoomHarness, mia: Seat) -> None:
    for who in ("ana", "ben"):
        room.request(who, RaiseHand(ID))
    room.request("mia", QUEUE)
    for _ in range(2):
        room.request("mia", NextSpeaker(ID, 0))
    assert holder(room) == ANA


def test_a_mentor_moves_people_in_the_order_and_lowers_a_hand(room: RoomHarness, mia: Seat) -> None:
    room.enter("cy")
    for who in ("ana", "ben", "cy"):
        room.request(who, RaiseHand(ID))
    room.request("mia", MoveInOrder(ID, CY, ANA))
    room.request("mia", MoveInOrder(ID, ANA))
    assert room.state.floor.hands == (CY, BEN, ANA)
    assert room.request("mia", MoveInOrder(ID, CY, CY)) == ()
    room.request("mia", DenyTurn(ID, BEN))
    assert room.state.floor.hands == (CY, ANA)
    assert room.refusal("mia", MoveInOrder(ID, BEN)) is ErrorCode.NOT_FOUND
    assert room.refusal("mia", MoveInOrder(ID, ParticipantId("nobody"))) is ErrorCode.NOT_FOUND


def test_the_least_heard_go_first_and_equals_keep_their_order(room: RoomHarness, mia: Seat) -> None:
    room.enter("cy")
    for who in ("ana", "ben", "cy"):
        room.request(who, RaiseHand(ID))
    room.do(CountTalk((TalkTime(ANA, 9_000), TalkTime(CY, 9_000))))
    room.request("mia", LeastHeardFirst(ID))
    assert room.state.floor.hands == (BEN, ANA, CY)


@pytest.mark.parametrize(
    "message",
    [
        NextSpeaker(ID, 0),
        GiveTurn(ID, 0, BEN),
        DenyTurn(ID, BEN),
        LeastHeardFirst(ID),
        MoveInOrder(ID, BEN),
        ExtendTurn(ID, 0, MINUTE),
        HoldTime(ID, 0, on=True),
        QUEUE,
        SetCompanion(ID, BEN, ANA),
    ],
    ids=lambda message: type(message).__name__,
)
def test_no_participant_leads_turns(room: RoomHarness, mia: Seat, message: NextSpeaker) -> None:
    assert room.refusal("ana", message) is ErrorCode.NOT_ALLOWED


def test_nobody_ends_shapes_or_passes_on_another_participants_turn(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", QUEUE)
    number = give(room, BEN)
    for message in (EndTurn(ID, number), SetTurnForm(ID, number, TurnForm.TYPED), PassTurnOn(ID, number, ANA)):
        assert room.refusal("ana", message) is ErrorCode.NOT_ALLOWED
    assert holder(room) == BEN


def test_a_request_about_a_turn_that_is_over_changes_nothing(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", QUEUE)
    give(room, ANA)
    give(room, BEN)
    for message in (EndTurn(ID, 1), ExtendTurn(ID, 1, MINUTE), HoldTime(ID, 1, on=True)):
        assert room.request("mia", message) == ()
    assert room.request("ana", SetTurnForm(ID, 1, TurnForm.TYPED)) == ()
    assert holder(room) == BEN


def test_a_turn_is_for_who_is_in_the_room(room: RoomHarness, mia: Seat) -> None:
    assert room.refusal("mia", GiveTurn(ID, 0, ParticipantId("nobody"))) is ErrorCode.NOT_FOUND


# ── time ──────────────────────────────────────────────────────────────────────────────────────


def test_a_soft_limit_ends_nobodys_turn(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.request("mia", SetTurnMode(ID, TurnMode.QUEUE, limit_ms=MINUTE))
    give(room, ANA)
    assert room.deadline_ms is None
    room.wait(10 * MINUTE)
    assert holder(room) == ANA


def test_a_firm_limit_gives_thirty_seconds_once_and_then_closes(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.request("mia", SetTurnMode(ID, TurnMode.QUEUE, limit_ms=MINUTE, firm=True))
    give(room, ANA)
    taps(room, ANA)
    assert room.deadline_ms == room.now_ms + MINUTE
    room.wait(MINUTE)
    assert ana.client.floor is not None
    assert ana.client.floor["turn"]["grace"] is True
    assert heard(room) == {ANA}
    room.wait(GRACE_MS - 1)
    assert heard(room) == {ANA}
    room.wait(1)
    assert (heard(room), holder(room)) == (set(), None)


def test_time_is_added_and_stopped_and_runs_on(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.request("mia", SetTurnMode(ID, TurnMode.QUEUE, limit_ms=MINUTE, firm=True))
    number = give(room, ANA)
    room.request("mia", ExtendTurn(ID, number, MINUTE))
    assert room.deadline_ms == room.now_ms + 2 * MINUTE
    room.wait(MINUTE)
    room.request("mia", HoldTime(ID, number, on=True))
    assert room.deadline_ms is None
    assert ana.client.floor is not None
    assert ana.client.floor["turn"]["held"] is True
    room.wait(10 * MINUTE)
    room.request("mia", HoldTime(ID, number, on=False))
    assert room.deadline_ms == room.now_ms + MINUTE


def test_who_stopped_the_clock_is_told_to_those_who_lead(
    room: RoomHarness, ana: Seat, ben: Seat, mia: Seat, theo: Seat
) -> None:
    room.request("mia", SetTurnMode(ID, TurnMode.QUEUE, limit_ms=MINUTE))
    number = give(room, ANA)
    told = (mia.client, theo.client, ana.client, ben.client)
    for who, on, seen in (("theo", True, THEO), ("mia", False, ""), ("mia", True, MIA)):
        room.request(who, HoldTime(ID, number, on=on))
        assert [turn_of(client)["held_by"] for client in told] == [seen, seen, "", ""]
    room.request("mia", ExtendTurn(ID, number, MINUTE))
    assert turn_of(theo.client)["held_by"] == MIA


def test_a_turn_without_a_limit_has_no_clock_to_stop(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", QUEUE)
    number = give(room, ANA)
    for message in (ExtendTurn(ID, number, MINUTE), HoldTime(ID, number, on=True)):
        assert room.refusal("mia", message) is ErrorCode.UNEXPECTED


def test_the_clock_stands_still_while_nobody_leads(room: RoomHarness, mia: Seat) -> None:
    room.request("host", AskForCover(ID))
    room.request("mia", SetTurnMode(ID, TurnMode.QUEUE, limit_ms=MINUTE, firm=True))
    give(room, ANA)
    taps(room, ANA)
    room.lose("mia")
    room.wait(room.rules.leader_grace_ms)
    assert heard(room) == set()
    left = room.state.floor.turn
    assert left is not None
    assert left.left_ms == MINUTE - room.rules.leader_grace_ms
    room.wait(MINUTE // 2)
    room.restore("mia")
    assert (holder(room), heard(room)) == (ANA, set())
    assert room.state.floor.turn is not None
    assert room.state.floor.turn.ends_ms == room.now_ms + left.left_ms


# ── rounds ────────────────────────────────────────────────────────────────────────────────────


def test_a_round_goes_from_one_to_the_next_and_late_comers_are_last(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.request("mia", round_of())
    assert (holder(room), room.state.floor.to_come) == (ANA, (BEN,))
    room.enter("cy")
    room.request("ana", EndTurn(ID, room.state.floor.newest))
    assert (holder(room), room.state.floor.to_come) == (BEN, (CY,))
    room.request("ben", Pass(ID, turn=room.state.floor.newest))
    room.request("cy", EndTurn(ID, room.state.floor.newest))
    floor = room.state.floor
    assert (holder(room), floor.going, floor.done, floor.passed) == (None, False, (ANA, BEN, CY), (BEN,))
    assert ana.client.floor is not None
    assert ana.client.floor["done"] == ["ana", "ben", "cy"]
    assert ana.client.floor["passed"] == [], "who passed looks like who spoke"
    assert mia.client.floor is not None
    assert mia.client.floor["passed"] == ["ben"]


def test_come_back_to_me_puts_a_person_last(room: RoomHarness, mia: Seat) -> None:
    room.enter("cy")
    room.request("mia", round_of())
    room.request("ben", Pass(ID, come_back=True))
    assert room.state.floor.to_come == (CY, BEN)
    room.request("ana", Pass(ID, True, room.state.floor.newest))
    assert (holder(room), room.state.floor.to_come) == (CY, (BEN, ANA))
    assert room.state.floor.later == (BEN, ANA)


def test_who_is_just_listening_is_not_in_the_round(room: RoomHarness, mia: Seat) -> None:
    room.request("ben", SetListening(ID, on=True))
    room.request("mia", round_of())
    assert room.state.floor.to_come == ()
    room.enter("cy")
    assert room.state.floor.to_come == (CY,)
    room.request("cy", SetListening(ID, on=True))
    assert room.state.floor.to_come == ()


def test_a_speaker_passes_the_turn_on(room: RoomHarness, mia: Seat) -> None:
    room.enter("cy")
    room.request("mia", round_of(RoundOrder.PASSED_ON))
    number = room.state.floor.newest
    assert room.refusal("ana", PassTurnOn(ID, number, MIA)) is ErrorCode.NOT_FOUND
    room.request("ana", PassTurnOn(ID, number, CY))
    assert (holder(room), room.state.floor.to_come) == (CY, (BEN,))
    room.request("cy", EndTurn(ID, room.state.floor.newest))
    assert holder(room) is None, "whoever chooses nobody leaves it to the mentor"
    room.request("mia", NextSpeaker(ID, room.state.floor.newest))
    assert holder(room) == BEN


def test_a_round_by_talk_time_begins_with_the_least_heard(room: RoomHarness, mia: Seat) -> None:
    room.do(CountTalk((TalkTime(ANA, 5_000),)))
    room.request("mia", round_of(RoundOrder.LEAST_HEARD))
    assert (holder(room), room.state.floor.to_come) == (BEN, (ANA,))


def test_who_goes_is_followed_by_the_next(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", round_of())
    room.leave("ana")
    assert (holder(room), room.state.floor.to_come) == (BEN, ())


def test_a_mentor_passes_for_the_holder(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", round_of())
    room.request("mia", EndTurn(ID, room.state.floor.newest, TurnEnd.LATER))
    assert (holder(room), room.state.floor.to_come, room.state.floor.later) == (BEN, (ANA,), (ANA,))


# ── lost connections, and what is kept ────────────────────────────────────────────────────────


def test_a_holder_who_drops_and_is_back_still_holds(room: RoomHarness, mia: Seat) -> None:
    room.request("ben", RaiseHand(ID))
    room.request("mia", QUEUE)
    give(room, ANA)
    for who in ("ana", "ben"):
        room.lose(who, 60_000)
    room.wait(59_000)
    for who in ("ana", "ben"):
        room.restore(who)
    assert (holder(room), room.state.floor.hands) == (ANA, (BEN,))


def test_a_place_that_is_given_up_gives_up_turn_and_hand(room: RoomHarness, mia: Seat) -> None:
    room.request("ben", RaiseHand(ID))
    room.request("mia", QUEUE)
    give(room, ANA)
    for who in ("ana", "ben"):
        room.lose(who, 60_000)
    room.wait(60_000)
    assert (holder(room), room.state.floor.hands) == (None, ())


def test_who_is_not_alone_keeps_their_place(room: RoomHarness, mia: Seat) -> None:
    room.request("ana", RaiseHand(ID))
    room.request("ana", SetNotAlone(ID, on=True))
    assert room.state.floor.hands == (ANA,)


def test_a_turn_outlives_a_restart_and_there_is_one(room: RoomHarness, mia: Seat) -> None:
    room.request("ben", RaiseHand(ID))
    room.request("mia", SetTurnMode(ID, TurnMode.QUEUE, limit_ms=MINUTE))
    give(room, ANA)
    assert room.replay().floor == room.state.floor


def test_who_waits_in_the_lobby_is_told_nothing_of_turns(room: RoomHarness, mia: Seat) -> None:
    cy = room.enter("cy", enrolled=False)
    before = len(cy.received)
    room.request("ana", RaiseHand(ID))
    room.request("mia", QUEUE)
    give(room, ANA)
    assert cy.received[before:] == []
    assert room.refusal("cy", RaiseHand(ID)) is ErrorCode.NOT_ADMITTED
    assert room.refusal("mia", GiveTurn(ID, room.state.floor.newest, CY)) is ErrorCode.NOT_FOUND


# ── what could not be stored ──────────────────────────────────────────────────────────────────


def lose(room: RoomHarness, who: str, message: EndTurn | SetTurnMode) -> None:
    room.storage_down = True
    with pytest.raises(Refusal) as refused:
        room.request(who, message)
    assert refused.value.code is ErrorCode.NOT_SAVED
    room.storage_down = False


def test_an_end_that_could_not_be_stored_stays_an_end(room: RoomHarness, ana: Seat, ben: Seat, mia: Seat) -> None:
    room.request("mia", QUEUE)
    number = give(room, ANA)
    taps(room, ANA)
    lose(room, "mia", EndTurn(ID, number))
    assert heard(room) == set()
    told = [seat.client.floor["unsaved"] for seat in (ana, ben, mia) if seat.client.floor is not None]
    assert told == [True, True, True]
    assert (
        room.refusal("ana", SetDevices(ID, microphone=True, camera=False, closings=room.state.people[ANA].closings))
        is ErrorCode.NOT_YOUR_TURN
    )
    room.request("mia", EndTurn(ID, number))
    assert (room.state.floor.unsaved, holder(room)) == (False, None)


def test_a_mode_that_could_not_be_stored_leaves_nobody_heard_who_does_not_lead(room: RoomHarness, mia: Seat) -> None:
    for who in (ANA, MIA):
        taps(room, who)
    lose(room, "mia", QUEUE)
    assert heard(room) == {MIA}
    assert room.state.floor.mode is TurnMode.OPEN
    room.request("mia", OPEN)
    assert not room.state.floor.unsaved
    assert heard(room) == {MIA}, "each opens their own"


# ── companions, and other forms of a turn ─────────────────────────────────────────────────────


def test_a_companion_is_heard_with_whom_they_are_here(room: RoomHarness, ana: Seat, mia: Seat) -> None:
    room.request("ben", RaiseHand(ID))
    room.request("mia", SetCompanion(ID, BEN, ANA))
    assert room.state.floor.hands == (), "their turn is the other's"
    assert ana.person("ben")["companion_of"] == "ana"
    room.request("mia", QUEUE)
    number = give(room, ANA)
    taps(room, BEN)
    assert heard(room) == {BEN}
    room.request("ana", EndTurn(ID, number))
    assert heard(room) == set()
    assert room.refusal("ben", RaiseHand(ID)) is ErrorCode.UNEXPECTED
    assert room.refusal("mia", GiveTurn(ID, room.state.floor.newest, BEN)) is ErrorCode.UNEXPECTED


def test_nobody_accompanies_a_companion_a_mentor_or_themselves(room: RoomHarness, mia: Seat) -> None:
    room.enter("cy")
    room.request("mia", SetCompanion(ID, BEN, ANA))
    assert room.request("mia", SetCompanion(ID, BEN, ANA)) == ()
    for who, of in ((CY, BEN), (ANA, CY), (CY, CY), (CY, MIA)):
        assert room.refusal("mia", SetCompanion(ID, who, of)) is ErrorCode.UNEXPECTED
    assert room.refusal("mia", SetCompanion(ID, CY, ParticipantId("nobody"))) is ErrorCode.NOT_FOUND
    assert room.refusal("mia", SetCompanion(ID, ParticipantId("nobody"), ANA)) is ErrorCode.NOT_FOUND
    room.request("mia", SetCompanion(ID, BEN, None))
    assert room.state.people[BEN].companion_of is None


def test_a_companion_falls_silent_with_the_leave_of_whom_they_are_here_also_when_it_cannot_be_stored(
    room: RoomHarness, mia: Seat
) -> None:
    room.request("mia", SetCompanion(ID, BEN, ANA))
    room.request("mia", QUEUE)
    give(room, ANA)
    taps(room, BEN)
    room.storage_down = True
    with pytest.raises(Refusal):
        room.leave("ana")
    room.storage_down = False
    assert heard(room) == set()
    assert not room.state.people[BEN].microphone


def test_who_signs_is_pinned_for_as_long_as_their_turn(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", QUEUE)
    number = give(room, ANA)
    assert signer(room.state) is None
    for _ in range(2):
        room.request("ana", SetTurnForm(ID, number, TurnForm.SIGNED))
    assert signer(room.state) == ANA
    room.request("ana", EndTurn(ID, number))
    assert signer(room.state) is None


def test_what_is_written_as_a_turn_is_marked(room: RoomHarness, ben: Seat, mia: Seat) -> None:
    room.request("mia", QUEUE)
    number = give(room, ANA)
    room.request("ana", SetTurnForm(ID, number, TurnForm.TYPED))
    room.request("ana", PostChat(ID, MessageId("m1"), "my turn"))
    room.request("ben", PostChat(ID, MessageId("m2"), "beside it"))
    assert [ben.client.chat[each].get("turn", False) for each in ("m1", "m2")] == [True, False]


# ── one order ─────────────────────────────────────────────────────────────────────────────────


def order_of(floor: Wire | None) -> tuple[object, ...]:
    assert floor is not None
    return (tuple(floor["hands"]), tuple(floor["round"]), (floor["turn"] or {}).get("holder_id"))


@pytest.mark.parametrize("seed", range(5))
def test_twenty_viewers_under_shuffled_delays_are_shown_one_order(room: RoomHarness, mia: Seat, seed: int) -> None:
    """Each socket delivers in order, and each at its own pace."""
    chance = random.Random(seed)
    people = [ParticipantId(f"p{n}") for n in range(19)]
    seats = [mia, *(room.enter(who) for who in people)]
    begun = [len(seat.received) for seat in seats]
    begin = [ClientModel(room.fresh_snapshot(seat)) for seat in seats]
    orders = [order_of(mia.client.floor)]
    for _ in range(120):
        who = chance.choice(people)
        floor = room.state.floor
        message = chance.choice(
            [RaiseHand(ID), RaiseHand(ID), LowerHand(ID), *own_passes(floor.newest), None, None, None]
        )
        if message is not None:
            room.refusal(who, message)
        else:
            led = chance.choice(
                [
                    NextSpeaker(ID, floor.newest),
                    GiveTurn(ID, floor.newest, who),
                    MoveInOrder(ID, who, chance.choice(people)),
                    LeastHeardFirst(ID),
                    EndTurn(ID, floor.newest),
                    chance.choice([QUEUE, round_of()]),
                ]
            )
            room.refusal("mia", led)
        if (now := order_of(mia.client.floor)) != orders[-1]:
            orders.append(now)
    waiting = [list(seat.received[since:]) for seat, since in zip(seats, begun, strict=True)]
    shown = [[orders[0]] for _ in seats]
    while any(waiting):
        at = chance.choice([n for n, frames in enumerate(waiting) if frames])
        seq, frame = waiting[at].pop(0)
        begin[at].take(seq, frame)
        if (now := order_of(begin[at].floor)) != shown[at][-1]:
            shown[at].append(now)
    assert len(orders) > 30
    assert all(each == shown[0] for each in shown)
    assert shown[0][-1] == orders[-1]


def test_peers_are_told_nothing_of_time(room: RoomHarness, ben: Seat, mia: Seat) -> None:
    room.request("mia", SetTurnMode(ID, TurnMode.QUEUE, limit_ms=MINUTE, firm=True))
    before = len(ben.received)
    number = give(room, ANA)
    room.request("mia", ExtendTurn(ID, number, MINUTE))
    room.request("mia", HoldTime(ID, number, on=True))
    frames = [wire(frame) for _, frame in ben.received[before:]]
    assert [frame["floor"]["turn"] for frame in frames if frame["type"] == "floor_changed"] == [
        {"number": number, "holder_id": "ana"}
    ], "one frame: that she has the turn"


def test_the_gates_of_who_is_closed_are_shut_before_anything_is_stored(room: RoomHarness, mia: Seat) -> None:
    gate: Gate = (ANA, Source.MICROPHONE)
    room.request("mia", QUEUE)
    number = give(room, ANA)
    taps(room, ANA)
    assert gate in room.gates
    lose(room, "mia", EndTurn(ID, number))
    assert gate not in room.gates
