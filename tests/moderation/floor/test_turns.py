"""Hands, turns and rounds: who speaks, who comes next, and what is refused."""

from __future__ import annotations

import pytest

from moderation.floor import rules
from moderation.floor.events import (
    HandLowered,
    HandRaised,
    HandsOrdered,
    RoundDenied,
    RoundOrdered,
    RoundPassed,
    TalkCounted,
    TurnEnded,
    TurnFormSet,
    TurnGiven,
    TurnModeSet,
    TurnsUnsaved,
)
from moderation.floor.state import Ending, Floor, Phase
from moderation.floor.transitions import arrived, ended_for_all, evolve_floor, gone, left_out
from protocol.errors import ErrorCode
from protocol.ids import ParticipantId
from protocol.values import RoundOrder, TalkTime, TurnEnd, TurnForm, TurnMode
from tests.moderation.floor.stage import ANA, BEN, CLEO, DEV, MINUTE, MIRA, PEOPLE, Stage

LED = (TurnMode.OPEN, TurnMode.QUEUE, TurnMode.ROUND)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def queue() -> Stage:
    """Three would like to speak."""
    stage = Stage()
    stage.set_mode(TurnMode.QUEUE)
    stage.raise_hands(ANA, BEN, CLEO)
    return stage


@pytest.fixture
def going() -> Stage:
    """A round of four, where the first has the turn."""
    stage = Stage()
    stage.set_mode(TurnMode.ROUND)
    return stage


# ── hands ─────────────────────────────────────────────────────────────────────────────────────


def test_who_raised_a_hand_keeps_their_place_when_they_raise_it_again(queue: Stage) -> None:
    queue.raise_hands(ANA)

    assert queue.floor.hands == (ANA, BEN, CLEO)


def test_who_has_the_turn_raises_no_hand_for_it(queue: Stage) -> None:
    queue.give()
    queue.raise_hands(ANA)

    assert queue.floor.hands == (BEN, CLEO)


def test_a_lowered_hand_is_gone_and_can_be_lowered_once(queue: Stage) -> None:
    assert queue.do(rules.lower_hand(queue.floor, BEN, queue.now_ms)) == (HandLowered(queue.now_ms, BEN, None),)
    assert queue.do(rules.lower_hand(queue.floor, BEN, queue.now_ms)) == ()
    assert queue.floor.hands == (ANA, CLEO)


def test_who_passes_with_nothing_but_a_hand_up_lowers_it(queue: Stage) -> None:
    assert queue.pass_turn(BEN) == (HandLowered(queue.now_ms, BEN, None),)
    assert queue.pass_turn(BEN, come_back=True) == ()


def test_not_now_lowers_a_hand_and_says_who_said_so(queue: Stage) -> None:
    assert queue.do(rules.deny(queue.floor, BEN, MIRA, queue.now_ms)) == (HandLowered(queue.now_ms, BEN, MIRA),)
    assert queue.do(rules.deny(queue.floor, BEN, MIRA, queue.now_ms)) == ()


def test_not_now_in_a_round_takes_out_of_it_and_lowers_the_hand(going: Stage) -> None:
    going.raise_hands(CLEO)

    denied = going.do(rules.deny(going.floor, CLEO, MIRA, going.now_ms))

    assert [type(each) for each in denied] == [HandLowered, RoundDenied]
    assert (going.floor.hands, going.floor.to_come) == ((), (BEN, DEV))


# ── giving turns ──────────────────────────────────────────────────────────────────────────────


def test_next_gives_the_turn_to_the_first_hand_and_nobody_follows_by_themselves(queue: Stage) -> None:
    queue.give()
    assert (queue.floor.holder_id, queue.floor.hands) == (ANA, (BEN, CLEO))
    queue.end()
    assert (queue.floor.phase, queue.floor.hands) == (Phase.FREE, (BEN, CLEO))


