"""The table of transitions says what happens: no more, and no less."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from moderation.floor.events import (
    FLOOR_EVENTS,
    STORED_FLOOR_EVENTS,
    AnyFloorEvent,
    FloorEvent,
    HandLowered,
    HandRaised,
    HandsOrdered,
    RoundDenied,
    RoundOrdered,
    RoundPassed,
    TalkCounted,
    TurnEnded,
    TurnExtended,
    TurnFormSet,
    TurnGiven,
    TurnHeld,
    TurnModeSet,
    TurnResumed,
    TurnSettingsSet,
    TurnsUnsaved,
)
from moderation.floor.state import Ending, Floor, Phase
from moderation.floor.transitions import TRANSITIONS, evolve_floor
from protocol.values import RoundOrder, TalkTime, TurnForm, TurnMode
from tests.moderation.floor.stage import ANA, BEN, CLEO, MINUTE, MIRA, Stage

THIS, OTHER = 1, 9


def floors() -> Iterator[Floor]:
    """One of each phase; where somebody can be, they are to come, or have a hand up."""
    stage = Stage()
    stage.set_mode(TurnMode.QUIET)
    stage.raise_hands(BEN)
    yield stage.floor
    for order in (RoundOrder.LIST, RoundOrder.PASSED_ON):
        stage = Stage()
        stage.set_mode(TurnMode.ROUND, [ANA, BEN, CLEO], order=order, limit_ms=MINUTE)
        stage.raise_hands(BEN)
        yield stage.floor
        stage.hold(on=True)
        yield stage.floor
    stage.end()
    yield stage.floor


def events() -> Iterator[AnyFloorEvent]:
    """Each event there is, about the running turn and about another, and to each mode."""
    yield HandRaised(5, CLEO)
    yield HandLowered(5, BEN, None)
    yield HandsOrdered(5, MIRA, (BEN,))
    yield RoundOrdered(5, MIRA, (CLEO, BEN))
    yield RoundPassed(5, BEN, come_back=False)
    yield RoundPassed(5, BEN, come_back=True)
    yield RoundDenied(5, BEN, MIRA)
    yield TurnGiven(5, 2, BEN, MIRA, 0, firm=False)
    for number in (THIS, OTHER):
        yield from (TurnEnded(5, number, why, None) for why in Ending)
        yield TurnExtended(5, number, MIRA, 2 * MINUTE, MINUTE)
        yield TurnHeld(5, number, MIRA, MINUTE)
        yield TurnResumed(5, number, MIRA, MINUTE)
        yield TurnFormSet(5, number, TurnForm.TYPED)
    for mode in TurnMode:
        yield TurnModeSet(5, MIRA, mode, RoundOrder.LIST, 0, firm=False, round=None)
        yield TurnSettingsSet(5, MIRA, RoundOrder.LIST, 0, firm=False)
        yield TurnModeSet(5, MIRA, mode, RoundOrder.LIST, 0, firm=False, round=(ANA, BEN))
    yield TalkCounted(5, (TalkTime(ANA, 100),))
    yield TurnsUnsaved()


def test_the_table_has_a_row_for_each_event() -> None:
    assert set(TRANSITIONS) == set(FLOOR_EVENTS)
    assert {type(event) for event in events()} == set(FLOOR_EVENTS)
    assert {floor.phase for floor in floors()} == set(Phase)


@pytest.mark.parametrize("kind", FLOOR_EVENTS, ids=lambda kind: kind.__name__)
def test_from_each_phase_an_event_leads_where_the_table_says_and_nowhere_else(kind: type[FloorEvent]) -> None:
    seen: dict[Phase, set[Phase]] = {}
    for floor in floors():
        for event in events():
            if type(event) is not kind:
                continue
            after = evolve_floor(floor, event)
            if floor.phase in TRANSITIONS[kind]:
                seen.setdefault(floor.phase, set()).add(after.phase)
            else:
                assert after is floor, "what the table does not name changes nothing"

    assert seen == TRANSITIONS[kind]


def test_only_what_is_stored_is_kept() -> None:
    assert set(FLOOR_EVENTS) - set(STORED_FLOOR_EVENTS) == {TurnsUnsaved}
