"""The clock of a turn: soft and firm limits, held, extended, and standing still while nobody leads."""

from __future__ import annotations

import pytest

from moderation.floor import rules
from moderation.floor.events import TurnEnded, TurnExtended, TurnHeld, TurnResumed
from moderation.floor.state import GRACE_MS, Ending, Phase
from moderation.floor.transitions import running_on, stopped
from protocol.values import TurnMode
from tests.moderation.floor.stage import ANA, MINUTE, MIRA, Stage


def a_turn(*, limit_ms: int = MINUTE, firm: bool = False) -> Stage:
    stage = Stage()
    stage.set_mode(TurnMode.QUEUE, limit_ms=limit_ms, firm=firm)
    stage.give(ANA)
    return stage


@pytest.fixture
def soft() -> Stage:
    return a_turn()


@pytest.fixture
def firm() -> Stage:
    return a_turn(firm=True)


def test_a_soft_limit_cuts_nobody_off(soft: Stage) -> None:
    assert rules.turn_deadline(soft.floor) is None
    assert soft.wait(100 * MINUTE) == ()
    assert soft.turn.left(soft.now_ms) == -99 * MINUTE


def test_nothing_is_due_where_nobody_speaks() -> None:
    stage = Stage()

    assert rules.turn_deadline(stage.floor) is None
    assert stage.wait(MINUTE) == ()


def test_a_firm_limit_gives_its_grace_once_and_then_ends_the_turn(firm: Stage) -> None:
    began = firm.now_ms
    assert rules.turn_deadline(firm.floor) == began + MINUTE
    assert firm.wait(MINUTE - 1) == ()
    assert firm.wait(1) == (TurnExtended(began + MINUTE, 1, None, MINUTE + GRACE_MS, GRACE_MS),)
    assert firm.turn.grace
    assert firm.wait(GRACE_MS - 1) == ()
    assert firm.wait(1) == (TurnEnded(began + MINUTE + GRACE_MS, 1, Ending.TIME, None),)


def test_a_grace_that_is_given_late_is_no_longer_for_it(firm: Stage) -> None:
    began = firm.now_ms
    firm.wait(MINUTE + 10_000)

    assert firm.turn.ends_ms == began + MINUTE + GRACE_MS


def test_a_turn_whose_limit_and_grace_were_over_while_nobody_looked_ends(firm: Stage) -> None:
    assert firm.wait(MINUTE + GRACE_MS) == (TurnEnded(firm.now_ms, 1, Ending.TIME, None),)


def test_longer_in_the_grace_is_no_grace_any_more_and_brings_no_second_one(firm: Stage) -> None:
    firm.wait(MINUTE)
    firm.wait(10_000)
    assert firm.extend(MINUTE) == (TurnExtended(firm.now_ms, 1, MIRA, 2 * MINUTE + GRACE_MS, MINUTE + 20_000),)
    assert not firm.turn.grace

    assert [type(each) for each in firm.wait(MINUTE + 20_000)] == [TurnEnded]


def test_longer_before_the_limit_keeps_the_grace_for_its_end(firm: Stage) -> None:
    firm.extend(MINUTE)

    assert firm.wait(2 * MINUTE)[0] == TurnExtended(firm.now_ms, 1, None, 2 * MINUTE + GRACE_MS, GRACE_MS)


def test_longer_where_the_time_is_over_is_from_now_on(soft: Stage) -> None:
    soft.wait(5 * MINUTE)
    soft.extend(MINUTE)

    assert soft.turn.left(soft.now_ms) == MINUTE


def test_a_turn_without_a_limit_has_no_clock() -> None:
    stage = a_turn(limit_ms=0, firm=True)

    assert stage.turn.ends_ms is None
    assert stage.refused(rules.extend(stage.turn, MINUTE, MIRA, 0))
    assert stage.refused(rules.hold(stage.turn, MIRA, 0, on=True))
    assert stage.wait(100 * MINUTE) == ()
    assert running_on(stage.floor, stage.now_ms) is stage.floor


def test_a_held_clock_stands_still_and_runs_on_with_what_was_left(firm: Stage) -> None:
    firm.wait(20_000)
    assert firm.hold(on=True) == (TurnHeld(firm.now_ms, 1, MIRA, 40_000),)
    assert firm.hold(on=True) == ()
    assert firm.floor.phase is Phase.HELD
    assert firm.wait(100 * MINUTE) == ()

    assert firm.hold(on=False) == (TurnResumed(firm.now_ms, 1, MIRA, 40_000),)
    assert firm.turn.ends_ms == firm.now_ms + 40_000


def test_a_held_turn_is_made_longer_and_stays_held(firm: Stage) -> None:
    firm.hold(on=True)
    firm.extend(MINUTE)

    assert (firm.turn.held, firm.turn.left_ms, firm.turn.ends_ms) == (True, 2 * MINUTE, None)


def test_the_next_turn_is_not_held(firm: Stage) -> None:
    firm.hold(on=True)
    firm.give(MIRA)

    assert firm.floor.phase is Phase.RUNNING


def test_while_nobody_leads_the_clock_stands_still(firm: Stage) -> None:
    firm.now_ms += 20_000
    firm.floor = stopped(firm.floor, firm.now_ms)
    assert stopped(firm.floor, firm.now_ms + 5) is firm.floor
    assert firm.floor.phase is Phase.RUNNING, "no mentor stopped it"
    assert firm.wait(100 * MINUTE) == ()

    firm.floor = running_on(firm.floor, firm.now_ms)
    assert firm.turn.ends_ms == firm.now_ms + 40_000
    assert running_on(firm.floor, firm.now_ms + 5) is firm.floor


def test_what_a_mentor_stopped_does_not_run_on_by_itself(firm: Stage) -> None:
    firm.hold(on=True)

    assert stopped(firm.floor, firm.now_ms) is firm.floor
    assert running_on(firm.floor, firm.now_ms) is firm.floor


def test_where_nobody_speaks_no_clock_stands_or_runs() -> None:
    floor = Stage().floor

    assert stopped(floor, 0) is running_on(floor, 0) is floor