def test_next_ends_the_running_turn_first(queue: Stage) -> None:
    queue.give()

    assert queue.give() == (
        TurnEnded(queue.now_ms, 1, Ending.CLOSED, MIRA),
        TurnGiven(queue.now_ms, 2, BEN, MIRA, 0, firm=False),
    )


def test_a_turn_is_given_out_of_order_also_to_who_raised_no_hand(queue: Stage) -> None:
    queue.give(CLEO)
    queue.give(DEV)

    assert (queue.floor.holder_id, queue.floor.hands) == (DEV, (ANA, BEN))


def test_a_second_tap_on_next_skips_nobody(queue: Stage) -> None:
    after = queue.floor.newest
    queue.give()

    assert queue.do(rules.give(queue.floor, after, None, MIRA, queue.now_ms)) == ()
    assert queue.floor.holder_id == ANA


def test_who_has_the_turn_is_given_it_again_only_where_its_closing_could_not_be_stored(queue: Stage) -> None:
    queue.give()
    assert queue.give(ANA) == ()

    queue.floor = evolve_floor(queue.floor, TurnsUnsaved())
    assert not queue.floor.lets_speak(ANA)
    queue.give(ANA)
    assert (queue.turn.number, queue.floor.lets_speak(ANA)) == (2, True)


def test_next_with_nobody_in_the_order_finds_nobody(stage: Stage) -> None:
    stage.set_mode(TurnMode.QUEUE)

    assert stage.refused(rules.give(stage.floor, 0, None, MIRA, 0), ErrorCode.NOT_FOUND)


def test_a_quiet_room_has_no_turns(queue: Stage) -> None:
    queue.give()
    assert queue.set_mode(TurnMode.QUIET)[0] == TurnEnded(queue.now_ms, 1, Ending.CLOSED, MIRA)

    assert queue.floor.phase is Phase.SILENT
    assert queue.floor.hands == (BEN, CLEO), "hands stay"
    assert queue.refused(rules.give(queue.floor, 1, BEN, MIRA, 0))


def test_what_was_stored_about_a_turn_is_nothing_in_a_quiet_room(queue: Stage) -> None:
    queue.set_mode(TurnMode.QUIET)

    assert evolve_floor(queue.floor, TurnGiven(0, 1, ANA, None, 0, firm=False)) is queue.floor


def test_a_log_that_lacks_the_end_of_a_turn_ends_it_with_the_quiet_room(queue: Stage) -> None:
    queue.give()
    quiet = evolve_floor(queue.floor, TurnModeSet(0, MIRA, TurnMode.QUIET, RoundOrder.LIST, 0, firm=False, round=None))

    assert quiet.turn is None


def test_what_is_said_of_another_turn_leaves_the_running_one(queue: Stage) -> None:
    queue.give()

    assert evolve_floor(queue.floor, TurnEnded(0, 7, Ending.DONE, None)) is queue.floor
    assert queue.floor.running(7) is None
    assert queue.floor.running(1) is queue.turn


@pytest.mark.parametrize(
    ("mode", "heard"),
    [
        (TurnMode.OPEN, {ANA, BEN}),
        (TurnMode.QUEUE, {ANA}),
        (TurnMode.ROUND, {ANA}),
        (TurnMode.QUIET, set[ParticipantId]()),
    ],
)
def test_who_is_heard_goes_by_the_mode(stage: Stage, mode: TurnMode, heard: set[ParticipantId]) -> None:
    stage.give(ANA)
    stage.set_mode(mode)

    assert {who for who in (ANA, BEN) if stage.floor.lets_speak(who)} == heard


# ── how a turn is taken, and how it ends ──────────────────────────────────────────────────────


def test_a_turn_is_taken_in_the_form_its_holder_sets(queue: Stage) -> None:
    queue.give()

    assert queue.do(rules.set_form(queue.turn, TurnForm.SPOKEN, 5)) == ()
    assert queue.do(rules.set_form(queue.turn, TurnForm.SIGNED, 5)) == (TurnFormSet(5, 1, TurnForm.SIGNED),)
    assert queue.turn.form is TurnForm.SIGNED


@pytest.mark.parametrize(
    ("how", "by", "why"),
    [
        (TurnEnd.DONE, None, Ending.DONE),
        (TurnEnd.PASSED, None, Ending.PASSED),
        (TurnEnd.LATER, None, Ending.LATER),
        (TurnEnd.DONE, MIRA, Ending.CLOSED),
        (TurnEnd.PASSED, MIRA, Ending.PASSED),
        (TurnEnd.LATER, MIRA, Ending.LATER),
    ],
)
def test_how_a_turn_of_a_round_ends(going: Stage, how: TurnEnd, by: ParticipantId | None, why: Ending) -> None:
    assert going.end(how, by=by)[0] == TurnEnded(going.now_ms, 1, why, by)

    later = why is Ending.LATER
    assert going.floor.holder_id == BEN
    assert going.floor.to_come == ((CLEO, DEV, ANA) if later else (CLEO, DEV))
    assert going.floor.later == ((ANA,) if later else ())
    assert going.floor.done == (() if later else (ANA,))
    assert going.floor.passed == ((ANA,) if why is Ending.PASSED else ())


@pytest.mark.parametrize("by", [None, MIRA])
def test_later_is_passed_where_no_round_goes_on(queue: Stage, by: ParticipantId | None) -> None:
    queue.give()

    assert queue.end(TurnEnd.LATER, by=by) == (TurnEnded(queue.now_ms, 1, Ending.PASSED, by),)
    assert queue.floor.passed == queue.floor.to_come == ()


def test_who_asked_to_be_come_back_to_is_come_back_to_once(going: Stage) -> None:
    going.pass_turn(ANA, come_back=True)
    for _ in (BEN, CLEO, DEV):
        going.end()
    assert (going.floor.holder_id, going.turn.again) == (ANA, True)

    going.pass_turn(ANA, come_back=True)

    assert not going.floor.going
    assert (going.floor.done, going.floor.passed) == ((BEN, CLEO, DEV, ANA), (ANA,))


def test_nobody_is_come_back_to_twice_though_others_are_still_to_come(stage: Stage) -> None:
    stage.set_mode(TurnMode.ROUND, [ANA, BEN])
    stage.pass_turn(ANA, come_back=True)
    stage.end()
    stage.floor = arrived(stage.floor, CLEO)
    stage.pass_turn(ANA, come_back=True)

    assert (stage.floor.holder_id, stage.floor.to_come, stage.floor.passed) == (CLEO, (), (ANA,))


def test_the_last_of_a_round_is_not_come_back_to_at_once(stage: Stage) -> None:
    stage.set_mode(TurnMode.ROUND, [ANA])

    assert stage.pass_turn(ANA, come_back=True) == (TurnEnded(stage.now_ms, 1, Ending.PASSED, None),)


# ── rounds ────────────────────────────────────────────────────────────────────────────────────


def test_a_round_goes_on_by_itself_until_everyone_had_their_turn(going: Stage) -> None:
    spoke = [going.floor.holder_id]
    while going.floor.going:
        going.end()
        spoke.append(going.floor.holder_id)

    assert spoke == [*PEOPLE, None]
    assert (going.floor.mode, going.floor.phase) == (TurnMode.ROUND, Phase.FREE)
    assert going.floor.done == PEOPLE


def test_who_is_still_to_come_passes_beforehand(going: Stage) -> None:
    assert going.pass_turn(CLEO) == (RoundPassed(going.now_ms, CLEO, come_back=False),)
    assert (going.floor.to_come, going.floor.done, going.floor.passed) == ((BEN, DEV), (CLEO,), (CLEO,))


def test_who_is_still_to_come_asks_to_come_last_once(going: Stage) -> None:
    assert going.pass_turn(BEN, come_back=True) == (RoundPassed(going.now_ms, BEN, come_back=True),)
    assert going.pass_turn(BEN, come_back=True) == ()
    assert (going.floor.to_come, going.floor.later) == ((CLEO, DEV, BEN), (BEN,))


def test_a_round_from_speaker_to_speaker_goes_where_its_holder_passes_it(stage: Stage) -> None:
    stage.set_mode(TurnMode.ROUND, order=RoundOrder.PASSED_ON)
    assert stage.floor.holder_id == ANA

    passed_on = stage.do(rules.pass_on(stage.floor, stage.turn, DEV, 5))

    assert passed_on == (TurnEnded(5, 1, Ending.PASSED_ON, None), TurnGiven(5, 2, DEV, ANA, 0, firm=False))
    assert (stage.floor.to_come, stage.floor.done) == ((BEN, CLEO), (ANA,))
    assert stage.refused(rules.pass_on(stage.floor, stage.turn, ANA, 5), ErrorCode.NOT_FOUND)


def test_a_round_from_speaker_to_speaker_waits_for_a_mentor_where_nobody_was_chosen(stage: Stage) -> None:
    stage.set_mode(TurnMode.ROUND, order=RoundOrder.PASSED_ON)
    stage.end()
    assert stage.floor.turn is None

    stage.give()
    assert stage.floor.holder_id == BEN


def test_no_other_turn_is_passed_on(going: Stage, queue: Stage) -> None:
    assert going.refused(rules.pass_on(going.floor, going.turn, BEN, 5))
    queue.set_mode(TurnMode.QUEUE, order=RoundOrder.PASSED_ON)
    queue.give()
    assert queue.refused(rules.pass_on(queue.floor, queue.turn, BEN, 5))


def test_the_least_heard_come_first_and_who_is_equal_by_hand_and_then_by_place(stage: Stage) -> None:
    stage.do((TalkCounted(0, (TalkTime(ANA, 900), TalkTime(CLEO, 400))),))
    stage.do((TalkCounted(0, (TalkTime(CLEO, 400),)),))
    stage.set_mode(TurnMode.ROUND, order=RoundOrder.LEAST_HEARD)

    assert (stage.floor.holder_id, stage.floor.to_come) == (BEN, (DEV, CLEO, ANA))

    stage.set_mode(TurnMode.QUIET)
    stage.raise_hands(DEV)
    stage.set_mode(TurnMode.ROUND, order=RoundOrder.LEAST_HEARD)
    assert (stage.floor.holder_id, stage.floor.to_come) == (DEV, (BEN, CLEO, ANA))


def test_who_speaks_as_a_round_begins_has_their_turn_in_it(stage: Stage) -> None:
    stage.give(CLEO)

    assert [type(each) for each in stage.set_mode(TurnMode.ROUND)] == [TurnModeSet]
    assert (stage.floor.holder_id, stage.floor.to_come) == (CLEO, (ANA, BEN, DEV))
    stage.end()
    assert (stage.floor.holder_id, stage.floor.done) == (ANA, (CLEO,))


def test_a_round_waits_for_who_speaks_and_is_not_of_it(stage: Stage) -> None:
    stage.give(MIRA)
    stage.set_mode(TurnMode.ROUND)
    assert (stage.floor.holder_id, stage.floor.to_come) == (MIRA, PEOPLE)

    stage.end(by=MIRA)
    assert (stage.floor.holder_id, stage.floor.done) == (ANA, ())


def test_a_turn_beside_the_round_counts_as_nobodys_in_it(going: Stage) -> None:
    going.end()
    going.give(ANA)
    assert not going.turn.of_round
    going.end(by=MIRA)

    assert (going.floor.holder_id, going.floor.done) == (CLEO, (ANA, BEN))


def test_a_round_of_nobody_is_over_as_it_begins(stage: Stage) -> None:
    stage.set_mode(TurnMode.ROUND, [])
    assert not stage.floor.going

    assert stage.set_mode(TurnMode.ROUND, []) == ()
    assert [type(each) for each in stage.set_mode(TurnMode.ROUND, [BEN])] == [TurnModeSet, TurnGiven]


def test_a_round_that_goes_on_keeps_its_people_whatever_is_set(going: Stage) -> None:
    assert going.set_mode(TurnMode.ROUND, [DEV]) == ()
    going.set_mode(TurnMode.ROUND, [DEV], limit_ms=MINUTE)
    assert (going.floor.holder_id, going.floor.to_come) == (ANA, (BEN, CLEO, DEV))
    assert not going.turn.limit_ms, "only turns that begin later have it"


@pytest.mark.parametrize("mode", [TurnMode.OPEN, TurnMode.QUEUE])
def test_leaving_the_round_drops_the_rest_of_it_and_its_holder_speaks_on(going: Stage, mode: TurnMode) -> None:
    going.end()
    going.pass_turn(CLEO, come_back=True)
    going.set_mode(mode)

    assert (going.floor.holder_id, going.turn.of_round) == (BEN, False)
    assert going.floor.to_come == going.floor.later == going.floor.done == ()
    assert not going.floor.going
    going.end()
    assert going.floor.turn is None


def test_what_is_said_of_who_is_not_to_come_changes_nothing(going: Stage) -> None:
    assert evolve_floor(going.floor, RoundDenied(0, ANA, MIRA)) is going.floor
    assert left_out(going.floor, ANA) is going.floor


# ── orders ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("whom", "before", "order"),
    [
        (CLEO, ANA, (CLEO, ANA, BEN)),
        (ANA, None, (BEN, CLEO, ANA)),
        (ANA, CLEO, (BEN, ANA, CLEO)),
    ],
)
def test_a_hand_is_moved(
    queue: Stage, whom: ParticipantId, before: ParticipantId | None, order: tuple[ParticipantId, ...]
) -> None:
    moved = rules.move(queue.floor, whom, before, MIRA, 5)

    assert queue.do(moved) == (HandsOrdered(5, MIRA, order),)
    assert queue.floor.hands == order


@pytest.mark.parametrize("before", [ANA, BEN])
def test_a_hand_that_is_where_it_is_wanted_is_not_moved(queue: Stage, before: ParticipantId) -> None:
    assert rules.move(queue.floor, ANA, before, MIRA, 5) == ()


@pytest.mark.parametrize(("whom", "before"), [(DEV, None), (ANA, DEV)])
def test_who_raised_no_hand_is_not_found(queue: Stage, whom: ParticipantId, before: ParticipantId | None) -> None:
    assert queue.refused(rules.move(queue.floor, whom, before, MIRA, 5), ErrorCode.NOT_FOUND)


def test_in_a_round_those_who_are_still_to_come_are_moved(going: Stage) -> None:
    going.raise_hands(BEN)

    assert going.do(rules.move(going.floor, DEV, BEN, MIRA, 5)) == (RoundOrdered(5, MIRA, (DEV, BEN, CLEO)),)
    assert going.floor.to_come == (DEV, BEN, CLEO)


def test_an_order_names_nobody_twice_and_forgets_nobody(queue: Stage) -> None:
    queue.floor = evolve_floor(queue.floor, HandsOrdered(0, MIRA, (CLEO, DEV, CLEO)))

    assert queue.floor.hands == (CLEO, ANA, BEN)


def test_a_hand_that_was_stored_twice_is_up_once(queue: Stage) -> None:
    assert evolve_floor(queue.floor, HandRaised(0, ANA)).hands == (BEN, CLEO, ANA)


def test_hands_are_ordered_by_who_was_heard_least(queue: Stage) -> None:
    queue.do((TalkCounted(0, (TalkTime(ANA, 500),)),))

    assert queue.do(rules.least_heard_first(queue.floor, MIRA, 5)) == (HandsOrdered(5, MIRA, (BEN, CLEO, ANA)),)
    assert queue.do(rules.least_heard_first(queue.floor, MIRA, 5)) == ()


def test_what_is_left_of_a_round_is_ordered_before_the_hands(going: Stage) -> None:
    going.raise_hands(BEN, CLEO)
    going.do((TalkCounted(0, (TalkTime(BEN, 500),)),))
    going.do(rules.least_heard_first(going.floor, MIRA, 5))

    assert (going.floor.to_come, going.floor.hands) == ((CLEO, DEV, BEN), (BEN, CLEO))


# ── coming and going ──────────────────────────────────────────────────────────────────────────


def test_who_comes_late_comes_last_in_the_round(stage: Stage) -> None:
    stage.set_mode(TurnMode.ROUND, [ANA, BEN])
    late = arrived(stage.floor, CLEO)

    assert late.to_come == (BEN, CLEO)
    assert arrived(late, CLEO) is late
    assert arrived(late, ANA) is late, "who holds the turn is of it already"


def test_who_had_their_turn_comes_back_to_none(going: Stage) -> None:
    going.end()

    assert arrived(gone(going.floor, ANA), ANA).to_come == (CLEO, DEV)


def test_no_round_that_is_over_waits_for_who_comes(queue: Stage) -> None:
    assert arrived(queue.floor, DEV) is queue.floor


def test_who_goes_is_in_no_order(queue: Stage, going: Stage) -> None:
    going.raise_hands(BEN)
    going.pass_turn(BEN, come_back=True)
    after = gone(going.floor, BEN)

    assert (after.hands, after.to_come, after.later) == ((), (CLEO, DEV), ())
    assert after.holder_id == ANA
    assert gone(queue.floor, DEV) is queue.floor


def test_a_holder_who_goes_is_followed_by_the_next(going: Stage) -> None:
    going.floor = gone(going.floor, ANA)
    assert going.floor.turn is None

    going.do(())
    assert going.floor.holder_id == BEN


def test_a_round_is_over_when_the_last_of_it_goes(stage: Stage) -> None:
    stage.set_mode(TurnMode.ROUND, [ANA])

    assert not gone(stage.floor, ANA).going


def test_who_only_listens_is_left_out_of_the_round_and_keeps_their_hand(going: Stage) -> None:
    going.raise_hands(BEN)
    after = left_out(going.floor, BEN)

    assert (after.to_come, after.hands) == ((CLEO, DEV), (BEN,))


def test_the_end_for_all_leaves_no_turn_and_no_order(going: Stage) -> None:
    going.raise_hands(BEN)
    going.end()
    over = ended_for_all(going.floor)

    assert over == Floor(mode=TurnMode.ROUND, newest=2, mode_number=1)


# ── what could not be stored ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", LED)
def test_nobody_is_heard_while_a_closing_is_not_stored(queue: Stage, mode: TurnMode) -> None:
    queue.set_mode(mode)
    queue.give(ANA)
    queue.floor = evolve_floor(queue.floor, TurnsUnsaved())

    assert not any(queue.floor.lets_speak(who) for who in PEOPLE)


@pytest.mark.parametrize("mode", LED)
def test_what_could_not_be_stored_is_said_again_and_its_turn_does_not_go_on(queue: Stage, mode: TurnMode) -> None:
    queue.set_mode(mode)
    queue.give(ANA)
    queue.floor = evolve_floor(queue.floor, TurnsUnsaved())

    said = queue.set_mode(mode)

    assert [type(each) for each in said[:2]] == [TurnEnded, TurnModeSet]
    assert not queue.floor.unsaved


def test_a_turn_that_ends_settles_no_more_than_its_own_end(queue: Stage) -> None:
    queue.give()
    queue.floor = evolve_floor(queue.floor, TurnsUnsaved())
    queue.end()
    assert queue.floor.unsaved

    queue.give()
    assert not queue.floor.unsaved, "a mentor's word"
    queue.floor = evolve_floor(queue.floor, TurnsUnsaved(queue.floor.newest))
    queue.end()
    assert not queue.floor.unsaved
